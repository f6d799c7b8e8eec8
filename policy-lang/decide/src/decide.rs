//! What an attempt gets: the one function that tests, gate, replay and sidecar all call.
//!
//! It is pure and total: same inputs, same answer, no clock, no panic. The rules that match, the rules that fail and
//! the surface do not depend on the evidence; the first line of the table that applies is the answer.

mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use outcome::{Decision, MatchKind, MatchedRule, Outcome, Permit, Reason, Rejection, Seen};

use crate::attempt::{Attempt, Input, MAX_PROFILES, Target};
use crate::bundle::{Bundle, LoadedFunction, LoadedOperation, LoadedProfile, LoadedTool};
use crate::cedar::{HolderEntities, Prepared, ProfileAt, RequestParts};
use crate::json::{InvalidJson, Json};
use crate::name::{OperationName, ProfileName, ToolName};
use crate::selector::text_at;
use crate::supply::{MAX_STOP_REASON, StopInForce, StopNote};
use crate::surface::{Enforces, Evidence, Limit, Surface};
use crate::visible::visible;

/// What holds at the moment of the decision, beside the attempt and the bundle.
#[derive(Debug, Clone)]
pub struct Situation {
    /// The instant; only its milliseconds count.
    pub now: Timestamp,
    /// The highest class let through beside stops, and what set it.
    pub limit: LimitNow,
    /// The stops of the channel.
    pub stops: StopsInForce,
    /// What has been collected, from our own stores.
    pub evidence: Evidence,
    /// What the asking door does with results.
    pub enforces: Enforces,
}

/// The stops of the channel that hold at the moment of the decision. They can lower what passes and nothing else.
#[derive(Debug, Clone, Default)]
pub struct StopsInForce {
    /// The stops, which many decisions share.
    pub stops: Arc<[StopInForce]>,
    /// Whether somebody vouches for the attempt's agent. If not, stops for one agent reach the attempt, whatever agent it
    /// names: another name would get around them.
    pub agent_is_vouched: bool,
    /// The agent that the caller itself is, whoever acts through it; stops for that one reach the attempt too.
    pub caller_agent: Option<Arc<str>>,
}

impl StopsInForce {
    /// Returns `limit`, or what the strictest stop lets through that reaches the attempt, if that is no higher. The stop
    /// is then returned too; of several with one limit, the first.
    fn lower(
        &self,
        limit: LimitNow,
        attempt: &Attempt,
        (tool, operation): (&ToolName, &OperationName),
    ) -> (LimitNow, Option<&StopInForce>) {
        let vouched = self.agent_is_vouched;
        let reaching = self.stops.iter();
        let agents = [Some(attempt.agent.as_str()), self.caller_agent.as_deref()];
        let reaching = reaching.filter(|stop| stop.reaches(tool, operation, agents, vouched));
        let strictest = reaching.min_by_key(|stop| stop.limit);
        let binding = strictest.filter(|stop| Limit::from(stop.limit) <= limit.class);
        let lowered = binding.map(|stop| LimitNow {
            class: stop.limit.into(),
            by: LimitedBy::Stop,
        });
        (lowered.unwrap_or(limit), binding)
    }
}

/// The lowest of the channel's ceiling for the tool, what freshness still allows, and what stops let through. Where two
/// are equal, a stop is told before freshness, and freshness before the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitNow {
    /// Highest class let through.
    pub class: Limit,
    /// What set it.
    pub by: LimitedBy,
}

/// What set a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    /// The channel's ceiling.
    Ceiling,
    /// The age of the policy.
    Freshness,
    /// An operator's stop.
    Stop,
}

impl LimitedBy {
    /// Everything that sets a limit.
    pub const ALL: [Self; 3] = [Self::Ceiling, Self::Freshness, Self::Stop];

    /// Returns what a word stands for; `None` if it is no such word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }

    /// Returns the word for the limit's origin in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Freshness => "freshness",
            Self::Stop => "stop",
        }
    }
}

/// Most steps of an attempt that is decided where it is asked about, beside others that wait: well below a millisecond.
/// A step is about the comparison of two characters and takes some 0.6 ns (docs/decisions/0012).
pub const FEW_STEPS: u64 = 1 << 20;

