//! `replay --predicted`: what flips and was not told of.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::desk::{Desk, note, refund};
use crate::notes_need_a_supervisor;

/// Writes what `diff` would print of a change in which these operations have these classes.
fn predict(desk: &Desk, operations: &[(&str, &str)], settings: usize) {
    let operations: Vec<Value> = operations
        .iter()
        .map(|(operation, class)| json!({"tool": "erp", "operation": operation, "class": class}))
        .collect();
    let prediction = json!({
        "stopgate": 1, "command": "diff", "exit": 5,
        "base": {"name": "base", "commit": null}, "head": {"name": "worktree", "commit": null},
        "operations": operations, "settings": vec![json!({}); settings],
    });
    fs::write(desk.path("diff.json"), prediction.to_string()).expect("written");
}

#[test]
fn p19_a_flip_that_the_gate_has_not_predicted_is_named_and_stops_a_change() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(30_000), refund(45_000), note("ana")]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    notes_need_a_supervisor(&desk);
    let args = ["p", "--log", "a.jsonl", "--base", "base"];
    let predicted = [&args[..], &["--predicted=diff.json"]].concat();
    let as_json = [&predicted[..], &["--format=json"]].concat();
    let (refunds, notes) = ("create_refund", "update_order_note");
    for (operations, settings, unpredicted) in [
        (&[(refunds, "stricter"), (notes, "both")][..], 1, vec![]),
        (&[(refunds, "undecided"), (notes, "re-typed")], 0, vec![]),
        (&[(refunds, "stricter")], 1, vec![(notes, "same", 3)]),
        (
            &[(refunds, "looser"), (notes, "same")],
            0,
            vec![(refunds, "looser", 2), (notes, "same", 3)],
        ),
    ] {
        predict(&desk, operations, settings);
        let run = desk.run(&as_json);
        assert_eq!(
            run.exit,
            if unpredicted.is_empty() { 0 } else { 5 },
            "{}",
            run.stderr
        );
        let found = run.json()["unpredicted"].clone();
        let flips: Vec<Value> = unpredicted
            .iter()
            .map(|(operation, class, first)| {
                json!({
                    "tool": "erp", "operation": operation, "direction": "stricter",
                    "predicted": class, "count": 1, "first": first,
                })
            })
            .collect();
        let settings = if flips.is_empty() { 0 } else { settings };
        assert_eq!(found, json!({"flips": flips, "settings": settings}));
    }
    let text = desk.run(&predicted).stdout;
    for part in [
        "not predicted: erp/create_refund is stricter",
        "1 attempt where `looser` was predicted, first at record 2",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(desk.replay("a.jsonl").json()["unpredicted"], Value::Null);
}

#[test]
fn a_prediction_of_another_change_or_of_nothing_is_none() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(30_000)]);
    let args = [
        "p",
        "--log",
        "a.jsonl",
        "--base",
        "base",
        "--predicted=diff.json",
    ];
    let other = json!({
        "stopgate": 1, "command": "diff", "base": {"name": "base", "commit": "0123"},
        "head": {"name": "worktree", "commit": null}, "operations": [], "settings": [],
    });
    for (text, why) in [
        ("{".to_owned(), "not JSON"),
        (
            "[]".to_owned(),
            "not what `stopgate diff --format json` prints",
        ),
        (
            json!({"stopgate": 1, "command": "diff", "error": "gone"}).to_string(),
            "it ended before it compared anything",
        ),
        (
            other
                .to_string()
                .replace("\"operations\":[]", r#""operations":[{"tool":"erp"}]"#),
            "another version",
        ),
        (other.to_string(), "it compares 0123 with files"),
    ] {
        fs::write(desk.path("diff.json"), text).expect("written");
        let run = desk.run(&args);
        assert_eq!(run.exit, 2, "{}", run.stderr);
        assert!(run.stderr.contains(why), "{why} is not in\n{}", run.stderr);
    }
}

#[test]
fn what_diff_really_prints_is_a_prediction_of_what_it_compared() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(45_000), note("ana")]);
    notes_need_a_supervisor(&desk);
    let diff = Command::new(env!("CARGO_BIN_EXE_stopgate"))
        .args(["diff", "p", "--base", "base", "--format=json"])
        .current_dir(desk.path(""))
        .output();
    fs::write(desk.path("diff.json"), diff.expect("it runs").stdout).expect("written");
    let args = ["p", "--log=a.jsonl", "--base=base", "--predicted=diff.json"];
    let run = desk.run(&args);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("every flip was predicted"),
        "{}",
        run.stdout
    );
    // A change that came after it is none that it has told of.
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let run = desk.run(&args);
    assert_eq!(run.exit, 5, "{}", run.stdout);
    let named = "not predicted: erp/create_refund is stricter";
    assert!(run.stdout.contains(named), "{}", run.stdout);
}
