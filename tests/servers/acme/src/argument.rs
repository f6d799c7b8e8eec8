//! Kinds of arguments that more than one system takes. What a schema forbids does not parse: unknown, missing, `null`
//! and out-of-bounds values alike.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

/// A text of `MIN` to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text<const MIN: usize, const MAX: usize>(pub String);

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if (MIN..=MAX).contains(&length) {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(format_args!(
                "a text of {length} characters, expected {MIN} to {MAX}"
            )))
        }
    }
}

/// A whole number from `MIN` to `MAX`; money is one, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Whole<const MIN: u64, const MAX: u64>(pub u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            let wanted = format!("{MIN} to {MAX}");
            Err(D::Error::invalid_value(
                Unexpected::Unsigned(number),
                &wanted.as_str(),
            ))
        }
    }
}

/// An argument that may be left out, but is not `null` when it is there.
///
/// # Errors
/// Those of `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
