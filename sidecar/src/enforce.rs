//! One attempt, from a caller's request to an answer that is on record: caller, attempt, decide, record, answer.
//!
//! It knows no wire and no socket. The answer exists only after its record is durable; where the record fails, the
//! answer is a rejection instead. A decision that took longer than its budget is a rejection too.

mod naming;
mod principal;
mod recorded;
mod request;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopgate_lang::attempt::{Attempt, Input, Target};
use stopgate_lang::bundle::Bundle;
use stopgate_lang::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Reason, Rejection, Situation, decide,
};
use stopgate_lang::digest::Digest;
use stopgate_lang::name::ChannelName;
use stopgate_lang::record::Seq;
use stopgate_lang::surface::Evidence;

use crate::audit::{AuditError, AuditLog, Receipt};
use crate::config::Caller;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::readiness::State;
use crate::source::{Looked, SourceName};
use crate::undecided::Undecided;

use principal::{Named, Principal, Registrar};
use recorded::Told;

pub use request::{
    AssertedSubject, Label, MAX_GROUPS, MAX_LABEL, MAX_SUBJECT, NamedSubject, OutOfBounds, Request,
    RequestId, TraceId,
};

/// Most processor time that the policy may take for one attempt.
pub const DECIDE_BUDGET: Duration = Duration::from_millis(50);

/// Decides attempts. Shared behind an `Arc`.
#[derive(Debug)]
pub struct Enforcer {
    sidecar: String,
    channel: ChannelName,
    state: State,
    audit: AuditLog,
    identity: Arc<Identity>,
    metrics: Arc<Metrics>,
    names: naming::Names,
}

/// A decision that is on record.
#[derive(Debug)]
pub struct Answer {
    /// Its name, also in the record.
    pub name: String,
    /// The request it answers.
    pub request: RequestId,
    /// The one bundle that explains it.
    pub bundle: Digest,
    /// When it was made; whole milliseconds.
    pub time: Timestamp,
    /// What was decided.
    pub decision: Decision,
}

/// An attempt and its decision, not on record yet.
struct Considered {
    attempt: Attempt,
    situation: Situation,
    decision: Decision,
}

/// The policy in force, for people who ask.
#[derive(Debug, Clone)]
pub struct Status {
    /// The channel that is followed.
    pub channel: ChannelName,
    /// The supply of policy.
    pub supply: crate::follow::Supply,
    /// How the looks at each source went.
    pub sources: Vec<(SourceName, Looked)>,
    /// When the trust root expires.
    pub root_expires: Option<Timestamp>,
}

