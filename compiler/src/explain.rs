//! Why an attempt is answered as it is, and which rules nearly matched.
//!
//! The answer is `decide`'s own, over a bundle opened as the sidecar opens it. A rule nearly matched when it names
//! the action and a profile of the subject and exactly one of its conjuncts is false; that too is asked of `decide`,
//! over a bundle of probes, so no second evaluator exists that could disagree.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_lang::attempt::Attempt;
use stopgate_lang::bundle::Bundle;
use stopgate_lang::cedar::Condition;
use stopgate_lang::decide::{Decision, Kind, Situation, decide};
use stopgate_lang::name::{InvalidName, OperationName, ProfileName, RuleId, RuleName, ToolName};
use stopgate_lang::policy::{Location, Operations, Policy, Rule, RuleKind, Scope};

use crate::build::{BuildError, rehearse};

/// A decision and what would have made it another.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What the sidecar would answer.
    pub decision: Decision,
    /// Rules that nearly matched, in the order of their ids.
    pub near: Vec<NearMiss>,
}

/// A rule that one conjunct kept from matching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub id: RuleId,
    /// Where it stands.
    pub location: Location,
    /// What it does where it matches.
    pub kind: Kind,
    /// The conjunct that is false, as Cedar prints it.
    pub conjunct: String,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No bundle.
    #[error("the policy cannot be rehearsed")]
    Build(#[from] BuildError),
    /// More probes than names.
    #[error("a probe could not be named")]
    Name(#[from] InvalidName),
}

/// Explains `attempt` under `policy`.
///
/// # Errors
/// [`ExplainError`] when the policy does not become a bundle; every decision is an explanation.
pub fn explain(policy: &Policy, attempt: &Attempt, situation: &Situation) -> Result<Explanation, ExplainError> {
    let bundle = rehearse(policy)?;
    let decision = decide(&bundle, attempt, situation);
    let near = near_misses(policy, &decision, attempt, situation)?;
    Ok(Explanation { decision, near })
}

fn near_misses(
    policy: &Policy,
    decision: &Decision,
    attempt: &Attempt,
    situation: &Situation,
) -> Result<Vec<NearMiss>, ExplainError> {
    let seen = decision.seen();
    // Without these no rule was asked, so none nearly matched.
    let (Some(tool), Some(operation), Some(_)) = (&seen.tool, &seen.operation, seen.business) else {
        return Ok(Vec::new());
    };
    let matched: BTreeSet<&RuleId> = decision.rules().iter().map(|rule| &rule.id).collect();
    let candidates = policy.rules.iter().filter(|rule| {
        !matched.contains(&rule.id)
            && rule.scope.operations.contains(tool, operation)
            && reaches(rule, &seen.profiles)
    });
    let probes: Vec<Probe<'_>> = candidates.flat_map(probes_of).collect();
    let matching = matching(policy, &probes, (tool, operation), attempt, situation)?;
    Ok(probes
        .into_iter()
        .enumerate()
        .filter(|(at, _)| matching.contains(at))
        .map(|(_, probe)| NearMiss {
            id: probe.rule.id.clone(),
            location: probe.rule.location.clone(),
            kind: probe.rule.kind.kind(),
            conjunct: probe.left_out,
        })
        .collect())
}

/// Whether the scope of `rule` takes in somebody who holds `closure`.
fn reaches(rule: &Rule, closure: &[ProfileName]) -> bool {
    let Scope { operations: _, profiles, except } = &rule.scope;
    let held = |names: &BTreeSet<ProfileName>| closure.iter().any(|name| names.contains(name));
    profiles.as_ref().is_none_or(held) && !held(except)
}

/// A rule with one conjunct left out: it matches exactly when all the others are true.
struct Probe<'p> {
    rule: &'p Rule,
    left_out: String,
    others: Condition,
}

fn probes_of(rule: &Rule) -> Vec<Probe<'_>> {
    let Some(condition) = &rule.condition else { return Vec::new() };
    let conjuncts = condition.conjuncts();
    let without = |left_out: usize| {
        let others = conjuncts.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, conjunct)| conjunct);
        condition.of_conjuncts(others)
    };
    let probe = |at: usize| Some(Probe { rule, left_out: conjuncts.get(at)?.text.clone(), others: without(at) });
    (0..conjuncts.len()).filter_map(probe).collect()
}

/// Places of the probes that match. Probes that cannot be evaluated, such as one whose `has` guard is left out, do
/// not match: they are named by the decision, taken out, and the rest is asked again.
fn matching(
    policy: &Policy,
    probes: &[Probe<'_>],
    operation: (&ToolName, &OperationName),
    attempt: &Attempt,
    situation: &Situation,
) -> Result<BTreeSet<usize>, ExplainError> {
    let mut open = BTreeMap::new();
    for (at, probe) in probes.iter().enumerate() {
        open.insert(probe_id(at)?, (at, probe));
    }
    while !open.is_empty() {
        let rules = open.iter().map(|(id, (_, probe))| probe_rule(id, probe, operation)).collect();
        let bundle: Bundle = rehearse(&Policy { rules, ..policy.clone() })?;
        let decision = decide(&bundle, attempt, situation);
        let named: Vec<&RuleId> = decision.rules().iter().map(|rule| &rule.id).collect();
        if !failed(&decision) {
            return Ok(named.into_iter().filter_map(|id| open.get(id)).map(|(at, _)| *at).collect());
        }
        let before = open.len();
        open.retain(|id, _| !named.contains(&id));
        if open.len() == before {
            return Ok(BTreeSet::new());
        }
    }
    Ok(BTreeSet::new())
}

fn failed(decision: &Decision) -> bool {
    use stopgate_lang::decide::{Outcome, Reason};
    matches!(decision.outcome(), Outcome::Reject(rejection) if rejection.reason == Reason::EvaluationError)
}

fn probe_id(at: usize) -> Result<RuleId, InvalidName> {
    Ok(RuleId { home: ToolName::new("probe")?, name: RuleName::new(&format!("{at:06}"))? })
}

/// A never, because those are listed whatever else matches.
fn probe_rule(id: &RuleId, probe: &Probe<'_>, (tool, operation): (&ToolName, &OperationName)) -> Rule {
    Rule {
        id: id.clone(),
        kind: RuleKind::Never("probe".to_owned()),
        scope: Scope {
            operations: Operations::Listed(BTreeSet::from([(tool.clone(), operation.clone())])),
            profiles: None,
            except: BTreeSet::new(),
        },
        condition: Some(probe.others.clone()),
        ..probe.rule.clone()
    }
}
