//! What stands in a revision or in the index, shown to [`Survey`] entry by entry, and read from git's objects alone.
//!
//! An object says in its header how long it is: what is too long is not loaded.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{IndexEntry, Oid, Repository, Tree, TreeEntry};

use super::entry::{LINK, SUBMODULE, mode};
use super::error::GitError;
use crate::workspace::survey::{Content, Kind, MAX_DOCUMENT, Survey};
use crate::workspace::{Reading, STOPGATE};

/// Longest object that holds one folder of a revision; it is known by its header and not loaded if it is longer.
const MAX_TREE: u64 = 32 * 1024 * 1024;
/// The flag of an index entry that stands for a file which is not added yet.
const INTENT_TO_ADD: u16 = 1 << 13;
/// The bits of an index entry's flags that tell the sides of a conflict.
const STAGE: u16 = 0x3000;

/// Objects of one revision, or of the index, as `place` calls it in a sentence.
pub(super) struct Objects<'r> {
    pub(super) repository: &'r Repository,
    pub(super) place: String,
}

impl<'r> Objects<'r> {
    /// Reads the policy's folder out of the tree `whole`; returns that folder's tree and everything read from it.
    pub(super) fn of_tree(&self, whole: Oid, folder: &Path) -> Result<(Oid, Reading), GitError> {
        let tree = self.folder(whole, folder)?;
        let mut survey = Survey::default();
        self.walk(tree, "", &mut survey)?;
        Ok((tree, self.read(survey)?))
    }

