//! What a reader hands to the compiler: files with their bytes, and what stands there and is no file that can be policy.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::ToolName;

use crate::diagnostic::Diagnostics;
use crate::source::Unread;

/// The files of a repository.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) unread: BTreeMap<String, Unread>,
    pub(super) only: Option<BTreeSet<ToolName>>,
    pub(super) is_base: bool,
}

impl Sources {
    /// Makes sources from files by path. Paths are relative to the repository's root, with `/`; of two files of one
    /// path the last counts.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            files: files.into_iter().collect(),
            unread: BTreeMap::new(),
            only: None,
            is_base: false,
        }
    }

    /// Adds paths at which something stands that was not read. Each is reported as a mistake, so that none is left out
    /// in silence.
    #[must_use]
    pub fn with_unread(mut self, unread: impl IntoIterator<Item = (String, Unread)>) -> Self {
        self.unread.extend(unread);
        self
    }

    /// Returns every file by its path, in the order of the paths.
    pub(crate) const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Leaves out the rules and tests of every tool but `tools`, as if nothing were granted there. What is left decides
    /// about `tools` as the whole does; of the others it says nothing.
    #[must_use]
    pub fn about(self, tools: BTreeSet<ToolName>) -> Self {
        Self {
            only: Some(tools),
            ..self
        }
    }

    /// Marks the files as the base that a change is compared with. Errors that were none when the base was merged, and
    /// that leave its meaning as it was ([`crate::diagnostic::Meaning::Kept`]), are then reported but prevent no
    /// comparison.
    #[must_use]
    pub fn of_a_base(self) -> Self {
        Self {
            is_base: true,
            ..self
        }
    }

    /// Returns whether the mistakes in `dx` leave no policy.
    pub(super) const fn is_prevented(&self, dx: &Diagnostics) -> bool {
        if self.is_base {
            dx.has_errors_of_a_base()
        } else {
            dx.has_errors()
        }
    }
}
