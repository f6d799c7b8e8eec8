//! From a tool's JSON Schema to what is checked and what rules can see.

use super::*;
use crate::attempt::INPUT_LIMITS;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), INPUT_LIMITS).expect("strict JSON")
}

fn input_type(properties: &str, required: &str) -> InputType {
    let schema = format!(r#"{{"type":"object","properties":{properties},"required":{required}}}"#);
    InputType::of(&json(&schema), &BTreeSet::new()).expect("a schema")
}

#[test]
fn each_bound_is_checked_on_both_sides() {
    let text = r#"{"s":{"type":"string","minLength":2,"maxLength":3},"e":{"type":"string","enum":["EUR","GBP"]},
        "i":{"type":"integer","minimum":1,"exclusiveMaximum":10},"ie":{"type":"integer","enum":[1,2]},
        "n":{"type":"number","minimum":0.5},"b":{"type":"boolean"},
        "a":{"type":"array","items":{"type":"integer","minimum":0},"maxItems":2},
        "o":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false},
        "u":{"anyOf":[{"type":"string"},{"type":"null"}]},"t":{"type":["integer","null"]}}"#;
    let input = input_type(text, "[]");
    let fine = [
        "{}",
        r#"{"s":"öä"}"#,
        r#"{"e":"GBP"}"#,
        r#"{"i":1}"#,
        r#"{"i":9}"#,
        r#"{"ie":2}"#,
        r#"{"n":0.5}"#,
        r#"{"n":1}"#,
        r#"{"b":false}"#,
        r#"{"a":[]}"#,
        r#"{"a":[0,0]}"#,
        r#"{"o":{"x":""}}"#,
        r#"{"u":null}"#,
        r#"{"u":"x"}"#,
        r#"{"t":null}"#,
        r#"{"t":7}"#,
    ];
    for text in fine {
        assert_eq!(input.check(&json(text)), Ok(()), "{text}");
    }
    for (text, path, problem) in [
        ("[]", "", Mismatch::NotAnObject),
        (r#"{"z":1}"#, "", Mismatch::Undeclared),
        (r#"{"s":"a"}"#, "s", Mismatch::Length),
        (r#"{"s":"abcd"}"#, "s", Mismatch::Length),
        (r#"{"s":null}"#, "s", Mismatch::Type),
        (r#"{"e":"USD"}"#, "e", Mismatch::Enum),
        (r#"{"i":0}"#, "i", Mismatch::Bounds),
        (r#"{"i":10}"#, "i", Mismatch::Bounds),
        (r#"{"i":5.0}"#, "i", Mismatch::Type),
        (r#"{"i":"5"}"#, "i", Mismatch::Type),
        (r#"{"ie":7}"#, "ie", Mismatch::Enum),
        (r#"{"n":0.4}"#, "n", Mismatch::Bounds),
        (r#"{"n":"1"}"#, "n", Mismatch::Type),
        (r#"{"b":0}"#, "b", Mismatch::Type),
        (r#"{"a":[0,0,0]}"#, "a", Mismatch::Length),
        (r#"{"a":[-1]}"#, "a", Mismatch::Bounds),
        (r#"{"a":[null]}"#, "a", Mismatch::Type),
        (r#"{"o":{}}"#, "o/x", Mismatch::Missing),
        (r#"{"o":{"x":"","y":1}}"#, "o", Mismatch::Undeclared),
        (r#"{"u":1}"#, "u", Mismatch::Type),
    ] {
        assert_eq!(
            input.check(&json(text)),
            Err(InputMismatch {
                path: path.into(),
                problem
            }),
            "{text}"
        );
    }
}

#[test]
fn what_has_no_exact_type_is_opaque_and_says_why() {
    let text = r#"{"plain":{"type":"string","format":"date"},"n":{"type":"number"},"open":{"type":"object"},
        "any":{},"two":{"type":["string","integer"]},"of":{"oneOf":[{"type":"string"}]},"true":true,
        "odd name":{"type":"string"},"__e":{"type":"string"},"list":{"type":"array","items":{"type":"number"}},
        "mult":{"type":"integer","multipleOf":5}}"#;
    let input = input_type(text, "[]");
    let opaque: Vec<_> = input
        .members()
        .iter()
        .map(|member| (member.name.as_str(), member.opaque))
        .collect();
    let expected = [
        ("plain", None),
        ("n", Some(Opaque::Number)),
        ("open", Some(Opaque::Open)),
        ("any", Some(Opaque::Untyped)),
        ("two", Some(Opaque::Untyped)),
        ("of", Some(Opaque::Untyped)),
        ("true", Some(Opaque::Untyped)),
        ("odd name", Some(Opaque::Name)),
        ("__e", Some(Opaque::Name)),
        ("list", Some(Opaque::Untyped)),
        ("mult", Some(Opaque::Untyped)),
    ];
    assert_eq!(opaque, expected);
}

#[test]
fn a_mask_hides_its_argument_and_must_name_one() {
    let schema = json(
        r#"{"type":"object","properties":{"iban":{"type":"string"},"who":{"type":"object",
        "properties":{"tax":{"type":"string"},"name":{"type":"string"}},"additionalProperties":false}}}"#,
    );
    let masks = |all: &[&str]| {
        all.iter()
            .map(|text| Pointer::new(text).expect("a pointer"))
            .collect::<BTreeSet<_>>()
    };
    let input = InputType::of(&schema, &masks(&["/iban", "/who/tax"])).expect("a schema");
    assert_eq!(
        input.member("iban").and_then(|member| member.opaque),
        Some(Opaque::Masked)
    );
    let Some(Shape::Object(who)) = input.member("who").map(|member| &member.shape) else {
        panic!("a record")
    };
    assert_eq!(
        who.member("tax").and_then(|member| member.opaque),
        Some(Opaque::Masked)
    );
    assert_eq!(who.member("name").and_then(|member| member.opaque), None);
    for unknown in ["/ibam", "/who/nobody"] {
        let pointer = Pointer::new(unknown).expect("a pointer");
        assert_eq!(
            InputType::of(&schema, &masks(&[unknown])),
            Err(InvalidSchema::UnknownMask(pointer))
        );
    }
}
