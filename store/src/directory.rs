//! A store in a folder, for one machine: each item a readable file `items/PARTITION/SORT.item`.
//!
//! A writer holds the lock exclusively, a reader shares it. All contents of a transaction are first written into one
//! file, and the transaction has happened once that file is called `journal`. Then each item is moved to its place, and
//! the journal is removed. If a lock is given and there is a journal, its writer died: a reader, who never writes, takes
//! what the journal says for what the items are, and the next writer finishes it before anything else. So a writer may be
//! killed, and the power may fail, at any point. Whoever may read the folder can also hold its lock for ever, and then
//! nobody writes.

mod disk;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;

use self::disk::{Folder, Lock, PAUSE, failed, spoilt};
use self::text::{BY_DIGEST, Record, decode, encode, name, read_name};
use crate::{
    Change, EachItem, ITEM_BYTES, Item, Items, Key, Most, StoreError, TRANSACTION_WRITES, Write,
    check_items, check_transaction,
};

/// How long a lock is waited for.
const DEADLINE: Duration = Duration::from_secs(2);

const LOCK: &str = "lock";
const JOURNAL: &str = "journal";
const ITEMS: &str = "items";
const SUFFIX: &str = ".item";

/// Longest file of an item: a byte becomes three at most, and short attributes have a word before them.
const LONGEST_ITEM: u64 = (ITEM_BYTES as u64).saturating_mul(4);
const LONGEST_JOURNAL: u64 = LONGEST_ITEM.saturating_mul(TRANSACTION_WRITES as u64);

/// A store in a folder. Every call opens the folder anew, so one that was replaced is found.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    /// How long a call waits for a lock that others hold.
    deadline: Duration,
}

impl Directory {
    /// Opens the store in the folder `path`. Read access is enough for everything but writing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is no store or its lock is not given within 2 seconds, and
    /// [`StoreError::Spoilt`] if what is there is none.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self {
            path: path.into(),
            deadline: DEADLINE,
        };
        store.enter(FlockOperation::NonBlockingLockShared)?;
        Ok(store)
    }

    /// Makes a store in the folder `path`, which is empty or not there yet; the folder above it is. Nobody else may write
    /// what the store writes, whatever the umask; the umask says who may read it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the folder holds anything, a store included, or cannot be written.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let place = path.display().to_string();
        match rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("make", &place, errno)),
        }
        let root = Folder::open(&path)?;
        // The lock comes last: without it, a folder of items is what an interrupted call has left.
        if root.names()?.iter().any(|name| name != ITEMS) {
            return Err(failed(
                "make a store where there is something already:",
                &place,
                Errno::EXIST,
            ));
        }
        root.make(ITEMS)?;
        root.create(LOCK, b"")?;
        root.sync()?;
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        Folder::open(above.unwrap_or(Path::new(".")))?.sync()?;
        Self::open(path)
    }

    /// Locks the store and reads its journal.
    fn enter(&self, how: FlockOperation) -> Result<Opened, StoreError> {
        let root = Folder::open(&self.path)?;
        let lock = root.lock(LOCK, how, self.deadline)?;
        let items = root
            .enter(ITEMS)?
            .ok_or_else(|| spoilt(&root.place(ITEMS), "it is missing"))?;
        let mut journal = Vec::new();
        if let Some(bytes) = root.read(JOURNAL, LONGEST_JOURNAL)? {
            let why = "it is not what a writer leaves; without it nobody knows what the items are";
            journal = decode(JOURNAL, &bytes).ok_or_else(|| spoilt(&root.place(JOURNAL), why))?;
            // Its writer may have died before this, and what is told from here on must not be undone by a power cut.
            root.sync()?;
        }
        Ok(Opened {
            root,
            items,
            journal,
            _lock: lock,
        })
    }

    /// Locks the store for writing, and finishes what a dead writer began.
    fn enter_to_write(&self) -> Result<Opened, StoreError> {
        let mut opened = self.enter(FlockOperation::NonBlockingLockExclusive)?;
        if !opened.journal.is_empty() {
            opened.apply()?;
        }
        Ok(opened)
    }
}

/// Files that are none of an item, with what is wrong with each.
type Strangers = Vec<(String, StoreError)>;

/// A store under a lock.
struct Opened {
    root: Folder,
    items: Folder,
    /// What has happened and may not be in its place yet.
    journal: Vec<Record>,
    _lock: Lock,
}

impl Opened {
    /// Returns the item under `key`.
    fn find(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        if let Some((_, item)) = self.journal.iter().find(|(written, _)| written == key) {
            return Ok(item.clone());
        }
        let Some(folder) = self.items.enter(&name(key.partition()))? else {
            return Ok(None);
        };
        let Some((found, item)) = read_item(&folder, &file_name(key))? else {
            return Ok(None);
        };
        if found == *key {
            Ok(Some(item))
        } else {
            Err(spoilt(
                &key.to_string(),
                "another item's file is in its place",
            ))
        }
    }

