//! Policies for proofs about one operation: what a rule says, who holds what, and what a side refuses unseen.
//!
//! An [`Atom`] is the body of a policy without its effect: whether a rule stands as a permit or as a forbid depends on
//! the level that is asked about (DESIGN: level form), its body does not. Bodies are compared by their keys, so that
//! what is equal on both sides costs nothing. Profiles are flattened to what a person holds directly, each side by its
//! own `profiles.yaml`, because a proof must also see what the hierarchy and the mapping change. No evidence, ceiling
//! or risk is ever in a policy of a proof.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Effect, Policy as CedarPolicy, PolicyId, RequestEnv, Schema};
use serde_json::{Value, json};

use crate::fact::{Fact, View};
use crate::json::MAX_SAFE_INTEGER;
use crate::name::{OperationName, ProfileName, ToolName};
use crate::policy::{Operation, Policy, Rule};
use crate::tool_schema::{InputType, Member, Shape};

use super::form::FormError;
use super::schema::proof_schema;
use super::tree::{binary, either, has, holds, not, profiles, read, set, value};

/// What stands behind the name of a fact that the base computes otherwise than head. No fact's name holds it.
pub const OTHERWISE: &str = "@base";

/// What a person holds directly in a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// Profiles that some group leads to.
    Profiles,
    /// Groups of the identity provider.
    Groups,
}

/// What is held directly, and what of it leads to each profile's rules, on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flat {
    reaching: BTreeMap<ProfileName, BTreeSet<String>>,
    known: BTreeSet<String>,
}

impl Flat {
    /// The holdings of `policy`. A profile without groups is held by nobody directly.
    #[must_use]
    pub fn of(policy: &Policy, holding: Holding) -> Self {
        let mut flat = Self {
            reaching: BTreeMap::new(),
            known: BTreeSet::new(),
        };
        for (name, profile) in &policy.profiles {
            if profile.groups.is_empty() {
                continue;
            }
            let held: Vec<String> = match holding {
                Holding::Profiles => vec![name.to_string()],
                Holding::Groups => profile.groups.iter().cloned().collect(),
            };
            flat.known.extend(held.iter().cloned());
            for reached in policy.closure([name]) {
                let reaching = flat.reaching.entry(reached.clone()).or_default();
                reaching.extend(held.iter().cloned());
            }
        }
        flat
    }

    /// Everything that can be held and leads to some profile.
    #[must_use]
    pub const fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    fn reaching(&self, profile: &str) -> impl Iterator<Item = &str> {
        let found = self
            .reaching
            .iter()
            .find(|(name, _)| name.as_str() == profile);
        found
            .into_iter()
            .flat_map(|(_, held)| held)
            .map(String::as_str)
    }

