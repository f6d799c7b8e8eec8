//! Texts that are parsed together are read as each is read alone.

use proptest::prelude::*;

use super::super::Condition;
use super::{MOST_BYTES, ParsedTexts, TOGETHER};

/// Conditions, and texts that are none: some of them fit together where two would stand one behind the other.
const TEXTS: [&str; 26] = [
    "context.input.amount_cents <= 50000",
    "context.input has order.note && context.input.order.note like \"*x*\"",
    "principal in Stopgate::Profile::\"clerk\" || context.time.business",
    "// a comment first\ncontext.facts.total < 9 // and one behind",
    "if context.input.a then context.input.b == \"ä\" else context.input.c.contains(\"}\")",
    "[\"a\", \"b\"].contains(context.agent.id)",
    "context.input.note == \"};permit(principal, action, resource) when {\"",
    "!(context.input.a + 1 > 2)",
    "true } when { true",
    "true } unless { false",
    "true };\npermit(principal, action, resource) when { true",
    "true };\nforbid(principal, action, resource) when { true",
    "context.input.note == \"open",
    "and closed\"",
    "closed\" == context.input.note",
    "true // };",
    "",
    "  \n ",
    "context.input.",
    "(context.input.a",
    "context.input.a)",
    "?principal == principal",
    "context.input.a == b == c",
    "context == resource",
    "Stopgate::User::\"x\" == principal",
    "permit(principal, action, resource);",
];

fn is_read_as_alone(texts: &[&str]) -> Result<(), TestCaseError> {
    let parsed = ParsedTexts::new(texts.iter().copied());
    for text in texts {
        let among = Condition::parse_among(text, &parsed);
        prop_assert_eq!(&among, &Condition::parse(text), "{:?}", text);
        let Ok(condition) = among else { continue };
        // Places of mistakes are counted in the text that was parsed.
        let place = condition
            .expression
            .as_deref()
            .and_then(|expression| expression.source_loc());
        let place = place.map(|place| place.src.get(condition.offset..));
        let stands = place.flatten().is_some_and(|place| place.starts_with(text));
        prop_assert!(stands, "{:?} does not stand at its place", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_that_are_parsed_together_are_read_as_each_alone(
        chosen in prop::collection::vec(prop::sample::select(TEXTS.as_slice()), 0..12),
    ) {
        is_read_as_alone(&chosen)?;
    }
}

#[test]
fn a_wrong_text_spoils_no_other() {
    // What ends one policy early and what joins two keep their number.
    let shifting = [
        TEXTS[0],
        "true };\npermit(principal, action, resource) when { true",
        "context.input.note == \"open",
        "and closed\"",
    ];
    is_read_as_alone(&shifting).expect("as alone");
    assert!(ParsedTexts::new(shifting).0.is_empty());
    // Those of another group were parsed together all the same.
    let valid: Vec<String> = (0..TOGETHER)
        .map(|at| format!("context.input.amount_cents <= {at}"))
        .collect();
    let texts = valid.iter().map(String::as_str);
    let parsed = ParsedTexts::new(texts.chain(["context.input."]));
    assert_eq!(parsed.0.len(), TOGETHER);
}

#[test]
fn the_company_of_a_text_is_no_longer_than_one_text_may_be() {
    let long: Vec<String> = (0..64)
        .map(|at| format!("context.input.amount_cents <= {at} // {}", "y".repeat(1000)))
        .collect();
    let parsed = ParsedTexts::new(long.iter().map(String::as_str));
    assert_eq!(parsed.0.len(), long.len());
    for parsed in parsed.0.values() {
        let place = parsed
            .expression
            .as_deref()
            .and_then(|expression| expression.source_loc());
        let around = place.expect("a place").src.len();
        assert!((2000..MOST_BYTES + 2000).contains(&around), "{around}");
    }
}
