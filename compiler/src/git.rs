//! Revisions of a policy repository: the only place that names git2.
//!
//! It reads objects and nothing else, so it works on bare and on shallow clones, changes no file, runs no hook and
//! looks at no network. What it hands on is what [`crate::workspace`] would have read from that revision's files.

mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use crate::workspace::{self, Document, Problem, WorkspaceError};

/// Links to other links inside a revision, at most.
const MAX_LINKS: usize = 8;
/// The mode of a symbolic link in a tree.
const LINK: i32 = 0o120_000;
/// Digits of a commit's id.
const WHOLE_ID: usize = 40;

/// A policy repository's history.
pub struct History {
    repository: Repository,
    /// The folder with `stopgate.yaml`, relative to the top of a revision.
    folder: PathBuf,
}

/// The documents of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// As it was asked for.
    pub name: String,
    /// The commit it stands for, in full.
    pub commit: String,
    /// Its documents, in the order of their paths.
    pub documents: Vec<Document>,
}

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git repository.
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    /// The revision is not there.
    #[error("there is no revision `{revision}`{}", if *shallow { " in this shallow clone" } else { "" })]
    NoRevision {
        /// As it was asked for.
        revision: String,
        /// Whether the clone leaves history out.
        shallow: bool,
    },
    /// Several branches and tags are called so, and they are not the same commit.
    #[error("`{revision}` names more than one commit")]
    Ambiguous {
        /// As it was asked for.
        revision: String,
    },
    /// The revision has no policy.
    #[error("revision `{revision}` has no {}", path.display())]
    NoPolicy {
        /// As it was asked for.
        revision: String,
        /// What is missing.
        path: PathBuf,
    },
    /// Files that cannot be policy.
    #[error(transparent)]
    Refused(#[from] WorkspaceError),
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

impl History {
    /// Opens the repository that `dir` is in. Of a bare one, `dir` is its folder, then the folder with the policy in
    /// it: `policies.git` or `mono.git/policies`.
    ///
    /// # Errors
    /// [`GitError`] when there is none.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        let nowhere = || GitError::NoRepository(dir.to_owned());
        let mut above = dir;
        let mut below = PathBuf::new();
        while !above.exists() {
            let name = above.file_name().ok_or_else(nowhere)?;
            below = Path::new(name).join(&below);
            above = match above.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
        }
        let repository = Repository::discover(above).map_err(|_| nowhere())?;
        let real = |path: &Path| std::fs::canonicalize(path).map_err(|_| nowhere());
        let top = real(repository.workdir().unwrap_or_else(|| repository.path()))?;
        let folder = real(above)?
            .strip_prefix(&top)
            .map(|inside| inside.join(&below))
            .map_err(|_| nowhere())?;
        Ok(Self { repository, folder })
    }

    /// Reads the documents of `revision`: a commit, a branch, a tag, or anything else that git resolves to one.
    ///
    /// # Errors
    /// [`GitError`]; what is wrong with the documents themselves is not known here.
    pub fn read(&self, revision: &str) -> Result<Revision, GitError> {
        let (commit, whole) = self.commit(revision)?;
        let tree = self.subtree(&whole, revision)?;
        let reading = Reading {
            repository: &self.repository,
            revision,
            blobs: self.blobs(&tree, revision)?,
        };
        Ok(Revision {
            name: revision.to_owned(),
            commit: commit.to_string(),
            documents: reading.documents()?,
        })
    }

    /// The commit that `revision` stands for, and all its files.
    fn commit(&self, revision: &str) -> Result<(Oid, Tree<'_>), GitError> {
        let missing = || GitError::NoRevision {
            revision: revision.to_owned(),
            shallow: self.repository.is_shallow(),
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
        let failed = |source| GitError::Git {
            what: format!("revision `{revision}`"),
            source,
        };
        let whole = commit.tree().map_err(failed)?;
        Ok((commit.id(), whole))
    }

    /// Whether the name that `revision` begins with is that of several commits. A tag called `origin/main` would else
    /// stand before the branch of that name, and whoever may push one would choose the judge.
    fn is_ambiguous(&self, revision: &str) -> bool {
        let name = revision.split(['~', '^', '@', ':']).next();
        let name = name.unwrap_or_default();
        let commit_of = |name: &str| {
            let reference = self.repository.find_reference(name).ok()?;
            Some(reference.peel_to_commit().ok()?.id())
        };
        let commit = |place: &&str| commit_of(&format!("{place}{name}"));
        let shortened = || {
            let kind = Some(ObjectType::Commit);
            let object = self.repository.find_object_by_prefix(name, kind).ok()?;
            Some(object.id())
        };
        let places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let mut commits: BTreeSet<Oid> = places.iter().filter_map(commit).collect();
        // A remote alone stands for the branch that it names its first.
        commits.extend(commit_of(&format!("refs/remotes/{name}/HEAD")));
        // Of a whole id git asks nothing else.
        if name.len() < WHOLE_ID {
            commits.extend(shortened());
        }
        commits.len() > 1
    }

    fn subtree<'r>(&'r self, whole: &Tree<'r>, revision: &str) -> Result<Tree<'r>, GitError> {
        let no_policy = |path: &Path| GitError::NoPolicy {
            revision: revision.to_owned(),
            path: path.to_owned(),
        };
        let tree = if self.folder.as_os_str().is_empty() {
            whole.clone()
        } else {
            let entry = whole.get_path(&self.folder);
            let entry = entry.map_err(|_| no_policy(&self.folder))?;
            let tree = self.repository.find_tree(entry.id());
            tree.map_err(|_| no_policy(&self.folder))?
        };
        if tree.get_name("stopgate.yaml").is_none() {
            return Err(no_policy(&self.folder.join("stopgate.yaml")));
        }
        Ok(tree)
    }

    /// Every file below `tree`: its path, what it is, and whether it is a link.
    fn blobs(&self, tree: &Tree<'_>, revision: &str) -> Result<BTreeMap<String, Blob>, GitError> {
        let mut found = BTreeMap::new();
        let mut problems = Vec::new();
        let walked = tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            let Some(name) = std::str::from_utf8(entry.name_bytes()).ok() else {
                let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                problems.push(Problem::Name(format!("{folder}{name}")));
                return git2::TreeWalkResult::Skip;
            };
            let path = format!("{folder}{name}");
            if workspace::is_not_policy(&path) {
                return git2::TreeWalkResult::Skip;
            }
            match entry.kind() {
                Some(ObjectType::Tree) if workspace::is_too_deep(&path) => {
                    problems.push(Problem::Deep(path));
                    return git2::TreeWalkResult::Skip;
                }
                Some(ObjectType::Blob) => {
                    let link = entry.filemode() == LINK;
                    let id = entry.id();
                    found.insert(path, Blob { id, link });
                }
                // A submodule is another repository's content: nothing of it can be policy.
                Some(ObjectType::Commit) if workspace::may_be_policy(&path) => {
                    problems.push(Problem::Special(path));
                }
                _ => {}
            }
            git2::TreeWalkResult::Ok
        });
        // A walk that was skipped to its end says so with an error of its own.
        match walked {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::User => {}
            Err(source) => {
                return Err(GitError::Git {
                    what: format!("the files of revision `{revision}`"),
                    source,
                });
            }
        }
        if problems.is_empty() {
            Ok(found)
        } else {
            problems.sort();
            Err(WorkspaceError::Refused { problems }.into())
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Blob {
    id: Oid,
    link: bool,
}

/// The files of one revision, while they are read.
struct Reading<'r> {
    repository: &'r Repository,
    revision: &'r str,
    blobs: BTreeMap<String, Blob>,
}

impl Reading<'_> {
    fn documents(&self) -> Result<Vec<Document>, GitError> {
        let mut budget = workspace::Budget::default();
        let mut documents = Vec::new();
        for path in self
            .blobs
            .keys()
            .filter(|path| workspace::may_be_policy(path))
        {
            let id = self.target(path)?;
            let blob = self
                .repository
                .find_blob(id)
                .map_err(|source| GitError::Git {
                    what: format!("{path} of revision `{}`", self.revision),
                    source,
                })?;
            documents.push((path.clone(), budget.take(blob.content())?));
        }
        Ok(documents)
    }

    /// What `path` leads to: itself, or the file of this revision that it links to.
    fn target(&self, path: &str) -> Result<Oid, GitError> {
        let refused = || {
            GitError::from(WorkspaceError::Refused {
                problems: vec![Problem::Link(path.to_owned())],
            })
        };
        let mut at = path.to_owned();
        for _ in 0..MAX_LINKS {
            let blob = self.blobs.get(&at).ok_or_else(refused)?;
            if !blob.link {
                return Ok(blob.id);
            }
            let link = self.repository.find_blob(blob.id).map_err(|_| refused())?;
            let to = std::str::from_utf8(link.content()).map_err(|_| refused())?;
            at = beside(&at, to).ok_or_else(refused)?;
        }
        Err(refused())
    }
}

/// The path that a link at `from` with the text `to` means, if it stays inside.
fn beside(from: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return None;
    }
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in to.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop()?;
            }
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests;
