//! What one input type accepts and another refuses, in the ways that rules cannot see: lengths, nulls, and everything
//! in opaque arguments. Each is shown by a value; where there is none, nothing of that kind was widened.
//!
//! Shapes are intervals and lists, so that a widening shows at the end of an interval or at an entry of a list: trying
//! those is complete. Values are checked by the types themselves.

use std::collections::BTreeSet;

use crate::attempt::INPUT_LIMITS;
use crate::json::{Json, MAX_SAFE_INTEGER};

use super::{InputType, Member, Shape};

/// Longest array that is made: the strict parser takes no more elements ([`INPUT_LIMITS`]), so no sidecar accepts a
/// longer one.
const MOST: usize = INPUT_LIMITS.members;

/// Something that only the wider type accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Widening {
    /// The way to the argument.
    pub path: Vec<String>,
    /// What stands there; `None`: it is left out.
    pub value: Option<Json>,
}

impl InputType {
    /// Returns everything that `self` accepts and `narrow` refuses, and that no rule can see; one value for each
    /// argument. No text in it is as long as `bytes`, the longest input that is accepted at all.
    #[must_use]
    pub fn widenings(&self, narrow: &Self, bytes: usize) -> Vec<Widening> {
        let mut found = Vec::new();
        widenings(self, narrow, bytes, &mut Vec::new(), &mut found);
        found
    }

    /// Returns the arguments that rules of `self` can read and rules of `other`, which has them too, cannot.
    #[must_use]
    pub fn hidden_by(&self, other: &Self) -> BTreeSet<&str> {
        let mut hidden = BTreeSet::new();
        for member in self.members.iter().filter(|member| member.opaque.is_none()) {
            let Some(there) = other.member(&member.name) else {
                continue;
            };
            if there.opaque.is_some() {
                hidden.insert(member.name.as_str());
            } else if let (Shape::Object(own), Shape::Object(there)) = (&member.shape, &there.shape)
            {
                hidden.extend(own.hidden_by(there));
            }
        }
        hidden
    }

    /// Makes an input of this type: required arguments alone, each with a plain value.
    #[must_use]
    pub fn plain(&self) -> Json {
        let required = self.members.iter().filter(|member| member.required);
        Json::Object(
            required
                .map(|member| (member.name.clone(), member.plain()))
                .collect(),
        )
    }
}

fn widenings(
    wide: &InputType,
    narrow: &InputType,
    bytes: usize,
    path: &mut Vec<String>,
    found: &mut Vec<Widening>,
) {
    for member in &wide.members {
        path.push(member.name.clone());
        let other = narrow.member(&member.name);
        // An object that is hidden is looked at as a whole: nothing in it is seen.
        let readable = member.opaque.is_none();
        let mut show = |value: Option<Json>| {
            found.push(Widening {
                path: path.clone(),
                value,
            });
        };
        match other {
            // What rules can see of a new argument is that it is there.
            None if readable => {}
            // With a new argument that has to be there nothing passes the narrow type, and that is said elsewhere.
            None if member.required => {}
            None => show(Some(member.plain())),
            Some(other) => {
                // Left out where the base wanted it, and no rule can see whether it is there.
                if !readable && other.required && !member.required {
                    show(None);
                }
                if member.nullable && !other.accepts(&Json::Null) {
                    show(Some(Json::Null));
                }
                // The types themselves decide, so a candidate that is wrong shows nothing false.
                let refused = |value: &Json| member.accepts(value) && !other.accepts(value);
                let value = candidates(&member.shape, &other.shape, bytes, readable)
                    .into_iter()
                    .find(refused);
                if value.is_some() {
                    show(value);
                }
            }
        }
        // Objects on both sides are entered; where one of them is something else, its whole value was tried above.
        if readable
            && let (Shape::Object(wide), Some(Shape::Object(narrow))) =
                (&member.shape, other.map(|other| &other.shape))
        {
            widenings(wide, narrow, bytes, path, found);
        }
        path.pop();
    }
}

