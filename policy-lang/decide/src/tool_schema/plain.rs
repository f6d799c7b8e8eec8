//! Values of a type, made without asking an input for more room than it has: a schema of a few bytes may ask for more than
//! there is memory.

use crate::attempt::INPUT_LIMITS;
use crate::json::{Json, MAX_SAFE_INTEGER};

use super::{InputType, Member, Shape};

/// Longest array that is made: the strict parser takes no more elements ([`INPUT_LIMITS`]), so no sidecar accepts a
/// longer one.
pub(super) const MOST: usize = INPUT_LIMITS.members;

impl InputType {
    /// Makes an input of this type: required arguments alone, each with a plain value.
    #[must_use]
    pub fn plain(&self) -> Json {
        let size = |how| members_size(self, how);
        let fits = |how: &How| size(*how) <= INPUT_LIMITS.bytes;
        let how = [How::Plain, How::Smallest].into_iter().find(fits);
        // A type that no input has room for: what is made fits no type either.
        how.map_or(Json::Object(Vec::new()), |how| members_made(self, how))
    }
}

/// Makes a value of a shape, as plain as it gets; the smallest where no input has room for a plain one, and `null` where
/// none has room for that: the shape then accepts nothing that a sidecar accepts.
pub(super) fn plain(shape: &Shape) -> Json {
    let fits = |how: &How| made_size(shape, *how) <= INPUT_LIMITS.bytes;
    let how = [How::Plain, How::Smallest].into_iter().find(fits);
    how.map_or(Json::Null, |how| made(shape, how))
}

/// Which of the values of a shape is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The one that people understand: of alternatives the first.
    Plain,
    /// The one that takes the least of an input.
    Smallest,
}

impl How {
    /// Returns one of `all`, whose sizes are what `size` says.
    fn pick<T>(self, all: &[T], size: impl Fn(&T) -> usize) -> Option<&T> {
        match self {
            Self::Plain => all.first(),
            Self::Smallest => all.iter().min_by_key(|one| size(one)),
        }
    }
}

/// Returns the size of what [`made`] makes, without making it: a schema of a few bytes may ask for more than there is
/// memory.
fn made_size(shape: &Shape, how: How) -> usize {
    let of_parts = match shape {
        Shape::String {
            one_of: Some(listed),
            ..
        } => how.pick(listed, String::len).map_or(0, String::len),
        Shape::String {
            one_of: None, min, ..
        } => *min,
        Shape::Array { element, min, .. } => match min {
            0 => 0,
            _ => made_size(element, how).saturating_mul(*min),
        },
        Shape::Object(members) | Shape::Open { members, .. } => {
            return members_size(members, how);
        }
        Shape::Either(shapes) => {
            let one = how.pick(shapes, |shape| made_size(shape, how));
            return one.map_or(1, |shape| made_size(shape, how));
        }
        Shape::Listed(values) => return how.pick(values, size).map_or(1, size),
        Shape::Integer { .. } | Shape::Boolean | Shape::Anything => 0,
        // A double in full.
        Shape::Number { .. } => 24,
    };
    of_parts.saturating_add(1)
}

fn members_size(members: &InputType, how: How) -> usize {
    let required = members.members.iter().filter(|member| member.required);
    let sizes =
        required.map(|member| made_size(&member.shape, how).saturating_add(member.name.len()));
    sizes.fold(1, usize::saturating_add)
}

/// Makes a value of a shape, whose [`made_size`] has to be looked at before.
fn made(shape: &Shape, how: How) -> Json {
    match shape {
        Shape::String {
            one_of: Some(listed),
            ..
        } => Json::String(how.pick(listed, String::len).cloned().unwrap_or_default()),
        Shape::String {
            one_of: None, min, ..
        } => Json::String("x".repeat(*min)),
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
        Shape::Array { element, min, .. } => match min {
            0 => Json::Array(Vec::new()),
            _ => Json::Array(vec![made(element, how); *min]),
        },
        Shape::Object(members) | Shape::Open { members, .. } => members_made(members, how),
        Shape::Either(shapes) => how
            .pick(shapes, |shape| made_size(shape, how))
            .map_or(Json::Null, |shape| made(shape, how)),
        Shape::Listed(values) => how.pick(values, size).cloned().unwrap_or(Json::Null),
        Shape::Anything => Json::Object(Vec::new()),
    }
}

/// Makes an object with the required members alone.
fn members_made(members: &InputType, how: How) -> Json {
    let required = members.members.iter().filter(|member| member.required);
    let made = |member: &Member| (member.name.clone(), made(&member.shape, how));
    Json::Object(required.map(made).collect())
}

/// Makes the elements of a list of this length: plain ones, or the smallest where the list has no room for plain ones.
/// Returns `None` if no input has room for it.
pub(super) fn repeated(element: &Shape, length: usize) -> Option<Vec<Json>> {
    if length == 0 {
        return Some(Vec::new());
    }
    let fits = |how: &How| made_size(element, *how).saturating_mul(length) <= INPUT_LIMITS.bytes;
    let how = [How::Plain, How::Smallest].into_iter().find(fits)?;
    (length <= MOST).then(|| vec![made(element, how); length])
}

/// Returns about how many bytes of an input `value` takes, and hardly more; at least 1.
pub(super) fn size(value: &Json) -> usize {
    let of_parts = match value {
        Json::Null | Json::Bool(_) | Json::Integer(_) => 0,
        Json::Decimal(text) => text.len(),
        Json::String(text) => text.len(),
        Json::Array(elements) => elements.iter().map(size).fold(0, usize::saturating_add),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| name.len().saturating_add(size(value)))
            .fold(0, usize::saturating_add),
    };
    of_parts.saturating_add(1)
}

/// Returns numbers at the ends of what a shape accepts and just beyond.
pub(super) fn numbers(shape: &Shape) -> Vec<Json> {
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
