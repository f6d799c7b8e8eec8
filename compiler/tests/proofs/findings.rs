//! Each finding that takes a date, a proof or a whole policy.

use jiff::civil::{Date, date};
use stopgate::check::{Depth, check, look_at_freshness, look_closer, signed_reviews};
use stopgate::diff::Limits;
use stopgate::key::SigningKey;
use stopgate::root::{Holders, first_with};
use stopgate_author::diagnostic::Code;

use crate::Desk;

/// Codes of everything that is found on `today`.
fn found(desk: &Desk, today: Date, depth: Depth) -> Vec<Code> {
    let dir = desk.path("p");
    let mut compiled = check(&dir).expect("readable");
    let trust = stopgate::workspace::read(&dir).expect("readable").trust;
    let reviews = signed_reviews(&trust, &compiled, jiff::Timestamp::now());
    look_closer(
        &mut compiled,
        (&reviews, &dir),
        today,
        depth,
        &Limits::by(env!("CARGO_BIN_EXE_stopgate")),
        &|_, _| {},
    );
    compiled
        .diagnostics
        .iter()
        .map(|found| found.code)
        .collect()
}

const TODAY: Date = date(2026, 11, 24);

#[test]
fn a_grant_above_every_ceiling_and_an_operation_without_a_rule() {
    let desk = Desk::new();
    assert_eq!(found(&desk, TODAY, Depth::Evaluable), []);
    let path = desk.path("p/stopgate.yaml");
    let text = std::fs::read_to_string(&path).expect("a file");
    let mut lowered = text.clone();
    for ceiling in ["high", "medium"] {
        lowered = lowered.replace(&format!("ceiling: {ceiling}"), "ceiling: read_only");
    }
    std::fs::write(&path, lowered).expect("written");
    assert_eq!(
        found(&desk, TODAY, Depth::Evaluable),
        [Code::AboveEveryCeiling]
    );
    std::fs::write(&path, text).expect("written");
    desk.edit(
        "catalog/tickets.yaml",
        "unused: [delete_ticket]",
        "unused: []",
    );
    desk.edit(
        "catalog/tickets.yaml",
        "  close_ticket: {effect: write}\n",
        "  close_ticket: {effect: write}\n  delete_ticket: {effect: irreversible, dry_run: none, because: it has none}\n",
    );
    assert_eq!(
        found(&desk, TODAY, Depth::Evaluable),
        [Code::OperationWithoutRule]
    );
}

