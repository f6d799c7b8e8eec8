//! The types of a request, written as Cedar schemas from the checked policy.
//!
//! The author's schema has the action groups (`@read`, `@tool:erp`, …) so that rules may name them. The schema of
//! run time has none: groups are expanded when the match form is made, because an entity store that lacks them would
//! silently skip the rules on them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use stopgate_decide::cedar::action_id;
use stopgate_decide::cedar::schema::{
    Typed, action, of_facts, record, schema_of_requests, typed, wrap,
};
use stopgate_decide::fact::Fact;
use stopgate_decide::name::{OperationName, ToolName};

use crate::policy::{Operation, Operations, Policy};

use super::Condition;

/// The suffix of a fact's name in a proof where the base computes the fact differently from head, so that both values can
/// be compared. No name of a fact contains the suffix.
pub const OTHERWISE: &str = "@base";

/// Writes the schema that bundles carry: every operation of `policy`, no groups.
pub(crate) fn runtime_schema(policy: &Policy) -> String {
    let reads_now = ReadsNow::new(policy);
    schema_of_requests(operations(policy).map(|(tool, name, operation)| Typed {
        tool,
        name,
        input: &operation.input,
        facts: &operation.facts,
        reads_now: reads_now.contains(tool, name),
    }))
}

/// Operations at which some rule reads the instant of the decision. Elsewhere requests leave it out: handing an
/// instant to Cedar costs as much as evaluating three rules.
pub(crate) struct ReadsNow<'p> {
    everywhere: bool,
    at: BTreeSet<&'p (ToolName, OperationName)>,
}

impl<'p> ReadsNow<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        let mut reads = Self {
            everywhere: false,
            at: BTreeSet::new(),
        };
        // A rule without operations reaches those that the catalog gets later as well.
        for rule in &policy.rules {
            if rule.condition.as_ref().is_some_and(Condition::reads_now) {
                match &rule.scope.operations {
                    Operations::Listed(listed) => reads.at.extend(listed),
                    Operations::All => reads.everywhere = true,
                }
            }
        }
        reads
    }

    pub(crate) fn contains(&self, tool: &ToolName, name: &OperationName) -> bool {
        self.everywhere || self.at.contains(&(tool.clone(), name.clone()))
    }
}

/// Writes the schema that a rule on any operation is checked against, groups included.
pub(super) fn author_schema(policy: &Policy) -> String {
    let mut body = String::new();
    for group in groups(policy) {
        let _ = writeln!(body, "  action {group:?};");
    }
    body.extend(operations(policy).map(|(tool, name, operation)| {
        let groups = format!(" in [\"@{}\", \"@tool:{tool}\"]", operation.effect);
        action(with_now(tool, name, operation), &groups)
    }));
    wrap(body)
}

/// Writes the schema of one operation alone, without groups.
pub(super) fn operation_schema(
    tool: &ToolName,
    name: &OperationName,
    operation: &Operation,
) -> String {
    wrap(action(with_now(tool, name, operation), ""))
}

/// Writes the types of one operation for proofs about it: with the facts in `base` under names of their own, and
/// `flags` more truth values.
pub(super) fn proof_schema(
    tool: &ToolName,
    name: &OperationName,
    operation: &Operation,
    base: &[&Fact],
    flags: usize,
) -> String {
    let own = operation
        .facts
        .iter()
        .map(|fact| (fact, fact.name.to_string()));
    let others = base
        .iter()
        // In quotes, since no identifier of Cedar holds an `@`, and so no author's fact can have this name.
        .map(|fact| (*fact, format!("\"{}{OTHERWISE}\"", fact.name)));
    let facts: Vec<String> = own
        .chain(others)
        .map(|(fact, name)| typed(fact, &name))
        .collect();
    let facts = of_facts(&facts);
    let flags: Vec<String> = (0..flags).map(|flag| format!("flag{flag}: Bool")).collect();
    // A record of its own: no condition can name it, because no author's schema has it.
    let only_head = if flags.is_empty() {
        String::new()
    } else {
        format!("only_head: {{ {} }}, ", flags.join(", "))
    };
    wrap(format!(
        "  action {:?} appliesTo {{ principal: User, resource: Tool, context: {{ input: {}, {facts}{only_head}time: {{ \
         now: datetime, business: Bool }}, agent: {{ id: String }} }} }};\n",
        action_id(tool, name),
        record(&operation.input),
    ))
}

/// Returns the names of every action group: one for each effect, and one for each tool.
pub(super) fn groups(policy: &Policy) -> Vec<String> {
    let tools = policy.tools.keys().map(|tool| format!("@tool:{tool}"));
    stopgate_decide::surface::Effect::ALL
        .iter()
        .map(|effect| format!("@{effect}"))
        .chain(tools)
        .collect()
}

/// Returns every operation, with the names of its tool and its own.
pub(super) fn operations(
    policy: &Policy,
) -> impl Iterator<Item = (&ToolName, &OperationName, &Operation)> {
    policy.tools.iter().flat_map(|(tool, described)| {
        described
            .operations
            .iter()
            .map(move |(name, operation)| (tool, name, operation))
    })
}

/// Returns the requests of `operation` as they are for a rule that may read everything, the instant included.
fn with_now<'a>(
    tool: &'a ToolName,
    name: &'a OperationName,
    operation: &'a Operation,
) -> Typed<'a> {
    Typed {
        tool,
        name,
        input: &operation.input,
        facts: &operation.facts,
        reads_now: true,
    }
}