/// Returns values at the ends of what the two shapes accept. Of a readable argument only values are tried that types of
/// rules cannot tell apart.
fn candidates(wide: &Shape, narrow: &Shape, bytes: usize, readable: bool) -> Vec<Json> {
    if wide == narrow {
        return Vec::new();
    }
    match (wide, narrow) {
        (Shape::String { .. }, Shape::String { .. }) => {
            // Rules can see listed texts and no lengths.
            let listed = [wide, narrow].into_iter().filter(|_| !readable);
            let listed = listed.flat_map(listed_texts);
            let ends = [wide, narrow].into_iter().flat_map(ends);
            let texts = ends
                .filter(|length| *length < bytes)
                .map(|length| "x".repeat(length));
            texts.chain(listed).map(Json::String).collect()
        }
        (Shape::Array { element, .. }, Shape::Array { element: other, .. }) => {
            // Rules see which numbers a list holds, but types cannot say between what they have to lie.
            let told = match &**other {
                Shape::String { .. } | Shape::Boolean => true,
                Shape::Integer { one_of, .. } => one_of.is_some(),
                Shape::Number { .. }
                | Shape::Array { .. }
                | Shape::Object(_)
                | Shape::Open { .. }
                | Shape::Either(_)
                | Shape::Listed(_)
                | Shape::Anything => false,
            };
            let readable = readable && told;
            let inner = candidates(element, other, bytes, readable);
            // One element that only the wide side takes makes a list that only the wide side takes.
            let odd = inner
                .into_iter()
                .find(|one| element.accepts(one) && !other.accepts(one));
            let of = |length: usize| Json::Array(vec![plain(element); length]);
            let lengths = [wide, narrow]
                .into_iter()
                .flat_map(ends)
                .filter(|length| *length < MOST);
            let with_odd = odd.map(|odd| {
                // As many as the wide side wants at least, so the length is not what is refused.
                let least = ends(wide).first().map_or(1, |least| (*least).max(1));
                Json::Array(vec![odd; least])
            });
            lengths.map(of).chain(with_odd).collect()
        }
        // What was opaque is known to rules of one side only.
        (Shape::Either(wide), _) => {
            let each = wide
                .iter()
                .flat_map(|one| candidates(one, narrow, bytes, false));
            each.collect()
        }
        (_, Shape::Either(narrow)) => {
            let each = narrow
                .iter()
                .flat_map(|one| candidates(wide, one, bytes, false));
            each.chain(some_of(wide, bytes)).collect()
        }
        // An open object has members that nobody declared, and all of them have to be tried.
        (Shape::Object(_), Shape::Open { .. }) | (Shape::Open { .. }, _)
            if parts(narrow).is_some() =>
        {
            objects(wide, narrow, bytes)
        }
        // Of what rules can read, the rest is in the proof.
        _ if readable => Vec::new(),
        (
            Shape::Integer { .. } | Shape::Number { .. },
            Shape::Integer { .. } | Shape::Number { .. },
        ) => numbers(wide).into_iter().chain(numbers(narrow)).collect(),
        (Shape::Object(_), Shape::Object(_)) => objects(wide, narrow, bytes),
        // Different shapes: values of every kind, and the ends of both sides.
        _ => {
            let all = [
                Json::Bool(true),
                Json::Bool(false),
                Json::Integer(1),
                Json::Decimal("0.5".into()),
                Json::String("x".to_owned()),
                Json::Array(Vec::new()),
                Json::Object(Vec::new()),
            ];
            let ends = some_of(wide, bytes)
                .into_iter()
                .chain(some_of(narrow, bytes));
            all.into_iter().chain(ends).chain(others(narrow)).collect()
        }
    }
}

/// Returns values of the scalar shapes, and of lists of them, at the ends of what they accept and just beyond.
fn some_of(shape: &Shape, bytes: usize) -> Vec<Json> {
    let mut some = vec![plain(shape)];
    match shape {
        Shape::String { .. } => {
            let lengths = ends(shape).into_iter().filter(|length| *length < bytes);
            some.extend(lengths.map(|length| Json::String("x".repeat(length))));
            some.extend(listed_texts(shape).into_iter().map(Json::String));
        }
        Shape::Integer { .. } | Shape::Number { .. } => some.extend(numbers(shape)),
        Shape::Array { element, .. } => {
            let lengths = ends(shape).into_iter().filter(|length| *length < MOST);
            some.extend(lengths.map(|length| Json::Array(vec![plain(element); length])));
        }
        Shape::Listed(values) => some.extend(values.iter().cloned()),
        Shape::Either(shapes) => some.extend(shapes.iter().flat_map(|one| some_of(one, bytes))),
        Shape::Boolean | Shape::Object(_) | Shape::Open { .. } | Shape::Anything => {}
    }
    some
}

/// Returns values that a list of values does not hold: of numbers and of texts one more than the list is long.
fn others(shape: &Shape) -> Vec<Json> {
    let Shape::Listed(values) = shape else {
        return Vec::new();
    };
    let number = i64::try_from(values.len())
        .unwrap_or(i64::MAX)
        .min(MAX_SAFE_INTEGER);
    let numbers = (0..=number).map(Json::Integer);
    let texts = (0..=values.len()).map(|length| Json::String("x".repeat(length)));
    numbers.chain(texts).collect()
}

/// Returns what an object declares, and the shape of everything else in it if there may be something else; `None` for a
/// shape that is no object.
fn parts(shape: &Shape) -> Option<(&InputType, Option<&Shape>)> {
    match shape {
        Shape::Object(members) => Some((members, None)),
        Shape::Open { members, rest } => Some((members, Some(&**rest))),
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => None,
    }
}

