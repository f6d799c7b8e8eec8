//! Policies for proofs about one operation: what a rule says, who holds what, and what a side refuses unseen.
//!
//! An [`Atom`] is the body of a policy without its effect: whether a rule stands as a permit or as a forbid depends on
//! the level that is asked about (DESIGN: level form), its body does not. Bodies are compared by their keys, so that
//! what is equal on both sides costs nothing. No evidence, ceiling or risk is ever in a policy of a proof.

mod flat;
mod refused;
mod said;
mod written;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Effect, Policy as CedarPolicy};
use serde_json::{Value, json};
use stopgate_decide::fact::Fact;
use stopgate_decide::name::{OperationName, ToolName};

use crate::policy::{Operation, Rule, Scope};

use super::form::FormError;
use super::node::{Node, with_operands};
pub use super::schema::OTHERWISE;
use super::schema::proof_schema;
use super::tree::{binary, has, holds, leaning, not, read, set, value};

pub use flat::{Flat, Holding};
pub use refused::{domain, no_more, refused};
pub use said::said;

/// The body of a policy, without its effect.
#[derive(Debug, Clone)]
pub struct Atom {
    key: Arc<str>,
    conditions: Arc<[Value]>,
    /// What [`Atom::body`] wrote, once it was asked for.
    body: Arc<OnceLock<String>>,
}

impl Atom {
    fn new(conditions: Vec<Value>) -> Self {
        // Members keep the order in which they were made. A body that is made in another order has another key, which
        // costs one more proof and no more.
        let clauses: Vec<String> = conditions.iter().map(Value::to_string).collect();
        Self {
            key: format!("[{}]", clauses.join(",")).into(),
            conditions: conditions.into(),
            body: Arc::default(),
        }
    }

    fn when(body: Value) -> Self {
        Self::new(vec![json!({"kind": "when", "body": body})])
    }

    /// Returns the body that holds for every request.
    #[must_use]
    pub fn always() -> Self {
        Self::new(Vec::new())
    }

    /// Returns the key of the body: equal keys are equal bodies.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes the clauses of the body as one line of text, which [`policy`] reads, with rows of `&&` and `||` bracketed
    /// so that a proof about them is prepared fast. The text is made once.
    #[must_use]
    pub fn body(&self) -> &str {
        self.body.get_or_init(|| {
            let clauses = self.conditions.iter().map(|clause| {
                let body = clause.get("body").map(leaning);
                json!({"kind": clause.get("kind"), "body": body})
            });
            written::write(&Value::Array(clauses.collect()))
        })
    }

    /// Returns this body behind `guards`, each of which has to be false first. The body then never meets a request that
    /// one of the guards stands for.
    #[must_use]
    pub fn behind(&self, guards: &[Self]) -> Self {
        let clauses = guards.iter().flat_map(|guard| guard.conditions.iter());
        let bodies = clauses.filter_map(|clause| clause.get("body"));
        let guards = bodies.map(|body| json!({"kind": "unless", "body": body}));
        Self::new(guards.chain(self.conditions.iter().cloned()).collect())
    }

    /// Returns all clauses of the body as one expression.
    fn expression(&self) -> Value {
        let bodies = self.conditions.iter().map(|clause| {
            let body = clause.get("body").cloned().unwrap_or_default();
            match clause.get("kind").and_then(Value::as_str) {
                Some("unless") => not(body),
                _ => body,
            }
        });
        bodies
            .reduce(|left, right| binary("&&", left, right))
            .unwrap_or_else(|| value(true))
    }

    /// Returns whether Cedar could fail to evaluate the body. Arithmetic, tags, `is` and the functions of extension
    /// types count as able to fail, and so does what is not understood.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        let bodies = self.conditions.iter();
        // A clause without a body is a form that is not known, and counts as able to fail.
        let mut bodies = bodies.map(|clause| clause.get("body").unwrap_or(&Value::Null));
        bodies.any(|body| {
            super::condition::any_node(body, &mut |node| match node {
                // The negation of the least number overflows.
                Ok(Node::Unary(operator, _)) => *operator == "neg",
                Ok(Node::Binary(operator, _)) => {
                    ["+", "-", "*", "getTag", "hasTag"].contains(operator)
                }
                // Reads cannot fail: strict validation refuses a read that no `has` guards.
                Ok(
                    Node::Literal(_)
                    | Node::Var(_)
                    | Node::Get { .. }
                    | Node::Has { .. }
                    | Node::Like { .. }
                    | Node::If(_)
                    | Node::Set(_)
                    | Node::Record(_),
                ) => false,
                Ok(Node::Is { .. } | Node::Call { .. }) | Err(_) => true,
            })
        })
    }
}

/// Makes the policy with `effect` and the body that [`Atom::body`] wrote.
///
/// # Errors
/// [`FormError`] when Cedar does not take the policy, which is a mistake of ours.
pub fn policy(body: &str, effect: Effect) -> Result<CedarPolicy, FormError> {
    // What cannot be read is nothing, and Cedar refuses that.
    let conditions = written::read(body).unwrap_or(Value::Null);
    let tree = json!({
        "effect": match effect { Effect::Permit => "permit", Effect::Forbid => "forbid" },
        "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
        "conditions": conditions,
    });
    CedarPolicy::from_json(None, tree).map_err(|source| FormError::new("a body", source))
}

