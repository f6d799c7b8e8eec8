//! From a commit to the policy of a channel: what would be published, whether anybody would enforce it, and the writes.
//!
//! The plan is judged by the code with which sidecars judge: what none of them would put in force is not published. The
//! writes can be cut short anywhere. Chunks and bundle come first and mean nothing by themselves, and the head moves
//! last, in one transaction with the history; whoever begins again goes on where they ended.

mod hand_out;
mod head;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use jiff::Timestamp;
use stopgate_decide::bundle::dsse::{Envelope, Signature};
use stopgate_decide::bundle::{
    Bundle, BundleError, MAX_BUNDLE_BYTES, MayBeLooser, NamedBundle, TrustRoot, Verified,
    not_looser,
};
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{
    ChannelId, DocumentError, FormatOne, Ground, Link, Marks, Release, ReleaseChange,
    ReleaseVersion, SignOff, Signed, SupplyRefusal, Trace, Unsealed, trace,
};
use stopgate_decide::surface::Risk;
use stopgate_store::{Items, Moved, Policies, Rows, StoreError, StoredRelease};

use crate::build::Built;
use crate::key::{KeyError, SigningKey};

pub use hand_out::RootOut;

/// What is to be published, and by whom.
#[derive(Debug)]
pub struct Publication<'a> {
    /// Where.
    pub channel: &'a ChannelId,
    /// The bundle, signed by the publisher.
    pub built: &'a Built,
    /// The commit that it was built from, or a word for there being none.
    pub commit: &'a str,
    /// Digest of the decision tables beside the policy.
    pub tests: Digest,
    /// The trust root that sidecars judge by.
    pub root: &'a TrustRoot,
    /// The file of that root, which is handed out with the release: whoever has the version before finds it there. `None` where
    /// a commit of long ago is published, whose root may be as old.
    pub root_file: Option<&'a [u8]>,
    /// Keys of publishers.
    pub keys: &'a [SigningKey],
    /// Files of sign-offs: of one change, by one reviewer or more each.
    pub sign_offs: &'a [Vec<u8>],
    /// The instant.
    pub now: Timestamp,
    /// Whether it is published although the channel has this bundle already: signed with other keys.
    pub again: bool,
}

/// What publishing would do.
#[derive(Debug)]
pub enum Plan {
    /// Nothing: the channel has this bundle since this release.
    Unchanged(ReleaseVersion),
    /// It would make a new release.
    Release(Box<PlannedRelease>),
}

/// A release that could be published.
#[derive(Debug)]
pub struct PlannedRelease {
    /// The release.
    pub release: Release,
    /// What it would replace: nothing on an empty channel.
    pub before: Option<Replaced>,
    /// What lets it pass.
    pub passes: Passes,
    stored: StoredRelease,
}

/// The release that another one would replace.
#[derive(Debug)]
pub struct Replaced {
    /// As it stands in the store.
    stored: StoredRelease,
    /// What it says.
    pub release: Release,
}

/// What lets a release pass, or is missing.
#[derive(Debug)]
pub enum Passes {
    /// Its bundle is not looser.
    NotLooser,
    /// Reviewers signed it off: the ids of their keys.
    SignedOff(Vec<String>),
    /// Nobody did, and they have to.
    NeedsSignOff(Missing),
}

