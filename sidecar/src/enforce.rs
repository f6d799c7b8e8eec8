//! One attempt, from a caller's request to an answer that is on record: caller, attempt, decide, record, answer.
//!
//! It knows no wire and no socket. The answer exists only after its record is durable; where the record fails, the
//! answer is a rejection instead. A decision that took longer than its budget is a rejection too, and one that may take
//! long is made on threads of its own, so that nobody waits for it who did not ask for it.

mod clock;
mod naming;
mod pool;
mod principal;
mod recorded;
mod request;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::Clock;
use jiff::Timestamp;
use pool::{Pool, PoolPlace};
use principal::{Named, RefusedToken, Registrar};
use recorded::{Considered, RecordDetails};
use stopgate_decide::attempt::Attempt;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    Decision, FEW_STEPS, LimitNow, LimitedBy, Outcome, Reason, Rejection, Situation, StopsInForce,
    decide, most_steps,
};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::ChannelName;
use stopgate_decide::record::Seq;
use stopgate_decide::supply::Standing;
use stopgate_decide::surface::{Evidence, Limit};
use tokio::sync::{oneshot, watch};

use crate::audit::{AuditError, AuditLog, Pending, Receipt};
use crate::bounds::DECIDE_BUDGET;
use crate::caller::Caller;
use crate::follow::StopsNow;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::readiness::State;
use crate::seldom::{Seldom, SeldomEach};
use crate::source::{Looked, SourceName};
use crate::undecided::Undecided;

pub use request::{AssertedSubject, Label, NamedSubject, OutOfBounds, Request, RequestId, TraceId};

/// Decides attempts. Shared behind an `Arc`.
#[derive(Debug)]
pub struct Enforcer {
    sidecar: String,
    channel: ChannelName,
    state: State,
    audit: AuditLog,
    identity: Arc<Identity>,
    metrics: Arc<Metrics>,
    stops: watch::Receiver<StopsNow>,
    names: naming::Names,
    pool: Pool,
    over_budget: Seldom,
    refused_tokens: SeldomEach<RefusedToken>,
}

