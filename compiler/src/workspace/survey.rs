//! What may stand in a policy repository, and how much of it: whoever walks one, on a disk or in git, asks here.
//!
//! A walk shows everything that it meets, by its name and its kind; what is policy, what is refused and what is looked
//! into is decided in this file alone, so that no two readers can see two repositories. Names are judged before kinds
//! and kinds before bytes: nothing is opened that is refused, and nothing is read that is too long.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use stopgate_author::source::Unread;

pub(crate) use super::bounds::MAX_DOCUMENT;
use super::bounds::{MAX_DEPTH, MAX_ENTRIES, MAX_FILES, MAX_TOTAL};
use super::reading::{Problem, Reading, WorkspaceError};
use super::trust::{ROOT_FILE, TRUST, Trust, VERSION, is_signature};

/// Folders whose every file has to be a document; prose is the exception.
const DOCUMENT_FOLDERS: [&str; 3] = ["catalog", "rules", "tests"];
/// What policy is written in, however it is misspelt or misplaced.
const POLICY_EXTENSIONS: [&str; 3] = ["yaml", "yml", "cedar"];
/// How texts begin in place of which git-lfs fetches another one.
const LFS: [&[u8]; 2] = [
    b"version https://git-lfs.github.com/spec/",
    b"version https://hawser.github.com/spec/",
];

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder.
    Folder,
    /// A regular file, executable or not.
    File,
    /// A symbolic link.
    Link,
    /// Another repository.
    Submodule,
    /// An entry of git's with a mode of its own.
    Mode(u32),
    /// A socket, a pipe, a device.
    Special,
}

/// The bytes of a file, or how many there are too many.
#[derive(Debug)]
pub(crate) enum Content {
    /// At most [`MAX_DOCUMENT`].
    Bytes(Vec<u8>),
    /// More than that, unread.
    Long(u64),
}

/// What a walk has met. `T` is how one of its files is found again.
#[derive(Debug)]
pub(crate) struct Survey<T> {
    files: BTreeMap<String, T>,
    unread: BTreeMap<String, Unread>,
    problems: BTreeSet<Problem>,
    /// Everything that is read, refused or looked into.
    paths: BTreeSet<String>,
    entries: usize,
}

impl<T> Default for Survey<T> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            unread: BTreeMap::new(),
            problems: BTreeSet::new(),
            paths: BTreeSet::new(),
            entries: 0,
        }
    }
}

impl<T> Survey<T> {
    /// Notes what is called `name` in `folder`, which is empty for the repository's own. Returns the path of a folder
    /// that has to be looked into.
    pub(crate) fn meet(&mut self, folder: &str, name: &[u8], kind: Kind, at: T) -> Option<String> {
        self.entries = self.entries.saturating_add(1);
        if self.is_full() {
            self.problems.insert(Problem::Many);
            return None;
        }
        if folder == TRUST && name != ROOT_FILE.as_bytes() {
            return None;
        }
        let within = |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let Some(name) = text(name) else {
            let name = String::from_utf8_lossy(name);
            self.problems.insert(Problem::Name(within(&name)));
            return None;
        };
        let path = within(name);
        // What begins with a dot belongs to git and other tools.
        if name.starts_with('.') && path != VERSION {
            return None;
        }
        match kind {
            Kind::Link => self.refuse(path, Unread::Link),
            Kind::Submodule => self.refuse(path, Unread::Submodule),
            Kind::Mode(mode) => self.refuse(path, Unread::Mode(mode)),
            Kind::Special if is_read(&path) => {
                self.problems.insert(Problem::Special(path));
            }
            Kind::Folder if path.split('/').count() > MAX_DEPTH => {
                self.problems.insert(Problem::Deep(path));
            }
            Kind::Folder => return self.is_new(&path).then_some(path),
            Kind::File if is_read(&path) => {
                if self.is_new(&path) {
                    self.files.insert(path, at);
                }
            }
            Kind::Special | Kind::File => {}
        }
        None
    }

    fn refuse(&mut self, path: String, unread: Unread) {
        if self.is_new(&path) {
            self.unread.insert(path, unread);
        }
    }

