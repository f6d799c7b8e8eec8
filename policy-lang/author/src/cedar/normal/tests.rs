//! Every form that Cedar's syntax tree has, the spellings that mean one thing, and what is refused.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::cedar::Condition;

fn form(text: &str) -> String {
    let condition =
        Condition::parse(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    clauses(condition.clauses())
        .unwrap_or_else(|unknown| panic!("{text}: {unknown}"))
        .canonical()
}

fn of_tree(tree: &Value) -> Result<String, UnknownNode> {
    node(tree).map(|form| form.canonical())
}

#[test]
fn what_cedar_spells_in_two_ways_has_one_form() {
    for (one, other) in [
        (
            "context.input has order.note.text",
            "context.input has order && context.input.order has note && context.input.order.note has text",
        ),
        ("context.input has order", "context.input has \"order\""),
        (
            "context.input.order.note == \"a\"",
            "context[\"input\"][\"order\"].note == \"a\"",
        ),
        // Cedar groups to the left, and the operands are the same.
        (
            "context.input.a == 1 && (context.input.b == 2 && context.input.c == 3)",
            "context.input.a == 1 && context.input.b == 2 && context.input.c == 3",
        ),
        (
            "[\"EUR\", \"GBP\", \"EUR\"].contains(context.input.currency)",
            "[\"GBP\", \"EUR\"].contains(context.input.currency)",
        ),
        ("context.input.amount != 5", "!(context.input.amount == 5)"),
        ("context.input.amount > 5", "!(context.input.amount <= 5)"),
        ("context.input.amount >= 5", "!(context.input.amount < 5)"),
        (
            "context.input.note like \"a**b\"",
            "context.input.note like \"a*b\"",
        ),
        ("{a: 1, \"b\": 2}.b == 2", "{b: 2, a: 1}[\"b\"] == 2"),
    ] {
        assert_eq!(form(one), form(other), "{one}");
    }
    // A negative number is one value in one tree, and a sign before a value in the other.
    let digits = json!({"Value": -5});
    let taken = json!({"neg": {"arg": {"Value": 5}}});
    assert_eq!(of_tree(&digits), of_tree(&taken));
    // The least number has no positive counterpart, so its sign cannot be taken away.
    let least = json!({"neg": {"arg": {"Value": i64::MIN}}});
    assert_eq!(
        of_tree(&least).as_deref(),
        Ok(r#"["neg",["long","-9223372036854775808"]]"#)
    );
    // The tree of a pattern may come letter by letter, or in pieces.
    let letters = json!({"like": {"left": {"Var": "context"}, "pattern": [
        {"Literal": "a"}, {"Literal": "b"}, "Wildcard", {"Literal": "c"}]}});
    let texts = json!({"like": {"left": {"Var": "context"}, "pattern": [
        {"Literal": ""}, {"Literal": "ab"}, "Wildcard", "Wildcard", {"Literal": ""}, {"Literal": "c"}]}});
    assert_eq!(of_tree(&letters), of_tree(&texts));
}

#[test]
fn what_means_something_else_has_another_form() {
    let texts = [
        "true",
        "false",
        "context.input.n == 5",
        "context.input.n == -5",
        "context.input.n == \"5\"",
        "context.input.n < 5",
        "context.input.n <= 5",
        "context.input.n > 5",
        "context.input.n >= 5",
        "5 < context.input.n",
        "context.input has order",
        "context.input has order.note",
        "context.input has order || context.input.order has note",
        "context.input.order has note",
        "context.input.note like \"a*\"",
        "context.input.note like \"a\\*\"",
        "context.input.note like \"*a\"",
        "context.input.note like \"a*b\"",
        "[1, 2].contains(context.input.n)",
        "[1, 2].containsAll(context.input.list)",
        "[1, 2].containsAny(context.input.list)",
        "context.input.list.containsAll([1, 2])",
        "context.input.list.isEmpty()",
        "[[1], [2]].contains([context.input.n])",
        "[\"1\", \"2\"].contains(context.input.n)",
        "context.input.n + 1 == 2",
        "context.input.n - 1 == 2",
        "context.input.n * 1 == 2",
        "ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\"))",
        "ip(\"10.0.0.0/8\").isInRange(ip(\"10.0.0.1\"))",
        "ip(\"10.0.0.1\").isIpv4()",
        "decimal(\"1.0\").lessThan(decimal(\"2.0\"))",
        "context.time.now < datetime(\"2026-01-01\")",
        "context.time.now.toTime() < duration(\"8h\")",
        "principal in Stopgate::Profile::\"lead\"",
        "principal in Stopgate::Profile::\"leads\"",
        "principal in [Stopgate::Profile::\"lead\", Stopgate::Profile::\"leads\"]",
        "principal is Stopgate::User",
        "principal is Stopgate::Tool",
        "if context.input.a then context.input.b else context.input.c",
        "if context.input.a then context.input.c else context.input.b",
        // Order means something: what stands first is evaluated first, and can fail.
        "context.input.a && context.input.b",
        "context.input.b && context.input.a",
        "context.input.a || context.input.b",
        "context.input.a || context.input.b && context.input.c",
        "(context.input.a || context.input.b) && context.input.c",
        "{a: context.input.n}.a == 1",
        "{b: context.input.n}.b == 1",
    ];
    let mut found = BTreeMap::new();
    for text in texts {
        if let Some(other) = found.insert(form(text), text) {
            panic!("{text} and {other} have one form");
        }
    }
}

#[test]
fn what_is_not_known_is_refused_and_never_left_out() {
    // A newer Cedar may print any of these. Left out, two rules with different meanings would have one form.
    let context = json!({"Var": "context"});
    for tree in [
        json!({"Slot": "?principal"}),
        json!({"Unknown": [{"Value": "x"}]}),
        json!({"Error": {}}),
        json!({"exists": {"left": context, "right": context}}),
        json!({"toUpper": [{"Value": "x"}]}),
        json!({"Var": "else"}),
        json!({"Value": null}),
        json!({"Value": 1.5}),
        json!({"Value": [1, 2]}),
        json!({"Value": {"a": 1}}),
        json!({"Value": {"__expr": "x"}}),
        json!({"Value": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}}),
        json!({"Value": {"__entity": {"type": "A", "id": "b", "tag": "c"}}}),
        json!({"==": {"left": context}}),
        json!({"==": {"left": context, "right": context, "mode": "loose"}}),
        json!({"!": {}}),
        json!({".": {"left": context, "attr": {"name": "x"}}}),
        json!({"has": {"left": context, "attr": ["x", 5]}}),
        json!({"has": {"left": context, "attr": []}}),
        json!({"like": {"left": context, "pattern": ["Wild"]}}),
        json!({"like": {"left": context, "pattern": [{"Digits": 2}]}}),
        json!({"is": {"left": context, "entity_type": "A", "not": true}}),
        json!({"==": {}, "!=": {}}),
        json!({}),
        json!([]),
        json!({"Set": [{"Slot": "?principal"}]}),
        json!({"Record": {"a": {"Slot": "?principal"}}}),
        json!({"!": {"arg": {"toUpper": [{"Value": "x"}]}}}),
    ] {
        assert!(of_tree(&tree).is_err(), "{tree}");
    }
    let clause = |kind: &str| json!({"kind": kind, "body": {"Value": true}});
    assert!(clauses(&[clause("when"), clause("unless")]).is_ok());
    assert!(clauses(&[clause("where")]).is_err());
    assert!(clauses(&[json!({"kind": "when"})]).is_err());
    // The text may be an attacker's, and ends in a message.
    let long = "x".repeat(200);
    let error = of_tree(&json!({long: []}))
        .expect_err("unknown")
        .to_string();
    assert!(error.len() < 140, "{error}");
}

#[test]
fn clauses_are_joined_and_unless_is_a_negation() {
    let all = json!([
        {"kind": "when", "body": {"Var": "principal"}},
        {"kind": "unless", "body": {"Var": "resource"}},
        {"kind": "when", "body": {"&&": {"left": {"Var": "action"}, "right": {"Var": "context"}}}},
    ]);
    let all = all.as_array().expect("clauses");
    let joined = clauses(all).expect("known").canonical();
    let wanted = r#"["and",["var","principal"],["not",["var","resource"]],["var","action"],["var","context"]]"#;
    assert_eq!(joined, wanted);
    assert_eq!(clauses(&[]).expect("known").canonical(), r#"["and"]"#);
}

/// Checks that the normal forms of the longest chains that the bounds let through stay within a small stack and a small
/// text.
#[test]
fn the_largest_rules_have_a_form_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let deep = format!("context.input has {}x", "a.".repeat(11));
        assert!(form(&deep).len() < 4 << 20);
        let joined = vec!["context.input.a"; 95].join(" && ");
        assert!(form(&joined).starts_with(r#"["and",["get""#));
        let nested = format!("{}context.input.a{}", "!(".repeat(31), ")".repeat(31));
        assert_eq!(form(&nested).matches("\"not\"").count(), 31);
    });
    small.expect("a thread").join().expect("no panic");
}
