//! The name of a table of DynamoDB, which a program knows even where it was built without what speaks to one.

use std::fmt;
use std::str::FromStr;

/// Shortest and longest name of a table, in bytes, as DynamoDB takes them.
const SHORTEST: usize = 3;
const LONGEST: usize = 255;

/// The name of a table: 3 to 255 of `a` to `z`, `A` to `Z`, `0` to `9`, `_`, `-` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(String);

/// Why a text names no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table's name has {SHORTEST} to {LONGEST} of a-z, A-Z, 0-9, _, - and .")]
pub struct InvalidTableName(());

impl FromStr for TableName {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, InvalidTableName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTableName(()))
        }
    }
}

impl TableName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
