//! The newest that a follower of a channel has ever seen: what nothing older is taken after.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::release::ReleaseVersion;
use super::signed::FormatOne;
use crate::bundle::TrustRoot;
use crate::digest::Digest;
use crate::json::{Json, Limits};
use crate::name::{ChannelName, OwnerName};

/// Marks have some 600 bytes.
const LIMITS: Limits = Limits {
    bytes: 4096,
    depth: 4,
    members: 32,
};

/// What a follower of one channel has seen. Marks only rise, but for what a newer trust root says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Version of the document.
    #[serde(rename = "stopgate_marks")]
    format: FormatOne,
    /// Whose channel it is.
    pub organisation: OwnerName,
    /// The channel.
    pub channel: ChannelName,
    /// Version of the newest trust root.
    pub root: u64,
    /// No release of a lower version is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<ReleaseVersion>,
    /// The release that was put in force last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<HeldRelease>,
    /// When the newest timestamp was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// The latest instant that a signature told of, or a clock while that signature could last. A clock that is behind it
    /// was set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
}

/// A release that is or was in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldRelease {
    /// Its version.
    pub version: ReleaseVersion,
    /// The document.
    pub release: Digest,
    /// Its bundle.
    pub bundle: Digest,
}

impl Marks {
    /// Makes the marks of somebody who has seen nothing of the channel but `root`.
    #[must_use]
    pub fn new(organisation: OwnerName, channel: ChannelName, root: &TrustRoot) -> Self {
        let stated = root.statement().versions.get(&channel).copied();
        Self {
            format: FormatOne,
            organisation,
            channel,
            root: root.statement().version,
            lowest: stated.and_then(ReleaseVersion::new),
            release: None,
            issued: None,
            time: None,
        }
    }

    /// Writes the marks in their one spelling, with a newline behind them; `None` if they cannot be written.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        let json = Json::parse(&text, LIMITS).ok()?;
        Some(format!("{}\n", json.canonical()))
    }

    /// Reads marks as [`Marks::text`] writes them; `None` for anything else, so that marks that somebody touched are
    /// none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Json::parse(bytes, LIMITS).ok()?;
        let marks: Self = serde_json::from_slice(bytes).ok()?;
        (marks.text()?.as_bytes() == bytes).then_some(marks)
    }

    /// Takes note of `root`. The first sight of a newer one lowers the mark of the channel's version to what that root
    /// says, if it says anything: it is how an organisation comes back from a version that a thief made too high.
    pub fn see_root(&mut self, root: &TrustRoot) {
        let statement = root.statement();
        if statement.version <= self.root {
            return;
        }
        self.root = statement.version;
        let stated = statement.versions.get(&self.channel).copied();
        if let Some(stated) = stated.and_then(ReleaseVersion::new)
            && self.lowest.is_some_and(|lowest| lowest > stated)
        {
            self.lowest = Some(stated);
            // It was one of those that the root takes back: what is offered next has to stand on a sign-off.
            self.release = None;
        }
    }

    /// Takes note of a release that was put in force.
    pub fn see_release(&mut self, held: HeldRelease) {
        self.lowest = self.lowest.max(Some(held.version));
        self.release = Some(held);
    }

    /// Takes note of an instant that a clock or a signed document told of.
    pub fn see_time(&mut self, time: Timestamp) {
        self.time = self.time.max(Some(time));
    }
}
