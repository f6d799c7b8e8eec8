//! From an attempt and its decision to the record that has to be on disk before the answer leaves.

use stopgate_decide::attempt::{Attempt, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{Decision, Outcome, Situation};
use stopgate_decide::record::{
    DecisionRecord, MaskKey, RecordedAttempt, RecordedContext, RecordedInput, RecordedResult, Sent,
};

use super::request::Request;

/// An attempt and its decision, not on record yet.
pub(super) struct Considered {
    pub(super) attempt: Attempt,
    pub(super) situation: Situation,
    pub(super) decision: Decision,
}

/// What a record holds beside the attempt and its decision.
pub(super) struct RecordDetails<'a> {
    pub(super) name: &'a str,
    pub(super) sidecar: &'a str,
    pub(super) bundle: &'a Bundle,
    pub(super) request: &'a Request,
    pub(super) latency_us: u32,
}

impl Considered {
    pub(super) fn record(&self, told: &RecordDetails<'_>, mask_key: &MaskKey) -> DecisionRecord {
        let Self {
            situation,
            decision,
            attempt,
        } = self;
        let RecordDetails {
            name,
            sidecar,
            bundle,
            request,
            latency_us,
        } = *told;
        DecisionRecord {
            decision: name.to_owned(),
            request_id: request.id.as_str().to_owned(),
            trace: request
                .trace
                .as_ref()
                .map(|trace| trace.as_str().to_owned()),
            sidecar: sidecar.to_owned(),
            bundle: bundle.digest(),
            attempt: self.attempt(bundle, request, mask_key),
            context: RecordedContext {
                facts: decision.seen().facts.clone(),
                agent: attempt.agent.clone(),
                now: situation.now,
                business: decision.seen().business,
            },
            evidence: situation.evidence,
            // Before the operation was known, nobody could tell which stops reach it.
            limit: decision.seen().limit.unwrap_or(situation.limit),
            enforces: situation.enforces,
            surface: decision.surface().cloned(),
            result: result(decision.outcome()),
            rules: decision
                .rules()
                .iter()
                .map(|rule| rule.id.clone())
                .collect(),
            latency_us,
        }
    }

    fn attempt(&self, bundle: &Bundle, request: &Request, mask_key: &MaskKey) -> RecordedAttempt {
        let Self {
            attempt,
            decision,
            situation: _,
        } = self;
        let seen = decision.seen();
        // As it was named, where the catalog knows no such operation: an auditor wants to see what was tried.
        let (named, function) = match &attempt.target {
            Target::Operation(name) => (Some(name.clone()).filter(|name| !name.is_empty()), None),
            Target::Function(function) => (None, Some(function.clone())),
        };
        let operation = seen.operation.as_ref().map(ToString::to_string).or(named);
        // Without an operation nobody knows what is to be hidden, so all of the input is.
        let masks = operation
            .as_ref()
            .and_then(|operation| bundle.recorded_masks(&attempt.tool, operation, seen.input_fits));
        let sent = Sent {
            input: &attempt.input,
            text: &request.input,
            tool: &attempt.tool,
            operation: operation.as_deref(),
            masks,
            rejected: matches!(decision.outcome(), Outcome::Reject(_)),
        };
        RecordedAttempt {
            subject: Some(attempt.subject.clone()).filter(|subject| !subject.id.is_empty()),
            profiles: attempt.profiles.clone(),
            agent: attempt.agent.clone(),
            tool: attempt.tool.clone(),
            input: RecordedInput::new(&sent, mask_key),
            operation,
            function,
            session: None,
            definition: attempt.definition.or(seen.definition),
        }
    }
}

fn result(outcome: &Outcome) -> RecordedResult {
    match outcome {
        Outcome::Permit(_) => RecordedResult::Permit,
        Outcome::Route(needs) => RecordedResult::Route(needs.clone()),
        Outcome::Reject(rejection) => RecordedResult::Reject(rejection.clone()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use stopgate_decide::decide::{LimitedBy, Reason, StopsInForce};
    use stopgate_decide::supply::{Standing, StopInForce, StopLimit};
    use stopgate_decide::surface::Limit;

    use super::super::testing::{Stage, caller, policy, request};
    use super::*;
    use crate::audit::Options;

    fn stopped(limit: StopLimit, operation: Option<&str>) -> StopsInForce {
        let stop = StopInForce {
            digest: stopgate_decide::digest::Digest::compute(b"stop"),
            note: None,
            tool: Some("erp".parse().expect("a name")),
            operation: operation.map(|name| name.parse().expect("a name")),
            agent: None,
            limit,
            until: None,
        };
        StopsInForce {
            stops: [stop].into(),
            agent_is_vouched: false,
            caller_agent: None,
        }
    }

    #[tokio::test]
    async fn a_record_says_what_the_stops_let_through_that_reach_its_attempt() {
        let stage = Stage::new(Options::new("erp-7f"));
        let bundle = policy();
        let record = |stops: StopsInForce, operation: &str| {
            let request = Request {
                target: Some(Target::Operation(operation.to_owned())),
                ..request()
            };
            let caller = caller();
            let supplied = (&bundle, Standing::default());
            let now = Timestamp::now();
            let question = stage.enforcer.question(&caller, supplied, &request, now);
            stage.stops.send_replace(stops.stops);
            let told = RecordDetails {
                name: "decisions/1",
                sidecar: "erp-7f",
                bundle: &bundle,
                request: &request,
                latency_us: 40,
            };
            let considered = stage.enforcer.consider(&bundle, question);
            let record = considered.record(&told, &MaskKey::new(&[7; 32]));
            let reason = match record.result {
                RecordedResult::Permit | RecordedResult::Route(_) => None,
                RecordedResult::Reject(rejection) => Some(rejection.reason),
            };
            (record.limit.by, record.limit.class, reason)
        };
        let (ceiling, high) = (LimitedBy::Ceiling, Limit::High);
        let none = |operation| stopped(StopLimit::None, operation);
        assert_eq!(
            record(StopsInForce::default(), "get_order"),
            (ceiling, high, None)
        );
        assert_eq!(
            record(none(None), "get_order"),
            (LimitedBy::Stop, Limit::None, Some(Reason::Stopped))
        );
        // It lets this attempt through, and is what let it through.
        assert_eq!(
            record(stopped(StopLimit::ReadOnly, None), "get_order"),
            (LimitedBy::Stop, Limit::ReadOnly, None)
        );
        assert_eq!(
            record(none(Some("create_refund")), "get_order"),
            (ceiling, high, None)
        );
        // Of an operation that nobody knows nobody can say which stops reach it.
        assert_eq!(
            record(none(None), "nowhere"),
            (ceiling, high, Some(Reason::UnknownOperation))
        );
        stage.written().await;
    }
}