    /// Returns whether nothing of this path was met before; a second entry of the same path is a problem.
    fn is_new(&mut self, path: &str) -> bool {
        let is_new = self.paths.insert(path.to_owned());
        if !is_new {
            self.problems.insert(Problem::Twice(path.to_owned()));
        }
        is_new
    }

    /// Returns whether there is more than a repository may have, and no need to go on.
    pub(crate) fn is_full(&self) -> bool {
        self.entries > MAX_ENTRIES || self.files.len() > MAX_FILES
    }

    /// Notes that a folder is larger than any may be.
    pub(crate) fn overflow(&mut self) {
        self.problems.insert(Problem::Many);
    }

    /// Returns the paths of everything that would be read or refused, if nothing is wrong with the walk itself.
    pub(super) fn paths(self) -> Result<Vec<String>, WorkspaceError> {
        self.sound().map(|survey| {
            let paths = survey.files.into_keys();
            paths.chain(survey.unread.into_keys()).collect()
        })
    }

    fn sound(mut self) -> Result<Self, WorkspaceError> {
        if self.is_full() {
            self.problems.insert(Problem::Many);
        }
        if self.problems.is_empty() {
            return Ok(self);
        }
        Err(WorkspaceError::Refused {
            problems: self.problems.into_iter().collect(),
        })
    }

    /// Reads what was met, file by file; `read` is called no more once the files are longer together than they may be.
    pub(crate) fn read<E: From<WorkspaceError>>(
        self,
        mut read: impl FnMut(&str, T) -> Result<Content, E>,
    ) -> Result<Reading, E> {
        let Self { files, unread, .. } = self.sound()?;
        let mut reading = Reading {
            unread,
            ..Reading::default()
        };
        let mut total = 0_usize;
        for (path, at) in files {
            let content = read(&path, at)?;
            if let Content::Bytes(bytes) = &content {
                total = total.saturating_add(bytes.len());
            }
            if total > MAX_TOTAL {
                let problems = vec![Problem::Many];
                return Err(WorkspaceError::Refused { problems }.into());
            }
            reading.take(path, content);
        }
        Ok(reading)
    }
}

impl Reading {
    fn take(&mut self, path: String, content: Content) {
        let (is_root, is_version) = (Trust::is_root(&path), path == VERSION);
        if is_root || is_version || is_signature(&path) {
            let bytes = match content {
                Content::Bytes(bytes) => bytes,
                Content::Long(_) => Trust::too_long(),
            };
            if is_root {
                self.trust.root = Some(bytes);
            } else if is_version {
                self.trust.version = Some(bytes);
            } else {
                self.trust.signatures.push((path, bytes));
            }
            return;
        }
        let unread = match content {
            Content::Long(bytes) => Unread::Long(bytes),
            Content::Bytes(bytes) if LFS.iter().any(|begin| bytes.starts_with(begin)) => {
                Unread::LfsPointer
            }
            Content::Bytes(bytes) => return self.documents.push((path, bytes)),
        };
        self.unread.insert(path, unread);
    }
}

/// Returns a name that a file can have and that is text, or `None` for any other.
fn text(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && !name.contains(['/', '\0'])).then_some(name)
}

/// Returns whether the file at `path` is read: as a document, a signature, the trust root, or the file that says who
/// judges.
fn is_read(path: &str) -> bool {
    may_be_policy(path) || is_signature(path) || Trust::is_root(path) || path == VERSION
}

/// Returns whether the front end has to see the file: by its folder, or by its extension wherever it is.
pub(crate) fn may_be_policy(path: &str) -> bool {
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let in_documents = path
        .split_once('/')
        .is_some_and(|(folder, _)| DOCUMENT_FOLDERS.contains(&folder));
    let prose = extension.eq_ignore_ascii_case("md");
    in_documents && !prose
        || POLICY_EXTENSIONS
            .iter()
            .any(|policy| extension.eq_ignore_ascii_case(policy))
}

#[cfg(test)]
mod tests;
