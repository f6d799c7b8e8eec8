//! Inputs at which rules may change their minds: around every constant that a condition compares an argument with.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_author::cedar::{Condition, Constants};
use stopgate_author::policy::Operation;
use stopgate_decide::fact::Fact;
use stopgate_decide::json::Json;
use stopgate_decide::tool_schema::{InputType, Member, Shape};

use super::fact::{FactTurn, OTHER};
use super::near::around;

/// Most inputs made of one. If all combinations are more than this, one value is turned at a time; what is still beyond
/// is left out.
const MOST: usize = 400;

/// Values for one argument; `None` is to leave it out.
type Values = Vec<Option<Json>>;

/// What conditions read of an input, and the values worth trying there.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// By the way to the argument.
    arguments: BTreeMap<Vec<String>, Values>,
    facts: Vec<FactTurn>,
}

impl Turns {
    /// Finds what `conditions` read of the inputs of `operation`, with the values around the conditions' constants.
    pub(crate) fn new<'a>(
        operation: &Operation,
        conditions: impl IntoIterator<Item = &'a Condition>,
    ) -> Self {
        let mut constants = Constants::default();
        let (mut paths, mut facts) = (BTreeSet::new(), BTreeSet::new());
        for condition in conditions {
            let Constants { numbers, texts } = condition.constants();
            constants.numbers.extend(numbers);
            constants.texts.extend(texts);
            for read in condition.reads() {
                match read.split_first() {
                    Some((first, path)) if first == "input" && !path.is_empty() => {
                        paths.insert(path.to_vec());
                    }
                    Some((first, [name, ..])) if first == "facts" => {
                        facts.insert(name.clone());
                    }
                    _ => {}
                }
            }
        }
        let mut arguments = BTreeMap::new();
        for path in paths {
            if let Some(member) = member(&operation.input, &path) {
                arguments.insert(path, of_member(member, &constants));
            }
        }
        let read = |fact: &&Fact| facts.contains(fact.name.as_str());
        let facts = operation.facts.iter().filter(read);
        Self {
            facts: facts
                .map(|fact| FactTurn::from_projection(&fact.projection, &constants))
                .collect(),
            arguments,
        }
    }

    /// Returns `base`, then `base` with what is read of it turned to other values: all combinations if they are at most
    /// [`MOST`], otherwise one value at a time.
    pub(crate) fn inputs(&self, base: &Json) -> Vec<Json> {
        let of_argument = |(path, values): (&Vec<String>, &Values), input: &Json| {
            let turned = values.iter().map(|value| with(input, path, value.as_ref()));
            turned.collect::<Vec<_>>()
        };
        let counts = self.arguments.values().map(Vec::len);
        let counts = counts.chain(self.facts.iter().map(|turn| turn.inputs(base).len()));
        let combinations = counts
            .map(|count| count.saturating_add(1))
            .try_fold(1_usize, usize::checked_mul);
        let together = combinations.is_some_and(|count| count <= MOST);
        let mut inputs = vec![base.clone()];
        let mut turn = |turned: &dyn Fn(&Json) -> Vec<Json>| {
            let bases = if together { inputs.len() } else { 1 };
            let more: Vec<Json> = inputs.iter().take(bases).flat_map(turned).collect();
            inputs.extend(more);
        };
        for argument in &self.arguments {
            turn(&|input| of_argument(argument, input));
        }
        for fact in &self.facts {
            turn(&|input| fact.inputs(input));
        }
        let mut seen = BTreeSet::new();
        inputs.retain(|input| seen.insert(input.canonical()));
        inputs.truncate(MOST);
        inputs
    }
}

fn member<'a>(input: &'a InputType, path: &[String]) -> Option<&'a Member> {
    let (first, rest) = path.split_first()?;
    let member = input.member(first)?;
    match (&member.shape, rest) {
        (_, []) => Some(member),
        (Shape::Object(members), rest) => self::member(members, rest),
        _ => None,
    }
}

