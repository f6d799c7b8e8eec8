//! The two revisions of a policy repository that a command compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use stopgate_lang::compile::{Compiled, Sources, compile, tools_of};
use stopgate_lang::name::ToolName;

use super::console::{Console, Failure};
use crate::diff::Side;
use crate::git::{GitError, History};
use crate::workspace::trust::{self, Trust};
use crate::workspace::{self, Document};

/// What stands for the files as they are on the disk.
pub(super) const WORKTREE: &str = "worktree";
/// What stands for no policy at all.
pub(super) const EMPTY: &str = "empty";

/// What is compared with what.
pub(super) struct Pair {
    /// `None` stands for no policy at all.
    pub(super) base: Option<Revision>,
    pub(super) head: Revision,
}

/// What of the two revisions is compiled. Nothing else can differ in what they decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Documents that differ, and those that they need.
    Difference,
    /// All, for whoever shows what stays the same too.
    Everything,
}

/// The documents of a revision or of the disk, and what to call them.
pub(super) struct Revision {
    pub(super) side: Side,
    pub(super) documents: Vec<Document>,
    /// Tools that the two revisions can differ about; `None` is all.
    only: Option<BTreeSet<ToolName>>,
}

impl Pair {
    /// Reads both. Of documents that differ, and those that they need, or of all that there is.
    pub(super) fn read(
        dir: &Path,
        (base, head): (&str, &str),
        about: About,
    ) -> Result<Self, Failure> {
        let mut head = Revision::read(dir, head)?;
        let mut base = (base != EMPTY)
            .then(|| Revision::base(dir, base))
            .transpose()?;
        if let (Some(base), About::Difference) = (&mut base, about) {
            let only = tools_of(differing(&base.documents, &head.documents));
            base.only.clone_from(&only);
            head.only = only;
        }
        Ok(Self { base, head })
    }
}

/// Paths of documents that only one side has, or that differ.
fn differing<'a>(base: &'a [Document], head: &'a [Document]) -> BTreeSet<&'a str> {
    let by_path = |documents: &'a [Document]| -> BTreeMap<&'a str, &'a [u8]> {
        let documents = documents.iter();
        documents
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .collect()
    };
    let (base, head) = (by_path(base), by_path(head));
    let all = base.keys().chain(head.keys()).copied();
    all.filter(|path| base.get(path) != head.get(path))
        .collect()
}

impl Revision {
    /// Reads one alone that another is judged by, with all of its documents.
    pub(super) fn base(dir: &Path, revision: &str) -> Result<Self, Failure> {
        if revision == WORKTREE {
            let help = "who changes a policy would choose what it is judged by; to compare the files on the disk with \
                the last commit, say --base HEAD";
            return Err(
                Failure::usage("--base takes a commit, not the files on the disk").with_help(help),
            );
        }
        Self::read(dir, revision)
    }

    /// Reads one alone, with all of its documents.
    pub(super) fn read(dir: &Path, revision: &str) -> Result<Self, Failure> {
        if revision == WORKTREE {
            return Ok(Self {
                side: Side {
                    name: WORKTREE.to_owned(),
                    commit: None,
                },
                documents: workspace::read(dir)?,
                only: None,
            });
        }
        let read = History::open(dir)?.read(revision)?;
        Ok(Self {
            side: Side {
                name: read.name,
                commit: Some(read.commit),
            },
            documents: read.documents,
            only: None,
        })
    }

    /// Its signatures and its trust root, nothing of it verified.
    pub(super) fn trust(&self, dir: &Path) -> Result<Trust, Failure> {
        if self.side.commit.is_none() {
            return Ok(trust::read(dir)?);
        }
        Ok(History::open(dir)?.trust(&self.side.name)?)
    }

    /// The documents, as a comparison of settings takes them.
    pub(super) fn sources(&self) -> Sources {
        Sources::new(self.documents.iter().cloned())
    }

    /// Compiles what the comparison is about.
    pub(super) fn compile(&self, console: &Console) -> Compiled {
        let sources = self.sources();
        let compiled = compile(match &self.only {
            None => sources,
            Some(only) => sources.about(only.clone()),
        });
        let summary = compiled.summary;
        console.detail(format_args!(
            "compiled {} files with {} rules of {}",
            summary.files, summary.rules, self.side.name
        ));
        compiled
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NoRevision { shallow: true, .. } => Self::usage(error)
                .with_help("fetch more of the history, such as with git fetch --deepen=50"),
            GitError::Ambiguous { .. } => Self::usage(error)
                .with_help("name the commit, or the whole name such as refs/remotes/origin/main"),
            GitError::NoRepository(_) | GitError::NoPolicy { .. } | GitError::NoRevision { .. } => {
                Self::usage(error)
            }
            GitError::Refused(refused) => refused.into(),
            GitError::Git { .. } => Self::failed(error),
        }
    }
}
