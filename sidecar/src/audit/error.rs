//! What can go wrong with the log: when it is opened, with one record, and for good.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stopgate_decide::record::{Break, MAX_LINE_BYTES};

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the state directory, the folder of the log or a file of it, under whatever path.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// What is in use.
        path: PathBuf,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is broken in a place that no crash explains. It is left as it is.
    #[error("the log in {} is broken", dir.display())]
    Broken {
        /// The folder of the log.
        dir: PathBuf,
        /// Where, and how.
        source: Box<Break>,
    },
    /// The key of the masks can be read by others, or is not a key.
    #[error("{} is not a key of 32 bytes that only its owner can read", path.display())]
    MaskKey {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes for a key.
    #[error("the system has no random bytes for the key of the masks")]
    Random,
    /// The writer's thread could not be started.
    #[error("the log's thread could not be started")]
    Thread(#[source] io::Error),
}

/// Why a record is not in the log. Whoever gets this rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The disk refused the write. It is tried again with the next record.
    #[error("the log cannot be written at the moment")]
    Unavailable,
    /// Too much waits for the disk already.
    #[error("too many records wait for the disk")]
    Overloaded,
    /// The caller has used up the bytes of record that it may cause in a second.
    #[error("this caller causes more records in a second than its share")]
    Share,
    /// The record is longer than a reader of the log would accept.
    #[error("the record is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// The log is closed or dead. Nothing will be recorded by this process any more.
    #[error("the log is closed")]
    Closed,
}

/// Why the log is dead and the process has to end. Trying again could lose what has been promised.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fatal {
    /// Data or directory could not be flushed; their state on disk is unknown.
    #[error("the log could not be flushed to the disk")]
    Flush(#[source] Arc<io::Error>),
    /// A failed write could not be undone.
    #[error("a failed write to the log could not be undone")]
    Undo(#[source] Arc<io::Error>),
    /// The file that is written is not the one, or not all of the one, that stands in the folder of the log.
    #[error("the file of the log was cut, moved or replaced")]
    Replaced(#[source] Arc<io::Error>),
    /// Every number that a record can have is used.
    #[error("the log has no number left for another record")]
    Full,
    /// The writer's thread panicked.
    #[error("the log's thread panicked")]
    Panicked,
}

/// Whether records can be written.
#[derive(Debug, Clone)]
pub enum Health {
    /// The last write, or the last attempt at one, went well.
    Writable,
    /// The last write failed. Not ready; the log tries by itself to get well.
    Unwritable,
    /// Never again.
    Dead(Fatal),
}

/// Makes a function for `map_err` that turns the system's error into an [`OpenError::Io`]: `action` was tried on
/// `path`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