    /// `node` with every profile in it replaced by what leads to it.
    fn flatten(&self, node: &Value) -> Value {
        if let Some(ids) = principal_in(node) {
            return holds(ids.into_iter().flat_map(|id| self.reaching(id)));
        }
        if let Some(ids) = profiles_of(node) {
            return profiles(ids.into_iter().flat_map(|id| self.reaching(id)));
        }
        match node {
            Value::Object(members) => {
                let member = |(name, node): (&String, &Value)| (name.clone(), self.flatten(node));
                Value::Object(members.iter().map(member).collect())
            }
            Value::Array(nodes) => {
                Value::Array(nodes.iter().map(|node| self.flatten(node)).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => node.clone(),
        }
    }
}

/// The profiles of a test whether the principal is in one of them.
fn principal_in(node: &Value) -> Option<Vec<&str>> {
    let test = node.get("in")?;
    (test.get("left")?.get("Var")?.as_str()? == "principal").then_some(())?;
    profiles_of(test.get("right")?)
}

/// The profiles that `node` is, one or a set of them.
fn profiles_of(node: &Value) -> Option<Vec<&str>> {
    if let Some(profile) = profile_of(node) {
        return Some(vec![profile]);
    }
    let elements = node.get("Set")?.as_array()?;
    let ids: Vec<&str> = elements.iter().filter_map(profile_of).collect();
    (!ids.is_empty()).then_some(ids)
}

fn profile_of(node: &Value) -> Option<&str> {
    let entity = node.get("Value")?.get("__entity")?;
    (entity.get("type")?.as_str()? == "Stopgate::Profile").then_some(())?;
    entity.get("id")?.as_str()
}

/// The body of a policy, without its effect.
#[derive(Debug, Clone)]
pub struct Atom {
    key: String,
    conditions: Vec<Value>,
}

impl Atom {
    fn new(conditions: Vec<Value>) -> Self {
        let key = Value::Array(conditions.clone()).to_string();
        Self { key, conditions }
    }

    fn when(body: Value) -> Self {
        Self::new(vec![json!({"kind": "when", "body": body})])
    }

    /// The body that holds for every request.
    #[must_use]
    pub fn always() -> Self {
        Self::new(Vec::new())
    }

    /// What tells two bodies apart; equal keys are equal bodies.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The policy of this body with `effect`.
    ///
    /// # Errors
    /// [`FormError`] when Cedar does not take it, which is a mistake of ours.
    pub fn policy(&self, id: &str, effect: Effect) -> Result<CedarPolicy, FormError> {
        self.policy_behind(id, effect, &[])
    }

    /// The policy of this body behind `guards`, each of which has to be false first: it then never meets a request
    /// that one of them stands for.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn policy_behind(
        &self,
        id: &str,
        effect: Effect,
        guards: &[Self],
    ) -> Result<CedarPolicy, FormError> {
        let guard = |guard: &Self| {
            let bodies = guard
                .conditions
                .iter()
                .filter_map(|clause| clause.get("body"));
            let bodies = bodies.map(|body| json!({"kind": "unless", "body": body}));
            bodies.collect::<Vec<_>>()
        };
        let clauses = guards
            .iter()
            .flat_map(guard)
            .chain(self.conditions.iter().cloned());
        let tree = json!({
            "effect": match effect { Effect::Permit => "permit", Effect::Forbid => "forbid" },
            "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
            "conditions": clauses.collect::<Vec<_>>(),
        });
        CedarPolicy::from_json(Some(PolicyId::new(id)), tree)
            .map_err(|source| FormError::of(id, source))
    }

    /// Whether Cedar could fail to evaluate it: only arithmetic and the functions of its extension types can.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        let mut may = false;
        for clause in &self.conditions {
            super::condition::walk(clause, &mut |node| {
                may |= node.as_object().is_some_and(|node| {
                    node.keys()
                        .any(|operator| !CANNOT_FAIL.contains(&operator.as_str()))
                });
            });
        }
        may
    }
}

/// Words of Cedar's tree that evaluate without failing where the types are right. Whatever is not here may fail.
const CANNOT_FAIL: [&str; 31] = [
    "kind",
    "body",
    "Value",
    "Var",
    "__entity",
    "type",
    "id",
    "left",
    "right",
    "attr",
    ".",
    "has",
    "in",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "!",
    "arg",
    "Set",
    "contains",
    "containsAll",
    "containsAny",
    "if-then-else",
    "like",
    "pattern",
    "Literal",
];

/// The body of `rule` for everybody it reaches.
#[must_use]
pub fn rule(rule: &Rule, flat: &Flat, renamed: &BTreeSet<&str>) -> Atom {
    let mut conditions = scope_of(rule, flat);
    if !rule.scope.except.is_empty() {
        let names = rule.scope.except.iter();
        let ids = names.flat_map(|name| flat.reaching(name.as_str()));
        conditions.push(json!({"kind": "unless", "body": holds(ids)}));
    }
    if let Some(agents) = &rule.scope.agents {
        let agents = set(agents.iter().map(|agent| value(agent.as_str())));
        let body = binary("contains", agents, read(["agent", "id"]));
        conditions.push(json!({"kind": "when", "body": body}));
    }
    let own = rule.condition.as_ref().map(super::Condition::clauses);
    let own = own.unwrap_or_default().iter();
    conditions.extend(own.map(|clause| rename(&flat.flatten(clause), renamed)));
    Atom::new(conditions)
}

