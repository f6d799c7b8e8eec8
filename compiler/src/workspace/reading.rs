//! What a reader found, on a disk, in an index or in a revision, and why it could not read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use stopgate_author::compile::Sources;
use stopgate_author::source::Unread;

use super::bounds::{Document, MAX_DEPTH, MAX_ENTRIES, MAX_FILES, MAX_TOTAL};
use super::trust::{self, Trust};

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
