//! Putting something in the place of what a record masks.
//!
//! A masked argument is opaque to rules, facts and selectors: all that a decision asks of it is whether it fits its
//! type. It did when the record was made; so any other value that fits stands for it, under every policy that types
//! and masks the argument in the same way.

use crate::attempt::{Attempt, INPUT_LIMITS};
use crate::bundle::{Bundle, LoadedOperation};
use crate::decide::operation;
use crate::digest::Digest;
use crate::json::{Json, MAX_SAFE_INTEGER};
use crate::record::is_mask;
use crate::tool_schema::{InputType, Member, Opaque, Shape};

/// Returns `json` with a fitting value in the place of everything masked, or `None` where the value could decide under
/// one of `bundles`. `attempt` has `json` as its input; `definition` is the one that the input was found to fit.
pub(super) fn put_back(
    json: &Json,
    attempt: &Attempt,
    definition: Option<Digest>,
    bundles: [&Bundle; 2],
) -> Option<Json> {
    let mut meant = Vec::new();
    // Under both bundles: a value that only one of them takes would decide for the other.
    for bundle in bundles {
        meant.extend(operation_in(bundle, attempt)?);
    }
    // Masked members are the same in all types, so the recorded definition vouches for the values in one or in all.
    let vouched = meant
        .iter()
        .find(|operation| Some(operation.definition) == definition)?;
    // Values are made up only where all the types agree on them.
    let types: Vec<&InputType> = meant.iter().map(|operation| &operation.input).collect();
    let whole = filled(json, &types)?;
    // The whole input, not only what was made up.
    vouched.input.check(&whole).is_ok().then_some(whole)
}

/// Returns the operation that `attempt` means under `bundle`, which may be none (`Some(None)`). Returns `None` if that
/// depends on what is masked.
fn operation_in<'b>(bundle: &'b Bundle, attempt: &Attempt) -> Option<Option<&'b LoadedOperation>> {
    let Some((_, tool)) = bundle.tool(&attempt.tool) else {
        return Some(None);
    };
    match operation(bundle, tool, attempt) {
        Ok((_, _, operation)) => Some(Some(operation)),
        Err(_) if super::names(bundle, &attempt.tool, &attempt.target) => None,
        Err(_) => Some(None),
    }
}

/// Returns the object `json` with a fitting value in the place of everything masked in it. `types` are the types of the
/// object, one for each bundle. Returns `None` where a masked value cannot be replaced under all of them alike.
fn filled(json: &Json, types: &[&InputType]) -> Option<Json> {
    let members = json.as_object()?;
    // An input that was masked whole has nothing of itself to fill in around.
    if is_mask(json) {
        return None;
    }
    let fill = |(name, value): &(String, Json)| {
        let declared: Vec<Option<&Member>> = types.iter().map(|of| of.member(name)).collect();
        Some((name.clone(), replaced(value, &declared)?))
    };
    members
        .iter()
        .map(fill)
        .collect::<Option<_>>()
        .map(Json::Object)
}

fn replaced(value: &Json, declared: &[Option<&Member>]) -> Option<Json> {
    if !holds_a_mask(value) {
        return Some(value.clone());
    }
    // A member that one of the bundles does not declare is refused there, and no value helps.
    let members: Vec<&Member> = declared.iter().copied().collect::<Option<_>>()?;
    if is_mask(value) {
        // Masked and of one type under every bundle: then no rule of either can tell one value from another.
        let (first, others) = members.split_first()?;
        let hidden = first.opaque == Some(Opaque::Masked);
        return (hidden && others.iter().all(|other| other == first))
            .then(|| fitting(&first.shape, &mut INPUT_LIMITS.bytes.clone()))
            .flatten();
    }
    // Below anything but declared members, masks are not told apart.
    let inner = members
        .iter()
        .map(|member| match (&member.shape, member.opaque) {
            (Shape::Object(inner), None) => Some(inner),
            (
                Shape::Object(_)
                | Shape::String { .. }
                | Shape::Integer { .. }
                | Shape::Number { .. }
                | Shape::Boolean
                | Shape::Array { .. }
                | Shape::Open { .. }
                | Shape::Either(_)
                | Shape::Listed(_)
                | Shape::Anything,
                _,
            ) => None,
        });
    filled(value, &inner.collect::<Option<Vec<_>>>()?)
}