/// Returns how many steps deciding `attempt` takes at most, each about the comparison of two characters. The number is
/// known without evaluating anything, and is bounded for every bundle that opens.
#[must_use]
pub fn most_steps(bundle: &Bundle, attempt: &Attempt) -> u64 {
    let Some((_, tool)) = bundle.tool(&attempt.tool) else {
        return 0;
    };
    match (operation(bundle, tool, attempt), &attempt.input) {
        (Ok((_, at, _)), Ok(input)) if input.bytes() <= bundle.input_bytes() => {
            bundle.steps(at, input.bytes())
        }
        // Rejected before any rule is asked.
        (Ok(_) | Err(_), Ok(_) | Err(_)) => 0,
    }
}

/// Decides `attempt` under `bundle` in `situation`. It always returns an answer: what cannot be decided is rejected.
pub fn decide(bundle: &Bundle, attempt: &Attempt, situation: &Situation) -> Decision {
    let mut decision = Decision::undecided();
    let outcome = match answer(bundle, attempt, situation, &mut decision) {
        Ok(outcome) => outcome,
        Err(rejection) => Outcome::Reject(rejection),
    };
    decision.conclude(outcome)
}

/// Goes through the table line by line and returns the answer of the first line that applies. What is found out on the
/// way is left in `decision`.
fn answer(
    bundle: &Bundle,
    attempt: &Attempt,
    situation: &Situation,
    decision: &mut Decision,
) -> Result<Outcome, Rejection> {
    // 1. What is unknown: tool, operation, definition, input, facts and profiles, in this order.
    let request = known(bundle, attempt, situation, decision)?;
    // Only now is it known which stops reach the attempt, because its operation may be derived from its input.
    let (limit, stop) = situation
        .stops
        .lower(situation.limit, attempt, request.names);
    decision.seen.limit = Some(limit);
    let joined;
    let holder = match request.direct.as_slice() {
        [only] => &only.alone,
        _ => {
            joined = joint_holder(bundle, &request.closure)?;
            &joined
        }
    };
    let prepared = bundle
        .schema()
        .prepare(request.parts, holder)
        .ok_or_else(misfit)?;
    let matches = bundle
        .index()
        .matches(&prepared, request.at, &request.closure);

    // 2. A rule that failed could have been a never, which Cedar would skip: any failure rejects (T3).
    if !matches.failed.is_empty() {
        decision.rules = matches
            .failed
            .iter()
            .filter_map(|at| bundle.rule(*at))
            .map(|rule| rule.reference.clone())
            .collect();
        return Err(Rejection::new(
            Reason::EvaluationError,
            "a rule could not be evaluated",
        ));
    }
    let mut surface = Surface::BOTTOM;
    let (mut granted, mut never) = (false, None);
    for at in &matches.matched {
        let unknown = || {
            Rejection::new(
                Reason::EvaluationError,
                "a rule that matched is not in the bundle",
            )
        };
        let rule = bundle.rule(*at).ok_or_else(unknown)?;
        decision.rules.push(rule.reference.clone());
        match rule.reference.kind {
            MatchKind::Never => never = never.or(Some(rule.reason.as_str())),
            MatchKind::Grant | MatchKind::Raise => {
                granted |= rule.reference.kind == MatchKind::Grant;
                // A surface that is not there is not an empty surface.
                surface.join(bundle.surface(*at, request.at).ok_or_else(unknown)?);
            }
        }
    }
    let class = surface.class(request.operation.effect);
    if !matches.matched.is_empty() {
        decision.surface = Some(surface.clone());
    }
    // 3. A never is final: no evidence helps, and nobody is asked in vain.
    if let Some(reason) = never {
        return Err(Rejection::new(Reason::Forbidden, reason));
    }
    // 4. Raises alone let nothing through.
    if !granted {
        return Err(Rejection::new(
            Reason::NoRule,
            "no rule allows this with these arguments",
        ));
    }
    // 5. The limit, after all surfaces are joined: a raise can lift an attempt above it.
    if class > limit.class {
        return Err(above(class, limit, stop));
    }
    // 6. Obligations before needs: nobody is asked for what the caller cannot run anyway.
    if !surface.is_enforceable_by(situation.enforces) {
        return Err(Rejection::new(
            Reason::Obligation,
            "the caller does not enforce the masks or row limits of this result",
        ));
    }
    // 7. Only here does evidence count, and only for what the joined surface asks.
    let needs = surface.missing(&situation.evidence);
    if needs.is_empty() {
        Ok(Outcome::Permit(Permit::new(surface)))
    } else {
        Ok(Outcome::Route(needs))
    }
}