fn of_member(member: &Member, constants: &Constants) -> Values {
    let mut values = scalars(&member.shape, constants);
    if let Shape::Array { element, .. } = &member.shape {
        let elements = scalars(element, constants);
        values.push(Json::Array(Vec::new()));
        values.extend(elements.iter().map(|one| Json::Array(vec![one.clone()])));
        values.push(Json::Array(elements));
    }
    let left_out = (!member.required).then_some(None);
    values.into_iter().map(Some).chain(left_out).collect()
}

fn scalars(shape: &Shape, constants: &Constants) -> Vec<Json> {
    let Constants { numbers, texts } = constants;
    match shape {
        Shape::Integer { one_of, .. } => {
            let mut all = around(numbers.iter().copied());
            all.extend(one_of.iter().flatten());
            all.into_iter().map(Json::Integer).collect()
        }
        Shape::String { one_of, .. } => {
            let all: BTreeSet<&str> = match one_of {
                Some(listed) => listed.iter().map(String::as_str).collect(),
                None => texts.iter().map(String::as_str).chain([OTHER]).collect(),
            };
            all.into_iter()
                .map(|text| Json::String(text.to_owned()))
                .collect()
        }
        Shape::Boolean => vec![Json::Bool(false), Json::Bool(true)],
        Shape::Number { .. }
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => Vec::new(),
    }
}

/// Returns `input` with `value` at `path`, or without a member there if `value` is `None`; objects on the way are made
/// where they are missing.
pub(crate) fn with(input: &Json, path: &[String], value: Option<&Json>) -> Json {
    let Some((first, rest)) = path.split_first() else {
        return value.cloned().unwrap_or(Json::Null);
    };
    let mut members = input.as_object().map(<[_]>::to_vec).unwrap_or_default();
    let place = members.iter_mut().find(|(name, _)| name == first);
    match (place, rest, value) {
        (Some(_), [], None) => members.retain(|(name, _)| name != first),
        (None, [], None) => {}
        (Some((_, inner)), rest, value) => *inner = with(inner, rest, value),
        (None, rest, value) => {
            let inner = with(&Json::Object(Vec::new()), rest, value);
            members.push((first.clone(), inner));
        }
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stopgate_decide::json::Limits;

    const LIMITS: Limits = Limits {
        bytes: 4096,
        depth: 8,
        members: 64,
    };

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), LIMITS).expect("JSON")
    }

    fn inputs(condition: &str, base: &str) -> Vec<String> {
        let schema = json(
            r#"{"type": "object", "required": ["n"], "additionalProperties": false, "properties": {
                "n": {"type": "integer"}, "t": {"type": "string"},
                "o": {"type": "object", "additionalProperties": false, "properties": {"f": {"type": "boolean"}}}}}"#,
        );
        let input = InputType::from_schema(&schema, &BTreeSet::new()).expect("a type");
        let condition = Condition::parse(condition).expect("a condition");
        let mut turns = Turns::default();
        for path in condition.reads() {
            let path = path[1..].to_vec();
            if let Some(member) = member(&input, &path) {
                turns
                    .arguments
                    .insert(path, of_member(member, &condition.constants()));
            }
        }
        let inputs = turns.inputs(&json(base));
        inputs.iter().map(Json::canonical).collect()
    }

    #[test]
    fn numbers_are_tried_at_the_bound_and_on_both_sides() {
        assert_eq!(
            inputs("context.input.n <= 5", r#"{"n":1}"#),
            [r#"{"n":1}"#, r#"{"n":4}"#, r#"{"n":5}"#, r#"{"n":6}"#]
        );
    }

    #[test]
    fn what_may_be_left_out_is_left_out_and_objects_are_made() {
        assert_eq!(
            inputs(
                r#"!(context.input has t) || context.input.t == "a""#,
                r#"{"n":1,"t":"a"}"#
            ),
            [r#"{"n":1,"t":"a"}"#, r#"{"n":1,"t":"other"}"#, r#"{"n":1}"#]
        );
        let made = inputs(
            "context.input has o && context.input.o has f && context.input.o.f",
            r#"{"n":1}"#,
        );
        assert!(
            made.contains(&r#"{"n":1,"o":{"f":true}}"#.to_owned()),
            "{made:?}"
        );
    }
}
