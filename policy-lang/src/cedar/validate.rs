//! The checks that need every document: strict typing of each rule for each of its operations, opaque arguments, and
//! the caps that keep a decision fast.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use crate::name::{OperationName, ProfileName, RuleId, ToolName};
use crate::policy::{Operation, Operations, Policy, Rule, RuleKind};
use crate::tool_schema::{InputType, Opaque, Shape};

use super::cost;
use super::schema::{author_schema, operation_schema, operations};
use super::text::range_of;
use super::{CedarMistake, Condition, action_id};

/// Most rules that one profile's closure may meet at one operation.
const MAX_RULES: usize = 64;
/// Most rules without a profile at one operation.
const MAX_UNSCOPED: usize = 16;

/// Checks every rule of `policy`. Ranges are bytes of the rule's condition text, or of the rule in a `.cedar` file.
#[must_use]
pub fn validate(policy: &Policy) -> Vec<(RuleId, CedarMistake)> {
    let mut mistakes: Vec<(RuleId, CedarMistake)> = Vec::new();
    let reach = Reach::of(policy);
    for (tool, described) in &policy.tools {
        for (name, operation) in &described.operations {
            let cell = Cell {
                tool,
                name,
                operation,
                rules: reach.rules(tool, name),
            };
            cell.conditions(&mut mistakes);
            cell.caps(&reach.closures, &mut mistakes);
            let scene = cost::Scene {
                input: &operation.input,
                facts: &operation.facts,
                input_bytes: policy.input_bytes,
            };
            mistakes.extend(scene.too_costly((tool, name), &cell.rules));
        }
    }
    whole_rules(policy, &mut mistakes);
    // A rule on several operations makes the same mistake at each.
    let mut seen = BTreeSet::new();
    mistakes.retain(|(rule, mistake)| {
        seen.insert((
            rule.clone(),
            mistake.code,
            mistake.range.start,
            mistake.range.end,
        ))
    });
    mistakes
}

/// What reaches what, looked up once: a policy of many rules must not cost their number for each of its operations.
struct Reach<'p> {
    /// Places of the rules that name each operation, in the order of the policy.
    listed: BTreeMap<&'p (ToolName, OperationName), Vec<usize>>,
    /// Places of the rules that name none.
    everywhere: Vec<usize>,
    rules: &'p [Rule],
    /// Each profile with all that it inherits.
    closures: Vec<(&'p ProfileName, BTreeSet<&'p ProfileName>)>,
}

impl<'p> Reach<'p> {
    fn of(policy: &'p Policy) -> Self {
        let (mut listed, mut everywhere) = (BTreeMap::<_, Vec<usize>>::new(), Vec::new());
        for (at, rule) in policy.rules.iter().enumerate() {
            match &rule.scope.operations {
                Operations::Listed(operations) => {
                    for operation in operations {
                        listed.entry(operation).or_default().push(at);
                    }
                }
                Operations::All => everywhere.push(at),
            }
        }
        let profiles = policy.profiles.keys();
        Self {
            listed,
            everywhere,
            rules: &policy.rules,
            closures: profiles
                .map(|profile| (profile, policy.closure([profile])))
                .collect(),
        }
    }

    /// The rules that can reach an operation, in the order of the policy.
    fn rules(&self, tool: &ToolName, name: &OperationName) -> Vec<&'p Rule> {
        let named = self.listed.get(&(tool.clone(), name.clone()));
        let mut places: Vec<usize> = named.into_iter().flatten().copied().collect();
        places.extend(&self.everywhere);
        places.sort_unstable();
        places
            .into_iter()
            .filter_map(|at| self.rules.get(at))
            .collect()
    }
}

/// One operation and the rules that can reach it.
struct Cell<'p> {
    tool: &'p ToolName,
    name: &'p OperationName,
    operation: &'p Operation,
    rules: Vec<&'p Rule>,
}

