//! A policy without what a change cannot reach: an attempt on one operation asks nothing of the others.

use std::collections::BTreeSet;

use stopgate_author::policy::{Operations, Policy, Rule, Tool};
use stopgate_author::testing::TestSuite;
use stopgate_decide::name::{OperationName, ToolName};

/// Operations whose attempts may come out differently.
pub(super) type ReachedOperations = BTreeSet<(ToolName, OperationName)>;

/// Returns every operation of `policy`.
pub(super) fn everything(policy: &Policy) -> ReachedOperations {
    let of = |(tool, described): (&ToolName, &Tool)| {
        let names = described.operations.keys().cloned();
        names.map(|name| (tool.clone(), name)).collect::<Vec<_>>()
    };
    policy.tools.iter().flat_map(of).collect()
}

/// Returns the operations that `rule` reaches.
pub(super) fn reach(policy: &Policy, rule: &Rule) -> ReachedOperations {
    match &rule.scope.operations {
        Operations::Listed(listed) => listed.clone(),
        Operations::All => everything(policy),
    }
}

/// Returns `policy` with nothing but the operations of `reach`, and the rules that can reach one of them.
pub(super) fn cut(policy: &Policy, reach: &ReachedOperations) -> Policy {
    let mut cut = policy.clone();
    cut.tools.retain(|tool, described| {
        described
            .operations
            .retain(|name, _| reach.contains(&(tool.clone(), name.clone())));
        !described.operations.is_empty()
    });
    cut.rules
        .retain_mut(|rule| match &mut rule.scope.operations {
            Operations::All => true,
            Operations::Listed(listed) => {
                listed.retain(|operation| reach.contains(operation));
                !listed.is_empty()
            }
        });
    cut
}

/// Returns the cases of `suites` on operations of `reach`.
pub(super) fn cut_suites(suites: &[TestSuite], reach: &ReachedOperations) -> Vec<TestSuite> {
    let tools: BTreeSet<&ToolName> = reach.iter().map(|(tool, _)| tool).collect();
    let mut cut: Vec<TestSuite> = suites
        .iter()
        .filter(|suite| tools.contains(&suite.tool))
        .cloned()
        .collect();
    for suite in &mut cut {
        let tool = &suite.tool;
        suite.cases.retain_mut(|case| {
            case.operations
                .retain(|name| reach.contains(&(tool.clone(), name.clone())));
            !case.operations.is_empty()
        });
    }
    cut
}
