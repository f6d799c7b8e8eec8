//! Inputs at which a fact changes: more and fewer elements, members more and less, other texts and numbers.

use std::collections::BTreeSet;

use stopgate_author::cedar::Constants;
use stopgate_decide::attempt::INPUT_LIMITS;
use stopgate_decide::fact::{Place, Projection, View};
use stopgate_decide::json::Json;
use stopgate_decide::pointer::{Pointer, Step};

use super::near::around;

/// Longest array that is made to reach a number: a fact that would need a longer one is not tried at that number.
const LONGEST: usize = 200;

/// A text that no condition names.
pub(super) const OTHER: &str = "other";

/// A fact that conditions read, and the constants they compare with.
#[derive(Debug)]
pub(super) struct FactTurn {
    projection: Projection,
    numbers: BTreeSet<i64>,
    texts: BTreeSet<String>,
}

impl FactTurn {
    pub(super) fn from_projection(projection: &Projection, constants: &Constants) -> Self {
        Self {
            projection: projection.clone(),
            numbers: around(constants.numbers.iter().copied()),
            texts: constants
                .texts
                .iter()
                .cloned()
                .chain([OTHER.to_owned()])
                .collect(),
        }
    }

    /// Returns `input` once for each value worth trying, changed where the fact is taken from.
    pub(super) fn inputs(&self, input: &Json) -> Vec<Json> {
        let edits = self.edits();
        let place = &self.projection.place;
        edits
            .iter()
            .map(|edit| at_place(place, input, edit))
            .collect()
    }

    /// Returns the edits of the value that the fact is taken from: one for each number or text worth trying.
    fn edits(&self) -> Vec<ValueEdit<'_>> {
        let numbers = self.numbers.iter().copied();
        let texts = self.texts.iter();
        match self.projection.view {
            View::Count => {
                let lengths = numbers.filter_map(|number| usize::try_from(number).ok());
                let lengths = lengths.filter(|length| *length <= LONGEST);
                lengths
                    .map(|length| boxed(move |value| of_length(value, length)))
                    .collect()
            }
            View::Keys => {
                let more = texts
                    .clone()
                    .map(|key| boxed(move |value| with_member(value, key)));
                let only =
                    texts.map(|key| boxed(move |_| with_member(&Json::Object(Vec::new()), key)));
                more.chain(only).collect()
            }
            View::Text => texts
                .map(|text| boxed(move |_| Json::String(text.clone())))
                .collect(),
            View::Number => numbers
                .map(|number| boxed(move |_| Json::Integer(number)))
                .collect(),
            View::Minor { scale } => numbers
                .map(|number| boxed(move |_| minor(number, scale)))
                .collect(),
        }
    }
}

/// What becomes of a value.
type ValueEdit<'a> = Box<dyn Fn(&Json) -> Json + 'a>;

fn boxed<'a>(edit: impl Fn(&Json) -> Json + 'a) -> ValueEdit<'a> {
    Box::new(edit)
}

/// Returns `input`, changed so that `projection` takes `wanted` from it, or `None` where `wanted` is nothing that the
/// projection can take.
pub(crate) fn with_fact(projection: &Projection, input: &Json, wanted: &Json) -> Option<Json> {
    let edit: ValueEdit<'_> = match (projection.view, wanted) {
        (View::Count, Json::Integer(count)) => {
            let length = usize::try_from(*count)
                .ok()
                .filter(|length| *length <= LONGEST)?;
            boxed(move |value| of_length(value, length))
        }
        (View::Keys, Json::Array(keys)) => boxed(move |value| with_keys(value, keys)),
        (View::Text, Json::String(_)) | (View::Number, Json::Integer(_)) => {
            boxed(|_| wanted.clone())
        }
        (View::Minor { scale }, Json::Integer(number)) => boxed(move |_| minor(*number, scale)),
        (View::Count | View::Keys | View::Text | View::Number | View::Minor { .. }, _) => {
            return None;
        }
    };
    Some(at_place(&projection.place, input, &edit))
}

fn at_place(place: &Place, input: &Json, edit: &dyn Fn(&Json) -> Json) -> Json {
    match place {
        Place::Input(pointer) => at(input, &steps(pointer), edit),
        Place::Hidden { text, at: inner } => {
            let inner = inner.as_ref().map(steps).unwrap_or_default();
            let hidden = |text: &Json| {
                let json = text.as_str().unwrap_or("{}").as_bytes();
                let json = Json::parse(json, INPUT_LIMITS).unwrap_or(Json::Object(Vec::new()));
                Json::String(at(&json, &inner, edit).canonical())
            };
            at(input, &steps(text), &hidden)
        }
    }
}