impl Cell<'_> {
    fn conditions(&self, mistakes: &mut Vec<(RuleId, CedarMistake)>) {
        let mut set = PolicySet::new();
        let mut wrapped = BTreeMap::new();
        for &rule in &self.rules {
            let Some(condition) = &rule.condition else {
                continue;
            };
            let mut unreadable = self.opaque_reads(condition);
            unreadable.extend(self.whole_objects(condition));
            if condition.wrapped("").is_some() {
                unreadable.extend(unknown_reads(condition, &[self.operation]));
            }
            let readable = unreadable.is_empty();
            mistakes.extend(
                unreadable
                    .into_iter()
                    .map(|mistake| (rule.id.clone(), mistake)),
            );
            let Some((text, offset)) = condition.wrapped(&action_id(self.tool, self.name)) else {
                continue;
            };
            let id = PolicyId::new(rule.id.to_string());
            // What the validator would say of an opaque argument is that it is not there: said better already.
            if readable
                && CedarPolicy::parse(Some(id.clone()), &text)
                    .is_ok_and(|policy| set.add(policy).is_ok())
            {
                wrapped.insert(id, (rule, offset, condition.author_text().len()));
            }
        }
        let schema = operation_schema(self.tool, self.name, self.operation);
        let place = |id: &PolicyId| {
            wrapped
                .get(id)
                .map(|(rule, offset, length)| (*rule, *offset, *length))
        };
        run(&schema, set, place, mistakes);
    }

    /// Reads of arguments that rules cannot see, with what to do about each.
    fn opaque_reads(&self, condition: &Condition) -> Vec<CedarMistake> {
        let mut mistakes = Vec::new();
        for read in &condition.reads() {
            let [input, path @ ..] = read.as_slice() else {
                continue;
            };
            let opaque = (input == "input")
                .then(|| opaque_at(&self.operation.input, path))
                .flatten();
            if let Some((name, why)) = opaque {
                let message = format!(
                    "rules cannot read the argument `{name}` of {}/{}",
                    self.tool, self.name
                );
                let because = why.because();
                let help = match projection(why, name) {
                    None => format!("{because}; leave it out of the condition"),
                    Some(fact) => format!(
                        "{because}; give it a type in catalog/{}.yaml, such as `facts: {{{fact}}}`, and read it as \
                         `context.facts`",
                        self.tool
                    ),
                };
                mistakes.push(
                    CedarMistake::new("opaque-argument", message, condition.find(name)).help(help),
                );
            }
        }
        mistakes
    }

    /// Objects of the input that are used as values. What a rule does with one, proofs and checks of single arguments
    /// would not see.
    fn whole_objects(&self, condition: &Condition) -> Vec<CedarMistake> {
        let is_object = |path: &&Vec<String>| match path.as_slice() {
            [input, path @ ..] if input == "input" => is_object(&self.operation.input, path),
            _ => false,
        };
        let wholes = condition.wholes();
        let objects = wholes.iter().filter(is_object);
        objects.map(|path| condition.bare_context(path)).collect()
    }

    fn caps(
        &self,
        closures: &[(&ProfileName, BTreeSet<&ProfileName>)],
        mistakes: &mut Vec<(RuleId, CedarMistake)>,
    ) {
        let too_many = |rule: &Rule, code, message: String, help: &str| {
            (
                rule.id.clone(),
                CedarMistake::new(code, message, 0..0).help(help),
            )
        };
        let unscoped: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.scope.profiles.is_none())
            .copied()
            .collect();
        if let Some(rule) = unscoped.get(MAX_UNSCOPED) {
            let message = format!(
                "{} rules without a profile reach {}/{}, more than the {MAX_UNSCOPED} that are accepted",
                unscoped.len(),
                self.tool,
                self.name
            );
            mistakes.push(too_many(
                rule,
                "too-many-guardrails",
                message,
                "join their conditions, or name the profiles",
            ));
        }
        if self.rules.len() <= MAX_RULES {
            return;
        }
        for (profile, closure) in closures {
            let met: Vec<&Rule> = self
                .rules
                .iter()
                .filter(|rule| {
                    rule.scope
                        .profiles
                        .as_ref()
                        .is_none_or(|all| all.iter().any(|one| closure.contains(one)))
                })
                .copied()
                .collect();
            if let Some(rule) = met.get(MAX_RULES) {
                let message = format!(
                    "{} rules meet the profile {profile} at {}/{}, more than the {MAX_RULES} that are accepted",
                    met.len(),
                    self.tool,
                    self.name
                );
                mistakes.push(too_many(
                    rule,
                    "too-many-rules",
                    message,
                    "join rules that ask for the same",
                ));
                return;
            }
        }
    }
}

