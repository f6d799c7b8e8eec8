//! Names: one ASCII alphabet, checked once on entry, so that no later code compares text it has not vetted.
//!
//! A name is `[a-z0-9][a-z0-9_.-]{0,63}`. Nothing outside that set can look like something it is not,
//! and nothing in it can begin with `@`, which is kept for the action groups. What reviewers file, such as the review
//! `2027-Q1`, may have capitals too.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name, in bytes (which are characters here), as the pattern of names in the documents' schemas says it.
pub const MAX_NAME: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is nothing there.
    #[error("a name cannot be empty")]
    Empty,
    /// More than [`MAX_NAME`] characters.
    #[error("a name has at most {MAX_NAME} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet, or a first one that only later ones may be.
    #[error("`{}` is not allowed at position {position} of a name", found.escape_debug())]
    Character {
        /// The offending character.
        found: char,
        /// Its place, counted in characters from 1.
        position: usize,
    },
}

/// Whether a name may have the letter.
type Letters = fn(char) -> bool;

const SMALL: Letters = |c| c.is_ascii_lowercase();
const ANY: Letters = |c| c.is_ascii_alphabetic();

fn check(text: &str, letter: Letters) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    for (at, found) in text.chars().enumerate() {
        let fine =
            letter(found) || found.is_ascii_digit() || (at > 0 && matches!(found, '_' | '.' | '-'));
        if !fine {
            return Err(InvalidName::Character {
                found,
                position: at.saturating_add(1),
            });
        }
    }
    // Last, so that a wrong character is told before a length that it may have caused.
    if text.len() > MAX_NAME {
        Err(InvalidName::TooLong(text.len()))
    } else {
        Ok(())
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $letters:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the alphabet.
            ///
            /// # Errors
            /// [`InvalidName`] says which character, or which length, is wrong.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                check(text, $letters).map(|()| Self(text.into()))
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// A system acted on, such as `erp`.
    ToolName SMALL;
    /// What is done in it, such as `create_refund`; unique within its tool.
    OperationName SMALL;
    /// A role of the original user, such as `support-analyst`.
    ProfileName SMALL;
    /// A rollout channel, such as `prod`.
    ChannelName SMALL;
    /// The part of a rule's id after the slash, such as `refund-small`.
    RuleName SMALL;
    /// Who answers for a rule or a tool, such as `finance-risk`.
    OwnerName SMALL;
    /// People who are asked for an approval, such as `refund-committee`.
    RouteName SMALL;
    /// A waiver, such as `2026-014`; the stem of its file.
    WaiverId ANY;
    /// A review, such as `2027-Q1`; the stem of its file.
    ReviewId ANY;
    /// A stop, such as `INC-2026-31`.
    StopId ANY;
}

/// A rule's full id: the stem of the file that holds it, and its own name; printed `erp/refund-small`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// Tool for YAML rules, file stem for Cedar rules.
    pub home: ToolName,
    /// Unique within its home.
    pub name: RuleName,
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.home, self.name)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl std::str::FromStr for RuleId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (home, name) = text.split_once('/').ok_or(InvalidName::Empty)?;
        Ok(Self {
            home: ToolName::new(home)?,
            name: RuleName::new(name)?,
        })
    }
}

/// Where something stands, for people: file relative to the repository, line from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Path with `/`, such as `rules/erp.yaml`.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t5_every_code_point_outside_the_alphabet_is_refused() {
        for c in '\0'..=char::MAX {
            let lower = c.is_ascii_lowercase() || c.is_ascii_digit();
            let inner = lower || matches!(c, '_' | '.' | '-');
            assert_eq!(ToolName::new(&c.to_string()).is_ok(), lower, "{c:?} alone");
            assert_eq!(
                ToolName::new(&format!("a{c}b")).is_ok(),
                inner,
                "{c:?} inside"
            );
            let filed = inner || c.is_ascii_uppercase();
            assert_eq!(
                ReviewId::new(&format!("a{c}b")).is_ok(),
                filed,
                "{c:?} filed"
            );
        }
    }

    #[test]
    fn length_is_bounded_and_the_mistake_is_named() {
        assert!(RuleName::new(&"a".repeat(MAX_NAME)).is_ok());
        assert_eq!(
            RuleName::new(&"a".repeat(MAX_NAME + 1)),
            Err(InvalidName::TooLong(65))
        );
        assert_eq!(RuleName::new(""), Err(InvalidName::Empty));
        assert_eq!(
            RuleName::new("a b"),
            Err(InvalidName::Character {
                found: ' ',
                position: 2
            })
        );
    }
}
