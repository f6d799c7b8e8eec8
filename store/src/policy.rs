//! The policy table: which item holds what, and what must be true before one is written.
//!
//! ```text
//! ROOT          VERSION    a trust root, for those who have the one before
//! HEAD#CHANNEL  -          the release in force: version, bundle, release, sign-off
//! HIST#CHANNEL  VERSION    each release, put in the transaction that makes it the head
//! TIME#CHANNEL  -          the newest timestamp
//! BUNDLE#HEX    -          a bundle as the list of its chunks
//! CHUNK#HEX     -          256 KiB of bundles, by its SHA-256
//! STOP#CHANNEL  ID         a stop; HEX#lift is what lifts the stop with this digest
//! ROWS#HEX      TOOL/OPERATION/PROFILE   what the bundle says of the three, for people and other programs
//! ```
//!
//! Nothing here is believed: whoever reads verifies signatures and digests. What is here is only where things are.

mod roots;
mod rows;
mod stops;

use jiff::Timestamp;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::ReleaseVersion;

pub use roots::{HandedOut, NextRoot, NotNext};
pub use rows::{OtherCell, OtherRow, Rows};
pub use stops::StoredStops;

use crate::{Change, Condition, Invalid, Item, Items, Key, StoreError, Value, Write};

/// Bytes of a chunk: an item has at most 400 KiB.
const CHUNK_BYTES: usize = 256 * 1024;

const VERSION: &str = "version";
const BUNDLE: &str = "bundle";
const RELEASE: &str = "release";
const DIGEST: &str = "digest";
const SIGN_OFF: &str = "signoff";
const AT: &str = "at";
const DOCUMENT: &str = "document";
const ISSUED: &str = "issued";
const DATA: &str = "data";
const TOUCHED: &str = "touched";
const CHUNKS: &str = "chunks";
const SIZE: &str = "size";

/// The policies of an organisation's channels, in a store.
#[derive(Debug)]
pub struct Policies<S>(S);

/// A release as it is stored: documents that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRelease {
    /// Its version, as the publisher wrote it beside the document.
    pub version: ReleaseVersion,
    /// Its bundle, as the publisher wrote it beside the document.
    pub bundle: Digest,
    /// The digest by which the release after it names it.
    pub digest: Digest,
    /// The signed release.
    pub release: Vec<u8>,
    /// The signed sign-off, if there is one.
    pub sign_off: Option<Vec<u8>>,
    /// When it was published.
    pub at: Timestamp,
}

/// What one moving of a head has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The head is the new release.
    Here,
    /// Somebody else has moved it meanwhile, and nothing was written.
    Overtaken,
}

impl<S: Items> Policies<S> {
    /// Makes a view of the policies in `store`.
    pub const fn new(store: S) -> Self {
        Self(store)
    }

    /// Reads the release at the head of `channel`; `None` if nothing was ever published there.
    ///
    /// # Errors
    /// [`StoreError`]; an item that is not as this program writes it is spoilt.
    pub fn head(&self, channel: &ChannelName) -> Result<Option<StoredRelease>, StoreError> {
        self.release(head_key(channel)?)
    }

    /// Reads the release of `channel` with this `version`.
    ///
    /// # Errors
    /// As [`Policies::head`].
    pub fn history(
        &self,
        channel: &ChannelName,
        version: ReleaseVersion,
    ) -> Result<Option<StoredRelease>, StoreError> {
        self.release(history_key(channel, version)?)
    }

    fn release(&self, key: Key) -> Result<Option<StoredRelease>, StoreError> {
        let Some(item) = self.0.get(&key)? else {
            return Ok(None);
        };
        let stored = StoredRelease::from_item(&item);
        stored.map(Some).ok_or_else(|| spoilt(&key))
    }

