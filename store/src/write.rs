//! What a transaction consists of, and the bounds that every store holds before it writes anything.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::{ITEM_BYTES, Invalid, Item, Key, TRANSACTION_BYTES, TRANSACTION_WRITES, Value};

/// What has to be true of an item for a write to happen. Every condition but [`Condition::Absent`] also demands that the
/// item exists, and every attribute that a condition names has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no item.
    Absent,
    /// There is an item.
    Present,
    /// The attribute has this value: of the same kind, and equal.
    Equals(String, Value),
    /// The attribute's stored value is of the same kind as this one and strictly below it: numbers by size, texts by
    /// their bytes. Bytes and lists have no order, so asking for it is refused.
    Less(String, Value),
}

impl Condition {
    /// Returns whether the condition is true of what is stored.
    #[must_use]
    pub fn holds(&self, stored: Option<&Item>) -> bool {
        let found = |name: &str| stored.and_then(|item| item.attribute(name));
        match self {
            Self::Absent => stored.is_none(),
            Self::Present => stored.is_some(),
            Self::Equals(name, value) => found(name) == Some(value),
            Self::Less(name, value) => {
                found(name).and_then(|found| order(found, value)) == Some(Ordering::Less)
            }
        }
    }

    /// Checks what is compared and returns how many bytes it has.
    fn measure(&self) -> Result<usize, Invalid> {
        let (name, value) = match self {
            Self::Absent | Self::Present => return Ok(0),
            Self::Equals(name, value) | Self::Less(name, value) => (name, value),
        };
        value.check(name)?;
        if matches!(self, Self::Less(..)) && order(value, value).is_none() {
            return Err(Invalid::NoOrder { name: name.clone() });
        }
        Ok(name.len().saturating_add(value.size()))
    }
}

/// Returns how two values compare, or `None` if they have no order.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
        (Value::Text(_) | Value::Number(_) | Value::Bytes(_) | Value::Texts(_), _) => None,
    }
}

/// What a write does to its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Stores the item, in the place of the whole item that was there.
    Put(Item),
    /// Removes the item, if there is one.
    Delete,
    /// Changes nothing: the conditions are all that is asked.
    Check,
}

/// One part of a transaction: what changes, if every condition is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which item.
    pub key: Key,
    /// What has to be true of it; none means that the change is unconditional.
    pub condition: Vec<Condition>,
    /// What happens to it.
    pub change: Change,
}

/// Checks the bounds of a transaction.
///
/// # Errors
/// [`Invalid`]: there are no writes or too many, they are too long, one key is there twice, or one asks what no store answers.
pub fn check_transaction(writes: &[Write]) -> Result<(), Invalid> {
    if writes.is_empty() {
        return Err(Invalid::NoWrites);
    }
    let count = writes.len();
    if count > TRANSACTION_WRITES {
        return Err(Invalid::TooManyWrites { count });
    }
    check_keys(writes.iter().map(|write| &write.key))?;
    let mut bytes: usize = 0;
    for Write {
        key,
        condition,
        change,
    } in writes
    {
        let size = match change {
            Change::Put(item) => check_item(key, item)?,
            Change::Check if condition.is_empty() => {
                let key = key.to_string();
                return Err(Invalid::CheckOfNothing { key });
            }
            Change::Delete | Change::Check => Item::default().size(key),
        };
        bytes = bytes.saturating_add(size);
        for condition in condition {
            bytes = bytes.saturating_add(condition.measure()?);
        }
    }
    if bytes > TRANSACTION_BYTES {
        return Err(Invalid::TransactionTooLarge { bytes });
    }
    Ok(())
}

/// Checks the bounds of items that are stored one by one.
///
/// # Errors
/// [`Invalid`]: an item is too long, or one key is there twice.
pub fn check_items(items: &[(Key, Item)]) -> Result<(), Invalid> {
    check_keys(items.iter().map(|(key, _)| key))?;
    items
        .iter()
        .try_for_each(|(key, item)| check_item(key, item).map(drop))
}

/// Returns how many bytes an item has that is not too long.
fn check_item(key: &Key, item: &Item) -> Result<usize, Invalid> {
    let bytes = item.size(key);
    if bytes > ITEM_BYTES {
        let key = key.to_string();
        return Err(Invalid::ItemTooLarge { key, bytes });
    }
    Ok(bytes)
}

fn check_keys<'a>(mut keys: impl Iterator<Item = &'a Key>) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    match keys.find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(twice) => Err(Invalid::KeyTwice {
            key: twice.to_string(),
        }),
    }
}
