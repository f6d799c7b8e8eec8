//! What rules cost at most, as their authors wrote them: the count that is taken of a bundle, before there is one.

use std::collections::BTreeMap;

use stopgate_decide::cedar::{AGENT, MOST_STEPS, Scene, Steps, of_one_attempt};
use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};

use crate::policy::{Policy, Rule};

use super::CedarMistake;

/// What is said of rules that could keep a decision busy for too long.
const HELP: &str = "a `like` costs the longest text times what stands behind the first `*`: give the argument a \
                    `maxLength` in the tool's schema, shorten the pattern, or lower `limits.input_bytes`";

/// Returns how many steps an attempt on `operation` of `tool` with an input of so many bytes takes at most, counted from
/// what authors wrote; `None` if the policy has no such operation. A bundle of the policy is never counted higher, so
/// what is accepted here opens.
#[must_use]
pub fn most_steps(
    policy: &Policy,
    tool: &ToolName,
    operation: &OperationName,
    bytes: u64,
) -> Option<u64> {
    let described = policy.operation(tool, operation)?;
    let scene = Scene {
        input: &described.input,
        facts: &described.facts,
        input_bytes: policy.input_bytes,
    };
    let reaches = |rule: &&Rule| rule.scope.operations.contains(tool, operation);
    let rules: Vec<&Rule> = policy.rules.iter().filter(reaches).collect();
    let steps = together(&scene, &rules).and(scene.before_rules());
    Some(steps.at(bytes))
}

/// Returns a mistake if an attempt on `operation` may take too many steps with `rules`, which are all those on the
/// operation. The costliest rule is named.
pub(super) fn too_costly(
    scene: &Scene<'_>,
    operation: (&ToolName, &OperationName),
    rules: &[&Rule],
) -> Option<(RuleId, CedarMistake)> {
    let longest = length(scene.input_bytes);
    let together = together(scene, rules).at(longest);
    if together <= MOST_STEPS {
        return None;
    }
    // By the rule's own steps: the one to change first.
    let own = |rule: &&&Rule| of_rule(scene, rule).at(longest);
    let rule = rules.iter().max_by_key(own)?;
    let (tool, name) = operation;
    let message = format!(
        "the rules that an attempt on {tool}/{name} can meet take up to {together} steps together, more than the \
         {MOST_STEPS} that are accepted; {} of them are this rule's",
        own(&rule)
    );
    let range = rule.condition.as_ref();
    // Only a `like` costs a product, so this is where to look.
    let range = range.map_or(0..0, |condition| condition.find("like"));
    let mistake = CedarMistake::new("rule-too-costly", message, range).help(HELP);
    Some((rule.id.clone(), mistake))
}

/// Counts the most steps that `rules`, all those on one operation, take for one attempt.
fn together(scene: &Scene<'_>, rules: &[&Rule]) -> Steps {
    // Rules for everybody are always asked, those of a profile only for who holds it. A rule that names several
    // profiles stands in the index once for each.
    let mut anybody = Steps::default();
    let mut by_profile: BTreeMap<&ProfileName, Steps> = BTreeMap::new();
    for rule in rules {
        let steps = of_rule(scene, rule);
        match &rule.scope.profiles {
            None => anybody = anybody.and(steps),
            Some(profiles) => {
                for profile in profiles {
                    let so_far = by_profile.entry(profile).or_default();
                    *so_far = so_far.and(steps);
                }
            }
        }
    }
    of_one_attempt(anybody, by_profile.into_values())
    // The same sum as `Index::steps` makes of a bundle. If the two differed, a policy would build and not open.
}

/// Counts the steps of a rule as its author wrote it, with what the rule's scope adds to the condition.
pub(super) fn of_rule(scene: &Scene<'_>, rule: &Rule) -> Steps {
    // `!(principal in [profiles])` and `[agents].contains(context.agent.id)`, each joined to the condition.
    let except = length(rule.scope.except.len()).saturating_mul(3);
    let agents = rule.scope.agents.iter().flatten();
    let agents = agents.map(|agent| length(agent.len()).saturating_add(2));
    // The rest is the agent's id and the few nodes around these two tests.
    let scope = agents.fold(except.saturating_add(AGENT + 16), u64::saturating_add);
    let condition = rule
        .condition
        .as_ref()
        .and_then(|condition| condition.expression.as_deref());
    Steps::fixed(scope).and(scene.of_condition(condition))
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
