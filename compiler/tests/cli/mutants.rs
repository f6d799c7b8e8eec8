//! `test --mutants`: tables that leave something open are told what, and the cases handed out close it.

use insta::assert_snapshot;

use crate::{Desk, bank};

#[test]
fn the_tables_of_the_bank_notice_nearly_every_change() {
    let run = Desk::new().run(&["test", &bank(), "--mutants", "--min-score=95"]);
    assert_eq!(run.exit, 0, "{}", run.shown());
}

/// The small repository with one case less, and with a list and a pattern to vary.
fn weakened() -> Desk {
    let desk = Desk::with_repository();
    desk.edit(
        "p/tests/tickets.yaml",
        "  - name: for another reason it takes more than one person\n    as: [support-lead]\n    do: close_ticket\n    \
         input: {reason: other}\n    expect: {route: [user_confirmation, \"approval:committee\"], rules: [close, close-in-a-hurry]}\n",
        "",
    );
    desk
}

#[test]
fn what_no_case_notices_is_shown_with_the_case_that_would() {
    let desk = weakened();
    let run = desk.run(&["test", "p", "--mutants", "--min-score=100"]);
    assert_eq!(run.exit, 4);
    let (_, shown) = run.stdout.split_once("\nmutants\n").expect("mutants");
    assert_snapshot!(shown);
}

#[test]
fn the_cases_handed_out_are_cases_and_close_the_gap() {
    let desk = weakened();
    let json = desk
        .run(&["test", "p", "--mutants", "--format=json"])
        .json();
    let unnoticed = json["mutants"]["unnoticed"].as_array().expect("a list");
    assert!(!unnoticed.is_empty(), "{json:#}");
    // Each by itself would close its gap; one of them can close several.
    for survivor in unnoticed {
        let desk = weakened();
        let case = survivor["case"]["yaml"].as_str().expect("a case");
        desk.edit(
            "p/tests/tickets.yaml",
            "cases:\n",
            &format!("cases:\n{case}\n"),
        );
        let run = desk.run(&["test", "p", "--mutants", "--format=json"]);
        let judged = run.json();
        assert_eq!(run.exit, 0, "{case}\n{}", run.shown());
        let left = judged["mutants"]["unnoticed"].as_array().expect("a list");
        let same = |other: &&serde_json::Value| {
            other["subject"] == survivor["subject"] && other["change"] == survivor["change"]
        };
        assert_eq!(left.iter().find(same), None, "{case}");
    }
}

#[test]
fn tables_that_fail_are_not_judged_and_have_no_score() {
    let desk = Desk::with_repository();
    desk.edit(
        "p/tests/tickets.yaml",
        "reject: no_rule",
        "reject: forbidden",
    );
    let run = desk.run(&["test", "p", "--mutants"]);
    assert_eq!(run.exit, 4);
    assert!(
        run.stdout.contains("no mutants were tried"),
        "{}",
        run.shown()
    );
}