/// Returns the body of `rule` for everybody whom the rule reaches. Facts in `renamed` are read as the base computes
/// them, under names of their own.
#[must_use]
pub fn rule(rule: &Rule, flat: &Flat, renamed: &BTreeSet<&str>) -> Atom {
    // Taken apart whole, here and below: a new part of a scope does not compile until somebody decides what proofs say
    // of it. Which operations a rule names is why it is asked about at all.
    let Scope {
        operations: _,
        profiles: _,
        except,
        agents,
    } = &rule.scope;
    // The scope first, then whom it leaves out, the agents and the rule's own clauses, as in the match form.
    let mut conditions = scope_of(rule, flat);
    if !except.is_empty() {
        let names = except.iter();
        let ids = names.flat_map(|name| flat.reaching(name.as_str()));
        conditions.push(json!({"kind": "unless", "body": holds(ids)}));
    }
    if let Some(agents) = agents {
        let agents = set(agents.iter().map(|agent| value(agent.as_str())));
        let body = binary("contains", agents, read(["agent", "id"]));
        conditions.push(json!({"kind": "when", "body": body}));
    }
    let own = flat.clauses(rule.condition.as_ref());
    conditions.extend(own.into_iter().map(|mut clause| {
        if let Some(body) = clause.get_mut("body") {
            *body = rename(body, renamed);
        }
        clause
    }));
    Atom::new(conditions)
}

/// Returns whether two rules are written alike in everything that their bodies are made of. The bodies are then equal
/// wherever the same is held; rules that are not written alike may have equal bodies all the same.
#[must_use]
pub fn alike(one: &Rule, other: &Rule) -> bool {
    let Scope {
        operations: _,
        profiles,
        except,
        agents,
    } = &one.scope;
    (profiles, except, agents)
        == (
            &other.scope.profiles,
            &other.scope.except,
            &other.scope.agents,
        )
        && one.condition == other.condition
}

/// Returns the bare scope of `rule` as a body: what the rule would reach if it always matched.
#[must_use]
pub fn scope(rule: &Rule, flat: &Flat) -> Atom {
    Atom::new(scope_of(rule, flat))
}

fn scope_of(rule: &Rule, flat: &Flat) -> Vec<Value> {
    let Some(profiles) = &rule.scope.profiles else {
        return Vec::new();
    };
    let ids = profiles
        .iter()
        .flat_map(|name| flat.reaching(name.as_str()));
    vec![json!({"kind": "when", "body": holds(ids)})]
}

/// Returns `tree` with reads of the facts in `renamed` turned to the base's own. A fact is read and asked for by its
/// name directly below `context.facts`: conditions use the record of facts in no other way.
pub(super) fn rename(tree: &Value, renamed: &BTreeSet<&str>) -> Value {
    let facts = read(["facts"]);
    let own = |name: &str| format!("{name}{OTHERWISE}");
    match Node::read(tree) {
        Ok(Node::Get { left, name }) if *left == facts && renamed.contains(name) => {
            read(["facts", &own(name)])
        }
        // A `has` of several names was written out as several questions when the condition was read.
        Ok(Node::Has { left, names }) if *left == facts => {
            let names = names.first().filter(|name| renamed.contains(*name));
            names.map_or_else(|| tree.clone(), |name| has(left.clone(), &own(name)))
        }
        Ok(node) => {
            let inner = &mut |tree: &Value| Ok::<_, Infallible>(rename(tree, renamed));
            with_operands(tree, &node, inner).unwrap_or_else(|never| match never {})
        }
        // No condition holds what is not known.
        Err(_) => tree.clone(),
    }
}

/// Returns the facts that `base` computes otherwise than `head`, or that head does not have.
#[must_use]
pub fn renamed_facts<'p>(base: &'p Operation, head: &Operation) -> Vec<&'p Fact> {
    let facts = base.facts.iter();
    // By the whole fact and not by its name: the same name may compute something else on the other side.
    facts.filter(|fact| !head.facts.contains(fact)).collect()
}

/// Writes the types of the requests that both sides of a proof are about: an operation under head's types, with what
/// the base computes otherwise, and one flag for each thing that only head accepts and that types cannot say.
#[must_use]
pub fn types(
    tool: &ToolName,
    name: &OperationName,
    head: &Operation,
    base_facts: &[&Fact],
    flags: usize,
) -> String {
    proof_schema(tool, name, head, base_facts, flags)
}

/// Returns the body of a forbid of everybody who holds all of `held`: what has been found is not asked for again.
#[must_use]
pub fn holders_of_all<'a>(held: impl IntoIterator<Item = &'a str>) -> Atom {
    let tests = held.into_iter().map(|one| holds([one]));
    let all = tests.reduce(|left, right| binary("&&", left, right));
    // With nothing held this is true of everybody, as is any test of all of nothing.
    Atom::when(all.unwrap_or_else(|| value(true)))
}

/// Returns the body of a permit of what is allowed by some of `left` and by some of `right`.
#[must_use]
pub fn by_both<'a>(
    left: impl IntoIterator<Item = &'a Atom>,
    right: impl IntoIterator<Item = &'a Atom>,
) -> Atom {
    let clause = |body: Value| json!({"kind": "when", "body": body});
    let any = |atoms: &mut dyn Iterator<Item = &'a Atom>| {
        let bodies = atoms.map(Atom::expression);
        bodies
            .reduce(|left, right| binary("||", left, right))
            .unwrap_or_else(|| value(false))
    };
    Atom::new(vec![
        clause(any(&mut left.into_iter())),
        clause(any(&mut right.into_iter())),
    ])
}
