//! The name of an item: a partition, which is what rights are given for, and a sort key within it.

use std::fmt;

use crate::Invalid;

/// Longest partition and longest sort key, in bytes.
const LONGEST: usize = 512;

/// Where an item stands. Both parts are checked, so a key is safe as part of a path and of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    partition: String,
    sort: String,
}

impl Key {
    /// Makes the key of the item `sort` in `partition`.
    ///
    /// # Errors
    /// [`Invalid::Key`] if a part is empty, has more than 512 bytes, anything but printable ASCII, or a backslash; if a
    /// segment of it begins with a dot; or if the partition has a slash. A slash ends a segment of the sort key.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Result<Self, Invalid> {
        let (partition, sort) = (partition.into(), sort.into());
        check(&partition)?;
        check(&sort)?;
        if partition.contains('/') {
            return Err(refusal(&partition, "a partition has no slash"));
        }
        Ok(Self { partition, sort })
    }

    /// Returns the partition.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Returns the sort key.
    #[must_use]
    pub fn sort(&self) -> &str {
        &self.sort
    }
}

/// Checks what holds for both parts.
fn check(part: &str) -> Result<(), Invalid> {
    if part.is_empty() || part.len() > LONGEST {
        return Err(refusal(part, "it has 1 to 512 bytes"));
    }
    if !part
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\')
    {
        return Err(refusal(part, "it is printable ASCII without a backslash"));
    }
    if part.split('/').any(|segment| segment.starts_with('.')) {
        return Err(refusal(part, "no segment begins with a dot"));
    }
    Ok(())
}

fn refusal(part: &str, why: &'static str) -> Invalid {
    // A part may be of any length; a message is not.
    let part = part.chars().take(64).collect::<String>();
    let part = part.escape_default().to_string();
    Invalid::Key { part, why }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A partition has no slash, so no two keys are printed alike.
        write!(f, "{}/{}", self.partition, self.sort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printable_and_names_no_other_folder() {
        let long = "x".repeat(LONGEST);
        for (partition, sort) in [
            ("HEAD#prod", "-"),
            ("STOP#prod", "ID#lift"),
            ("ROWS#0a", "jira/create/agent"),
            ("~a b%", "a//b/"),
            (&long, &long),
        ] {
            let key = Key::new(partition, sort).expect("a good key");
            assert_eq!((key.partition(), key.sort()), (partition, sort));
        }
        let longer = "x".repeat(LONGEST + 1);
        for bad in [
            "", ".", "..", ".a", "a\\b", "a\nb", "a\0", "a\u{7f}", "é", &longer,
        ] {
            assert!(Key::new(bad, "-").is_err(), "{bad:?}");
            assert!(Key::new("HEAD", bad).is_err(), "{bad:?}");
        }
        assert!(Key::new("a/b", "-").is_err());
        assert!(Key::new("a", "b/../c").is_err());
    }
}
