//! Contract versions: what a team promises about a tool, `major.minor.patch`, one spelling each.

use std::fmt;
use std::str::FromStr;

/// A semantic version of a tool's contract, without pre-release and build parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Raised by breaking changes.
    pub major: u32,
    /// Raised by additions.
    pub minor: u32,
    /// Raised by corrections.
    pub patch: u32,
}

/// Why a text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is written as three numbers without leading zeros, such as `2.1.0`")]
pub struct InvalidVersion(());

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let mut parts = text.split('.').map(|part| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            let plain = part == "0" || !part.starts_with('0');
            part.parse().ok().filter(|_| digits && plain)
        });
        let mut next = || parts.next().flatten().ok_or(InvalidVersion(()));
        let version = Self {
            major: next()?,
            minor: next()?,
            patch: next()?,
        };
        if parts.next().is_none() {
            Ok(version)
        } else {
            Err(InvalidVersion(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_has_one_spelling() {
        for text in ["0.0.0", "2.1.0", "10.20.4294967295"] {
            assert_eq!(
                text.parse::<Version>().expect("a version").to_string(),
                text
            );
        }
        let wrong = "|1|1.2|1.2.3.4|01.2.3|1.2.03|1.-2.3|+1.2.3|1.2.3 |1..3|v1.2.3|1.2.3-rc1|1.2.4294967296";
        for text in wrong.split('|') {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }
}
