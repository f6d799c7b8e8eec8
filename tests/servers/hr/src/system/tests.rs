//! The HR system of the tests keeps its own rules: leave and salaries.

use std::collections::BTreeMap;

use acme_mcp::contract::breaches;
use acme_mcp::journal::Journal;
use serde_json::json;

use super::*;
use crate::offer::definitions;

fn samples() -> BTreeMap<&'static str, Value> {
    let change =
        json!({"employee_id": "E-100", "increase_percent": 10, "new_salary_cents": 275_000});
    BTreeMap::from([
        ("get_leave_balance", json!({"employee_id": "E-100"})),
        (
            "create_leave_request",
            json!({"employee_id": "E-100", "first_day": "2026-12-28", "days": 4}),
        ),
        ("preview_salary_change", change.clone()),
        ("change_salary", change),
        (
            "terminate_employee",
            json!({"employee_id": "E-101", "last_day": "2026-12-31", "reason": "retirement"}),
        ),
        ("export_payroll", json!({"month": "2026-11"})),
    ])
}

fn register() -> Register {
    Register::new(Journal::new(None))
}

fn run(
    register: &mut Register,
    function: &str,
    arguments: &Value,
) -> Result<Value, CallError<Refusal>> {
    register.call(function, arguments.as_object().expect("an object").clone())
}

#[test]
fn the_server_accepts_exactly_what_its_schemas_allow() {
    let definitions = definitions().expect("definitions");
    let samples = samples();
    assert_eq!(definitions.len(), samples.len());
    let breaches = breaches(&definitions, &samples, |function, arguments| {
        let answer = run(&mut register(), function, arguments);
        matches!(answer, Err(CallError::Arguments(_)))
    });
    assert_eq!(breaches.expect("schemas like ours"), Vec::<String>::new());
}

#[test]
fn reads_and_previews_change_nothing_and_every_side_effect_is_one_line_of_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let effects = || {
        let journal = std::fs::read_to_string(&path).unwrap_or_default();
        let line = |line: &str| serde_json::from_str::<Value>(line).expect("a line of JSON");
        let effects = journal.lines().map(line);
        effects.map(|one| one["effect"].clone()).collect::<Vec<_>>()
    };
    let mut register = Register::new(Journal::new(Some(path.clone())));
    let before = format!("{register:?}");
    for reading in [
        "get_leave_balance",
        "preview_salary_change",
        "export_payroll",
    ] {
        run(&mut register, reading, &samples()[reading]).expect(reading);
        assert_eq!(
            (format!("{register:?}"), effects().len()),
            (before.clone(), 0),
            "{reading}"
        );
    }
    let writing = [
        "create_leave_request",
        "change_salary",
        "terminate_employee",
    ];
    for function in writing {
        run(&mut register, function, &samples()[function]).expect(function);
    }
    assert_eq!(effects(), writing.map(Value::from));
}

#[test]
fn what_cannot_be_journalled_does_not_happen() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut register = Register::new(Journal::new(Some(folder.path().to_owned())));
    let before = format!("{register:?}");
    let answer = run(&mut register, "change_salary", &samples()["change_salary"]);
    assert!(matches!(
        answer,
        Err(CallError::Refused(Refusal::Journal(_)))
    ));
    assert_eq!(format!("{register:?}"), before);
}

#[test]
fn the_percentage_that_a_policy_reads_is_the_one_that_is_paid() {
    let mut register = register();
    let sample = &samples()["change_salary"];
    let preview = run(&mut register, "preview_salary_change", sample).expect("a preview");
    assert!(preview.pointer("/employee/national_id").is_some());
    let other =
        json!({"employee_id": "E-100", "increase_percent": 10, "new_salary_cents": 500_000});
    let refused = run(&mut register, "change_salary", &other);
    assert!(matches!(
        refused,
        Err(CallError::Refused(Refusal::OtherSalary { percent: 10, .. }))
    ));
    let mut done = run(&mut register, "change_salary", sample).expect("a change");
    let number = done.as_object_mut().expect("an object").remove("change_id");
    assert_eq!((number, done), (Some(json!("C-1")), preview));
}

#[test]
fn leave_ends_with_the_days_that_are_left_and_with_the_employment() {
    let mut register = register();
    let leave =
        |days: u64| json!({"employee_id": "E-101", "first_day": "2026-12-01", "days": days});
    let entered = run(&mut register, "create_leave_request", &leave(14)).expect("leave");
    assert_eq!(entered["left_days"], json!(0));
    let more = run(&mut register, "create_leave_request", &leave(1));
    assert!(matches!(
        more,
        Err(CallError::Refused(Refusal::TooLong { left_days: 0, .. }))
    ));
    run(
        &mut register,
        "terminate_employee",
        &samples()["terminate_employee"],
    )
    .expect("a departure");
    let balance = run(
        &mut register,
        "get_leave_balance",
        &json!({"employee_id": "E-101"}),
    );
    assert!(matches!(balance, Err(CallError::Refused(Refusal::Left(_)))));
    let nobody = run(
        &mut register,
        "get_leave_balance",
        &json!({"employee_id": "E-999"}),
    );
    assert!(matches!(
        nobody,
        Err(CallError::Refused(Refusal::Absent(_)))
    ));
    let unknown = run(&mut register, "promote_everybody", &json!({}));
    assert!(matches!(unknown, Err(CallError::Unknown(_))));
}
