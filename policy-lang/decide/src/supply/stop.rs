//! The stop and the lift: an operator lets less through for a while, and publishers with reviewers take that back.
//!
//! A stop can only lower what passes, so one holder of the role `stop` may sign it, at night and alone. It ends by
//! itself after a day at most. A lift loosens, so it takes those who may loosen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::signed::{Document, FormatOne, Signed};
use super::trace::{ChannelId, SupplyRefusal};
use crate::bundle::TrustRoot;
use crate::bundle::dsse::{Envelope, Signature};
use crate::bundle::root::{Role, TrustError};
use crate::digest::Digest;
use crate::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};
use crate::surface::{Limit, Risk};
use crate::visible::is_hidden;

/// How long a stop holds at most, whatever it says itself.
pub const LONGEST_STOP: SignedDuration = SignedDuration::from_hours(24);

/// Longest reason of a stop, in characters.
pub const MAX_STOP_REASON: usize = 500;

/// Longest id of an agent in a stop, in characters.
const MAX_AGENT: usize = 256;

/// What a holder of the role `stop` signs: no more than the limit passes where the stop reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Version of the document.
    #[serde(rename = "stopgate_stop")]
    pub format: FormatOne,
    /// Whose channel it is.
    pub organisation: OwnerName,
    /// The channel.
    pub channel: ChannelName,
    /// What people call it.
    pub id: StopId,
    /// The tool that it reaches; every tool if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// The operation of that tool that it reaches; every operation if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationName>,
    /// The agent that it reaches, and every agent that nobody vouches for; every agent if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The highest class of action that still passes.
    pub limit: StopLimit,
    /// Why, for the people whose calls are rejected.
    pub reason: String,
    /// Who says so. Nobody compares it with the owner of the key that signed.
    pub by: OwnerName,
    /// When it was signed. It holds from the moment at which it is seen, also if that is earlier.
    pub issued: Timestamp,
    /// It does not hold from this instant on.
    pub expires: Timestamp,
}

/// The highest class of action that passes under a stop. There is no `high`: such a stop would say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopLimit {
    /// Nothing passes.
    None,
    /// Effect read at low risk.
    ReadOnly,
    /// Up to low risk.
    Low,
    /// Up to medium risk.
    Medium,
}

impl StopLimit {
    /// Every limit, lowest first.
    pub const ALL: [Self; 4] = [Self::None, Self::ReadOnly, Self::Low, Self::Medium];

    /// Returns the limit that a word stands for; `None` if it is no such word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == word)
    }

    /// Returns the word for the limit in documents and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReadOnly => "read_only",
            Self::Low => "low",
            Self::Medium => "medium",
        }
    }
}

impl From<StopLimit> for Limit {
    fn from(limit: StopLimit) -> Self {
        match limit {
            StopLimit::None => Self::None,
            StopLimit::ReadOnly => Self::ReadOnly,
            StopLimit::Low => Self::Low,
            StopLimit::Medium => Self::Medium,
        }
    }
}

/// What publishers and reviewers sign together: the stop that it names does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// Version of the document.
    #[serde(rename = "stopgate_lift")]
    pub format: FormatOne,
    /// Whose channel it is.
    pub organisation: OwnerName,
    /// The channel.
    pub channel: ChannelName,
    /// The stop.
    pub stop: Digest,
}

/// Returns whether `text` has 1 to `most` characters, all of which people can see, and which are not only spaces.
fn is_readable(text: &str, most: usize) -> bool {
    let visible = |c: char| !c.is_control() && !is_hidden(c);
    (1..=most).contains(&text.chars().count())
        && text.chars().all(visible)
        && text.contains(|c| c != ' ')
}

impl Document for Stop {
    const PAYLOAD_TYPE: &'static str = "application/vnd.stopgate.stop+json";

    fn check(&self) -> Result<(), &'static str> {
        if self.expires <= self.issued {
            return Err("expires before it was issued");
        }
        if self.expires.duration_since(self.issued) > LONGEST_STOP {
            return Err("holds for more than 24 hours");
        }
        if self.operation.is_some() && self.tool.is_none() {
            return Err("names an operation and not its tool");
        }
        let agent = self.agent.as_deref();
        if agent.is_some_and(|agent| !is_readable(agent, MAX_AGENT)) {
            return Err("names an agent by something else than 1 to 256 visible characters");
        }
        if is_readable(&self.reason, MAX_STOP_REASON) {
            Ok(())
        } else {
            Err("gives its reason in something else than 1 to 500 visible characters")
        }
    }

    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        root.verify(Role::Stop, envelope)
    }
}

impl Document for Lift {
    const PAYLOAD_TYPE: &'static str = "application/vnd.stopgate.lift+json";

    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// Verifies that as many publishers signed as for a release, and as many reviewers as for what is looser at risk
    /// high. Their signatures stand side by side; any other one is an error.
    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        // In the first format one key could be both, and nobody could have signed the stop.
        if root.statement().stopgate_root < 2 {
            return Err(TrustError::Roles(
                "the first format knows no stops".to_owned(),
            ));
        }
        let of_publishers = |signature: &&Signature| root.has(Role::Publisher, &signature.key);
        let (publishers, others): (Vec<&Signature>, Vec<&Signature>) =
            envelope.signatures.iter().partition(of_publishers);
        let with = |signatures: Vec<&Signature>| Envelope {
            signatures: signatures.into_iter().cloned().collect(),
            ..envelope.clone()
        };
        // What is no publisher's signature has to be a reviewer's.
        let mut signers = root.verify(Role::Publisher, &with(publishers))?;
        signers.extend(root.verify_reviewers(Risk::High, &with(others))?);
        Ok(signers)
    }
}

/// Reads a stop of the channel that is `wanted` and verifies it under `root`.
///
/// # Errors
/// [`SupplyRefusal::Document`], and [`SupplyRefusal::Organisation`] or [`SupplyRefusal::Channel`] if it is another
/// channel's.
pub fn read_stop(
    bytes: &[u8],
    wanted: &ChannelId,
    root: &TrustRoot,
) -> Result<Signed<Stop>, SupplyRefusal> {
    let stop = Signed::<Stop>::read(bytes, root);
    let stop = stop.map_err(|why| SupplyRefusal::Document { what: "stop", why })?;
    let said = stop.document();
    wanted.is_of(&said.organisation, &said.channel)?;
    Ok(stop)
}

/// Reads a lift of the channel that is `wanted` and verifies it under `root`.
///
/// # Errors
/// As [`read_stop`].
pub fn read_lift(
    bytes: &[u8],
    wanted: &ChannelId,
    root: &TrustRoot,
) -> Result<Signed<Lift>, SupplyRefusal> {
    let lift = Signed::<Lift>::read(bytes, root);
    let lift = lift.map_err(|why| SupplyRefusal::Document { what: "lift", why })?;
    let said = lift.document();
    wanted.is_of(&said.organisation, &said.channel)?;
    Ok(lift)
}
