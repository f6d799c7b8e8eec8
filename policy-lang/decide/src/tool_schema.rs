//! From a tool definition to what rules can read: our own small, closed mapping.
//!
//! string → text, integer → whole number, boolean → truth, array of scalars → set, closed object → record,
//! `anyOf [X, null]` → optional X (null counts as absent). Everything else, and every argument that the catalog
//! masks, is *opaque*: covered by the digest, unreadable in rules, and checked all the same. Types, required and
//! undeclared members, enums, bounds and lengths are checked here, before any rule sees the input; `pattern`, `format`
//! and most combinators are not. `read` makes types of schemas, `first` as catalogs of version 1 did. Nothing here
//! knows Cedar.

mod first;
mod keywords;
mod plain;
mod read;
mod widen;

use std::collections::BTreeSet;

use crate::json::Json;
use crate::pointer::{Pointer, Step};

pub use widen::Widening;

/// The type of an operation's input: the members of one object, in the order of the definition.
#[derive(Debug, Clone, PartialEq)]
pub struct InputType {
    members: Vec<Member>,
    /// Whether the text `null` is taken where a value may be null, as catalogs of version 1 did.
    null_texts: bool,
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
    /// Returns the reason as a fragment of a sentence.
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
    /// An object that accepts others beside its declared members.
    Open {
        /// What is declared.
        members: InputType,
        /// Shape of everything else.
        rest: Box<Shape>,
    },
    /// One of several shapes, none of which holds an object.
    Either(Vec<Shape>),
    /// One of these values, none of which holds others.
    Listed(Vec<Json>),
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
    /// A whole number that is written like another one.
    #[error("is a whole number: write it without a fraction and without an exponent")]
    Fraction,
    /// The text `null` where a value may be null: what a server takes it for is not known.
    #[error("is the text `null`, which some servers take for no value at all: leave it out")]
    NullText,
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
    /// Reads the type of inputs from `schema`, the `inputSchema` of a tool definition. Arguments that are `masked`
    /// become opaque.
    ///
    /// # Errors
    /// [`InvalidSchema`] when it is not the schema of an object, or a mask names nothing.
    pub fn from_schema(schema: &Json, masked: &BTreeSet<Pointer>) -> Result<Self, InvalidSchema> {
        if schema.get("type").and_then(Json::as_str) != Some("object") {
            return Err(InvalidSchema::NotAnObject);
        }
        // Masks last: an argument that cannot be read is masked all the same.
        Self::masking(read::input(schema)?, masked)
    }

    /// Reads the type of inputs from `schema` as [`Self::from_schema`] does, but as catalogs of version 1 read it.
    ///
    /// # Errors
    /// [`InvalidSchema`].
    pub(crate) fn of_version_1(
        schema: &Json,
        masked: &BTreeSet<Pointer>,
    ) -> Result<Self, InvalidSchema> {
        if schema.get("type").and_then(Json::as_str) != Some("object") {
            return Err(InvalidSchema::NotAnObject);
        }
        Self::masking(first::members_of(schema)?, masked)
    }

    /// Makes a type with these members; returns `None` if two have one name.
    pub(crate) fn of_members(members: Vec<Member>) -> Option<Self> {
        // Two members with one name would be two types for one argument.
        let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
        (names.len() == members.len()).then_some(Self {
            members,
            null_texts: false,
        })
    }

    fn masking(mut input: Self, masked: &BTreeSet<Pointer>) -> Result<Self, InvalidSchema> {
        for pointer in masked {
            let steps: Vec<Step> = pointer.steps().collect();
            // A mask that names nothing would hide nothing, silently: the catalog has to be mended.
            if !input.mask(&steps) {
                return Err(InvalidSchema::UnknownMask(pointer.clone()));
            }
        }
        Ok(input)
    }

