//! What never reaches a rule, as bodies of forbids: what the sidecar guarantees of every request, and what one side
//! refuses before any rule is asked.

use serde_json::Value;
use stopgate_decide::fact::{Fact, View};
use stopgate_decide::json::{Json, MAX_SAFE_INTEGER};
use stopgate_decide::pointer::Step;
use stopgate_decide::tool_schema::{InputType, Member, Shape};

use crate::policy::Operation;

use super::super::tree::{binary, either, has, not, read, set, value};
use super::{Atom, Flat, OTHERWISE};

/// Returns what the sidecar guarantees of every request (DESIGN: the domain), as bodies of forbids: each holds for
/// requests that cannot come, because a whole number of the input or of a fact lies outside its range.
#[must_use]
pub fn domain(head: &Operation, base_facts: &[&Fact]) -> Vec<Atom> {
    // 1. Whole numbers of the input. The strict parser takes none beyond the safe ones, but a `Long` of Cedar has 64
    // bits, and a solver would find its examples out there.
    let mut bodies = Vec::new();
    walk(&head.input, &mut Vec::new(), &mut |path, member| {
        if let Shape::Integer { .. } = member.shape {
            bodies.push(guarded(
                path,
                within(path, -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
            ));
        }
    });
    // 2. Whole numbers among the facts: head's own, then those of the base under their other names.
    let own = head.facts.iter().map(|fact| (fact, fact.name.to_string()));
    let base = base_facts
        .iter()
        .map(|fact| (*fact, format!("{}{OTHERWISE}", fact.name)));
    for (fact, name) in own.chain(base) {
        // A count is never negative; keys and texts have no order that a range could bound.
        let least = match fact.projection.view {
            View::Count => 0,
            View::Number | View::Minor { .. } => -MAX_SAFE_INTEGER,
            View::Keys | View::Text => continue,
        };
        let test = compare(read(["facts", &name]), least, MAX_SAFE_INTEGER);
        // An optional fact that is absent breaks no range.
        bodies.push(if fact.optional {
            either(has(read(["facts"]), &name), test, value(true))
        } else {
            test
        });
    }
    // 3. The solver is told what cannot come, so each body is the negation of what is guaranteed.
    bodies
        .into_iter()
        .map(|body| Atom::when(not(body)))
        .collect()
}

/// Returns the body of a forbid of everything but two sizes of one number: requests in which `fact` is there and its
/// copy is too, and the copy is no more. Where the fact is always there, so is its copy.
#[must_use]
pub fn no_more(fact: &Fact) -> Atom {
    let (own, copy) = (fact.name.to_string(), format!("{}{OTHERWISE}", fact.name));
    let test = binary("<=", read(["facts", &copy]), read(["facts", &own]));
    if !fact.optional {
        return Atom::when(not(test));
    }
    let there = |name: &str| has(read(["facts"]), name);
    // Both or neither: a copy without its fact is a request that cannot come.
    let both = binary("&&", there(&own), there(&copy));
    Atom::when(not(binary("&&", both, test)))
}

/// Returns what a side refuses before any rule is asked, as bodies of forbids: people without a known profile, and
/// inputs that are none of `own` although they are some of `head`. Flags stand for what types cannot say; all of them
/// are refused where `flags` is not zero.
#[must_use]
pub fn refused(flat: &Flat, own: &Operation, head: &Operation, flags: usize) -> Vec<Atom> {
    // 1. Nobody without a known profile gets as far as a rule.
    let mut atoms = vec![flat.strangers().clone()];
    // 2. The selector: an input that selects another operation is refused before rules are asked.
    if let Some(select) = &own.select {
        let steps: Vec<_> = select.pointer.steps().collect();
        let keys = steps.iter().map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Every => None,
        });
        let path: Option<Vec<&str>> = keys.collect();
        let readable = path.filter(|path| is_text(&head.input, path));
        match readable {
            Some(path) => {
                let test = binary("==", at(&path), value(select.equals.as_str()));
                atoms.push(Atom::when(not(guarded(&path, test))));
            }
            // Both sides ask the same of the same place, so neither refuses what the other takes.
            None if own.select == head.select => {}
            // It may mean anything, so nothing is promised of it.
            // In doubt a side refuses everything: head then looks looser, and a trial confirms it or does not.
            None => atoms.push(Atom::always()),
        }
    }
    // 3. The type of the input.
    compare_types((&own.input, None), &head.input, &mut Vec::new(), &mut atoms);
    // 4. One flag for each thing that only head accepts and no type can say, such as a length. A solver may set it as
    // it likes.
    for flag in 0..flags {
        atoms.push(Atom::when(read(["only_head", &format!("flag{flag}")])));
    }
    atoms
}

/// Returns whether `path` leads to a text that rules of `input` can read.
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
        // A shape that is not a text, or that rules cannot see, has no expression to compare.
        _ => false,
    }
}

