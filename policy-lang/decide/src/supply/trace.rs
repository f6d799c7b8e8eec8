//! Whether an offered release may be put in force: of the right channel, never older than what was seen, and let pass by
//! reviewers wherever it may be looser.
//!
//! A sidecar has no solver, so it cannot say itself what is looser. It goes back from the offered release, document by
//! document, to the one in force, and every change on the way has to be signed off or seen not to be looser, by comparing
//! bundles ([`crate::bundle::not_looser`]). A sign-off alone is no ground to stand on: whoever holds a publisher's key could
//! make a history in which an old one fits. Only who has seen nothing yet begins at a release that was signed off.

use jiff::Timestamp;

use super::marks::Marks;
use super::release::{Release, ReleaseVersion};
use super::sign_off::SignOff;
use super::signed::{DocumentError, Signed};
use crate::bundle::TrustRoot;
use crate::digest::Digest;
use crate::name::{ChannelName, OwnerName};

/// Most releases that are gone back. Publishers have at least every tenth one signed off.
pub const MAX_STEPS_BACK: usize = 10;

/// A channel of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelId {
    /// Whose it is.
    pub organisation: OwnerName,
    /// Its name.
    pub channel: ChannelName,
}

impl ChannelId {
    /// Checks that a document of this `organisation` and `channel` is one of ours.
    pub(super) fn is_of(
        &self,
        organisation: &OwnerName,
        channel: &ChannelName,
    ) -> Result<(), SupplyRefusal> {
        if *organisation != self.organisation {
            return Err(SupplyRefusal::Organisation {
                found: organisation.clone(),
                wanted: self.organisation.clone(),
            });
        }
        if *channel != self.channel {
            return Err(SupplyRefusal::Channel {
                found: channel.clone(),
                wanted: self.channel.clone(),
            });
        }
        Ok(())
    }
}

/// A release, and what let it pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    release: Signed<Release>,
    sign_off: Option<Signed<SignOff>>,
    /// Why its sign-off does not count, if there is one that does not.
    not_signed_off: Option<SupplyRefusal>,
}

/// What an offered release stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// It is the release in force.
    InForce,
    /// It may be put in force if each of these steps is seen not to be looser. Everything else was signed off.
    Steps(Vec<UnsignedStep>),
}

/// A change that nobody signed off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsignedStep {
    /// The bundle before.
    pub base: Digest,
    /// The bundle after, which may not be looser.
    pub bundle: Digest,
}

/// How far looking back has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// To the end.
    Ends(Ground),
    /// The release before has to be looked at too.
    Before {
        /// Its version.
        version: ReleaseVersion,
        /// The document, by its digest.
        release: Digest,
    },
}

/// Why an offered release is not put in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupplyRefusal {
    /// A document is not one to trust.
    #[error("the {what} cannot be trusted")]
    Document {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        why: DocumentError,
    },
    /// It is another organisation's.
    #[error("the document is of the organisation `{found}`, not of `{wanted}`")]
    Organisation {
        /// Whose it is.
        found: OwnerName,
        /// Whose it has to be.
        wanted: OwnerName,
    },
    /// It is for another channel.
    #[error("the document is for the channel `{found}`, not for `{wanted}`")]
    Channel {
        /// Which it is for.
        found: ChannelName,
        /// Which it has to be for.
        wanted: ChannelName,
    },
    /// A timestamp is older than one that was seen.
    #[error("a timestamp of {offered} was offered after one of {seen}")]
    OlderTimestamp {
        /// When the one that is offered was issued.
        offered: Timestamp,
        /// When the newest one was.
        seen: Timestamp,
    },
    /// There is a newer release, and the head is another.
    #[error(
        "the timestamp names version {named}, and version {held} is in force: a newer one is withheld"
    )]
    Withheld {
        /// The version of the newest release.
        named: ReleaseVersion,
        /// The version that is in force.
        held: ReleaseVersion,
    },
    /// It is older than what was seen.
    #[error(
        "version {offered} was offered after version {seen}: an older policy is not put in force again"
    )]
    Rollback {
        /// The version that is offered.
        offered: ReleaseVersion,
        /// The lowest that is taken.
        seen: ReleaseVersion,
    },
    /// There are two releases of one version.
    #[error("version {0} was offered twice with other content")]
    Forked(ReleaseVersion),
    /// The trust root lets one key have several roles.
    #[error(
        "the trust root is of the first format, in which one key may sign for two roles: channels take the second"
    )]
    FirstFormat,
    /// A timestamp was issued later than it is.
    #[error("the timestamp was issued at {issued}, and it is {now}: a clock is wrong")]
    Future {
        /// When it says that it was issued.
        issued: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// The bundle beside it is another one.
    #[error("the release names the bundle {wanted}, and there is {found}")]
    Bundle {
        /// The one that it names.
        wanted: Digest,
        /// The one that is there.
        found: Digest,
    },
    /// The releases before it do not fit together.
    #[error("the history of version {0} does not hold together")]
    History(ReleaseVersion),
    /// The sign-off is one of another change.
    #[error("the sign-off of version {0} is for another change")]
    OtherSignOff(ReleaseVersion),
    /// Nothing to stand on was found.
    #[error(
        "neither the release in force nor, for who has none, a signed-off one is among the last {MAX_STEPS_BACK} before \
         version {0}"
    )]
    TooFarBack(ReleaseVersion),
    /// The first release was never signed off.
    #[error("version {0} stands on no release in force and on no sign-off")]
    NeverSignedOff(ReleaseVersion),
}

