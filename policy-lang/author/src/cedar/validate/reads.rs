//! What conditions read of the context: arguments that rules cannot see, objects used as values, and names that no
//! operation has.

use stopgate_decide::tool_schema::{InputType, Opaque, Shape};

use crate::policy::Operation;

use super::super::{CedarMistake, Condition};
use super::OperationRules;

impl OperationRules<'_> {
    /// Returns a mistake for each read of an argument that rules cannot see, with what to do about that.
    pub(super) fn opaque_reads(&self, condition: &Condition) -> Vec<CedarMistake> {
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

    /// Returns a mistake for each object of the input that is used as a value. What a rule does with such an object,
    /// proofs and checks of single arguments would not see.
    pub(super) fn whole_objects(&self, condition: &Condition) -> Vec<CedarMistake> {
        let is_object = |path: &&Vec<String>| match path.as_slice() {
            [input, path @ ..] if input == "input" => is_object(&self.operation.input, path),
            _ => false,
        };
        let wholes = condition.wholes();
        let objects = wholes.iter().filter(is_object);
        objects.map(|path| condition.bare_context(path)).collect()
    }
}

/// Returns the first opaque member on `path`, and why it is opaque; `None` if no member on `path` is.
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

/// Returns whether `path` leads to an object that rules can look into.
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

/// Returns a mistake for each read of what none of `operations` declares. Cedar takes `has` of an unknown member for
/// false and looks no further, so that a misspelt argument would quietly switch a condition off.
pub(super) fn unknown_reads(condition: &Condition, operations: &[&Operation]) -> Vec<CedarMistake> {
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

/// Returns a fact to write for an argument that has no type in rules; `None` where a fact cannot help.
fn projection(opaque: Opaque, name: &str) -> Option<String> {
    match opaque {
        // What is masked stays hidden.
        Opaque::Masked | Opaque::Name => None,
        Opaque::Number => Some(format!("amount: \"minor(/{name}, 2)\"")),
        Opaque::Open | Opaque::Untyped => Some(format!("names: keys(/{name})")),
    }
}

/// Returns the one of `known` that is most like `name`.
pub(super) fn nearest<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    known.max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)))
}

fn has_fact(operation: &Operation, name: &str) -> bool {
    operation
        .facts
        .iter()
        .any(|fact| fact.name.as_str() == name)
}

/// Returns whether `rest` is a whole record or one of its `parts`.
fn reads_part(rest: &[String], parts: &[&str]) -> bool {
    match rest {
        [] => true,
        [part] => parts.contains(&part.as_str()),
        _ => false,
    }
}

/// Returns whether `path` leads to a declared member. Below an opaque member nothing is known, so any path counts
/// there: that such a member is read is said elsewhere.
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
