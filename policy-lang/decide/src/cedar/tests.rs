//! How slices are read: whole or not at all, on a stack of their own.

use super::*;

/// Checks that a bundle is read on a stack that is made for printed rules: printing gives each operator brackets of its
/// own.
#[test]
fn t4_printed_rules_are_read_on_a_stack_of_their_own() {
    let nested = |levels: usize| {
        let open = "(if true || true && 0 == 1 + 2 * -".repeat(levels);
        format!("{open}1{} > 0", " then 1 else 2)".repeat(levels))
    };
    // No rule is accepted any more that a proof cannot be made of, but a bundle of before may hold it.
    let rule = format!(
        "@rule(\"a/b\") permit(principal, action, resource) when {{ {} }};",
        nested(12)
    );
    let tree = cedar_policy::Policy::parse(None, rule)
        .expect("a policy")
        .to_json();
    let policy = cedar_policy::Policy::from_json(None, tree.expect("a tree")).expect("a policy");
    let text = policy.to_string();
    let small = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || {
            let schema = PreparedSchema::new().expect("names");
            let (rules, none) = (
                std::collections::HashMap::from([("a/b".to_owned(), 0)]),
                std::collections::HashMap::new(),
            );
            let places = SlicePlaces {
                rules: &rules,
                operations: &none,
                profiles: &std::collections::HashMap::new(),
            };
            let slices = std::collections::BTreeMap::from([(ANYWHERE.to_owned(), text.as_str())]);
            let index = Index::load(&slices, &places, &schema, Layout::Buckets).expect("an index");
            assert_eq!(index.rules(None).len(), 1);
        });
    small.expect("a thread").join().expect("no overflow");
}

/// Checks that many policies are parsed at once, and that a text in which one is missing, double or no policy is
/// refused.
#[test]
fn t4_slices_are_read_whole_or_not_at_all() {
    use std::collections::{BTreeMap, HashMap};
    let schema = PreparedSchema::new().expect("names");
    let rules: HashMap<String, u32> = (0..2000).map(|at| (format!("a/r{at}"), at)).collect();
    let (none, nobody) = (HashMap::new(), HashMap::new());
    let places = SlicePlaces {
        rules: &rules,
        operations: &none,
        profiles: &nobody,
    };
    let policy = |at: u32| {
        format!(
            "@rule(\"a/r{at}\")\npermit(principal, action, resource) when {{ context.input.n > {at} }};\n"
        )
    };
    let load = |text: &str| {
        let slices = BTreeMap::from([(ANYWHERE.to_owned(), text)]);
        Index::load(&slices, &places, &schema, Layout::Buckets).map(|index| index.rules(None).len())
    };
    let all: Vec<String> = (0..2000).map(policy).collect();
    let text = all.concat();
    assert!(text.len() > 128 * 1024, "more than is parsed at once");
    assert_eq!(load(&text).ok(), Some(2000));
    let spoilt = |at: usize, by: &str| {
        let mut all = all.clone();
        if let Some(policy) = all.get_mut(at) {
            *policy = by.to_owned();
        }
        load(&all.concat())
    };
    // A rule that is missing, one that stands twice, and texts that are no rule as the compiler prints it.
    for (by, expected) in [
        ("", "rule 1500 stands in no slice"),
        (&policy(1499) as &str, "match form"),
        (";", "not Cedar text"),
        ("@rule(\"a/r1500\")", "not Cedar text"),
        (
            "@rule(\"a/r1500\") permit(principal, action, resource) when { 1 + };",
            "not Cedar text",
        ),
        (
            "@rule(\"a/r1500\") forbid(principal, action, resource);",
            "match form",
        ),
        (
            "@rule(\"a/r1500\") permit(principal, action, resource == Stopgate::Tool::\"erp\");",
            "match form",
        ),
        (
            "@rule(\"a/r1500\") permit(principal is Stopgate::User, action, resource);",
            "match form",
        ),
        (
            "@rule(\"a/r1500\") permit(principal == ?principal, action, resource);",
            "not Cedar text",
        ),
        (
            "@rule(\"a/r1500\") permit(principal in Stopgate::Profile::\"p\", action, resource);",
            "match form",
        ),
        (
            "@id(\"a/r1500\") permit(principal, action, resource);",
            "no known rule",
        ),
        (
            "@rule(\"a/other\") permit(principal, action, resource);",
            "no known rule",
        ),
    ] {
        let refused = spoilt(1500, by).expect_err(by).to_string();
        assert!(refused.contains(expected), "{by}: {refused}");
    }
}
