//! Cedar as authors write it, and what is made of it before anything runs.
//!
//! `condition` and `file` are the front end, `schema` and `validate` the checks of the compiler, `form` writes the
//! match form that bundles hold; `proof` writes what proofs compare, `normal` what signatures cover. Cedar's text parser
//! recurses, so every text passes the bounds of `bounds` first.

mod bounds;
mod condition;
mod cost;
pub mod file;
mod form;
mod node;
mod normal;
mod parsed;
pub mod proof;
mod schema;
mod text;
mod tree;
mod validate;
mod variant;

use std::ops::Range;

use stopgate_decide::cedar::{ANYWHERE, NAMESPACE, action_id};

pub use condition::{Condition, Conjunct};
pub use cost::most_steps;
pub use form::FormError;
pub(crate) use form::{match_form, slices};
pub use normal::UnknownNode;
pub use parsed::ParsedTexts;
pub(crate) use schema::{ReadsNow, runtime_schema};
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

#[cfg(test)]
mod tests;