#[test]
fn a_review_is_overdue_the_day_after_unless_reviewers_signed_that_it_is_not() {
    let desk = Desk::new();
    let last = date(2027, 12, 31);
    assert_eq!(found(&desk, last, Depth::Evaluable), []);
    let late = date(2028, 1, 1);
    assert_eq!(found(&desk, late, Depth::Evaluable), [Code::ReviewOverdue]);
    for name in ["root", "ana"] {
        assert_eq!(desk.run(&["keygen", name]).exit, 0);
    }
    let root = "p/trust/root.dsse.json";
    let run = desk.run(&["root", "--key=root.key", "--reviewer=ana.pub", "-o", root]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    std::fs::create_dir(desk.path("p/reviews")).expect("a folder");
    let review = "stopgate: 1\nreview: 2027-Q4\nnext: 2028-06-30\nrules: [tickets/read, tickets/close, tickets/close-in-a-hurry]\n";
    std::fs::write(desk.path("p/reviews/2027-Q4.yaml"), review).expect("written");
    let unsigned = [Code::ReviewNotSigned, Code::ReviewOverdue];
    assert_eq!(found(&desk, late, Depth::Evaluable), unsigned);
    desk.commit();
    let sign = [
        "sign",
        "p/reviews/2027-Q4.yaml",
        "--review",
        "--key=ana.key",
    ];
    let shown = desk.run(&sign);
    let mut lines = shown.stderr.lines();
    let digest = lines.find_map(|line| line.strip_prefix("digest   "));
    let agreed = format!(
        "--yes={}",
        digest.unwrap_or_else(|| panic!("{}", shown.shown()))
    );
    let run = desk.run(&[&sign[..], &[&agreed]].concat());
    assert_eq!(run.exit, 0, "{}", run.shown());
    assert_eq!(found(&desk, late, Depth::Evaluable), []);
    // One whose day has passed would move nothing, signed or not.
    let later = date(2028, 7, 1);
    assert_eq!(found(&desk, later, Depth::Evaluable), [Code::ReviewOverdue]);
    // With no root that can be believed nobody has signed.
    std::fs::write(desk.path(root), "{}").expect("written");
    assert_eq!(found(&desk, late, Depth::Evaluable), unsigned);
    assert_eq!(found(&desk, later, Depth::Evaluable), [Code::ReviewOverdue]);
}

#[test]
fn a_rule_that_may_fail_is_an_error() {
    let desk = Desk::of_the_bank();
    desk.edit(
        "rules/erp.yaml",
        "context.input.amount_cents > 0 &&",
        "context.input.amount_cents * 1000000000000 > 0 &&",
    );
    let run = desk.run(&["check", "p"]);
    assert_eq!(run.exit, 3, "{}", run.shown());
    assert!(run.stdout.contains("rule-may-fail"), "{}", run.shown());
}

#[test]
fn a_rule_that_never_matches_and_one_without_effect_are_named() {
    let desk = Desk::new();
    desk.edit(
        "rules/tickets.yaml",
        "  - id: close\n",
        "  - id: read-again\n    operations: [get_ticket]\n    profiles: [support]\n    risk: low\n    approval: automatic\n  \
         - id: close\n",
    );
    desk.edit(
        "rules/tickets.yaml",
        "when: context.input.reason == \"other\"",
        "when: context.input.reason == \"other\" && context.input.reason == \"solved\"",
    );
    let codes = found(&desk, TODAY, Depth::Everything);
    assert!(codes.contains(&Code::NeverMatches), "{codes:?}");
    assert!(codes.contains(&Code::NoEffect), "{codes:?}");
}

/// Marks the number of records that are deleted.
fn marked() -> Desk {
    let desk = Desk::of_the_bank();
    desk.edit(
        "catalog/salesforce.yaml",
        "    facts: {rows: count(/records)}\n",
        "    facts: {rows: count(/records)}\n    monotone: [rows]\n",
    );
    desk
}

#[test]
fn i9_more_of_a_monotone_fact_is_never_easier() {
    let desk = marked();
    // Of one record only: none at all is rejected, so more is easier.
    let run = desk.run(&["check", "p", "--require-proof"]);
    assert_eq!(run.exit, 3, "{}", run.shown());
    assert!(run.stdout.contains("not-monotone"), "{}", run.shown());
    assert!(
        run.stdout.contains("catalog/salesforce.yaml"),
        "{}",
        run.shown()
    );
    let (from, to) = (
        "context.input.objectName == \"Contact\"\n      && context.facts.rows == 1",
        "context.input.objectName == \"Contact\"\n      && context.facts.rows <= 1",
    );
    desk.edit("rules/salesforce.yaml", from, to);
    let run = desk.run(&["check", "p", "--require-proof"]);
    assert!(!run.stdout.contains("not-monotone"), "{}", run.shown());
    assert_eq!(run.exit, 0, "{}", run.shown());
    // It takes a solver to say so.
    let mut without = desk;
    without.solver = Some("/nonexistent".into());
    let run = without.run(&["check", "p", "--require-proof"]);
    assert_eq!(run.exit, 6, "{}", run.shown());
    assert!(
        run.stdout
            .contains("whether more `rows` never asks for less"),
        "{}",
        run.shown()
    );
}

#[test]
fn p17_a_policy_of_any_age_is_told_of_where_somebody_signs_timestamps() {
    let desk = Desk::new();
    let found = || {
        let dir = desk.path("p");
        let mut compiled = check(&dir).expect("readable");
        let trust = stopgate::workspace::read(&dir).expect("readable").trust;
        look_at_freshness(&mut compiled, &trust);
        let found = compiled.diagnostics.iter().map(|found| found.code);
        found.collect::<Vec<_>>()
    };
    assert_eq!(found(), []);
    let root = SigningKey::generate().expect("a key");
    let mut holders = Holders::default();
    let give = |holders: &Holders| {
        let file = first_with(&root, "security", holders, jiff::Timestamp::MAX);
        let folder = desk.path("p/trust");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("root.dsse.json"), file.expect("a root")).expect("written");
    };
    give(&holders);
    assert_eq!(found(), []);
    let clock = SigningKey::generate().expect("a key");
    let clock = clock.public().expect("a public key");
    holders.timestampers.insert("clock".to_owned(), clock);
    give(&holders);
    assert_eq!(found(), [Code::NoFreshness]);
    let path = desk.path("p/stopgate.yaml");
    let text = std::fs::read_to_string(&path).expect("a file");
    let text = format!("{text}\nfreshness: {{soft: 15m, hard: 24h}}\n");
    std::fs::write(&path, text).expect("written");
    assert_eq!(found(), []);
}
