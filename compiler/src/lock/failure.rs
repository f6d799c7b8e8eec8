//! Why there is no answer from a server.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use stopgate_author::lock::{InvalidDefinition, LockError};
use stopgate_decide::json::InvalidJson;

use crate::process::MAX_LINE;

/// Most functions of one server; one that lists more gets no lock.
pub(super) const MAX_FUNCTIONS: usize = 1000;
/// Most pages of one list, so that a server cannot go on handing out cursors.
pub(super) const MAX_PAGES: usize = 200;
/// Most messages of a server before it has answered everything: notices and questions of its own count too.
pub(super) const MAX_MESSAGES: usize = 10_000;

/// Why there is no answer from a server.
#[derive(Debug, thiserror::Error)]
pub enum ServerFailure {
    /// The catalog names no program.
    #[error("`server.command` names no program")]
    NoProgram,
    /// A program that is named by its place.
    #[error(
        "`{0}` is a path; `server.command` names a program on PATH, wherever a machine keeps it"
    )]
    Path(String),
    /// No such program.
    #[error("there is no program `{0}` on PATH")]
    NotFound(String),
    /// The program is there and does not start.
    #[error("`{program}` does not start")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No answer before the deadline.
    #[error("no answer to `{method}` within {} s", after.as_secs_f32())]
    TimedOut {
        /// What was asked.
        method: &'static str,
        /// The time the whole exchange had.
        after: Duration,
    },
    /// The server closed its output.
    #[error("the server ended before it answered `{method}` ({status})")]
    Ended {
        /// What was asked.
        method: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// Its output cannot be read.
    #[error("the server's output cannot be read")]
    Read(#[source] io::Error),
    /// An answer that is none.
    #[error("the answer to `{method}` is not what the protocol says")]
    Nonsense {
        /// What was asked.
        method: &'static str,
        /// What is wrong with the answer.
        #[source]
        what: Nonsense,
    },
    /// An error as the protocol has them.
    #[error("the server refuses `{method}` with error {code}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// The protocol's number.
        code: i64,
        /// The server's words, values of its variables replaced by their names.
        message: String,
    },
    /// What it offers holds a value of the environment, which must not get into git.
    #[error("what the server offers holds the value of {0}, which must not get into a repository")]
    Secret(String),
    /// What it offers does not fit into a lock that can be read again.
    #[error("what the server offers does not fit into a lock")]
    Unlockable(#[source] LockError),
}

/// How an answer breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// A line beyond the limit.
    #[error("a line is longer than {MAX_LINE} bytes")]
    LineTooLong,
    /// Not strict JSON: not JSON at all, or JSON that two readers could take for different things.
    #[error("{0}")]
    Json(InvalidJson),
    /// JSON that is no message of JSON-RPC 2.0.
    #[error("a line is no message of JSON-RPC 2.0")]
    NotAMessage,
    /// An answer to something that was not asked.
    #[error("it answers another request")]
    OtherRequest,
    /// A member that is missing or of the wrong kind.
    #[error("`{0}` is missing, of the wrong kind or too long")]
    Member(&'static str),
    /// A revision of the protocol that is not spoken here.
    #[error("it chooses the protocol revision `{0}`, which is not spoken here")]
    Revision(String),
    /// A definition that is none.
    #[error("function {place} of the list: {problem}")]
    Definition {
        /// Its place in the list, counted from 1.
        place: usize,
        /// What is wrong with it.
        problem: InvalidDefinition,
    },
    /// Two functions of one name.
    #[error("function `{0}` stands twice in the list")]
    Twice(String),
    /// Nothing to lock.
    #[error("it lists no function")]
    Empty,
    /// More than anybody could review.
    #[error("it lists more than {MAX_FUNCTIONS} functions, or more than {MAX_PAGES} pages")]
    TooMany,
    /// A server that talks on and on.
    #[error("more than {MAX_MESSAGES} messages came before the answer")]
    TooTalkative,
}
