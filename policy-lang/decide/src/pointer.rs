//! JSON Pointers (RFC 6901) with `*` for every element or member: how masks, row limits and facts name a place.

use std::fmt;
use std::sync::Arc;

/// A checked pointer. It names at least one step; the whole document cannot be named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(Arc<str>);

/// One step of a [`Pointer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object or, when it is a number, an element of an array.
    Key(String),
    /// Every element or member.
    Every,
}

/// Why a text is not a pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPointer {
    /// It does not begin with `/`.
    #[error("a pointer begins with `/` and names at least one step")]
    NoSlash,
    /// `~` not followed by `0` or `1`.
    #[error("`~` in a pointer is written `~0`, and `/` inside a name `~1`")]
    Escape,
    /// Longer than 256 bytes or deeper than 32 steps.
    #[error("a pointer has at most 256 bytes and 32 steps")]
    TooLong,
}

impl Pointer {
    /// Makes the pointer that `text` spells, after checking it.
    ///
    /// # Errors
    /// [`InvalidPointer`] says what is wrong.
    pub fn new(text: &str) -> Result<Self, InvalidPointer> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(InvalidPointer::NoSlash);
        };
        // As deep as an input may be (`INPUT_LIMITS`).
        if text.len() > 256 || rest.split('/').count() > 32 {
            return Err(InvalidPointer::TooLong);
        }
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            if c == '~' && !matches!(chars.next(), Some('0' | '1')) {
                return Err(InvalidPointer::Escape);
            }
        }
        Ok(Self(text.into()))
    }

    /// Makes the pointer through `keys`, outermost first. Returns `None` if there are no keys or the pointer would be
    /// too long.
    #[must_use]
    pub fn of_keys(keys: &[&str]) -> Option<Self> {
        let steps = keys
            .iter()
            .map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")));
        Self::new(&steps.collect::<String>()).ok()
    }

    /// Returns the pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the steps of the pointer, unescaped, outermost first. There is at least one.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.0.split('/').skip(1).map(|step| match step {
            // `~1` first: in the other order `~01`, which is the name `~1`, would become `/`.
            "*" => Step::Every,
            key => Step::Key(key.replace("~1", "/").replace("~0", "~")),
        })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for Pointer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Pointer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_unescaped_in_the_right_order() {
        let pointer = Pointer::new("/a~1b/~01/*").expect("a valid pointer");
        let steps: Vec<_> = pointer.steps().collect();
        assert_eq!(
            steps,
            [Step::Key("a/b".into()), Step::Key("~1".into()), Step::Every]
        );
        for (text, why) in [
            ("", InvalidPointer::NoSlash),
            ("a", InvalidPointer::NoSlash),
            ("/~2", InvalidPointer::Escape),
            ("/~", InvalidPointer::Escape),
        ] {
            assert_eq!(Pointer::new(text), Err(why), "{text}");
        }
    }
}