/// Why there is no enforcer.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// The system gives no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The machine has no threads for decisions that may take long.
    #[error("there are no threads for decisions that may take long")]
    Threads(#[source] io::Error),
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

/// An attempt before anything is decided about it.
struct Question {
    attempt: Attempt,
    situation: Situation,
    /// How new the policy was known to be.
    standing: Standing,
    /// Why it is rejected whatever the policy says.
    refused: Option<Rejection>,
    clock: Clock,
}

/// A question with all that its record and its answer need.
struct Matter {
    arrived: Instant,
    /// Uid of the caller.
    caller: u32,
    bundle: Arc<Bundle>,
    request: Request,
    name: String,
    question: Question,
}

/// A decision whose record is on its way to the disk, or known not to be.
struct Concluded {
    request: Request,
    name: String,
    decision: Decision,
    recorded: Result<Receipt, AuditError>,
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
    /// The stops in force.
    pub stops: StopsNow,
}

impl Enforcer {
    /// Makes an enforcer of `channel` that calls itself `sidecar` in records.
    ///
    /// # Errors
    /// [`Unready`]
    pub fn new(
        sidecar: String,
        channel: ChannelName,
        state: State,
        audit: AuditLog,
        identity: Arc<Identity>,
        metrics: Arc<Metrics>,
        stops: watch::Receiver<StopsNow>,
    ) -> Result<Self, Unready> {
        Ok(Self {
            sidecar,
            channel,
            state,
            audit,
            identity,
            metrics,
            stops,
            names: naming::Names::new().map_err(|_| Unready::Random)?,
            pool: Pool::new().map_err(Unready::Threads)?,
            over_budget: Seldom::default(),
            refused_tokens: SeldomEach::default(),
        })
    }

    /// Returns what is in force right now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            channel: self.channel.clone(),
            supply: self.state.supply.borrow().clone(),
            sources: self.metrics.sources.looked(),
            root_expires: self.metrics.sources.root_expiry().0,
            stops: Arc::clone(&self.stops.borrow()),
        }
    }

    /// Decides `request` of `caller` and records the decision. The future waits for nothing but the disk and, if the
    /// decision may take long, for its turn: when it is first polled, all that leads to the record is under way, so
    /// that dropping the future after that takes nothing back.
    ///
    /// # Errors
    /// [`Undecided`] when nothing was decided; nothing is recorded then. A panic before the record is counted for the next
    /// `gap`.
    pub async fn decide(
        self: &Arc<Self>,
        caller: &Caller,
        request: Request,
    ) -> Result<Answer, Undecided> {
        let arrived = Instant::now();
        // 1. Whether anything may be decided: the caller may ask, the sidecar stays, and a bundle is in force.
        if !caller.may.decide {
            return Err(Undecided::NotAllowed);
        }
        if *self.state.draining.borrow() {
            return Err(Undecided::Draining);
        }
        let (active, standing) = {
            let supply = self.state.supply.borrow();
            (supply.active.clone(), supply.standing)
        };
        let active = active.ok_or(Undecided::NoBundle)?;
        // 2. The decision is announced: whatever happens from here on, the log tells of it, by a record or by a count.
        let pending = self.audit.announce().map_err(|_| Undecided::Draining)?;
        // 3. The question: on whose word the attempt is made, and whether it is refused whatever the policy says.
        let time = milliseconds(Timestamp::now());
        let mut matter = Matter {
            arrived,
            caller: caller.uid,
            question: self.question(caller, (&active.bundle, standing), &request, time),
            bundle: active.bundle,
            request,
            name: self.names.next(time),
        };
        let digest = matter.bundle.digest();
        // 4. The decision, and its record into the queue of the log; see `conclude`. A decision that may take long is
        // made on a thread of the pool, and is a rejection if this caller has no place there.
        let concluded = if matter.is_cheap() {
            self.conclude(matter, pending)
        } else if let Some(place) = self.pool.place(caller.uid) {
            self.conclude_there(place, matter, pending.into_owned())
                .await?
        } else {
            matter.question.refused = Some(Rejection::new(
                Reason::Overloaded,
                "too many costly attempts of this caller wait",
            ));
            self.conclude(matter, pending)
        };
        let Concluded {
            request,
            name,
            mut decision,
            recorded,
        } = concluded;
        // 5. The record is on the disk. Where it is not, the answer is a rejection.
        let tool = request.tool.as_str();
        let recorded = match recorded {
            Ok(receipt) => self.on_disk(receipt, tool, decision.outcome()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            decision = unrecorded(error);
        }
        tracing::debug!(
            decision = %name,
            bundle = %digest,
            tool,
            operation = decision.seen().operation.as_ref().map(|operation| operation.as_str()),
            answer = word(decision.outcome()),
            rules = ?decision.rules().iter().map(|rule| &rule.id).collect::<Vec<_>>(),
            "decided"
        );
        // 6. The answer. Nothing is left that could go wrong: a request that is counted here is not counted as a fault
        // too.
        self.metrics
            .answered(tool, decision.outcome(), arrived.elapsed());
        Ok(Answer {
            name,
            request: request.id,
            bundle: digest,
            time,
            decision,
        })
    }

    /// Decides `matter` and puts the record of the decision where the log takes it.
    fn conclude(&self, matter: Matter, pending: Pending<'_>) -> Concluded {
        let Matter {
            arrived,
            caller,
            bundle,
            request,
            name,
            question,
        } = matter;
        // 4.1. The policy's answer, or a rejection that came before it.
        let considered = self.consider(&bundle, question);
        // 4.2. The record says what was decided on and what came of it; what the catalog masks is hidden in it.
        let told = RecordDetails {
            name: &name,
            sidecar: &self.sidecar,
            bundle: &bundle,
            request: &request,
            latency_us: u32::try_from(arrived.elapsed().as_micros()).unwrap_or(u32::MAX),
        };
        let record = considered.record(&told, self.audit.mask_key());
        // 4.3. In the queue. From here on the record is written, whoever waits for it.
        let recorded = pending.enqueue(record, caller);
        Concluded {
            request,
            name,
            decision: considered.decision,
            recorded,
        }
    }

    /// Decides and records `matter` on a thread of the pool, where a costly decision delays no other caller.
    async fn conclude_there(
        self: &Arc<Self>,
        place: PoolPlace,
        mut matter: Matter,
        pending: Pending<'static>,
    ) -> Result<Concluded, Undecided> {
        // The clock goes on from what was spent here, so that a hop between threads gives nobody a second budget.
        // Waiting for a turn costs no processor time and does not count.
        let (done, concluded) = oneshot::channel();
        let enforcer = Arc::clone(self);
        let spent = matter.question.clock.took();
        place.run(move || {
            matter.question.clock = Clock::after(spent);
            let concluded = enforcer.conclude(matter, pending);
            if let Err(unheard) = done.send(concluded) {
                // The caller has left, and nothing is waited for any more.
                let tool = unheard.request.tool.as_str();
                drop(enforcer.metrics.waiting(tool, unheard.decision.outcome()));
            }
        });
        // Nothing comes of a decision that panicked or that the pool dropped: both are counted where that happened.
        concluded.await.map_err(|_| Undecided::Fault)
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

    /// Makes a question of `request`: the attempt, the situation at `now`, and why the attempt is rejected whatever the
    /// policy says, if it is.
    fn question(
        &self,
        caller: &Caller,
        (bundle, standing): (&Bundle, Standing),
        request: &Request,
        now: Timestamp,
    ) -> Question {
        // Verifying a token and parsing the input count: they are what a caller can make dear.
        let clock = Clock::after(Duration::ZERO);
        let tool = request.tool.as_str();
        let limit = LimitNow {
            class: bundle.ceiling(self.channel.as_str(), tool),
            by: LimitedBy::Ceiling,
        };
        let registrar = Registrar {
            identity: &self.identity,
            metrics: &self.metrics,
            bundle,
            caller,
            refused: &self.refused_tokens,
            now,
        };
        let named = Named {
            subject: request.subject.as_ref(),
            agent: request.agent.as_ref(),
        };
        // Whoever is not vouched for is nobody, and the attempt is on record all the same, with what was asked.
        let (principal, vouched) = registrar.principal(named);
        let situation = Situation {
            now,
            limit,
            stops: StopsInForce {
                stops: Arc::clone(&self.stops.borrow()),
                agent_is_vouched: principal.agent_is_vouched,
                caller_agent: Some(caller.agent.as_str().into()),
            },
            evidence: Evidence::NONE,
            enforces: caller.enforces,
        };
        let attempt = principal.attempt(request);
        Question {
            attempt,
            situation,
            standing,
            refused: vouched.and_then(|()| may_ask(caller, tool)).err(),
            clock,
        }
    }

    /// Decides `question` by `bundle`, before anybody may hear of it. A decision over [`DECIDE_BUDGET`] is a rejection.
    fn consider(&self, bundle: &Bundle, question: Question) -> Considered {
        let Question {
            attempt,
            mut situation,
            standing,
            refused,
            clock,
        } = question;
        // Of this moment too: the attempt may have waited for its turn.
        situation.stops.stops = Arc::clone(&self.stops.borrow());
        // By the clock of this moment: a process that was stopped for a day has not looked since.
        let allowed = standing.limit(bundle.freshness(), Timestamp::now());
        if allowed < Limit::High && allowed <= situation.limit.class {
            situation.limit = LimitNow {
                class: allowed,
                by: LimitedBy::Freshness,
            };
        }
        let decision = match refused {
            None => decide(bundle, &attempt, &situation),
            Some(rejection) => Decision::rejected(rejection),
        };
        let took = clock.took();
        self.metrics.decided(took);
        // The decision is thrown away although it was made: an answer that may come late is one that nobody can rely
        // on, and rules that are too dear are to be seen.
        let decision = if took > DECIDE_BUDGET {
            if let Some(passed_over) = self.over_budget.tell() {
                tracing::warn!(
                    ?took,
                    tool = attempt.tool,
                    passed_over,
                    "decision over budget"
                );
            }
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

impl Matter {
    /// Returns whether deciding takes so little that nobody would notice having waited for it.
    fn is_cheap(&self) -> bool {
        self.question.refused.is_some()
            || most_steps(&self.bundle, &self.question.attempt) <= FEW_STEPS
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

/// Returns the rejection that is answered when the record is not in the log.
fn unrecorded(error: AuditError) -> Decision {
    let reason = match error {
        AuditError::Overloaded | AuditError::Share => Reason::Overloaded,
        AuditError::Unavailable | AuditError::TooLong | AuditError::Closed => {
            Reason::AuditUnavailable
        }
    };
    Decision::rejected(Rejection::new(reason, error.to_string()))
}

/// Returns the answer in one word of a closed list.
const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Permit(_) => "permit",
        Outcome::Route(_) => "route",
        Outcome::Reject(rejection) => rejection.reason.as_str(),
    }
}

/// Returns `now` without what is finer than a millisecond: rules, records and callers see the same instant.
fn milliseconds(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
