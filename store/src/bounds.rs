//! What no store takes, said before anything is written. Bounds are those of DynamoDB, or narrower.

/// Longest item, in bytes as `Item::size` counts them: 400 KiB, as in DynamoDB.
pub const ITEM_BYTES: usize = 400 << 10;

/// Largest number: 2^53 - 1, which every reader of JSON keeps whole.
pub const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// Most writes of one transaction.
pub const TRANSACTION_WRITES: usize = 25;

/// Longest transaction in bytes, keys and compared values included: what DynamoDB calls 4 MB, read narrowly.
pub const TRANSACTION_BYTES: usize = 4_000_000;

/// Why a key, an item or a write is refused whatever the store holds. Every text here may stand in a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A part of a key cannot stand in one.
    #[error("`{part}` cannot be part of a key: {why}")]
    Key {
        /// The part, with everything unprintable escaped.
        part: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An attribute has a name that stores do not share.
    #[error(
        "`{name}` is no name of an attribute: a to z first, then a to z, 0 to 9 and _, at most 64, not pk and not sk"
    )]
    AttributeName {
        /// The name, with everything unprintable escaped.
        name: String,
    },
    /// Two values were given for one attribute.
    #[error("the attribute `{name}` is given twice")]
    AttributeTwice {
        /// The attribute.
        name: String,
    },
    /// A number is beyond what every reader of JSON keeps whole.
    #[error("{number} in the attribute `{name}` is above 2^53 - 1")]
    Number {
        /// The attribute.
        name: String,
        /// The number.
        number: u64,
    },
    /// A condition asks for an order that bytes and lists do not have.
    #[error(
        "values of the attribute `{name}` are compared by size, but only numbers and texts have an order"
    )]
    NoOrder {
        /// The attribute.
        name: String,
    },
    /// An item is longer than [`ITEM_BYTES`].
    #[error(
        "the item {key} has {bytes} bytes, and at most {} are stored",
        ITEM_BYTES
    )]
    ItemTooLarge {
        /// The item's key.
        key: String,
        /// How long the item is, key and names included.
        bytes: usize,
    },
    /// A transaction has no writes.
    #[error("the transaction has no writes")]
    NoWrites,
    /// A transaction has more writes than [`TRANSACTION_WRITES`].
    #[error(
        "the transaction has {count} writes, and at most {} go together",
        TRANSACTION_WRITES
    )]
    TooManyWrites {
        /// How many there are.
        count: usize,
    },
    /// A transaction is longer than [`TRANSACTION_BYTES`].
    #[error(
        "the transaction has {bytes} bytes, and at most {} go together",
        TRANSACTION_BYTES
    )]
    TransactionTooLarge {
        /// How long all items, keys and compared values are together.
        bytes: usize,
    },
    /// Two writes of one call are for one key, so their order would matter.
    #[error("{key} is written twice at once")]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// A write changes nothing and asks nothing.
    #[error("{key} is to be checked, and no condition is given")]
    CheckOfNothing {
        /// The key.
        key: String,
    },
}