/// Returns the rejection of an attempt of the `class`, which is above `limit`. Of a stop that set it, its name and its
/// reason are told: a caller that hears them asks nobody in vain. A replay knows that there was a stop, and not which.
fn above(class: Limit, limit: LimitNow, stop: Option<&StopInForce>) -> Rejection {
    let LimitNow { class: limit, by } = limit;
    let told = |what: &str| format!("class {class} is above {what}, {limit}");
    let (reason, message) = match by {
        LimitedBy::Ceiling => (Reason::Ceiling, told("the channel's ceiling")),
        LimitedBy::Freshness => {
            let what = "what the age of the policy still allows";
            (Reason::PolicyStale, told(what))
        }
        LimitedBy::Stop => {
            let message = match stop.and_then(|stop| stop.note.as_ref()) {
                Some(StopNote { id, reason }) => {
                    let what = format!("what the stop `{id}` lets through");
                    // Checked where the document was read; a caller's terminal is no place to find out.
                    format!("{}: {}", told(&what), visible(reason, MAX_STOP_REASON))
                }
                None => told("what a stop lets through"),
            };
            (Reason::Stopped, message)
        }
    };
    Rejection::new(reason, message)
}

/// An attempt of which everything is known.
struct Known<'a> {
    names: (&'a ToolName, &'a OperationName),
    operation: &'a LoadedOperation,
    at: u32,
    /// Profiles that the subject holds itself.
    direct: Vec<&'a LoadedProfile>,
    /// Places of these and of all they inherit, in order.
    closure: Vec<ProfileAt>,
    parts: RequestParts<'a>,
}

/// Makes the store that Cedar reads for somebody who holds several profiles.
fn joint_holder(bundle: &Bundle, closure: &[ProfileAt]) -> Result<HolderEntities, Rejection> {
    let entities = closure
        .iter()
        .filter_map(|at| bundle.profile(*at))
        .map(|profile| profile.entity.clone());
    bundle.schema().holder(entities).ok_or_else(misfit)
}

fn misfit() -> Rejection {
    Rejection::new(
        Reason::InputInvalid,
        "the request does not fit the types of the operation",
    )
}

/// Calls `look` with what is known of `attempt` and with the request that rules are asked about, for questions beyond
/// the decision. Returns `None` when too little is known of the attempt to make a request.
pub fn inspect<T>(
    bundle: &Bundle,
    attempt: &Attempt,
    situation: &Situation,
    look: impl FnOnce(&Seen, &Prepared<'_>) -> T,
) -> Option<T> {
    let mut decision = Decision::undecided();
    let request = known(bundle, attempt, situation, &mut decision).ok()?;
    let holder = joint_holder(bundle, &request.closure).ok()?;
    let prepared = bundle.schema().prepare(request.parts, &holder)?;
    Some(look(&decision.seen, &prepared))
}

/// Checks the first line of the table and returns what is known of the attempt. It is rejected if its input is refused,
/// if its tool, operation or definition is unknown, or if it comes with no known profile.
fn known<'a>(
    bundle: &'a Bundle,
    attempt: &'a Attempt,
    situation: &Situation,
    decision: &mut Decision,
) -> Result<Known<'a>, Rejection> {
    let Some((tool_name, tool)) = bundle.tool(&attempt.tool) else {
        return Err(Rejection::new(
            Reason::UnknownTool,
            "the catalog has no such tool",
        ));
    };
    let (name, at, operation) = operation(bundle, tool, attempt)?;
    decision.see_operation(tool_name, name, operation);
    if attempt
        .definition
        .is_some_and(|seen| seen != operation.definition)
    {
        return Err(Rejection::new(
            Reason::DefinitionMismatch,
            "the tool's definition is not the reviewed one",
        ));
    }
    let input = input(bundle, operation, attempt)?;
    decision.seen.input_fits = true;
    let facts = facts(operation, input)?;
    decision.seen.facts.clone_from(&facts);
    let (direct, closure) = profiles(bundle, &attempt.profiles)?;
    decision.seen.profiles = closure
        .iter()
        .filter_map(|at| bundle.profile(*at))
        .map(|one| one.name.clone())
        .collect();
    let business = bundle.calendar().is_business(situation.now);
    decision.seen.business = Some(business);
    let parts = RequestParts {
        action: &operation.action,
        tool: &tool.entity,
        input_type: &operation.input,
        input: input.json(),
        facts: (!operation.facts.is_empty()).then_some(facts),
        now: situation.now,
        reads_now: operation.reads_now,
        business,
        agent: &attempt.agent,
    };
    Ok(Known {
        names: (tool_name, name),
        operation,
        at,
        direct,
        closure,
        parts,
    })
}

