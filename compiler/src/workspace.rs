//! The policy repository on disk: its only reader.
//!
//! Everything that looks like policy is read, wherever it stands, because a rule that nobody reads is a hole: whether
//! it stands in the right place is for the front end to say. What may stand there, and how much, is said in one place
//! for files and for git ([`survey`]); links are never followed, and nothing outside the folder is read.

pub(crate) mod survey;
pub mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use stopgate_author::compile::Sources;
use stopgate_author::source::Unread;

use survey::{Content, Kind, MAX_DEPTH, MAX_DOCUMENT, MAX_ENTRIES, MAX_FILES, MAX_TOTAL, Survey};
use trust::Trust;

/// The document that makes a folder a policy repository.
pub(crate) const STOPGATE: &str = "stopgate.yaml";

/// A file's path relative to the repository, with `/`, and its bytes.
pub type Document = (String, Vec<u8>);

/// A policy repository as a reader found it, on a disk, in an index or in a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its documents, in the order of their paths.
    pub documents: Vec<Document>,
    /// What stands where documents could and is none that can be read.
    pub unread: BTreeMap<String, Unread>,
    /// What reviewers signed, and who they are.
    pub trust: Trust,
}

impl Reading {
    /// Returns everything that was read, for the compiler.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let unread = self.unread.iter();
        let unread = unread.map(|(path, unread)| (path.clone(), *unread));
        Sources::new(self.documents.iter().cloned()).with_unread(unread)
    }

    /// Returns the paths of what differs in `other`, in order: documents, what is no document, the trust root, and the
    /// file that says who judges. Signatures are asked about one by one where they count. A line's end is the same with
    /// a carriage return before it.
    #[must_use]
    pub fn differing<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        self.unlike(other, is_same_text)
    }

    /// Returns the paths of documents and of what is no document that differ in `other` by any byte.
    #[must_use]
    pub fn changed<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let mut changed = self.unlike(other, |one, other| one == other);
        changed.remove(trust::ROOT);
        changed.remove(trust::VERSION);
        changed
    }

    fn unlike<'a>(
        &'a self,
        other: &'a Self,
        is_same: fn(&[u8], &[u8]) -> bool,
    ) -> BTreeSet<&'a str> {
        let (ours, theirs) = (self.by_path(), other.by_path());
        let paths: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
        let is_same = |path: &&str| match (ours.get(path), theirs.get(path)) {
            (Some(Ok(one)), Some(Ok(other))) => is_same(one, other),
            (one, other) => one == other,
        };
        paths.into_iter().filter(|path| !is_same(path)).collect()
    }

    fn by_path(&self) -> BTreeMap<&str, Result<&[u8], Unread>> {
        let documents = self.documents.iter();
        let documents = documents.map(|(path, bytes)| (path.as_str(), Ok(bytes.as_slice())));
        let unread = self.unread.iter();
        let unread = unread.map(|(path, unread)| (path.as_str(), Err(*unread)));
        let root = self.trust.root.as_deref();
        let root = root.map(|bytes| (trust::ROOT, Ok(bytes)));
        let version = self.trust.version.as_deref();
        let version = version.map(|bytes| (trust::VERSION, Ok(bytes)));
        documents.chain(unread).chain(root).chain(version).collect()
    }
}

/// Returns whether two texts are the same but for carriage returns before line feeds.
fn is_same_text(one: &[u8], other: &[u8]) -> bool {
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|byte| *byte == b'\n');
        lines
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .collect()
    };
    one == other || lines(one) == lines(other)
}

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no repository.
    #[error("{} is not a policy repository: it has no stopgate.yaml", dir.display())]
    NotARepository {
        /// The folder that was named.
        dir: PathBuf,
    },
    /// Files that cannot be policy, all of them.
    #[error("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n       "))]
    Refused {
        /// In the order of their paths; never empty.
        problems: Vec<Problem>,
    },
    /// The disk failed.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// One thing for which a repository is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Problem {
    /// A socket, a pipe, a device.
    #[error("{0} is not a regular file")]
    Special(String),
    /// A name that is not text, or none that a file can have.
    #[error("{0} has a name that is not UTF-8, or none that a file can have")]
    Name(String),
    /// Too deep.
    #[error("{0} is more than {MAX_DEPTH} folders deep")]
    Deep(String),
    /// Two things of one name, as only a damaged folder of git's can have them.
    #[error("{0} stands there twice")]
    Twice(String),
    /// Too many, or too much.
    #[error("a repository has at most {MAX_FILES} files and {} MiB, among {MAX_ENTRIES} entries of its folders", MAX_TOTAL >> 20)]
    Many,
}

