//! From a decision record back to the question that was asked, so that other bundles can be asked it too.
//!
//! Nothing but the record is read. Where the record does not hold what `decide` would read, there is no question: a
//! masked argument is put back by a value that no rule can read, and only where every value gives the same answer.

mod masked;

use crate::attempt::{Attempt, Input, Subject, Target};
use crate::bundle::Bundle;
use crate::decide::{Decision, LimitNow, Outcome, Reason, Situation, StopsInForce};
use crate::json::{InvalidJson, Problem};
use crate::record::{DecisionRecord, RecordedAttempt, RecordedInput, RecordedResult};
use crate::surface::Evidence;

/// Why a recorded attempt cannot be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// No policy was asked: nobody vouched for the subject, the caller may not ask about the tool, or time ran out.
    Unasked,
    /// What is masked may decide.
    Masked,
    /// The record does not show the input.
    Withheld,
    /// What was refused of the input, its length or a spelling, is not in the record.
    Unreproduced,
}

impl Lost {
    /// Every way.
    pub const ALL: [Self; 4] = [
        Self::Unasked,
        Self::Masked,
        Self::Withheld,
        Self::Unreproduced,
    ];

    /// Returns the word for this reason in reports for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Masked => "masked",
            Self::Withheld => "withheld",
            Self::Unreproduced => "unreproduced",
        }
    }
}

/// Makes the attempt that `record` tells of, to be decided under `bundles`, the base first, and under no other bundle.
///
/// Profiles are the recorded ones, whatever groups they came from. A definition that was found to be the pinned one
/// stays the pinned one, because a server changes with its lock.
///
/// # Errors
/// [`Lost`] where the record does not hold what one of the bundles would read.
pub fn recall(record: &DecisionRecord, bundles: [&Bundle; 2]) -> Result<Attempt, Lost> {
    let RecordedAttempt {
        subject,
        profiles,
        agent,
        tool,
        operation,
        function,
        session: _,
        input,
        definition,
    } = &record.attempt;
    let [base, _] = bundles;
    if is_unasked(record, base) {
        return Err(Lost::Unasked);
    }
    let target = match (function, operation) {
        // Which operation a function is comes from the input, so it is derived again under each bundle.
        (Some(function), _) => Target::Function(function.clone()),
        (None, Some(operation)) => Target::Operation(operation.clone()),
        // No operation has an empty name: the caller named none.
        (None, None) => Target::Operation(String::new()),
    };
    let nobody = || Subject {
        issuer: String::new(),
        id: String::new(),
    };
    let mut attempt = Attempt {
        subject: subject.clone().unwrap_or_else(nobody),
        profiles: profiles.clone(),
        agent: agent.clone(),
        tool: tool.clone(),
        target,
        // Without a definition the attempt stands for the one that each bundle pins.
        definition: definition.filter(|_| !was_pinned(record)),
        input: recorded(input),
    };
    // What the record shows decides what can be asked: all of it, a made-up value, or nothing.
    match input {
        RecordedInput::Clear { .. } | RecordedInput::Refused { .. } => {}
        RecordedInput::Masked { json, .. } => {
            let whole = masked::put_back(json, &attempt, *definition, bundles);
            attempt.input = Ok(Input::made(whole.ok_or(Lost::Masked)?));
        }
        // What is unknown is rejected before anybody looks at the input.
        RecordedInput::Withheld { .. } | RecordedInput::Long { .. } => {
            if bundles
                .iter()
                .any(|bundle| names(bundle, tool, &attempt.target))
            {
                return Err(Lost::Withheld);
            }
        }
    }
    Ok(attempt)
}

/// Returns whether `target` is an operation or a function of `tool` in `bundle`. Which operation a function is may
/// still depend on the input.
fn names(bundle: &Bundle, tool: &str, target: &Target) -> bool {
    bundle.tool(tool).is_some_and(|(_, tool)| match target {
        Target::Operation(name) => tool.operations.contains_key(name.as_str()),
        Target::Function(name) => tool.functions.contains_key(name),
    })
}

/// Returns as much of the input as the record holds. Of a refused input that is the problem it was refused for; an
/// input that is withheld, or was too long to be recorded, is an error that stands for it.
fn recorded(input: &RecordedInput) -> Result<Input, InvalidJson> {
    match input {
        RecordedInput::Clear { json, digest } => Ok(Input::recorded(json.clone(), *digest)),
        RecordedInput::Masked { json, .. } => Ok(Input::made(json.clone())),
        RecordedInput::Withheld { .. } | RecordedInput::Long { .. } => Err(InvalidJson {
            problem: Problem::Ended,
            offset: 0,
        }),
        RecordedInput::Refused { problem, .. } => Err(*problem),
    }
}