    /// Makes `new` the head of `channel`, and part of its history, if the head still is `before`: in one transaction, so
    /// that nobody sees the one without the other.
    ///
    /// # Errors
    /// [`StoreError`]. After [`StoreError::Unavailable`] the head may have moved or not: read it.
    pub fn move_head(
        &self,
        channel: &ChannelName,
        before: Option<&StoredRelease>,
        new: &StoredRelease,
    ) -> Result<Moved, StoreError> {
        let item = new.item()?;
        let condition = before.map_or_else(
            || vec![Condition::Absent],
            |before| {
                vec![
                    Condition::Equals(VERSION.to_owned(), Value::Number(before.version.get())),
                    Condition::Equals(DIGEST.to_owned(), Value::Text(before.digest.to_string())),
                ]
            },
        );
        let history = Write {
            key: history_key(channel, new.version)?,
            condition: vec![Condition::Absent],
            change: Change::Put(item.clone()),
        };
        let head = Write {
            key: head_key(channel)?,
            condition,
            change: Change::Put(item),
        };
        self.moved(&[history, head])
    }

    /// Reads the newest timestamp of `channel`, which nobody has verified yet.
    ///
    /// # Errors
    /// As [`Policies::head`].
    pub fn timestamp(&self, channel: &ChannelName) -> Result<Option<Vec<u8>>, StoreError> {
        let key = timestamp_key(channel)?;
        let Some(item) = self.0.get(&key)? else {
            return Ok(None);
        };
        let document = bytes(&item, DOCUMENT).map(<[u8]>::to_vec);
        document.map(Some).ok_or_else(|| spoilt(&key))
    }

    /// Puts a timestamp of `channel` that was `issued` then, unless there is one that was issued then or later.
    ///
    /// # Errors
    /// As [`Policies::move_head`].
    pub fn put_timestamp(
        &self,
        channel: &ChannelName,
        document: Vec<u8>,
        issued: Timestamp,
    ) -> Result<Moved, StoreError> {
        let key = timestamp_key(channel)?;
        let issued = Value::Text(instant(issued));
        let condition = match self.0.get(&key)? {
            Some(_) => Condition::Less(ISSUED.to_owned(), issued.clone()),
            None => Condition::Absent,
        };
        let write = Write {
            key,
            condition: vec![condition],
            change: Change::Put(Item::new([
                (DOCUMENT, Value::Bytes(document)),
                (ISSUED, issued),
            ])?),
        };
        self.moved(&[write])
    }

    fn moved(&self, writes: &[Write]) -> Result<Moved, StoreError> {
        match self.0.transact(writes) {
            Ok(()) => Ok(Moved::Here),
            Err(StoreError::Conflict { .. }) => Ok(Moved::Overtaken),
            Err(error) => Err(error),
        }
    }

    /// Reads the file of the bundle called `digest`, if it has at most `most` bytes; `None` if it is not there whole.
    ///
    /// # Errors
    /// [`StoreError`], also if a chunk is not the one that it is called.
    pub fn bundle(&self, digest: Digest, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let key = bundle_key(digest)?;
        let Some(item) = self.0.get(&key)? else {
            return Ok(None);
        };
        let (Some(chunks), Some(size)) = (texts(&item, CHUNKS), number(&item, SIZE)) else {
            return Err(spoilt(&key));
        };
        if size > most {
            return Err(StoreError::Spoilt {
                place: key.to_string(),
                why: format!("it says {size} bytes, and {most} are read at most"),
            });
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let mut file = Vec::new();
        for chunk in chunks {
            let named = Digest::from_hex(chunk).ok_or_else(|| spoilt(&key))?;
            let key = chunk_key(named)?;
            let Some(item) = self.0.get(&key)? else {
                return Ok(None);
            };
            let data = bytes(&item, DATA).ok_or_else(|| spoilt(&key))?;
            // Before it is kept: what is kept is never longer than the item of the bundle says. An empty chunk would let
            // a list of any length be gone through.
            let room = size.saturating_sub(file.len());
            if data.is_empty() || data.len() > room || Digest::compute(data) != named {
                return Err(spoilt(&key));
            }
            file.extend_from_slice(data);
        }
        if file.len() == size {
            Ok(Some(file))
        } else {
            Err(spoilt(&key))
        }
    }

    /// Puts the file of the bundle called `digest`, so that it is there whole once this returns. What is there already
    /// is put again and so marked as used `now`: nobody who tidies up takes it away meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; it can be put again.
    pub fn put_bundle(
        &self,
        digest: Digest,
        file: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut chunks = Vec::new();
        let mut names = Vec::new();
        let touched = u64::try_from(now.as_second()).unwrap_or_default();
        for data in file.chunks(CHUNK_BYTES) {
            let name = Digest::compute(data);
            names.push(name.hex());
            let item = Item::new([
                (DATA, Value::Bytes(data.to_vec())),
                (TOUCHED, Value::Number(touched)),
            ])?;
            chunks.push((chunk_key(name)?, item));
        }
        self.0.put_all(&chunks)?;
        // After its chunks, so that whoever finds it finds all of it.
        let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
        let item = Item::new([
            (CHUNKS, Value::Texts(names)),
            (SIZE, Value::Number(size)),
            (TOUCHED, Value::Number(touched)),
        ])?;
        self.0.put_all(&[(bundle_key(digest)?, item)])
    }
}

impl StoredRelease {
    fn item(&self) -> Result<Item, Invalid> {
        let Self {
            version,
            bundle,
            digest,
            release,
            sign_off,
            at,
        } = self;
        let sign_off = sign_off
            .iter()
            .map(|sign_off| (SIGN_OFF, Value::Bytes(sign_off.clone())));
        let always = [
            (VERSION, Value::Number(version.get())),
            (BUNDLE, Value::Text(bundle.to_string())),
            (DIGEST, Value::Text(digest.to_string())),
            (RELEASE, Value::Bytes(release.clone())),
            (AT, Value::Text(instant(*at))),
        ];
        Item::new(always.into_iter().chain(sign_off))
    }

