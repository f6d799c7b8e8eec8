//! One recorded attempt under both policies.
//!
//! Where both answer alike it is decided once, and not at all where the record is the base's own answer; then every
//! [`SAMPLE`]th is decided all the same, so that a log which says something else is noticed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use stopgate_decide::attempt::{Attempt, Subject};
use stopgate_decide::bundle::{Alike, Bundle};
use stopgate_decide::decide::{Decision, LimitNow, LimitedBy, Outcome, Reason, decide};
use stopgate_decide::name::{OperationName, ProfileName, ToolName};
use stopgate_decide::record::{
    Answered, DecisionRecord, Record, RecordBody, RecordedResult, Seq, Skimmed,
};
use stopgate_decide::replay::{Lost, is_recorded, is_unasked, missing_part, recall, situation};
use stopgate_decide::surface::{Approval, Evidence, Need};

use super::forecast::{ApprovalRequest, Planner, Requests};
use super::lines::Batch;
use super::question::{Question, ReplayError};

/// Of how many answers that could be taken from the records one is decided again, so that a log which says something
/// else is noticed. A record's number says which, so every run picks the same ones.
const SAMPLE: u64 = 64;
/// Records that say something else than the base, kept as examples.
const EXAMPLES: usize = 5;

/// Decides recorded attempts.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    question: Question<'a>,
    alike: Alike,
    /// How many operations are.
    operations: usize,
    /// The base's digest, as records print it.
    base: String,
    planner: Planner<'a>,
}

/// What was found in one batch.
#[derive(Debug, Default)]
pub(super) struct BatchFindings {
    pub(super) seen: Seen,
    pub(super) flips: Vec<Flip>,
    pub(super) requests: Requests,
    pub(super) bytes: u64,
}

/// What a log holds, and what became of it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Decision records.
    pub attempts: u64,
    /// Of these, decided again under one policy or both.
    pub decided: u64,
    /// Of these, taken as they stand in the record: made under the base, at an operation that both answer alike.
    pub taken: u64,
    /// Of these, not replayed, by why.
    pub lost: BTreeMap<Lost, u64>,
    /// Attempts that were rejected without a record of their own, as `gap` records count them.
    pub unrecorded: u64,
    /// Records of the base's own bundle that were decided again under it.
    pub checked: u64,
    /// Of these, records that say something else than the base does.
    pub otherwise: u64,
    /// Of those, records whose sidecar read the calendar otherwise: the bundle is the same, so its zone data is not.
    pub by_calendar: u64,
    /// The first of them.
    pub examples: Vec<Otherwise>,
    /// The first instant.
    pub first: Option<Timestamp>,
    /// The last instant.
    pub last: Option<Timestamp>,
}

/// A record that says something else than the very bundle it names.
#[derive(Debug, Clone)]
pub struct Otherwise {
    /// The record.
    pub seq: Seq,
    /// What it says.
    pub recorded: RecordedResult,
    /// What the bundle says.
    pub decided: Decision,
}

/// An attempt that gets another answer.
#[derive(Debug, Clone)]
pub struct Flip {
    /// Its record.
    pub seq: Seq,
    /// When it was made.
    pub time: Timestamp,
    /// The user.
    pub subject: Option<Subject>,
    /// The user's direct profiles.
    pub profiles: Vec<ProfileName>,
    /// The agent.
    pub agent: String,
    /// The operation, by the catalog of either side.
    pub operation: Option<(ToolName, OperationName)>,
    /// The answer under the base, with nothing collected.
    pub before: Decision,
    /// The answer under head, with nothing collected.
    pub after: Decision,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            attempts,
            decided,
            taken,
            lost,
            unrecorded,
            checked,
            otherwise,
            by_calendar,
            examples,
            first,
            last,
        } = other;
        for (to, from) in [
            (&mut self.attempts, attempts),
            (&mut self.decided, decided),
            (&mut self.taken, taken),
            (&mut self.unrecorded, unrecorded),
            (&mut self.checked, checked),
            (&mut self.otherwise, otherwise),
            (&mut self.by_calendar, by_calendar),
        ] {
            *to = to.saturating_add(from);
        }
        for (why, count) in lost {
            let sum = self.lost.entry(why).or_insert(0);
            *sum = sum.saturating_add(count);
        }
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(examples.into_iter().take(room));
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = [self.last, last].into_iter().flatten().max();
    }

    fn lose(&mut self, why: Lost) {
        let sum = self.lost.entry(why).or_insert(0);
        *sum = sum.saturating_add(1);
    }
}

impl<'a> Judge<'a> {
    pub(super) fn new(question: Question<'a>) -> Self {
        let alike = Alike::between(&question.base.bundle, &question.head.bundle);
        Self {
            question,
            operations: alike.operations(),
            alike,
            base: question.base.bundle.digest().to_string(),
            planner: Planner::new(question),
        }
    }

    /// Returns how many operations answer alike under both policies.
    pub(super) const fn alike(&self) -> usize {
        self.operations
    }