impl Link {
    /// Reads an offered release and its sign-off, if it has one, and verifies both under `root`.
    ///
    /// # Errors
    /// [`SupplyRefusal::Document`], and [`SupplyRefusal::OtherSignOff`] if the sign-off is not for this very change.
    pub fn offered(
        release: &[u8],
        sign_off: Option<&[u8]>,
        root: &TrustRoot,
    ) -> Result<Self, SupplyRefusal> {
        Self::head(release, sign_off, root)?.strict()
    }

    /// Reads the release at the head of a channel and its sign-off, if it has one. A sign-off that does not count, because a
    /// reviewer has left since, is told of by [`trace`], and only to those who do not have this very release in force.
    ///
    /// # Errors
    /// [`SupplyRefusal::Document`]
    pub fn head(
        release: &[u8],
        sign_off: Option<&[u8]>,
        root: &TrustRoot,
    ) -> Result<Self, SupplyRefusal> {
        let release = Signed::read(release, root);
        Self::new(release, sign_off, root)
    }

    /// Returns the release as one that nobody signed off.
    #[must_use]
    pub fn without_sign_off(self) -> Self {
        Self {
            sign_off: None,
            not_signed_off: None,
            ..self
        }
    }

    fn strict(self) -> Result<Self, SupplyRefusal> {
        match self.not_signed_off {
            Some(why) => Err(why),
            None => Ok(self),
        }
    }

    /// Reads the release that the one after it names by its `digest`, which is all that it needs to be believed, and its
    /// sign-off. One that does not count is none: nobody is bound to what reviewers signed who have left since.
    ///
    /// # Errors
    /// [`SupplyRefusal::Document`]
    pub fn before(
        release: &[u8],
        digest: Digest,
        sign_off: Option<&[u8]>,
        root: &TrustRoot,
    ) -> Result<Self, SupplyRefusal> {
        let release = Signed::read_named(release, digest);
        let link = Self::new(release, sign_off, root)?;
        Ok(match link.not_signed_off {
            Some(_) => link.without_sign_off(),
            None => link,
        })
    }

    fn new(
        release: Result<Signed<Release>, DocumentError>,
        sign_off: Option<&[u8]>,
        root: &TrustRoot,
    ) -> Result<Self, SupplyRefusal> {
        // In the first format CI could sign its own changes off.
        if root.statement().stopgate_root < 2 {
            return Err(SupplyRefusal::FirstFormat);
        }
        let untrusted = |what| move |why| SupplyRefusal::Document { what, why };
        let release = release.map_err(untrusted("release"))?;
        let sign_off = sign_off.map(|bytes| {
            let sign_off = Signed::<SignOff>::read(bytes, root).map_err(untrusted("sign-off"))?;
            let (change, signed) = (release.document(), sign_off.document());
            let same = signed.organisation == change.organisation
                && signed.base == change.base
                && signed.bundle == change.bundle;
            if same {
                Ok(sign_off)
            } else {
                Err(SupplyRefusal::OtherSignOff(change.version))
            }
        });
        let (sign_off, not_signed_off) = match sign_off.transpose() {
            Ok(sign_off) => (sign_off, None),
            Err(why) => (None, Some(why)),
        };
        Ok(Self {
            release,
            sign_off,
            not_signed_off,
        })
    }

