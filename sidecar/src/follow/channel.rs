//! One look at a channel of releases: the head, judged by what was seen before, with its bundle.

use std::sync::Arc;

use stopgate_decide::bundle::Verified;
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{ChannelId, DocumentError, HeldRelease, Marks, SupplyRefusal};
use stopgate_store::{NotOffered, Policies, StoreAddress, StoreError, offered};

use crate::source::chain;

use super::look::RefusedUpdate;
use super::marks::{KeptMarks, UnreadMarks};
use super::refusal::Refusal;
use super::root::Root;

/// What a look needs to know.
pub(super) struct ChannelLook {
    pub(super) store: StoreAddress,
    pub(super) channel: ChannelId,
    pub(super) root: Root,
    /// What was seen so far; `None` before the first look.
    pub(super) marks: Option<Marks>,
    pub(super) kept: KeptMarks,
    pub(super) most: u64,
    /// The release in force.
    pub(super) in_force: Option<Digest>,
}

/// What a look found.
#[derive(Debug)]
pub(super) struct FoundChannel {
    /// What had been seen before.
    pub(super) marks: Marks,
    /// The newest timestamp, which nobody has verified yet.
    pub(super) timestamp: Result<Option<Vec<u8>>, StoreError>,
    /// The release at the head; `None` if it is the one in force.
    pub(super) new: Result<Option<NewRelease>, NoRelease>,
}

/// A release that may be put in force.
#[derive(Debug)]
pub(super) struct NewRelease {
    pub(super) held: HeldRelease,
    pub(super) verified: Arc<Verified>,
    /// As it was signed.
    pub(super) file: Vec<u8>,
}

/// Why a look found nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoRelease {
    #[error(transparent)]
    Marks(#[from] UnreadMarks),
    #[error(transparent)]
    NotOffered(#[from] NotOffered),
    #[error("the trust root is version {ours}, and version {seen} was in force before")]
    OlderRoot { ours: u64, seen: u64 },
}

impl ChannelLook {
    pub(super) fn look(self) -> Result<FoundChannel, NoRelease> {
        let read = || self.kept.read(&self.channel, &self.root.trust);
        let mut marks = self.marks.clone().map_or_else(read, Ok)?;
        let ours = self.root.version();
        if ours < marks.root {
            let seen = marks.root;
            return Err(NoRelease::OlderRoot { ours, seen });
        }
        self.root.show(&mut marks);
        let store = self.store.open().map_err(NotOffered::from)?;
        let policies = Policies::new(store);
        // Before the head: a release that is published in between is newer than what the timestamp says, never older.
        let timestamp = policies.timestamp(&self.channel.channel);
        let found = offered(
            &policies,
            &self.channel,
            &self.root.trust,
            &marks,
            self.in_force,
            self.most,
        );
        let new = found.map_err(NoRelease::from);
        let new = new.map(|found| {
            found.map(|found| NewRelease {
                held: found.held(),
                verified: Arc::new(found.bundle),
                file: found.file,
            })
        });
        Ok(FoundChannel {
            marks,
            timestamp,
            new,
        })
    }
}

impl From<NoRelease> for RefusedUpdate {
    fn from(why: NoRelease) -> Self {
        let word = match &why {
            NoRelease::Marks(_) => Refusal::Marks,
            NoRelease::NotOffered(why) => Refusal::from(why),
            NoRelease::OlderRoot { .. } => Refusal::Rollback,
        };
        Self::new(word, chain(&why))
    }
}

impl From<&NotOffered> for Refusal {
    fn from(why: &NotOffered) -> Self {
        match why {
            NotOffered::Nothing(_) | NotOffered::Missing(_) => Self::SourceUnavailable,
            NotOffered::Store(error) => match error {
                StoreError::Spoilt { .. } => Self::Digest,
                StoreError::Conflict { .. }
                | StoreError::Unavailable { .. }
                | StoreError::Invalid(_) => Self::SourceUnavailable,
            },
            NotOffered::Refused(why) => Self::from(why),
            NotOffered::Bundle { why, .. } => Self::from(why),
            NotOffered::Looser { .. } => Self::NotSignedOff,
        }
    }
}

impl From<&SupplyRefusal> for Refusal {
    fn from(why: &SupplyRefusal) -> Self {
        match why {
            SupplyRefusal::Document { why, .. } => match why {
                DocumentError::Trust(why) => Self::from(why),
                DocumentError::Other { .. } => Self::Digest,
                DocumentError::TooLong
                | DocumentError::Envelope
                | DocumentError::Kind(_)
                | DocumentError::Members(_)
                | DocumentError::Contradiction(_) => Self::Format,
            },
            SupplyRefusal::Organisation { .. } => Self::Organisation,
            SupplyRefusal::Channel { .. } => Self::Channel,
            SupplyRefusal::Rollback { .. } => Self::Rollback,
            SupplyRefusal::Forked(_) | SupplyRefusal::History(_) => Self::History,
            SupplyRefusal::OlderTimestamp { .. }
            | SupplyRefusal::Withheld { .. }
            | SupplyRefusal::Future { .. } => Self::Timestamp,
            SupplyRefusal::FirstFormat => Self::Threshold,
            SupplyRefusal::Bundle { .. } => Self::Digest,
            SupplyRefusal::OtherSignOff(_)
            | SupplyRefusal::TooFarBack(_)
            | SupplyRefusal::NeverSignedOff(_) => Self::NotSignedOff,
        }
    }
}
