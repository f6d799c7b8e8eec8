//! The digest that a waiver's cover is bound to: everything that decides about an operation before and after a change,
//! as canonical JSON of our own.
//!
//! It is made from what the two policies say, never from what proofs make of that and never from what another crate
//! prints, so that a signature outlives a release of Cedar, of Rust and of the gate. Each type is taken apart whole: a
//! new part of it does not compile until somebody decides how it is signed.

use stopgate_author::cedar::UnknownNode;
use stopgate_author::cedar::proof::{self, Flat, Holding};
use stopgate_author::policy::{Operation, RuleKind};
use stopgate_decide::digest::Digest;
use stopgate_decide::fact::Fact;
use stopgate_decide::json::Json;
use stopgate_decide::selector::Selector;
use stopgate_decide::surface::Surface;
use stopgate_decide::tool_schema::{InputType, Member, Opaque, Shape};

use super::{Slice, SliceRule};

/// The purpose of the digest, and its version.
const SLICE: &str = "stopgate-slice-v3";

/// One side of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Decides<'a, 'p> {
    pub(crate) slice: &'a Slice<'p>,
    pub(crate) operation: &'a Operation,
    pub(crate) flat: &'a Flat,
}

/// Returns the digest of everything that decides before and after; `None` stands for an operation that was not there.
/// Both sides are in it because whoever signed that a supervisor is not needed any more did not sign that a committee
/// is not.
///
/// # Errors
/// [`UnknownNode`] where a condition holds what has no normal form: then nothing can be signed.
pub(crate) fn digest(
    holding: Holding,
    before: Option<Decides<'_, '_>>,
    after: Decides<'_, '_>,
) -> Result<Digest, UnknownNode> {
    let before = before.map_or(Ok(Json::Null), side)?;
    let holding = match holding {
        Holding::Profiles => "profiles",
        Holding::Groups => "groups",
    };
    let members = vec![
        ("holding", text(holding)),
        ("before", before),
        ("after", side(after)?),
    ];
    Ok(object(members).digest(SLICE))
}

/// Returns what one side says about an operation, as JSON: everything that decides, and nothing that does not.
fn side(decides: Decides<'_, '_>) -> Result<Json, UnknownNode> {
    let Decides {
        slice,
        operation,
        flat,
    } = decides;
    let rules = slice.rules.iter().map(|one| rule(one, flat));
    let mut rules = rules.collect::<Result<Vec<Json>, _>>()?;
    // Rules have no order, and two that say the same say it once.
    rules.sort_by_cached_key(Json::canonical);
    rules.dedup();
    let Operation {
        definition,
        input,
        facts,
        select,
        // What calls which function, and what is said of it, is compared as a setting; schema and masks are in the
        // types, and what every grant asks for is in the rules.
        function: _,
        input_schema: _,
        monotone: _,
        effect: _,
        dry_run: _,
        input_mask: _,
        result_mask: _,
        max_rows: _,
        summary: _,
        money: _,
    } = operation;
    let mut members = vec![
        ("definition", text(definition)),
        ("input", input_type(input)),
        ("facts", Json::Array(facts.iter().map(fact).collect())),
        ("known", texts(flat.known())),
        ("rules", Json::Array(rules)),
    ];
    if let Some(Selector { pointer, equals }) = select {
        let select = vec![("at", text(pointer)), ("equals", text(equals))];
        members.push(("select", object(select)));
    }
    Ok(object(members))
}

fn rule(one: &SliceRule<'_>, flat: &Flat) -> Result<Json, UnknownNode> {
    let kind = kind(&one.rule.kind);
    let asks = one.asks.as_ref().map_or(Json::Null, surface);
    let members = vec![
        ("kind", text(kind)),
        ("asks", asks),
        ("reaches", proof::said(one.rule, flat)?),
    ];
    Ok(object(members))
}

/// Returns the word for a kind of rule.
pub(super) const fn kind(kind: &RuleKind) -> &'static str {
    match kind {
        RuleKind::Grant(_) => "grant",
        RuleKind::Raise(_) => "raise",
        RuleKind::Never(_) => "never",
    }
}

