//! The timestamp: which release was the newest, and when that was still true.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::release::ReleaseVersion;
use super::signed::{Document, FormatOne};
use crate::bundle::TrustRoot;
use crate::bundle::dsse::Envelope;
use crate::bundle::root::{Role, TrustError};
use crate::digest::Digest;
use crate::name::{ChannelName, OwnerName};

/// What the holders of the role `timestamp` sign again and again. It introduces nothing: it names what others have
/// signed, so that nothing of it can be withheld unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampDocument {
    /// Version of the document.
    #[serde(rename = "stopgate_timestamp")]
    pub format: FormatOne,
    /// Whose channel it is.
    pub organisation: OwnerName,
    /// The channel.
    pub channel: ChannelName,
    /// Version of the newest release.
    pub version: ReleaseVersion,
    /// The newest release.
    pub release: Digest,
    /// Version of the newest trust root.
    pub root: u64,
    /// Enrolments in force.
    pub enrolments: BTreeSet<Digest>,
    /// Stops in force.
    pub stops: BTreeSet<Digest>,
    /// When it was signed.
    pub issued: Timestamp,
    /// From this instant on it proves nothing.
    pub expires: Timestamp,
}

impl Document for TimestampDocument {
    const PAYLOAD_TYPE: &'static str = "application/vnd.stopgate.timestamp+json";

    fn check(&self) -> Result<(), &'static str> {
        if self.expires <= self.issued {
            Err("expires before it was issued")
        } else if self.root == 0 {
            Err("names no version of a trust root")
        } else {
            Ok(())
        }
    }

    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        root.verify(Role::Timestamp, envelope)
    }
}
