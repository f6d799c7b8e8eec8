//! What is done to a policy to make a mutant of it.

use stopgate_author::policy::{Floors, Operation, Policy, Rule};
use stopgate_decide::name::{OperationName, RuleId, ToolName};

/// One change.
#[derive(Debug, Clone)]
pub(super) enum PolicyEdit {
    /// The rule is not there.
    Remove(RuleId),
    /// The rule of the same id is this one.
    Rule(Box<Rule>),
    /// The operation is described so.
    Operation(ToolName, OperationName, Box<Operation>),
    /// The floors are these.
    Floors(Box<Floors>),
}

impl PolicyEdit {
    /// Returns `policy` with the edit made. A rule keeps no operation that `policy` does not have.
    pub(super) fn apply(&self, policy: &Policy) -> Policy {
        let mut mutant = policy.clone();
        match self {
            Self::Remove(id) => mutant.rules.retain(|rule| rule.id != *id),
            Self::Rule(changed) => {
                if let Some(rule) = mutant.rules.iter_mut().find(|rule| rule.id == changed.id) {
                    rule.clone_from(changed);
                }
            }
            Self::Operation(tool, name, changed) => {
                let described = mutant.tools.get_mut(tool);
                let operation = described.and_then(|tool| tool.operations.get_mut(name));
                if let Some(operation) = operation {
                    operation.clone_from(changed);
                }
            }
            Self::Floors(floors) => mutant.floors = **floors,
        }
        mutant
    }

    /// Returns whether the edit changed only what rules ask for, and floors make the same of it, so that nobody can
    /// tell.
    pub(super) fn is_idle(&self, policy: &Policy, mutant: &Policy) -> bool {
        match self {
            Self::Remove(_) | Self::Operation(..) => false,
            Self::Floors(_) => surfaces(policy) == surfaces(mutant),
            Self::Rule(changed) => {
                let before = policy.rules.iter().find(|rule| rule.id == changed.id);
                let matches_alike = before.is_some_and(|before| {
                    before.scope == changed.scope && before.condition == changed.condition
                });
                matches_alike && surfaces(policy) == surfaces(mutant)
            }
        }
    }
}

/// Returns what each rule asks for at each operation that it reaches, floors included.
fn surfaces(policy: &Policy) -> Vec<Option<stopgate_decide::surface::Surface>> {
    let operations = || {
        let tools = policy.tools.iter();
        tools.flat_map(|(tool, described)| {
            described
                .operations
                .iter()
                .map(move |(name, operation)| (tool, name, operation))
        })
    };
    let of_rule = |rule: &Rule| {
        operations()
            .filter(|(tool, name, _)| rule.scope.operations.contains(tool, name))
            .map(|(_, _, operation)| policy.surface(rule, operation))
            .collect::<Vec<_>>()
    };
    policy.rules.iter().flat_map(of_rule).collect()
}
