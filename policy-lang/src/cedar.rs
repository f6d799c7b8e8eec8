//! The only place that names `cedar_policy`. Cedar matches rules against requests and does nothing else: what a
//! match means is decided in [`crate::decide`].
//!
//! `condition` and `file` are the front end, `schema` and `validate` the checks of the compiler, `form` writes the
//! match form, `index` loads it and answers which rules match; `proof` writes what proofs compare,
//! `normal` what signatures cover. Cedar's text parser recurses, so every text passes
//! the bounds of `bounds` first.

mod bounds;
mod condition;
mod cost;
pub mod file;
mod form;
mod index;
mod node;
mod normal;
mod parsed;
pub mod proof;
mod request;
mod schema;
mod text;
mod tree;
mod validate;
mod variant;

use std::ops::Range;

pub use condition::{Condition, Conjunct};
pub(crate) use cost::{MOST_STEPS, Scene, Steps};
pub use form::FormError;
pub(crate) use form::{ANYWHERE, match_form, slices};
pub(crate) use index::{Index, Layout, ProfileAt, SlicePlaces};
pub use normal::UnknownNode;
pub use parsed::ParsedTexts;
pub(crate) use request::{EntityUid, HolderEntities, PreparedSchema, RequestParts};
pub(crate) use schema::{ReadsNow, Typed, runtime_schema, schema_of_requests};
pub use validate::validate;
pub use variant::{Constants, Variant};

/// A mistake in a Cedar text, with its place in the text that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CedarMistake {
    /// Code of the diagnostic, kebab-case.
    pub code: &'static str,
    /// What is wrong, as a fragment.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Bytes of the text that are wrong.
    pub range: Range<usize>,
}

impl CedarMistake {
    fn new(code: &'static str, message: impl Into<String>, range: Range<usize>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            range,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Returns the id of the Cedar action of an operation: `tool/operation`.
fn action_id(tool: &crate::name::ToolName, operation: &crate::name::OperationName) -> String {
    format!("{tool}/{operation}")
}

const NAMESPACE: &str = "Stopgate";

#[cfg(test)]
mod tests;