/// The bare scope of `rule`: what it would reach if it always matched.
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

/// `node` with reads of the facts in `renamed` turned to the base's own.
fn rename(node: &Value, renamed: &BTreeSet<&str>) -> Value {
    let of_facts = |node: &Value| {
        let access = node.get(".")?;
        let is_context = access.get("left")?.get("Var")?.as_str()? == "context";
        (is_context && access.get("attr")?.as_str()? == "facts").then_some(())
    };
    match node {
        Value::Object(members) => {
            let access = members.get(".").or_else(|| members.get("has"));
            let left = access.and_then(|access| access.get("left"));
            let name = access
                .and_then(|access| access.get("attr"))
                .and_then(Value::as_str);
            if let (Some(left), Some(name)) = (left, name)
                && renamed.contains(name)
                && of_facts(left).is_some()
            {
                let operator = if members.contains_key(".") {
                    "."
                } else {
                    "has"
                };
                return json!({operator: {"left": left, "attr": format!("{name}{OTHERWISE}")}});
            }
            let member = |(name, node): (&String, &Value)| (name.clone(), rename(node, renamed));
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(nodes) => {
            Value::Array(nodes.iter().map(|node| rename(node, renamed)).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => node.clone(),
    }
}

/// Facts that `base` computes otherwise than `head`, or that head does not have.
#[must_use]
pub fn renamed_facts<'p>(base: &'p Operation, head: &Operation) -> Vec<&'p Fact> {
    let facts = base.facts.iter();
    facts.filter(|fact| !head.facts.contains(fact)).collect()
}

/// The request that both sides of a proof are about: an operation under head's types, with what the base computes
/// otherwise, and one flag for each thing that only head accepts and that types cannot say.
///
/// # Errors
/// The text of Cedar's refusal, which is a mistake of ours.
pub fn request(
    tool: &ToolName,
    name: &OperationName,
    head: &Operation,
    base_facts: &[&Fact],
    flags: usize,
) -> Result<(Schema, RequestEnv), String> {
    let text = proof_schema(tool, name, head, base_facts, flags);
    let schema = Schema::from_str(&text).map_err(|error| error.to_string())?;
    let mut environments = schema.request_envs();
    let environment = match (environments.next(), environments.next()) {
        (Some(only), None) => only,
        _ => return Err("an operation has one kind of request".to_owned()),
    };
    drop(environments);
    Ok((schema, environment))
}

/// What the sidecar guarantees of every request (DESIGN: the domain), as bodies of forbids.
#[must_use]
pub fn domain(head: &Operation, base_facts: &[&Fact]) -> Vec<Atom> {
    let mut bodies = Vec::new();
    walk(&head.input, &mut Vec::new(), &mut |path, member| {
        if let Shape::Integer { .. } = member.shape {
            bodies.push(guarded(
                path,
                within(path, -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
            ));
        }
    });
    let own = head.facts.iter().map(|fact| (fact, fact.name.to_string()));
    let base = base_facts
        .iter()
        .map(|fact| (*fact, format!("{}{OTHERWISE}", fact.name)));
    for (fact, name) in own.chain(base) {
        let least = match fact.projection.view {
            View::Count => 0,
            View::Number | View::Minor { .. } => -MAX_SAFE_INTEGER,
            View::Keys | View::Text => continue,
        };
        let test = compare(read(["facts", &name]), least, MAX_SAFE_INTEGER);
        bodies.push(if fact.optional {
            either(has(read(["facts"]), &name), test, value(true))
        } else {
            test
        });
    }
    bodies
        .into_iter()
        .map(|body| Atom::when(not(body)))
        .collect()
}

/// A forbid of everything but two sizes of one number: requests in which `fact` is there and its copy is too, and the
/// copy is no more.
#[must_use]
pub fn no_more(fact: &Fact) -> Atom {
    let (own, copy) = (fact.name.to_string(), format!("{}{OTHERWISE}", fact.name));
    let test = binary("<=", read(["facts", &copy]), read(["facts", &own]));
    if !fact.optional {
        return Atom::when(not(test));
    }
    let there = |name: &str| has(read(["facts"]), name);
    let both = binary("&&", there(&own), there(&copy));
    Atom::when(not(binary("&&", both, test)))
}

/// What a side refuses before any rule is asked, as bodies of forbids: people without a known profile, and inputs that
/// are none of `own` although they are some of `head`. Flags stand for what types cannot say; all of them are refused
/// where `flags` is not zero.
#[must_use]
pub fn refused(flat: &Flat, own: &Operation, head: &Operation, flags: usize) -> Vec<Atom> {
    let known = flat.known.iter().map(String::as_str);
    let mut atoms = vec![Atom::when(not(holds(known)))];
    if let Some(select) = &own.select {
        let steps: Vec<_> = select.pointer.steps().collect();
        let keys = steps.iter().map(|step| match step {
            crate::pointer::Step::Key(key) => Some(key.as_str()),
            crate::pointer::Step::Every => None,
        });
        let path: Option<Vec<&str>> = keys.collect();
        let readable = path.filter(|path| is_text(&head.input, path));
        match readable {
            Some(path) => {
                let test = binary("==", at(&path), value(select.equals.as_str()));
                atoms.push(Atom::when(not(guarded(&path, test))));
            }
            None if own.select == head.select => {}
            // It may mean anything, so nothing is promised of it.
            None => atoms.push(Atom::always()),
        }
    }
    compare_types(&own.input, &head.input, &mut Vec::new(), &mut atoms);
    for flag in 0..flags {
        atoms.push(Atom::when(read(["only_head", &format!("flag{flag}")])));
    }
    atoms
}

/// Whether `path` leads to a text that rules of `input` can read.
fn is_text(input: &InputType, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    match input.member(first).filter(|member| member.opaque.is_none()) {
        Some(Member {
            shape: Shape::String { .. },
            ..
        }) => rest.is_empty(),
        Some(Member {
            shape: Shape::Object(members),
            ..
        }) => is_text(members, rest),
        _ => false,
    }
}

/// What `own` refuses of the inputs of `head`, as far as types can say it.
fn compare_types<'a>(
    own: &'a InputType,
    head: &'a InputType,
    path: &mut Vec<&'a str>,
    atoms: &mut Vec<Atom>,
) {
    for member in own.members() {
        let there = head.member(&member.name);
        // Head refuses what it does not declare, so no input of head has it.
        if member.required && there.is_none() {
            atoms.push(inside(path, value(true)));
        }
    }
    for member in head.members() {
        let mine = own.member(&member.name);
        let parent = at(path);
        if member.opaque.is_some() {
            // Not in the request: an input that has to have it is refused where it is unknown.
            if mine.is_none() && member.required {
                atoms.push(inside(path, value(true)));
            }
            continue;
        }
        let present = has(parent, &member.name);
        let Some(mine) = mine else {
            atoms.push(inside(path, present));
            continue;
        };
        // With null in its place it is there, and both sides look at that apart.
        if mine.required && !member.required {
            atoms.push(inside(path, not(present.clone())));
        }
        path.push(&member.name);
        match (&mine.shape, &member.shape) {
            (Shape::Object(own), Shape::Object(head)) => compare_types(own, head, path, atoms),
            (own, head) => match bounds(own, head, at(path)) {
                Bounds::None => {}
                Bounds::Test(test) => atoms.push(Atom::when(not(guarded(path, test)))),
                Bounds::Nothing => {
                    let inner = path.len().saturating_sub(1);
                    let outer = path.get(..inner).unwrap_or_default();
                    atoms.push(inside(outer, present));
                }
            },
        }
        path.pop();
    }
}

/// What a side's shape lets through of another's values.
enum Bounds {
    /// Everything, as far as types can say it.
    None,
    /// What passes this test.
    Test(Value),
    /// Nothing.
    Nothing,
}

fn bounds(own: &Shape, head: &Shape, at: Value) -> Bounds {
    match (own, head) {
        (Shape::Anything, _) => Bounds::None,
        (Shape::Integer { one_of, min, max }, Shape::Integer { .. }) => {
            let range = compare(
                at.clone(),
                (*min).max(-MAX_SAFE_INTEGER),
                (*max).min(MAX_SAFE_INTEGER),
            );
            match one_of {
                None => Bounds::Test(range),
                Some(listed) => Bounds::Test(binary(
                    "&&",
                    range,
                    listed_contains("contains", listed.iter().map(|number| value(*number)), at),
                )),
            }
        }
        (
            Shape::String {
                one_of: Some(listed),
                ..
            },
            Shape::String { .. },
        ) => Bounds::Test(listed_contains(
            "contains",
            listed.iter().map(|text| value(text.as_str())),
            at,
        )),
        (Shape::String { one_of: None, .. }, Shape::String { .. })
        | (Shape::Boolean, Shape::Boolean)
        | (Shape::Number { .. }, Shape::Integer { .. }) => Bounds::None,
        (Shape::Array { element: own, .. }, Shape::Array { element: head, .. }) => {
            match (own.as_ref(), head.as_ref()) {
                (
                    Shape::String {
                        one_of: Some(listed),
                        ..
                    },
                    Shape::String { .. },
                ) => {
                    let listed = listed.iter().map(|text| value(text.as_str()));
                    Bounds::Test(listed_contains("containsAll", listed, at))
                }
                (
                    Shape::Integer {
                        one_of: Some(listed),
                        ..
                    },
                    Shape::Integer { .. },
                ) => {
                    let listed = listed.iter().map(|number| value(*number));
                    Bounds::Test(listed_contains("containsAll", listed, at))
                }
                (Shape::String { .. }, Shape::String { .. })
                | (Shape::Integer { .. }, Shape::Integer { .. })
                | (Shape::Boolean, Shape::Boolean) => Bounds::None,
                _ => Bounds::Nothing,
            }
        }
        _ => Bounds::Nothing,
    }
}

fn listed_contains(how: &str, listed: impl Iterator<Item = Value>, at: Value) -> Value {
    binary(how, set(listed), at)
}

/// The value at `path` of the input.
fn at(path: &[&str]) -> Value {
    read(["input"].into_iter().chain(path.iter().copied()))
}

fn within(path: &[&str], least: i64, most: i64) -> Value {
    compare(at(path), least, most)
}

fn compare(of: Value, least: i64, most: i64) -> Value {
    binary(
        "&&",
        binary("<=", value(least), of.clone()),
        binary("<=", of, value(most)),
    )
}

/// `test`, where everything on `path` is there; true elsewhere.
fn guarded(path: &[&str], test: Value) -> Value {
    let mut guarded = test;
    for end in (0..path.len()).rev() {
        let (Some(parent), Some(name)) = (path.get(..end), path.get(end)) else {
            continue;
        };
        guarded = either(has(at(parent), name), guarded, value(true));
    }
    guarded
}

/// A forbid of `body`, where everything on `path` is there.
fn inside(path: &[&str], body: Value) -> Atom {
    Atom::when(not(guarded(path, not(body))))
}

/// Every argument that rules can read, with the way to it.
fn walk<'a>(
    input: &'a InputType,
    path: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&[&'a str], &'a Member),
) {
    for member in input
        .members()
        .iter()
        .filter(|member| member.opaque.is_none())
    {
        path.push(&member.name);
        visit(path, member);
        if let Shape::Object(members) = &member.shape {
            walk(members, path, visit);
        }
        path.pop();
    }
}

/// A forbid of everybody who holds all of `held`: what has been found is not asked for again.
#[must_use]
pub fn holders_of_all<'a>(held: impl IntoIterator<Item = &'a str>) -> Atom {
    let tests = held.into_iter().map(|one| holds([one]));
    let all = tests.reduce(|left, right| binary("&&", left, right));
    Atom::when(all.unwrap_or_else(|| value(true)))
}

/// A permit of what is allowed by some of `left` and by some of `right`.
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

impl Atom {
    /// All its clauses as one expression.
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
}