fn holds_a_mask(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => false,
        Json::Array(elements) => elements.iter().any(holds_a_mask),
        Json::Object(members) => {
            is_mask(value) || members.iter().any(|(_, value)| holds_a_mask(value))
        }
    }
}

/// Makes a value that fits `shape`; `None` where none can be made that an input has room for.
fn fitting(shape: &Shape, room: &mut usize) -> Option<Json> {
    // Each value takes some of the room, so that lists in lists do not multiply: a schema may ask for a million of each.
    *room = room.checked_sub(1)?;
    Some(match shape {
        Shape::String { one_of, min, .. } => Json::String(match one_of {
            Some(texts) => {
                let text = texts.first()?;
                *room = room.checked_sub(text.len())?;
                text.clone()
            }
            None => {
                *room = room.checked_sub(*min)?;
                "x".repeat(*min)
            }
        }),
        Shape::Integer { one_of, min, max } => Json::Integer(match one_of {
            Some(numbers) => *numbers.first()?,
            None => within(*min, *max)?,
        }),
        Shape::Number { min, max } => Json::Integer(within(whole(*min)?, whole(*max)?)?),
        Shape::Boolean => Json::Bool(false),
        Shape::Array { element, min, .. } => {
            let elements = (0..*min).map(|_| fitting(element, room));
            Json::Array(elements.collect::<Option<_>>()?)
        }
        Shape::Either(shapes) => fitting(shapes.first()?, room)?,
        Shape::Listed(values) => {
            let value = values.first()?;
            *room = room.checked_sub(value.canonical().len())?;
            value.clone()
        }
        Shape::Object(members) | Shape::Open { members, .. } => {
            let required = members.members().iter().filter(|member| member.required);
            let mut fill = |member: &Member| {
                *room = room.checked_sub(member.name.len())?;
                Some((member.name.clone(), fitting(&member.shape, room)?))
            };
            Json::Object(required.map(&mut fill).collect::<Option<_>>()?)
        }
        Shape::Anything => Json::Null,
    })
}

/// Returns the number nearest to zero from `min` to `max` that JSON keeps exactly; `None` if there is none.
fn within(min: i64, max: i64) -> Option<i64> {
    let (min, max) = (min.max(-MAX_SAFE_INTEGER), max.min(MAX_SAFE_INTEGER));
    (min <= max).then(|| 0.clamp(min, max))
}