/// Why reviewers have to sign a release off.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// It is the first of its channel.
    #[error("it is the first release of the channel")]
    First,
    /// It may be looser.
    #[error(transparent)]
    Looser(#[from] MayBeLooser),
    /// It is published again, with another key.
    #[error(
        "it is published again, and what was signed before may be signed with keys that leave: nobody who comes later would find \
         anything to stand on"
    )]
    Again,
    /// Sidecars that were away would find nothing to stand on.
    #[error(
        "none of the last {} releases was signed off",
        stopgate_decide::supply::MAX_STEPS_BACK
    )]
    TooLongAgo,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is at the head would be put in force by nobody, so nothing is put behind it.
    #[error("what the channel holds is not what a publisher signed")]
    Head(#[source] SupplyRefusal),
    /// A bundle that is in force cannot be read back.
    #[error("the bundle in force cannot be compared with")]
    Base(#[source] BundleError),
    /// It is not in the store.
    #[error("the bundle {0} is not in the store, or something else is there in its place")]
    NoBase(Digest),
    /// Sidecars would refuse the new bundle.
    #[error("sidecars would refuse the bundle")]
    Bundle(#[source] BundleError),
    /// Sidecars would refuse the new release.
    #[error("sidecars would refuse the release")]
    Release(#[source] SupplyRefusal),
    /// A document cannot be made or read.
    #[error("{what}")]
    Document {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        why: DocumentError,
    },
    /// What would be published again is not what the channel has.
    #[error("the channel has {0}, so this would not publish it again")]
    NotAgain(Digest),
    /// The sign-offs are not of one change.
    #[error("the sign-offs are for different changes")]
    SignOffs,
    /// The sign-off is for another change than this one.
    #[error(transparent)]
    OtherChange(Box<OtherChange>),
    /// The store has another trust root of this version, and root keys have signed both.
    #[error("the store has another trust root of version {0}, which its root keys have signed too")]
    OtherRoot(u64),
    /// Sidecars go by a newer root.
    #[error("the trust root is version {ours}, and sidecars come to version {newest}")]
    OlderRoot {
        /// The version of the commit.
        ours: u64,
        /// The newest in the store.
        newest: u64,
    },
    /// The last version there can be was published.
    #[error("there is no version after {0}")]
    Versions(ReleaseVersion),
    /// A key does not work.
    #[error("the release cannot be signed")]
    Key(#[from] KeyError),
    /// Somebody else published meanwhile.
    #[error(
        "conflict: version {0} was published by somebody else meanwhile, and nothing of this was"
    )]
    Conflict(ReleaseVersion),
}

/// A sign-off of one change that was brought for another.
#[derive(Debug, thiserror::Error)]
#[error(
    "the sign-off is for the change from {} to {}, and this one is from {} to {}",
    named(signed.0), signed.1, named(change.0), change.1
)]
pub struct OtherChange {
    /// The base and the bundle that were signed off.
    pub signed: (Option<Digest>, Digest),
    /// The base and the bundle of the change.
    pub change: (Option<Digest>, Digest),
}

fn named(base: Option<Digest>) -> String {
    base.map_or_else(|| "no policy".to_owned(), |base| base.to_string())
}