    /// Finds the folder of the policy below `whole`, step by step, without following a link or entering another
    /// repository.
    fn folder(&self, whole: Oid, folder: &Path) -> Result<Oid, GitError> {
        let no_policy = |path: &Path| GitError::NoPolicy {
            place: self.place.clone(),
            path: path.to_owned(),
        };
        let mut at = whole;
        for step in folder {
            let tree = self.tree(at)?.ok_or_else(|| no_policy(folder))?;
            let name = step.as_bytes();
            let mut entries = tree.iter().filter(|entry| entry.name_bytes() == name);
            let entry = entries.next().ok_or_else(|| no_policy(folder))?;
            self.on_the_way(mode(&entry), folder)?;
            // Only a damaged tree has two; nobody can say which of them is meant.
            if entries.next().is_some() {
                return Err(self.in_the_way("a second entry of that name", folder));
            }
            at = entry.id();
        }
        let tree = self.tree(at)?.ok_or_else(|| no_policy(folder))?;
        let is_it = |entry: &TreeEntry<'_>| {
            entry.name_bytes() == STOPGATE.as_bytes() && kind(mode(entry)) != Kind::Folder
        };
        if tree.iter().any(|entry| is_it(&entry)) {
            Ok(at)
        } else {
            Err(no_policy(&folder.join(STOPGATE)))
        }
    }

    /// Checks that a step on the way to `folder` is a folder, and neither a link nor a submodule.
    fn on_the_way(&self, mode: u32, folder: &Path) -> Result<(), GitError> {
        let what = match kind(mode) {
            Kind::Folder => return Ok(()),
            Kind::Link => "a link",
            Kind::Submodule => "a submodule",
            Kind::File | Kind::Mode(_) | Kind::Special => {
                return Err(GitError::NoPolicy {
                    place: self.place.clone(),
                    path: folder.to_owned(),
                });
            }
        };
        Err(self.in_the_way(what, folder))
    }

    fn in_the_way(&self, what: &'static str, folder: &Path) -> GitError {
        GitError::OnTheWay {
            place: self.place.clone(),
            path: folder.to_owned(),
            what,
        }
    }

    /// Returns a folder's object, or `None` where the object is longer than [`MAX_TREE`].
    fn tree(&self, id: Oid) -> Result<Option<Tree<'r>>, GitError> {
        if self.length(id, "a folder")? > MAX_TREE {
            return Ok(None);
        }
        let tree = self.repository.find_tree(id);
        tree.map(Some)
            .map_err(|error| self.failed("a folder", error))
    }

    fn walk(&self, tree: Oid, name: &str, survey: &mut Survey<Oid>) -> Result<(), GitError> {
        let Some(tree) = self.tree(tree)? else {
            survey.overflow();
            return Ok(());
        };
        for entry in tree.iter() {
            let kind = kind(mode(&entry));
            if let Some(below) = survey.meet(name, entry.name_bytes(), kind, entry.id()) {
                self.walk(entry.id(), &below, survey)?;
            }
            if survey.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Reads everything that is staged in the policy's folder.
    pub(super) fn of_index(
        &self,
        entries: impl Iterator<Item = IndexEntry>,
        folder: &Path,
    ) -> Result<Reading, GitError> {
        let folder_bytes = folder.as_os_str().as_bytes();
        let mut survey = Survey::default();
        let mut folders = BTreeMap::from([(String::new(), true)]);
        let mut is_policy = false;
        for entry in entries {
            let leads_there = folder_bytes.strip_prefix(entry.path.as_slice());
            if leads_there.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                self.on_the_way(entry.mode, folder)?;
            }
            let Some(path) = below(&entry.path, folder_bytes) else {
                continue;
            };
            if entry.flags & STAGE != 0 {
                return Err(GitError::Conflict(folder.to_owned()));
            }
            if entry.flags_extended & INTENT_TO_ADD != 0 {
                continue;
            }
            is_policy |= path == STOPGATE.as_bytes();
            staged(path, &entry, &mut folders, &mut survey);
            if survey.is_full() {
                break;
            }
        }
        if !is_policy {
            return Err(GitError::NoPolicy {
                place: self.place.clone(),
                path: folder.join(STOPGATE),
            });
        }
        self.read(survey)
    }

    fn read(&self, survey: Survey<Oid>) -> Result<Reading, GitError> {
        survey.read(|path, id| {
            let long = self.length(id, path)?;
            if long > MAX_DOCUMENT {
                return Ok(Content::Long(long));
            }
            let blob = self.repository.find_blob(id);
            let blob = blob.map_err(|error| self.failed(path, error))?;
            Ok(Content::Bytes(blob.content().to_vec()))
        })
    }

    /// Returns the length of an object in bytes, as its header says; `what` names the object in errors.
    fn length(&self, id: Oid, what: &str) -> Result<u64, GitError> {
        let odb = self.repository.odb();
        let header = odb.and_then(|odb| odb.read_header(id));
        let (length, _) = header.map_err(|error| self.failed(what, error))?;
        Ok(u64::try_from(length).unwrap_or(u64::MAX))
    }

    /// Returns the error for an object that cannot be had; `what` names the object.
    fn failed(&self, what: &str, source: git2::Error) -> GitError {
        let what = format!("{what} of {}", self.place);
        GitError::of_object(self.repository, what, source)
    }
}

/// Notes an entry of the index in `survey`, after the folders that the entry is in.
fn staged(
    path: &[u8],
    entry: &IndexEntry,
    folders: &mut BTreeMap<String, bool>,
    survey: &mut Survey<Oid>,
) {
    let mut steps: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = steps.pop().unwrap_or_default();
    let mut folder = String::new();
    for step in steps {
        let here = match folder.as_str() {
            "" => String::from_utf8_lossy(step).into_owned(),
            above => format!("{above}/{}", String::from_utf8_lossy(step)),
        };
        let is_entered = folders.entry(here.clone()).or_insert_with(|| {
            let entered = survey.meet(&folder, step, Kind::Folder, Oid::ZERO_SHA1);
            entered.is_some()
        });
        if !*is_entered {
            return;
        }
        folder = here;
    }
    survey.meet(&folder, name, kind(entry.mode), entry.id);
}

/// Returns the part of `path` below `folder`, or `None` if the path is not below it.
fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix(b"/")
}

/// Returns what kind of entry has this mode.
fn kind(mode: u32) -> Kind {
    match mode {
        0o040_000 => Kind::Folder,
        0o100_644 | 0o100_755 => Kind::File,
        LINK => Kind::Link,
        SUBMODULE => Kind::Submodule,
        other => Kind::Mode(other),
    }
}
