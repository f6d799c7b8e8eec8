//! Revisions of a policy repository: the only place that names git2.
//!
//! It reads objects and nothing else, so it works on bare and on shallow clones, changes no file, runs no hook and
//! looks at no network, attribute or work tree. What is policy is asked of [`crate::workspace::survey`], as for files.

mod entry;
mod error;
mod place;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use crate::workspace::Reading;
pub use error::GitError;
use walk::Objects;

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

#[cfg(test)]
mod tests;
