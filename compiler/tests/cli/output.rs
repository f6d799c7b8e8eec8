//! What the commands print, word for word.

use insta::assert_snapshot;

use crate::{Desk, bank, refund};

#[test]
fn init_says_what_it_wrote_and_what_comes_next() {
    assert_snapshot!(Desk::new().run(&["init", "p"]).shown());
}

#[test]
fn check_reports_every_mistake_at_once_with_what_to_write() {
    let desk = Desk::with_repository();
    desk.edit(
        "p/rules/tickets.yaml",
        "operations: [close_ticket]",
        "operations: [close_tiket]",
    );
    desk.edit("p/rules/tickets.yaml", "risk: low", "risk: tiny");
    desk.edit("p/profiles.yaml", "groups: [support]", "group: [support]");
    std::fs::write(desk.path("p/rules/extra.yml"), "stopgate: 1\n").expect("written");
    assert_snapshot!(desk.run(&["check", "p"]).shown());
}

#[test]
fn a_failed_case_shows_what_was_expected_what_came_and_which_rules_did_it() {
    let desk = Desk::with_repository();
    desk.edit(
        "p/tests/tickets.yaml",
        "expect: {permit: [close]}",
        "expect: {reject: no_rule}",
    );
    desk.edit(
        "p/tests/tickets.yaml",
        "rules: [close, close-in-a-hurry]",
        "rules: [close]",
    );
    desk.edit(
        "p/tests/tickets.yaml",
        "name: nobody closes at night\n",
        "name: nobody closes at night\n    skip: the night shift decides\n",
    );
    assert_snapshot!("failed", desk.run(&["test", "p"]).shown());
    assert_snapshot!(
        "failed_junit",
        desk.run(&["test", "p", "--format=junit"]).shown()
    );
    assert_snapshot!(
        "failed_json",
        desk.run(&["test", "p", "--format=json"]).shown()
    );
}

#[test]
fn an_open_pair_that_no_case_names_fails() {
    let desk = Desk::with_repository();
    desk.edit(
        "p/rules/tickets.yaml",
        "profiles: [support-lead]",
        "profiles: [support-lead, support]",
    );
    assert_snapshot!(desk.run(&["test", "p", "--coverage"]).shown());
    // The pairs can be run alone, and left out while working on a case.
    assert_eq!(desk.run(&["test", "p", "--filter=unlisted"]).exit, 4);
    assert_eq!(desk.run(&["test", "p", "--filter=*reads"]).exit, 0);
}

#[test]
fn a_person_of_two_profiles_says_nothing_about_either() {
    let desk = Desk::with_repository();
    desk.edit(
        "p/tests/tickets.yaml",
        "each: [support, support-lead]  # one person each",
        "as: [support, support-lead]",
    );
    let run = desk.run(&["test", "p"]);
    assert_eq!(run.exit, 4, "{}", run.shown());
    assert!(
        run.stdout.contains("open: 2 of 3 pairs that no case names"),
        "{}",
        run.shown()
    );
}

#[test]
fn the_bank_in_the_evening() {
    let bank = bank();
    let small = r#"{"order_id":"A-1001","amount_cents":40000,"currency":"EUR"}"#;
    let dollars = r#"{"order_id":"A-1001","amount_cents":40000,"currency":"USD"}"#;
    let desk = Desk::new();
    assert_snapshot!(
        "explain_route",
        desk.run(&refund(&bank, small, "2026-11-24T20:00:00Z"))
            .shown()
    );
    assert_snapshot!(
        "explain_reject",
        desk.run(&refund(&bank, dollars, "2026-11-24T10:00:00Z"))
            .shown()
    );
    let both = [
        &refund(&bank, small, "2026-11-24T10:00:00Z")[..],
        &["--profile=finance", "--evidence=user_confirmation"],
    ]
    .concat();
    assert_snapshot!("explain_two_profiles", desk.run(&both).shown());
    let collected = [
        "--evidence=approval=committee,user_confirmation",
        "--channel=prod",
    ];
    let permitted = desk.run(
        &[
            &refund(&bank, small, "2026-11-24T20:00:00Z")[..],
            &collected,
        ]
        .concat(),
    );
    assert_snapshot!("explain_permit", permitted.shown());
    let ceiling = desk.run(
        &[
            &refund(&bank, small, "2026-11-24T20:00:00Z")[..],
            &["--channel=pilot", "--format=json"],
        ]
        .concat(),
    );
    assert_snapshot!("explain_ceiling_json", ceiling.shown());
}

#[test]
fn a_name_that_nobody_knows_is_answered_with_those_there_are() {
    let run = Desk::with_repository().run(&[
        "explain",
        "p",
        "--tool=tickets",
        "--operation=close",
        "--profile=support",
    ]);
    assert_snapshot!(run.shown());
}

#[test]
fn the_bank_on_one_page() {
    let (desk, bank) = (Desk::new(), bank());
    assert_snapshot!("matrix", desk.run(&["matrix", &bank]).shown());
    assert_snapshot!(
        "matrix_markdown",
        desk.run(&["matrix", &bank, "--format=markdown"]).shown()
    );
    let page = desk.run(&["matrix", &bank, "--format=html"]);
    assert_eq!((page.exit, page.stderr.as_str()), (0, ""));
    assert!(page.stdout.starts_with("<!doctype html>"));
    for shown in ["erp/create_refund", "support-analyst", "high/committee?"] {
        assert!(page.stdout.contains(shown), "{shown}");
    }
}

#[test]
fn the_tables_of_the_bank_pass_and_touch_every_rule() {
    let json = Desk::new()
        .run(&["test", &bank(), "--coverage", "--format=json"])
        .json();
    assert_eq!(json["failed"], 0);
    assert_eq!(json["coverage"]["unmatched"], serde_json::json!([]));
}

#[test]
fn quiet_says_only_results_and_nothing_is_coloured_without_a_terminal() {
    let desk = Desk::with_bank();
    let run = desk.run(&["build", "bank", "-q"]);
    assert_eq!((run.exit, run.stderr.as_str()), (0, ""));
    for args in [
        &["matrix", &bank()][..],
        &["test", &bank()],
        &["check", "nowhere"],
        &["--help"],
    ] {
        assert!(!desk.run(args).shown().contains('\x1b'), "{args:?}");
    }
}
