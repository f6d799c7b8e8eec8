//! Rules that would have matched but for one part of their conditions.

use stopgate_decide::attempt::Attempt;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::cedar::Prepared;
use stopgate_decide::decide::{MatchedRule, Seen, Situation, inspect};

use crate::cedar::{Condition, match_form};
use crate::policy::{Policy, Rule};

/// A rule that would have matched but for one part of its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: MatchedRule,
    /// The one part that is false, as Cedar prints it.
    pub conjunct: String,
}

/// Returns the rules on the attempt's operation, for one of its profiles, of which exactly one top-level part of the
/// condition is false. `policy` has to be the one that `bundle` was assembled from. The list is empty when too little
/// is known of the attempt to ask.
#[must_use]
pub fn near_misses(
    bundle: &Bundle,
    policy: &Policy,
    attempt: &Attempt,
    situation: &Situation,
) -> Vec<NearMiss> {
    let misses = inspect(bundle, attempt, situation, |seen, request| {
        misses(policy, attempt, seen, request)
    });
    misses.unwrap_or_default()
}

fn misses(
    policy: &Policy,
    attempt: &Attempt,
    seen: &Seen,
    request: &Prepared<'_>,
) -> Vec<NearMiss> {
    let Seen {
        tool: Some(tool),
        operation: Some(operation),
        profiles,
        ..
    } = seen
    else {
        return Vec::new();
    };
    let reaches = |rule: &&Rule| {
        let scope = &rule.scope;
        scope.operations.contains(tool, operation)
            && scope
                .profiles
                .as_ref()
                .is_none_or(|named| profiles.iter().any(|profile| named.contains(profile)))
            && !profiles
                .iter()
                .any(|profile| scope.except.contains(profile))
    };
    let holds = |rule: &Rule, condition: Option<&Condition>| {
        let policies = match_form(rule, Some((tool, operation)), condition).ok()?;
        request.satisfies(&policies)
    };
    let near = |rule: &Rule, conjunct: String| NearMiss {
        rule: MatchedRule {
            id: rule.id.clone(),
            location: rule.location.clone(),
            kind: rule.kind.kind(),
        },
        conjunct,
    };
    let miss = |rule: &Rule| {
        if let Some(agents) = &rule.scope.agents
            && !agents.contains(&attempt.agent)
        {
            let mut for_all = rule.clone();
            for_all.scope.agents = None;
            let else_holds = holds(&for_all, rule.condition.as_ref())?;
            let named: Vec<&String> = agents.iter().collect();
            let test = format!("{named:?}.contains(context.agent.id)");
            return else_holds.then(|| near(rule, test));
        }
        let condition = rule.condition.as_ref()?;
        let conjuncts = condition.conjuncts();
        let (mut failed, mut unsaid) = (Vec::new(), Vec::new());
        for conjunct in &conjuncts {
            match holds(rule, Some(&condition.of_conjuncts([conjunct]))) {
                Some(true) => {}
                Some(false) => failed.push(conjunct),
                None => unsaid.push(conjunct),
            }
        }
        let [only] = failed.as_slice() else {
            return None;
        };
        // What reads an argument that is not there says nothing by itself: it is one part with the question for it.
        let guarded = unsaid.iter().all(|conjunct| only.guards(conjunct));
        let parts = std::iter::once(only)
            .chain(&unsaid)
            .map(|part| part.text.as_str());
        let text = parts.collect::<Vec<_>>().join(" && ");
        guarded.then(|| near(rule, text))
    };
    policy
        .rules
        .iter()
        .filter(reaches)
        .filter_map(miss)
        .collect()
}
