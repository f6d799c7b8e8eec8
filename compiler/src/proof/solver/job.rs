//! What is said between whoever asks and the process that proves: one line of JSON each.
//!
//! The one who asks sends a [`Job`]; the process says that it is prepared, then what it found, both with the job's
//! number. Then it is asked to close the job and says that number again, so that an answer counts only once there is
//! known to be one. Whatever else is said is no answer.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is granted beyond a limit of time: to the solver after its own, and to this process.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// Stack of a thread that compiles and encodes: both recurse over whole policies.
pub(crate) const STACK: usize = 64 << 20;

/// What the requests of a question look like.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Types, as Cedar's schema.
    pub(crate) schema: String,
    /// Everything that somebody may hold.
    pub(crate) known: Vec<String>,
}

/// A line to the process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WorkerOrder<'a> {
    /// Do this.
    Job(Job<'a>),
    /// Say that there is no more of this job.
    Close(u64),
}

/// One question, with all that it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job<'a> {
    /// Its number, which every answer to it has.
    pub(super) number: u64,
    /// Types of the requests, as Cedar's schema.
    pub(super) schema: Cow<'a, str>,
    /// Everything that somebody may hold.
    pub(super) known: Cow<'a, [String]>,
    /// What is asked.
    pub(super) question: ProofQuestion<'a>,
}

/// A question. Bodies are clauses of Cedar's syntax tree, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ProofQuestion<'a> {
    /// Whether the right side allows all that the left side allows.
    Implies {
        left: Cow<'a, [Body]>,
        right: Cow<'a, [Body]>,
    },
    /// Whether a body can be evaluated for every request.
    NeverFails(Cow<'a, str>),
    /// Whether a body matches no request.
    NeverMatches(Cow<'a, str>),
    /// Whether the types fit each of these bodies.
    Fits(Vec<String>),
    /// Whether a body can be prepared at all; nothing is solved.
    Prepare(Cow<'a, str>),
}

/// A body and how it stands in a question.
pub(super) type Body = (AtomEffect, String);

/// How a body stands in a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AtomEffect {
    /// It allows.
    Permit,
    /// It takes away.
    Forbid,
}

/// A line of the process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WorkerLine {
    /// The question of this job is written, and the solver has it from here on.
    Prepared(u64),
    /// What came of a job.
    Answered { job: u64, answer: JobAnswer },
    /// There is no more of this job.
    Closed(u64),
}

/// What came of a question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum JobAnswer {
    /// It holds for every request there is.
    Proved,
    /// It does not: here is a request.
    Refuted(Raw),
    /// Nothing is known, and why.
    Unknown(String),
    /// Of each body, whether the types fit it.
    Fits(Vec<bool>),
    /// It was prepared, which was all that was asked.
    Done,
}

/// A request as the solver made it up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raw {
    /// What the principal holds, of what is known.
    pub(crate) held: Vec<String>,
    /// The context, in Cedar's JSON.
    pub(crate) context: Value,
}
