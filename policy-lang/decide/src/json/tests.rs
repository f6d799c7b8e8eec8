//! The strict JSON subset against hostile texts and against other readers.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    bytes: 4096,
    depth: 8,
    members: 64,
};

fn problem(text: &[u8]) -> Option<Problem> {
    Json::parse(text, LIMITS).err().map(|error| error.problem)
}

#[test]
fn hostile_texts_are_refused_by_name() {
    // More of each than the limits allow.
    let deep = "[".repeat(9) + &"]".repeat(9);
    let many = format!("[{}1]", "1,".repeat(64));
    let long = format!("\"{}\"", "a".repeat(4096));
    for (text, expected) in [
        (r#"{"a":1,"a":2}"#, Problem::Duplicate),
        (r#"{"a":1,"\u0061":2}"#, Problem::Duplicate),
        ("9007199254740992", Problem::UnsafeInteger),
        ("-9007199254740992", Problem::UnsafeInteger),
        ("123456789012345678901234567890", Problem::UnsafeInteger),
        ("-0", Problem::MinusZero),
        ("1e400", Problem::Overflow),
        (r#""\ud800""#, Problem::Surrogate),
        (r#""\udc00\ud800""#, Problem::Surrogate),
        (r#""\ud800\u0041""#, Problem::Surrogate),
        (r#""\x""#, Problem::Escape),
        ("\"\n\"", Problem::Escape),
        ("01", Problem::Trailing),
        ("+1", Problem::Syntax),
        ("1.", Problem::Ended),
        (".5", Problem::Syntax),
        ("NaN", Problem::Syntax),
        ("[1,]", Problem::Syntax),
        ("{\"a\":1,}", Problem::Syntax),
        ("{a:1}", Problem::Syntax),
        ("", Problem::Ended),
        ("[", Problem::Ended),
        ("{} {}", Problem::Trailing),
        ("\u{feff}{}", Problem::Syntax),
        (deep.as_str(), Problem::TooDeep),
        (many.as_str(), Problem::TooMany),
        (long.as_str(), Problem::TooLong),
    ] {
        assert_eq!(problem(text.as_bytes()), Some(expected), "{text}");
    }
    assert_eq!(problem(b"\"\xff\""), Some(Problem::NotUtf8));
}

#[test]
fn i13_spellings_that_a_reader_could_tell_apart_have_different_digests() {
    // Numbers keep their text, so that nobody has to agree on what a fraction is.
    let texts = [
        "1",
        "1.0",
        "1.00",
        "1e0",
        "10e-1",
        "\"1\"",
        "[1]",
        "{\"1\":1}",
        "true",
        "null",
        "\"\"",
        "0",
        "0.0",
        "-0.0",
    ];
    let digests: std::collections::BTreeSet<_> = texts
        .iter()
        .map(|text| {
            Json::parse(text.as_bytes(), LIMITS)
                .expect("strict")
                .digest("t")
        })
        .collect();
    assert_eq!(digests.len(), texts.len());
    // Order, white space and escapes say nothing.
    let same = [r#"{"b":1,"a":"\u00e9\/"}"#, "{ \"a\" : \"é/\",\n\"b\":1}"];
    let same = same.map(|text| {
        Json::parse(text.as_bytes(), LIMITS)
            .expect("strict")
            .digest("t")
    });
    assert_eq!(same[0], same[1]);
    // Unicode normalisation is nobody's here: what looks alike is two texts.
    let composed = [r#""\u00e9""#, r#""e\u0301""#]
        .map(|text| Json::parse(text.as_bytes(), LIMITS).expect("strict"));
    assert_ne!(composed[0].digest("t"), composed[1].digest("t"));
    // The purpose is digested too.
    assert_ne!(composed[0].digest("t"), composed[0].digest("u"));
}

fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(Json::Integer),
        (any::<i32>(), 0..9_u8).prop_map(|(a, b)| Json::Decimal(format!("{a}.{b}").into())),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                // Reversed, so that members are not in canonical order already.
                .prop_map(|members| Json::Object(members.into_iter().rev().collect())),
        ]
    })
}

fn sorted(value: &Json) -> Json {
    match value {
        Json::Array(elements) => Json::Array(elements.iter().map(sorted).collect()),
        Json::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Json::Object(members)
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {
            value.clone()
        }
    }
}

proptest! {
    /// Checks that canonical bytes parse back to the same value with its members sorted, so that equal bytes mean equal
    /// values, and that an independent reader sees the same value in them.
    #[test]
    fn i12_canonical_bytes_are_a_fixpoint_and_other_readers_agree(value in values()) {
        let limits = Limits { bytes: 1 << 20, depth: 16, members: 4096 };
        let canonical = value.canonical();
        let again = Json::parse(canonical.as_bytes(), limits).expect("canonical text is strict JSON");
        prop_assert_eq!(&again, &sorted(&value));
        prop_assert_eq!(again.canonical(), canonical.clone());
        let other: serde_json::Value = serde_json::from_str(&canonical).expect("serde_json reads it");
        let back = Json::parse(other.to_string().as_bytes(), limits).expect("what serde_json writes");
        // serde_json keeps no text of a fraction.
        if !canonical.contains('.') {
            prop_assert_eq!(back.canonical(), canonical);
        }
    }

    #[test]
    fn i10_any_bytes_give_a_value_or_a_located_problem(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Err(error) = Json::parse(&bytes, LIMITS) {
            // A place that is outside the text could not be shown.
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn i12_what_we_accept_serde_json_accepts(text in r#"[\[\]{}",:0-9eE.+\-\\u a-f]{0,24}"#) {
        if Json::parse(text.as_bytes(), LIMITS).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}

#[test]
fn a_member_that_stands_twice_is_found_however_many_there_are() {
    // Around the number from which on a table is kept instead of looking through them all.
    for members in [1, 2, 15, 16, 17, 18, 40] {
        let names: Vec<String> = (0..members).map(|at| format!("\"m{at}\":{at}")).collect();
        let text = format!("{{{}}}", names.join(","));
        assert!(Json::parse(text.as_bytes(), LIMITS).is_ok(), "{members}");
        for twice in 0..members {
            let text = format!("{{{},\"m{twice}\":0}}", names.join(","));
            let refused = Json::parse(text.as_bytes(), LIMITS).expect_err("twice");
            assert_eq!(refused.problem, Problem::Duplicate, "{twice} of {members}");
        }
    }
}
