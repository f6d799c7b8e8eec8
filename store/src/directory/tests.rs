//! A folder under every fault: writers that die anywhere, files that are cut, flipped, replaced, and locks that stay.

use std::cell::{Cell, RefCell};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use rustix::fs::{CWD, FileType, mknodat};
use tempfile::TempDir;

use super::*;
use crate::{Condition, Value, contract};

thread_local! {
    /// How many changes of the disk this thread may still make before it dies.
    static LIFE: Cell<usize> = const { Cell::new(usize::MAX) };
    /// What this thread did to the disk, in order.
    static DONE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Fails once the thread has used up its life, and then always.
pub(super) fn step(action: &str, place: &str) -> Result<(), StoreError> {
    let left = LIFE.get();
    if left == 0 {
        return Err(failed("live on to change", place, Errno::IO));
    }
    LIFE.set(left - 1);
    DONE.with_borrow_mut(|done| done.push(format!("{action} {place}")));
    Ok(())
}

/// A store in a folder of its own.
fn store() -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::create(folder.path().join("store")).unwrap();
    (folder, store)
}

fn key(sort: &str) -> Key {
    Key::new("P#x", sort).unwrap()
}

fn item(value: &str) -> Item {
    let bytes = Value::Bytes(value.as_bytes().to_vec());
    let texts = Value::Texts(vec![value.to_owned(), String::new()]);
    Item::new([
        ("a", Value::Text(value.to_owned())),
        ("b", bytes),
        ("c", texts),
        ("d", Value::Number(17)),
    ])
    .unwrap()
}

fn put(key: Key, value: &str) -> Write {
    Write {
        key,
        condition: vec![],
        change: Change::Put(item(value)),
    }
}

/// Every path in the store with its content.
fn tree(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, vec![]);
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn is_spoilt<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Spoilt { .. })),
        "{result:?}"
    );
}

fn is_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Unavailable { .. })),
        "{result:?}"
    );
}

#[test]
fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let count = Cell::new(0);
    let make = || {
        count.set(count.get() + 1);
        let mut store = Directory::create(folder.path().join(count.get().to_string())).unwrap();
        // Eight threads flush to one disk, and the machine may do other things.
        store.deadline = Duration::from_secs(60);
        store
    };
    contract::check(make).unwrap();
}

