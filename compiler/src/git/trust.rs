//! Signatures and trust root of a revision, as [`crate::workspace::trust`] reads them from disk.

use std::path::Path;

use git2::{ObjectType, Oid, Tree, TreeEntry};

use super::{GitError, History, LINK};
use crate::workspace::trust::{FOLDERS, ROOT, Trust, is_signature};
use crate::workspace::{Budget, Problem, WorkspaceError};

impl History {
    /// Reads the signatures and the trust root of `revision`; nothing of it is verified.
    ///
    /// # Errors
    /// [`GitError`], as [`History::read`] has it.
    pub fn trust(&self, revision: &str) -> Result<Trust, GitError> {
        let (_, whole) = self.commit(revision)?;
        let tree = self.subtree(&whole, revision)?;
        let failed = |what: &str| {
            let what = format!("{what} of revision `{revision}`");
            move |source| GitError::Git { what, source }
        };
        let mut found = Found::default();
        for folder in FOLDERS {
            let Some(entry) = tree.get_name(folder) else {
                continue;
            };
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let below = self.repository.find_tree(entry.id());
                    found.signatures_of(folder, &below.map_err(failed(folder))?);
                }
                _ if entry.filemode() == LINK => {
                    found.problems.push(Problem::Link(folder.to_owned()));
                }
                // What is no folder holds no signatures.
                _ => {}
            }
        }
        if let Ok(entry) = tree.get_path(Path::new(ROOT)) {
            found.root = found.regular(ROOT, &entry);
        }
        if !found.problems.is_empty() {
            found.problems.sort();
            let problems = found.problems;
            return Err(WorkspaceError::Refused { problems }.into());
        }
        let mut budget = Budget::default();
        let mut bytes = |name: &str, id| {
            let blob = self.repository.find_blob(id).map_err(failed(name))?;
            Ok::<_, GitError>(budget.take(blob.content())?)
        };
        let root = found.root.map(|id| bytes(ROOT, id)).transpose()?;
        found.signatures.sort();
        let mut signatures = Vec::new();
        for (name, id) in found.signatures {
            let bytes = bytes(&name, id)?;
            signatures.push((name, bytes));
        }
        Ok(Trust { signatures, root })
    }
}

/// What a revision has, unread.
#[derive(Default)]
struct Found {
    signatures: Vec<(String, Oid)>,
    root: Option<Oid>,
    problems: Vec<Problem>,
}

impl Found {
    fn signatures_of(&mut self, folder: &str, tree: &Tree<'_>) {
        for entry in tree {
            let name = format!("{folder}/{}", String::from_utf8_lossy(entry.name_bytes()));
            if !is_signature(&name) {
                continue;
            }
            if std::str::from_utf8(entry.name_bytes()).is_err() {
                self.problems.push(Problem::Name(name));
            } else if let Some(id) = self.regular(&name, &entry) {
                self.signatures.push((name, id));
            }
        }
    }

    /// The content of a regular file; anything else is a problem.
    fn regular(&mut self, name: &str, entry: &TreeEntry<'_>) -> Option<Oid> {
        if entry.filemode() == LINK {
            self.problems.push(Problem::Link(name.to_owned()));
        } else if entry.kind() == Some(ObjectType::Blob) {
            return Some(entry.id());
        } else {
            self.problems.push(Problem::Special(name.to_owned()));
        }
        None
    }
}
