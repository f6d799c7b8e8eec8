//! Revisions of a policy repository: the only place that names git2.
//!
//! It reads objects and nothing else, so it works on bare and on shallow clones, changes no file, runs no hook and
//! looks at no network, attribute or work tree. What is policy is asked of [`crate::workspace::survey`], as for files.

mod place;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository, TreeEntry};

use crate::workspace::{Reading, WorkspaceError};
use walk::Objects;

/// The mode of a symbolic link in a tree.
const LINK: u32 = 0o120_000;
/// The mode of a submodule's commit in a tree.
const SUBMODULE: u32 = 0o160_000;
/// Digits of a commit's id. Repositories with longer ones are not opened.
const WHOLE_ID: usize = 40;

/// A policy repository's history.
pub struct History {
    repository: Repository,
    /// The folder with `stopgate.yaml`, relative to the top of a revision.
    folder: PathBuf,
}

/// One revision of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// As it was asked for.
    pub name: String,
    /// The commit it stands for, in full.
    pub commit: String,
    /// The id of the policy's folder in it.
    pub tree: String,
    /// What is in that folder.
    pub reading: Reading,
}

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
    fn of_object(repository: &Repository, what: String, source: git2::Error) -> Self {
        if source.code() == ErrorCode::NotFound && is_partial(repository) {
            Self::Partial { what }
        } else {
            Self::Git { what, source }
        }
    }

    /// Returns why the index cannot be read.
    fn of_index(source: git2::Error) -> Self {
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

impl History {
    /// Opens the repository that `dir` is in. For a bare one, `dir` is the repository's folder, followed by the folder
    /// of the policy in its revisions: `policies.git` or `mono.git/policies`.
    ///
    /// # Errors
    /// [`GitError`] when there is none, or none whose history is that of the folder.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        let (repository, folder) = place::open(dir)?;
        Ok(Self { repository, folder })
    }

    /// Reads the policy of `revision`: a commit, a branch, a tag, or anything else that git resolves to one.
    ///
    /// # Errors
    /// [`GitError`]; what is wrong with the documents themselves is not known here.
    pub fn read(&self, revision: &str) -> Result<Revision, GitError> {
        let (commit, whole) = self.commit(revision)?;
        let objects = Objects {
            repository: &self.repository,
            place: format!("revision `{revision}`"),
        };
        let (tree, reading) = objects.of_tree(whole, &self.folder)?;
        Ok(Revision {
            name: revision.to_owned(),
            commit: commit.to_string(),
            tree: tree.to_string(),
            reading,
        })
    }

    /// Reads the policy that a commit would make now.
    ///
    /// # Errors
    /// [`GitError`], as [`Self::read`] has it.
    pub fn staged(&self) -> Result<Reading, GitError> {
        let read = self.repository.index().and_then(|mut index| {
            index.read(true)?;
            Ok(index)
        });
        let index = read.map_err(GitError::of_index)?;
        let objects = Objects {
            repository: &self.repository,
            place: "the index".to_owned(),
        };
        objects.of_index(index.iter(), &self.folder)
    }

    /// Returns the first twelve digits of a commit's id, for people.
    #[must_use]
    pub fn short(commit: &str) -> &str {
        commit.get(..12).unwrap_or(commit)
    }

    /// Returns the commit that `revision` stands for, and the commit's tree.
    fn commit(&self, revision: &str) -> Result<(Oid, Oid), GitError> {
        let missing = || GitError::NoRevision {
            revision: revision.to_owned(),
            shallow: self.repository.is_shallow(),
            empty: self.is_empty(),
        };
        if self.is_ambiguous(revision) {
            let revision = revision.to_owned();
            return Err(GitError::Ambiguous { revision });
        }
        let object = self
            .repository
            .revparse_single(revision)
            .map_err(|_| missing())?;
        let commit = object.peel_to_commit().map_err(|_| missing())?;
        Ok((commit.id(), commit.tree_id()))
    }

    /// Returns whether there is no commit yet: HEAD names a branch that is not born, and there is no other.
    fn is_empty(&self) -> bool {
        let head = self.repository.head();
        let is_unborn = head.is_err_and(|error| error.code() == ErrorCode::UnbornBranch);
        let references = self.repository.references();
        is_unborn && references.is_ok_and(|mut all| all.next().is_none())
    }

    /// Returns whether the name that `revision` begins with is that of several commits. A tag called `origin/main` would else
    /// stand before the branch of that name, and whoever may push one would choose the judge.
    fn is_ambiguous(&self, revision: &str) -> bool {
        // A name may hold an `@`; only `@{` ends it.
        let name = revision.split(['~', '^', ':']).next().unwrap_or_default();
        let name = name.split("@{").next().unwrap_or_default();
        let commit_of = |name: &str| {
            let reference = self.repository.find_reference(name).ok()?;
            Some(reference.peel_to_commit().ok()?.id())
        };
        let commit = |place: &&str| commit_of(&format!("{place}{name}"));
        let shortened = |prefix: &str| {
            let kind = Some(ObjectType::Commit);
            let object = self.repository.find_object_by_prefix(prefix, kind).ok()?;
            Some(object.id())
        };
        let places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let mut commits: BTreeSet<Oid> = places.iter().filter_map(commit).collect();
        // A remote alone stands for the branch that it names its first.
        commits.extend(commit_of(&format!("refs/remotes/{name}/HEAD")));
        // Of a whole id git asks nothing else.
        if name.len() < WHOLE_ID {
            commits.extend(shortened(name));
        }
        // What `git describe` says is a name for the commit that it ends with.
        if let Some((_, described)) = name.rsplit_once("-g") {
            commits.extend(shortened(described));
        }
        commits.len() > 1
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

/// Returns the mode of an entry, as it stands in its tree.
fn mode(entry: &TreeEntry<'_>) -> u32 {
    u32::try_from(entry.filemode_raw()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
