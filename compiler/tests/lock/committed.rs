//! The locks of the reference policies against the bank's own servers. Those of servers from a registry are captured
//! again by `ci/test`, which has them installed.

use std::fs;
use std::path::Path;

use stopgate::lock::fetch;
use stopgate_author::lock::Lock;

use super::{PATIENCE, environment, servers_folder, spec};

fn committed(tool: &str) -> String {
    let path = format!("../policies/catalog/{tool}.lock.json");
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the lock")
}

fn captured(tool: &str, contract: &str) -> Lock {
    let program = format!("acme-{tool}-mcp");
    let environment = environment(servers_folder().to_str().expect("UTF-8"), &[]);
    fetch(
        &spec(tool, contract, &[&program], &[]),
        &environment,
        PATIENCE,
    )
    .expect("a lock")
}

#[test]
fn the_locks_of_the_banks_own_servers_are_what_the_servers_offer() {
    for (tool, contract) in [("erp", "2.1.0"), ("hr", "1.3.0")] {
        assert_eq!(
            committed(tool),
            captured(tool, contract).to_string(),
            "{tool}"
        );
    }
}

#[test]
fn hr_offers_a_dry_run_with_the_same_arguments_and_names_its_contract() {
    let lock = captured("hr", "1.3.0");
    let server = (lock.server.name.as_str(), lock.server.version.as_str());
    assert_eq!(server, ("acme-hr", "1.3.0"));
    let names: Vec<_> = lock.functions.keys().map(String::as_str).collect();
    let wanted = [
        "change_salary",
        "create_leave_request",
        "export_payroll",
        "get_leave_balance",
        "preview_salary_change",
        "terminate_employee",
    ];
    assert_eq!(names, wanted);
    assert_eq!(
        lock.functions["preview_salary_change"].input_schema,
        lock.functions["change_salary"].input_schema
    );
}
