//! A warning: a profile's lighter grant that has no effect, because the profile inherits a stricter one.

use std::collections::BTreeMap;

use stopgate_decide::name::{OperationName, ProfileName, ToolName};

use crate::diagnostic::{Diagnostics, rules as facts};
use crate::policy::{Policy, Rule, RuleKind};

use super::drafts::Draft;

type Cell<'a> = (&'a ToolName, &'a OperationName, &'a ProfileName);

pub(super) fn check(policy: &Policy, drafts: &[Draft], dx: &mut Diagnostics) {
    // 1. The grants of each profile at each operation.
    let mut cells: BTreeMap<Cell<'_>, Vec<&Draft>> = BTreeMap::new();
    for draft in drafts
        .iter()
        .filter(|draft| matches!(draft.rule.kind, RuleKind::Grant(_)))
    {
        for ((tool, operation), _) in &draft.operations {
            for profile in draft.rule.scope.profiles.iter().flatten() {
                cells
                    .entry((tool, operation, profile))
                    .or_default()
                    .push(draft);
            }
        }
    }
    // 2. Grants that the profile inherits and that ask for more, beside its own that ask for less.
    for ((tool, operation, profile), grants) in &cells {
        let closure = policy.closure([*profile]);
        let inherited = closure.iter().filter(|parent| *parent != profile);
        let strict: Vec<&Draft> = inherited
            .filter_map(|parent| cells.get(&(*tool, *operation, *parent)))
            .flatten()
            .copied()
            .collect();
        for light in grants {
            let overruling = strict.iter().find(|strict| {
                // An exception for a profile in the closure keeps the inherited grant away.
                let scope = &strict.rule.scope;
                let reaches = scope
                    .except
                    .iter()
                    .all(|excepted| !closure.contains(excepted));
                let same_rule = strict.rule.id == light.rule.id;
                reaches
                    && !same_rule
                    && overrules(policy, &strict.rule, &light.rule, tool, operation)
            });
            if let Some(strict) = overruling {
                let (light_id, strict_id) = (light.rule.id.to_string(), strict.rule.id.to_string());
                let shown = format!("{tool}/{operation}");
                dx.push(facts::pointless(
                    light.id_span,
                    &light_id,
                    strict.id_span,
                    &strict_id,
                    profile.as_str(),
                    &shown,
                ));
            }
        }
    }
}

/// Returns whether `strict` matches whenever `light` does, asks for as much in every part, and asks for more in one.
fn overrules(
    policy: &Policy,
    strict: &Rule,
    light: &Rule,
    tool: &ToolName,
    operation: &OperationName,
) -> bool {
    // By their texts: a condition that only means the same may be overruled without a warning, and no warning is
    // wrong.
    let always = match (&strict.condition, &light.condition) {
        (None, _) => true,
        (Some(strict), Some(light)) => strict.text() == light.text(),
        (Some(_), None) => false,
    };
    let Some(operation) = policy.operation(tool, operation).filter(|_| always) else {
        return false;
    };
    match (
        policy.surface(strict, operation),
        policy.surface(light, operation),
    ) {
        (Some(strict), Some(light)) => light.is_at_most(&strict) && light != strict,
        (Some(_) | None, _) => false,
    }
}
