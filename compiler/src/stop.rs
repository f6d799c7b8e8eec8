//! Stops and lifts: an operator lets less through for a while, and publishers with reviewers take that back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::Envelope;
use stopgate_decide::bundle::root::{Role, TrustError};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};
use stopgate_decide::supply::{
    ChannelId, DocumentError, FormatOne, Lift, Link, SeenStops, Signed, Stop, StopLimit,
    StopsMoment, SupplyRefusal, TimestampDocument, Unsealed, read_lift, read_stop,
};
use stopgate_decide::visible::visible;
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
    /// A key is of nobody who may stop.
    #[error("the key {key} is of nobody who may stop; those are {those}")]
    NoStopKey {
        /// Its id.
        key: String,
        /// The owners of the keys of the role.
        those: String,
    },
    /// A stop has this id already.
    #[error("there is a stop `{0}` already, and what it says stays")]
    Taken(StopId),
    /// There is no such stop.
    #[error("the channel has no stop `{0}`")]
    NoStop(StopId),
    /// Another stop is in its place.
    #[error("in the place of the stop `{wanted}` is another one, `{found}`")]
    OtherStop {
        /// The one that was named.
        wanted: StopId,
        /// The one that is there.
        found: StopId,
    },
    /// It is stored, and whoever looks for stops does not find it in force.
    #[error("the stop `{id}` is stored, and sidecars cannot see it: {why}")]
    Unseen {
        /// The stop.
        id: StopId,
        /// Why.
        why: String,
    },
    /// What the others signed is no lift of this stop.
    #[error("what was signed before is not the lift of this stop")]
    OtherLift,
    /// Nobody says whose channel it is.
    #[error("the channel holds nothing that says whose it is")]
    NoOrganisation(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
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
        for key in keys {
            may_stop(root, &key.public()?.id())?;
        }
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

/// Checks that the key `id` has the role `stop`.
fn may_stop(root: &TrustRoot, id: &str) -> Result<(), StopError> {
    if root.has(Role::Stop, id) {
        return Ok(());
    }
    let statement = root.statement();
    let keys = statement.roles.stop.iter().flat_map(|role| &role.keys);
    let owners = keys.filter_map(|id| Some(visible(&statement.keys.get(id)?.owner, 60)));
    let owners: Vec<_> = owners.collect();
    Err(StopError::NoStopKey {
        key: id.to_owned(),
        those: match owners.as_slice() {
            [] => "none: the trust root has no role `stop`".to_owned(),
            owners => owners.join(", "),
        },
    })
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
    // Whatever is wrong with the head, something can still be stopped by whoever says whose channel it is.
    let head = policies.head(channel);
    let head = head.map_err(|why| StopError::NoOrganisation(Some(why.into())))?;
    let head = head.ok_or(StopError::NoOrganisation(None))?;
    let link = Link::head(&head.release, head.sign_off.as_deref(), root)
        .map_err(|why| StopError::NoOrganisation(Some(why.into())))?;
    Ok(link.release().document().organisation.clone())
}

/// Returns the later one of `now` and the newest timestamp of the channel: a clock that is behind would make a stop that is
/// over before it begins.
pub fn not_behind<S: Items>(
    policies: &Policies<S>,
    channel: &ChannelId,
    root: &TrustRoot,
    now: Timestamp,
) -> Timestamp {
    // Where there is none to go by, the own clock has to do.
    let found = policies.timestamp(&channel.channel).ok().flatten();
    let read = found.and_then(|bytes| Signed::<TimestampDocument>::read(&bytes, root).ok());
    let read = read.filter(|timestamp| {
        let said = timestamp.document();
        said.organisation == channel.organisation && said.channel == channel.channel
    });
    read.map_or(now, |timestamp| timestamp.document().issued.max(now))
}

impl Sealed<Stop> {
    /// Reads a stop of `channel` that somebody has signed.
    ///
    /// # Errors
    /// [`StopError::Refused`]
    pub fn read(bytes: Vec<u8>, channel: &ChannelId, root: &TrustRoot) -> Result<Self, StopError> {
        let read = read_stop(&bytes, channel, root).map_err(StopError::Refused)?;
        Ok(Self {
            document: read.document().clone(),
            digest: read.digest(),
            bytes,
        })
    }

    /// Puts the stop into the store, and looks whether a sidecar would find it in force at the instant `now`.
    ///
    /// # Errors
    /// [`StopError`]
    pub fn put<S: Items>(
        &self,
        policies: &Policies<S>,
        channel: &ChannelId,
        root: &TrustRoot,
        now: Timestamp,
    ) -> Result<(), StopError> {
        let Stop { id, expires, .. } = &self.document;
        let named = (self.digest, *expires);
        let put = policies.put_stop(&channel.channel, id, self.bytes.clone(), named);
        match put {
            Ok(Moved::Here) => {}
            // It may be the very one, of a try whose answer was lost.
            Ok(Moved::Overtaken) | Err(StoreError::Unavailable { .. }) => {
                if policies.stop(&channel.channel, id)?.as_ref() != Some(&self.bytes) {
                    let taken = || StopError::Taken(id.clone());
                    return Err(put.err().map_or_else(taken, StopError::from));
                }
            }
            Err(error) => return Err(error.into()),
        }
        let unseen = |why: String| StopError::Unseen {
            id: id.clone(),
            why,
        };
        let stored = policies.stops(&channel.channel, now);
        let stored = stored.map_err(|why| unseen(why.to_string()))?;
        let listed = BTreeSet::new();
        let at = StopsMoment {
            root,
            listed: &listed,
            now,
        };
        let mut seen = SeenStops::new(channel.clone());
        // What is not this one is no concern of whoever makes it.
        let _refused = stored.show(&mut seen, &at);
        if seen.to_list(now).contains(&self.digest) {
            Ok(())
        } else {
            Err(unseen(
                "it is over already, or crowded out by others".to_owned(),
            ))
        }
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
    /// Its lift, with the signatures so far.
    pub lift: Sealed<Lift>,
    /// Who has signed and who has to, as long as it does not lift the stop; `None` once it does.
    pub missing: Option<LiftSigners>,
}

/// Reads the stop of `channel` called `id` in the store.
///
/// # Errors
/// [`StopError`], and [`StopError::OtherStop`] if what is there is called otherwise: what is signed has to be what was meant.
pub fn stop_called<S: Items>(
    policies: &Policies<S>,
    channel: &ChannelId,
    id: &StopId,
    root: &TrustRoot,
) -> Result<Sealed<Stop>, StopError> {
    let stored = policies.stop(&channel.channel, id)?;
    let stored = stored.ok_or_else(|| StopError::NoStop(id.clone()))?;
    let stop = Sealed::<Stop>::read(stored, channel, root)?;
    if stop.document.id == *id {
        Ok(stop)
    } else {
        Err(StopError::OtherStop {
            wanted: id.clone(),
            found: stop.document.id,
        })
    }
}

impl Lifting {
    /// Signs the lift of the stop of `channel` whose document is called `stop` with `keys`, beside what others have
    /// `signed`.
    ///
    /// # Errors
    /// [`StopError`]. That too few have signed is none.
    pub fn sign(
        (channel, stop): (&ChannelId, Digest),
        root: &TrustRoot,
        keys: &[SigningKey],
        signed: &[Vec<u8>],
    ) -> Result<Self, StopError> {
        let document = Lift {
            format: FormatOne,
            organisation: channel.organisation.clone(),
            channel: channel.channel.clone(),
            stop,
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
        let lift = Sealed {
            digest: stop,
            document,
            bytes,
        };
        Ok(Self { lift, missing })
    }

    /// Puts the lift into the store, where it is of use until `expires`.
    ///
    /// # Errors
    /// [`StopError::Store`]
    pub fn put<S: Items>(
        &self,
        policies: &Policies<S>,
        expires: Timestamp,
    ) -> Result<(), StopError> {
        let Sealed {
            document,
            digest,
            bytes,
        } = &self.lift;
        Ok(policies.put_lift(&document.channel, bytes.clone(), (*digest, expires))?)
    }
}
