//! Cedar at run time. It matches rules against requests and does nothing else: what a match means is decided in
//! [`crate::decide`].
//!
//! `index` loads the match form that a bundle holds and answers which rules match a request; `request` makes requests,
//! `schema` their types, `cost` counts what evaluating takes. Cedar's text parser recurses, so every text passes the
//! bounds of [`token`] first.

mod cost;
mod index;
mod request;
pub mod schema;
pub mod token;

pub use cost::{AGENT, MOST_STEPS, Scene, Steps, of_one_attempt};
pub(crate) use index::{Index, Layout, ProfileAt, SlicePlaces};
pub use request::Prepared;
pub(crate) use request::{EntityUid, HolderEntities, PreparedSchema, RequestParts};

/// Namespace of every Cedar name that is ours.
pub const NAMESPACE: &str = "Stopgate";

/// Name of the slice of rules that name no operation. No tool can be called so.
pub const ANYWHERE: &str = "@any";

/// Returns the id of the Cedar action of an operation: `tool/operation`.
#[must_use]
pub fn action_id(tool: &crate::name::ToolName, operation: &crate::name::OperationName) -> String {
    format!("{tool}/{operation}")
}

#[cfg(test)]
mod tests;
