//! Every kind of node that Cedar can write goes through every walk of ours.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Effect, Policy, PolicyId};
use serde_json::{Value, json};

use super::super::Condition;
use super::super::condition::any_node;
use super::*;

/// A text for each kind of node; every one reads `context.facts.cents` or the argument `n`, and asks for `note`.
const KINDS: [&str; 39] = [
    r#"context.facts.cents == 1 && true"#,
    r#"context.facts.cents != 1"#,
    "context.facts.cents < 1",
    "context.facts.cents <= 1",
    "context.facts.cents > 1",
    "context.facts.cents >= 1",
    "context.facts.cents > 1 || context.input has note",
    "!(context.facts.cents > 1)",
    "-context.facts.cents > 1",
    "context.facts.cents + 1 > 1",
    "context.facts.cents - 1 > 1",
    "context.facts.cents * 2 > 1",
    "[1, 2].contains(context.facts.cents)",
    "[1, 2].containsAll([context.facts.cents])",
    "[1, 2].containsAny([context.facts.cents])",
    "[context.facts.cents].isEmpty()",
    r#"principal.hasTag("a") && context.facts.cents > 1"#,
    r#"principal.getTag("a") == context.facts.cents"#,
    "{a: context.facts.cents}.a > 1",
    "context.facts has cents",
    "context.input has order.note",
    r#"context.input.note like "a*b" && context.facts.cents > 1"#,
    "principal is Stopgate::User && context.facts.cents > 1",
    "principal in Stopgate::Profile::\"lead\" && context.facts.cents > 1",
    "if context.time.business then context.facts.cents > 1 else false",
    r#"decimal("1.5").lessThan(decimal("2.5")) && context.facts.cents > 1"#,
    r#"decimal("1.5").lessThanOrEqual(decimal("2.5"))"#,
    r#"decimal("1.5").greaterThan(decimal("2.5"))"#,
    r#"decimal("1.5").greaterThanOrEqual(decimal("2.5"))"#,
    r#"ip("10.0.0.1").isIpv4() || ip("10.0.0.1").isIpv6()"#,
    r#"ip("10.0.0.1").isLoopback() || ip("10.0.0.1").isMulticast()"#,
    r#"ip("10.0.0.1").isInRange(ip("10.0.0.0/8"))"#,
    r#"context.time.now > datetime("2026-01-01").offset(duration("1d"))"#,
    r#"context.time.now.durationSince(datetime("2026-01-01")).toDays() > context.facts.cents"#,
    r#"context.time.now.toDate() == datetime("2026-01-01")"#,
    r#"context.time.now.toTime().toMilliseconds() > context.facts.cents"#,
    r#"context.time.now.toTime().toSeconds() > context.facts.cents"#,
    r#"context.time.now.toTime().toMinutes() > context.facts.cents"#,
    r#"context.time.now.toTime().toHours() > context.facts.cents"#,
];

/// Returns the JSON that Cedar itself writes of a condition.
fn written(text: &str) -> Value {
    let policy = format!("permit(principal, action, resource) when {{ {text} }};");
    let policy = Policy::parse(None, policy).expect(text);
    policy.to_json().expect(text)["conditions"][0]["body"].clone()
}

/// Returns every word that begins a node of `tree`.
fn words_of(tree: &Value) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        let node = Node::read(tree).expect("a known node");
        words.extend(tree.as_object().expect("an object").keys().cloned());
        open.extend(node.operands());
    }
    words
}

#[test]
fn the_nodes_are_those_that_cedar_knows() {
    // Cedar lists them when it refuses one.
    let tree = json!({
        "effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": {"no such node": {}}}],
    });
    let refusal = Policy::from_json(None, tree).expect_err("no node");
    let mut said = refusal.to_string();
    let mut source: Option<&dyn std::error::Error> = Some(&refusal);
    while let Some(error) = source {
        said.push_str(&error.to_string());
        source = error.source();
    }
    let (_, listed) = said.split_once("expected one of").expect("a list");
    let listed: BTreeSet<&str> = listed.split('`').skip(1).step_by(2).collect();
    // No rule is a template.
    let listed: BTreeSet<&str> = listed.into_iter().filter(|word| *word != "Slot").collect();
    let known: BTreeSet<&str> = words().filter(|word| !CALLS.contains(word)).collect();
    assert_eq!(listed, known);
}

