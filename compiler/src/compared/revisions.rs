//! The two revisions of a policy repository that are compared, what is told while they are read, and why that fails.

use std::collections::BTreeSet;
use std::path::Path;

use stopgate_author::change::Change;
use stopgate_author::compile::{Compiled, Sources, Summary, compile, tools_of};
use stopgate_author::policy::Policy;
use stopgate_decide::bundle::root::TrustError;
use stopgate_decide::name::ToolName;

use crate::build::BuildError;
use crate::diff::{DiffError, Side, rewritten, workspace_rewritten};
use crate::reader::{Read, ReadError, Source, Wanted, read};
use crate::workspace::Reading;

/// What stands for the files as they are on the disk.
pub(crate) const WORKTREE: &str = "worktree";
/// What stands for no policy at all.
pub(crate) const EMPTY: &str = "empty";

/// What is told while two revisions are read and compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told<'a> {
    /// The documents of the side of this name.
    Read(&'a str, &'a Reading),
    /// How much of that side was compiled.
    Compiled(&'a str, Summary),
    /// The base means nothing any more: why, and what follows.
    Lost(&'a str),
    /// So many operations of so many are done.
    Proved(usize, usize),
}

/// Why two revisions are not compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// One of them cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The base is the files on the disk.
    #[error("--base takes a commit, not the files on the disk")]
    Files,
    /// The trust root of the base cannot be believed.
    #[error(transparent)]
    Root(TrustError),
    /// Nobody could be judged by the trust root that head brings.
    #[error(transparent)]
    Brought(TrustError),
    /// Head does not compile: its mistakes, and where it was read.
    #[error("the head does not compile")]
    Invalid(Box<(Compiled, Source)>),
    /// Head does not become a bundle.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The policies cannot be compared.
    #[error(transparent)]
    Diff(#[from] DiffError),
}

/// What is compared with what.
pub(crate) struct RevisionPair {
    /// `None` stands for no policy at all.
    pub(crate) base: Option<ReadRevision>,
    pub(crate) head: ReadRevision,
}

/// What of the two revisions is compiled. Nothing else can differ in what they decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Documents that differ, and those that they need.
    Difference,
    /// All, for whoever shows what stays the same too.
    Everything,
}

/// A policy as it was read, and what to call it.
pub(crate) struct ReadRevision {
    pub(crate) side: Side,
    pub(crate) reading: Reading,
    pub(crate) source: Source,
    /// The id of the policy's folder in a revision.
    tree: Option<String>,
    /// Whether another is judged by it.
    is_base: bool,
    /// Tools that the two revisions can differ about; `None` is all.
    only: Option<BTreeSet<ToolName>>,
}

impl RevisionPair {
    /// Reads both revisions. The comparison is about the tools whose documents differ, or about all that there are.
    pub(crate) fn read(
        dir: &Path,
        (base, head): (&str, &str),
        about: About,
    ) -> Result<Self, CompareError> {
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
    /// [`CompareError::Files`] if the files on the disk are named: who changes a policy would choose what it is judged by.
    pub(crate) fn base(dir: &Path, revision: &str) -> Result<Self, CompareError> {
        if revision == WORKTREE {
            return Err(CompareError::Files);
        }
        let mut base = Self::read(dir, revision)?;
        base.is_base = true;
        // What decided nothing when it was merged decides nothing now.
        let decides = |path: &str| tools_of([path]).is_none_or(|tools| !tools.is_empty());
        base.reading.unread.retain(|path, _| decides(path));
        Ok(base)
    }

    /// Reads a revision, or the files on the disk, with all documents.
    pub(crate) fn read(dir: &Path, revision: &str) -> Result<Self, CompareError> {
        let wanted = match revision {
            WORKTREE => Wanted::Files,
            name => Wanted::Revision(name),
        };
        Ok(Self::from_read(read(dir, wanted)?))
    }

    /// Reads what is staged.
    pub(crate) fn staged(dir: &Path) -> Result<Self, CompareError> {
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
    pub(crate) fn sources(&self) -> Sources {
        let sources = self.reading.sources();
        if self.is_base {
            sources.of_a_base()
        } else {
            sources
        }
    }

    /// Returns what of `head` nobody can compare with this base, whose meaning is lost, each as a change of its own.
    /// `is_whose` says whether the base still tells whose policy it is.
    pub(crate) fn rewritten(
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
    pub(crate) fn compile(&self, tell: &dyn Fn(Told<'_>)) -> Compiled {
        let name = self.side.name.as_str();
        tell(Told::Read(name, &self.reading));
        let sources = self.sources();
        let compiled = compile(match &self.only {
            None => sources,
            Some(only) => sources.about(only.clone()),
        });
        tell(Told::Compiled(name, compiled.summary));
        compiled
    }
}
