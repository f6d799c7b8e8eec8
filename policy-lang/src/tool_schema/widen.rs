//! What one input type accepts and another refuses, in the ways that rules cannot see: lengths, nulls, and everything
//! in opaque arguments. Each is shown by a value; where there is none, nothing of that kind was widened.
//!
//! Shapes are intervals and lists, so that a widening shows at the end of an interval or at an entry of a list: trying
//! those is complete. Values are checked by the types themselves.

use std::collections::BTreeSet;

use crate::attempt::INPUT_LIMITS;
use crate::json::{Json, MAX_SAFE_INTEGER};

use super::{InputType, Member, Shape};

/// Longest array that is made: a longer one no sidecar accepts.
const MOST: usize = INPUT_LIMITS.members;

/// Something that only the wider type accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Widening {
    /// The way to the argument.
    pub path: Vec<String>,
    /// What stands there; `None`: it is left out.
    pub value: Option<Json>,
}

impl InputType {
    /// Everything that `self` accepts and `narrow` refuses, and that no rule can see; one value for each argument. No
    /// text is as long as `bytes`, the longest input that is accepted at all.
    #[must_use]
    pub fn widenings(&self, narrow: &Self, bytes: usize) -> Vec<Widening> {
        let mut found = Vec::new();
        widenings(self, narrow, bytes, &mut Vec::new(), &mut found);
        found
    }

    /// Arguments that rules of `self` can read and rules of `other`, which has them too, cannot.
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

    /// Some input of this type: required arguments alone, each with a plain value.
    #[must_use]
    pub fn plain(&self) -> Json {
        let required = self.members.iter().filter(|member| member.required);
        Json::Object(
            required
                .map(|member| (member.name.clone(), member.plain()))
                .collect(),
        )
    }
}

fn widenings(
    wide: &InputType,
    narrow: &InputType,
    bytes: usize,
    path: &mut Vec<String>,
    found: &mut Vec<Widening>,
) {
    for member in &wide.members {
        path.push(member.name.clone());
        let other = narrow.member(&member.name);
        let mut show = |value: Option<Json>| {
            found.push(Widening {
                path: path.clone(),
                value,
            });
        };
        match other {
            // What rules can see of a new argument is that it is there.
            None if member.opaque.is_none() => {}
            // With a new argument that has to be there nothing passes the narrow type, and that is said elsewhere.
            None if member.required => {}
            None => show(Some(member.plain())),
            Some(other) => {
                if member.opaque.is_some() && other.required && !member.required {
                    show(None);
                }
                if member.nullable && !other.accepts(&Json::Null) {
                    show(Some(Json::Null));
                }
                let readable = member.opaque.is_none();
                let refused = |value: &Json| member.accepts(value) && !other.accepts(value);
                let value = candidates(&member.shape, &other.shape, bytes, readable)
                    .into_iter()
                    .find(refused);
                if value.is_some() {
                    show(value);
                }
            }
        }
        if let (Shape::Object(wide), Some(Shape::Object(narrow))) =
            (&member.shape, other.map(|other| &other.shape))
        {
            widenings(wide, narrow, bytes, path, found);
        }
        path.pop();
    }
}

/// Values at the ends of what the two shapes accept. Of a readable argument only what types of rules cannot say.
fn candidates(wide: &Shape, narrow: &Shape, bytes: usize, readable: bool) -> Vec<Json> {
    match (wide, narrow) {
        (Shape::String { .. }, Shape::String { .. }) => {
            let listed = [wide, narrow].into_iter().filter(|_| !readable);
            let listed = listed.flat_map(listed_texts);
            let ends = [wide, narrow].into_iter().flat_map(ends);
            let texts = ends
                .filter(|length| *length < bytes)
                .map(|length| "x".repeat(length));
            texts.chain(listed).map(Json::String).collect()
        }
        (Shape::Array { element, .. }, Shape::Array { element: other, .. }) => {
            // Rules see which numbers a list holds, but types cannot say between what they have to lie.
            let readable = readable && !matches!(**other, Shape::Integer { one_of: None, .. });
            let inner = candidates(element, other, bytes, readable);
            let odd = inner
                .into_iter()
                .find(|one| element.accepts(one) && !other.accepts(one));
            let of = |length: usize| Json::Array(vec![plain(element); length]);
            let lengths = [wide, narrow]
                .into_iter()
                .flat_map(ends)
                .filter(|length| *length < MOST);
            let with_odd = odd.map(|odd| {
                let least = ends(wide).first().map_or(1, |least| (*least).max(1));
                Json::Array(vec![odd; least])
            });
            lengths.map(of).chain(with_odd).collect()
        }
        _ if readable => Vec::new(),
        (
            Shape::Integer { .. } | Shape::Number { .. },
            Shape::Integer { .. } | Shape::Number { .. },
        ) => numbers(wide).into_iter().chain(numbers(narrow)).collect(),
        (Shape::Object(_), Shape::Object(_)) => Vec::new(),
        _ => {
            let all = [
                Json::Bool(true),
                Json::Integer(1),
                Json::Decimal("0.5".into()),
                Json::String("x".to_owned()),
                Json::Array(Vec::new()),
                Json::Object(Vec::new()),
            ];
            all.into_iter().chain([plain(wide)]).collect()
        }
    }
}

fn listed_texts(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::String { one_of, .. } => one_of.clone().unwrap_or_default(),
        Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Anything => Vec::new(),
    }
}

