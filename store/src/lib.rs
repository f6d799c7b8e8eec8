//! The stores behind the supply of policy: items with attributes under keys, changed in transactions with conditions.
//!
//! [`Items`] is what a store is. [`Directory`] is one in a folder, `DynamoDb` one in a table, if the feature `aws` is on,
//! and `contract` is what every store passes. The shape is DynamoDB's. Below that interface nothing knows what an item means, and no
//! store looks at the time of day. Above it, [`Policies`] says which item of a channel stands where, and [`offered`]
//! reads and judges what a channel offers. What a document says is verified by whoever reads it: a store is not trusted.

mod address;
mod bounds;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod directory;
#[cfg(feature = "aws")]
mod dynamodb;
mod item;
mod key;
mod offer;
mod policy;
mod table;
mod write;

pub use address::{BuiltWithout, InvalidAddress, StoreAddress};
pub use bounds::{ITEM_BYTES, Invalid, LARGEST_NUMBER, TRANSACTION_BYTES, TRANSACTION_WRITES};
pub use directory::Directory;
#[cfg(feature = "aws")]
pub use dynamodb::DynamoDb;
pub use item::{Item, Value};
pub use key::Key;
pub use offer::{NotOffered, Offered, offered};
pub use policy::{
    HandedOut, Moved, NextRoot, NotNext, OtherCell, OtherRow, Policies, Rows, StoredRelease,
    StoredStops,
};
pub use table::{InvalidTableName, TableName};
pub use write::{Change, Condition, Write, check_items, check_transaction};

/// A store of items. Calls wait for a disk or a network, for a bounded time: whoever must not wait calls from another
/// thread.
pub trait Items: Send + Sync {
    /// Returns the item under `key`, as the last write that ended before the call left it or a later one did. `None` says
    /// that the store has no such item; whether that can be is for the caller to judge.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Spoilt`]; nothing is known of the item then.
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError>;

    /// Returns the first `most` items of `partition` whose sort key begins with `sort_prefix`, with their sort keys, in
    /// the order of the sort keys' bytes. Each item is whole and as recent as [`Items::get`] returns it, but they need not
    /// be of one moment: what belongs together names a version or a digest.
    ///
    /// # Errors
    /// As for [`Items::get`], and [`StoreError::Invalid`] if no key could have this partition or begin with this prefix.
    /// No part of an answer is given.
    fn query(
        &self,
        partition: &str,
        sort_prefix: &str,
        most: usize,
    ) -> Result<Vec<(String, Item)>, StoreError> {
        let most = Most {
            items: most,
            bytes: usize::MAX,
        };
        let found = self.query_each(partition, sort_prefix, most)?.into_iter();
        found.map(|(sort, item)| Ok((sort, item?))).collect()
    }

    /// Returns the same as [`Items::query`], but an item that is spoilt, or has a name that no item has, hides none of the
    /// others: it is an error in its place, and those stand first. Nothing is read into memory beyond `most.bytes`.
    ///
    /// # Errors
    /// As for [`Items::query`], and [`StoreError::Spoilt`] if the items have more bytes than that.
    fn query_each(
        &self,
        partition: &str,
        sort_prefix: &str,
        most: Most,
    ) -> Result<EachItem, StoreError>;

    /// Makes all changes of `writes`, or none of them. Whoever has seen one of them sees the others too, until somebody
    /// writes again. Success says that the changes survive a crash.
    ///
    /// # Errors
    /// After [`StoreError::Conflict`] and [`StoreError::Invalid`] nothing was changed by this call. After
    /// [`StoreError::Unavailable`] and [`StoreError::Spoilt`] all of it may have happened, or may yet happen, or nothing:
    /// read before concluding either. A caller who repeats the same transaction may find that its own first try is the
    /// conflict.
    fn transact(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Stores `items` without conditions, each whole, in the place of what was there, in any number and not as one: for
    /// contents that are stored under their own digest, where repeating does no harm.
    ///
    /// # Errors
    /// After [`StoreError::Invalid`] nothing was stored; after every other error any of the items may have been.
    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError>;
}

/// Items with their sort keys, or what is wrong with each.
pub type EachItem = Vec<(String, Result<Item, StoreError>)>;

/// How much of a partition is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Items.
    pub items: usize,
    /// Bytes of them all, as [`Item::size`] counts them.
    pub bytes: usize,
}

impl Most {
    /// Takes the bytes of `item` away.
    fn take(&mut self, key: &Key, item: &Item) -> Result<(), StoreError> {
        let left = self.bytes.checked_sub(item.size(key));
        self.bytes = left.ok_or_else(|| StoreError::Spoilt {
            place: key.partition().to_owned(),
            why: "its items have more bytes than anybody wrote".to_owned(),
        })?;
        Ok(())
    }
}

/// Why a store did not do what it was asked. None of it is an answer about policy, and every caller treats it as no.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition is not true: somebody else was there before, or the caller's view is old.
    #[error("{key} is not as the write demands")]
    Conflict {
        /// The first write whose conditions are not all true.
        key: Key,
    },
    /// The store cannot be asked now. Of a read nothing is known; a write may or may not have happened.
    #[error("cannot {what}")]
    Unavailable {
        /// What was tried, and where.
        what: String,
        /// What the system or the service said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored is not what a store writes: damaged, or written by somebody else. It stays so until somebody
    /// restores it or writes the item anew without a condition.
    #[error("{place} is spoilt: {why}")]
    Spoilt {
        /// The key of the item, or the place in the store.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// No store does this; nothing was written.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}
