//! The release: which bundle is the policy of a channel, from which version on.

use serde::{Deserialize, Serialize};

use super::signed::{Document, FormatOne};
use crate::bundle::TrustRoot;
use crate::bundle::dsse::Envelope;
use crate::bundle::root::{Role, TrustError};
use crate::digest::Digest;
use crate::json::MAX_SAFE_INTEGER;
use crate::name::{ChannelName, OwnerName};
use crate::surface::Risk;

/// Longest name of a commit or of a builder, in characters.
const MAX_LABEL: usize = 200;

/// What publishers sign: from this version on, this bundle is the policy of the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Version of the document.
    #[serde(rename = "stopgate_release")]
    pub format: FormatOne,
    /// Whose policy it is.
    pub organisation: OwnerName,
    /// Where it holds.
    pub channel: ChannelName,
    /// Counts up from 1, by one.
    pub version: ReleaseVersion,
    /// The bundle.
    pub bundle: Digest,
    /// The bundle of the release before, which this one was compared with; of the first release: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// The release before; of the first one: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// What the publisher found beside `base`. Nobody who enforces relies on it.
    pub change: ReleaseChange,
    /// Where it may be looser: at which risk at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Digest of the decision tables that the bundle passed.
    pub tests: Digest,
    /// The commit that it was built from.
    pub commit: String,
    /// The program that built it.
    pub builder: String,
}

/// What a release changes for those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseChange {
    /// Nothing: the same bundle.
    Same,
    /// It lets no more through.
    Stricter,
    /// It may let more through.
    Looser,
}

/// The version of a release: 1 to 2^53−1, so that every JSON reader keeps it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ReleaseVersion(u64);

impl ReleaseVersion {
    /// The version of the first release.
    pub const FIRST: Self = Self(1);

    /// Makes a version of a number; `None` if it is out of range.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= MAX_SAFE_INTEGER.unsigned_abs() {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Returns the version as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the version after this one; `None` at the end of all versions.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }

    /// Returns the version before this one; `None` of the first.
    #[must_use]
    pub const fn before(self) -> Option<Self> {
        Self::new(self.0.saturating_sub(1))
    }
}

impl std::fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for ReleaseVersion {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, &'static str> {
        Self::new(number).ok_or("a version is a number from 1 to 2^53-1")
    }
}

impl From<ReleaseVersion> for u64 {
    fn from(version: ReleaseVersion) -> Self {
        version.0
    }
}

impl Document for Release {
    const PAYLOAD_TYPE: &'static str = "application/vnd.stopgate.release+json";

    fn check(&self) -> Result<(), &'static str> {
        let first = self.version == ReleaseVersion::FIRST;
        if first != self.base.is_none() || first != self.previous.is_none() {
            return Err("names a release before it and its bundle, unless it is version 1");
        }
        if (self.change == ReleaseChange::Looser) != self.risk.is_some() {
            return Err("says at which risk it is looser, if it is");
        }
        if (self.change == ReleaseChange::Same) != (self.base == Some(self.bundle)) {
            return Err("changes nothing exactly if its bundle is that of the release before");
        }
        let short = |text: &str| (1..=MAX_LABEL).contains(&text.len());
        let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if [&self.commit, &self.builder]
            .into_iter()
            .all(|text| short(text) && printable(text))
        {
            Ok(())
        } else {
            Err("names its commit and its builder in at most 200 printable ASCII characters")
        }
    }

    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        root.verify(Role::Publisher, envelope)
    }
}
