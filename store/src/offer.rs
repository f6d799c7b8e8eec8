//! What a channel offers to somebody who follows it: the head, judged, with its bundle. The sidecar, and every command
//! that says what a sidecar would do, looks through here.

use std::io::Cursor;

use stopgate_decide::bundle::{
    BundleError, MayBeLooser, NamedBundle, TrustRoot, Verified, not_looser,
};
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{
    ChannelId, Ground, HeldRelease, Link, Marks, SupplyRefusal, Trace, trace,
};

use crate::{Items, Policies, StoreError};

/// A release that may be put in force.
#[derive(Debug)]
pub struct Offered {
    /// The release, and what let it pass.
    pub link: Link,
    /// What it stands on.
    pub ground: Ground,
    /// Its bundle, every byte of which was verified.
    pub bundle: Verified,
    /// The signed release.
    pub file: Vec<u8>,
}

/// Why nothing is put in force.
#[derive(Debug, thiserror::Error)]
pub enum NotOffered {
    /// Nothing was ever published.
    #[error("nothing was published to the channel `{0}` yet")]
    Nothing(stopgate_decide::name::ChannelName),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document is missing that another one names.
    #[error("{0} is not in the store")]
    Missing(String),
    /// The release is not one to put in force.
    #[error(transparent)]
    Refused(#[from] SupplyRefusal),
    /// Its bundle is not one to load.
    #[error("the bundle of version {version} is refused")]
    Bundle {
        /// The version of the release.
        version: u64,
        /// Why.
        #[source]
        why: BundleError,
    },
    /// Nobody signed off that more is let through.
    #[error(
        "version {version} may be looser than what it would replace, and no sign-off lets it pass: {why}"
    )]
    Looser {
        /// The version of the release.
        version: u64,
        /// What may be looser.
        why: MayBeLooser,
    },
}

impl Offered {
    /// Returns the release as marks name it.
    #[must_use]
    pub const fn held(&self) -> HeldRelease {
        let release = self.link.release();
        HeldRelease {
            version: release.document().version,
            release: release.digest(),
            bundle: release.document().bundle,
        }
    }
}

/// Looks at the head of the channel that is `wanted`, for somebody with these `marks`. `None` is the answer if the head
/// is the release called `known`. No bundle of more than `most` bytes is read.
///
/// # Errors
/// [`NotOffered`].
pub fn offered<S: Items>(
    policies: &Policies<S>,
    wanted: &ChannelId,
    root: &TrustRoot,
    marks: &Marks,
    known: Option<Digest>,
    most: u64,
) -> Result<Option<Offered>, NotOffered> {
    let nothing = || NotOffered::Nothing(wanted.channel.clone());
    let head = policies.head(&wanted.channel)?.ok_or_else(nothing)?;
    // 1. The documents. Only the signed ones are looked at, never what a row says beside them.
    let file = head.release;
    let head = Link::head(&file, head.sign_off.as_deref(), root)?;
    let (ground, link) = ground(policies, wanted, root, marks, head)?;
    if known == Some(link.release().digest()) && ground == Ground::InForce {
        return Ok(None);
    }
    // 2. The bundle that the release names.
    let release = link.release().document();
    let version = release.version.get();
    let bundle = read(policies, release.bundle, root, most, version)?;
    // 3. What nobody let pass is seen not to be looser. Bundles of before count by the digest by which a signed release names
    // them: whoever signed them may have left.
    let named = |digest| read_named(policies, digest, most, version);
    if let Ground::Steps(steps) = &ground {
        for step in steps {
            let looser = |why| NotOffered::Looser { version, why };
            let base = named(step.base)?;
            if step.bundle == bundle.digest() {
                not_looser(&base, bundle.named()).map_err(looser)?;
            } else {
                not_looser(&base, &named(step.bundle)?).map_err(looser)?;
            }
        }
    }
    Ok(Some(Offered {
        link,
        ground,
        bundle,
        file,
    }))
}

/// Goes back from `head` until it stands on something that holds.
fn ground<S: Items>(
    policies: &Policies<S>,
    wanted: &ChannelId,
    root: &TrustRoot,
    marks: &Marks,
    head: Link,
) -> Result<(Ground, Link), NotOffered> {
    let mut chain = vec![head];
    loop {
        match trace(&chain, wanted, marks)? {
            Trace::Ends(ground) => return Ok((ground, chain.swap_remove(0))),
            // Each turn makes the chain longer, and a chain of more than ten is refused.
            Trace::Before { version, release } => {
                let missing = || NotOffered::Missing(format!("version {version}"));
                let stored = policies.history(&wanted.channel, version)?;
                let stored = stored.ok_or_else(missing)?;
                let sign_off = stored.sign_off.as_deref();
                chain.push(Link::before(&stored.release, release, sign_off, root)?);
            }
        }
    }
}

/// Reads the bundle called `digest`, whoever signed it, for the release of this `version`.
fn read_named<S: Items>(
    policies: &Policies<S>,
    digest: Digest,
    most: u64,
    version: u64,
) -> Result<NamedBundle, NotOffered> {
    let missing = || NotOffered::Missing(format!("the bundle {digest}"));
    let file = policies.bundle(digest, most)?.ok_or_else(missing)?;
    let refused = |why| NotOffered::Bundle { version, why };
    NamedBundle::read(Cursor::new(&file), digest, most).map_err(refused)
}

/// Reads the bundle called `digest` and verifies it, for the release of this `version`.
fn read<S: Items>(
    policies: &Policies<S>,
    digest: Digest,
    root: &TrustRoot,
    most: u64,
    version: u64,
) -> Result<Verified, NotOffered> {
    let missing = || NotOffered::Missing(format!("the bundle {digest}"));
    let file = policies.bundle(digest, most)?.ok_or_else(missing)?;
    let refused = |why| NotOffered::Bundle { version, why };
    let verified = Verified::read(Cursor::new(&file), root, most, None).map_err(refused)?;
    match verified {
        Some(verified) if verified.digest() == digest => Ok(verified),
        Some(other) => Err(SupplyRefusal::Bundle {
            wanted: digest,
            found: other.digest(),
        }
        .into()),
        None => Err(missing()),
    }
}
