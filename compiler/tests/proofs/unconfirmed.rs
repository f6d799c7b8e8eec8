//! A request of the solver that the two policies do not confirm is no fact about the change, and no proof of it either.

use std::path::Path;

use crate::Desk;

/// Two facts count the same records, which the solver does not know: only it can make one of them the larger.
fn impossible() -> Desk {
    let desk = Desk::of_the_bank();
    desk.edit(
        "catalog/salesforce.yaml",
        "    facts: {rows: count(/records)}\n",
        "    facts: {rows: count(/records), again: count(/records)}\n",
    );
    desk.commit();
    desk.edit(
        "rules/salesforce.yaml",
        "context.input.objectName == \"Contact\"\n      && context.facts.rows == 1",
        "context.input.objectName == \"Contact\"\n      && (context.facts.rows == 1 || context.facts.rows < context.facts.again)",
    );
    desk
}

#[test]
fn a_request_that_no_policy_confirms_is_kept_and_leaves_the_change_undecided() {
    let desk = impossible();
    let run = desk.run(&["diff", "p", "--base=HEAD", "--format=json"]);
    assert_eq!(run.exit, 6, "{}", run.shown());
    let said: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let operations = said["operations"].as_array().expect("operations");
    let [operation] = operations.as_slice() else {
        panic!("{}", run.shown());
    };
    assert_eq!(operation["class"], "undecided", "{}", run.shown());
    assert_eq!(
        operation["cells"].as_array().map(Vec::len),
        Some(0),
        "{}",
        run.shown()
    );
    let mut kept = run
        .stderr
        .lines()
        .filter_map(|line| line.split_once("the solver's request is kept in "));
    let (_, kept) = kept.next().unwrap_or_else(|| panic!("{}", run.shown()));
    let request = std::fs::read_to_string(Path::new(kept)).expect("the kept request");
    assert!(request.contains("again"), "{request}");
    std::fs::remove_file(kept).expect("deleted");
}
