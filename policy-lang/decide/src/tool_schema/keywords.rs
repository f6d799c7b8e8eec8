//! The keywords of a schema beside its `type`: what each narrows, and whether all of them were understood.

use super::{Opaque, Shape, as_double};
use crate::json::Json;

/// What one schema says.
pub(super) struct Read {
    pub(super) shape: Shape,
    pub(super) opaque: Option<Opaque>,
    /// Whether it accepts null, which `shape` then does not say.
    pub(super) nullable: bool,
}

impl Read {
    /// Makes what is said by a schema of which nothing is known: it accepts everything.
    pub(super) const fn unknown() -> Self {
        Self {
            shape: Shape::Anything,
            opaque: Some(Opaque::Untyped),
            nullable: false,
        }
    }

    pub(super) const fn new(shape: Shape, opaque: Option<Opaque>) -> Self {
        Self {
            shape,
            opaque,
            nullable: false,
        }
    }

    /// Makes the argument unreadable for rules unless all of its schema was `understood`.
    pub(super) fn understood(mut self, understood: bool) -> Self {
        if !understood {
            // Opaque for a reason that was found already is opaque; only what was readable becomes unreadable.
            self.opaque = self.opaque.or(Some(Opaque::Untyped));
        }
        self
    }
}

/// Keywords that say nothing about which values are accepted, or that are documented as not checked.
pub(super) const SILENT: [&str; 16] = [
    "title",
    "description",
    "default",
    "examples",
    // These four narrow values and are not checked (LIMITATIONS.md).
    "format",
    "pattern",
    "multipleOf",
    "uniqueItems",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
    "$defs",
    "definitions",
    "contentMediaType",
];

/// Returns the values that `enum` and `const` leave. Returns `None` where one of these is an array or an object, and
/// where neither keyword is there.
pub(super) fn values(schema: &Json) -> Option<Vec<Json>> {
    let scalar = |value: &Json| match value {
        Json::Array(_) | Json::Object(_) => None,
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {
            Some(value.clone())
        }
    };
    let only = match schema.get("const") {
        Some(value) => Some(scalar(value)?),
        None => None,
    };
    // `const` and `enum` together leave what both allow.
    let Some(listed) = schema.get("enum") else {
        return only.map(|only| vec![only]);
    };
    let listed: Vec<Json> = listed
        .as_array()?
        .iter()
        .map(scalar)
        .collect::<Option<_>>()?;
    // Compared as JSON Schema compares: `1` and `1.0` are one value.
    let left = listed.into_iter().filter(|value| {
        let same = |only: &Json| super::is_same(only, value);
        only.as_ref().is_none_or(same)
    });
    Some(left.collect())
}

/// The keywords beside one `type`, and whether all of them were understood so far.
pub(super) struct Said<'s> {
    pub(super) schema: &'s Json,
    pub(super) understood: bool,
}

impl Said<'_> {
    /// Checks that every keyword is one of `known`, or one that says nothing about values; if not, the schema is not
    /// understood.
    pub(super) fn only(&mut self, known: &[&str]) {
        let members = self.schema.as_object().unwrap_or_default();
        self.understood &= members.iter().all(|(name, _)| {
            name == "type" || known.contains(&name.as_str()) || SILENT.contains(&name.as_str())
        });
    }

    pub(super) fn size(&mut self, name: &str, absent: usize) -> usize {
        let Some(value) = self.schema.get(name) else {
            return absent;
        };
        // A number that is no size narrows nothing, and makes the argument unreadable.
        let size = value
            .as_integer()
            .and_then(|number| usize::try_from(number).ok());
        self.understood &= size.is_some();
        size.unwrap_or(absent)
    }

    fn bound(&mut self, name: &str) -> Option<&Json> {
        let value = self.schema.get(name)?;
        let number = as_double(value).is_some();
        self.understood &= number;
        Some(value).filter(|_| number)
    }

    /// Returns what `enum` and `const` leave of the values that `of` takes; `None` where neither limits them.
    fn listed<T>(&mut self, of: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
        let stated = self.schema.get("enum").or(self.schema.get("const"));
        let values = stated.and_then(|_| values(self.schema));
        self.understood &= stated.is_none() || values.is_some();
        // Values of another type are none of this one.
        values.map(|values| values.iter().filter_map(of).collect())
    }

    pub(super) fn string(&mut self) -> Read {
        self.only(&["enum", "const", "minLength", "maxLength"]);
        let one_of = self.listed(|value| value.as_str().map(str::to_owned));
        let (min, max) = (
            self.size("minLength", 0),
            self.size("maxLength", usize::MAX),
        );
        Read::new(Shape::String { one_of, min, max }, None)
    }

    pub(super) fn integer(&mut self) -> Read {
        self.only(&[
            "enum",
            "const",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ]);
        let one_of = self.listed(Json::as_integer);
        // The first whole number that is accepted, from below and from above.
        let least = |value: &Json| whole(value, f64::ceil);
        let above = |value: &Json| whole(value, f64::floor).saturating_add(1);
        let most = |value: &Json| whole(value, f64::floor);
        let below = |value: &Json| whole(value, f64::ceil).saturating_sub(1);
        let min = self.bound("minimum").map_or(i64::MIN, least);
        let max = self.bound("maximum").map_or(i64::MAX, most);
        let min = min.max(self.bound("exclusiveMinimum").map_or(i64::MIN, above));
        let max = max.min(self.bound("exclusiveMaximum").map_or(i64::MAX, below));
        Read::new(Shape::Integer { one_of, min, max }, None)
    }

    pub(super) fn number(&mut self) -> Read {
        self.only(&[
            "enum",
            "const",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ]);
        let mut bound = |name: &str, absent: f64| {
            let stated = self.bound(name).and_then(as_double);
            stated.unwrap_or(absent)
        };
        let (least, most) = (
            bound("minimum", f64::NEG_INFINITY),
            bound("maximum", f64::INFINITY),
        );
        let above = bound("exclusiveMinimum", f64::NEG_INFINITY);
        let below = bound("exclusiveMaximum", f64::INFINITY);
        // The neighbour of a double is the nearest number that an exclusive bound leaves.
        let min = if above.is_finite() {
            least.max(above.next_up())
        } else {
            least
        };
        let max = if below.is_finite() {
            most.min(below.next_down())
        } else {
            most
        };
        let number = |value: &Json| as_double(value).map(|_| value.clone());
        let within = |value: &Json| as_double(value).is_some_and(|one| (min..=max).contains(&one));
        // Listed numbers keep their text, so the bounds are applied to the list and the list stands for itself.
        let shape = match self.listed(number) {
            Some(listed) => Shape::Listed(listed.into_iter().filter(within).collect()),
            None => Shape::Number { min, max },
        };
        Read::new(shape, Some(Opaque::Number))
    }

    pub(super) fn boolean(&mut self) -> Read {
        self.only(&["enum", "const"]);
        let truth = |value: &Json| value.as_bool().map(|_| value.clone());
        match self.listed(truth) {
            // A truth value that is one of two says something that rules of one type cannot hold.
            Some(listed) => Read::new(Shape::Listed(listed), Some(Opaque::Untyped)),
            None => Read::new(Shape::Boolean, None),
        }
    }
}

/// Returns a bound as a whole number: itself, or its neighbour on the side that `round` goes to.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from f64 saturates, and no input holds a number beyond"
)]
fn whole(bound: &Json, round: impl Fn(f64) -> f64) -> i64 {
    if let Json::Integer(number) = bound {
        return *number;
    }
    as_double(bound).map_or(0, |number| round(number) as i64)
}