#[test]
fn files_are_named_and_written_for_people() {
    let (_folder, store) = store();
    store
        .transact(&[put(Key::new("HEAD#prod", "a/b").unwrap(), "x, y\n")])
        .unwrap();
    let text = fs::read_to_string(store.path.join("items/HEAD%23prod/a%2Fb.item")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [head, key, attributes @ .., digest] = lines.as_slice() else {
        panic!("{text}")
    };
    assert_eq!((*head, *key), ("stopgate-item 1", "item HEAD%23prod a%2Fb"));
    assert_eq!(
        attributes,
        [
            "text a x%2C y%0A",
            "bytes b eCwgeQo=",
            "texts c x%2C y%0A,,",
            "number d 17"
        ]
    );
    assert!(digest.starts_with("digest sha256:"));
    assert_eq!(
        tree(&store.path).len(),
        4,
        "the lock, two folders, one item"
    );
}

/// Lets a writer die before its `n`th change of the disk, for every `n`, and looks each time at what is left.
fn die_everywhere(
    kept: &[&str],
    write: impl Fn(&Directory) -> Result<(), StoreError>,
    whole: bool,
) {
    for life in 0.. {
        let (_folder, store) = store();
        store
            .put_all(&[(key("1"), item("old")), (key("2"), item("old"))])
            .unwrap();
        let all = || {
            let found = store.query("P#x", "", 9).unwrap();
            let again = store.query("P#x", "", 9).unwrap();
            assert_eq!(found, again);
            for (sort, item) in &found {
                assert_eq!(store.get(&key(sort)).unwrap().as_ref(), Some(item));
            }
            found
        };
        let before = all();
        LIFE.set(life);
        let done = write(&store);
        LIFE.set(usize::MAX);
        let left = tree(&store.path);
        let after = all();
        assert_eq!(tree(&store.path), left, "a reader wrote");
        let expected: Vec<_> = kept
            .iter()
            .map(|sort| ((*sort).to_owned(), item("new")))
            .collect();
        if done.is_ok() {
            assert_eq!(after, expected);
            assert!(life > 10, "the steps were not counted");
            return;
        }
        is_unavailable(done);
        if whole {
            assert!(
                after == before || after == expected,
                "after {life} changes: {after:?}"
            );
        } else {
            assert!(
                after
                    .iter()
                    .all(|(_, item)| [self::item("old"), self::item("new")].contains(item))
            );
        }
        // A second writer dies at each of its own steps, too; a third gets through.
        for life in 0..100 {
            LIFE.set(life);
            let done = store.transact(&[put(Key::new("NEXT", "-").unwrap(), "next")]);
            LIFE.set(usize::MAX);
            assert_eq!(all(), after, "what one reader saw, the next one did not");
            if done.is_ok() {
                break;
            }
        }
        assert_eq!(
            store.get(&Key::new("NEXT", "-").unwrap()).unwrap(),
            Some(item("next"))
        );
        assert!(
            tree(&store.path)
                .keys()
                .all(|path| path.ends_with(LOCK) || path.starts_with(store.path.join(ITEMS)))
        );
    }
}

#[test]
fn what_is_relied_on_is_flushed_before() {
    let (_folder, store) = store();
    DONE.take();
    let delete = Write {
        key: key("2"),
        condition: vec![],
        change: Change::Delete,
    };
    store.transact(&[put(key("1"), "x"), delete]).unwrap();
    let place = store.path.display().to_string();
    let done = DONE.take().join("\n").replace(&place, "");
    let file = "remove /writing.new\ncreate /writing.new\nwrite /writing.new\nwrite /writing.new\nflush /writing.new\n";
    let expected = [
        "make /items/P%23x\n",
        file,
        "move a file to /journal\nflush /.\n",
        file,
        "move a file to /items/P%23x/1.item\nremove /items/P%23x/2.item\nflush /items/P%23x/.\nflush /items/.\nremove /journal",
    ];
    assert_eq!(done, expected.concat());
    // A journal of a dead writer is flushed before anybody says what it says.
    fs::write(
        store.path.join(JOURNAL),
        encode(JOURNAL, &[(key("1"), None)]),
    )
    .unwrap();
    assert_eq!(store.get(&key("1")).unwrap(), None);
    assert_eq!(DONE.take(), [format!("flush {place}/.")]);
}

#[test]
fn a_writer_may_die_at_every_step_of_a_transaction() {
    let delete = Write {
        key: key("2"),
        condition: vec![Condition::Present],
        change: Change::Delete,
    };
    let writes = [
        put(key("1"), "new"),
        delete,
        put(key("3"), "new"),
        put(Key::new("Q", "-").unwrap(), "new"),
    ];
    die_everywhere(&["1", "3"], |store| store.transact(&writes), true);
}

#[test]
fn a_writer_may_die_at_every_step_of_put_all() {
    let items = ["1", "2", "3"].map(|sort| (key(sort), item("new")));
    die_everywhere(&["1", "2", "3"], |store| store.put_all(&items), false);
}

#[test]
fn a_store_may_be_made_again_where_making_it_died() {
    for life in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        LIFE.set(life);
        let made = Directory::create(&path);
        LIFE.set(usize::MAX);
        if made.is_ok() {
            is_unavailable(Directory::create(&path));
            return;
        }
        // Either it was finished but for the flush, or it is none yet.
        Directory::open(&path)
            .or_else(|_| Directory::create(&path))
            .unwrap();
    }
}

#[test]
fn only_an_empty_folder_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    is_unavailable(Directory::open(folder.path()));
    fs::write(folder.path().join("notes"), "").unwrap();
    is_unavailable(Directory::create(folder.path()));
    fs::remove_file(folder.path().join("notes")).unwrap();
    Directory::create(folder.path()).unwrap();
    Directory::open(folder.path()).unwrap();
    is_unavailable(Directory::open(folder.path().join("none")));
}

