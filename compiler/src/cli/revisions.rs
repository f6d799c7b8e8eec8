//! The two revisions of a policy repository that a command compares.

use std::collections::BTreeSet;
use std::path::Path;

use stopgate_author::change::Change;
use stopgate_author::compile::{Compiled, Sources, compile, tools_of};
use stopgate_author::policy::Policy;
use stopgate_decide::name::ToolName;

use crate::diff::{DiffError, Side, rewritten, workspace_rewritten};
use crate::reader::{Read, Source, Wanted, read};
use crate::workspace::Reading;

use super::console::{Console, Failure};
use super::source::detail;

/// What stands for the files as they are on the disk.
pub(super) const WORKTREE: &str = "worktree";
/// What stands for no policy at all.
pub(super) const EMPTY: &str = "empty";

/// What is compared with what.
pub(super) struct RevisionPair {
    /// `None` stands for no policy at all.
    pub(super) base: Option<ReadRevision>,
    pub(super) head: ReadRevision,
}

/// What of the two revisions is compiled. Nothing else can differ in what they decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Documents that differ, and those that they need.
    Difference,
    /// All, for whoever shows what stays the same too.
    Everything,
}

/// A policy as it was read, and what to call it.
pub(super) struct ReadRevision {
    pub(super) side: Side,
    pub(super) reading: Reading,
    pub(super) source: Source,
    /// The id of the policy's folder in a revision.
    tree: Option<String>,
    /// Whether another is judged by it.
    is_base: bool,
    /// Tools that the two revisions can differ about; `None` is all.
    only: Option<BTreeSet<ToolName>>,
}

impl RevisionPair {
    /// Reads both revisions. The comparison is about the tools whose documents differ, or about all that there are.
    pub(super) fn read(
        dir: &Path,
        (base, head): (&str, &str),
        about: About,
    ) -> Result<Self, Failure> {
        let mut head = ReadRevision::read(dir, head)?;
        let mut base = (base != EMPTY)
            .then(|| ReadRevision::base(dir, base))
            .transpose()?;
        if let (Some(base), About::Difference) = (&mut base, about) {
            let only = tools_of(base.reading.changed(&head.reading));
            base.only.clone_from(&only);
            head.only = only;
        }
        Ok(Self { base, head })
    }
}

impl ReadRevision {
    /// Reads a revision that another one is judged by, with all of its documents.
    ///
    /// # Errors
    /// [`Failure`] if the files on the disk are named: who changes a policy would choose what it is judged by.
    pub(super) fn base(dir: &Path, revision: &str) -> Result<Self, Failure> {
        if revision == WORKTREE {
            let help = "who changes a policy would choose what it is judged by; to compare the files on the disk with \
                the last commit, say --base HEAD";
            return Err(
                Failure::usage("--base takes a commit, not the files on the disk").with_help(help),
            );
        }
        let mut base = Self::read(dir, revision)?;
        base.is_base = true;
        // What decided nothing when it was merged decides nothing now.
        let decides = |path: &str| tools_of([path]).is_none_or(|tools| !tools.is_empty());
        base.reading.unread.retain(|path, _| decides(path));
        Ok(base)
    }

    /// Reads a revision, or the files on the disk, with all documents.
    pub(super) fn read(dir: &Path, revision: &str) -> Result<Self, Failure> {
        let wanted = match revision {
            WORKTREE => Wanted::Files,
            name => Wanted::Revision(name),
        };
        Ok(Self::from_read(read(dir, wanted)?))
    }

    /// Reads what is staged.
    pub(super) fn staged(dir: &Path) -> Result<Self, Failure> {
        Ok(Self::from_read(read(dir, Wanted::Staged)?))
    }

    fn from_read(read: Read) -> Self {
        let Read {
            reading,
            source,
            tree,
        } = read;
        let (name, commit) = match &source {
            Source::Files(_) => (WORKTREE.to_owned(), None),
            Source::Staged(_) => ("staged".to_owned(), None),
            Source::Revision { name, commit, .. } => (name.clone(), Some(commit.clone())),
        };
        Self {
            side: Side { name, commit },
            reading,
            source,
            tree,
            is_base: false,
            only: None,
        }
    }

    /// Returns the documents, as a comparison of settings takes them.
    pub(super) fn sources(&self) -> Sources {
        let sources = self.reading.sources();
        if self.is_base {
            sources.of_a_base()
        } else {
            sources
        }
    }

    /// Returns what of `head` nobody can compare with this base, whose meaning is lost, each as a change of its own.
    /// `is_whose` says whether the base still tells whose policy it is.
    pub(super) fn rewritten(
        &self,
        head: &Policy,
        is_whose: bool,
    ) -> Result<Vec<Change>, DiffError> {
        let tree = self.tree.as_deref().unwrap_or_default();
        let mut changes = rewritten(head, self.only.as_ref(), tree)?;
        if !is_whose {
            changes.push(workspace_rewritten(head, tree));
        }
        Ok(changes)
    }

    /// Compiles what the comparison is about.
    pub(super) fn compile(&self, console: &Console) -> Compiled {
        detail(&self.reading, &self.side.name, console);
        let sources = self.sources();
        let compiled = compile(match &self.only {
            None => sources,
            Some(only) => sources.about(only.clone()),
        });
        let summary = compiled.summary;
        console.detail(format_args!(
            "read {} files of {} and compiled {} rules",
            summary.files, self.side.name, summary.rules
        ));
        compiled
    }
}
