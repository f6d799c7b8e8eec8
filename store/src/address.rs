//! How a store is named: on a command line, and in a configuration.

use std::path::PathBuf;
use std::str::FromStr;

use crate::{Directory, Item, Items, Key, StoreError, Write};

/// Where a store is. Prints as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A folder of this machine.
    Directory(PathBuf),
}

/// Why a text names no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a store is written as dir:FOLDER, such as dir:channels")]
pub struct InvalidAddress(());

impl FromStr for StoreAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix("dir:") {
            Some(folder) if !folder.is_empty() && !folder.contains('\0') => {
                Ok(Self::Directory(PathBuf::from(folder)))
            }
            Some(_) | None => Err(InvalidAddress(())),
        }
    }
}

impl std::fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(folder) => write!(f, "dir:{}", folder.display()),
        }
    }
}

impl StoreAddress {
    /// Opens the store.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or it cannot be used.
    pub fn open(&self) -> Result<Box<dyn Items>, StoreError> {
        match self {
            Self::Directory(folder) => Ok(Box::new(Directory::open(folder.clone())?)),
        }
    }

    /// Opens the store, and makes it first where there is none and it can be made: a folder can, a table is somebody
    /// else's to make.
    ///
    /// # Errors
    /// As [`StoreAddress::open`].
    pub fn open_or_create(&self) -> Result<Box<dyn Items>, StoreError> {
        match self {
            Self::Directory(folder) => {
                let is_new = !folder.exists();
                let folder = folder.clone();
                let store = if is_new {
                    Directory::create(folder)
                } else {
                    Directory::open(folder)
                };
                Ok(Box::new(store?))
            }
        }
    }
}

impl<S: Items + ?Sized> Items for Box<S> {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        (**self).get(key)
    }

    fn query(
        &self,
        partition: &str,
        sort_prefix: &str,
        most: usize,
    ) -> Result<Vec<(String, Item)>, StoreError> {
        (**self).query(partition, sort_prefix, most)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        (**self).transact(writes)
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        (**self).put_all(items)
    }
}
