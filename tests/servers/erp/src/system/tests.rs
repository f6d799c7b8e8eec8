//! The ERP of the tests keeps its own rules: orders, refunds and suppliers.

use std::collections::BTreeMap;

use acme_mcp::contract::breaches;
use acme_mcp::journal::Journal;
use serde_json::json;

use super::*;
use crate::offer::{Variant, definitions};

fn samples() -> BTreeMap<&'static str, Value> {
    let iban = "PT50000201231234567890154";
    let refund = json!({"order_id": "A-1001", "amount_cents": 50_000, "currency": "EUR", "bank_account": iban});
    BTreeMap::from([
        ("get_order", json!({"order_id": "A-1001"})),
        ("get_invoice", json!({"invoice_id": "I-7"})),
        ("preview_refund", refund.clone()),
        ("create_refund", refund),
        (
            "update_order_note",
            json!({"order_id": "A-1001", "note": "called back"}),
        ),
        ("cancel_order", json!({"order_id": "A-1002"})),
        ("preview_cancel", json!({"order_id": "A-1002"})),
        (
            "create_supplier",
            json!({"name": "Tinta Lda", "country": "PT", "iban": iban}),
        ),
        (
            "change_supplier_bank_account",
            json!({"supplier_id": "S-1", "iban": iban}),
        ),
    ])
}

fn ledger() -> Ledger {
    Ledger::new(Journal::new(None))
}

fn run(
    ledger: &mut Ledger,
    function: &str,
    arguments: &Value,
) -> Result<Value, CallError<Refusal>> {
    ledger.call(function, arguments.as_object().expect("an object").clone())
}

#[test]
fn the_server_accepts_exactly_what_its_schemas_allow() {
    let definitions = definitions(Variant::Reviewed).expect("definitions");
    let samples = samples();
    assert_eq!(definitions.len(), samples.len());
    let breaches = breaches(&definitions, &samples, |function, arguments| {
        // A ledger of its own, so that no call depends on the one before.
        let answer = run(&mut ledger(), function, arguments);
        matches!(answer, Err(CallError::Arguments(_)))
    });
    assert_eq!(breaches.expect("schemas like ours"), Vec::<String>::new());
}

#[test]
fn reads_and_previews_change_nothing_and_every_side_effect_is_one_line_of_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let lines = || {
        std::fs::read_to_string(&path)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let mut ledger = Ledger::new(Journal::new(Some(path.clone())));
    // As it prints itself: everything that it keeps is compared.
    let before = format!("{ledger:?}");
    for reading in [
        "get_order",
        "get_invoice",
        "preview_refund",
        "preview_cancel",
    ] {
        run(&mut ledger, reading, &samples()[reading]).expect(reading);
        assert_eq!(
            (format!("{ledger:?}"), lines()),
            (before.clone(), 0),
            "{reading}"
        );
    }
    let writing = [
        "create_refund",
        "update_order_note",
        "cancel_order",
        "create_supplier",
        "change_supplier_bank_account",
    ];
    for (at, function) in writing.into_iter().enumerate() {
        run(&mut ledger, function, &samples()[function]).expect(function);
        assert_eq!(lines(), at + 1, "{function}");
    }
    let journal = std::fs::read_to_string(&path).expect("the journal");
    let effects: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(
        effects
            .iter()
            .map(|effect| effect["effect"].clone())
            .collect::<Vec<_>>(),
        writing.map(Value::from)
    );
    assert_eq!(effects[0]["refund"]["amount_cents"], json!(50_000));
}

#[test]
fn what_cannot_be_journalled_does_not_happen() {
    let folder = tempfile::tempdir().expect("a folder");
    // A folder stands where the file would be.
    let mut ledger = Ledger::new(Journal::new(Some(folder.path().to_owned())));
    let before = format!("{ledger:?}");
    let answer = run(&mut ledger, "create_refund", &samples()["create_refund"]);
    assert!(matches!(
        answer,
        Err(CallError::Refused(Refusal::Journal(_)))
    ));
    assert_eq!(format!("{ledger:?}"), before);
}

#[test]
fn results_show_what_a_mask_hides_and_refunds_never_exceed_what_was_paid() {
    let mut ledger = ledger();
    let order = run(&mut ledger, "get_order", &json!({"order_id": "A-1003"})).expect("the order");
    assert!(
        order.pointer("/customer/tax_id").is_some() && order.pointer("/payment/iban").is_some()
    );
    let refund = |cents: u64, currency: &str| json!({"order_id": "A-1003", "amount_cents": cents, "currency": currency});
    let preview = run(&mut ledger, "preview_refund", &refund(3_000, "USD")).expect("a preview");
    let mut done = run(&mut ledger, "create_refund", &refund(3_000, "USD")).expect("a refund");
    assert_eq!(
        done.as_object_mut().expect("an object").remove("refund_id"),
        Some(json!("R-1"))
    );
    assert_eq!(done, preview);
    let too_much = run(&mut ledger, "create_refund", &refund(2_001, "USD"));
    assert!(matches!(
        too_much,
        Err(CallError::Refused(Refusal::TooMuch {
            left_cents: 2_000,
            ..
        }))
    ));
    let other = run(&mut ledger, "create_refund", &refund(1, "EUR"));
    assert!(matches!(
        other,
        Err(CallError::Refused(Refusal::OtherCurrency { .. }))
    ));
    run(&mut ledger, "cancel_order", &json!({"order_id": "A-1003"})).expect("cancelled");
    let cancelled = run(&mut ledger, "create_refund", &refund(1, "USD"));
    assert!(matches!(
        cancelled,
        Err(CallError::Refused(Refusal::Cancelled(_)))
    ));
    let unknown = run(&mut ledger, "drop_tables", &json!({}));
    assert!(matches!(unknown, Err(CallError::Unknown(_))));
}

#[test]
fn a_variant_changes_one_thing() {
    let reviewed = definitions(Variant::Reviewed).expect("definitions");
    for name in ["description", "optional", "breaking", "grown"] {
        let altered = definitions(name.parse().expect("a variant")).expect("definitions");
        let differing = altered
            .iter()
            .filter(|definition| !reviewed.contains(definition))
            .count();
        assert_eq!(differing, 1, "{name}");
    }
    assert!("none".parse::<Variant>().is_err());
}
