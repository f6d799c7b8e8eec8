//! Computing facts from one input. Total: every input gives values or a typed refusal, and no refusal names a value.

use std::collections::BTreeSet;

use super::target::is_optional;
use super::{Fact, FactName, Place, Projection, View};
use crate::attempt::INPUT_LIMITS;
use crate::json::{Json, MAX_SAFE_INTEGER};
use crate::pointer::Step;
use crate::tool_schema::{InputType, Shape};

/// A fact that an input does not yield, which rejects the attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fact `{name}` cannot be computed: {why}")]
pub struct Uncomputable {
    /// Which fact.
    pub name: FactName,
    /// Why not.
    pub why: Why,
}

/// Why a fact cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The pointer leads nowhere.
    #[error("the input has nothing where it points")]
    Nothing,
    /// There is something else.
    #[error("the input has a value of another type where it points")]
    Type,
    /// The text is not the JSON it should be.
    #[error("the text it looks into is not acceptable JSON")]
    Json,
    /// More decimal places than the scale.
    #[error("the number has more decimal places than its scale, or an exponent")]
    Digits,
    /// Outside the whole numbers that rules and records agree on.
    #[error("the number is too large")]
    Range,
}

impl Fact {
    /// Computes the fact of `input`, which has to be of the type `of`. Returns `None` where an optional argument on the
    /// way is absent.
    ///
    /// # Errors
    /// [`Uncomputable`]
    pub fn compute(&self, of: &InputType, input: &Json) -> Result<Option<Json>, Uncomputable> {
        let Projection { view, place } = &self.projection;
        let steps: Vec<Step> = place.of_input().steps().collect();
        let computed = match given(of, input, &steps) {
            Ok(None) => Ok(None),
            Ok(Some((value, rest))) => match place {
                Place::Input(_) => view.take(value, rest).map(Some),
                Place::Hidden { at, .. } => look_into(value, rest).and_then(|hidden| {
                    let steps: Vec<Step> = at.iter().flat_map(|at| at.steps()).collect();
                    view.take(&hidden, &steps).map(Some)
                }),
            },
            Err(why) => Err(why),
        };
        computed.map_err(|why| Uncomputable {
            name: self.name.clone(),
            why,
        })
    }
}

/// Follows `steps` as far as members are declared, and returns the value there with the steps that are left. Returns
/// `None` when an optional member on the way is absent or null.
fn given<'a>(
    of: &InputType,
    input: &'a Json,
    steps: &'a [Step],
) -> Result<Option<(&'a Json, &'a [Step])>, Why> {
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return Err(Why::Nothing);
    };
    let member = of.member(first).ok_or(Why::Nothing)?;
    match input.get(first) {
        // Null counts as absent, as in the request.
        None | Some(Json::Null) if is_optional(member) => Ok(None),
        None => Err(Why::Nothing),
        Some(value) => match &member.shape {
            Shape::Object(members) if !rest.is_empty() => given(members, value, rest),
            Shape::String { .. }
            | Shape::Integer { .. }
            | Shape::Number { .. }
            | Shape::Boolean
            | Shape::Array { .. }
            | Shape::Object(_)
            | Shape::Open { .. }
            | Shape::Either(_)
            | Shape::Listed(_)
            | Shape::Anything => Ok(Some((value, rest))),
        },
    }
}

fn look_into(value: &Json, rest: &[Step]) -> Result<Json, Why> {
    // One text: several would have several meanings.
    let [text] = everything_at(value, rest)?
        .try_into()
        .map_err(|_| Why::Type)?;
    let text = Json::as_str(text).ok_or(Why::Type)?;
    // The limits of an input: what hides inside must not be allowed more than the input itself.
    Json::parse(text.as_bytes(), INPUT_LIMITS).map_err(|_| Why::Json)
}

/// Returns every value that `steps` lead to. It is an error if a branch leads nowhere.
fn everything_at<'a>(value: &'a Json, steps: &[Step]) -> Result<Vec<&'a Json>, Why> {
    // All branches at once: `*` may lead to several values, and each of them has to go on.
    let mut reached = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in reached {
            match (step, value) {
                (Step::Every, Json::Array(elements)) => next.extend(elements),
                (Step::Every, Json::Object(members)) => {
                    next.extend(members.iter().map(|(_, value)| value));
                }
                (Step::Key(key), Json::Object(_)) => {
                    // A branch that ends rejects the attempt: a fact over the others would leave something out
                    // unseen.
                    next.push(value.get(key).ok_or(Why::Nothing)?);
                }
                (Step::Key(key), Json::Array(elements)) => {
                    let at = index(key).ok_or(Why::Nothing)?;
                    next.push(elements.get(at).ok_or(Why::Nothing)?);
                }
                (
                    Step::Every | Step::Key(_),
                    Json::Null
                    | Json::Bool(_)
                    | Json::Integer(_)
                    | Json::Decimal(_)
                    | Json::String(_),
                ) => return Err(Why::Nothing),
            }
        }
        reached = next;
    }
    Ok(reached)
}

/// Parses an array index as RFC 6901 writes it: no sign, no leading zero.
fn index(key: &str) -> Option<usize> {
    let plain = key == "0" || !key.starts_with(['0', '+']);
    key.parse().ok().filter(|_| plain)
}

impl View {
    fn take(self, from: &Json, steps: &[Step]) -> Result<Json, Why> {
        let values = everything_at(from, steps)?;
        if self == Self::Keys {
            return keys(&values);
        }
        let [value] = values.as_slice() else {
            return Err(Why::Type);
        };
        match self {
            Self::Count => {
                let elements = value.as_array().ok_or(Why::Type)?;
                i64::try_from(elements.len())
                    .map(Json::Integer)
                    .map_err(|_| Why::Range)
            }
            Self::Text => value
                .as_str()
                .map(|text| Json::String(text.to_owned()))
                .ok_or(Why::Type),
            Self::Number => value.as_integer().map(Json::Integer).ok_or(Why::Type),
            Self::Minor { scale } => minor(value, scale).map(Json::Integer),
            // Taken above: it alone joins several values.
            Self::Keys => Err(Why::Type),
        }
    }
}

fn keys(objects: &[&Json]) -> Result<Json, Why> {
    let mut names = BTreeSet::new();
    for object in objects {
        let members = object.as_object().ok_or(Why::Type)?;
        names.extend(members.iter().map(|(name, _)| name.clone()));
    }
    Ok(Json::Array(names.into_iter().map(Json::String).collect()))
}

/// Returns the number in units of its `scale`-th decimal place, exactly, from its text: with scale 2, `12.5` is 1250.
fn minor(value: &Json, scale: u8) -> Result<i64, Why> {
    let text = match value {
        Json::Integer(number) => number.to_string(),
        Json::Decimal(text) => text.to_string(),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            return Err(Why::Type);
        }
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let scale = usize::from(scale);
    // An exponent could make a short text a number of any length.
    if text.contains(['e', 'E']) || fraction.len() > scale {
        return Err(Why::Digits);
    }
    // The digits of whole and fraction in a row are the number of units; the fraction is filled up with zeros.
    let units: i64 = format!("{whole}{fraction:0<scale$}")
        .parse()
        .map_err(|_| Why::Range)?;
    // Records and rules agree on these numbers only.
    if units.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() {
        Ok(units)
    } else {
        Err(Why::Range)
    }
}
