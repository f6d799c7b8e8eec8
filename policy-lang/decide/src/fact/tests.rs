//! Facts of inputs: which values they have, and when there is none.

use std::collections::BTreeSet;

use super::compute::Why;
use super::*;
use crate::attempt::INPUT_LIMITS;
use crate::json::Json;
use crate::tool_schema::InputType;

const SCHEMA: &str = r#"{"type": "object", "properties": {
    "records": {"type": "array", "items": {"type": "object"}},
    "labels": {"type": "array", "items": {"type": "string"}},
    "extra": {"type": "string"},
    "price": {"type": "number"},
    "secret": {"type": "object"},
    "who": {"type": "object", "properties": {"name": {"type": "string"}, "nick": {"type": "string"}},
            "required": ["name"], "additionalProperties": false}},
    "required": ["records", "price", "who"], "additionalProperties": false}"#;

fn input_type() -> InputType {
    let schema = Json::parse(SCHEMA.as_bytes(), INPUT_LIMITS).unwrap();
    let masked = BTreeSet::from([Pointer::new("/secret").unwrap()]);
    InputType::from_schema(&schema, &masked).unwrap()
}

fn fact(projection: &str) -> Result<Fact, BadTarget> {
    let projection: Projection = projection.parse().unwrap();
    let optional = projection.check(&input_type())?;
    Ok(Fact {
        name: FactName::new("f").unwrap(),
        projection,
        optional,
    })
}

fn compute(projection: &str, input: &str) -> Result<Option<String>, Why> {
    let input = Json::parse(input.as_bytes(), INPUT_LIMITS).unwrap();
    input_type().check(&input).unwrap();
    let computed = fact(projection).unwrap().compute(&input_type(), &input);
    computed
        .map(|value| value.map(|value| value.canonical()))
        .map_err(|error| error.why)
}