/// The first opaque member on `path`, and why it is opaque.
fn opaque_at<'p>(input: &InputType, path: &'p [String]) -> Option<(&'p str, Opaque)> {
    let (first, rest) = path.split_first()?;
    let member = input.member(first)?;
    if let Some(why) = member.opaque {
        return Some((first, why));
    }
    if let Shape::Object(members) = &member.shape {
        opaque_at(members, rest)
    } else {
        None
    }
}

/// Whether `path` leads to an object that rules can look into.
fn is_object(input: &InputType, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let member = input.member(first).filter(|member| member.opaque.is_none());
    match member.map(|member| &member.shape) {
        Some(Shape::Object(members)) => rest.is_empty() || is_object(members, rest),
        _ => false,
    }
}

/// Reads of what none of `operations` declares. Cedar takes `has` of an unknown member for false and looks no further,
/// so that a misspelt argument would quietly switch a condition off.
fn unknown_reads(condition: &Condition, operations: &[&Operation]) -> Vec<CedarMistake> {
    let is_known = |read: &[String]| match read {
        [input, path @ ..] if input == "input" => {
            operations.iter().any(|one| is_declared(&one.input, path))
        }
        [facts, path @ ..] if facts == "facts" => match path {
            [] => operations.iter().any(|one| !one.facts.is_empty()),
            [name] => operations.iter().any(|one| has_fact(one, name)),
            _ => false,
        },
        [time, rest @ ..] if time == "time" => reads_part(rest, &["now", "business"]),
        [agent, rest @ ..] if agent == "agent" => reads_part(rest, &["id"]),
        _ => false,
    };
    let reads = condition.reads();
    let unknown = reads.iter().filter(|read| !is_known(read)).map(|read| {
        let name = read.last().map_or("context", String::as_str);
        let message = format!("there is no `context.{}`", read.join("."));
        let known = operations
            .iter()
            .flat_map(|one| one.input.members())
            .map(|member| member.name.as_str());
        let facts = operations
            .iter()
            .flat_map(|one| &one.facts)
            .map(|fact| fact.name.as_str());
        let help = match read.first().map(String::as_str) {
            Some("input") => nearest(known, name)
                .map(|nearest| format!("did you mean `context.input.{nearest}`?")),
            Some("facts") => match nearest(facts, name) {
                Some(nearest) => Some(format!("did you mean `context.facts.{nearest}`?")),
                None => Some(
                    "the catalog derives no facts here; add `facts:` to the operation".to_owned(),
                ),
            },
            Some(_) | None => None,
        };
        let help = help.unwrap_or_else(|| {
            "the context has input, facts, time.now, time.business and agent.id".to_owned()
        });
        CedarMistake::new("unknown-argument", message, condition.find(name)).help(help)
    });
    unknown.collect()
}

/// A fact to write for an argument that has no type in rules.
fn projection(opaque: Opaque, name: &str) -> Option<String> {
    match opaque {
        // What is masked stays hidden.
        Opaque::Masked | Opaque::Name => None,
        Opaque::Number => Some(format!("amount: \"minor(/{name}, 2)\"")),
        Opaque::Open | Opaque::Untyped => Some(format!("names: keys(/{name})")),
    }
}

/// The name most like `name`.
fn nearest<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    known.max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)))
}

fn has_fact(operation: &Operation, name: &str) -> bool {
    operation
        .facts
        .iter()
        .any(|fact| fact.name.as_str() == name)
}

/// Whether `rest` is a whole record or one of its `parts`.
fn reads_part(rest: &[String], parts: &[&str]) -> bool {
    match rest {
        [] => true,
        [part] => parts.contains(&part.as_str()),
        _ => false,
    }
}

/// Whether `path` leads to a declared member; below an opaque one nothing is known, which is said elsewhere.
fn is_declared(input: &InputType, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    input
        .member(first)
        .is_some_and(|member| match &member.shape {
            _ if member.opaque.is_some() => true,
            Shape::Object(members) => is_declared(members, rest),
            Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean | Shape::Array { .. } => {
                rest.is_empty()
            }
            Shape::Number { .. }
            | Shape::Open { .. }
            | Shape::Either(_)
            | Shape::Listed(_)
            | Shape::Anything => true,
        })
}

