//! `stopgate diff --emit-test`: cases that hold under the base and fail under head.

use crate::Desk;

const EMIT: [&str; 5] = ["diff", "p", "--base=HEAD", "--emit-test", "cases.yaml"];

#[test]
fn an_emitted_case_holds_under_the_base_and_fails_under_head() {
    let desk = Desk::of_the_bank();
    let (from, to) = ("amount_cents <= 50000", "amount_cents <= 60000");
    desk.edit("rules/erp.yaml", from, to);
    let run = desk.run(&EMIT);
    assert_eq!(run.exit, 5, "{}", run.shown());
    let emitted = std::fs::read_to_string(desk.path("cases.yaml")).expect("cases");
    let first = emitted.lines().next().unwrap_or_default();
    assert!(first.contains("tests/erp.yaml"), "{emitted}");

    desk.edit("tests/erp.yaml", "cases:\n", &format!("cases:\n{emitted}"));
    let head = desk.run(&["test", "p"]);
    assert_eq!(head.exit, 4, "{emitted}\n{}", head.shown());
    assert!(head.stdout.contains("is no easier"), "{}", head.shown());
    desk.edit("rules/erp.yaml", to, from);
    let base = desk.run(&["test", "p"]);
    assert_eq!(base.exit, 0, "{emitted}\n{}", base.shown());
}

#[test]
fn nothing_is_written_over_a_file_or_where_nothing_is_looser() {
    let desk = Desk::of_the_bank();
    let run = desk.run(&EMIT);
    assert_eq!(run.exit, 0, "{}", run.shown());
    assert!(!desk.path("cases.yaml").exists());
    std::fs::write(desk.path("cases.yaml"), "mine").expect("written");
    let run = desk.run(&EMIT);
    assert_eq!(run.exit, 2, "{}", run.shown());
    let kept = std::fs::read_to_string(desk.path("cases.yaml"));
    assert_eq!(kept.expect("a file"), "mine");
}

#[test]
fn a_label_alone_is_said_to_be_beyond_any_case() {
    let desk = Desk::of_the_bank();
    desk.edit(
        "rules/erp.yaml",
        "operations: [change_supplier_bank_account]\n    profiles: [finance-manager]\n    risk: high",
        "operations: [change_supplier_bank_account]\n    profiles: [finance-manager]\n    risk: medium",
    );
    let run = desk.run(&EMIT);
    assert_eq!(run.exit, 5, "{}", run.shown());
    let emitted = std::fs::read_to_string(desk.path("cases.yaml")).expect("cases");
    assert!(
        emitted.contains("change_supplier_bank_account by finance-manager"),
        "{emitted}"
    );
}