    /// Decides the records of a batch, except for those that are taken as they stand.
    pub(super) fn batch(&self, batch: &Batch) -> Result<BatchFindings, ReplayError> {
        let mut found = BatchFindings {
            bytes: batch.length(),
            ..BatchFindings::default()
        };
        for (number, line) in batch.lines() {
            if self.take(line, &mut found) {
                continue;
            }
            // Whether a log was kept as it was written is for `log verify` to say.
            let record = Record::read(line).map_err(|source| ReplayError::Line {
                path: batch.path.to_path_buf(),
                line: number,
                source,
            })?;
            let seq = record.stamp.seq;
            match record.body {
                RecordBody::Decision(record) => self.record(seq, &record, &mut found),
                RecordBody::Gap(gap) => {
                    found.seen.unrecorded = found.seen.unrecorded.saturating_add(gap.count);
                }
                RecordBody::Start(_)
                | RecordBody::Bundle(_)
                | RecordBody::Stop(_)
                | RecordBody::Stops(_)
                | RecordBody::Root(_) => {}
            }
        }
        Ok(found)
    }

    /// Decides one record under the base, and under head where the two may differ, and notes what flips and what people
    /// are asked.
    fn record(&self, seq: Seq, record: &DecisionRecord, found: &mut BatchFindings) {
        let (base, head) = (&self.question.base.bundle, &self.question.head.bundle);
        self.arrived(record.context.now, found);
        let seen = &mut found.seen;
        // 1. What no policy was asked about cannot be replayed.
        if is_unasked(record, base) {
            return seen.lose(Lost::Unasked);
        }
        let own = record.bundle == base.digest();
        let limits = self.limits(record.limit, &record.attempt.tool);
        let [base_limit, head_limit] = limits;
        let alike = base_limit == head_limit && self.is_alike(record);
        let as_recorded = base_limit == record.limit && record.evidence == Evidence::NONE;
        // 2. The attempt, as far as the record holds it. Arguments that were not recorded cannot be made up.
        let attempt = match recall(record, [base, head]) {
            Ok(attempt) => attempt,
            Err(why) => return seen.lose(why),
        };
        // 3. Both policies decide without evidence, so that all that they ask for shows.
        let before = decide(
            base,
            &attempt,
            &situation(record, base_limit, Evidence::NONE),
        );
        if own && !self.confirm(seq, record, &attempt, as_recorded.then_some(&before), seen) {
            return;
        }
        seen.decided = seen.decided.saturating_add(1);
        let after = (!alike).then(|| {
            decide(
                head,
                &attempt,
                &situation(record, head_limit, Evidence::NONE),
            )
        });
        // What has evidence was asked before without, and people once.
        if record.evidence == Evidence::NONE {
            let asks = [&before, after.as_ref().unwrap_or(&before)];
            let asks = asks.map(|decision| ask(record, decision));
            self.planner.plan(asks, &mut found.requests);
        }
        if let Some(after) = after
            && differs(&before, &after)
        {
            found.flips.push(flip(seq, record, before, after));
        }
    }

    fn arrived(&self, now: Timestamp, found: &mut BatchFindings) {
        let seen = &mut found.seen;
        seen.attempts = seen.attempts.saturating_add(1);
        seen.first = Some(seen.first.map_or(now, |first| first.min(now)));
        seen.last = Some(seen.last.map_or(now, |last| last.max(now)));
        found.requests.day(self.planner.day(now));
    }

    fn is_alike(&self, record: &DecisionRecord) -> bool {
        let attempt = &record.attempt;
        let (function, operation) = (attempt.function.as_deref(), attempt.operation.as_deref());
        self.alike.covers(&attempt.tool, function, operation)
    }

    /// Returns the class that each policy lets through: the recorded one, or the ceiling of the channel that was asked
    /// about.
    fn limits(&self, recorded: LimitNow, tool: &str) -> [LimitNow; 2] {
        let limit = |bundle: &Bundle| {
            let Some(channel) = self.question.channel else {
                return recorded;
            };
            let ceiling = LimitNow {
                class: bundle.ceiling(channel, tool),
                by: LimitedBy::Ceiling,
            };
            match recorded.by {
                LimitedBy::Ceiling => ceiling,
                // The ceiling that is asked about may be lower than what lowered the limit then.
                LimitedBy::Freshness | LimitedBy::Stop if recorded.class <= ceiling.class => {
                    recorded
                }
                LimitedBy::Freshness | LimitedBy::Stop => ceiling,
            }
        };
        [self.question.base, self.question.head].map(|side| limit(&side.bundle))
    }

