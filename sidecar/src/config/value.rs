//! Values of settings: text in, checked type out. A message says what is wrong as the end of a sentence that begins
//! with the setting's name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use stopgate_decide::bundle::MAX_BUNDLE_BYTES;
use stopgate_decide::name::{ChannelName, OwnerName};

/// Longest path that a Unix socket can be bound to, in bytes.
const MAX_SOCKET_PATH: usize = 107;

/// An address that only this machine can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// Longest time that one look at a source may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Duration);

/// Longest bundle, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxBytes(u64);

/// Time between two looks at the policy source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll(Duration);

/// How far an issuer's clock may be from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew(Duration);

/// Where the signed bundle is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One file, replaced by renaming.
    File(PathBuf),
}

/// Format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Loopback {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let address: SocketAddr = text
            .parse()
            .map_err(|_| "is not an address and a port, such as 127.0.0.1:9464".to_owned())?;
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err("is not a loopback address: what it serves is for this machine".to_owned())
        }
    }

    /// Returns the address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl Poll {
    const SHORTEST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(3600);

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let poll = duration(text).ok_or("is not a duration, such as 500ms, 5s, 1m or 1h")?;
        if (Self::SHORTEST..=Self::LONGEST).contains(&poll) {
            Ok(Self(poll))
        } else {
            Err("is not between 50ms and 1h".to_owned())
        }
    }

    /// Returns the time between two looks.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl Deadline {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(600);

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let deadline = duration(text).ok_or("is not a duration, such as 500ms, 10s or 1m")?;
        if (Self::SHORTEST..=Self::LONGEST).contains(&deadline) {
            Ok(Self(deadline))
        } else {
            Err("is not between 100ms and 10m".to_owned())
        }
    }

    /// Returns the longest time that one look may take.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl MaxBytes {
    const LEAST: u64 = 64 * 1024;
    const MOST: u64 = MAX_BUNDLE_BYTES as u64;

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bytes = bytes(text).ok_or("is not a number of bytes, such as 500KiB or 32MiB")?;
        if (Self::LEAST..=Self::MOST).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err("is not between 64KiB and 256MiB".to_owned())
        }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at_checked(digits.unwrap_or(text.len()))?;
    let number: u64 = number.parse().ok()?;
    let unit = match unit {
        "" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    number.checked_mul(unit)
}

impl ClockSkew {
    /// What holds where nothing is said.
    pub const DEFAULT: Self = Self(Duration::from_secs(30));
    const LONGEST: Duration = Duration::from_secs(5 * 60);

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let skew = duration(text).ok_or("is not a duration, such as 30s or 1m")?;
        if skew <= Self::LONGEST {
            Ok(Self(skew))
        } else {
            Err("is longer than 5m".to_owned())
        }
    }

    /// Returns how far an issuer's clock may be from ours.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

impl Source {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("file:") {
            Some("") => Err("names no file".to_owned()),
            Some(file) => path(file).map(Self::File),
            None => Err("does not begin with `file:`, the one kind of source there is".to_owned()),
        }
    }
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is neither `text` nor `json`".to_owned()),
        }
    }
}

pub(super) fn channel(text: &str) -> Result<ChannelName, String> {
    ChannelName::new(text).map_err(|invalid| format!("is no name of a channel: {invalid}"))
}

pub(super) fn organisation(text: &str) -> Result<OwnerName, String> {
    OwnerName::new(text).map_err(|invalid| format!("is no name of an organisation: {invalid}"))
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        Err("is no path".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

pub(super) fn socket(text: &str) -> Result<PathBuf, String> {
    if text.len() > MAX_SOCKET_PATH {
        return Err(format!(
            "has {} bytes; the path of a socket has at most {MAX_SOCKET_PATH}",
            text.len()
        ));
    }
    path(text)
}

/// Reads a text that is shown to people: one short line of 1 to 64 printable ASCII characters.
pub(super) fn label(text: &str) -> Result<String, String> {
    let printable = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if !text.is_empty() && text.len() <= 64 && printable {
        Ok(text.to_owned())
    } else {
        Err("is not 1 to 64 printable ASCII characters".to_owned())
    }
}

pub(super) fn level(text: &str) -> Result<tracing::Level, String> {
    match text {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err("is none of error, warn, info, debug, trace".to_owned()),
    }
}
