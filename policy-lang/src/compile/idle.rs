//! Warnings about what has no effect anywhere: grants above every ceiling, and operations that no grant reaches.

use std::collections::BTreeSet;

use super::drafts::Draft;
use super::repository::Repository;
use crate::diagnostic::{Diagnostics, catalog, rules};
use crate::name::{OperationName, ToolName};
use crate::policy::{Policy, RuleKind};
use crate::surface::Limit;

pub(super) fn check(
    policy: &Policy,
    drafts: &[Draft],
    repository: &Repository,
    dx: &mut Diagnostics,
) {
    let mut granted: BTreeSet<&(ToolName, OperationName)> = BTreeSet::new();
    for draft in drafts {
        if !matches!(draft.rule.kind, RuleKind::Grant(_)) {
            continue;
        }
        granted.extend(draft.operations.iter().map(|(operation, _)| operation));
        if let Some((class, highest)) = above_every_ceiling(policy, draft) {
            let id = draft.rule.id.to_string();
            dx.push(rules::above_every_ceiling(draft.id_span, &id, class, highest));
        }
    }
    for (tool, doc) in &repository.catalogs {
        let Some(doc) = doc else { continue };
        for (name, _) in &doc.operations.entries {
            if !granted.contains(&(tool.clone(), name.value.clone())) {
                dx.push(catalog::operation_without_rule(name.span, tool.as_str(), name.value.as_str()));
            }
        }
    }
}

/// The lowest class that the grant of `draft` has at any of its operations and the highest ceiling of any channel, if
/// no channel lets it through anywhere.
fn above_every_ceiling(policy: &Policy, draft: &Draft) -> Option<(Limit, Limit)> {
    let mut found: Option<(Limit, Limit)> = None;
    for ((tool, name), _) in &draft.operations {
        let operation = policy.operation(tool, name)?;
        let class = policy.surface(&draft.rule, operation)?.class(operation.effect);
        let ceilings = policy.channels.values().map(|ceiling| ceiling.of(tool.as_str()));
        let highest = ceilings.max()?;
        if class <= highest {
            return None;
        }
        if found.is_none_or(|(lowest, _)| class < lowest) {
            found = Some((class, highest));
        }
    }
    found
}
