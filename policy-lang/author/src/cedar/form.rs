//! The match form: every rule becomes permits that say when it matches, one for each of its profiles, whatever its
//! kind. The set of satisfied policies is then exactly the set of rules that match.

use std::collections::BTreeMap;

use cedar_policy::{Policy as CedarPolicy, PolicyId};
use serde_json::{Value, json};
use stopgate_decide::name::{OperationName, ProfileName, ToolName};

use crate::policy::{Operations, Policy, Rule, Scope};

use super::{ANYWHERE, Condition, NAMESPACE, action_id};

/// Something that Cedar does not take in one of its forms, which no checked rule is.
#[derive(Debug, thiserror::Error)]
#[error("{of} has no form that Cedar takes")]
pub struct FormError {
    of: String,
    #[source]
    source: Box<cedar_policy::PolicyFromJsonError>,
}

impl FormError {
    pub(super) fn new(
        what: impl std::fmt::Display,
        source: cedar_policy::PolicyFromJsonError,
    ) -> Self {
        Self {
            of: what.to_string(),
            source: Box::new(source),
        }
    }
}

/// Writes the Cedar text of every slice, by `tool/operation` or [`ANYWHERE`]. Every policy carries its rule's id in
/// `@rule`. An operation that no rule names has an empty slice.
pub(crate) fn slices(policy: &Policy) -> Result<BTreeMap<String, String>, FormError> {
    let mut slices: BTreeMap<String, String> = BTreeMap::new();
    for (tool, described) in &policy.tools {
        for operation in described.operations.keys() {
            slices.insert(action_id(tool, operation), String::new());
        }
    }
    for rule in &policy.rules {
        match &rule.scope.operations {
            Operations::Listed(listed) => {
                for (tool, operation) in listed {
                    let slice = slices.entry(action_id(tool, operation)).or_default();
                    append(slice, rule, Some((tool, operation)))?;
                }
            }
            Operations::All => append(slices.entry(ANYWHERE.to_owned()).or_default(), rule, None)?,
        }
    }
    Ok(slices)
}

fn append(
    slice: &mut String,
    rule: &Rule,
    operation: Option<(&ToolName, &OperationName)>,
) -> Result<(), FormError> {
    for policy in match_form(rule, operation, rule.condition.as_ref())? {
        slice.push_str(policy.to_string().trim_end());
        slice.push_str("\n\n");
    }
    Ok(())
}

/// Makes the policies of one rule for one operation (or for all), with `condition` in place of the rule's own: one
/// policy for each profile of the rule, or one for everybody.
pub(crate) fn match_form(
    rule: &Rule,
    operation: Option<(&ToolName, &OperationName)>,
    condition: Option<&Condition>,
) -> Result<Vec<CedarPolicy>, FormError> {
    // A new part of a scope does not compile until somebody decides how it is matched.
    let Scope {
        operations: _,
        profiles,
        except,
        agents,
    } = &rule.scope;
    let everybody = [None];
    let named: Vec<Option<&ProfileName>> = match profiles {
        Some(profiles) => profiles.iter().map(Some).collect(),
        None => everybody.to_vec(),
    };
    let action = operation.map_or(json!({"op": "All"}), |(tool, operation)| {
        json!({"op": "==", "entity": entity("Action", &action_id(tool, operation))})
    });
    let mut conditions = Vec::new();
    if !except.is_empty() {
        let set: Vec<Value> = except
            // `in` a set: true of whoever holds any of them, inherited ones included.
            .iter()
            .map(|name| json!({"Value": {"__entity": entity("Profile", name.as_str())}}))
            .collect();
        let body = json!({"in": {"left": {"Var": "principal"}, "right": {"Set": set}}});
        // First, so that a person the rule does not reach cannot make its condition fail.
        conditions.push(json!({"kind": "unless", "body": body}));
    }
    if let Some(agents) = agents {
        let set: Vec<Value> = agents.iter().map(|agent| json!({"Value": agent})).collect();
        let agent = json!({".": {"left": {"Var": "context"}, "attr": "agent"}});
        let id = json!({".": {"left": agent, "attr": "id"}});
        let body = json!({"contains": {"left": {"Set": set}, "right": id}});
        conditions.push(json!({"kind": "when", "body": body}));
    }
    conditions.extend(
        condition
            .map(Condition::clauses)
            .unwrap_or_default()
            .iter()
            .cloned(),
    );
    // One permit for each profile: alike in everything but the principal.
    let policies = named.into_iter().enumerate().map(|(at, profile)| {
        let principal = profile.map_or(
            json!({"op": "All"}),
            |profile| json!({"op": "in", "entity": entity("Profile", profile.as_str())}),
        );
        let tree = json!({
            "effect": "permit", "principal": principal, "action": action, "resource": {"op": "All"},
            "annotations": {"rule": rule.id.to_string()}, "conditions": conditions,
        // The annotation is how a match finds its way back to the rule.
        });
        CedarPolicy::from_json(Some(PolicyId::new(at.to_string())), tree)
            .map_err(|source| FormError::new(format_args!("rule {}", rule.id), source))
    });
    policies.collect()
}

fn entity(kind: &str, id: &str) -> Value {
    json!({"type": format!("{NAMESPACE}::{kind}"), "id": id})
}