impl Enforcer {
    /// An enforcer of `channel` that calls itself `sidecar` in records.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(
        sidecar: String,
        channel: ChannelName,
        state: State,
        audit: AuditLog,
        identity: Arc<Identity>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        Ok(Self {
            sidecar,
            channel,
            state,
            audit,
            identity,
            metrics,
            names: naming::Names::new()?,
        })
    }

    /// What is in force right now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            channel: self.channel.clone(),
            supply: self.state.supply.borrow().clone(),
            sources: self.metrics.sources.looked(),
            root_expires: self.metrics.sources.root_expiry().0,
        }
    }

    /// Decides `request` of `caller` and records the decision. It waits for nothing but the disk: when it is first
    /// polled, it decides and puts the record where the log takes it, so that dropping it after that takes nothing back.
    ///
    /// # Errors
    /// [`Undecided`] when nothing was decided; nothing is recorded then. A panic before the record is counted for the next
    /// `gap`.
    pub async fn decide(&self, caller: &Caller, request: Request) -> Result<Answer, Undecided> {
        let arrived = Instant::now();
        if !caller.may.decide {
            return Err(Undecided::NotAllowed);
        }
        if *self.state.draining.borrow() {
            return Err(Undecided::Draining);
        }
        let active = self
            .state
            .supply
            .borrow()
            .active
            .clone()
            .ok_or(Undecided::NoBundle)?;
        // Whatever happens from here on, the log tells of it: by a record or by a count.
        let pending = self.audit.announce().map_err(|_| Undecided::Draining)?;
        let time = milliseconds(Timestamp::now());
        let name = self.names.next(time);

        let considered = self.consider(caller, &active.bundle, &request, time);
        let told = Told {
            name: &name,
            sidecar: &self.sidecar,
            bundle: &active.bundle,
            request: &request,
            latency_us: u32::try_from(arrived.elapsed().as_micros()).unwrap_or(u32::MAX),
        };
        let record = considered.record(&told, self.audit.mask_key());
        let mut decision = considered.decision;
        let tool = request.tool.as_str();
        let recorded = match pending.enqueue(record, caller.uid) {
            Ok(receipt) => self.on_disk(receipt, tool, decision.outcome()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            decision = unrecorded(error);
        }
        tracing::debug!(
            decision = %name,
            bundle = %active.bundle.digest(),
            tool,
            operation = decision.seen().operation.as_ref().map(|operation| operation.as_str()),
            answer = word(decision.outcome()),
            rules = ?decision.rules().iter().map(|rule| &rule.id).collect::<Vec<_>>(),
            "decided"
        );
        // Nothing is left that could go wrong: a request that is counted here is not counted as a fault too.
        self.metrics
            .answered(tool, decision.outcome(), arrived.elapsed());
        Ok(Answer {
            name,
            request: request.id,
            bundle: active.bundle.digest(),
            time,
            decision,
        })
    }

    /// Waits until the record of `outcome` is on the disk. A caller that leaves meanwhile is counted; that there is a
    /// receipt says that the record stays.
    async fn on_disk(
        &self,
        receipt: Receipt,
        tool: &str,
        outcome: &Outcome,
    ) -> Result<Seq, AuditError> {
        let waiting = self.metrics.waiting(tool, outcome);
        let recorded = receipt.wait().await;
        waiting.over();
        recorded
    }

    /// The decision, before anybody may hear of it.
    fn consider(
        &self,
        caller: &Caller,
        bundle: &Bundle,
        request: &Request,
        now: Timestamp,
    ) -> Considered {
        let tool = request.tool.as_str();
        let limit = LimitNow {
            class: bundle.ceiling(self.channel.as_str(), tool),
            by: LimitedBy::Ceiling,
        };
        let situation = Situation {
            now,
            limit,
            evidence: Evidence::NONE,
            enforces: caller.enforces,
        };
        let registrar = Registrar {
            identity: &self.identity,
            metrics: &self.metrics,
            bundle,
            caller,
            now,
        };
        let named = Named {
            subject: request.subject.as_ref(),
            agent: request.agent.as_ref(),
        };
        let (principal, vouched) = registrar.principal(named);
        let attempt = attempt(principal, request);
        let before = processor_time();
        let decision = match vouched.and_then(|()| may_ask(caller, tool)) {
            Ok(()) => decide(bundle, &attempt, &situation),
            Err(rejection) => Decision::rejected(rejection),
        };
        let took = processor_time().saturating_sub(before);
        self.metrics.decided(took);
        let decision = if took > DECIDE_BUDGET {
            tracing::warn!(?took, tool, "decision over budget");
            Decision::rejected(Rejection::new(
                Reason::Overloaded,
                "the decision took too long",
            ))
        } else {
            decision
        };
        Considered {
            attempt,
            situation,
            decision,
        }
    }
}

fn may_ask(caller: &Caller, tool: &str) -> Result<(), Rejection> {
    if caller.tools.contains(tool) {
        Ok(())
    } else {
        Err(Rejection::new(
            Reason::UnknownTool,
            "this caller may not ask about such a tool",
        ))
    }
}

fn attempt(principal: Principal, request: &Request) -> Attempt {
    let Principal {
        subject,
        profiles,
        agent,
    } = principal;
    Attempt {
        subject,
        profiles,
        agent,
        tool: request.tool.as_str().to_owned(),
        // No operation has an empty name: nobody said what to do, so nothing known is to be done.
        target: request
            .target
            .clone()
            .unwrap_or_else(|| Target::Operation(String::new())),
        input: Input::parse(&request.input),
        definition: request.definition,
    }
}

/// Processor time of this thread: what the policy costs, however busy the machine is.
fn processor_time() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(
        rustix::time::ClockId::ThreadCPUTime,
    ))
    .unwrap_or_default()
}

/// What is answered when the record is not in the log.
fn unrecorded(error: AuditError) -> Decision {
    let reason = match error {
        AuditError::Overloaded | AuditError::Share => Reason::Overloaded,
        AuditError::Unavailable | AuditError::TooLong | AuditError::Closed => {
            Reason::AuditUnavailable
        }
    };
    Decision::rejected(Rejection::new(reason, error.to_string()))
}

/// An answer in one word of a closed list.
const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Permit(_) => "permit",
        Outcome::Route(_) => "route",
        Outcome::Reject(rejection) => rejection.reason.as_str(),
    }
}

/// The instant without what is finer than a millisecond: rules, records and callers see the same one.
fn milliseconds(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
