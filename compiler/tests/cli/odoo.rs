//! The worst case of a server: functions that do anything to any record, and arguments that are open objects.
//! `tests/odoo` governs what selectors and facts can reach; here is what happens to the rest.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Desk;

fn odoo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odoo")
}

/// A desk with a copy that may be spoiled.
fn desk() -> Desk {
    let desk = Desk::new();
    let mut open = vec![(odoo(), desk.path("odoo"))];
    while let Some((from, to)) = open.pop() {
        fs::create_dir(&to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            let (path, name) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                open.push((path, name));
            } else {
                fs::copy(path, name).expect("copied");
            }
        }
    }
    desk
}

#[test]
fn what_selectors_and_facts_reach_is_governed_and_tested() {
    let run = desk().run(&["test", "odoo"]);
    assert_eq!(run.exit, 0, "{}", run.shown());
}

#[test]
fn a_model_that_nobody_selects_is_no_operation() {
    let desk = desk();
    let payslip = r#"{"model": "hr.payslip", "record_id": 1"#;
    for (function, rest) in [
        ("get_record", "}"),
        ("update_record", r#", "values": {"net": 900000}}"#),
    ] {
        let input = format!("{payslip}{rest}");
        let run = desk.run(&[
            "explain",
            "odoo",
            "--tool=odoo",
            "--function",
            function,
            "--profile=accounting",
            "--input",
            &input,
            "--format=json",
        ]);
        let reason = &run.json()["result"]["reject"]["reason"];
        assert_eq!(reason, "unknown_operation", "{}", run.shown());
    }
}

#[test]
fn a_rule_that_reads_an_open_object_is_told_to_take_a_fact() {
    let desk = desk();
    desk.edit(
        "odoo/rules/odoo.yaml",
        r#"["phone", "email", "street"].containsAll(context.facts.fields)"#,
        "context.input.values has phone",
    );
    insta::assert_snapshot!(desk.run(&["check", "odoo"]).shown());
}

#[test]
fn a_function_that_no_selector_can_split_is_classified_or_unused() {
    let desk = desk();
    desk.edit("odoo/catalog/odoo.yaml", "  - search_records\n", "");
    insta::assert_snapshot!(desk.run(&["check", "odoo"]).shown());
}
