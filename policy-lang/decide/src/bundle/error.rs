//! Why a bundle is refused.

use super::DECIDE;
use super::root::TrustError;

/// Why a bundle is refused. Nothing of a refused bundle is used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file is not laid out as bundles are, or a part is not what its name says.
    #[error("the bundle's format is wrong: {0}")]
    Format(String),
    /// A part or the statement is not the one that was signed for.
    #[error("the digest of `{0}` is not the one in the manifest")]
    Digest(String),
    /// The signatures do not satisfy the trust root.
    #[error("the bundle is not signed as the trust root asks")]
    Trust(#[from] TrustError),
    /// It was compiled for a later `decide`.
    #[error(
        "the bundle needs version {0} of the decision table; this program has version {DECIDE}"
    )]
    Requires(i64),
    /// It is longer than is read, in bytes.
    #[error("the bundle is longer than {0} bytes")]
    TooLong(u64),
    /// The file itself cannot be read.
    #[error("the bundle cannot be read")]
    Read(#[source] std::io::Error),
}

pub(super) fn format(what: impl Into<String>) -> BundleError {
    BundleError::Format(what.into())
}

pub(super) fn unknown_version() -> BundleError {
    format("a part is of an unknown version")
}