/// Returns all that a surface asks for, as JSON.
pub(super) fn surface(surface: &Surface) -> Json {
    let Surface {
        risk,
        approval,
        user_confirmation,
        dry_run,
        masks,
        max_rows,
    } = surface;
    let rows = max_rows
        .iter()
        .map(|(at, rows)| (at.to_string(), text(rows)));
    object(vec![
        ("risk", text(risk)),
        ("approval", text(approval)),
        ("user_confirmation", Json::Bool(*user_confirmation)),
        ("dry_run", Json::Bool(*dry_run)),
        ("masks", texts(masks)),
        ("max_rows", Json::Object(rows.collect())),
    ])
}

fn fact(fact: &Fact) -> Json {
    let Fact {
        name,
        projection,
        optional,
    } = fact;
    object(vec![
        ("name", text(name)),
        ("is", text(projection)),
        ("optional", Json::Bool(*optional)),
    ])
}

fn input_type(input: &InputType) -> Json {
    let mut members: Vec<Json> = input.members().iter().map(argument).collect();
    members.sort_by_cached_key(Json::canonical);
    Json::Array(members)
}

fn argument(member: &Member) -> Json {
    let Member {
        name,
        required,
        nullable,
        shape: of,
        opaque,
    } = member;
    let mut members = vec![
        ("name", text(name)),
        ("required", Json::Bool(*required)),
        ("nullable", Json::Bool(*nullable)),
        ("shape", shape(of)),
    ];
    if let Some(opaque) = opaque {
        let why = match opaque {
            Opaque::Masked => "masked",
            Opaque::Number => "number",
            Opaque::Open => "open",
            Opaque::Untyped => "untyped",
            Opaque::Name => "name",
        };
        members.push(("opaque", text(why)));
    }
    object(members)
}

fn shape(of: &Shape) -> Json {
    match of {
        Shape::String { one_of, min, max } => {
            bounded("string", one_of.as_deref(), text(min), text(max))
        }
        Shape::Integer { one_of, min, max } => {
            bounded("integer", one_of.as_deref(), text(min), text(max))
        }
        Shape::Number { min, max } => bounded::<f64>("number", None, double(*min), double(*max)),
        Shape::Boolean => object(vec![("is", text("boolean"))]),
        Shape::Array { element, min, max } => object(vec![
            ("is", text("array")),
            ("of", shape(element)),
            ("min", text(min)),
            ("max", text(max)),
        ]),
        Shape::Object(members) => object(vec![
            ("is", text("object")),
            ("members", input_type(members)),
        ]),
        Shape::Open { members, rest } => object(vec![
            ("is", text("open")),
            ("members", input_type(members)),
            ("rest", shape(rest)),
        ]),
        Shape::Either(shapes) => {
            let mut of: Vec<Json> = shapes.iter().map(shape).collect();
            of.sort_by_cached_key(Json::canonical);
            of.dedup();
            object(vec![("is", text("either")), ("of", Json::Array(of))])
        }
        Shape::Listed(values) => {
            let mut values: Vec<String> = values.iter().map(Json::canonical).collect();
            values.sort_unstable();
            values.dedup();
            object(vec![("is", text("listed")), ("values", texts(&values))])
        }
        Shape::Anything => object(vec![("is", text("anything"))]),
    }
}

/// Returns the JSON of a shape with bounds. The values that the shape lists are sorted, because their order means
/// nothing.
fn bounded<T: ToString>(is: &str, one_of: Option<&[T]>, min: Json, max: Json) -> Json {
    let mut members = vec![("is", text(is)), ("min", min), ("max", max)];
    if let Some(listed) = one_of {
        let mut listed: Vec<String> = listed.iter().map(T::to_string).collect();
        listed.sort_unstable();
        listed.dedup();
        members.push(("one_of", texts(&listed)));
    }
    object(members)
}

/// Returns the bits of a double in hexadecimal, because nobody promises a printed form. Both zeros give the same bits.
fn double(number: f64) -> Json {
    text(format_args!("{:016x}", (number + 0.0).to_bits()))
}

/// Returns a number as a text, because JSON's own numbers are not exact beyond 2^53.
fn text(value: impl std::fmt::Display) -> Json {
    Json::String(value.to_string())
}

fn texts<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> Json {
    Json::Array(values.into_iter().map(text).collect())
}

fn object(members: Vec<(&str, Json)>) -> Json {
    let members = members.into_iter();
    Json::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
