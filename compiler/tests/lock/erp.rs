//! The lock of the ERP, and what each variant of its definitions asks for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;

use stopgate::lock::{Comparison, LockStanding, OverwriteVerdict, compare, fetch, write};
use stopgate_author::lock::{ChangeKind, Class, ContractStep, Lock};

use super::{PATIENCE, environment, servers_folder, spec};

fn erp(contract: &str, variant: Option<&str>) -> Lock {
    let variables: Vec<_> = variant
        .map(|variant| ("ERP_VARIANT", variant))
        .into_iter()
        .collect();
    let environment = environment(servers_folder().to_str().expect("UTF-8"), &variables);
    fetch(
        &spec(
            "erp",
            contract,
            &["acme-erp-mcp"],
            &["ERP_URL", "ERP_VARIANT"],
        ),
        &environment,
        PATIENCE,
    )
    .expect("a lock")
}

#[test]
fn the_lock_of_the_erp_is_the_same_bytes_every_time() {
    let lock = erp("2.1.0", None);
    let text = lock.to_string();
    assert_eq!(text, erp("2.1.0", None).to_string());
    assert_eq!(Lock::parse(text.as_bytes()).expect("a lock"), lock);
    assert_eq!(
        (lock.server.name.as_str(), lock.server.version.as_str()),
        ("acme-erp", "2.1.0")
    );
    assert_eq!(lock.protocol, "2025-11-25");
    assert!(lock.instructions.is_some());
    let names: Vec<_> = lock.functions.keys().map(String::as_str).collect();
    let wanted = [
        "cancel_order",
        "change_supplier_bank_account",
        "create_refund",
        "create_supplier",
        "get_invoice",
        "get_order",
        "preview_cancel",
        "preview_refund",
        "update_order_note",
    ];
    assert_eq!(names, wanted);
    for (dry_run, operation) in [
        ("preview_refund", "create_refund"),
        ("preview_cancel", "cancel_order"),
    ] {
        assert_eq!(
            lock.functions[dry_run].input_schema,
            lock.functions[operation].input_schema
        );
    }
}

fn comparison(old: &Lock, new: &Lock) -> Comparison {
    match compare(Some(old.to_string().as_bytes()), new) {
        LockStanding::Compared(comparison) => comparison,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_variant_of_the_erp_asks_for_its_step_of_the_contract() {
    let locked = erp("2.1.0", None);
    let cases = [
        (
            "description",
            ChangeKind::Wording,
            "/description",
            ContractStep::Patch,
            "2.1.1",
        ),
        (
            "optional",
            ChangeKind::OptionalProperty,
            "/inputSchema/properties/reason",
            ContractStep::Minor,
            "2.2.0",
        ),
        (
            "breaking",
            ChangeKind::RequiredProperty,
            "/inputSchema/properties/reason",
            ContractStep::Major,
            "3.0.0",
        ),
        (
            "grown",
            ChangeKind::FunctionAdded,
            "",
            ContractStep::Minor,
            "2.2.0",
        ),
    ];
    for (variant, kind, place, step, least) in cases {
        let unstepped = comparison(&locked, &erp("2.1.0", Some(variant)));
        let found: Vec<_> = unstepped
            .changes
            .iter()
            .map(|change| (change.kind, change.place.as_str()))
            .collect();
        assert_eq!(found, [(kind, place)], "{variant}");
        assert_eq!(unstepped.step(), Some(step), "{variant}");
        assert_eq!(kind.class() == Class::Breaking, variant == "breaking");
        let least = least.parse().expect("a version");
        assert_eq!(
            unstepped.verdict(),
            OverwriteVerdict::StepMissing(least),
            "{variant}"
        );
        let stepped = erp(&least.to_string(), Some(variant));
        assert_eq!(
            comparison(&locked, &stepped).verdict(),
            OverwriteVerdict::StepTaken,
            "{variant}"
        );
    }
    assert_eq!(
        comparison(&locked, &locked).verdict(),
        OverwriteVerdict::Same
    );
    assert_eq!(
        comparison(&locked, &erp("2.1.1", None)).verdict(),
        OverwriteVerdict::StepTaken
    );
    assert_eq!(
        comparison(&locked, &erp("2.0.9", None)).verdict(),
        OverwriteVerdict::WentBack
    );
    assert_eq!(
        comparison(&locked, &erp("2.0.9", Some("description"))).verdict(),
        OverwriteVerdict::WentBack
    );
    assert_eq!(compare(None, &locked), LockStanding::First);
    assert!(matches!(
        compare(Some(b"{}"), &locked),
        LockStanding::Unreadable(_)
    ));
}

#[test]
fn a_lock_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("erp.lock.json");
    let lock = erp("2.1.0", None);
    write(&path, &lock).expect("written");
    write(&path, &lock).expect("written again");
    assert_eq!(
        fs::read_to_string(&path).expect("the file"),
        lock.to_string()
    );
    let taken = folder.path().join("taken.lock.json");
    fs::create_dir_all(taken.join("inside")).expect("a folder");
    assert!(write(&taken, &lock).is_err());
    let left: BTreeSet<_> = fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(
        left,
        ["erp.lock.json", "taken.lock.json"]
            .map(OsString::from)
            .into()
    );
}
