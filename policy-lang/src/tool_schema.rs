//! From a tool definition to what rules can read: our own small, closed mapping.
//!
//! string → text, integer → whole number, boolean → truth, array of scalars → set, closed object → record,
//! `anyOf [X, null]` → optional X (null counts as absent). Everything else, and every argument that the catalog
//! masks, is *opaque*: covered by the digest, unreadable in rules. Types, required and undeclared members, enums,
//! bounds and lengths are checked here, before any rule sees the input; `pattern`, `format` and the combinators
//! are not. Nothing here knows Cedar.

mod widen;

use std::collections::BTreeSet;

use crate::json::Json;
use crate::pointer::{Pointer, Step};

pub use widen::Widening;

/// The type of an operation's input: the members of one object, in the order of the definition.
#[derive(Debug, Clone, PartialEq)]
pub struct InputType {
    members: Vec<Member>,
}

/// One declared argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name, as the definition writes it.
    pub name: String,
    /// Whether an input without it is refused.
    pub required: bool,
    /// Whether `null` is accepted; it then counts as absent.
    pub nullable: bool,
    /// What values are accepted.
    pub shape: Shape,
    /// Whether rules can read it, or why not.
    pub opaque: Option<Opaque>,
}

/// Why rules cannot read an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opaque {
    /// The catalog masks it.
    Masked,
    /// Numbers with fractions have no exact type in rules.
    Number,
    /// Its object accepts members that the definition does not name.
    Open,
    /// The definition uses a part of JSON Schema that has no type in rules.
    Untyped,
    /// Its name cannot be written safely in a rule.
    Name,
}

impl Opaque {
    /// Why, as a fragment of a sentence.
    #[must_use]
    pub const fn because(self) -> &'static str {
        match self {
            Self::Masked => "the catalog masks it",
            Self::Number => "it may have a fraction",
            Self::Open => "its object is open to members that the tool does not declare",
            Self::Untyped => "the tool's schema gives it no type that rules have",
            Self::Name => "its name cannot be written in a rule",
        }
    }
}

/// What values an argument accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Text; lengths in characters.
    String {
        /// The only texts accepted, if not all.
        one_of: Option<Vec<String>>,
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// A whole number written without fraction and exponent.
    Integer {
        /// The only numbers accepted, if not all.
        one_of: Option<Vec<i64>>,
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// Any number; bounds are compared as doubles.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// A truth value.
    Boolean,
    /// Elements of one scalar shape.
    Array {
        /// Shape of every element: a string, an integer or a boolean.
        element: Box<Shape>,
        /// Fewest elements.
        min: usize,
        /// Most elements.
        max: usize,
    },
    /// An object that accepts its declared members only.
    Object(InputType),
    /// Any value.
    Anything,
}

/// Why a definition's `inputSchema` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchema {
    /// Not `{"type": "object", …}`.
    #[error("the input schema is not of type object")]
    NotAnObject,
    /// The catalog masks what the schema does not declare.
    #[error("`{0}` names no argument of the input schema")]
    UnknownMask(Pointer),
    /// `required` names what `properties` does not.
    #[error("`{0}` is required but not declared")]
    UndeclaredRequired(String),
}

/// Where and how an input differs from its type. It names declared members only, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if path.is_empty() { String::new() } else { format!("argument {path} ") })]
pub struct InputMismatch {
    /// Names of the members on the way, joined by `/`; empty for the whole input.
    pub path: String,
    /// What is wrong there.
    pub problem: Mismatch,
}

/// What can be wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Mismatch {
    /// The input is no object.
    #[error("the input is not an object")]
    NotAnObject,
    /// A required member is not there.
    #[error("is required and missing")]
    Missing,
    /// A member that the definition does not declare.
    #[error("holds a member that the tool definition does not declare")]
    Undeclared,
    /// A value of another type.
    #[error("has another type than the tool definition says")]
    Type,
    /// A value outside the enum.
    #[error("is none of the values that the tool definition lists")]
    Enum,
    /// A number below the minimum or above the maximum.
    #[error("is outside the bounds of the tool definition")]
    Bounds,
    /// Text or an array that is too short or too long.
    #[error("is shorter or longer than the tool definition allows")]
    Length,
}