/// Lengths at and around the ends of a text's or an array's.
fn ends(shape: &Shape) -> Vec<usize> {
    match shape {
        Shape::String { min, max, .. } | Shape::Array { min, max, .. } => {
            vec![*min, *max, min.saturating_sub(1), max.saturating_add(1)]
        }
        Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Object(_)
        | Shape::Anything => Vec::new(),
    }
}

fn numbers(shape: &Shape) -> Vec<Json> {
    match shape {
        Shape::Integer { one_of, min, max } => {
            let around = [*min, *max, min.saturating_sub(1), max.saturating_add(1)];
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
    fn accepts(&self, value: &Json) -> bool {
        self.check(value).is_ok()
    }
}

/// Some value of a shape, as plain as it gets.
fn plain(shape: &Shape) -> Json {
    match shape {
        Shape::String {
            one_of: Some(listed),
            ..
        } => Json::String(listed.first().cloned().unwrap_or_default()),
        Shape::String {
            one_of: None, min, ..
        } => Json::String("x".repeat((*min).min(INPUT_LIMITS.bytes))),
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
        Shape::Array { element, min, .. } => Json::Array(vec![plain(element); (*min).min(MOST)]),
        Shape::Object(members) => members.plain(),
        Shape::Anything => Json::Object(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointer::Pointer;

    fn of(properties: &str, required: &str, masked: &[&str]) -> InputType {
        let schema = format!(
            r#"{{"type":"object","additionalProperties":false,"properties":{{{properties}}},"required":[{required}]}}"#
        );
        let schema = Json::parse(schema.as_bytes(), INPUT_LIMITS).expect("JSON");
        let masked = masked
            .iter()
            .map(|pointer| Pointer::new(pointer).expect("a pointer"));
        InputType::of(&schema, &masked.collect::<BTreeSet<_>>()).expect("a type")
    }

    fn shown(wide: &InputType, narrow: &InputType) -> Vec<String> {
        let show = |one: Widening| {
            let value = one.value.map_or("–".to_owned(), |value| value.canonical());
            format!("{} = {value}", one.path.join("/"))
        };
        wide.widenings(narrow, INPUT_LIMITS.bytes)
            .into_iter()
            .map(show)
            .collect()
    }

    #[test]
    fn what_rules_see_is_left_to_them() {
        let narrow = of(
            r#""n":{"type":"integer","maximum":5},"e":{"type":"string","enum":["a"]}"#,
            "",
            &[],
        );
        let wide = of(
            r#""n":{"type":"integer","maximum":9},"e":{"type":"string","enum":["a","b"]},"new":{"type":"boolean"}"#,
            "",
            &[],
        );
        assert_eq!(shown(&wide, &narrow), [""; 0]);
    }

    #[test]
    fn lengths_nulls_and_opaque_arguments_are_shown() {
        let narrow = of(
            r#""t":{"type":"string","maxLength":2},"l":{"type":"array","items":{"type":"integer"},"maxItems":1},
               "x":{"type":"number","maximum":1},"m":{"type":"string","enum":["a"]},"q":{"type":"integer"}"#,
            r#""m""#,
            &["/m"],
        );
        let wide = of(
            r#""t":{"type":"string","maxLength":3},"l":{"type":"array","items":{"type":"integer"},"maxItems":2},
               "x":{"type":"number","maximum":2},"m":{"type":"string","enum":["a","b"]},
               "q":{"type":["integer","null"]},"o":{"type":"number"}"#,
            "",
            &["/m"],
        );
        assert_eq!(
            shown(&wide, &narrow),
            [
                "t = \"xxx\"",
                "l = [1,1]",
                "x = 2.0",
                "m = –",
                "m = \"b\"",
                "q = null",
                "o = 0.5",
            ]
        );
        assert_eq!(shown(&narrow, &narrow), [""; 0]);
    }

    #[test]
    fn the_ends_that_inputs_can_have_are_reached_and_no_others() {
        let text = |most: usize| {
            of(
                &format!(r#""t":{{"type":"string","maxLength":{most}}}"#),
                "",
                &[],
            )
        };
        let (wide, narrow) = (text(200_000), text(70_000));
        let length = |bytes| -> Vec<Option<usize>> {
            let found = wide.widenings(&narrow, bytes).into_iter();
            let value = found.map(|one| one.value.expect("a text"));
            value.map(|value| value.as_str().map(str::len)).collect()
        };
        assert_eq!(length(INPUT_LIMITS.bytes), [Some(200_000)]);
        assert_eq!(length(100_000), [Some(70_001)]);
        assert_eq!(length(64 * 1024), [None; 0]);
        // One more than 1e20 is no other double.
        let number = |most: &str| of(&format!(r#""x":{{"type":"number"{most}}}"#), "", &[]);
        let (wide, narrow) = (number(""), number(r#","maximum":1e20"#));
        assert_eq!(shown(&wide, &narrow), ["x = 1.0000000000000002e20"]);
        assert_eq!(shown(&narrow, &wide), [""; 0]);
        let narrow = number(r#","minimum":-1e20"#);
        assert_eq!(shown(&wide, &narrow), ["x = -1.0000000000000002e20"]);
    }

    #[test]
    fn plain_inputs_are_inputs() {
        let of = of(
            r#""t":{"type":"string","minLength":3},"n":{"type":"integer","minimum":7},
               "x":{"type":"number","minimum":0.25,"maximum":0.75},"o":{"type":"object","additionalProperties":false,
               "properties":{"l":{"type":"array","items":{"type":"string"},"minItems":2}},"required":["l"]}"#,
            r#""t","n","x","o""#,
            &[],
        );
        assert_eq!(of.check(&of.plain()), Ok(()));
    }
}