/// Makes an input with `members` beside what is required.
fn with(members: &str) -> String {
    format!(r#"{{"records": [], "price": 1, "who": {{"name": "a"}}{members}}}"#)
}

#[test]
fn a_projection_reads_back_as_it_was_written() {
    for text in [
        "count(/records)",
        "keys(/records/*)",
        "text(/who/name)",
        "number(/price)",
        "minor(/price, 2)",
        "keys(json(/extra))",
        "text(json(/extra)/a/b)",
    ] {
        assert_eq!(text.parse::<Projection>().unwrap().to_string(), text);
    }
    // One way to write each: no space, no leading zero, nothing behind the end.
    for text in [
        "",
        "count",
        "count()",
        "count(records)",
        "size(/records)",
        "count(/records, 2)",
        "minor(/price)",
        "minor(/price, 10)",
        "minor(/price, -1)",
        "minor(/price, 02)",
        "count(/records/*)",
        "text(json(/extra)",
        "text(json(/*)/a)",
        "count(/records) ",
        "count(/a)(/b)",
        "minor(/price, 2, 3)",
        "json(/extra)",
    ] {
        assert!(text.parse::<Projection>().is_err(), "{text}");
    }
}

#[test]
fn values_are_taken_exactly() {
    let records =
        r#"{"records": [{"a": 1, "b": 2}, {"c": 3}], "price": 12.5, "who": {"name": "n"}}"#;
    assert_eq!(compute("count(/records)", records), Ok(Some("2".into())));
    assert_eq!(
        compute("keys(/records/*)", records),
        Ok(Some(r#"["a","b","c"]"#.into()))
    );
    assert_eq!(
        compute("keys(/records/1)", records),
        Ok(Some(r#"["c"]"#.into()))
    );
    assert_eq!(
        compute("minor(/price, 2)", records),
        Ok(Some("1250".into()))
    );
    assert_eq!(
        compute("text(/who/name)", records),
        Ok(Some(r#""n""#.into()))
    );
    assert_eq!(compute("number(/price)", records), Err(Why::Type));
    // A place in an array has no leading zero, or one element would have several names.
    assert_eq!(compute("keys(/records/01)", records), Err(Why::Nothing));
    assert_eq!(compute("keys(/records/2)", records), Err(Why::Nothing));
    assert_eq!(
        compute("keys(/records/*)", &with("")),
        Ok(Some("[]".into()))
    );
}

#[test]
fn money_keeps_every_digit() {
    let priced =
        |price: &str| format!(r#"{{"records": [], "price": {price}, "who": {{"name": "a"}}}}"#);
    let minor = |price: &str| compute("minor(/price, 2)", &priced(price));
    // Where floating point would round.
    for (price, units) in [
        ("0.1", "10"),
        ("0.29", "29"),
        ("-0.05", "-5"),
        ("7", "700"),
        ("90071992547409.91", "9007199254740991"),
    ] {
        assert_eq!(minor(price), Ok(Some(units.into())), "{price}");
    }
    // More digits than the currency has are refused and not cut, and so are exponents.
    for price in ["0.001", "1.000", "1e2", "1.5E1"] {
        assert_eq!(minor(price), Err(Why::Digits), "{price}");
    }
    // Beyond what every JSON reader keeps exactly.
    for price in [
        "90071992547409.92",
        "9007199254740991",
        "99999999999999999.99",
    ] {
        assert_eq!(minor(price), Err(Why::Range), "{price}");
    }
}

#[test]
fn an_optional_argument_makes_an_optional_fact_and_nothing_else_is_absent() {
    assert!(fact("keys(json(/extra))").unwrap().optional);
    assert!(fact("text(/who/nick)").unwrap().optional);
    assert!(!fact("count(/records)").unwrap().optional);
    assert_eq!(compute("keys(json(/extra))", &with("")), Ok(None));
    assert_eq!(compute("text(/who/nick)", &with("")), Ok(None));
    let hiding = |json: &str| {
        with(&format!(
            r#", "extra": {}"#,
            Json::String(json.to_owned()).canonical()
        ))
    };
    assert_eq!(
        compute("text(json(/extra)/a)", &hiding(r#"{"a": "b"}"#)),
        Ok(Some(r#""b""#.into()))
    );
    assert_eq!(
        compute("text(json(/extra)/a)", &hiding(r#"{"A": "b"}"#)),
        Err(Why::Nothing)
    );
    // An argument that is no strict JSON has no fact, or two readers could see two values in it.
    assert_eq!(
        compute("text(json(/extra)/a)", &hiding(r#"{"a": "b", "a": "c"}"#)),
        Err(Why::Json)
    );
    assert_eq!(compute("text(json(/extra)/a)", &hiding("")), Err(Why::Json));
}

#[test]
fn a_fact_fits_the_schema_or_is_refused() {
    let refused = |text: &str| fact(text).unwrap_err();
    assert!(matches!(refused("count(/rows)"), BadTarget::Unknown(_)));
    assert!(matches!(refused("text(/who/nam)"), BadTarget::Unknown(_)));
    assert!(matches!(refused("keys(/secret)"), BadTarget::Masked(_)));
    for text in [
        "count(/extra)",
        "keys(/labels)",
        "text(/price)",
        "number(/extra)",
        "text(/who)",
        "keys(json(/price))",
    ] {
        assert!(matches!(refused(text), BadTarget::Type(..)), "{text}");
    }
    for text in [
        "count(/labels)",
        "keys(/who)",
        "text(/extra)",
        "count(/records/0/deep)",
    ] {
        assert!(fact(text).is_ok(), "{text}");
    }
}

#[test]
fn names_can_stand_in_a_condition() {
    for name in ["rows", "field_names", "x1"] {
        assert!(FactName::new(name).is_ok(), "{name}");
    }
    for name in ["", "1x", "a-b", "A", "in", "has", "_a", "a.b"] {
        assert!(FactName::new(name).is_err(), "{name}");
    }
}
