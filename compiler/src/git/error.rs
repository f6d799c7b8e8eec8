//! Why a revision or the index cannot be read.

use std::path::PathBuf;

use git2::{ErrorCode, Repository};

use crate::workspace::WorkspaceError;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git repository.
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    /// It is somebody else's.
    #[error("{} is in a git repository that belongs to another user, and safe.directory does not name it", .0.display())]
    Owner(PathBuf),
    /// It is of a kind that is not read.
    #[error("{} is in a git repository with {what}, which stopgate cannot read", dir.display())]
    Unknown {
        /// What was named.
        dir: PathBuf,
        /// What is not known: `extensions.NAME`, or an object format.
        what: String,
    },
    /// It does not open.
    #[error("the git repository that {} is in cannot be opened", dir.display())]
    Unopened {
        /// What was named.
        dir: PathBuf,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// Something says that there is a repository, and it is not one that the folder can be found in.
    #[error("cannot find out where {} is in the git repository around it", .0.display())]
    Unplaced(PathBuf),
    /// Its repository lies elsewhere and does not know of this work tree.
    #[error("{} is in the work tree {}, and the repository of that lies elsewhere without naming its work tree", dir.display(), top.display())]
    Separate {
        /// What was named.
        dir: PathBuf,
        /// The work tree's top.
        top: PathBuf,
    },
    /// The folder was named through a link, which others would not follow.
    #[error("{} leads through the link {}", dir.display(), link.display())]
    Through {
        /// What was named.
        dir: PathBuf,
        /// The link.
        link: PathBuf,
    },
    /// The folder's history is another one than that of the repository that uses it.
    #[error("{} is in the submodule {}, whose history is not that of the repository that uses it", dir.display(), submodule.display())]
    InSubmodule {
        /// What was named.
        dir: PathBuf,
        /// The submodule's top.
        submodule: PathBuf,
    },
    /// The folder is not of this repository in that revision.
    #[error("{what} stands on the way to {} in {place}", path.display())]
    OnTheWay {
        /// A revision, or the index.
        place: String,
        /// The folder.
        path: PathBuf,
        /// A link or a submodule.
        what: &'static str,
    },
    /// The revision is not there.
    #[error("there is no revision `{revision}`{}", if *shallow { " in this shallow clone" } else { "" })]
    NoRevision {
        /// As it was asked for.
        revision: String,
        /// Whether the clone leaves history out.
        shallow: bool,
        /// Whether nothing was committed in it yet.
        empty: bool,
    },
    /// Several branches and tags are called so, and they are not the same commit.
    #[error("`{revision}` names more than one commit")]
    Ambiguous {
        /// As it was asked for.
        revision: String,
    },
    /// The revision has no policy.
    #[error("{place} has no {}", path.display())]
    NoPolicy {
        /// A revision, or the index.
        place: String,
        /// What is missing.
        path: PathBuf,
    },
    /// The index holds several versions of a file.
    #[error("{} has conflicts that are not resolved", .0.display())]
    Conflict(PathBuf),
    /// The index is in two files.
    #[error("git's index is split into two files, and stopgate reads it in one only")]
    SplitIndex,
    /// The index leaves files out.
    #[error(
        "git's index is sparse: it names folders in place of the files in them, and stopgate reads files only"
    )]
    SparseIndex,
    /// Files that cannot be policy.
    #[error(transparent)]
    Refused(#[from] WorkspaceError),
    /// An object was left out of the clone.
    #[error("this partial clone leaves out {what}")]
    Partial {
        /// What.
        what: String,
    },
    /// git failed.
    #[error("git cannot read {what}")]
    Git {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: git2::Error,
    },
}

impl GitError {
    /// Returns why an object of `repository` cannot be had. In a partial clone a missing object is one that was left
    /// out.
    pub(super) fn of_object(repository: &Repository, what: String, source: git2::Error) -> Self {
        if source.code() == ErrorCode::NotFound && is_partial(repository) {
            Self::Partial { what }
        } else {
            Self::Git { what, source }
        }
    }

    /// Returns why the index cannot be read.
    pub(super) fn of_index(source: git2::Error) -> Self {
        // By the extensions of its format: they are not read by whoever does not know them.
        let unknown = source.message().split_once("mandatory extension: ");
        match unknown.map(|(_, name)| name.trim_matches('\'')) {
            Some("link") => Self::SplitIndex,
            Some("sdir") => Self::SparseIndex,
            Some(_) | None => Self::Git {
                what: "the index".to_owned(),
                source,
            },
        }
    }
}

/// Returns whether the clone was told to leave objects out. Git fetches those when it needs them; this program does
/// not.
fn is_partial(repository: &Repository) -> bool {
    let is_said = || {
        let config = repository.config().ok()?.snapshot().ok()?;
        if config.get_string("extensions.partialclone").is_ok() {
            return Some(true);
        }
        let mut names = Vec::new();
        let entries = config.entries(Some("^remote\\..*\\.promisor$")).ok()?;
        let listed = entries.for_each(|entry| names.extend(entry.name().map(str::to_owned)));
        listed.ok()?;
        Some(names.iter().any(|name| config.get_bool(name) == Ok(true)))
    };
    is_said().unwrap_or(false)
}