/// Reads the repository in `dir` from the disk.
///
/// # Errors
/// [`WorkspaceError`]; what is wrong with the documents themselves is not known here.
pub fn read(dir: &Path) -> Result<Reading, WorkspaceError> {
    let (root, survey) = look(dir)?;
    survey.read(|path, ()| content(&root.join(path)))
}

/// Reads a file that was a regular one a moment ago, and still has to be. Of a file that is too long only the length is
/// kept.
fn content(path: &Path) -> Result<Content, WorkspaceError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(io(path))?;
    let found = file.metadata().map_err(io(path))?;
    if !found.is_file() {
        let problems = vec![Problem::Special(path.display().to_string())];
        return Err(WorkspaceError::Refused { problems });
    }
    if found.len() > MAX_DOCUMENT {
        return Ok(Content::Long(found.len()));
    }
    let mut bytes = Vec::new();
    let most = MAX_DOCUMENT.saturating_add(1);
    let read = <&File>::take(&file, most).read_to_end(&mut bytes);
    let read = u64::try_from(read.map_err(io(path))?).unwrap_or(u64::MAX);
    // It may have grown meanwhile.
    Ok(if read > MAX_DOCUMENT {
        Content::Long(read)
    } else {
        Content::Bytes(bytes)
    })
}

/// What tells that a document is not what it was: which file it is, when it changed, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    length: u64,
}

/// The stamp of every document, by path.
pub type Stamps = BTreeMap<String, Stamp>;

/// Looks at every document of the repository in `dir`, and reads none.
///
/// # Errors
/// [`WorkspaceError`], as [`read`] would.
pub fn stamps(dir: &Path) -> Result<Stamps, WorkspaceError> {
    let (root, survey) = look(dir)?;
    let stamp = |name: String| {
        let path = root.join(&name);
        let file = fs::symlink_metadata(&path).map_err(io(&path))?;
        let stamp = Stamp {
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            length: file.len(),
        };
        Ok((name, stamp))
    };
    survey.paths()?.into_iter().map(stamp).collect()
}

fn io(path: &Path) -> impl Fn(io::Error) -> WorkspaceError + use<> {
    let path = path.to_owned();
    move |source| WorkspaceError::Io {
        path: path.clone(),
        source,
    }
}

/// Returns the repository's real folder, and what the walk through it met.
fn look(dir: &Path) -> Result<(PathBuf, Survey<()>), WorkspaceError> {
    let stopgate = fs::symlink_metadata(dir.join(STOPGATE));
    if !stopgate.is_ok_and(|found| !found.is_dir()) {
        return Err(WorkspaceError::NotARepository {
            dir: dir.to_owned(),
        });
    }
    let root = fs::canonicalize(dir).map_err(io(dir))?;
    let mut survey = Survey::default();
    walk(&root, "", &mut survey)?;
    Ok((root, survey))
}

/// Notes everything in the folder `name` of `root`, and what is below it, in `survey`.
fn walk(root: &Path, name: &str, survey: &mut Survey<()>) -> Result<(), WorkspaceError> {
    let path = root.join(name);
    for entry in fs::read_dir(&path).map_err(io(&path))? {
        let entry = entry.map_err(io(&path))?;
        let kind = entry.file_type().map_err(io(&path))?;
        let kind = if kind.is_dir() && is_repository(&entry.path()) {
            Kind::Submodule
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Special
        };
        let below = survey.meet(name, entry.file_name().as_bytes(), kind, ());
        if let Some(below) = below {
            walk(root, &below, survey)?;
        }
        if survey.is_full() {
            break;
        }
    }
    Ok(())
}

/// Returns whether git takes a folder for another repository's.
fn is_repository(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(".git")).is_ok()
}

#[cfg(test)]
mod tests;
