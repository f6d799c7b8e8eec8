//! From a tool's JSON Schema to what is checked and what rules can see.

use super::*;
use crate::attempt::INPUT_LIMITS;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), INPUT_LIMITS).expect("strict JSON")
}

fn input_type(properties: &str, required: &str) -> InputType {
    let schema = format!(r#"{{"type":"object","properties":{properties},"required":{required}}}"#);
    InputType::from_schema(&json(&schema), &BTreeSet::new()).expect("a schema")
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
    // Just within each bound; characters are counted and not bytes.
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
        // Whole, but written with a fraction: rules would see something else than the server.
        (r#"{"i":5.0}"#, "i", Mismatch::Fraction),
        (r#"{"i":1e2}"#, "i", Mismatch::Fraction),
        (r#"{"i":5.5}"#, "i", Mismatch::Type),
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
    // Each member is one way to be unreadable for rules, beside two that are readable.
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
        ("mult", None),
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
    let input = InputType::from_schema(&schema, &masks(&["/iban", "/who/tax"])).expect("a schema");
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
            InputType::from_schema(&schema, &masks(&[unknown])),
            Err(InvalidSchema::UnknownMask(pointer))
        );
    }
}

/// As the official Python SDK writes them.
const UNKNOWN_KEYWORDS: &str = r##"{"type":"object","properties":{
    "price":{"type":"number","exclusiveMinimum":0},
    "qty":{"type":"integer","exclusiveMinimum":0,"multipleOf":5},
    "uniq":{"type":"array","items":{"type":"string"},"uniqueItems":true},
    "prio":{"$ref":"#/$defs/Prio"}, "one":{"const":"a","type":"string"}, "bare":{"const":3},
    "maybe":{"anyOf":[{"$ref":"#/$defs/Prio"},{"type":"null"}],"default":null},
    "model":{"$ref":"#/$defs/Model"}, "models":{"type":"array","items":{"$ref":"#/$defs/Model"},"maxItems":2},
    "tree":{"$ref":"#/$defs/Tree"},
    "map":{"type":"object","additionalProperties":{"type":"integer"}},
    "strange":{"type":"string","maxLength":3,"oneOf":[{"type":"string"}]},
    "either":{"anyOf":[{"type":"string","maxLength":2},{"type":"integer"}]},
    "kinds":{"type":["string","boolean"]}, "flag":{"type":"boolean","enum":[true]},
    "listed":{"enum":[1.50,"x"]}, "rates":{"type":"array","items":{"type":"number","minimum":0}},
    "half":{"type":"integer","minimum":0.5,"maximum":2.5}},
    "$defs":{"Prio":{"enum":["hi","lo"],"type":"string"},
        "Model":{"type":"object","properties":{"id":{"type":"integer"},"n":{"$ref":"#/$defs/Prio"}},"required":["id"]},
        "Tree":{"type":"object","properties":{"name":{"type":"string"},"below":{"$ref":"#/$defs/Tree"}},
            "required":["name"],"additionalProperties":false}}}"##;