/// Returns the operation that the attempt means, with its name and its place. Where a function stands for several
/// operations, the input says which, whatever the caller names.
pub(crate) fn operation<'a>(
    bundle: &'a Bundle,
    tool: &'a LoadedTool,
    attempt: &Attempt,
) -> Result<(&'a OperationName, u32, &'a LoadedOperation), Rejection> {
    let unknown = || Rejection::new(Reason::UnknownOperation, "the tool has no such operation");
    let name = match &attempt.target {
        Target::Operation(name) => name.as_str(),
        Target::Function(function) => match tool.functions.get(function).ok_or_else(unknown)? {
            LoadedFunction::One(name) => name.as_str(),
            LoadedFunction::Selected { pointer, by_text } => {
                let meant = text_at(pointer, accepted(attempt)?.json());
                let name = meant.and_then(|text| by_text.get(text));
                name.ok_or_else(unknown)?.as_str()
            }
        },
    };
    let found = tool.operations.get_key_value(name);
    let found = found.and_then(|(name, at)| Some((name, *at, bundle.operation(*at)?)));
    let (name, at, operation) = found.ok_or_else(unknown)?;
    if let Some(select) = &operation.select
        && !select.selects(accepted(attempt)?.json())
    {
        return Err(Rejection::new(
            Reason::OperationMismatch,
            "the input selects another operation than the one that was named",
        ));
    }
    Ok((name, at, operation))
}

/// Returns the input if the strict parser took it.
fn accepted(attempt: &Attempt) -> Result<&Input, Rejection> {
    let refused = |error: &InvalidJson| Rejection::new(Reason::InputInvalid, error.to_string());
    attempt.input.as_ref().map_err(refused)
}

/// Computes the facts of a checked input, by name. Facts over optional arguments that were not sent are left out.
fn facts(operation: &LoadedOperation, input: &Input) -> Result<BTreeMap<String, Json>, Rejection> {
    let mut facts = BTreeMap::new();
    for fact in &operation.facts {
        let value = fact
            .compute(&operation.input, input.json())
            .map_err(|error| Rejection::new(Reason::InputInvalid, error.to_string()))?;
        facts.extend(value.map(|value| (fact.name.to_string(), value)));
    }
    Ok(facts)
}

fn input<'a>(
    bundle: &Bundle,
    operation: &LoadedOperation,
    attempt: &'a Attempt,
) -> Result<&'a Input, Rejection> {
    let refuse = |message: String| Rejection::new(Reason::InputInvalid, message);
    let input = accepted(attempt)?;
    if input.bytes() > bundle.input_bytes() {
        return Err(refuse(format!(
            "the input is longer than {} bytes",
            bundle.input_bytes()
        )));
    }
    operation
        .input
        .check(input.json())
        .map_err(|mismatch| refuse(mismatch.to_string()))?;
    Ok(input)
}

/// Returns the profiles of `direct` that the policy knows, and the places of these and of all they inherit. It is an
/// error if there are none, or more than [`MAX_PROFILES`].
fn profiles<'a>(
    bundle: &'a Bundle,
    direct: &BTreeSet<ProfileName>,
) -> Result<(Vec<&'a LoadedProfile>, Vec<ProfileAt>), Rejection> {
    let direct: Vec<&LoadedProfile> = direct
        .iter()
        .filter_map(|name| bundle.profile_named(name))
        .collect();
    let mut closure: Vec<ProfileAt> = direct
        .iter()
        .flat_map(|profile| &profile.closure)
        .copied()
        .collect();
    closure.sort_unstable();
    closure.dedup();
    if closure.is_empty() {
        return Err(Rejection::new(
            Reason::UnknownProfile,
            "the subject holds no profile that the policy knows",
        ));
    }
    if closure.len() > MAX_PROFILES {
        let message = format!(
            "the subject holds {} profiles, more than the {MAX_PROFILES} accepted",
            closure.len()
        );
        return Err(Rejection::new(Reason::UnknownProfile, message));
    }
    Ok((direct, closure))
}

impl Decision {
    fn see_operation(
        &mut self,
        tool: &ToolName,
        name: &OperationName,
        operation: &LoadedOperation,
    ) {
        self.seen.tool = Some(tool.clone());
        self.seen.operation = Some(name.clone());
        self.seen.definition = Some(operation.definition);
    }
}