    /// Checks that this is the release that `after` names as its `previous`, and returns its bundle.
    fn follows(&self, after: &Self, previous: Digest) -> Result<Digest, SupplyRefusal> {
        let (ours, theirs) = (self.release.document(), after.release.document());
        let fits = self.release.digest() == previous
            && ours.version.next() == Some(theirs.version)
            && ours.organisation == theirs.organisation
            && ours.channel == theirs.channel;
        if fits {
            Ok(ours.bundle)
        } else {
            Err(SupplyRefusal::History(theirs.version))
        }
    }

    /// Returns the release.
    #[must_use]
    pub const fn release(&self) -> &Signed<Release> {
        &self.release
    }

    /// Returns what let the release pass, if reviewers did.
    #[must_use]
    pub const fn sign_off(&self) -> Option<&Signed<SignOff>> {
        self.sign_off.as_ref()
    }
}

/// Judges the release at the head of `chain`, which is offered for `wanted` to somebody with these `marks`. Behind the
/// head stand the releases before it, the newest first, as far as [`Trace::Before`] has asked for them.
///
/// # Errors
/// [`SupplyRefusal`]. What is refused stays refused, whatever else is looked at.
pub fn trace(chain: &[Link], wanted: &ChannelId, marks: &Marks) -> Result<Trace, SupplyRefusal> {
    let mut links = chain.iter().enumerate().peekable();
    let Some((_, head)) = links.peek() else {
        // Nothing was offered, which a caller cannot mean: no version is refused in its name.
        return Err(SupplyRefusal::NeverSignedOff(ReleaseVersion::FIRST));
    };
    let offered = head.release.document();
    wanted.is_of(&offered.organisation, &offered.channel)?;
    // 1. Never older than what was seen, and never another one of the same version.
    if let Some(seen) = marks.lowest.filter(|seen| offered.version < *seen) {
        let offered = offered.version;
        return Err(SupplyRefusal::Rollback { offered, seen });
    }
    let in_force = marks.release;
    if in_force.is_some_and(|held| {
        held.version == offered.version && held.release != head.release.digest()
    }) {
        return Err(SupplyRefusal::Forked(offered.version));
    }
    // 2. Back to something that holds. `upper` is what has to stand on whatever is found next.
    let mut upper = offered.bundle;
    let mut steps = Vec::new();
    let mut stand = |upper: Digest, base: Digest| {
        if upper != base {
            let bundle = upper;
            steps.push(UnsignedStep { base, bundle });
        }
        steps.clone()
    };
    while let Some((place, link)) = links.next() {
        let release = link.release.document();
        if let Some(held) = in_force {
            if held.release == link.release.digest() {
                return Ok(Trace::Ends(match place {
                    0 => Ground::InForce,
                    _ => Ground::Steps(stand(upper, release.bundle)),
                }));
            }
            // Versions follow each other without a gap, so this is another history than the one that was seen.
            if release.version <= held.version {
                return Err(SupplyRefusal::Forked(release.version));
            }
        }
        // Whoever does not have it in force would have to rest on it.
        if let Some(why) = &link.not_signed_off {
            return Err(why.clone());
        }
        let (Some(previous), Some(base)) = (release.previous, release.base) else {
            // The very first release: there is no base that it could be wrong about.
            return match &link.sign_off {
                Some(_) => Ok(Trace::Ends(Ground::Steps(stand(upper, release.bundle)))),
                None => Err(SupplyRefusal::NeverSignedOff(offered.version)),
            };
        };
        let held = in_force.filter(|held| held.release == previous);
        let before = match (links.peek(), held) {
            (Some((_, before)), _) => before.follows(link, previous)?,
            (None, Some(held)) => held.bundle,
            (None, None) if place >= MAX_STEPS_BACK => {
                return Err(SupplyRefusal::TooFarBack(offered.version));
            }
            (None, None) => {
                let version = release.version.before();
                let version = version.ok_or(SupplyRefusal::History(release.version))?;
                return Ok(Trace::Before {
                    version,
                    release: previous,
                });
            }
        };
        // The base that a release names counts only if the release before it has that bundle. Else the sign-off of a
        // change that was taken back could be used once more.
        if before != base {
            return Err(SupplyRefusal::History(release.version));
        }
        if link.sign_off.is_some() {
            let so_far = stand(upper, release.bundle);
            if in_force.is_none() {
                return Ok(Trace::Ends(Ground::Steps(so_far)));
            }
            upper = base;
        }
        if let Some(held) = held {
            return Ok(Trace::Ends(Ground::Steps(stand(upper, held.bundle))));
        }
    }
    Err(SupplyRefusal::History(offered.version))
}

#[cfg(test)]
mod tests;