#[test]
fn one_unknown_keyword_switches_no_other_check_off() {
    let of = |text: &str| InputType::from_schema(&json(text), &BTreeSet::new()).expect("a schema");
    let input = of(UNKNOWN_KEYWORDS);
    // A value that would be wrong for the server may pass here; one that fits must never be refused.
    for text in [
        r#"{"price":0.01}"#,
        r#"{"qty":5}"#,
        r#"{"qty":4}"#,
        r#"{"uniq":["a","a"]}"#,
        r#"{"prio":"hi"}"#,
        r#"{"one":"a"}"#,
        r#"{"bare":3}"#,
        r#"{"maybe":null}"#,
        r#"{"model":{"id":1,"n":"lo","more":[]}}"#,
        r#"{"models":[{"id":1},{"id":2}]}"#,
        r#"{"tree":{"name":"a","below":{"name":"b","below":5}}}"#,
        r#"{"map":{"a":1,"b":2}}"#,
        r#"{"strange":"abc"}"#,
        r#"{"either":"ab"}"#,
        r#"{"either":7}"#,
        r#"{"kinds":false}"#,
        r#"{"flag":true}"#,
        r#"{"listed":1.5}"#,
        r#"{"rates":[0,1.5]}"#,
        r#"{"half":1}"#,
    ] {
        assert_eq!(input.check(&json(text)), Ok(()), "{text}");
    }
    // What the known keywords beside an unknown one say is still checked.
    let refused = [
        (r#"{"price":"text"}"#, Mismatch::Type),
        (r#"{"price":{"x":1}}"#, Mismatch::Type),
        (r#"{"price":0}"#, Mismatch::Bounds),
        (r#"{"qty":"text"}"#, Mismatch::Type),
        (r#"{"qty":5.5}"#, Mismatch::Type),
        (r#"{"qty":0}"#, Mismatch::Bounds),
        (r#"{"uniq":7}"#, Mismatch::Type),
        (r#"{"prio":5}"#, Mismatch::Type),
        (r#"{"prio":"mid"}"#, Mismatch::Enum),
        (r#"{"one":"nope"}"#, Mismatch::Enum),
        (r#"{"bare":4}"#, Mismatch::Enum),
        (r#"{"maybe":"mid"}"#, Mismatch::Enum),
        (r#"{"model":"{}"}"#, Mismatch::Type),
        (r#"{"model":{}}"#, Mismatch::Missing),
        (r#"{"model":{"id":"1"}}"#, Mismatch::Type),
        (r#"{"models":[{"id":1},{"n":"lo"}]}"#, Mismatch::Missing),
        (
            r#"{"models":[{"id":1},{"id":1},{"id":1}]}"#,
            Mismatch::Length,
        ),
        (r#"{"tree":{"below":{"name":"b"}}}"#, Mismatch::Missing),
        (r#"{"map":{"a":"1"}}"#, Mismatch::Type),
        (r#"{"strange":7}"#, Mismatch::Type),
        (r#"{"strange":"abcd"}"#, Mismatch::Length),
        (r#"{"either":"abc"}"#, Mismatch::Type),
        (r#"{"either":true}"#, Mismatch::Type),
        (r#"{"kinds":7}"#, Mismatch::Type),
        (r#"{"flag":false}"#, Mismatch::Enum),
        (r#"{"listed":2}"#, Mismatch::Enum),
        (r#"{"rates":["a"]}"#, Mismatch::Type),
        (r#"{"half":0}"#, Mismatch::Bounds),
        (r#"{"half":3}"#, Mismatch::Bounds),
    ];
    for (text, problem) in refused {
        let found = input
            .check(&json(text))
            .map_err(|mismatch| mismatch.problem);
        assert_eq!(found, Err(problem), "{text}");
    }
    let opaque = |name: &str| input.member(name).expect("declared").opaque;
    for readable in ["qty", "uniq", "prio", "one", "bare", "maybe", "half"] {
        assert_eq!(opaque(readable), None, "{readable}");
    }
    for (name, why) in [
        ("price", Opaque::Number),
        ("model", Opaque::Open),
        ("models", Opaque::Untyped),
        ("map", Opaque::Open),
        ("strange", Opaque::Untyped),
        ("either", Opaque::Untyped),
        ("flag", Opaque::Untyped),
    ] {
        assert_eq!(opaque(name), Some(why), "{name}");
    }
}

#[test]
fn definitions_end_somewhere_whatever_they_say() {
    // Each definition names the next one twice: written out it would be 2^60 parts.
    let mut definitions: Vec<String> = (0..60)
        .map(|at| {
            let next = at + 1;
            format!(
                r##""d{at}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{next}"}},"b":{{"$ref":"#/$defs/d{next}"}}}}}}"##
            )
        })
        .collect();
    definitions.push(r#""d60":{"type":"string"}"#.to_owned());
    let schema = format!(
        r##"{{"type":"object","properties":{{"x":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{}}}}}"##,
        definitions.join(",")
    );
    let input = InputType::from_schema(&json(&schema), &BTreeSet::new()).expect("a schema");
    assert_eq!(input.check(&json(r#"{"x":{"a":{"b":{}}}}"#)), Ok(()));
    assert!(input.check(&json(r#"{"x":{"a":{"b":5}}}"#)).is_err());
    // References that lead nowhere we look: anything is accepted there, and no rule reads it.
    for elsewhere in [
        r##"{"$ref":"#/properties/y"}"##,
        r##"{"$ref":"other.json#/$defs/d"}"##,
        r##"{"$ref":"#/$defs/none"}"##,
        r##"{"$ref":"#/$defs/d%20"}"##,
        r##"{"$id":"urn:other","properties":{"z":{"$ref":"#/$defs/d"}},"type":"object"}"##,
        r##"{"$ref":"#"}"##,
    ] {
        let schema = format!(
            r#"{{"type":"object","properties":{{"x":{elsewhere},"y":{{"type":"string"}}}},"$defs":{{"d":{{"type":"string"}}}}}}"#
        );
        let input = InputType::from_schema(&json(&schema), &BTreeSet::new()).expect("a schema");
        assert_eq!(
            input.check(&json(r#"{"x":{"z":5}}"#)),
            Ok(()),
            "{elsewhere}"
        );
        assert!(
            input.member("x").expect("declared").opaque.is_some(),
            "{elsewhere}"
        );
    }
}

#[test]
fn the_text_null_is_refused_where_null_is_in_the_type() {
    let input = input_type(
        r#"{"any":{"anyOf":[{"type":"string"},{"type":"null"}]},"list":{"type":["string","null"]},
            "more":{"anyOf":[{"type":"string"},{"type":"object"},{"type":"null"}]},"plain":{"type":"string"}}"#,
        "[]",
    );
    for name in ["any", "list", "more"] {
        for text in [r#""null""#, r#"" null ""#, r#""\tnull\n""#] {
            let given = json(&format!("{{\"{name}\":{text}}}"));
            let found = input.check(&given).map_err(|mismatch| mismatch.problem);
            assert_eq!(found, Err(Mismatch::NullText), "{name} {text}");
        }
    }
    // Only where the type has `null`, and only this word: other words are texts like any other.
    for name in ["any", "list", "more", "plain"] {
        for text in [
            r#""5""#,
            r#""true""#,
            r#""nullable""#,
            r#""[1]""#,
            r#""{}""#,
            r#""NULL""#,
        ] {
            let given = json(&format!("{{\"{name}\":{text}}}"));
            assert_eq!(input.check(&given), Ok(()), "{name} {text}");
        }
    }
    assert_eq!(input.check(&json(r#"{"plain":"null"}"#)), Ok(()));
}

#[test]
fn what_version_1_read_it_still_reads_so() {
    let schema = json(UNKNOWN_KEYWORDS);
    let first = InputType::of_version_1(&schema, &BTreeSet::new()).expect("a schema");
    // Bundles of the first release keep its laxer reading, or an attempt would be refused that their policy lets
    // through.
    for text in [
        r#"{"price":"text"}"#,
        r#"{"qty":"text"}"#,
        r#"{"uniq":7}"#,
        r#"{"prio":5}"#,
        r#"{"one":"nope"}"#,
        r#"{"map":7}"#,
        r#"{"either":true}"#,
        r#"{"rates":7}"#,
    ] {
        assert_eq!(first.check(&json(text)), Ok(()), "{text}");
    }
    let readable = |name: &str| {
        first
            .member(name)
            .is_some_and(|member| member.opaque.is_none())
    };
    assert!(!readable("prio") && !readable("one") && !readable("qty"));
    let null = json(
        r#"{"type":"object","properties":{"x":{"anyOf":[{"type":"string"},{"type":"null"}]}}}"#,
    );
    let first = InputType::of_version_1(&null, &BTreeSet::new()).expect("a schema");
    assert_eq!(first.check(&json(r#"{"x":"null"}"#)), Ok(()));
}
