//! Stops and lifts: an operator lets less through for a while, and publishers with reviewers take that back.

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::Envelope;
use stopgate_decide::bundle::root::{Role, TrustError};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};
use stopgate_decide::supply::{
    ChannelId, DocumentError, FormatOne, Lift, Link, Stop, StopLimit, SupplyRefusal, Unsealed,
    read_lift, read_stop,
};
use stopgate_store::{Items, Moved, Policies, StoreError};

use crate::key::{KeyError, SigningKey};
use crate::publish::{merged, seal};

/// What is to be stopped.
#[derive(Debug)]
pub struct Stopping<'a> {
    /// Where.
    pub channel: &'a ChannelId,
    /// What people call it.
    pub id: &'a StopId,
    /// The tool that it reaches; `None` for all.
    pub tool: Option<&'a ToolName>,
    /// The operation that it reaches; `None` for all.
    pub operation: Option<&'a OperationName>,
    /// The agent that it reaches; `None` for all.
    pub agent: Option<&'a str>,
    /// The highest class of action that still passes.
    pub limit: StopLimit,
    /// Why.
    pub reason: &'a str,
    /// How long it holds.
    pub lasts: SignedDuration,
}

/// A stop or a lift with its signatures.
#[derive(Debug)]
pub struct Sealed<D> {
    /// What it says.
    pub document: D,
    /// The digest by which other documents name the stop.
    pub digest: Digest,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Why nothing is stopped or lifted.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key does not work.
    #[error("it cannot be signed")]
    Key(#[from] KeyError),
    /// The document cannot be made.
    #[error("it cannot be made")]
    Document(#[from] DocumentError),
    /// Sidecars would refuse it.
    #[error("sidecars would refuse it")]
    Refused(#[source] SupplyRefusal),
    /// The trust root lets the holder of a key sign nothing of the kind.
    #[error("the trust root has no such role for the key {0}")]
    Stranger(String),
    /// A stop has this id already.
    #[error("there is a stop `{0}` already, and what it says stays")]
    Taken(StopId),
    /// There is no such stop.
    #[error("the channel has no stop `{0}`")]
    NoStop(StopId),
    /// What the others signed is no lift of this stop.
    #[error("what was signed before is not the lift of this stop")]
    OtherLift,
    /// Somebody changed the stop meanwhile.
    #[error("the stop `{0}` is another one than a moment ago")]
    Changed(StopId),
    /// Nobody says whose channel it is.
    #[error("the channel holds nothing that says whose it is")]
    NoOrganisation(#[source] Option<SupplyRefusal>),
}

impl Stopping<'_> {
    /// Signs the stop with `keys`, at the instant `now`.
    ///
    /// # Errors
    /// [`StopError`]; a sidecar with this `root` would refuse it then.
    pub fn sign(
        &self,
        root: &TrustRoot,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<Sealed<Stop>, StopError> {
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        let expires = now.checked_add(self.lasts).unwrap_or(Timestamp::MAX);
        let document = Stop {
            format: FormatOne,
            organisation,
            channel,
            id: self.id.clone(),
            tool: self.tool.cloned(),
            operation: self.operation.cloned(),
            agent: self.agent.map(str::to_owned),
            limit: self.limit,
            reason: self.reason.to_owned(),
            by: owner(root, keys)?,
            issued: now,
            expires,
        };
        let bytes = seal(Unsealed::new(&document)?, keys)?;
        let read = read_stop(&bytes, self.channel, root).map_err(StopError::Refused)?;
        Ok(Sealed {
            document,
            digest: read.digest(),
            bytes,
        })
    }
}

/// Returns whose the first of `keys` is; where the trust root has a name for them that no document takes, the key's id.
fn owner(root: &TrustRoot, keys: &[SigningKey]) -> Result<OwnerName, StopError> {
    let Some(key) = keys.first() else {
        return Err(StopError::Stranger("of nobody".to_owned()));
    };
    let id = key.public()?.id();
    let stranger = || StopError::Stranger(id.clone());
    let listed = root.statement().keys.get(&id).ok_or_else(stranger)?;
    let named = listed.owner.parse().or_else(|_| id.parse());
    named.map_err(|_| stranger())
}

/// Returns whose the channel is, as its newest release says.
///
/// # Errors
/// [`StopError`], and [`StopError::NoOrganisation`] if no release at its head verifies under `root`.
pub fn organisation<S: Items>(
    policies: &Policies<S>,
    channel: &ChannelName,
    root: &TrustRoot,
) -> Result<OwnerName, StopError> {
    let head = policies.head(channel)?;
    let head = head.ok_or(StopError::NoOrganisation(None))?;
    let link = Link::offered(&head.release, head.sign_off.as_deref(), root)
        .map_err(|why| StopError::NoOrganisation(Some(why)))?;
    Ok(link.release().document().organisation.clone())
}

impl Sealed<Stop> {
    /// Puts the stop into the store, and takes those away that have long been over.
    ///
    /// # Errors
    /// [`StopError`].
    pub fn put<S: Items>(&self, policies: &Policies<S>) -> Result<(), StopError> {
        let Stop {
            channel,
            id,
            issued,
            expires,
            ..
        } = &self.document;
        let named = (self.digest, *expires);
        let put = policies.put_stop(channel, id, self.bytes.clone(), named);
        match put {
            Ok(Moved::Here) => {}
            // It may be the very one, of a try whose answer was lost.
            Ok(Moved::Overtaken) | Err(StoreError::Unavailable { .. }) => {
                if policies.stop(channel, id)?.as_ref() != Some(&self.bytes) {
                    return Err(put
                        .err()
                        .map_or_else(|| StopError::Taken(id.clone()), StopError::from));
                }
            }
            Err(error) => return Err(error.into()),
        }
        // The stop is made, whatever becomes of this.
        let _next_time = policies.tidy_stops(channel, *issued);
        Ok(())
    }
}

/// How many have signed a lift, and how many have to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiftSigners {
    /// Publishers.
    pub publishers: (usize, u32),
    /// Reviewers, by owner.
    pub reviewers: (usize, u32),
}

impl LiftSigners {
    /// Counts the signatures of a lift, each of which is good.
    fn count(bytes: &[u8], root: &TrustRoot) -> Self {
        let signatures = Envelope::from_bytes(bytes).map_or_else(Vec::new, |lift| lift.signatures);
        let of = |role| {
            let keys = signatures.iter().map(|signature| signature.key.clone());
            let mut keys = keys.filter(|key| root.has(role, key)).collect();
            root.keep_one_of_each(role, &mut keys);
            keys.len()
        };
        let reviewers = root.statement().roles.reviewer.as_ref();
        let needed = reviewers.map(|role| role.threshold_high.unwrap_or(role.threshold));
        Self {
            publishers: (
                of(Role::Publisher),
                root.threshold(Role::Publisher).unwrap_or(u32::MAX),
            ),
            reviewers: (of(Role::Reviewer), needed.unwrap_or(u32::MAX)),
        }
    }
}

impl std::fmt::Display for LiftSigners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((publishers, all_publishers), (reviewers, all_reviewers)) =
            (self.publishers, self.reviewers);
        write!(
            f,
            "{publishers} of {all_publishers} publishers and {reviewers} of {all_reviewers} reviewers have signed"
        )
    }
}

/// A lift that is being signed, by one holder of a key after the other.
#[derive(Debug)]
pub struct Lifting {
    /// The stop.
    pub stop: Stop,
    /// Its lift, with the signatures so far.
    pub lift: Sealed<Lift>,
    /// Who has signed and who has to, as long as it does not lift the stop; `None` once it does.
    pub missing: Option<LiftSigners>,
}

impl Lifting {
    /// Signs the lift of the stop in `bytes` with `keys`, beside what others have `signed`.
    ///
    /// # Errors
    /// [`StopError`]. That too few have signed is none.
    pub fn sign(
        (channel, bytes): (&ChannelId, &[u8]),
        root: &TrustRoot,
        keys: &[SigningKey],
        signed: &[Vec<u8>],
    ) -> Result<Self, StopError> {
        let stop = read_stop(bytes, channel, root).map_err(StopError::Refused)?;
        let document = Lift {
            format: FormatOne,
            organisation: channel.organisation.clone(),
            channel: channel.channel.clone(),
            stop: stop.digest(),
        };
        for key in keys {
            let id = key.public()?.id();
            if !root.has(Role::Publisher, &id) && !root.has(Role::Reviewer, &id) {
                return Err(StopError::Stranger(id));
            }
        }
        let own = seal(Unsealed::new(&document)?, keys)?;
        let all: Vec<_> = signed.iter().chain([&own]).cloned().collect();
        let bytes = merged(&all).map_err(|_| StopError::OtherLift)?;
        let bytes = bytes.unwrap_or(own);
        let missing = match read_lift(&bytes, channel, root) {
            Ok(_) => None,
            Err(SupplyRefusal::Document {
                why: DocumentError::Trust(TrustError::Threshold { .. }),
                ..
            }) => Some(LiftSigners::count(&bytes, root)),
            Err(why) => return Err(StopError::Refused(why)),
        };
        Ok(Self {
            lift: Sealed {
                digest: stop.digest(),
                document,
                bytes,
            },
            stop: stop.document().clone(),
            missing,
        })
    }

    /// Puts the lift into the store.
    ///
    /// # Errors
    /// [`StopError`], and [`StopError::Changed`] if the stop is not the one in the store.
    pub fn put<S: Items>(&self, policies: &Policies<S>) -> Result<(), StopError> {
        let Stop {
            channel,
            id,
            expires,
            ..
        } = &self.stop;
        let named = (self.lift.digest, *expires);
        match policies.put_lift(channel, id, self.lift.bytes.clone(), named)? {
            Moved::Here => Ok(()),
            Moved::Overtaken => Err(StopError::Changed(id.clone())),
        }
    }
}