/// Returns an object with exactly the members `keys`; values that `value` has for them stay.
fn with_keys(value: &Json, keys: &[Json]) -> Json {
    let member = |key: &str| {
        let kept = value.get(key).cloned();
        (
            key.to_owned(),
            kept.unwrap_or_else(|| Json::String("x".to_owned())),
        )
    };
    Json::Object(keys.iter().filter_map(Json::as_str).map(member).collect())
}

fn steps(pointer: &Pointer) -> Vec<Step> {
    pointer.steps().collect()
}

/// Returns `value` with `edit` done at the path `steps`; a member that is missing on the way is made.
fn at(value: &Json, steps: &[Step], edit: &dyn Fn(&Json) -> Json) -> Json {
    let Some((first, rest)) = steps.split_first() else {
        return edit(value);
    };
    let below = |value: &Json| at(value, rest, edit);
    match (value, first) {
        (Json::Array(elements), Step::Every) => Json::Array(elements.iter().map(below).collect()),
        (Json::Array(elements), Step::Key(key)) => {
            let place = key.parse::<usize>().ok();
            let elements = elements.iter().enumerate().map(|(here, element)| {
                if place == Some(here) {
                    below(element)
                } else {
                    element.clone()
                }
            });
            Json::Array(elements.collect())
        }
        (Json::Object(members), Step::Every) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), below(value)));
            Json::Object(members.collect())
        }
        (Json::Object(members), Step::Key(key)) => {
            let mut members = members.clone();
            match members.iter_mut().find(|(name, _)| name == key) {
                Some((_, value)) => *value = below(value),
                None => members.push((key.clone(), below(&Json::Null))),
            }
            Json::Object(members)
        }
        (other, _) => other.clone(),
    }
}

/// Returns an array of `length` elements, made of those of `value`, cut or with the last one repeated.
fn of_length(value: &Json, length: usize) -> Json {
    let mut elements = value.as_array().map(<[_]>::to_vec).unwrap_or_default();
    let more = elements.last().cloned().unwrap_or(Json::Object(Vec::new()));
    elements.resize(length, more);
    Json::Array(elements)
}

fn with_member(value: &Json, name: &str) -> Json {
    let mut members = value.as_object().map(<[_]>::to_vec).unwrap_or_default();
    if value.get(name).is_none() {
        members.push((name.to_owned(), Json::String("x".to_owned())));
    }
    Json::Object(members)
}

/// Returns `number` units of the last of `scale` decimal places, as a JSON number.
fn minor(number: i64, scale: u8) -> Json {
    if scale == 0 {
        return Json::Integer(number);
    }
    let scale = usize::from(scale);
    let digits = format!(
        "{:0>width$}",
        number.unsigned_abs(),
        width = scale.saturating_add(1)
    );
    let (whole, part) = digits.split_at(digits.len().saturating_sub(scale));
    let sign = if number < 0 { "-" } else { "" };
    Json::Decimal(format!("{sign}{whole}.{part}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(view: View, place: Place, base: &str) -> Vec<String> {
        let constants = Constants {
            numbers: BTreeSet::from([2]),
            texts: BTreeSet::from(["a".to_owned()]),
        };
        let turn = FactTurn::from_projection(&Projection { view, place }, &constants);
        let base = Json::parse(base.as_bytes(), INPUT_LIMITS).expect("JSON");
        turn.inputs(&base).iter().map(Json::canonical).collect()
    }

    fn pointer(text: &str) -> Pointer {
        Pointer::new(text).expect("a pointer")
    }

    #[test]
    fn arrays_are_counted_around_and_numbers_keep_their_scale() {
        assert_eq!(
            inputs(
                View::Count,
                Place::Input(pointer("/r")),
                r#"{"r":[{"k":1}]}"#
            ),
            [
                r#"{"r":[{"k":1}]}"#,
                r#"{"r":[{"k":1},{"k":1}]}"#,
                r#"{"r":[{"k":1},{"k":1},{"k":1}]}"#
            ]
        );
        assert_eq!(minor(1250, 2).canonical(), "12.50");
        assert_eq!(minor(-5, 2).canonical(), "-0.05");
    }

    #[test]
    fn members_are_added_in_every_object_and_inside_texts() {
        let keys = inputs(
            View::Keys,
            Place::Input(pointer("/r/*")),
            r#"{"r":[{"k":1},{}]}"#,
        );
        assert!(
            keys.contains(&r#"{"r":[{"a":"x","k":1},{"a":"x"}]}"#.to_owned()),
            "{keys:?}"
        );
        let hidden = Place::Hidden {
            text: pointer("/t"),
            at: None,
        };
        let keys = inputs(View::Keys, hidden, r#"{"t":"{\"k\":1}"}"#);
        assert!(
            keys.contains(&r#"{"t":"{\"a\":\"x\",\"k\":1}"}"#.to_owned()),
            "{keys:?}"
        );
    }
}
