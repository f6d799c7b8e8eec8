//! The types of a request, written as a Cedar schema.

use std::fmt::Write as _;

use super::{NAMESPACE, action_id};
use crate::fact::{Fact, FactType};
use crate::name::{OperationName, ToolName};
use crate::tool_schema::{InputType, Shape};

/// What the requests of one operation are made of.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    /// The tool.
    pub tool: &'a ToolName,
    /// The operation.
    pub name: &'a OperationName,
    /// Types of the arguments.
    pub input: &'a InputType,
    /// What is computed of them.
    pub facts: &'a [Fact],
    /// Whether they have an instant.
    pub reads_now: bool,
}

/// Writes the schema that a bundle carries: these operations, no groups. Whoever opens a bundle writes it again from the
/// catalog and compares the two, so how the schema is written belongs to the version of the catalog.
#[must_use]
pub fn schema_of_requests<'a>(operations: impl Iterator<Item = Typed<'a>>) -> String {
    wrap(operations.map(|typed| action(typed, "")).collect())
}

/// Writes a whole schema around the declarations of its actions.
#[must_use]
pub fn wrap(body: String) -> String {
    format!(
        // Profiles are entities without attributes, and the user is in them. Nothing else about people can be asked.
        "namespace {NAMESPACE} {{\n  entity Profile;\n  entity User in [Profile];\n  entity Tool;\n{body}}}\n"
    )
}

/// Writes the declaration of an action, with ` in […]` behind its name if `groups` says so.
#[must_use]
pub fn action(of: Typed<'_>, groups: &str) -> String {
    let id = action_id(of.tool, of.name);
    let mut text =
        format!("  action {id:?}{groups} appliesTo {{\n    principal: User, resource: Tool,\n");
    let _ = writeln!(
        text,
        "    context: {{ input: {}, {}time: {{ {}business: Bool }}, agent: {{ id: String }} }},\n  }};",
        record(of.input),
        facts(of.facts),
        if of.reads_now { "now: datetime, " } else { "" }
    );
    text
}

/// Writes the record of facts, or nothing where an operation has none.
fn facts(facts: &[Fact]) -> String {
    let members = facts.iter().map(|fact| typed(fact, fact.name.as_str()));
    of_facts(&members.collect::<Vec<_>>())
}

/// Writes the member `facts` from the members that it has, or nothing where there are none.
#[must_use]
pub fn of_facts(members: &[String]) -> String {
    if members.is_empty() {
        return String::new();
    }
    format!("facts: {{ {} }}, ", members.join(", "))
}

/// Writes a fact as a member of this name.
#[must_use]
pub fn typed(fact: &Fact, name: &str) -> String {
    let kind = match fact.projection.view.of_type() {
        FactType::Long => "Long",
        FactType::String => "String",
        FactType::Strings => "Set<String>",
    };
    format!("{name}{}: {kind}", if fact.optional { "?" } else { "" })
}

/// Writes the type of an input, or of an object in it: what rules cannot read is left out.
#[must_use]
pub fn record(input: &InputType) -> String {
    let mut text = String::from("{");
    for member in input
        .members()
        .iter()
        .filter(|member| member.opaque.is_none())
    {
        let Some(kind) = kind(&member.shape) else {
            continue;
        };
        // `null` is handed over as absent, so a member that may be null may be absent.
        let optional = if member.required && !member.nullable {
            ""
        } else {
            "?"
        };
        let separator = if text.len() > 1 { "," } else { "" };
        // Names are printable ASCII without quotes or backslashes, or the member is opaque.
        let _ = write!(text, "{separator} \"{}\"{optional}: {kind}", member.name);
    }
    text.push_str(" }");
    text
}

/// Returns the Cedar type of a shape; `None` for the shapes that are opaque.
fn kind(shape: &Shape) -> Option<String> {
    Some(match shape {
        Shape::String { .. } => "String".to_owned(),
        Shape::Integer { .. } => "Long".to_owned(),
        Shape::Boolean => "Bool".to_owned(),
        Shape::Array { element, .. } => format!("Set<{}>", kind(element)?),
        Shape::Object(members) => record(members),
        Shape::Number { .. }
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => return None,
    })
}