    fn from_item(item: &Item) -> Option<Self> {
        let stored = Self {
            version: ReleaseVersion::new(number(item, VERSION)?)?,
            bundle: text(item, BUNDLE)?.parse().ok()?,
            digest: text(item, DIGEST)?.parse().ok()?,
            release: bytes(item, RELEASE)?.to_vec(),
            sign_off: bytes(item, SIGN_OFF).map(<[u8]>::to_vec),
            at: text(item, AT)?.parse().ok()?,
        };
        Some(stored)
    }
}

/// Returns an instant as a text of one length, so that texts are ordered as instants are.
fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    match item.attribute(name)? {
        Value::Text(text) => Some(text),
        Value::Number(_) | Value::Bytes(_) | Value::Texts(_) => None,
    }
}

fn number(item: &Item, name: &str) -> Option<u64> {
    match item.attribute(name)? {
        Value::Number(number) => Some(*number),
        Value::Text(_) | Value::Bytes(_) | Value::Texts(_) => None,
    }
}

fn bytes<'i>(item: &'i Item, name: &str) -> Option<&'i [u8]> {
    match item.attribute(name)? {
        Value::Bytes(bytes) => Some(bytes),
        Value::Text(_) | Value::Number(_) | Value::Texts(_) => None,
    }
}

fn texts<'i>(item: &'i Item, name: &str) -> Option<&'i [String]> {
    match item.attribute(name)? {
        Value::Texts(texts) => Some(texts),
        Value::Text(_) | Value::Number(_) | Value::Bytes(_) => None,
    }
}

fn spoilt(key: &Key) -> StoreError {
    StoreError::Spoilt {
        place: key.to_string(),
        why: "it is not as this program writes it".to_owned(),
    }
}

fn head_key(channel: &ChannelName) -> Result<Key, Invalid> {
    Key::new(format!("HEAD#{channel}"), "-")
}

fn history_key(channel: &ChannelName, version: ReleaseVersion) -> Result<Key, Invalid> {
    Key::new(format!("HIST#{channel}"), format!("{:020}", version.get()))
}

fn timestamp_key(channel: &ChannelName) -> Result<Key, Invalid> {
    Key::new(format!("TIME#{channel}"), "-")
}

fn bundle_key(digest: Digest) -> Result<Key, Invalid> {
    Key::new(format!("BUNDLE#{}", digest.hex()), "-")
}

fn chunk_key(digest: Digest) -> Result<Key, Invalid> {
    Key::new(format!("CHUNK#{}", digest.hex()), "-")
}
