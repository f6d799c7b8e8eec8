//! `stopgate replay` on logs that are made by the writer of records: expected flips are written down by hand.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share fails as they do"
)]

#[path = "../shared/copy.rs"]
mod copy;
mod desk;
mod predicted;

use std::fs;

use desk::{Asked, Desk, git, note, refund};
use serde_json::{Value, json};
use stopgate_decide::record::{RecordedResult, Skimmed};
use stopgate_decide::supply::StopLimit;

/// `from → to` with the count, of all flips.
fn kinds(json: &Value) -> Value {
    let kinds = json.pointer("/flips/kinds").and_then(Value::as_array);
    let kinds = kinds.expect("kinds");
    let kind = |kind: &Value| {
        let words = [&kind["from"], &kind["to"]].map(|word| word.as_str().expect("a word"));
        (words.join(" > "), kind["count"].clone())
    };
    kinds
        .iter()
        .map(kind)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn notes_need_a_supervisor(desk: &Desk) {
    desk.edit(
        "rules/erp.yaml",
        "operations: [update_order_note]\n    profiles: [support]\n    risk: low\n    approval: automatic",
        "operations: [update_order_note]\n    profiles: [support]\n    risk: medium\n    approval: supervisor",
    );
}

#[test]
fn what_flips_is_told_by_operation_and_user() {
    let desk = Desk::new();
    let bob = Asked {
        user: "bob",
        ..refund(45_000)
    };
    desk.log(
        "a.jsonl",
        &[
            refund(30_000),
            refund(45_000),
            bob,
            refund(60_000),
            note("ana"),
        ],
    );
    // A supervisor decides up to 400.00 instead of 500.00.
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    notes_need_a_supervisor(&desk);
    let run = desk.replay("a.jsonl");
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let json = run.json();
    assert_eq!(
        kinds(&json),
        json!({"route > reject": 2, "permit > route": 1})
    );
    assert_eq!(
        json["flips"]["counts"],
        json!({"total": 3, "looser": 0, "stricter": 3})
    );
    let operations = json["flips"]["operations"].as_array().expect("operations");
    let named: Vec<&Value> = operations.iter().map(|one| &one["operation"]).collect();
    assert_eq!(named, ["create_refund", "update_order_note"]);
    let first = &operations[0]["kinds"][0]["first"];
    assert_eq!(first["record"], 2);
    assert_eq!(
        first["before"]["result"],
        json!({"route": ["user_confirmation", "approval:supervisor"]})
    );
    assert_eq!(first["after"]["result"]["reject"]["reason"], "no_rule");
    let users = json["flips"]["users"].as_array().expect("users");
    let users: Vec<(&Value, &Value)> = users
        .iter()
        .map(|user| (&user["id"], &user["counts"]["total"]))
        .collect();
    assert_eq!(
        users,
        [(&json!("ana"), &json!(2)), (&json!("bob"), &json!(1))]
    );
    assert_eq!(json["recorded_otherwise"]["total"], 0);
    let text = desk.run(&["p", "--log", "a.jsonl", "--base", "base"]);
    for part in [
        "5 attempts on record",
        "3 flips: 0 looser, 3 stricter",
        "route → reject  2",
        "first: record 2, ana (support-analyst)",
        "within the budget of 20",
    ] {
        assert!(
            text.stdout.contains(part),
            "{part} is not in\n{}",
            text.stdout
        );
    }
}

/// An issuer, or somebody who may assert subjects, can call a user anything.
#[test]
fn names_on_record_do_nothing_to_a_terminal() {
    let desk = Desk::new();
    let evil = Asked {
        user: "\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}eve\r\u{9b}1A",
        ..refund(45_000)
    };
    desk.log("a.jsonl", &[evil]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let run = desk.run(&["p", "--log", "a.jsonl", "--base", "base"]);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!run.stdout.contains(obeyed), "{:?}", run.stdout);
    assert!(
        run.stdout.contains("\\u{202e}eve\\u{d}\\u{9b}1A"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_lower_part_is_looser_also_where_the_answer_stays_a_route() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(60_000)]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 70000",
    );
    desk.edit(
        "rules/erp.yaml",
        "amount_cents > 50000 &&",
        "amount_cents > 70000 &&",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(kinds(&json), json!({"route > route": 1}));
    let parts = &json["flips"]["operations"][0]["kinds"][0]["parts"];
    assert_eq!(
        parts,
        &json!([
            {"part": "risk", "direction": "looser"},
            {"part": "approval", "direction": "looser"},
            {"part": "dry_run", "direction": "looser"},
        ])
    );
    let routes = json["approvals"]["routes"].as_array().expect("routes");
    assert_eq!(routes.len(), 2, "{routes:?}");
}

#[test]
fn unchanged_operations_are_taken_as_recorded() {
    let desk = Desk::new();
    desk.log("a.jsonl", &vec![refund(30_000); 130]);
    let same = desk.replay("a.jsonl").json();
    assert_eq!(same["attempts"]["taken"], 128);
    // Every 64th is decided all the same.
    assert_eq!(
        same["recorded_otherwise"],
        json!({"checked": 2, "total": 0, "by_calendar": 0, "examples": []})
    );
    // What changes elsewhere changes nothing here.
    notes_need_a_supervisor(&desk);
    let elsewhere = desk.replay("a.jsonl").json();
    assert_eq!(elsewhere["attempts"]["taken"], 128);
    assert_eq!(same["approvals"], elsewhere["approvals"]);
    assert_eq!(
        elsewhere["approvals"]["routes"][0]["after"]["requests"],
        130
    );
    // A guardrail on everything is everywhere.
    let guardrails = desk.path("p/rules/guardrails.cedar");
    let text = fs::read_to_string(&guardrails).expect("guardrails");
    let raise = "@id(\"all\") @owner(\"security\") @review_by(\"2027-03-31\") @approval(\"committee\")\nforbid (principal, action, resource);\n";
    fs::write(guardrails, format!("{text}\n{raise}")).expect("written");
    let everywhere = desk.replay("a.jsonl").json();
    assert_eq!(everywhere["attempts"]["taken"], 0, "{everywhere:#}");
    assert_eq!(kinds(&everywhere), json!({"route > route": 130}));
}

#[test]
fn too_many_approvals_for_one_person_are_red() {
    let desk = Desk::new();
    notes_need_a_supervisor(&desk);
    desk.log("20.jsonl", &vec![note("ana"); 20]);
    desk.log("21.jsonl", &vec![note("ana"); 21]);
    let fine = desk.replay("20.jsonl");
    assert_eq!(
        (fine.exit, &fine.json()["approvals"]["over"]),
        (0, &json!(false))
    );
    let over = desk.replay("21.jsonl");
    assert_eq!(
        (over.exit, &over.json()["approvals"]["over"]),
        (5, &json!(true))
    );
    let route = &over.json()["approvals"]["routes"][0];
    assert_eq!(route["before"]["requests"], 0);
    assert_eq!(
        route["after"]["busiest"],
        json!({"day": "2026-11-24", "requests": 21})
    );
    // The gate is the base's: a change that needs more may not allow itself more.
    desk.edit(
        "stopgate.yaml",
        "  input_bytes: 65536",
        "  input_bytes: 65536\n  approvals_per_approver_per_day: 100",
    );
    assert_eq!(desk.replay("21.jsonl").exit, 5);
}

#[test]
fn people_who_can_fill_a_seat_share_its_load() {
    let desk = Desk::new();
    notes_need_a_supervisor(&desk);
    desk.edit(
        "approvals.yaml",
        "tools: [erp]\n    seats: [{profiles: [finance-manager]",
        "tools: [erp]\n    seats: [{profiles: [support-lead]",
    );
    desk.log("a.jsonl", &vec![note("ana"); 40]);
    let person = |id: &str, group: &str, active: bool| {
        json!({"person": id, "name": id, "active": active, "groups": [group],
            "accounts": [{"issuer": "https://sso.acme.example/", "subject": id}]})
    };
    let mut people = vec![
        person("ana", "sg-support-leads", true),
        person("bob", "sg-support-leads", true),
        person("cem", "sg-support-leads", false),
        person("dia", "sg-hr", true),
    ];
    let run = |people: &[Value]| {
        let directory =
            json!({"stopgate_directory": 1, "as_of": "2026-11-24T08:00:00Z", "people": people});
        fs::write(desk.path("people.json"), directory.to_string()).expect("written");
        desk.run(&[
            "p",
            "--log",
            "a.jsonl",
            "--base",
            "base",
            "--directory=people.json",
            "--format=json",
        ])
    };
    // Ana asks, Cem has left and Dia is no lead: all of it is Bob's.
    let alone = run(&people);
    assert_eq!(alone.exit, 5, "{}", alone.stderr);
    let approvers = &alone.json()["approvals"]["approvers"];
    assert_eq!(approvers.as_array().map(Vec::len), Some(1), "{approvers}");
    assert_eq!(approvers[0]["person"], "bob");
    assert_eq!(approvers[0]["after"]["busiest"]["approvals"], 40.0);
    people.push(person("eva", "sg-support-leads", true));
    let shared = run(&people);
    assert_eq!(shared.exit, 0, "{}", shared.stdout);
    let approvers = &shared.json()["approvals"]["approvers"];
    assert_eq!(approvers[1]["after"]["busiest"]["approvals"], 20.0);
    // Where nobody is left, nothing can be approved.
    let nobody = run(&people[..1]);
    assert_eq!(nobody.exit, 5);
    let route = &nobody.json()["approvals"]["routes"][0];
    assert_eq!(route["after"]["unfilled"], 40);
}

#[test]
fn masked_arguments_replay_only_where_nothing_could_read_them() {
    let desk = Desk::new();
    let masked = Asked {
        input: r#"{"order_id":"A-1001","amount_cents":45000,"currency":"EUR","bank_account":"GB33BUKB20201555555555"}"#
            .to_owned(),
        ..refund(0)
    };
    desk.log("a.jsonl", &[masked]);
    let text = fs::read_to_string(desk.path("a.jsonl")).expect("a log");
    assert!(
        text.contains("$masked") && !text.contains("GB33BUKB"),
        "{text}"
    );
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(kinds(&json), json!({"route > reject": 1}));
    assert_eq!(json["recorded_otherwise"]["checked"], 1);
    // Once it is masked no longer, a rule could read it.
    desk.edit(
        "catalog/erp.yaml",
        "input: {mask: [/bank_account]}",
        "# no mask",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(json["attempts"]["not_replayed"]["masked"], 1, "{json:#}");
    assert_eq!(json["flips"]["counts"]["total"], 0);
}

#[test]
fn what_no_policy_was_asked_is_not_replayed() {
    let desk = Desk::new();
    let mut unasked = desk.record(&refund(45_000));
    unasked.result = RecordedResult::Reject(stopgate_decide::decide::Rejection::new(
        stopgate_decide::decide::Reason::SubjectUnverified,
        "nobody vouches",
    ));
    desk.write("a.jsonl", vec![unasked]);
    let json = desk.replay("a.jsonl").json();
    assert_eq!(json["attempts"]["not_replayed"]["unasked"], 1);
}

/// The calendar is the bundle's, so a sidecar that reads it otherwise has other zone data than this program.
#[test]
fn records_of_a_sidecar_with_other_zone_data_are_told() {
    let desk = Desk::new();
    let mut other = desk.record(&refund(60_000));
    other.context.business = other.context.business.map(|business| !business);
    assert!(other.context.business.is_some(), "the calendar was asked");
    desk.write("a.jsonl", vec![desk.record(&refund(60_000)), other]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(json["recorded_otherwise"]["total"], 1, "{json:#}");
    assert_eq!(json["recorded_otherwise"]["by_calendar"], 1, "{json:#}");
    let text = desk.run(&["p", "--log", "a.jsonl", "--base", "base"]);
    let said = format!(
        "1 of them read the calendar otherwise: this program has zone data {}",
        stopgate_decide::calendar::zone_data()
    );
    assert!(text.stdout.contains(&said), "{}", text.stdout);
}

#[test]
fn a_record_that_says_something_else_than_its_bundle_is_noted() {
    let desk = Desk::new();
    let mut wrong = desk.record(&refund(60_000));
    wrong.result = RecordedResult::Permit;
    desk.write("a.jsonl", vec![desk.record(&refund(60_000)), wrong]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(json["recorded_otherwise"]["checked"], 2);
    assert_eq!(json["recorded_otherwise"]["total"], 1);
    assert_eq!(json["recorded_otherwise"]["by_calendar"], 0);
    let example = &json["recorded_otherwise"]["examples"][0];
    assert_eq!(example["record"], 2);
    assert_eq!(example["recorded"], json!({"permit": {}}));
}

#[test]
fn a_torn_tail_is_told_and_any_other_bad_line_ends_the_run() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(30_000), refund(30_000)]);
    let whole = fs::read_to_string(desk.path("a.jsonl")).expect("a log");
    let torn = whole.get(..whole.len() - 40).expect("a longer log");
    fs::write(desk.path("torn.jsonl"), torn).expect("written");
    let torn = desk.replay("torn.jsonl");
    assert_eq!(torn.exit, 0, "{}", torn.stderr);
    assert_eq!(
        torn.json()["torn"],
        json!({"file": "torn.jsonl", "line": 2})
    );
    assert_eq!(torn.json()["attempts"]["total"], 1);
    assert!(
        torn.stderr
            .contains("torn.jsonl:2: the last line has no end"),
        "{}",
        torn.stderr
    );
    let args = |logs: [&'static str; 2]| {
        [
            &["p", "--log"],
            &logs[..],
            &["--base", "base", "--format=json"],
        ]
        .concat()
    };
    let amid = desk.run(&args(["torn.jsonl", "a.jsonl"]));
    assert_eq!(amid.exit, 1);
    assert!(
        amid.stderr.contains("torn.jsonl:2: the line has no end"),
        "{}",
        amid.stderr
    );
    let twice = desk.run(&args(["a.jsonl", "./a.jsonl"]));
    assert_eq!(twice.exit, 2);
    // What is decided is read whole; how it is spelt is for `log verify` to say.
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    for (spoilt, why) in [
        (
            whole.replacen("\"erp\"", "\"erp\",\"more\":1", 2),
            "a.jsonl:1: the line is not a record",
        ),
        (
            whole.replacen("30000", "30001", 1),
            "a.jsonl:1: the line is not a record",
        ),
        (
            format!("{whole}{{}}\n"),
            "a.jsonl:3: the line is not a record",
        ),
    ] {
        fs::write(desk.path("a.jsonl"), spoilt).expect("written");
        let run = desk.replay("a.jsonl");
        assert_eq!(run.exit, 1);
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
}

#[test]
fn two_revisions_of_a_bare_clone_are_compared_and_invalid_ones_refused() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[refund(45_000)]);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    git(&desk.path("p"), &["commit", "-qam", "tighter"]);
    desk.edit("rules/erp.yaml", "risk: low", "risk: tiny");
    git(&desk.path("p"), &["commit", "-qam", "wrong"]);
    git(&desk.path(""), &["clone", "-q", "--bare", "p", "bare.git"]);
    let run = |base, head| {
        desk.run(&[
            "bare.git",
            "--log",
            "a.jsonl",
            "--base",
            base,
            "--head",
            head,
            "--format=json",
        ])
    };
    let json = run("base", "main~1").json();
    assert_eq!(kinds(&json), json!({"route > reject": 1}));
    assert_eq!(run("base", "main").exit, 3);
    // A base that means nothing holds nobody up, and nothing is said of it.
    let lost = run("main", "base");
    assert_eq!(lost.exit, 0, "{}", lost.stderr);
    let said = lost.json()["nothing"].to_string();
    assert!(said.contains("nothing is replayed: the base"), "{said}");
    assert_eq!(run("base", "nowhere").exit, 2);
    assert_eq!(run("base", "worktree").exit, 2);
}

#[test]
fn ceilings_are_those_on_record_unless_a_channel_is_named() {
    let desk = Desk::new();
    desk.log("a.jsonl", &[note("ana")]);
    desk.edit(
        "stopgate.yaml",
        "pilot: {ceiling: read_only}",
        "pilot: {ceiling: high}",
    );
    let recorded = desk.replay("a.jsonl");
    assert_eq!(recorded.json()["flips"]["counts"]["total"], 0);
    assert!(recorded.stderr.contains("--channel"), "{}", recorded.stderr);
    let args = ["p", "--log", "a.jsonl", "--base", "base", "--format=json"];
    let pilot = desk.run(&[&args[..], &["--channel=pilot"]].concat());
    assert_eq!(kinds(&pilot.json()), json!({"reject > permit": 1}));
    let unknown = desk.run(&[&args[..], &["--channel=nowhere"]].concat());
    assert_eq!(unknown.exit, 2);
}

/// Of a stop the record keeps what it let through, and nothing else is needed to decide the attempt again.
#[test]
fn what_a_stop_rejected_is_decided_again_as_it_was() {
    let desk = Desk::new();
    let records = vec![
        // Every 64th record is decided anew, and each of these once their operations change.
        desk.stopped_record(&note("ana"), StopLimit::None),
        desk.stopped_record(&note("bob"), StopLimit::ReadOnly),
        desk.stopped_record(&note("eva"), StopLimit::Low),
        desk.stopped_record(&refund(30_000), StopLimit::Low),
        desk.stopped_record(&refund(30_000), StopLimit::Medium),
        desk.stopped_record(&refund(60_000), StopLimit::Medium),
    ];
    let answers = records.iter().map(|record| match &record.result {
        RecordedResult::Permit => "permit".to_owned(),
        RecordedResult::Route(_) => "route".to_owned(),
        RecordedResult::Reject(rejection) => rejection.reason.to_string(),
    });
    let (stopped, permit, route) = ("stopped", "permit", "route");
    assert_eq!(
        answers.collect::<Vec<_>>(),
        [stopped, stopped, permit, stopped, route, stopped]
    );
    desk.write("a.jsonl", records);
    let log = fs::read_to_string(desk.path("a.jsonl")).expect("a log");
    for line in log.lines() {
        let skimmed = Skimmed::parse(line.as_bytes()).expect("it is told quickly");
        assert_eq!(skimmed.limit.by.as_str(), "stop");
        assert!(line.contains(r#""limit":{"by":"stop","class":"#), "{line}");
    }
    let same = desk.replay("a.jsonl").json();
    assert_eq!(same["attempts"]["taken"], 6, "{same:#}");
    // Both operations change, so everything is decided by both policies.
    notes_need_a_supervisor(&desk);
    desk.edit(
        "rules/erp.yaml",
        "amount_cents <= 50000",
        "amount_cents <= 40000",
    );
    let json = desk.replay("a.jsonl").json();
    assert_eq!(json["attempts"]["taken"], 0, "{json:#}");
    assert_eq!(json["recorded_otherwise"]["checked"], 6, "{json:#}");
    assert_eq!(json["recorded_otherwise"]["total"], 0, "{json:#}");
    // A note of risk medium is above what that stop let through; nothing else moved.
    assert_eq!(kinds(&json), json!({"permit > reject": 1}), "{json:#}");
    // Under another channel's ceiling the stop is what it was, where it is no higher.
    let args = ["p", "--log", "a.jsonl", "--base", "base", "--format=json"];
    let dev = desk.run(&[&args[..], &["--channel=dev"]].concat()).json();
    assert_eq!(dev["recorded_otherwise"]["total"], 0, "{dev:#}");
    assert_eq!(kinds(&dev), json!({"permit > reject": 1}), "{dev:#}");
    let pilot = desk.run(&[&args[..], &["--channel=pilot"]].concat()).json();
    assert_eq!(kinds(&pilot), json!({}), "{pilot:#}");
}