impl InputType {
    /// Reads `schema`, the `inputSchema` of a tool definition; `masked` arguments become opaque.
    ///
    /// # Errors
    /// [`InvalidSchema`] when it is not the schema of an object, or a mask names nothing.
    pub fn of(schema: &Json, masked: &BTreeSet<Pointer>) -> Result<Self, InvalidSchema> {
        if schema.get("type").and_then(Json::as_str) != Some("object") {
            return Err(InvalidSchema::NotAnObject);
        }
        let mut input = Self::members_of(schema)?;
        for pointer in masked {
            let steps: Vec<Step> = pointer.steps().collect();
            if !input.mask(&steps) {
                return Err(InvalidSchema::UnknownMask(pointer.clone()));
            }
        }
        Ok(input)
    }

    fn members_of(schema: &Json) -> Result<Self, InvalidSchema> {
        let declared = schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or_default();
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Json::as_array)
            .unwrap_or_default()
            .iter()
            .filter_map(Json::as_str)
            .collect();
        if let Some(name) = required
            .iter()
            .find(|name| declared.iter().all(|(declared, _)| declared != *name))
        {
            return Err(InvalidSchema::UndeclaredRequired((*name).to_owned()));
        }
        let members = declared
            .iter()
            .map(|(name, schema)| Member::of(name, schema, required.contains(&name.as_str())));
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
        })
    }

    /// Marks what `steps` lead to as masked; whether there is such an argument.
    fn mask(&mut self, steps: &[Step]) -> bool {
        let Some((first, rest)) = steps.split_first() else {
            return false;
        };
        let mut found = false;
        for member in &mut self.members {
            let named = match first {
                Step::Key(key) => *key == member.name,
                Step::Every => true,
            };
            if named {
                found |= member.mask(rest);
            }
        }
        found
    }

    /// Places of everything that is masked, as deep as single places can be told apart.
    #[must_use]
    pub fn masked(&self) -> BTreeSet<Pointer> {
        let mut masked = BTreeSet::new();
        self.collect_masked(&mut Vec::new(), &mut masked);
        masked
    }

    fn collect_masked<'a>(&'a self, path: &mut Vec<&'a str>, masked: &mut BTreeSet<Pointer>) {
        for member in &self.members {
            path.push(&member.name);
            if member.opaque == Some(Opaque::Masked) {
                masked.extend(Pointer::of_keys(path));
            } else if let Shape::Object(members) = &member.shape {
                members.collect_masked(path, masked);
            }
            path.pop();
        }
    }

    /// The declared arguments, in the order of the definition.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The argument `name`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether `input` is an input of this type.
    ///
    /// # Errors
    /// The first [`InputMismatch`], in the order of the definition.
    pub fn check(&self, input: &Json) -> Result<(), InputMismatch> {
        let mismatch = |problem| InputMismatch {
            path: String::new(),
            problem,
        };
        let members = input.as_object().ok_or(mismatch(Mismatch::NotAnObject))?;
        self.check_members(members)
            .map_err(|(path, problem)| InputMismatch {
                path: path.join("/"),
                problem,
            })
    }

    fn check_members<'a>(
        &'a self,
        given: &[(String, Json)],
    ) -> Result<(), (Vec<&'a str>, Mismatch)> {
        let mut seen = 0_usize;
        for member in &self.members {
            let value = given
                .iter()
                .find(|(name, _)| *name == member.name)
                .map(|(_, value)| value);
            seen = seen.saturating_add(usize::from(value.is_some()));
            let checked = match value {
                None if member.required => Err((Vec::new(), Mismatch::Missing)),
                None => Ok(()),
                Some(Json::Null) if member.nullable => Ok(()),
                Some(value) => member.shape.check(value),
            };
            checked.map_err(|(mut path, problem)| {
                path.insert(0, member.name.as_str());
                (path, problem)
            })?;
        }
        // Member names are unique in `given`, so a surplus means an undeclared one.
        if seen == given.len() {
            Ok(())
        } else {
            Err((Vec::new(), Mismatch::Undeclared))
        }
    }
}

impl Member {
    fn of(name: &str, schema: &Json, required: bool) -> Result<Self, InvalidSchema> {
        let (schema, nullable) = without_null(schema);
        let (shape, opaque) = match schema {
            Some(schema) => Shape::of(&schema)?,
            None => (Shape::Anything, Some(Opaque::Untyped)),
        };
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.$@/:".contains(&byte));
        let writable = plain && (1..=64).contains(&name.len()) && !name.starts_with("__");
        let opaque = if writable { opaque } else { Some(Opaque::Name) };
        Ok(Self {
            name: name.to_owned(),
            required,
            nullable,
            shape,
            opaque,
        })
    }