/// Leaves a store whose writer died between the journal and the items, with the journal's bytes.
fn with_journal() -> (TempDir, Directory, Vec<u8>) {
    let (folder, store) = store();
    let records = vec![(key("1"), Some(item("new"))), (key("2"), None)];
    let bytes = encode(JOURNAL, &records).into_bytes();
    store
        .put_all(&[(key("1"), item("old")), (key("2"), item("old"))])
        .unwrap();
    fs::write(store.path.join(JOURNAL), &bytes).unwrap();
    (folder, store, bytes)
}

#[test]
fn a_journal_that_is_cut_or_flipped_is_told_and_never_followed() {
    let (_folder, store, bytes) = with_journal();
    assert_eq!(store.get(&key("1")).unwrap(), Some(item("new")));
    assert_eq!(store.get(&key("2")).unwrap(), None);
    let journal = store.path.join(JOURNAL);
    let cut = (0..bytes.len()).map(|at| bytes[..at].to_vec());
    let flipped = (0..bytes.len()).map(|at| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    for bad in cut.chain(flipped).chain([[&bytes[..], b"\n"].concat()]) {
        fs::write(&journal, bad).unwrap();
        is_spoilt(store.get(&key("3")));
        is_spoilt(store.query("P#x", "", 1));
        is_spoilt(store.transact(&[put(key("3"), "x")]));
    }
    // One that was never moved to its place never happened, wherever it is cut.
    fs::remove_file(&journal).unwrap();
    for at in 0..bytes.len() {
        fs::write(store.path.join("writing.new"), &bytes[..at]).unwrap();
        assert_eq!(store.get(&key("1")).unwrap(), Some(item("old")));
    }
    store.transact(&[put(key("3"), "x")]).unwrap();
    assert!(!store.path.join("writing.new").exists());
}

#[test]
fn every_flipped_bit_and_every_cut_of_an_item_is_found() {
    let (_folder, store) = store();
    store
        .put_all(&[(key("1"), item("value, é")), (key("2"), item("x"))])
        .unwrap();
    let path = store.path.join("items/P%23x/1.item");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(&path, flipped).unwrap();
            is_spoilt(store.get(&key("1")));
        }
        fs::write(&path, &bytes[..at]).unwrap();
        is_spoilt(store.get(&key("1")));
        is_spoilt(store.query("P#x", "", 9));
    }
    // An item in another's place, two in one file, and one without end.
    let other = fs::read(store.path.join("items/P%23x/2.item")).unwrap();
    let two = encode(
        "item",
        &[(key("1"), Some(item("x"))), (key("1"), Some(item("x")))],
    );
    let gone = encode("item", &[(key("1"), None)]);
    let long = vec![b'x'; usize::try_from(LONGEST_ITEM).unwrap() + 1];
    for bad in [other, two.into_bytes(), gone.into_bytes(), long] {
        fs::write(&path, bad).unwrap();
        is_spoilt(store.get(&key("1")));
        is_spoilt(store.transact(&[Write {
            key: key("1"),
            condition: vec![Condition::Present],
            change: Change::Check,
        }]));
    }
    // Whoever writes without a condition heals it.
    store.put_all(&[(key("1"), item("x"))]).unwrap();
    assert_eq!(store.get(&key("1")).unwrap(), Some(item("x")));
}

#[test]
fn names_that_no_item_has_spoil_a_query() {
    let (_folder, store) = store();
    store.put_all(&[(key("1"), item("x"))]).unwrap();
    let path = store.path.join("items/P%23x");
    let digest = name(&"#".repeat(512));
    for bad in [
        "1",
        "1.item~",
        "%31.item",
        "%2f.item",
        "%.item",
        ".a.item",
        &format!("{digest}.item"),
        &"x".repeat(201),
    ] {
        fs::copy(path.join("1.item"), path.join(bad)).unwrap();
        is_spoilt(store.query("P#x", "", 9));
        fs::remove_file(path.join(bad)).unwrap();
    }
    assert_eq!(store.query("P#x", "", 9).unwrap().len(), 1);
}