/// Returns `bound` as a whole number; `None` if it has a fraction. Of a bound beyond what JSON keeps exactly, returns
/// the last number that it keeps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "whole numbers within ±(2^53−1) are the same in both types"
)]
fn whole(bound: f64) -> Option<i64> {
    let most = MAX_SAFE_INTEGER as f64;
    let near = bound.clamp(-most, most);
    (near.fract() == 0.0).then_some(near as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::json::Limits;
    use crate::pointer::Pointer;

    const LIMITS: Limits = Limits {
        bytes: 4096,
        depth: 16,
        members: 256,
    };

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), LIMITS).expect("JSON")
    }

    /// Makes the type of an object with `properties`, all required, of which those at `masked` are masked.
    fn typed(properties: &str, masked: &[&str]) -> InputType {
        let names: Vec<String> = json(properties)
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, _)| format!("{name:?}"))
            .collect();
        let schema = format!(
            r#"{{"type": "object", "properties": {properties}, "required": [{}]}}"#,
            names.join(", ")
        );
        let masked: BTreeSet<Pointer> = masked
            .iter()
            .map(|pointer| Pointer::new(pointer).expect("a pointer"))
            .collect();
        InputType::from_schema(&json(&schema), &masked).expect("a schema")
    }

    const MASK: &str = r#"{"$masked": "hmac:9c"}"#;

    #[test]
    fn every_shape_gets_a_value_that_fits() {
        for shape in [
            r#"{"type": "string"}"#,
            r#"{"type": "string", "minLength": 3, "maxLength": 4}"#,
            r#"{"type": "string", "enum": ["EUR", "GBP"]}"#,
            r#"{"type": "integer", "minimum": 5}"#,
            r#"{"type": "integer", "maximum": -5}"#,
            r#"{"type": "integer", "enum": [7]}"#,
            r#"{"type": "number", "minimum": 1}"#,
            r#"{"type": "number"}"#,
            r#"{"type": "boolean"}"#,
            r#"{"type": "array", "items": {"type": "integer", "minimum": 2}, "minItems": 2}"#,
            r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"],
                "additionalProperties": false}"#,
            r#"{"type": "object"}"#,
        ] {
            let of = typed(&format!(r#"{{"secret": {shape}}}"#), &["/secret"]);
            let whole = filled(&json(&format!(r#"{{"secret": {MASK}}}"#)), &[&of]);
            let whole = whole.unwrap_or_else(|| panic!("{shape}"));
            assert!(!is_mask(whole.get("secret").expect("there")), "{shape}");
            assert_eq!(of.check(&whole), Ok(()), "{shape}: {whole}");
        }
    }

    #[test]
    fn t4_nothing_is_made_up_that_no_input_has_room_for() {
        for shape in [
            r#"{"type": "string", "minLength": 1000000000000000}"#,
            r#"{"type": "array", "items": {"type": "string"}, "minItems": 1000000000000000}"#,
            r#"{"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 4096}, "minItems": 4096}"#,
        ] {
            let of = typed(&format!(r#"{{"secret": {shape}}}"#), &["/secret"]);
            let whole = filled(&json(&format!(r#"{{"secret": {MASK}}}"#)), &[&of]);
            assert_eq!(whole, None, "{shape}");
        }
    }

    #[test]
    fn what_is_not_masked_stays_as_it_is() {
        let of = typed(
            r#"{"a": {"type": "string"}, "in": {"type": "object", "properties": {"b": {"type": "string"}, "c": {"type": "integer"}},
                "additionalProperties": false}}"#,
            &["/in/b"],
        );
        let whole = filled(
            &json(&format!(r#"{{"a": "x", "in": {{"b": {MASK}, "c": 4}}}}"#)),
            &[&of],
        );
        assert_eq!(whole, Some(json(r#"{"a": "x", "in": {"b": "", "c": 4}}"#)));
    }

    #[test]
    fn a_value_that_could_decide_is_never_made_up() {
        let text = r#"{"secret": {"type": "string"}}"#;
        let masked = typed(text, &["/secret"]);
        let record = json(&format!(r#"{{"secret": {MASK}}}"#));
        assert!(filled(&record, &[&masked, &masked]).is_some());
        let others = [
            typed(text, &[]),
            typed(
                r#"{"secret": {"type": "string", "maxLength": 9}}"#,
                &["/secret"],
            ),
            typed(r#"{"secret": {"type": "integer"}}"#, &["/secret"]),
            typed(r#"{"other": {"type": "string"}}"#, &["/other"]),
        ];
        for other in &others {
            assert_eq!(filled(&record, &[&masked, other]), None, "{other:?}");
            assert_eq!(filled(&record, &[other, &masked]), None, "{other:?}");
        }
        // A mask that came with the input lies where nobody looked for it.
        let open = typed(r#"{"open": {"type": "object"}}"#, &[]);
        let forged = json(&format!(r#"{{"open": {{"x": {MASK}}}}}"#));
        assert_eq!(filled(&forged, &[&open]), None);
        let inside = json(&format!(r#"{{"secret": [{MASK}]}}"#));
        assert_eq!(filled(&inside, &[&masked]), None);
    }
}