/// Makes the situation that `record` was decided in: the recorded time and what the recorded door enforced, with the
/// given `limit` and `evidence`.
#[must_use]
pub fn situation(record: &DecisionRecord, limit: LimitNow, evidence: Evidence) -> Situation {
    Situation {
        now: record.context.now,
        limit,
        // What stops let through then is in the recorded limit.
        stops: StopsInForce::default(),
        evidence,
        enforces: record.enforces,
    }
}

/// Returns whether `decision` is the one that stands in `record`: the same answer, surface, rules, facts and business
/// time. Messages are for people and are not compared.
#[must_use]
pub fn is_recorded(record: &DecisionRecord, decision: &Decision) -> bool {
    let answer = match (decision.outcome(), &record.result) {
        (Outcome::Permit(_), RecordedResult::Permit) => true,
        (Outcome::Route(needs), RecordedResult::Route(recorded)) => needs == recorded,
        (Outcome::Reject(rejection), RecordedResult::Reject(recorded)) => {
            rejection.reason == recorded.reason
        }
        (Outcome::Permit(_) | Outcome::Route(_) | Outcome::Reject(_), _) => false,
    };
    let seen = decision.seen();
    answer
        && decision.surface() == record.surface.as_ref()
        && decision
            .rules()
            .iter()
            .map(|rule| &rule.id)
            .eq(&record.rules)
        && seen.facts == record.context.facts
        && seen.business == record.context.business
}

/// Returns the part that `record` lacks, where that explains why the very bundle that it names decides the recorded
/// attempt differently now. Returns `None` if nothing explains it, so that the decisions should have been the same.
#[must_use]
pub fn missing_part(record: &DecisionRecord) -> Option<Lost> {
    let refused = matches!(&record.result, RecordedResult::Reject(rejection) if rejection.reason == Reason::InputInvalid);
    match &record.attempt.input {
        RecordedInput::Masked { .. } => Some(Lost::Masked),
        // A text can be too long as it was sent and short enough in canonical form.
        RecordedInput::Clear { .. } if refused => Some(Lost::Unreproduced),
        RecordedInput::Clear { .. }
        | RecordedInput::Withheld { .. }
        | RecordedInput::Long { .. }
        | RecordedInput::Refused { .. } => None,
    }
}

/// Returns whether the recorded answer came before any policy was asked, as far as `base` can tell.
#[must_use]
pub fn is_unasked(record: &DecisionRecord, base: &Bundle) -> bool {
    let RecordedResult::Reject(rejection) = &record.result else {
        return false;
    };
    match rejection.reason {
        // These are answers of the sidecar, not of a policy: asking again would ask something else.
        Reason::SubjectUnverified | Reason::AuditUnavailable | Reason::Overloaded => true,
        // The base knows the tool: it was the caller who may not ask about it.
        Reason::UnknownTool => base.tool(&record.attempt.tool).is_some(),
        Reason::UnknownOperation
        | Reason::UnknownProfile
        | Reason::OperationMismatch
        | Reason::DefinitionMismatch
        | Reason::InputInvalid
        | Reason::NoRule
        | Reason::Forbidden
        | Reason::Ceiling
        | Reason::Obligation
        | Reason::EvaluationError
        | Reason::PolicyStale
        | Reason::Stopped => false,
    }
}

/// Returns whether the recorded definition had been compared with the pinned one and was equal to it, as the recorded
/// answer shows.
fn was_pinned(record: &DecisionRecord) -> bool {
    let RecordedResult::Reject(rejection) = &record.result else {
        return true;
    };
    match rejection.reason {
        Reason::SubjectUnverified
        | Reason::UnknownTool
        | Reason::UnknownOperation
        | Reason::OperationMismatch
        | Reason::DefinitionMismatch
        | Reason::AuditUnavailable
        | Reason::Overloaded => false,
        // Of a text that is no JSON nobody asks which operation it selects.
        Reason::InputInvalid => !matches!(record.attempt.input, RecordedInput::Refused { .. }),
        Reason::UnknownProfile
        | Reason::NoRule
        | Reason::Forbidden
        | Reason::Ceiling
        | Reason::Obligation
        | Reason::EvaluationError
        | Reason::PolicyStale
        | Reason::Stopped => true,
    }
}
