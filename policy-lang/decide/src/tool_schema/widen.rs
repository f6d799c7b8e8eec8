//! What one input type accepts and another refuses, in the ways that rules cannot see: lengths, nulls, and everything
//! in opaque arguments. Each is shown by a value; where there is none, nothing of that kind was widened.
//!
//! Shapes are intervals and lists, so that a widening shows at the end of an interval or at an entry of a list: trying
//! those is complete. Values are checked by the types themselves.

use std::collections::BTreeSet;

use crate::attempt::INPUT_LIMITS;
use crate::json::{Json, MAX_SAFE_INTEGER};

use super::plain::{MOST, numbers, plain, repeated, size};
use super::{InputType, Member, Shape};

/// Most bytes of all values that are kept of one comparison: a schema may widen as many arguments as a lock has lines, each
/// by a value as long as an input.
const MOST_KEPT: usize = 16 * INPUT_LIMITS.bytes;

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
    /// argument. No text in it is as long as `bytes`, the longest input that is accepted at all. Where the values together
    /// are larger than several inputs, those of the last arguments are `null`, with which no request shows anything.
    #[must_use]
    pub fn widenings(&self, narrow: &Self, bytes: usize) -> Vec<Widening> {
        let mut found = Found::default();
        widenings(self, narrow, bytes, &mut Vec::new(), &mut found);
        found.widenings
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
}

/// What was found so far, and how large its values are together.
#[derive(Default)]
struct Found {
    widenings: Vec<Widening>,
    bytes: usize,
}

impl Found {
    fn push(&mut self, path: &[String], value: Option<Json>) {
        self.bytes = value.as_ref().map_or(0, size).saturating_add(self.bytes);
        let kept = match value {
            Some(_) if self.bytes > MOST_KEPT => Some(Json::Null),
            value => value,
        };
        self.widenings.push(Widening {
            path: path.to_vec(),
            value: kept,
        });
    }
}

fn widenings(
    wide: &InputType,
    narrow: &InputType,
    bytes: usize,
    path: &mut Vec<String>,
    found: &mut Found,
) {
    for member in &wide.members {
        path.push(member.name.clone());
        let other = narrow.member(&member.name);
        // An object that is hidden is looked at as a whole: nothing in it is seen.
        let readable = member.opaque.is_none();
        let mut show = |value: Option<Json>| found.push(path, value);
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
                let value = candidates(&member.shape, &other.shape, bytes, readable).find(refused);
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

/// Values that are made one after the other, because all of them together may take more memory than there is: each is up
/// to as long as an input, and a schema may have as many arguments as a lock has lines.
type Values<'s> = Box<dyn Iterator<Item = Json> + 's>;

/// Returns values at the ends of what the two shapes accept. Of a readable argument only values are tried that types of
/// rules cannot tell apart.
fn candidates<'s>(wide: &'s Shape, narrow: &'s Shape, bytes: usize, readable: bool) -> Values<'s> {
    if wide == narrow {
        return Box::new(std::iter::empty());
    }
    match (wide, narrow) {
        (Shape::String { .. }, Shape::String { .. }) => {
            // Rules can see listed texts and no lengths.
            let listed = [wide, narrow].into_iter().filter(move |_| !readable);
            let listed = listed.flat_map(listed_texts).cloned();
            let ends = [wide, narrow].into_iter().flat_map(ends);
            let texts = ends
                .filter(move |length| *length < bytes)
                .map(|length| "x".repeat(length));
            Box::new(texts.chain(listed).map(Json::String))
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
            // One element that only the wide side takes makes a list that only the wide side takes.
            let odd = candidates(element, other, bytes, readable)
                .find(|one| element.accepts(one) && !other.accepts(one));
            let lengths = [wide, narrow].into_iter().flat_map(ends);
            let lengths = lengths.filter(|length| *length < MOST);
            let least = ends(wide).first().map_or(1, |least| (*least).max(1));
            let with_odd = odd.into_iter().flat_map(move |odd| {
                // As many as the wide side wants at least, so the length is not what is refused. One is enough, and it may
                // be so long that the list has no room for two; the others may be so long that it has only room for it.
                let one = repeated(element, least.saturating_sub(1)).map(|mut others| {
                    others.push(odd.clone());
                    others
                });
                let room = INPUT_LIMITS.bytes / size(&odd);
                let all = (least <= room.min(MOST)).then(|| vec![odd; least]);
                one.into_iter().chain(all).map(Json::Array)
            });
            let lists = lengths.filter_map(|length| repeated(element, length).map(Json::Array));
            Box::new(lists.chain(with_odd))
        }
        // What was opaque is known to rules of one side only.
        (Shape::Either(wide), _) => Box::new(
            wide.iter()
                .flat_map(move |one| candidates(one, narrow, bytes, false)),
        ),
        (_, Shape::Either(narrow)) => {
            let each = narrow
                .iter()
                .flat_map(move |one| candidates(wide, one, bytes, false));
            Box::new(each.chain(some_of(wide, bytes)))
        }
        // An open object has members that nobody declared, and all of them have to be tried.
        (Shape::Object(_), Shape::Open { .. }) | (Shape::Open { .. }, _)
            if parts(narrow).is_some() =>
        {
            objects(wide, narrow, bytes)
        }
        // Of what rules can read, the rest is in the proof.
        _ if readable => Box::new(std::iter::empty()),
        (
            Shape::Integer { .. } | Shape::Number { .. },
            Shape::Integer { .. } | Shape::Number { .. },
        ) => Box::new(numbers(wide).into_iter().chain(numbers(narrow))),
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
            let ends = some_of(wide, bytes).chain(some_of(narrow, bytes));
            Box::new(all.into_iter().chain(ends).chain(others(wide, narrow)))
        }
    }
}

/// Returns values of the scalar shapes, and of lists of them, at the ends of what they accept and just beyond.
fn some_of(shape: &Shape, bytes: usize) -> Values<'_> {
    let more: Values<'_> = match shape {
        Shape::String { .. } => {
            let lengths = ends(shape)
                .into_iter()
                .filter(move |length| *length < bytes);
            let texts = lengths.map(|length| "x".repeat(length));
            Box::new(
                texts
                    .chain(listed_texts(shape).iter().cloned())
                    .map(Json::String),
            )
        }
        Shape::Integer { .. } | Shape::Number { .. } => Box::new(numbers(shape).into_iter()),
        Shape::Array { element, .. } => {
            let lengths = ends(shape).into_iter().filter(|length| *length < MOST);
            Box::new(lengths.filter_map(|length| repeated(element, length).map(Json::Array)))
        }
        Shape::Listed(values) => Box::new(values.iter().cloned()),
        Shape::Either(shapes) => Box::new(shapes.iter().flat_map(move |one| some_of(one, bytes))),
        Shape::Boolean | Shape::Object(_) | Shape::Open { .. } | Shape::Anything => {
            Box::new(std::iter::empty())
        }
    };
    Box::new(std::iter::once_with(|| plain(shape)).chain(more))
}