/// Returns objects that differ from a plain one of `wide` in one member. Rules see nothing in them.
fn objects(wide: &Shape, narrow: &Shape, bytes: usize) -> Vec<Json> {
    let (Some((declared, rest)), Some((others, other_rest))) = (parts(wide), parts(narrow)) else {
        return Vec::new();
    };
    let base = declared.plain();
    let with = |name: &str, value: Json| {
        let members = base.as_object().unwrap_or_default().iter();
        let kept = members.filter(|(other, _)| other != name).cloned();
        Json::Object(kept.chain([(name.to_owned(), value)]).collect())
    };
    // One member at a time: what differs in two at once differs in one of them as well.
    let mut made = vec![base.clone()];
    for member in &declared.members {
        let name = member.name.as_str();
        made.push(with(name, member.plain()));
        if member.nullable {
            made.push(with(name, Json::Null));
        }
        let there = others.member(name).map(|other| &other.shape).or(other_rest);
        let values = candidates(
            &member.shape,
            there.unwrap_or(&Shape::Anything),
            bytes,
            false,
        );
        made.extend(values.into_iter().map(|value| with(name, value)));
    }
    // Members that only the narrow side declares, and one that neither does.
    if let Some(rest) = rest {
        let only_there = others.members.iter();
        let only_there = only_there.filter(|other| declared.member(&other.name).is_none());
        for other in only_there {
            let values = candidates(rest, &other.shape, bytes, false);
            let values = values.into_iter().chain(some_of(rest, bytes));
            made.extend(values.map(|value| with(&other.name, value)));
        }
        // A name that is free on both sides stands for all undeclared ones.
        let free = |name: &String| declared.member(name).or(others.member(name)).is_none();
        let name = (0..).map(|number: u32| format!("x{number}")).find(free);
        let values = candidates(rest, other_rest.unwrap_or(&Shape::Anything), bytes, false);
        let values = values.into_iter().chain(some_of(rest, bytes));
        made.extend(values.map(|value| with(name.as_deref().unwrap_or("x"), value)));
    }
    made
}

fn listed_texts(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::String { one_of, .. } => one_of.clone().unwrap_or_default(),
        Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => Vec::new(),
    }
}

/// Returns the lengths at and around the ends of what a text or an array may have.
fn ends(shape: &Shape) -> Vec<usize> {
    match shape {
        Shape::String { min, max, .. } | Shape::Array { min, max, .. } => {
            // At the end and one beyond it, on both sides, since either side may be the wider one.
            vec![*min, *max, min.saturating_sub(1), max.saturating_add(1)]
        }
        Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => Vec::new(),
    }
}

fn numbers(shape: &Shape) -> Vec<Json> {
    match shape {
        Shape::Integer { one_of, min, max } => {
            let around = [*min, *max, min.saturating_sub(1), max.saturating_add(1)];
            // Numbers of a list are not necessarily at an end.
            let all = around.into_iter().chain(one_of.iter().flatten().copied());
            all.map(|number| Json::Integer(number.clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)))
                .collect()
        }
        Shape::Number { min, max } => {
            // The plainest first, then those nearest to the ends: beyond 2^53 one more is no other number.
            let around = [*min, *max, min - 1.0, max + 1.0, min - 0.5, max + 0.5];
            let nearest = [min.next_down(), max.next_up()];
            let around = around.into_iter().chain(nearest);
            let finite = around.filter(|number| number.is_finite());
            let mut all: Vec<Json> = finite
                .map(|number| Json::Decimal(format!("{number:?}").into()))
                .collect();
            all.push(Json::Decimal("0.5".into()));
            all.extend([-MAX_SAFE_INTEGER, 0, 1, MAX_SAFE_INTEGER].map(Json::Integer));
            all
        }
        Shape::String { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => Vec::new(),
    }
}

impl Member {
    fn accepts(&self, value: &Json) -> bool {
        (self.nullable && *value == Json::Null) || self.shape.accepts(value)
    }

    fn plain(&self) -> Json {
        plain(&self.shape)
    }
}

impl Shape {
    fn accepts(&self, value: &Json) -> bool {
        self.check(value).is_ok()
    }
}

/// Makes a value of a shape, as plain as it gets.
fn plain(shape: &Shape) -> Json {
    match shape {
        Shape::String {
            one_of: Some(listed),
            ..
        } => Json::String(listed.first().cloned().unwrap_or_default()),
        // Long texts are cut at what an input may hold at all.
        Shape::String {
            one_of: None, min, ..
        } => Json::String("x".repeat((*min).min(INPUT_LIMITS.bytes))),
        Shape::Integer {
            one_of: Some(listed),
            ..
        } => Json::Integer(listed.first().copied().unwrap_or_default()),
        Shape::Integer {
            one_of: None,
            min,
            max,
        } => Json::Integer(1.clamp(*min, (*max).max(*min))),
        Shape::Number { min, max } => {
            let whole = numbers(shape).into_iter().chain([Json::Integer(1)]);
            let fits = whole.into_iter().find(|number| shape.accepts(number));
            fits.unwrap_or(Json::Decimal(format!("{:?}", (min + max) / 2.0).into()))
        }
        Shape::Boolean => Json::Bool(false),
        Shape::Array { element, min, .. } => Json::Array(vec![plain(element); (*min).min(MOST)]),
        Shape::Object(members) | Shape::Open { members, .. } => members.plain(),
        Shape::Either(shapes) => shapes.first().map_or(Json::Null, plain),
        Shape::Listed(values) => values.first().cloned().unwrap_or(Json::Null),
        Shape::Anything => Json::Object(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