    fn mask(&mut self, steps: &[Step]) -> bool {
        match &mut self.shape {
            Shape::Object(members) if !steps.is_empty() => members.mask(steps),
            // Inside arrays and untyped values single places cannot be told apart: all of it is hidden.
            Shape::String { .. }
            | Shape::Integer { .. }
            | Shape::Number { .. }
            | Shape::Boolean
            | Shape::Array { .. }
            | Shape::Object(_)
            | Shape::Anything => {
                self.opaque = Some(Opaque::Masked);
                true
            }
        }
    }
}

/// Keywords that say nothing about which values are accepted, or that are documented as not checked.
const SILENT: [&str; 12] = [
    "title",
    "description",
    "default",
    "examples",
    "format",
    "pattern",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
    "contentMediaType",
];

/// Takes `null` out of a schema's alternatives. `None` when what is left is not one schema.
fn without_null(schema: &Json) -> (Option<Json>, bool) {
    let Some(members) = schema.as_object() else {
        return (None, true);
    };
    if let Some(types) = schema.get("type").and_then(Json::as_array) {
        let (nulls, others): (Vec<&Json>, Vec<&Json>) =
            types.iter().partition(|one| one.as_str() == Some("null"));
        let [only] = others.as_slice() else {
            return (None, !nulls.is_empty());
        };
        let renamed = members.iter().map(|(name, value)| {
            (
                name.clone(),
                if name == "type" {
                    (*only).clone()
                } else {
                    value.clone()
                },
            )
        });
        return (Some(Json::Object(renamed.collect())), !nulls.is_empty());
    }
    if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array) {
        let is_null = |one: &&Json| one.get("type").and_then(Json::as_str) == Some("null");
        let (nulls, others): (Vec<&Json>, Vec<&Json>) = alternatives.iter().partition(is_null);
        let alone = members
            .iter()
            .all(|(name, _)| name == "anyOf" || SILENT.contains(&name.as_str()));
        return match others.as_slice() {
            [only] if alone => (Some((*only).clone()), !nulls.is_empty()),
            _ => (None, true),
        };
    }
    (Some(schema.clone()), false)
}

/// A scalar or an array, of which the type is known.
type Typed = (Shape, Option<Opaque>);

impl Shape {
    fn of(schema: &Json) -> Result<Typed, InvalidSchema> {
        const ANYTHING: Typed = (Shape::Anything, Some(Opaque::Untyped));
        let Some(members) = schema.as_object() else {
            return Ok(ANYTHING);
        };
        let only = |known: &[&str]| {
            members.iter().all(|(name, _)| {
                name == "type" || known.contains(&name.as_str()) || SILENT.contains(&name.as_str())
            })
        };
        let size = |name: &str, absent: usize| match schema.get(name) {
            None => Some(absent),
            Some(value) => value
                .as_integer()
                .and_then(|number| usize::try_from(number).ok()),
        };
        let kind = schema.get("type").and_then(Json::as_str);
        let shape = match kind {
            Some("string") if only(&["enum", "minLength", "maxLength"]) => {
                Self::string(schema, size)
            }
            Some("integer")
                if only(&[
                    "enum",
                    "minimum",
                    "maximum",
                    "exclusiveMinimum",
                    "exclusiveMaximum",
                ]) =>
            {
                Self::integer(schema)
            }
            Some("number") if only(&["minimum", "maximum"]) => Self::number(schema),
            Some("boolean") if only(&[]) => Some((Self::Boolean, None)),
            Some("array") if only(&["items", "minItems", "maxItems"]) => Self::array(schema, size)?,
            Some("object") if only(&["properties", "required", "additionalProperties"]) => {
                return Self::object(schema);
            }
            _ => None,
        };
        Ok(shape.unwrap_or(ANYTHING))
    }

    fn string(schema: &Json, size: impl Fn(&str, usize) -> Option<usize>) -> Option<Typed> {
        let one_of = match schema.get("enum") {
            None => None,
            Some(values) => Some(
                values
                    .as_array()?
                    .iter()
                    .map(|value| value.as_str().map(str::to_owned))
                    .collect::<Option<_>>()?,
            ),
        };
        Some((
            Self::String {
                one_of,
                min: size("minLength", 0)?,
                max: size("maxLength", usize::MAX)?,
            },
            None,
        ))
    }

