//! Compiled types of inputs as parts of `catalog.json`: what is written is what is read back, whoever reads it.

use serde::{Deserialize, Serialize};

use super::DOCUMENT_LIMITS;
use crate::json::Json;
use crate::tool_schema::{InputType, Member, Opaque, Shape};

/// A declared argument, with its compiled type.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MemberPart {
    name: String,
    required: bool,
    nullable: bool,
    shape: ShapePart,
    /// Why rules cannot read it, if they cannot.
    opaque: Option<OpaquePart>,
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum OpaquePart {
    Masked,
    Number,
    Open,
    Untyped,
    Name,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ShapePart {
    String {
        one_of: Option<Vec<String>>,
        min: usize,
        max: Option<usize>,
    },
    Integer {
        one_of: Option<Vec<i64>>,
        min: Option<i64>,
        max: Option<i64>,
    },
    Number {
        min: Option<Double>,
        max: Option<Double>,
    },
    Boolean {},
    Array {
        element: Box<ShapePart>,
        min: usize,
        max: Option<usize>,
    },
    Object {
        members: Vec<MemberPart>,
    },
    Open {
        members: Vec<MemberPart>,
        rest: Box<ShapePart>,
    },
    Either {
        of: Vec<ShapePart>,
    },
    /// Each value as JSON, so that numbers keep their text.
    Listed {
        values: Vec<String>,
    },
    Anything {},
}

/// A finite double, as the shortest text that is read back as the same.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
struct Double(String);

impl Double {
    fn new(number: f64) -> Option<Self> {
        // Rust's `{:?}` of a double is the shortest text that is read back as the same bits. JSON numbers of ours are
        // integers, so it stands in a string.
        number.is_finite().then(|| Self(format!("{number:?}")))
    }

    fn read(part: Option<Self>, absent: f64) -> Option<f64> {
        let Some(Self(text)) = part else {
            return Some(absent);
        };
        text.parse::<f64>().ok().filter(|number| number.is_finite())
    }
}

/// Returns the members of `input` in the form in which `catalog.json` holds them.
#[must_use]
pub fn members(input: &InputType) -> Vec<MemberPart> {
    let part = |member: &Member| {
        let Member {
            name,
            required,
            nullable,
            shape,
            opaque,
        } = member;
        MemberPart {
            name: name.clone(),
            required: *required,
            nullable: *nullable,
            shape: shape_part(shape),
            opaque: opaque.map(|why| match why {
                Opaque::Masked => OpaquePart::Masked,
                Opaque::Number => OpaquePart::Number,
                Opaque::Open => OpaquePart::Open,
                Opaque::Untyped => OpaquePart::Untyped,
                Opaque::Name => OpaquePart::Name,
            }),
        }
    };
    input.members().iter().map(part).collect()
}

fn shape_part(shape: &Shape) -> ShapePart {
    // No bound is written as absent: `usize` has another largest value on another machine, and the bytes must not
    // differ.
    let most = |max: usize| (max < usize::MAX).then_some(max);
    match shape {
        Shape::String { one_of, min, max } => ShapePart::String {
            one_of: one_of.clone(),
            min: *min,
            max: most(*max),
        },
        Shape::Integer { one_of, min, max } => ShapePart::Integer {
            one_of: one_of.clone(),
            min: (*min > i64::MIN).then_some(*min),
            max: (*max < i64::MAX).then_some(*max),
        },
        Shape::Number { min, max } => ShapePart::Number {
            min: Double::new(*min),
            max: Double::new(*max),
        },
        Shape::Boolean => ShapePart::Boolean {},
        Shape::Array { element, min, max } => ShapePart::Array {
            element: Box::new(shape_part(element)),
            min: *min,
            max: most(*max),
        },
        Shape::Object(inner) => ShapePart::Object {
            members: members(inner),
        },
        Shape::Open {
            members: inner,
            rest,
        } => ShapePart::Open {
            members: members(inner),
            rest: Box::new(shape_part(rest)),
        },
        Shape::Either(shapes) => ShapePart::Either {
            of: shapes.iter().map(shape_part).collect(),
        },
        Shape::Listed(values) => ShapePart::Listed {
            values: values.iter().map(Json::canonical).collect(),
        },
        Shape::Anything => ShapePart::Anything {},
    }
}

/// Reads back the input type that [`members`] wrote. Returns `None` where two members have one name, or where a number
/// or a listed value is malformed.
pub(super) fn input(parts: Vec<MemberPart>) -> Option<InputType> {
    let member = |part: MemberPart| {
        let MemberPart {
            name,
            required,
            nullable,
            shape,
            opaque,
        } = part;
        Some(Member {
            name,
            required,
            nullable,
            shape: self::shape(shape)?,
            opaque: opaque.map(|why| match why {
                OpaquePart::Masked => Opaque::Masked,
                OpaquePart::Number => Opaque::Number,
                OpaquePart::Open => Opaque::Open,
                OpaquePart::Untyped => Opaque::Untyped,
                OpaquePart::Name => Opaque::Name,
            }),
        })
    };
    // Refuses a name that stands twice: the walk that makes requests would make no value for it.
    InputType::of_members(parts.into_iter().map(member).collect::<Option<_>>()?)
}

fn shape(part: ShapePart) -> Option<Shape> {
    let most = |max: Option<usize>| max.unwrap_or(usize::MAX);
    Some(match part {
        ShapePart::String { one_of, min, max } => Shape::String {
            one_of,
            min,
            max: most(max),
        },
        ShapePart::Integer { one_of, min, max } => Shape::Integer {
            one_of,
            min: min.unwrap_or(i64::MIN),
            max: max.unwrap_or(i64::MAX),
        },
        ShapePart::Number { min, max } => Shape::Number {
            min: Double::read(min, f64::NEG_INFINITY)?,
            max: Double::read(max, f64::INFINITY)?,
        },
        ShapePart::Boolean {} => Shape::Boolean,
        ShapePart::Array { element, min, max } => Shape::Array {
            element: Box::new(shape(*element)?),
            min,
            max: most(max),
        },
        ShapePart::Object { members } => Shape::Object(input(members)?),
        ShapePart::Open { members, rest } => Shape::Open {
            members: input(members)?,
            rest: Box::new(shape(*rest)?),
        },
        ShapePart::Either { of } => {
            Shape::Either(of.into_iter().map(shape).collect::<Option<_>>()?)
        }
        ShapePart::Listed { values } => {
            let value = |text: String| Json::parse(text.as_bytes(), DOCUMENT_LIMITS).ok();
            Shape::Listed(values.into_iter().map(value).collect::<Option<_>>()?)
        }
        ShapePart::Anything {} => Shape::Anything,
    })
}

#[cfg(test)]
mod tests;