/// Adds to `atoms` what `own` refuses of the inputs of `head`, as far as types can say it. Members that `own` does not
/// declare have the shape `rest`, if there may be some.
fn compare_types<'a>(
    (own, rest): (&'a InputType, Option<&'a Shape>),
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
            if mine.is_none() && rest.is_none() && member.required {
                atoms.push(inside(path, value(true)));
            }
            continue;
        }
        // Asked with `has` on the parent: reading a member that is absent fails.
        let present = has(parent, &member.name);
        let Some(shape) = mine.map(|mine| &mine.shape).or(rest) else {
            atoms.push(inside(path, present));
            continue;
        };
        // With null in its place it is there, and both sides look at that apart.
        if mine.is_some_and(|mine| mine.required) && !member.required {
            atoms.push(inside(path, not(present.clone())));
        }
        path.push(&member.name);
        match (shape, &member.shape) {
            (Shape::Object(own), Shape::Object(head)) => {
                compare_types((own, None), head, path, atoms);
            }
            // Of an open object the undeclared members have a shape too, so they are compared with it instead of
            // being refused.
            (Shape::Open { members, rest }, Shape::Object(head)) => {
                compare_types((members, Some(rest)), head, path, atoms);
            }
            (own, head) => match bounds(own, head, at(path)) {
                Bounds::None => {}
                Bounds::Test(test) => atoms.push(Atom::when(not(guarded(path, test)))),
                Bounds::Nothing => {
                    // No value of this member passes, so requests that have it are refused, and the test stands one
                    // level up.
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
        // A listed value that head's type would refuse anyway cannot be in a request.
        (Shape::Listed(values), Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean) => {
            let listed = values.iter().filter(|one| head.check(one).is_ok());
            match listed.filter_map(scalar).collect::<Vec<_>>() {
                none if none.is_empty() => Bounds::Nothing,
                listed => Bounds::Test(listed_contains("contains", listed.into_iter(), at)),
            }
        }
        (Shape::Either(shapes), _) => {
            let mut tests = Vec::new();
            // One alternative that takes everything is enough; those that take nothing add nothing.
            for shape in shapes {
                match bounds(shape, head, at.clone()) {
                    Bounds::None => return Bounds::None,
                    Bounds::Test(test) => tests.push(test),
                    Bounds::Nothing => {}
                }
            }
            let any = tests
                .into_iter()
                .reduce(|one, other| binary("||", one, other));
            any.map_or(Bounds::Nothing, Bounds::Test)
        }
        // A schema may allow numbers beyond the safe ones; the strict parser does not.
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
        (Shape::Number { min, max }, Shape::Integer { .. }) => {
            // A bound of 0.5 excludes the whole number 0, so bounds are rounded inwards.
            Bounds::Test(compare(at, whole(min.ceil()), whole(max.floor())))
        }
        (
            Shape::String {
                one_of: Some(listed),
                ..
            },
            Shape::String { .. },
        ) => Bounds::Test(listed_contains("contains", texts(own, listed), at)),
        // Length and pattern have no form in Cedar: flags stand for them.
        (Shape::String { one_of: None, .. }, Shape::String { .. })
        | (Shape::Boolean, Shape::Boolean) => Bounds::None,
        (Shape::Array { element: own, .. }, Shape::Array { element: head, .. }) => {
            let element = own.as_ref();
            match (element, head.as_ref()) {
                (
                    // The list has to contain all of the argument.
                    Shape::String {
                        one_of: Some(listed),
                        ..
                    },
                    Shape::String { .. },
                ) => Bounds::Test(listed_contains("containsAll", texts(element, listed), at)),
                (
                    Shape::Integer {
                        one_of: Some(listed),
                        min,
                        max,
                    },
                    Shape::Integer { .. },
                ) => {
                    let listed = listed.iter().filter(|number| (min..=max).contains(number));
                    let listed = listed.map(|number| value(*number));
                    Bounds::Test(listed_contains("containsAll", listed, at))
                }
                (Shape::String { .. }, Shape::String { .. })
                | (Shape::Integer { .. }, Shape::Integer { .. })
                | (Shape::Boolean, Shape::Boolean)
                | (Shape::Anything | Shape::Number { .. } | Shape::Either(_), _) => Bounds::None,
                // Unknown pairs count as refused by this side, which can only make a change look looser.
                _ => Bounds::Nothing,
            }
        }
        _ => Bounds::Nothing,
    }
}

/// Returns `json` as a value that Cedar has a type for; `None` if Cedar has none.
fn scalar(json: &Json) -> Option<Value> {
    match json {
        Json::Bool(truth) => Some(value(*truth)),
        Json::Integer(number) => Some(value(*number)),
        Json::String(text) => Some(value(text.as_str())),
        Json::Null | Json::Decimal(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Returns the texts of a list that the shape around the list accepts.
fn texts<'s>(shape: &'s Shape, listed: &'s [String]) -> impl Iterator<Item = Value> + 's {
    let accepted = listed.iter().filter(|text| {
        let text = Json::String((*text).clone());
        shape.check(&text).is_ok()
    });
    accepted.map(|text| value(text.as_str()))
}

/// Returns a bound of numbers as a bound of whole numbers, which all lie within the safe ones.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from f64 saturates, and is clamped"
)]
fn whole(bound: f64) -> i64 {
    (bound as i64).clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
}

fn listed_contains(how: &str, listed: impl Iterator<Item = Value>, at: Value) -> Value {
    binary(how, set(listed), at)
}

/// Returns the expression that reads the value at `path` of the input.
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

/// Returns an expression that is `test` where everything on `path` is there, and true elsewhere.
fn guarded(path: &[&str], test: Value) -> Value {
    let mut guarded = test;
    // From the inside out, so that the outermost question is asked first.
    for end in (0..path.len()).rev() {
        let (Some(parent), Some(name)) = (path.get(..end), path.get(end)) else {
            continue;
        };
        guarded = either(has(at(parent), name), guarded, value(true));
    }
    guarded
}

/// Returns the body of a forbid of `body`, where everything on `path` is there.
fn inside(path: &[&str], body: Value) -> Atom {
    Atom::when(not(guarded(path, not(body))))
}

/// Visits every argument that rules can read, with the path to it.
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
