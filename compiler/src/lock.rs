//! `stopgate lock`: what a server offers, asked of the server itself, and how that differs from what is locked.
//!
//! [`fetch`] starts the server without a shell and with no more of the environment than the catalog names, and leaves
//! no process behind. [`compare`] and the classes of changes are pure. Which catalogs there are is not known here.

mod environment;
mod failure;
mod protocol;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use stopgate_author::lock::{Change, ContractStep, Lock, LockError, changes, step_of};
use stopgate_decide::name::ToolName;
use stopgate_decide::version::Version;

pub use environment::Environment;
pub use failure::{Nonsense, ServerFailure};

use crate::process::Server;
use protocol::{Era, Offer};

/// What the catalog says about a tool's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// The tool.
    pub tool: ToolName,
    /// `server.contract`.
    pub contract: Version,
    /// `server.command`: a program on `PATH` and its arguments.
    pub command: Vec<String>,
    /// `server.env`: the variables whose values the server gets besides `PATH` and `HOME`.
    pub env: Vec<String>,
}

/// Why there is no answer from a server, and the last it said on stderr.
#[derive(Debug, thiserror::Error)]
#[error("the server of `{tool}` cannot be locked")]
pub struct FetchError {
    /// The tool.
    pub tool: ToolName,
    /// Why.
    #[source]
    pub cause: ServerFailure,
    /// The end of the server's stderr, values of its variables replaced by their names; may be empty.
    pub stderr: String,
}

/// Asks the server of `spec` what it offers. Blocks for at most about `timeout`; when this returns the server
/// has ended and was reaped, and whatever else was in its process group was killed.
///
/// # Errors
/// [`FetchError`] when the server does not start, does not answer in time, or answers nonsense.
pub fn fetch(
    spec: &ServerSpec,
    environment: &Environment,
    timeout: Duration,
) -> Result<Lock, FetchError> {
    let deadline = Instant::now()
        .checked_add(timeout)
        .unwrap_or_else(Instant::now);
    let mut offer = ask(spec, environment, Era::Initialize, (deadline, timeout));
    if offer.as_ref().is_err_and(speaks_the_later_era) {
        // A new process: on stdio the first message settles the era.
        offer = ask(spec, environment, Era::Discover, (deadline, timeout));
    }
    let fail = |cause| FetchError {
        tool: spec.tool.clone(),
        cause,
        stderr: String::new(),
    };
    let Offer {
        protocol,
        server,
        instructions,
        functions,
    } = offer?;
    let lock = Lock {
        tool: spec.tool.clone(),
        contract: spec.contract,
        server,
        protocol,
        instructions,
        functions,
    };
    let text = lock.to_string();
    if let Some(variable) = environment.leaked_into(&text, &spec.env) {
        return Err(fail(ServerFailure::Secret(variable)));
    }
    // What is written must be what is read: limits of a lock are tighter than those of an answer.
    Lock::parse(text.as_bytes()).map_err(|error| fail(ServerFailure::Unlockable(error)))
}

fn speaks_the_later_era(error: &FetchError) -> bool {
    // -32022: this version of the protocol is not spoken; -32601: there is no `initialize` any more.
    matches!(
        error.cause,
        ServerFailure::Refused {
            method: "initialize",
            code: -32_022 | -32_601,
            ..
        }
    )
}

/// Starts the server, asks it in the given era of the protocol, and ends it again whatever it answered.
fn ask(
    spec: &ServerSpec,
    environment: &Environment,
    era: Era,
    (deadline, timeout): (Instant, Duration),
) -> Result<Offer, FetchError> {
    let fail = |cause, stderr| FetchError {
        tool: spec.tool.clone(),
        cause,
        stderr,
    };
    let started = environment
        .command(&spec.command, &spec.env)
        .and_then(|command| {
            let program = || spec.command.first().cloned().unwrap_or_default();
            Server::start(command, deadline).map_err(|source| ServerFailure::Start {
                program: program(),
                source,
            })
        });
    let server = started.map_err(|cause| fail(cause, String::new()))?;
    let answer = protocol::offer(&server, era);
    let end = server.stop();
    let redact = |text: &str| environment.redact(text, &spec.env);
    answer.map_err(|trouble| {
        fail(
            trouble.into_cause(end.status, timeout, redact),
            redact(&end.stderr),
        )
    })
}

/// Where a tool's lock stands against what its server offers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockStanding {
    /// There is no lock yet.
    First,
    /// The lock that is there cannot be read, so nothing can be said about changes.
    Unreadable(LockError),
    /// Both can be compared.
    Compared(Comparison),
}

/// A readable lock and what its server offers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Every difference.
    pub changes: Vec<Change>,
    /// The contract the lock was written for.
    pub locked: Version,
    /// The contract of the catalog.
    pub catalog: Version,
}

/// Whether a lock may be written over the one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverwriteVerdict {
    /// Nothing that counts differs.
    Same,
    /// Something differs, and the contract took the step it asks for.
    StepTaken,
    /// The contract lacks the step that the changes ask for; this is the least one that has it.
    StepMissing(Version),
    /// The contract went back.
    WentBack,
}

impl Comparison {
    /// Returns the step of the contract that the changes ask for, if anything changed.
    #[must_use]
    pub fn step(&self) -> Option<ContractStep> {
        step_of(&self.changes)
    }

    /// Returns whether a new lock may be written, and why not.
    #[must_use]
    pub fn verdict(&self) -> OverwriteVerdict {
        let Self {
            changes: _,
            locked,
            catalog,
        } = *self;
        match self.step() {
            _ if catalog < locked => OverwriteVerdict::WentBack,
            None if catalog == locked => OverwriteVerdict::Same,
            None => OverwriteVerdict::StepTaken,
            Some(step) if step.is_taken(locked, catalog) => OverwriteVerdict::StepTaken,
            Some(step) => OverwriteVerdict::StepMissing(step.after(locked)),
        }
    }
}

/// Compares the text of the lock that is there with what the server offers now.
#[must_use]
pub fn compare(committed: Option<&[u8]>, offered: &Lock) -> LockStanding {
    match committed.map(Lock::parse) {
        None => LockStanding::First,
        Some(Err(error)) => LockStanding::Unreadable(error),
        Some(Ok(lock)) => LockStanding::Compared(Comparison {
            changes: changes(&lock, offered),
            locked: lock.contract,
            catalog: offered.contract,
        }),
    }
}

/// Writes `lock` to `path`: whole or not at all.
///
/// # Errors
/// The disk's.
pub fn write(path: &Path, lock: &Lock) -> io::Result<()> {
    crate::whole::write(path, lock.to_string().as_bytes())
}
