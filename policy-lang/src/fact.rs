//! Facts: typed views of what a tool's schema leaves open, computed from the input and readable as `context.facts`.
//!
//! A projection is one of a closed list, written in the catalog as `count(/records)`. It is checked against the
//! function's input schema when the policy is compiled, and computed from the input when an attempt is decided; what
//! cannot be computed rejects the attempt. A fact over an optional argument is absent where the argument is.

mod compute;
mod parse;
mod target;

use std::fmt;
use std::sync::Arc;

use crate::pointer::Pointer;

pub use compute::Uncomputable;
pub use parse::InvalidProjection;
pub use target::BadTarget;

/// Most decimal places of `minor`: every integer of that scale still fits the numbers of rules.
pub const MAX_SCALE: u8 = 9;

/// A fact's name: `[a-z][a-z0-9_]{0,63}` and no word of Cedar's own, so that it can stand behind `context.facts.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactName(Arc<str>);

/// Words that Cedar does not take as a member's name.
const RESERVED: [&str; 9] = [
    "else", "false", "has", "if", "in", "is", "like", "then", "true",
];

/// Why a text is not the name of a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fact is named with small letters, digits and `_`, letter first, 64 at most, and by no word of Cedar's own"
)]
pub struct InvalidFactName;

impl FactName {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidFactName`]
    pub fn new(text: &str) -> Result<Self, InvalidFactName> {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let first = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
        if first && text.len() <= 64 && text.bytes().all(inner) && !RESERVED.contains(&text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidFactName)
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How a fact is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// What is taken from the place.
    pub view: View,
    /// Where it is taken from.
    pub place: Place,
}

/// What a projection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// How many elements an array has.
    Count,
    /// The names of an object's members; of several objects, all of them.
    Keys,
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A number in units of its last decimal place: with scale 2, `12.5` is 1250.
    Minor {
        /// Decimal places, at most [`MAX_SCALE`].
        scale: u8,
    },
}

/// Where a projection looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the input.
    Input(Pointer),
    /// In the JSON that a text of the input hides.
    Hidden {
        /// The text.
        text: Pointer,
        /// Where in the JSON; `None` is all of it.
        at: Option<Pointer>,
    },
}

impl Place {
    /// Returns the place in the input itself that is read: the place of the value, or of the text that hides JSON.
    #[must_use]
    pub const fn of_input(&self) -> &Pointer {
        match self {
            Self::Input(pointer) | Self::Hidden { text: pointer, .. } => pointer,
        }
    }
}

/// The types that facts have in rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    /// A whole number.
    Long,
    /// A text.
    String,
    /// A set of texts.
    Strings,
}

impl View {
    /// Returns the type that the fact has in rules.
    #[must_use]
    pub const fn of_type(self) -> FactType {
        match self {
            Self::Count | Self::Number | Self::Minor { .. } => FactType::Long,
            Self::Text => FactType::String,
            Self::Keys => FactType::Strings,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Keys => "keys",
            Self::Text => "text",
            Self::Number => "number",
            Self::Minor { .. } => "minor",
        }
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, place } = self;
        write!(f, "{}({place}", view.word())?;
        if let View::Minor { scale } = view {
            write!(f, ", {scale}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(pointer) => write!(f, "{pointer}"),
            Self::Hidden { text, at: None } => write!(f, "json({text})"),
            Self::Hidden { text, at: Some(at) } => write!(f, "json({text}){at}"),
        }
    }
}

/// A fact of an operation: its projection, checked against the operation's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its name below `context.facts`.
    pub name: FactName,
    /// How it is computed.
    pub projection: Projection,
    /// Whether it is absent where an optional argument is.
    pub optional: bool,
}

#[cfg(test)]
mod tests;
