//! What is asked of a log, and why there is no answer.

use std::io;
use std::path::PathBuf;

use stopgate_author::policy::Policy;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::directory::Directory;
use stopgate_decide::record::InvalidRecord;

/// One of the two policies.
#[derive(Debug)]
pub struct ReplayedPolicy {
    /// What it says.
    pub policy: Policy,
    /// What decides.
    pub bundle: Bundle,
}

/// What is asked, and of whom.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The policy compared with; its budget and its calendar count.
    pub base: &'a ReplayedPolicy,
    /// The policy compared.
    pub head: &'a ReplayedPolicy,
    /// Whose ceilings hold; `None`: those that the records name hold under both.
    pub channel: Option<&'a str>,
    /// Who could fill seats; `None`: nobody knows.
    pub directory: Option<&'a Directory>,
}

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A folder without a file of a log.
    #[error("{} holds no file of a log", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file that would count twice.
    #[error("{} is named twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// The disk.
    #[error("cannot read {}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is no record.
    #[error("{}:{line}: the line is not a record", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        source: InvalidRecord,
    },
    /// A line without an end, before the end of the last file.
    #[error("{}:{line}: the line has no end", path.display())]
    Endless {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
    },
    /// More days than a forecast has.
    #[error("the records are of more than {0} days: replay parts of the log")]
    Days(usize),
    /// A thread that ended before its time.
    #[error("a worker ended before its work did")]
    Worker,
}
