//! Values of settings: text in, checked type out. A message says what is wrong as the end of a sentence that begins
//! with the setting's name.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use stopgate_decide::bundle::MAX_BUNDLE_BYTES;
use stopgate_decide::name::{ChannelName, OwnerName};
use stopgate_store::StoreAddress;
use tracing::Level;

use super::reader::Parsed;

/// Longest path that a Unix socket can be bound to, in bytes: what the kernel's address has room for, less a zero.
const MAX_SOCKET_PATH: usize = 107;

/// An address that only this machine can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// Longest bundle, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxBytes(u64);

/// Makes a type of each kind of duration: its bounds in milliseconds, what is said of a text that is no duration, and
/// what of a duration outside the bounds.
macro_rules! durations {
    ($($(#[$doc:meta])+ $name:ident: $bounds:expr, $no:literal, $outside:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(Duration);

        impl $name {
            pub(super) fn parse(text: &str) -> Parsed<Self> {
                let length = quantity(text, &TIME, $bounds, ($no, $outside))?;
                Ok(Self(Duration::from_millis(length)))
            }

            /// Returns the duration.
            #[must_use]
            pub const fn duration(self) -> Duration {
                self.0
            }
        }
    )+};
}

durations! {
    /// Time between two looks at a source.
    Poll: 50..=60 * 60 * 1000,
        "is not a duration, such as 500ms, 5s, 1m or 1h", "is not between 50ms and 1h";
    /// Longest time that one look at a source may take.
    Deadline: 100..=10 * 60 * 1000,
        "is not a duration, such as 500ms, 10s or 1m", "is not between 100ms and 10m";
    /// How far an issuer's clock may be from ours.
    ClockSkew: 0..=5 * 60 * 1000,
        "is not a duration, such as 30s or 1m", "is longer than 5m";
}

/// Where policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One signed bundle in a file, replaced by renaming.
    File(PathBuf),
    /// The releases of a channel in a store.
    Store(StoreAddress),
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
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        let address: SocketAddr = text
            .parse()
            .map_err(|_| "is not an address and a port, such as 127.0.0.1:9464".to_owned())?;
        // Whoever can reach the metrics sees which tools are used and how often, and nobody has to prove who they are.
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

impl MaxBytes {
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        let no = "is not a number of bytes, such as 500KiB or 32MiB";
        let outside = "is not between 64KiB and 256MiB";
        let bounds = 64 * 1024..=MAX_BUNDLE_BYTES as u64;
        quantity(text, &SIZE, bounds, (no, outside)).map(Self)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl ClockSkew {
    /// What holds where nothing is said.
    pub const DEFAULT: Self = Self(Duration::from_secs(30));
}

/// The units of a duration, in milliseconds; a bare number is none.
const TIME: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// The units of a size, in bytes.
const SIZE: [(&str, u64); 3] = [("", 1), ("KiB", 1024), ("MiB", 1024 * 1024)];

/// Reads a number and its unit, which is one of `units`, as a quantity within `bounds`. The error is `no` for a text
/// that is no such thing, and `outside` for a quantity beyond the bounds.
fn quantity(
    text: &str,
    units: &[(&str, u64)],
    bounds: RangeInclusive<u64>,
    (no, outside): (&str, &str),
) -> Parsed<u64> {
    let read = || {
        let digits = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at_checked(digits.unwrap_or(text.len()))?;
        let (_, unit) = units.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*unit)
    };
    match read() {
        Some(quantity) if bounds.contains(&quantity) => Ok(quantity),
        Some(_) => Err(outside.to_owned()),
        None => Err(no.to_owned()),
    }
}

impl Source {
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        match text.strip_prefix("file:") {
            Some("") => Err("names no file".to_owned()),
            Some(file) => path(file).map(Self::File),
            None => text.parse().map(Self::Store).map_err(|_| {
                "names neither a file, such as file:prod.stopgate, nor a store, such as dir:channels"
                    .to_owned()
            }),
        }
    }
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is neither `text` nor `json`".to_owned()),
        }
    }
}

pub(super) fn level(text: &str) -> Parsed<Level> {
    match text {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        "trace" => Ok(Level::TRACE),
        _ => Err("is none of error, warn, info, debug, trace".to_owned()),
    }
}

pub(super) fn channel(text: &str) -> Parsed<ChannelName> {
    ChannelName::new(text).map_err(|invalid| format!("is no name of a channel: {invalid}"))
}

pub(super) fn organisation(text: &str) -> Parsed<OwnerName> {
    OwnerName::new(text).map_err(|invalid| format!("is no name of an organisation: {invalid}"))
}

pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    // The two texts that the system would refuse for whatever they name; all others are its own to judge.
    if text.is_empty() || text.contains('\0') {
        Err("is no path".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

pub(super) fn socket(text: &str) -> Parsed<PathBuf> {
    match text.len() {
        0..=MAX_SOCKET_PATH => path(text),
        long => Err(format!(
            "has {long} bytes; the path of a socket has at most {MAX_SOCKET_PATH}"
        )),
    }
}

/// Reads a text that is shown to people: one short line of 1 to 64 printable ASCII characters.
pub(super) fn label(text: &str) -> Parsed<String> {
    let printable = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if !text.is_empty() && text.len() <= 64 && printable {
        Ok(text.to_owned())
    } else {
        Err("is not 1 to 64 printable ASCII characters".to_owned())
    }
}
