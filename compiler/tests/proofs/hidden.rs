//! Of many requests one is shown: what else a change lets pass is named all the same, in the report and in what is signed.

use crate::Desk;

/// Rules of one operation, each as its id, what else it states, and its condition.
fn rules(desk: &Desk, rules: &[(&str, &str, &str)]) {
    let rules = rules.iter().map(|(id, more, when)| {
        format!(
            "  - {{id: {id}, operations: [get_ticket], profiles: [support], risk: low, approval: automatic{more}, when: '{when}'}}\n"
        )
    });
    let rules: String = rules.collect();
    let text = format!(
        "stopgate: 1\ntool: tickets\nowner: service-desk\nreview_by: 2027-12-31\nrules:\n{rules}  - {{id: close, \
         operations: [close_ticket], profiles: [support-lead], risk: medium, approval: supervisor, require: \
         [user_confirmation]}}\n"
    );
    std::fs::write(desk.path("p/rules/tickets.yaml"), text).expect("written");
}

/// A change from one set of rules to another, and the rules that its waiver has to name.
fn named(before: &[(&str, &str, &str)], after: &[(&str, &str, &str)]) -> String {
    let desk = Desk::new();
    for name in ["root", "ana"] {
        assert_eq!(desk.run(&["keygen", name]).exit, 0);
    }
    let file = "p/trust/root.dsse.json";
    let root = ["root", "--key=root.key", "--reviewer=ana.pub", "-o", file];
    assert_eq!(desk.run(&root).exit, 0);
    let tests = "stopgate: 1\ntool: tickets\nnow: 2026-11-24T10:00:00Z\nchannel: dev\nsamples:\n  get_ticket: {ticket_id: q}\n  close_ticket: {ticket_id: q, reason: solved}\n\
        cases:\n  - {name: q, as: [support], do: get_ticket, expect: {permit: [q]}}\n";
    std::fs::write(desk.path("p/tests/tickets.yaml"), tests).expect("written");
    rules(&desk, before);
    desk.commit();
    rules(&desk, after);
    let run = desk.run(&["diff", "p", "--base=HEAD"]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    for (id, ..) in after {
        let rule = format!("tickets/{id} ");
        assert!(run.stdout.contains(&rule), "{id}: {}", run.shown());
    }
    let mut lines = run.stdout.lines();
    let rules = lines.find_map(|line| line.trim().strip_prefix("rules: "));
    rules.expect("a waiver is drafted").to_owned()
}

#[test]
fn a_rule_that_only_a_stricter_request_meets_is_signed_too() {
    let before = [
        ("q", "", r#"context.input.ticket_id == "q""#),
        (
            "r",
            "",
            r#"context.input.ticket_id == "r" || context.input.ticket_id == "s""#,
        ),
    ];
    let after = [
        (
            "q",
            "",
            r#"context.input.ticket_id == "q" || context.input.ticket_id == "a""#,
        ),
        (
            "r",
            "",
            r#"context.input.ticket_id == "r" || context.input.ticket_id like "*z*""#,
        ),
    ];
    assert_eq!(named(&before, &after), "[q, r]");
}

#[test]
fn rules_that_read_alike_and_are_not_the_same_are_changed() {
    let before = [
        ("q", "", r#"context.input.ticket_id == "q""#),
        (
            "all",
            ", agents: [all]",
            r#"context.input.ticket_id like "aa*""#,
        ),
    ];
    let after = [
        (
            "q",
            "",
            r#"context.input.ticket_id == "q" || context.input.ticket_id == "a""#,
        ),
        ("all", "", r#"context.input.ticket_id like "aa*""#),
    ];
    assert_eq!(named(&before, &after), "[all, q]");
}