#[test]
fn t2_every_kind_of_node_passes_through_every_walk() {
    let mut seen = BTreeSet::new();
    for text in KINDS {
        let tree = written(text);
        seen.extend(words_of(&tree));
        let condition = Condition::parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        // What is kept says what was written.
        let again = Condition::parse(&condition.text()).expect(text);
        assert_eq!(again.clauses(), condition.clauses(), "{text}");
        let names = |name: &str| condition.names_member(name);
        assert_eq!(names("cents"), text.contains("cents"), "{text}");
        assert_eq!(names("note"), text.contains("note"), "{text}");
        assert!(!names("other"), "{text}");
        let asks = text.contains(" has ");
        assert_eq!(condition.asks_for_presence(), asks, "{text}");
        let reads = condition.reads();
        let reads = |path: &[&str]| reads.iter().any(|read| read.iter().eq(path));
        assert_eq!(reads(&["facts", "cents"]), text.contains("cents"), "{text}");
        assert_eq!(
            reads(&["input", "order", "note"]),
            text.contains("order.note"),
            "{text}"
        );
        // A mutant is a condition that somebody could have written.
        for variant in condition.variants() {
            let parts = variant
                .condition
                .map_or_else(Vec::new, |whole| whole.conjuncts());
            assert!(parts.iter().all(|part| !part.text.is_empty()), "{text}");
        }
        for body in condition.bodies() {
            let renamed = super::super::proof::rename(body, &BTreeSet::from(["cents"]));
            let read = |tree: &Value, name: &str| {
                any_node(tree, &mut |node| match node {
                    Ok(Node::Get { name: read, .. }) => *read == name,
                    Ok(Node::Has { names, .. }) => names.contains(&name),
                    Ok(_) => false,
                    Err(_) => panic!("{text}"),
                })
            };
            assert!(!read(&renamed, "cents"), "{text}");
            assert_eq!(
                read(&renamed, "cents@base"),
                text.contains("cents"),
                "{text}"
            );
            let tree = json!({
                "effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"},
                "resource": {"op": "All"}, "conditions": [{"kind": "when", "body": renamed}],
            });
            let id = Some(PolicyId::new("renamed"));
            let policy = Policy::from_json(id, tree).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(policy.effect(), Effect::Permit);
        }
    }
    let missing: Vec<&str> = words().filter(|word| !seen.contains(*word)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn what_is_not_known_is_refused_wherever_it_stands() {
    let fine = json!({"has": {"left": {"Var": "context"}, "attr": "a"}});
    assert!(Node::read(&fine).is_ok());
    let unknown = [
        json!({"has": {"left": {"Var": "context"}, "attr": []}}),
        json!({"has": {"left": {"Var": "context"}, "attr": ["a", 1]}}),
        json!({"has": {"left": {"Var": "context"}, "attr": {"name": "a"}}}),
        json!({"has": {"left": {"Var": "context"}, "attr": "a", "or": "b"}}),
        json!({".": {"left": {"Var": "context"}, "attr": ["a", "b"]}}),
        json!({"Var": "everything"}),
        json!({"Value": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}}),
        json!({"Value": [1]}),
        json!({"Value": 1.5}),
        json!({"like": {"left": {"Var": "context"}, "pattern": ["Anything"]}}),
        json!({"unknown": [{"Value": "x"}]}),
        json!({"matches": {"left": {"Var": "context"}, "right": {"Value": "x"}}}),
        json!({"==": {"left": {"Value": 1}}}),
        json!({"!": {"arg": {"Value": true}}, "neg": {"arg": {"Value": 1}}}),
        json!({}),
        json!(true),
    ];
    for tree in unknown {
        assert!(Node::read(&tree).is_err(), "{tree}");
        let inside = json!({"!": {"arg": {"Set": [tree]}}});
        assert!(plain(&inside).is_err(), "{inside}");
        assert!(any_node(&inside, &mut |node| node.is_err()), "{inside}");
    }
}

#[test]
fn a_has_of_several_names_is_written_out_once() {
    let of = |text: &str| plain(&written(text)).expect(text);
    let pairs = BTreeMap::from([
        (
            "context.input has order.deep.x",
            "context.input has order && context.input.order has deep && context.input.order.deep has x",
        ),
        (
            "!(context.input has order.note)",
            "!(context.input has order && context.input.order has note)",
        ),
        (
            "context.input[\"order\"] has note.x",
            "context.input.order has note && context.input.order.note has x",
        ),
    ]);
    for (short, long) in pairs {
        assert_eq!(of(short), of(long), "{short}");
    }
    // What is not a path would be evaluated once for each name, and again inside itself.
    let code = |text: &str| {
        let mistakes = Condition::parse(text).expect_err(text);
        mistakes.iter().map(|one| one.code).collect::<Vec<_>>()
    };
    assert_eq!(code("{a: {b: true}} has a.b"), ["cedar-form"]);
    assert_eq!(
        code("(if true then context.input else context.input) has a.b"),
        ["cedar-form"]
    );
    let names = |number: usize| vec!["a"; number].join(".");
    assert_eq!(
        code(&format!("context.input has {}", names(13))),
        ["cedar-form"]
    );
    assert!(Condition::parse(&format!("context.input has {}", names(12))).is_ok());
}