    /// Returns the sort keys in `partition`, and files that are none of an item, with what is wrong with each.
    fn sort_keys(&self, partition: &str) -> Result<(BTreeSet<String>, Strangers), StoreError> {
        let (mut keys, mut strangers) = (BTreeSet::new(), Vec::new());
        if let Some(folder) = self.items.enter(&name(partition))? {
            for file in folder.names()? {
                let stem = file.strip_suffix(SUFFIX);
                let sort = if stem.is_some_and(|stem| stem.starts_with(BY_DIGEST)) {
                    read_item(&folder, &file).map(|read| {
                        let key = read.map(|(key, _)| key);
                        key.filter(|key| file_name(key) == file)
                    })
                } else {
                    let sort = stem.and_then(read_name);
                    Ok(sort.and_then(|sort| Key::new(partition, sort).ok()))
                };
                let nobody = || spoilt(&folder.place(&file), "no item has this name");
                match sort.and_then(|key| key.ok_or_else(nobody)) {
                    Ok(key) => {
                        keys.insert(key.sort().to_owned());
                    }
                    Err(error) => strangers.push((file, error)),
                }
            }
        }
        for (key, item) in self
            .journal
            .iter()
            .filter(|(key, _)| key.partition() == partition)
        {
            match item {
                Some(_) => keys.insert(key.sort().to_owned()),
                None => keys.remove(key.sort()),
            };
        }
        Ok((keys, strangers))
    }

    /// Makes `records` what the store holds, all of them or none.
    fn commit(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        // What is in the way of a folder has to show before the journal says that all this has happened.
        records
            .iter()
            .try_for_each(|(key, _)| self.items.make(&name(key.partition())).map(drop))?;
        self.root
            .place_file(encode(JOURNAL, &records).as_bytes(), &self.root, JOURNAL)?;
        self.root.sync()?;
        self.journal = records;
        self.apply()
    }

    /// Moves everything that the journal says to its place, and removes the journal.
    fn apply(&mut self) -> Result<(), StoreError> {
        let mut folders = BTreeMap::new();
        for record in &self.journal {
            let (key, item) = record;
            let folder = match folders.entry(name(key.partition())) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(missing) => {
                    let folder = self.items.make(missing.key())?;
                    missing.insert(folder)
                }
            };
            match item {
                Some(_) => {
                    let text = encode("item", std::slice::from_ref(record));
                    self.root
                        .place_file(text.as_bytes(), folder, &file_name(key))?;
                }
                None => folder.remove(&file_name(key))?,
            }
        }
        // A folder that is there already may be one whose maker died before this.
        let mut touched = folders.values().chain([&self.items]);
        touched.try_for_each(Folder::sync)?;
        // If a power cut brings it back, it says what is there already: whatever changes it later replaces it first.
        self.root.remove(JOURNAL)?;
        self.journal.clear();
        Ok(())
    }
}

/// Returns the name of the item's file in the folder of its partition.
fn file_name(key: &Key) -> String {
    name(key.sort()) + SUFFIX
}

/// Reads the file of an item.
fn read_item(folder: &Folder, file: &str) -> Result<Option<(Key, Item)>, StoreError> {
    let Some(bytes) = folder.read(file, LONGEST_ITEM)? else {
        return Ok(None);
    };
    let mut records = decode("item", &bytes).unwrap_or_default();
    match (records.pop(), records.is_empty()) {
        (Some((key, Some(item))), true) => Ok(Some((key, item))),
        _ => Err(spoilt(
            &folder.place(file),
            "it is not the text of one item, or its digest is another",
        )),
    }
}

impl Items for Directory {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.enter(FlockOperation::NonBlockingLockShared)?.find(key)
    }

    fn query_each(
        &self,
        partition: &str,
        sort_prefix: &str,
        mut most: Most,
    ) -> Result<EachItem, StoreError> {
        let beginning = if sort_prefix.is_empty() {
            "-"
        } else {
            sort_prefix
        };
        Key::new(partition, beginning)?;
        let opened = self.enter(FlockOperation::NonBlockingLockShared)?;
        let (keys, strangers) = opened.sort_keys(partition)?;
        let strangers = strangers.into_iter().take(most.items);
        let mut found: Vec<_> = strangers.map(|(name, error)| (name, Err(error))).collect();
        let keys = keys.into_iter();
        let keys = keys.filter(|sort| sort.starts_with(sort_prefix));
        for sort in keys.take(most.items) {
            let key = Key::new(partition, sort)?;
            let vanished = || spoilt(&key.to_string(), "it vanished under the lock");
            let item = match opened.find(&key) {
                Ok(item) => item.ok_or_else(vanished),
                Err(error @ StoreError::Spoilt { .. }) => Err(error),
                Err(error) => return Err(error),
            };
            if let Ok(item) = &item {
                most.take(&key, item)?;
            }
            found.push((key.sort().to_owned(), item));
        }
        Ok(found)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        check_transaction(writes)?;
        let mut opened = self.enter_to_write()?;
        let mut records = Vec::new();
        for Write {
            key,
            condition,
            change,
        } in writes
        {
            if !condition.is_empty() {
                let stored = opened.find(key)?;
                if !condition
                    .iter()
                    .all(|condition| condition.holds(stored.as_ref()))
                {
                    return Err(StoreError::Conflict { key: key.clone() });
                }
            }
            match change {
                Change::Put(item) => records.push((key.clone(), Some(item.clone()))),
                Change::Delete => records.push((key.clone(), None)),
                Change::Check => {}
            }
        }
        if records.is_empty() {
            Ok(())
        } else {
            opened.commit(records)
        }
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        check_items(items)?;
        for (at, some) in items.chunks(TRANSACTION_WRITES).enumerate() {
            if at > 0 {
                // Others wait for the lock, and try at most every pause.
                std::thread::sleep(PAUSE.saturating_mul(2));
            }
            let records = some
                .iter()
                .map(|(key, item)| (key.clone(), Some(item.clone())));
            self.enter_to_write()?.commit(records.collect())?;
        }
        Ok(())
    }
}