/// Checks that look at a rule as a whole. Rules of `.cedar` files are typed here as they were written, groups and all.
fn whole_rules(policy: &Policy, mistakes: &mut Vec<(RuleId, CedarMistake)>) {
    let mut set = PolicySet::new();
    let mut by_id = BTreeMap::new();
    for rule in &policy.rules {
        let Some(condition) = &rule.condition else {
            continue;
        };
        // Nobody is in a profile that does not exist, so a misspelt one would quietly switch the rule off.
        for name in condition.profiles() {
            if policy.profiles.keys().all(|known| known.as_str() != name) {
                let message = format!("there is no profile `{name}`");
                let known = policy.profiles.keys().map(ProfileName::as_str);
                let help = nearest(known, &name).map_or_else(
                    || "name one of profiles.yaml".to_owned(),
                    |nearest| {
                        format!("did you mean `{nearest}`? Profiles are declared in profiles.yaml")
                    },
                );
                let place = condition.find(&name);
                let mistake = CedarMistake::new("unknown-profile", message, place).help(help);
                mistakes.push((rule.id.clone(), mistake));
            }
        }
        let restricts = !matches!(rule.kind, RuleKind::Grant(_));
        if restricts && condition.asks_for_presence() {
            let message = "this rule does not apply when the argument is left out";
            let mistake = CedarMistake::new("absence-switches-off", message, condition.find("has"));
            mistakes.push((
                rule.id.clone(),
                mistake.help("ask in `unless` what must hold, so that absence is stricter"),
            ));
        }
        if condition.wrapped("").is_some() {
            continue;
        }
        let reached: Vec<&Operation> = operations(policy)
            .filter(|(tool, name, _)| rule.scope.operations.contains(tool, name))
            .map(|(_, _, operation)| operation)
            .collect();
        let unknown = unknown_reads(condition, &reached);
        mistakes.extend(
            unknown
                .into_iter()
                .map(|mistake| (rule.id.clone(), mistake)),
        );
        let id = PolicyId::new(rule.id.to_string());
        if CedarPolicy::parse(Some(id.clone()), condition.author_text())
            .is_ok_and(|policy| set.add(policy).is_ok())
        {
            by_id.insert(id, (rule, 0, condition.author_text().len()));
        }
    }
    if by_id.is_empty() {
        return;
    }
    let place = |id: &PolicyId| {
        by_id
            .get(id)
            .map(|(rule, offset, length)| (*rule, *offset, *length))
    };
    run(&author_schema(policy), set, place, mistakes);
}

/// Validates `set` strictly; warnings are mistakes too.
fn run<'p>(
    schema: &str,
    set: PolicySet,
    place: impl Fn(&PolicyId) -> Option<(&'p Rule, usize, usize)>,
    mistakes: &mut Vec<(RuleId, CedarMistake)>,
) {
    let Ok(schema) = Schema::from_str(schema) else {
        // Our own text: a schema that Cedar refuses must not validate anything.
        let message = "the types of this operation cannot be written for Cedar";
        let rules = set.policies().filter_map(|policy| place(policy.id()));
        mistakes.extend(rules.map(|(rule, _, length)| {
            (
                rule.id.clone(),
                CedarMistake::new("cedar-schema", message, 0..length),
            )
        }));
        return;
    };
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let mut say = |id: &PolicyId, problem: &dyn Diagnostic, code| {
        let Some((rule, offset, length)) = place(id) else {
            return;
        };
        let text = problem.to_string();
        let message = text
            .strip_prefix(&format!("for policy `{id}`, "))
            .unwrap_or(&text)
            .to_owned();
        let mut mistake = CedarMistake::new(code, message, range_of(problem, offset, length));
        mistake.help = problem.help().map(|help| help.to_string());
        mistakes.push((rule.id.clone(), mistake));
    };
    for error in result.validation_errors() {
        say(error.policy_id(), error, "cedar-type");
    }
    for warning in result.validation_warnings() {
        say(warning.policy_id(), warning, "cedar-impossible");
    }
}
