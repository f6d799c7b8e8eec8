//! What the reference policies answer over the wire, and that each answer is the record it names.

use stopgate_client::wire::attempt::Subject;
use stopgate_client::wire::{DecideRequest, attempt::Target};
use stopgate_client::{Client, Need, Verdict};
use stopgate_decide::record::RecordedResult;
use stopgate_tests::ask::{self, erp, order, refund, word};
use stopgate_tests::log;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage};

/// Asks everything at once and compares the words.
async fn expect(client: &Client, table: Vec<(&str, DecideRequest, &str)>) {
    let mut wrong = Vec::new();
    for (what, request, expected) in table {
        let answer = word(&client.decide(request, PATIENCE).await);
        if answer != expected {
            wrong.push(format!("{what}: {answer}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn changed(
    mut request: DecideRequest,
    change: impl FnOnce(&mut stopgate_client::wire::Attempt),
) -> DecideRequest {
    change(request.attempt.as_mut().expect("an attempt"));
    request
}

fn asserted(
    attempt: &mut stopgate_client::wire::Attempt,
) -> &mut stopgate_client::wire::AssertedSubject {
    match attempt.subject.as_mut().expect("a subject") {
        Subject::AssertedSubject(subject) => subject,
        Subject::SubjectToken(_) => panic!("a token asserts nothing"),
    }
}

#[tokio::test]
async fn t15_the_erp_policy_answers_over_the_wire() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");
    let small = r#"{"order_id":"A-1001","amount_cents":50000,"currency":"EUR"}"#;
    let dollars = r#"{"order_id":"A-1001","amount_cents":100,"currency":"USD"}"#;
    let twice = r#"{"order_id":"A-1001","amount_cents":1,"currency":"EUR","amount_cents":50000}"#;
    let claim =
        r#"{"order_id":"A-1001","amount_cents":1,"currency":"EUR","profiles":["finance-manager"]}"#;
    let [analyst, both] = [vec!["sg-support"], vec!["sg-support", "sg-finance"]];
    expect(
        &client,
        vec![
            ("reading", order("1"), "permit"),
            (
                "a small refund",
                refund("2", 50_000),
                "route: user_confirmation, approval:supervisor",
            ),
            (
                "one cent more",
                refund("3", 50_001),
                "route: user_confirmation, dry_run, approval:committee",
            ),
            (
                "two profiles",
                erp("4", &both, "create_refund", small),
                "route: user_confirmation, approval:supervisor",
            ),
            (
                "a forbidden currency",
                erp("5", &analyst, "create_refund", dollars),
                "reject: forbidden",
            ),
            (
                "a key twice",
                erp("6", &analyst, "create_refund", twice),
                "reject: input_invalid",
            ),
            (
                "a profile among the arguments",
                erp("7", &analyst, "create_refund", claim),
                "reject: input_invalid",
            ),
            (
                "an unknown operation",
                erp("8", &analyst, "delete_order", "{}"),
                "reject: unknown_operation",
            ),
            (
                "nobody the policy knows",
                erp("9", &["sg-golf"], "create_refund", small),
                "reject: unknown_profile",
            ),
            (
                "the wrong profile",
                erp("10", &["sg-hr"], "create_refund", small),
                "reject: no_rule",
            ),
            (
                "another tool",
                changed(order("11"), |attempt| attempt.tool = "mainframe".to_owned()),
                "reject: unknown_tool",
            ),
            (
                "another definition",
                changed(order("12"), |attempt| {
                    attempt.tool_definition_digest = vec![7; 32]
                }),
                "reject: definition_mismatch",
            ),
            (
                "nobody",
                changed(order("13"), |attempt| attempt.subject = None),
                "reject: subject_unverified",
            ),
            (
                "an issuer nobody trusts",
                changed(order("14"), |attempt| {
                    asserted(attempt).issuer = "https://sso.evil.example/".to_owned()
                }),
                "reject: subject_unverified",
            ),
            (
                "the server's name for it",
                changed(order("15"), |attempt| {
                    attempt.target = Some(Target::McpTool("get_order".to_owned()))
                }),
                "permit",
            ),
            (
                "nothing to do",
                changed(order("16"), |attempt| attempt.target = None),
                "reject: unknown_operation",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn outside_business_hours_the_committee_is_asked() {
    let stage = Stage::new("dev", Hours::AfterHours).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");
    expect(
        &client,
        vec![
            ("reading", order("1"), "permit"),
            (
                "a small refund",
                refund("2", 50_000),
                "route: user_confirmation, approval:committee",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_channel_of_the_configuration_is_the_ceiling() {
    let stage = Stage::new("pilot", Hours::Business).expect("a stage");
    // The pilot's ceiling lets agents read and no more.
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");
    expect(
        &client,
        vec![
            ("reading", order("1"), "permit"),
            ("a small refund", refund("2", 50_000), "reject: ceiling"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_answer_is_the_record_it_names() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");
    let Verdict::Permit(permit) = client.decide(order("order-1"), PATIENCE).await else {
        panic!("no permit")
    };
    // Two fields that the policy masks, and one that it does not.
    let mut result = serde_json::json!({"id": "A-1001", "customer": {"tax_id": "PT123"}, "payment": {"iban": "PT50"}});
    permit.apply(&mut result).expect("applied");
    let shown = result.to_string();
    assert!(
        !shown.contains("PT123") && !shown.contains("PT50") && shown.contains("A-1001"),
        "{shown}"
    );
    let Verdict::Route(route) = client.decide(refund("refund-1", 1), PATIENCE).await else {
        panic!("no route")
    };
    assert!(route.needs().contains(&Need::UserConfirmation));
    assert!(sidecar.terminate().await.expect("it ends").success());

    let records = log::records(&stage.log()).expect("a whole log");
    let decisions: Vec<_> = log::decisions(&records).collect();
    let [first, second] = decisions[..] else {
        panic!("{} decisions", decisions.len())
    };
    assert_eq!(
        (first.request_id.as_str(), &first.decision),
        ("order-1", &permit.explanation().decision)
    );
    assert!(
        matches!(first.result, RecordedResult::Permit),
        "{:?}",
        first.result
    );
    assert_eq!(
        (second.request_id.as_str(), &second.decision),
        ("refund-1", &route.explanation().decision)
    );
    assert!(
        matches!(second.result, RecordedResult::Route(_)),
        "{:?}",
        second.result
    );
    assert_eq!(
        first.attempt.subject.as_ref().expect("a subject").issuer,
        ask::ISSUER
    );
    let verified = stage
        .stopgate(["log", "verify", "state/log"])
        .expect("it runs");
    assert!(
        verified.status.success(),
        "{}",
        stopgate_tests::stage::said(&verified)
    );
}
