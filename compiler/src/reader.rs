//! Where a policy is read from, files, the index or a revision, and how that is said: the one way in for every command.
//!
//! What is published and what is signed is a commit: the files count only where they are that commit, to the document.

use std::fmt;
use std::path::Path;

use crate::git::{GitError, History, Revision};
use crate::words::{agree, list};
use crate::workspace::{self, Reading, WorkspaceError};

/// The commit that the work tree was made from.
const HEAD: &str = "HEAD";
/// Most paths that are named one by one.
const NAMED: usize = 5;

/// Which state of a repository is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The files as they are.
    Files,
    /// What the next commit would hold.
    Staged,
    /// A commit, by any name that git has for it.
    Revision(&'a str),
}

/// A policy repository, and where it was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// What is in it.
    pub reading: Reading,
    /// Where.
    pub source: Source,
    /// The id of the policy's folder, where it was read from a revision.
    pub tree: Option<String>,
}

/// Where a policy was read. Prints as `files, 3 differ from 1a2b3c4d5e6f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The files as they are.
    Files(Beside),
    /// The index.
    Staged(Beside),
    /// A revision.
    Revision {
        /// As it was asked for.
        name: String,
        /// The commit, in full.
        commit: String,
    },
}

/// How files or the index stand to the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// There is no git repository.
    NoRepository,
    /// The last commit cannot be compared with, and why.
    Nothing(String),
    /// It can.
    Commit {
        /// Its id, in full.
        commit: String,
        /// How many documents are not what they are there.
        differing: usize,
    },
}

/// Why there is nothing to publish or to sign.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// git does not give it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The disk does not.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// What is in the folder is not what was committed.
    #[error(
        "the files are not those of HEAD ({}): {}",
        History::short(commit),
        some(paths)
    )]
    Differs {
        /// HEAD.
        commit: String,
        /// Every path that differs, in order; never empty.
        paths: Vec<String>,
    },
}

/// Returns which of `paths` differ, in words: the first ones by name, the others counted.
fn some(paths: &[String]) -> String {
    let named = list(paths.iter().take(NAMED));
    match paths.len() {
        all if all <= NAMED => format!("{named} {}", agree(&all, "differs", "differ")),
        all => format!("{named} and {} more differ", all.saturating_sub(NAMED)),
    }
}

/// Reads the state of the repository at `dir` that is wanted.
///
/// # Errors
/// [`ReadError`], but never that files differ.
pub fn read(dir: &Path, wanted: Wanted<'_>) -> Result<Read, ReadError> {
    match wanted {
        Wanted::Revision(name) => Ok(Read::from_revision(History::open(dir)?.read(name)?)),
        Wanted::Files => {
            let reading = workspace::read(dir)?;
            let source = Source::Files(Beside::compare(dir, &reading));
            Ok(Read {
                reading,
                source,
                tree: None,
            })
        }
        Wanted::Staged => {
            let reading = History::open(dir)?.staged()?;
            let source = Source::Staged(Beside::compare(dir, &reading));
            Ok(Read {
                reading,
                source,
                tree: None,
            })
        }
    }
}

/// Reads what may be published or signed: the commit `revision`, or HEAD where the folder is exactly that. Where there
/// is no git repository nothing else than files can be meant.
///
/// # Errors
/// [`ReadError`].
pub fn committed(dir: &Path, revision: Option<&str>) -> Result<Read, ReadError> {
    if let Some(name) = revision {
        return read(dir, Wanted::Revision(name));
    }
    let history = match History::open(dir) {
        Ok(history) => history,
        Err(GitError::NoRepository(_)) => return read(dir, Wanted::Files),
        Err(error) => return Err(error.into()),
    };
    let files = workspace::read(dir)?;
    let head = history.read(HEAD)?;
    let paths: Vec<String> = head
        .reading
        .differing(&files)
        .into_iter()
        .map(str::to_owned)
        .collect();
    if paths.is_empty() {
        return Ok(Read::from_revision(head));
    }
    let commit = head.commit;
    Err(ReadError::Differs { commit, paths })
}

impl Read {
    fn from_revision(revision: Revision) -> Self {
        let Revision {
            name,
            commit,
            tree,
            reading,
        } = revision;
        Self {
            reading,
            source: Source::Revision { name, commit },
            tree: Some(tree),
        }
    }
}

impl Beside {
    /// Finds how `reading`, of the repository at `dir`, stands to the last commit there.
    fn compare(dir: &Path, reading: &Reading) -> Self {
        let head = History::open(dir).and_then(|history| history.read(HEAD));
        match head {
            Ok(head) => Self::Commit {
                differing: head.reading.differing(reading).len(),
                commit: head.commit,
            },
            Err(GitError::NoRepository(_)) => Self::NoRepository,
            Err(error) => Self::Nothing(error.to_string()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(beside) => write!(f, "files, {beside}"),
            Self::Staged(beside) => write!(f, "staged, {beside}"),
            Self::Revision { name, commit } => {
                write!(f, "{name} ({})", History::short(commit))
            }
        }
    }
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRepository => f.write_str("in no git repository"),
            Self::Nothing(why) => write!(f, "compared with no commit: {why}"),
            Self::Commit { commit, differing } => {
                let commit = History::short(commit);
                match differing {
                    0 => write!(f, "equal to {commit}"),
                    many => {
                        let differ = agree(many, "differs", "differ");
                        write!(f, "{many} {differ} from {commit}")
                    }
                }
            }
        }
    }
}