    /// Marks what `steps` lead to as masked, and returns whether there is such an argument.
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
                // All members that the step names: `*` may lead through several.
            }
        }
        found
    }

    /// Returns the places of everything that is masked, as deep as single places can be told apart.
    #[must_use]
    pub fn masked(&self) -> BTreeSet<Pointer> {
        let mut masked = BTreeSet::new();
        self.collect_masked(&mut Vec::new(), &mut masked);
        masked
    }

    fn collect_masked<'a>(&'a self, path: &mut Vec<&'a str>, masked: &mut BTreeSet<Pointer>) {
        for member in &self.members {
            path.push(&member.name);
            // What is masked as a whole is not entered: there is nothing more to hide inside it.
            if member.opaque == Some(Opaque::Masked) {
                masked.extend(Pointer::of_keys(path));
            } else if let Shape::Object(members) = &member.shape {
                members.collect_masked(path, masked);
            }
            path.pop();
        }
    }

    /// Returns the declared arguments, in the order of the definition.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Returns the argument `name`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Checks whether `input` is an input of this type.
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
        let seen = self.check_declared(given)?;
        // Member names are unique in `given`, so a surplus means an undeclared one.
        if seen == given.len() {
            Ok(())
        } else {
            Err((Vec::new(), Mismatch::Undeclared))
        }
    }

    /// Checks the members that are declared, and returns how many of `given` are.
    fn check_declared<'a>(
        &'a self,
        given: &[(String, Json)],
    ) -> Result<usize, (Vec<&'a str>, Mismatch)> {
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
                Some(Json::String(text)) if member.nullable && self.refuses(text) => {
                    Err((Vec::new(), Mismatch::NullText))
                }
                Some(value) => member.shape.check(value),
            };
            // Names on the way, outermost first; they are put in front while going back up.
            checked.map_err(|(mut path, problem)| {
                path.insert(0, member.name.as_str());
                (path, problem)
            })?;
        }
        Ok(seen)
    }

    /// Returns whether `text` is refused where null is accepted: it is the word `null`, which servers that read texts
    /// as JSON once more take for no value.
    fn refuses(&self, text: &str) -> bool {
        // With the white space around it, as a reader would take it that parses a text as JSON.
        !self.null_texts && text.trim_matches([' ', '\t', '\n', '\r']) == "null"
    }
}

impl Member {
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
            | Shape::Open { .. }
            | Shape::Either(_)
            | Shape::Listed(_)
            | Shape::Anything => {
                self.opaque = Some(Opaque::Masked);
                true
            }
        }
    }
}

/// Returns whether rules can write `name`: 1 to 64 ASCII letters, digits and signs of `_-.$@/:`, not beginning with
/// `__`.
fn is_writable(name: &str) -> bool {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.$@/:".contains(&byte));
    plain && (1..=64).contains(&name.len()) && !name.starts_with("__")
}

impl Shape {
    /// Checks `value` against the shape.
    ///
    /// # Errors
    /// The first part that does not fit: the names of the members that lead to it, innermost first, and what is wrong.
    pub fn check<'a>(&'a self, value: &Json) -> Result<(), (Vec<&'a str>, Mismatch)> {
        let here = |problem| Err((Vec::new(), problem));
        // The pairs that fit; everything else is another type.
        let problem = match (self, value) {
            (Self::Anything, _) | (Self::Boolean, Json::Bool(_)) => None,
            (Self::String { one_of, min, max }, Json::String(text)) => {
                // In characters, as JSON Schema counts, not in bytes.
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
            // Any number, whole or not: bounds are doubles, and so is what they are compared with.
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
            (Self::Open { members, rest }, Json::Object(given)) => {
                members.check_declared(given)?;
                let undeclared = given
                    .iter()
                    .filter(|(name, _)| members.member(name).is_none());
                for (_, value) in undeclared {
                    // Names that nobody declared are not repeated.
                    rest.check(value)
                        .map_err(|(_, problem)| (Vec::new(), problem))?;
                }
                None
            }
            // No alternative says why it did not fit: several could be meant.
            (Self::Either(shapes), value) => {
                let fits = shapes.iter().any(|shape| shape.check(value).is_ok());
                first([(!fits, Mismatch::Type)])
            }
            (Self::Listed(values), value) => {
                let listed = values.iter().any(|one| is_same(one, value));
                first([(!listed, Mismatch::Enum)])
            }
            // Told apart from another type: the caller can mend it by writing the number otherwise.
            (Self::Integer { .. }, Json::Decimal(text)) if is_whole(text) => {
                Some(Mismatch::Fraction)
            }
            (
                Self::Boolean
                | Self::String { .. }
                | Self::Integer { .. }
                | Self::Array { .. }
                | Self::Object(_)
                | Self::Open { .. },
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

/// Returns whether two values are one to JSON Schema, which compares numbers by what they are and not by how they are
/// written.
fn is_same(one: &Json, other: &Json) -> bool {
    match (as_double(one), as_double(other)) {
        // Negative zero is zero to JSON Schema, and not to a comparison of bits.
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq() || (one == 0.0 && other == 0.0),
        _ => one == other,
    }
}

/// Returns whether a number that is written with a fraction or an exponent is a whole one.
fn is_whole(text: &str) -> bool {
    text.parse::<f64>()
        .is_ok_and(|number| number.fract() == 0.0)
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
