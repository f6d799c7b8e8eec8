//! How a store is named: on a command line, and in a configuration.

use std::path::PathBuf;
use std::str::FromStr;

use crate::{Directory, EachItem, Item, Items, Key, Most, StoreError, TableName, Write};

/// Where a store is. Prints as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A folder of this machine.
    Directory(PathBuf),
    /// A table of DynamoDB, where the environment says that it is.
    DynamoDb {
        /// The table.
        table: TableName,
    },
}

/// Why a text names no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a store is written as dir:FOLDER or dynamodb:TABLE, such as dir:channels, and a table's name has 3 to 255 of a-z, A-Z, 0-9, _, - and ."
)]
pub struct InvalidAddress(());

/// A store of a kind that this program was built without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this program was built without stores in DynamoDB: build it with the feature `aws`")]
pub struct BuiltWithout(());

impl FromStr for StoreAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.split_once(':') {
            Some(("dir", folder)) if !folder.is_empty() && !folder.contains('\0') => {
                Ok(Self::Directory(PathBuf::from(folder)))
            }
            Some(("dynamodb", table)) => {
                let table = table.parse().map_err(|_| InvalidAddress(()))?;
                Ok(Self::DynamoDb { table })
            }
            Some(_) | None => Err(InvalidAddress(())),
        }
    }
}

impl std::fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(folder) => write!(f, "dir:{}", folder.display()),
            Self::DynamoDb { table } => write!(f, "dynamodb:{table}"),
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
            Self::DynamoDb { table } => open_table(table),
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
            Self::DynamoDb { table } => open_table(table),
        }
    }
}

#[cfg(feature = "aws")]
fn open_table(table: &TableName) -> Result<Box<dyn Items>, StoreError> {
    Ok(Box::new(crate::DynamoDb::open(table.clone())?))
}

#[cfg(not(feature = "aws"))]
fn open_table(table: &TableName) -> Result<Box<dyn Items>, StoreError> {
    Err(StoreError::Unavailable {
        what: format!("open dynamodb:{table}"),
        source: Box::new(BuiltWithout(())),
    })
}

impl<S: Items + ?Sized> Items for Box<S> {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        (**self).get(key)
    }

    fn query_each(
        &self,
        partition: &str,
        sort_prefix: &str,
        most: Most,
    ) -> Result<EachItem, StoreError> {
        (**self).query_each(partition, sort_prefix, most)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        (**self).transact(writes)
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        (**self).put_all(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_printed_and_anything_else_is_refused() {
        for good in ["dir:a", "dir:/a b/ä", "dir:dynamodb:abc", "dynamodb:abc"] {
            let address: StoreAddress = good.parse().unwrap();
            assert_eq!(address.to_string(), good);
        }
        let longest = format!("dynamodb:{}", "aA0_.-".repeat(50).split_at(255).0);
        assert_eq!(
            longest.parse::<StoreAddress>().unwrap().to_string(),
            longest
        );
        for bad in [
            "",
            "dir:",
            "dir:a\0",
            "dynamodb:",
            "dynamodb:ab",
            "dynamodb:a b",
            "dynamodb:abc/",
            "dynamodb:äbc",
            &format!("{longest}a"),
            "dynamodb",
            "DynamoDB:abc",
            "file:a",
            "dynamodb:arn:aws:dynamodb:eu-west-1:123456789012:table/abc",
        ] {
            assert!(bad.parse::<StoreAddress>().is_err(), "{bad:?}");
        }
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn a_program_built_without_dynamodb_says_so() {
        let address: StoreAddress = "dynamodb:abc".parse().unwrap();
        for opened in [address.open(), address.open_or_create()] {
            let Err(StoreError::Unavailable { what, source }) = opened else {
                panic!("it was opened");
            };
            assert_eq!(what, "open dynamodb:abc");
            assert!(source.is::<BuiltWithout>());
        }
    }
}
