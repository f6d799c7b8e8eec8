//! The compiled artefact: immutable, addressed by its digest, signed, one file.
//!
//! [`Unsigned`] is one on its way out; [`Verified::read`] verifies everything: every signature, the publisher's
//! threshold, the layout byte for byte, the digest of each part. Only what it gives can be loaded, so there is no path on
//! which an unsigned or altered bundle decides anything. [`Bundle::open`] does both. [`Alike`] and [`not_looser()`] compare
//! two bundles by what they hold.

mod alike;
mod archive;
mod catalog;
mod cells;
mod compiled;
pub mod dsse;
mod error;
mod first;
mod loaded;
mod not_looser;
mod open;
pub mod parts;
pub mod root;
mod unsigned;
mod verify;

pub use alike::Alike;
pub use cells::{BundleCell, CellAnswer, CellRule};
pub use error::BundleError;
pub(crate) use loaded::{LoadedFunction, LoadedOperation, LoadedProfile, LoadedTool};
pub use not_looser::{MayBeLooser, not_looser};
pub use open::Bundle;
pub use root::TrustRoot;
pub use unsigned::Unsigned;
pub use verify::{NamedBundle, Verified};

use crate::json::Limits;

/// Bounds of every JSON document inside and beside a bundle. The longest is the manifest, with 8 MiB at most and some
/// 200,000 members and elements for 50,000 parts; the deepest are tools' schemas, which come from locks of at most 32
/// levels.
pub const DOCUMENT_LIMITS: Limits = Limits {
    bytes: 16 * 1024 * 1024,
    depth: 40,
    members: 1 << 20,
};

/// Largest bundle, in bytes: the most that `policy.max_bytes` of a sidecar can be set to, which is 32 MiB unless
/// stated.
pub const MAX_BUNDLE_BYTES: usize = 256 * 1024 * 1024;

const MANIFEST: &str = "manifest.json";
const ENVELOPE: &str = "bundle.dsse.json";
const CATALOG: &str = "catalog.json";
const POLICY: &str = "policy.json";
const SCHEMA: &str = "schema.cedarschema";
const SOURCES: &str = "sources.json";
const SLICES: &str = "slices/";
const SLICE_END: &str = ".cedar";

/// The version of [`crate::decide`]'s table that a bundle was compiled for.
const DECIDE: i64 = 2;

/// Versions of the table that this program decides by, each with the version of `catalog.json` that goes with it. In
/// the first the types of inputs were made at load.
const CATALOG_OF: [(i64, u32); 2] = [(1, 1), (DECIDE, parts::CatalogPart::VERSION)];