    fn integer(schema: &Json) -> Option<Typed> {
        let bound = |name: &str, absent: i64| match schema.get(name) {
            None => Some(absent),
            Some(value) => value.as_integer(),
        };
        let one_of = match schema.get("enum") {
            None => None,
            Some(values) => Some(
                values
                    .as_array()?
                    .iter()
                    .map(Json::as_integer)
                    .collect::<Option<_>>()?,
            ),
        };
        let above = bound("exclusiveMinimum", i64::MIN)?.saturating_add(1);
        let below = bound("exclusiveMaximum", i64::MAX)?.saturating_sub(1);
        let (min, max) = (
            bound("minimum", i64::MIN)?.max(above),
            bound("maximum", i64::MAX)?.min(below),
        );
        Some((Self::Integer { one_of, min, max }, None))
    }

    fn number(schema: &Json) -> Option<Typed> {
        let bound = |name: &str, absent: f64| match schema.get(name) {
            None => Some(absent),
            Some(value) => as_double(value),
        };
        let (min, max) = (
            bound("minimum", f64::NEG_INFINITY)?,
            bound("maximum", f64::INFINITY)?,
        );
        Some((Self::Number { min, max }, Some(Opaque::Number)))
    }

    fn array(
        schema: &Json,
        size: impl Fn(&str, usize) -> Option<usize>,
    ) -> Result<Option<Typed>, InvalidSchema> {
        let Some(items) = schema.get("items") else {
            return Ok(None);
        };
        let element = match Self::of(items)? {
            (element @ (Self::String { .. } | Self::Integer { .. } | Self::Boolean), None) => {
                Box::new(element)
            }
            _ => return Ok(None),
        };
        let sizes = (size("minItems", 0), size("maxItems", usize::MAX));
        let (Some(min), Some(max)) = sizes else {
            return Ok(None);
        };
        Ok(Some((Self::Array { element, min, max }, None)))
    }

    fn object(schema: &Json) -> Result<Typed, InvalidSchema> {
        if schema.get("additionalProperties").and_then(Json::as_bool) == Some(false) {
            Ok((Self::Object(InputType::members_of(schema)?), None))
        } else {
            Ok((Self::Anything, Some(Opaque::Open)))
        }
    }

    pub(crate) fn check<'a>(&'a self, value: &Json) -> Result<(), (Vec<&'a str>, Mismatch)> {
        let here = |problem| Err((Vec::new(), problem));
        let problem = match (self, value) {
            (Self::Anything, _) | (Self::Boolean, Json::Bool(_)) => None,
            (Self::String { one_of, min, max }, Json::String(text)) => {
                let length = text.chars().count();
                let listed = one_of.as_ref().is_none_or(|all| all.contains(text));
                first([
                    (!listed, Mismatch::Enum),
                    (!(*min..=*max).contains(&length), Mismatch::Length),
                ])
            }
            (Self::Integer { one_of, min, max }, Json::Integer(number)) => {
                let listed = one_of.as_ref().is_none_or(|all| all.contains(number));
                first([
                    (!listed, Mismatch::Enum),
                    (!(*min..=*max).contains(number), Mismatch::Bounds),
                ])
            }
            (Self::Number { min, max }, number) => match as_double(number) {
                Some(number) => first([(!(*min..=*max).contains(&number), Mismatch::Bounds)]),
                None => Some(Mismatch::Type),
            },
            (Self::Array { element, min, max }, Json::Array(elements)) => {
                for one in elements {
                    element.check(one)?;
                }
                first([(!(*min..=*max).contains(&elements.len()), Mismatch::Length)])
            }
            (Self::Object(members), Json::Object(given)) => return members.check_members(given),
            (
                Self::Boolean
                | Self::String { .. }
                | Self::Integer { .. }
                | Self::Array { .. }
                | Self::Object(_),
                Json::Null
                | Json::Bool(_)
                | Json::Integer(_)
                | Json::Decimal(_)
                | Json::String(_)
                | Json::Array(_)
                | Json::Object(_),
            ) => Some(Mismatch::Type),
        };
        problem.map_or(Ok(()), here)
    }
}

fn first<const N: usize>(problems: [(bool, Mismatch); N]) -> Option<Mismatch> {
    problems
        .into_iter()
        .find_map(|(wrong, problem)| wrong.then_some(problem))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers are within ±(2^53−1), which a double keeps exactly"
)]
fn as_double(value: &Json) -> Option<f64> {
    match value {
        Json::Integer(number) => Some(*number as f64),
        Json::Decimal(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
