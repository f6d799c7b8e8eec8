//! From a checked policy to a bundle: signed with real keys to publish, or with a key of the moment to try it out.
//!
//! A build depends on the policy and the keys alone, so two builds of one commit are equal to the byte.

use std::collections::BTreeMap;

use jiff::Timestamp;
use stopgate_author::assemble::{AssembleError, assemble};
use stopgate_author::policy::Policy;
use stopgate_decide::bundle::dsse::Signature;
use stopgate_decide::bundle::{Bundle, BundleError, TrustRoot, Unsigned};
use stopgate_decide::digest::Digest;

use crate::key::{KeyError, SigningKey};
use crate::root::{self, RootError};

/// A bundle as it will be published.
#[derive(Debug, Clone)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// Digest of its content; signatures do not change it.
    pub digest: Digest,
    /// Name and size in bytes of every part.
    pub parts: Vec<(String, usize)>,
    /// Ids of the keys that signed. Nobody opens a bundle that has none.
    pub signers: Vec<String>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The policy cannot be compiled.
    #[error("the policy cannot be assembled")]
    Assemble(#[from] AssembleError),
    /// A key does not work.
    #[error("the bundle cannot be signed")]
    Key(#[from] KeyError),
    /// The file cannot be put together.
    #[error("the bundle cannot be packed")]
    Pack(#[source] std::io::Error),
    /// What was built does not open again.
    #[error("the bundle that was built does not open")]
    Open(#[from] BundleError),
    /// The trust root of the moment is refused.
    #[error("no trust root could be made for the rehearsal")]
    Root(#[from] RootError),
}

/// Compiles `policy` and signs it with `keys`; with none the bundle is unsigned and good for looking at only.
///
/// # Errors
/// [`BuildError`]; the policy has passed its checks, so none of them is its author's.
pub fn build(policy: &Policy, keys: &[SigningKey]) -> Result<Built, BuildError> {
    let unsigned = assemble(policy)?;
    let digest = unsigned.digest();
    let parts = unsigned
        .parts()
        .map(|(name, size)| (name.to_owned(), size))
        .collect();
    let signatures = sign(&unsigned, keys)?;
    let signers = signatures
        .iter()
        .map(|signature| signature.key.clone())
        .collect();
    let bytes = unsigned.finish(signatures).map_err(BuildError::Pack)?;
    Ok(Built {
        bytes,
        digest,
        parts,
        signers,
    })
}

/// Returns the digest of the bundle that [`build`] makes of `policy`, whoever signs it.
///
/// # Errors
/// [`BuildError`], as [`build`] has it.
pub fn digest(policy: &Policy) -> Result<Digest, BuildError> {
    Ok(assemble(policy)?.digest())
}

/// Returns one signature for each distinct key, in the order of the keys' ids.
fn sign(unsigned: &Unsigned, keys: &[SigningKey]) -> Result<Vec<Signature>, KeyError> {
    let message = unsigned.signed_bytes();
    let mut signatures = BTreeMap::new();
    for key in keys {
        signatures.insert(key.public()?.id(), key.sign(&message));
    }
    Ok(signatures
        .into_iter()
        .map(|(key, bytes)| Signature { key, bytes })
        .collect())
}

/// Builds `policy`, signs it with a key that is made here and forgotten here, and opens it exactly as the sidecar does.
/// Only the bound of the policy's cost is left out: the compiler has looked at it, and a base may exceed it. So what
/// tests and explanations run against is what will be shipped.
///
/// # Errors
/// [`BuildError`], also when the bundle does not open again.
pub fn rehearse(policy: &Policy) -> Result<Bundle, BuildError> {
    let (root, bytes) = rehearsal(policy)?;
    Ok(Bundle::open_to_compare(&bytes, &root)?)
}

/// Makes what [`rehearse`] opens: the trust root of a forgotten key, and the bundle that this key signed.
///
/// # Errors
/// [`BuildError`].
pub fn rehearsal(policy: &Policy) -> Result<(TrustRoot, Vec<u8>), BuildError> {
    let key = SigningKey::generate()?;
    let expires = Timestamp::MAX;
    let root = root::first(&key, "rehearsal", &BTreeMap::new(), expires)?;
    let root = TrustRoot::open(&root, Timestamp::UNIX_EPOCH).map_err(RootError::Refused)?;
    let built = build(policy, std::slice::from_ref(&key))?;
    Ok((root, built.bytes))
}