#[test]
fn links_and_pipes_are_refused_and_waited_for_by_nobody() {
    let (folder, store) = store();
    store.put_all(&[(key("1"), item("x"))]).unwrap();
    for place in ["items/P%23x/1.item", JOURNAL, LOCK, "items/P%23x", ITEMS] {
        let (there, aside) = (store.path.join(place), folder.path().join("aside"));
        let journal = place == JOURNAL;
        if journal {
            fs::write(&aside, encode(JOURNAL, &[(key("1"), None)])).unwrap();
        } else {
            fs::rename(&there, &aside).unwrap();
        }
        symlink(&aside, &there).unwrap();
        is_spoilt(store.get(&key("1")));
        is_spoilt(store.query("P#x", "", 9));
        fs::remove_file(&there).unwrap();
        mknodat(CWD, &there, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        is_spoilt(store.get(&key("1")));
        is_spoilt(store.query("P#x", "", 9));
        // No writer gets to a journal that could not be followed to the end.
        if place != "items/P%23x/1.item" {
            is_spoilt(store.transact(&[put(key("1"), "y"), put(key("2"), "y")]));
            assert_eq!(store.path.join(JOURNAL).exists(), journal);
        }
        fs::remove_file(&there).unwrap();
        if journal {
            fs::remove_file(&aside).unwrap();
        } else {
            fs::rename(&aside, &there).unwrap();
        }
    }
    // What a link leads to is not written either: the link is replaced.
    let aside = folder.path().join("aside");
    fs::write(&aside, "kept").unwrap();
    symlink(&aside, store.path.join("items/P%23x/2.item")).unwrap();
    symlink(&aside, store.path.join("writing.new")).unwrap();
    store.transact(&[put(key("2"), "y")]).unwrap();
    assert_eq!(store.get(&key("2")).unwrap(), Some(item("y")));
    assert_eq!(fs::read(&aside).unwrap(), b"kept");
}

#[test]
fn whoever_may_only_read_reads_also_over_a_journal() {
    let (_folder, store, _) = with_journal();
    let mode = |mode: u32| {
        for path in tree(&store.path).into_keys().chain([store.path.clone()]) {
            let mode = if path.is_dir() { mode | 0o111 } else { mode };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    mode(0o444);
    let before = tree(&store.path);
    let reader = Directory::open(&store.path).unwrap();
    assert_eq!(reader.get(&key("1")).unwrap(), Some(item("new")));
    assert_eq!(
        reader.query("P#x", "", 9).unwrap(),
        [("1".to_owned(), item("new"))]
    );
    assert_eq!(tree(&store.path), before);
    // The superuser may write everywhere.
    if !rustix::process::geteuid().is_root() {
        is_unavailable(reader.transact(&[put(key("1"), "x")]));
    }
    mode(0o644);
}

#[test]
fn a_lock_that_stays_ends_in_an_error_within_the_deadline() {
    let (_folder, mut store) = store();
    store.deadline = Duration::from_millis(30);
    let write = || store.transact(&[put(key("1"), "x")]);
    for (how, reads) in [
        (FlockOperation::NonBlockingLockExclusive, false),
        (FlockOperation::NonBlockingLockShared, true),
    ] {
        let held = store.enter(how).unwrap();
        let start = std::time::Instant::now();
        is_unavailable(write());
        is_unavailable(store.put_all(&[(key("1"), item("x"))]));
        if reads {
            assert_eq!(store.get(&key("1")).unwrap(), None);
        } else {
            is_unavailable(store.get(&key("1")));
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(held);
    }
    write().unwrap();
}

#[test]
fn what_a_store_makes_is_writable_by_nobody_else() {
    let (_folder, store) = store();
    store.transact(&[put(key("1"), "x")]).unwrap();
    for path in tree(&store.path).into_keys().chain([store.path.clone()]) {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o022,
            0,
            "{}",
            path.display()
        );
    }
}
