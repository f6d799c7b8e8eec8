//! A quick look at a decision record: what it answers to what, without the rest of it and without a copy.
//!
//! It is for readers who take the record's word. That the line is JSON with the members of a record is checked, what
//! stands in those that are not asked for is not: [`super::Record::parse`] does that, and is asked wherever this one
//! cannot tell.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{RecordKind, RecordVersion, Seq, lattice};
use crate::decide::{LimitNow, LimitedBy, Reason};
use crate::surface::{Approval, Limit, Need};

/// What a decision record says in short.
#[derive(Debug, Clone)]
pub struct Skimmed<'l> {
    /// Its place.
    pub seq: Seq,
    /// The bundle's digest, as it is printed.
    pub bundle: &'l str,
    /// The system acted on.
    pub tool: &'l str,
    /// The operation, if there is one.
    pub operation: Option<&'l str>,
    /// The server's function, if the caller named that.
    pub function: Option<&'l str>,
    /// Issuer and id of the original user.
    pub subject: Option<(&'l str, &'l str)>,
    /// When it was decided.
    pub now: Timestamp,
    /// The highest class that was let through.
    pub limit: LimitNow,
    /// The answer.
    pub answer: Answered,
}

/// An answer in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It may run.
    Permit,
    /// Something is missing; the level, if it is people's approval.
    Route(Option<Approval>),
    /// It may not run.
    Reject(Reason),
}

// `deny_unknown_fields`: a member of a later version could change what the others mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "members that have to be there and are not asked for"
)]
struct Line<'l> {
    v: i64,
    seq: u64,
    // `IgnoredAny` checks that a value is JSON and keeps nothing of it.
    time: IgnoredAny,
    // `&str` takes only texts without escapes. serde refuses the others, and the line is then parsed in full.
    kind: &'l str,
    prev: IgnoredAny,
    decision: IgnoredAny,
    request_id: IgnoredAny,
    trace: Option<IgnoredAny>,
    sidecar: IgnoredAny,
    bundle: &'l str,
    #[serde(borrow)]
    attempt: SkimmedAttempt<'l>,
    context: SkimmedContext<'l>,
    evidence: SkimmedEvidence<'l>,
    limit: Limited<'l>,
    enforces: IgnoredAny,
    surface: IgnoredAny,
    #[serde(borrow)]
    result: SkimmedOutcome<'l>,
    rules: IgnoredAny,
    latency_us: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "members that have to be there and are not asked for"
)]
struct SkimmedAttempt<'l> {
    #[serde(borrow)]
    subject: Option<SkimmedSubject<'l>>,
    profiles: IgnoredAny,
    agent: IgnoredAny,
    tool: &'l str,
    operation: Option<&'l str>,
    function: Option<&'l str>,
    session: Option<IgnoredAny>,
    input: Option<IgnoredAny>,
    input_bytes: Option<IgnoredAny>,
    input_digest: IgnoredAny,
    input_refused: Option<IgnoredAny>,
    definition: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkimmedSubject<'l> {
    issuer: &'l str,
    id: &'l str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "members that have to be there and are not asked for"
)]
struct SkimmedContext<'l> {
    facts: IgnoredAny,
    agent: IgnoredAny,
    #[serde(borrow)]
    time: Clock<'l>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "members that have to be there and are not asked for"
)]
struct Clock<'l> {
    now: &'l str,
    business: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkimmedEvidence<'l> {
    approval: &'l str,
    user_confirmation: bool,
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limited<'l> {
    class: &'l str,
    by: &'l str,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SkimmedOutcome<'l> {
    Permit(IgnoredAny),
    Route(#[serde(borrow)] Vec<&'l str>),
    Reject(#[serde(borrow)] SkimmedRejection<'l>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "members that have to be there and are not asked for"
)]
struct SkimmedRejection<'l> {
    reason: &'l str,
    message: IgnoredAny,
}

impl<'l> Skimmed<'l> {
    /// Reads the parts of a line without its newline that are told quickly. Returns `None` if the line is no decision,
    /// if something had been collected when it was made, or if it cannot be told so quickly.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let line: Line<'l> = serde_json::from_slice(line).ok()?;
        let version = RecordVersion::from_number(line.v)?;
        if line.kind != RecordKind::Decision.as_str()
            // The first version had no such member, so such a line is not what it says it is.
            || (version < RecordVersion::V2 && line.attempt.input_bytes.is_some())
        {
            return None;
        }
        let SkimmedEvidence {
            approval,
            user_confirmation,
            dry_run,
        } = line.evidence;
        // With evidence the answer rests on more than is told here.
        if approval != Approval::Automatic.as_str() || user_confirmation || dry_run {
            return None;
        }
        Some(Self {
            seq: Seq::new(line.seq)?,
            bundle: line.bundle,
            tool: line.attempt.tool,
            operation: line.attempt.operation,
            function: line.attempt.function,
            subject: line
                .attempt
                .subject
                .map(|subject| (subject.issuer, subject.id)),
            now: line.context.time.now.parse().ok()?,
            limit: LimitNow {
                class: Limit::from_word(line.limit.class)?,
                by: LimitedBy::from_word(line.limit.by)?,
            },
            answer: answered(&line.result)?,
        })
    }
}

fn answered(outcome: &SkimmedOutcome<'_>) -> Option<Answered> {
    match outcome {
        SkimmedOutcome::Permit(_) => Some(Answered::Permit),
        SkimmedOutcome::Route(words) => {
            let mut level = None;
            for word in words {
                match lattice::need_from_word(word)? {
                    Need::Approval(asked) => level = Some(asked),
                    Need::UserConfirmation | Need::DryRun => {}
                }
            }
            Some(Answered::Route(level))
        }
        SkimmedOutcome::Reject(rejection) => {
            Reason::from_word(rejection.reason).map(Answered::Reject)
        }
    }
}
