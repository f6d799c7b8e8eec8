//! What a store keeps under a key: attributes by name. There is no null, so what is there has a value.

use std::collections::BTreeMap;

use crate::{Invalid, Key, LARGEST_NUMBER};

/// Longest name of an attribute, in bytes.
const LONGEST_NAME: usize = 64;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, which may be empty.
    Text(String),
    /// A whole number, at most [`LARGEST_NUMBER`].
    Number(u64),
    /// Bytes, which may be none. Whatever has a digest is kept so.
    Bytes(Vec<u8>),
    /// Texts in their order, of which some may be equal and which may be none.
    Texts(Vec<String>),
}

impl Value {
    /// Returns at least as many bytes as DynamoDB counts.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(_) => 21,
            Self::Bytes(bytes) => bytes.len(),
            Self::Texts(texts) => texts.iter().fold(3, |sum, text| {
                text.len().saturating_add(sum).saturating_add(1)
            }),
        }
    }

    /// Checks that every store can keep the value in the attribute `name`.
    pub(crate) fn check(&self, name: &str) -> Result<(), Invalid> {
        let first = name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        // `pk` and `sk` are what the two parts of a key are called in a table.
        if !first
            || !name.bytes().all(plain)
            || name.len() > LONGEST_NAME
            || ["pk", "sk"].contains(&name)
        {
            let name = name.chars().take(LONGEST_NAME).collect::<String>();
            let name = name.escape_default().to_string();
            return Err(Invalid::AttributeName { name });
        }
        match self {
            &Self::Number(number) if number > LARGEST_NUMBER => {
                let name = name.to_owned();
                Err(Invalid::Number { name, number })
            }
            Self::Text(_) | Self::Number(_) | Self::Bytes(_) | Self::Texts(_) => Ok(()),
        }
    }
}

/// The attributes of an item, each checked. An item may have none: its key alone then says something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item(BTreeMap<String, Value>);

impl Item {
    /// Makes an item of its attributes.
    ///
    /// # Errors
    /// [`Invalid`] if a name or a number is none that every store takes, or a name is there twice.
    pub fn new<N: Into<String>>(
        attributes: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<Self, Invalid> {
        let mut item = Self::default();
        for (name, value) in attributes {
            let name = name.into();
            value.check(&name)?;
            if item.0.insert(name.clone(), value).is_some() {
                return Err(Invalid::AttributeTwice { name });
            }
        }
        Ok(item)
    }

    /// Returns the value of the attribute `name`, or `None` if the item has no such attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns all attributes, ordered by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns how many bytes the item has under `key`: names, values, and the key with the names of its two parts. It is
    /// never less than what DynamoDB counts, where a number has up to 21 bytes and a list one more than each of its texts.
    #[must_use]
    pub fn size(&self, key: &Key) -> usize {
        let key = key
            .partition()
            .len()
            .saturating_add(key.sort().len())
            .saturating_add(4);
        self.0.iter().fold(key, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.size())
        })
    }
}
