//! How the looks at each source went: for metrics and for the status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceName {
    /// The signed bundle.
    Bundle,
    /// The trust root.
    Root,
    /// The key set of this issuer.
    KeySet(String),
    /// The socket; whether somebody could replace it.
    Socket,
    /// The state directory; the same.
    StateDir,
    /// The configuration; the same.
    Configuration,
    /// The stops of the channel.
    Stops,
}

/// How the looks at one source went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// The last one that found what it has to find.
    pub last_success: Option<Timestamp>,
    /// Those in a row that failed since.
    pub failures: u32,
    /// Keys of the set that was read last that cannot be used.
    pub unusable_keys: usize,
}

/// Every source, and the date of the root.
#[derive(Debug, Default)]
pub struct Sources(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    looked: BTreeMap<SourceName, Looked>,
    root_expires: Option<Timestamp>,
    root_expires_soon: bool,
    kept: bool,
}

impl SourceName {
    /// Returns the word for the source's kind in metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Root => "root",
            Self::KeySet(_) => "key_set",
            Self::Socket => "socket",
            Self::StateDir => "state_dir",
            Self::Configuration => "configuration",
            Self::Stops => "stops",
        }
    }

    /// Returns the issuer of a key set; empty for every other source.
    #[must_use]
    pub fn issuer(&self) -> &str {
        match self {
            Self::Bundle
            | Self::Root
            | Self::Socket
            | Self::StateDir
            | Self::Configuration
            | Self::Stops => "",
            Self::KeySet(issuer) => issuer,
        }
    }
}

impl Sources {
    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that `source` is going to be looked at, so that the source is seen before the first look has ended.
    pub fn expect(&self, source: SourceName) {
        self.with(|known| known.looked.entry(source).or_default().failures);
    }

    /// Notes that the look at `source` that ended `at` found what it has to find.
    pub fn succeeded(&self, source: &SourceName, at: Timestamp) {
        self.with(|known| {
            // What nobody expected is no source: the list is made at the start and does not grow.
            if let Some(looked) = known.looked.get_mut(source) {
                looked.last_success = Some(at);
                looked.failures = 0;
            }
        });
    }

    /// Notes that a look at `source` failed.
    pub fn failed(&self, source: &SourceName) {
        self.with(|known| {
            if let Some(looked) = known.looked.get_mut(source) {
                looked.failures = looked.failures.saturating_add(1);
            }
        });
    }

    /// Notes how many keys of the set `source` cannot be used.
    pub fn unusable(&self, source: &SourceName, keys: usize) {
        self.with(|known| {
            if let Some(looked) = known.looked.get_mut(source) {
                looked.unusable_keys = keys;
            }
        });
    }

    /// Notes when the trust root in force expires, and whether that is soon.
    pub fn root_expires(&self, at: Timestamp, soon: bool) {
        self.with(|known| {
            known.root_expires = Some(at);
            known.root_expires_soon = soon;
        });
    }

    /// Notes whether the bundle in force is kept for a start after the root's date.
    pub fn kept(&self, kept: bool) {
        self.with(|known| known.kept = kept);
    }

    /// Returns every source with how its looks went, in order.
    #[must_use]
    pub fn looked(&self) -> Vec<(SourceName, Looked)> {
        self.with(|known| {
            let looked = known.looked.iter();
            looked
                .map(|(name, looked)| (name.clone(), *looked))
                .collect()
        })
    }

    /// Returns when the trust root in force expires, if that was noted, and whether that is soon.
    #[must_use]
    pub fn root_expiry(&self) -> (Option<Timestamp>, bool) {
        self.with(|known| (known.root_expires, known.root_expires_soon))
    }

    /// Returns whether the bundle in force is kept for a start after the root's date.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.with(|known| known.kept)
    }
}