impl Publication<'_> {
    /// Finds out what publishing would do, and signs the release. Nothing is written.
    ///
    /// # Errors
    /// [`PublishError`], but never that a sign-off is missing: that is part of the plan.
    pub fn plan<S: Items>(&self, policies: &Policies<S>) -> Result<Plan, PublishError> {
        // 1. The newest root, and the head, which has to be one that sidecars took.
        self.is_newest_root(policies)?;
        let stored = policies.head(&self.channel.channel)?;
        let head = stored.map(|stored| self.head(policies, stored));
        let head = head.transpose()?;
        if let Some((before, _)) = &head
            && before.release.bundle == self.built.digest
            && !self.again
        {
            return Ok(Plan::Unchanged(before.release.version));
        }
        // A head that nobody vouches for any more is followed by its own bundle and by no other.
        if let Some((before, _)) = &head
            && self.again
            && before.release.bundle != self.built.digest
        {
            return Err(PublishError::NotAgain(before.release.bundle));
        }
        // 2. Beside the bundle in force.
        let new = (self.built.bytes.as_slice(), self.built.digest);
        let new = self.read(new)?;
        let looser = match &head {
            None => Some(Missing::First),
            // Nothing is looser than itself, and what is there may be signed with a key that leaves.
            Some((before, _)) if before.release.bundle == self.built.digest => None,
            Some((before, _)) => {
                let base = before.release.bundle;
                let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
                let file = policies.bundle(base, most)?;
                let file = file.ok_or(PublishError::NoBase(base))?;
                // By its digest, which the head names: whoever signed it may have left.
                let base = NamedBundle::read(Cursor::new(&file), base, most);
                let base = base.map_err(PublishError::Base)?;
                not_looser(&base, new.named()).err().map(Missing::Looser)
            }
        };
        // 3. The release and what was signed for it.
        let release = self.release(head.as_ref(), looser.is_some())?;
        let sign_off = merged(self.sign_offs)?;
        let sealed = Unsealed::new(&release).map_err(document("the release cannot be made"))?;
        let digest = sealed.digest();
        let bytes = seal(sealed, self.keys)?;
        let link = Link::offered(&bytes, sign_off.as_deref(), self.root);
        let link = link.map_err(|why| self.other_change(why, sign_off.as_deref(), &release))?;
        // 4. What a sidecar that has seen nothing yet would say: it needs the most.
        let passes = match (link.sign_off(), looser) {
            (Some(sign_off), _) => Passes::SignedOff(sign_off.signers().to_vec()),
            (None, Some(missing)) => Passes::NeedsSignOff(missing),
            (None, None) if release.change == ReleaseChange::Same => {
                Passes::NeedsSignOff(Missing::Again)
            }
            (None, None) => match self.stands(policies, link)? {
                true => Passes::NotLooser,
                false => Passes::NeedsSignOff(Missing::TooLongAgo),
            },
        };
        let stored = StoredRelease {
            version: release.version,
            bundle: release.bundle,
            digest,
            release: bytes,
            sign_off,
            at: self.now,
        };
        Ok(Plan::Release(Box::new(PlannedRelease {
            release,
            before: head.map(|(before, _)| before),
            passes,
            stored,
        })))
    }

    /// Writes what was planned: the trust root, the bundle, and then the head. Returns the root if it was not there.
    ///
    /// # Errors
    /// [`PublishError`], and [`PublishError::Conflict`] if the channel moved since the plan was made.
    pub fn publish<S: Items>(
        &self,
        planned: &PlannedRelease,
        policies: &Policies<S>,
    ) -> Result<Option<RootOut>, PublishError> {
        let new = &planned.stored;
        // Before the head: what follows may be signed with keys that are new in it.
        let root = self.hand_out_root(policies, true)?;
        policies.put_bundle(new.bundle, &self.built.bytes, self.now)?;
        policies.put_rows(&self.rows()?)?;
        let before = planned.before.as_ref().map(|before| &before.stored);
        let moved = policies.move_head(&self.channel.channel, before, new);
        match moved {
            Ok(Moved::Here) => Ok(root),
            // Whether it was written is not known, or this was tried twice: the head says which.
            Ok(Moved::Overtaken) | Err(StoreError::Unavailable { .. }) => {
                let head = policies.head(&self.channel.channel)?;
                match (head, moved) {
                    (Some(head), _) if head == *new => Ok(root),
                    (_, Err(error)) => Err(error.into()),
                    (_, Ok(_)) => Err(PublishError::Conflict(new.version)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the rows of the channel's bundle what the bundle says, whatever somebody made of them, and returns how many
    /// were something else.
    ///
    /// # Errors
    /// [`PublishError`]
    pub fn mend_rows<S: Items>(&self, policies: &Policies<S>) -> Result<usize, PublishError> {
        Ok(policies.mend_rows(&self.rows()?)?)
    }

    fn rows(&self) -> Result<Rows, PublishError> {
        let bundle = Bundle::open(&self.built.bytes, self.root).map_err(PublishError::Bundle)?;
        Ok(Rows::new(&bundle).map_err(StoreError::from)?)
    }

    /// Returns the marks of somebody who has seen nothing.
    fn nobody(&self) -> Marks {
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        Marks::new(organisation, channel, self.root)
    }

    /// Reads the bundle that is to be published, which has to be the one called `digest`, as sidecars will.
    fn read(&self, (file, digest): (&[u8], Digest)) -> Result<Verified, PublishError> {
        let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
        let verified = Verified::read(Cursor::new(file), self.root, most, None);
        let verified = verified.map_err(PublishError::Bundle)?;
        verified
            .filter(|verified| verified.digest() == digest)
            .ok_or(PublishError::NoBase(digest))
    }

    fn release(
        &self,
        head: Option<&(Replaced, Link)>,
        looser: bool,
    ) -> Result<Release, PublishError> {
        let version = match head {
            None => ReleaseVersion::FIRST,
            Some((before, _)) => {
                let last = before.release.version;
                last.next().ok_or(PublishError::Versions(last))?
            }
        };
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        Ok(Release {
            format: FormatOne,
            organisation,
            channel,
            version,
            bundle: self.built.digest,
            base: head.map(|(before, _)| before.release.bundle),
            previous: head.map(|(_, link)| link.release().digest()),
            change: match head {
                Some((before, _)) if before.release.bundle == self.built.digest => {
                    ReleaseChange::Same
                }
                _ if looser => ReleaseChange::Looser,
                _ => ReleaseChange::Stricter,
            },
            // At which risk exactly, only the gate can say; reviewers do, in their sign-off.
            risk: looser.then_some(Risk::High),
            tests: self.tests,
            commit: self.commit.to_owned(),
            builder: concat!("stopgate ", env!("CARGO_PKG_VERSION")).to_owned(),
        })
    }

    /// Says whether `link` has something to stand on for somebody who has seen nothing of the channel.
    fn stands<S: Items>(&self, policies: &Policies<S>, link: Link) -> Result<bool, PublishError> {
        let mut chain = vec![link];
        loop {
            match trace(&chain, self.channel, &self.nobody()) {
                Ok(Trace::Ends(Ground::InForce | Ground::Steps(_))) => {
                    return Ok(true);
                }
                Err(SupplyRefusal::TooFarBack(_) | SupplyRefusal::NeverSignedOff(_)) => {
                    return Ok(false);
                }
                Err(why) => return Err(PublishError::Release(why)),
                Ok(Trace::Before { version, release }) => {
                    let history = SupplyRefusal::History(version);
                    let stored = policies.history(&self.channel.channel, version)?;
                    let stored = stored.ok_or(PublishError::Head(history))?;
                    let sign_off = stored.sign_off.as_deref();
                    let before = Link::before(&stored.release, release, sign_off, self.root);
                    chain.push(before.map_err(PublishError::Head)?);
                }
            }
        }
    }

    /// Says what a sign-off is for, where it is not for this change.
    fn other_change(
        &self,
        why: SupplyRefusal,
        sign_off: Option<&[u8]>,
        release: &Release,
    ) -> PublishError {
        let signed = sign_off.and_then(|bytes| Signed::<SignOff>::read(bytes, self.root).ok());
        match (why, signed) {
            (SupplyRefusal::OtherSignOff(_), Some(signed)) => {
                let signed = signed.document();
                if signed.organisation != release.organisation {
                    return PublishError::Release(SupplyRefusal::Organisation {
                        found: signed.organisation.clone(),
                        wanted: release.organisation.clone(),
                    });
                }
                PublishError::OtherChange(Box::new(OtherChange {
                    signed: (signed.base, signed.bundle),
                    change: (release.base, release.bundle),
                }))
            }
            (why, _) => PublishError::Release(why),
        }
    }
}

fn document(what: &'static str) -> impl Fn(DocumentError) -> PublishError {
    move |why| PublishError::Document { what, why }
}

/// Signs a document with each of `keys` once, in the order of their ids.
///
/// # Errors
/// [`KeyError`] if a key does not work.
pub fn seal(document: Unsealed, keys: &[SigningKey]) -> Result<Vec<u8>, KeyError> {
    let message = document.signed_bytes();
    let mut signatures = BTreeMap::new();
    for key in keys {
        signatures.insert(key.public()?.id(), key.sign(&message));
    }
    let signatures = signatures
        .into_iter()
        .map(|(key, bytes)| Signature { key, bytes });
    Ok(document.seal(signatures.collect()))
}

/// Puts the signatures of several files of one document under one; `None` of no file.
///
/// # Errors
/// [`PublishError::SignOffs`] if they are of different documents, and [`PublishError::Document`] if one is no document.
pub(crate) fn merged(files: &[Vec<u8>]) -> Result<Option<Vec<u8>>, PublishError> {
    let mut merged: Option<Envelope> = None;
    for file in files {
        let envelope = Envelope::from_bytes(file).ok_or(DocumentError::Envelope);
        let mut envelope = envelope.map_err(document("a sign-off cannot be read"))?;
        match &mut merged {
            None => merged = Some(envelope),
            Some(first) => {
                if (&first.payload_type, &first.payload)
                    != (&envelope.payload_type, &envelope.payload)
                {
                    return Err(PublishError::SignOffs);
                }
                first.signatures.append(&mut envelope.signatures);
            }
        }
    }
    Ok(merged.map(|mut envelope| {
        // Who is named twice has signed once; two different signatures of one key are left for the verifier to refuse.
        let mut seen = BTreeSet::new();
        envelope
            .signatures
            .retain(|signature| seen.insert((signature.key.clone(), signature.bytes.clone())));
        envelope.signatures.sort_by(|a, b| a.key.cmp(&b.key));
        envelope.to_bytes()
    }))
}

#[cfg(test)]
mod tests;