/// Returns numbers and texts that the list of values `narrow` does not hold. Of texts made of one letter that many, each of
/// another length, do not fit into a lock, so the shortest free length is a small one; the first that is long enough for
/// `wide` is there too. Longer ones come as long as there is room.
fn others<'s>(wide: &Shape, narrow: &'s Shape) -> Values<'s> {
    let Shape::Listed(values) = narrow else {
        return Box::new(std::iter::empty());
    };
    let number = i64::try_from(values.len())
        .unwrap_or(i64::MAX)
        .min(MAX_SAFE_INTEGER);
    let numbers = (0..=number).map(Json::Integer);
    let made_of_x = |text: &&str| text.bytes().all(|byte| byte == b'x');
    let taken: BTreeSet<usize> = values
        .iter()
        .filter_map(Json::as_str)
        .filter(made_of_x)
        .map(str::len)
        .collect();
    let least = ends(wide).first().copied().unwrap_or(0);
    let fits = (least..INPUT_LIMITS.bytes).find(|length| !taken.contains(length));
    let free = (0..=values.len()).filter(move |length| !taken.contains(length));
    let short = free.scan(INPUT_LIMITS.bytes, |room, length| {
        *room = room.checked_sub(length.max(1))?;
        Some(length)
    });
    let texts = short
        .chain(fits)
        .map(|length| Json::String("x".repeat(length)));
    Box::new(numbers.chain(texts))
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
fn objects<'s>(wide: &'s Shape, narrow: &'s Shape, bytes: usize) -> Values<'s> {
    let (Some((declared, rest)), Some((others, other_rest))) = (parts(wide), parts(narrow)) else {
        return Box::new(std::iter::empty());
    };
    // One member at a time: what differs in two at once differs in one of them as well.
    let base = declared.plain();
    let first = base.clone();
    let with = move |name: &str, value: Json| {
        let members = base.as_object().unwrap_or_default().iter();
        let kept = members.filter(|(other, _)| other != name).cloned();
        Json::Object(kept.chain([(name.to_owned(), value)]).collect())
    };
    // What each member may be, by its name; the objects are made around them one after the other.
    let of_declared = declared.members.iter().flat_map(move |member| {
        let there = others.member(&member.name).map(|other| &other.shape);
        let there = there.or(other_rest).unwrap_or(&Shape::Anything);
        let own = std::iter::once_with(|| member.plain());
        let null = member.nullable.then_some(Json::Null);
        let values = candidates(&member.shape, there, bytes, false);
        let all = own.chain(null).chain(values);
        all.map(|value| (member.name.as_str(), value))
    });
    // Members that only the narrow side declares, and one that neither does.
    let only_there = move |rest: &'s Shape| {
        let members = others.members.iter();
        let only = members.filter(|other| declared.member(&other.name).is_none());
        only.flat_map(move |other| {
            let values = candidates(rest, &other.shape, bytes, false).chain(some_of(rest, bytes));
            values.map(|value| (other.name.as_str(), value))
        })
    };
    let undeclared = move |rest: &'s Shape| {
        let there = other_rest.unwrap_or(&Shape::Anything);
        candidates(rest, there, bytes, false).chain(some_of(rest, bytes))
    };
    // A name that is free on both sides stands for all undeclared ones.
    let free = |name: &String| declared.member(name).or(others.member(name)).is_none();
    let name = (0..).map(|number: u32| format!("x{number}")).find(free);
    let name = name.unwrap_or_else(|| "x".to_owned());
    let made = of_declared
        .chain(rest.into_iter().flat_map(only_there))
        .map(|(name, value)| (name.to_owned(), value))
        .chain(
            rest.into_iter()
                .flat_map(undeclared)
                .map(move |value| (name.clone(), value)),
        );
    Box::new(std::iter::once(first).chain(made.map(move |(name, value)| with(&name, value))))
}

fn listed_texts(shape: &Shape) -> &[String] {
    match shape {
        Shape::String { one_of, .. } => one_of.as_deref().unwrap_or_default(),
        Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => &[],
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

impl Member {
    fn accepts(&self, value: &Json) -> bool {
        (self.nullable && *value == Json::Null) || self.shape.accepts(value)
    }

    fn plain(&self) -> Json {
        plain(&self.shape)
    }
}

impl Shape {
    pub(super) fn accepts(&self, value: &Json) -> bool {
        self.check(value).is_ok()
    }
}

#[cfg(test)]
mod tests;