    /// Counts what a record itself says for both policies, if it is the base's own answer and head's too. Returns
    /// whether it was counted; otherwise the record has to be decided.
    fn take(&self, line: &[u8], found: &mut BatchFindings) -> bool {
        if self.alike() == 0 {
            return false;
        }
        let Some(record) = Skimmed::parse(line) else {
            return false;
        };
        let covered = || {
            self.alike
                .covers(record.tool, record.function, record.operation)
        };
        let limits = || self.limits(record.limit, record.tool);
        // 1. The record has to be an answer of this base, at an operation that both policies answer alike. A sampled
        // one is decided all the same.
        let sampled = record.seq.get() % SAMPLE == 0;
        if sampled || record.bundle != self.base || !was_asked(record.answer) || !covered() {
            return false;
        }
        // 2. Both policies have to let through the same class as when it was recorded.
        if limits() != [record.limit; 2] {
            return false;
        }
        // 3. What counts is the request for an approval that the record itself tells of; it is the same for both
        // policies.
        let ask = match (record.answer, record.operation) {
            (Answered::Route(Some(level)), Some(operation)) => {
                // Names that are covered are names.
                let (Ok(tool), Ok(operation)) = (record.tool.parse(), operation.parse()) else {
                    return false;
                };
                let subject = record.subject.map(|(issuer, id)| Subject {
                    issuer: issuer.to_owned(),
                    id: id.to_owned(),
                });
                Some((level, tool, operation, subject))
            }
            (Answered::Route(Some(_)), None) => return false,
            (Answered::Permit | Answered::Route(None) | Answered::Reject(_), _) => None,
        };
        self.arrived(record.now, found);
        found.seen.taken = found.seen.taken.saturating_add(1);
        let asks = [&ask, &ask].map(|ask| {
            ask.as_ref()
                .map(|(level, tool, operation, subject)| ApprovalRequest {
                    level: *level,
                    tool,
                    operation,
                    subject: subject.as_ref(),
                    now: record.now,
                })
        });
        self.planner.plan(asks, &mut found.requests);
        true
    }

    /// Checks whether the base decides what the record says it decided. Returns `false` if the record lacks a part that
    /// the decision needs, which counts it as lost; a difference otherwise is counted and kept as an example.
    fn confirm(
        &self,
        seq: Seq,
        record: &DecisionRecord,
        attempt: &Attempt,
        decided: Option<&Decision>,
        seen: &mut Seen,
    ) -> bool {
        let again;
        let decided = match decided {
            Some(decided) => decided,
            None => {
                let situation = situation(record, record.limit, record.evidence);
                again = decide(&self.question.base.bundle, attempt, &situation);
                &again
            }
        };
        if is_recorded(record, decided) {
            seen.checked = seen.checked.saturating_add(1);
            return true;
        }
        if let Some(why) = missing_part(record) {
            seen.lose(why);
            return false;
        }
        seen.checked = seen.checked.saturating_add(1);
        seen.otherwise = seen.otherwise.saturating_add(1);
        if let (Some(here), Some(there)) = (decided.seen().business, record.context.business)
            && here != there
        {
            seen.by_calendar = seen.by_calendar.saturating_add(1);
        }
        if seen.examples.len() < EXAMPLES {
            seen.examples.push(Otherwise {
                seq,
                recorded: record.result.clone(),
                decided: decided.clone(),
            });
        }
        true
    }
}

/// Returns the request for an approval that a decision leads to, if it leads to one.
fn ask<'r>(record: &'r DecisionRecord, decision: &'r Decision) -> Option<ApprovalRequest<'r>> {
    let Outcome::Route(needs) = decision.outcome() else {
        return None;
    };
    let seen = decision.seen();
    Some(ApprovalRequest {
        level: level(needs)?,
        tool: seen.tool.as_ref()?,
        operation: seen.operation.as_ref()?,
        subject: record.attempt.subject.as_ref(),
        now: record.context.now,
    })
}

/// Returns whether a policy gave the answer, at a tool that the policy knows.
const fn was_asked(answer: Answered) -> bool {
    match answer {
        Answered::Permit | Answered::Route(_) => true,
        Answered::Reject(reason) => !matches!(
            reason,
            Reason::SubjectUnverified
                | Reason::UnknownTool
                | Reason::AuditUnavailable
                | Reason::Overloaded
        ),
    }
}

/// Returns the level of approval among `needs`, if there is one.
fn level(needs: &[Need]) -> Option<Approval> {
    needs.iter().find_map(|need| match need {
        Need::Approval(level) => Some(*level),
        Need::UserConfirmation | Need::DryRun => None,
    })
}

/// Returns whether anybody could tell two answers apart. Two rejections are one answer.
fn differs(before: &Decision, after: &Decision) -> bool {
    match (before.outcome(), after.outcome()) {
        (Outcome::Reject(_), Outcome::Reject(_)) => false,
        (Outcome::Permit(_) | Outcome::Route(_) | Outcome::Reject(_), _) => {
            before.outcome() != after.outcome() || before.surface() != after.surface()
        }
    }
}

fn flip(seq: Seq, record: &DecisionRecord, before: Decision, after: Decision) -> Flip {
    let named = |decision: &Decision| {
        let seen = decision.seen();
        Some((seen.tool.clone()?, seen.operation.clone()?))
    };
    Flip {
        seq,
        time: record.context.now,
        subject: record.attempt.subject.clone(),
        profiles: record.attempt.profiles.iter().cloned().collect(),
        agent: record.attempt.agent.clone(),
        operation: named(&after).or_else(|| named(&before)),
        before,
        after,
    }
}
