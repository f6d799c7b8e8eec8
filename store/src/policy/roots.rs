//! The trust roots that follow one another: whoever has an older one comes from it to the newest, one version at a time.

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::TrustError;

use super::{DOCUMENT, Moved, Policies, bytes, spoilt};
use crate::{Change, Condition, Invalid, Item, Items, Key, StoreError, Value, Write};

/// Most roots that are gone through at a time: more than an organisation makes in a century.
const MOST_ROOTS: usize = 1000;

/// A trust root, and the bytes that it was read from.
#[derive(Debug, Clone)]
pub struct NextRoot {
    /// The keys.
    pub trust: TrustRoot,
    /// The signed document.
    pub file: Vec<u8>,
}

/// Why the root that stands behind another is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotNext {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not the root that follows.
    #[error("version {version} of the trust root in the store does not follow the one before")]
    Refused {
        /// The version that was looked for.
        version: u64,
        /// Why.
        #[source]
        why: TrustError,
    },
}

/// What became of a root that was put into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandedOut {
    /// It was put there.
    Put,
    /// It was there.
    There,
    /// Another root of this version is there, which root keys have signed too.
    Other,
}

impl<S: Items> Policies<S> {
    /// Returns the roots that follow `root`, one after the other, as far as the store has them and each is signed by the
    /// root keys of the one before. Why it ended before the last one stands beside them.
    pub fn newer_roots(&self, root: &TrustRoot) -> (Vec<NextRoot>, Option<NotNext>) {
        let mut newer: Vec<NextRoot> = Vec::new();
        for _ in 0..MOST_ROOTS {
            let newest = newer.last().map_or(root, |newest| &newest.trust);
            match self.next_root(newest) {
                Ok(Some(next)) => newer.push(next),
                Ok(None) => break,
                Err(why) => return (newer, Some(why)),
            }
        }
        (newer, None)
    }

    fn next_root(&self, root: &TrustRoot) -> Result<Option<NextRoot>, NotNext> {
        let Some(version) = root.statement().version.checked_add(1) else {
            return Ok(None);
        };
        let Some(file) = self.root(version)? else {
            return Ok(None);
        };
        let refused = |why| NotNext::Refused { version, why };
        let trust = root.open_next(&file).map_err(refused)?;
        Ok(Some(NextRoot { trust, file }))
    }

    /// Reads the trust root of this `version`, which nobody has verified yet.
    ///
    /// # Errors
    /// As [`Policies::head`].
    pub fn root(&self, version: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let key = root_key(version)?;
        let Some(item) = self.0.get(&key)? else {
            return Ok(None);
        };
        let document = bytes(&item, DOCUMENT).map(<[u8]>::to_vec);
        document.map(Some).ok_or_else(|| spoilt(&key))
    }

    /// Puts `root`, which was read from `file`, where those find it who have the version before. What is there and was not
    /// signed by root keys as a root of this version makes room.
    ///
    /// # Errors
    /// As [`Policies::move_head`].
    pub fn put_root(&self, root: &TrustRoot, file: &[u8]) -> Result<HandedOut, StoreError> {
        let version = root.statement().version;
        let write = |condition| -> Result<_, StoreError> {
            Ok(Write {
                key: root_key(version)?,
                condition,
                change: Change::Put(Item::new([(DOCUMENT, Value::Bytes(file.to_vec()))])?),
            })
        };
        let found = || match self.root(version) {
            Ok(found) => Ok(found),
            Err(StoreError::Spoilt { .. }) => Ok(Some(Vec::new())),
            Err(error) => Err(error),
        };
        let there = match found()? {
            Some(there) => there,
            None if self.moved(&[write(vec![Condition::Absent])?])? == Moved::Here => {
                return Ok(HandedOut::Put);
            }
            // Whoever comes second finds what the first one has put.
            None => found()?.unwrap_or_default(),
        };
        if there == file {
            return Ok(HandedOut::There);
        }
        // The same root with a signature that nobody knows is no other one, and says nothing of who signed it.
        let other = TrustRoot::open(&there, Timestamp::MIN).ok();
        let other = other.filter(|other| other.statement() != root.statement());
        let is_version = other.is_some_and(|other| other.statement().version == version);
        if is_version && root.has_signed(&there).is_ok() {
            return Ok(HandedOut::Other);
        }
        self.moved(&[write(Vec::new())?])?;
        Ok(HandedOut::Put)
    }
}

fn root_key(version: u64) -> Result<Key, Invalid> {
    Key::new("ROOT", format!("{version:020}"))
}
