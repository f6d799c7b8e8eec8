//! What an allowed caller gets, and what is on record before it gets it.

use stopgate_client::{Obligation, Verdict, wire};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{PATIENCE, Place, Policy, ask, get_order, refund, request, request_with};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_is_typed_explained_and_on_record() {
    let place = Place::new();
    let running = place.start();
    let client = running.client().await;
    let operation = |name: &str| Some(wire::attempt::Target::Operation(name.into()));
    let mut expected = vec![];
    for (request, answers) in [
        (get_order(), &["permit"][..]),
        (
            request_with(|attempt| {
                attempt.target = Some(wire::attempt::Target::McpTool("get_order".into()))
            }),
            &["permit"],
        ),
        // After hours the same refund needs the committee.
        (
            refund(40_000, "EUR"),
            &[
                "route user_confirmation approval:supervisor",
                "route user_confirmation approval:committee",
            ],
        ),
        (refund(40_000, "USD"), &["forbidden"]),
        (refund(60_000, "EUR"), &["no_rule"]),
        (
            request("purge_archive", r#"{"before_year":2000}"#),
            &["no_rule"],
        ),
        (
            request("create_refund", r#"{"order_id":"A-1"}"#),
            &["input_invalid"],
        ),
        (
            request("get_order", r#"{"order_id":"A-1","order_id":"A-2"}"#),
            &["input_invalid"],
        ),
        (
            request("get_order", r#"{"order_id":1e999}"#),
            &["input_invalid"],
        ),
        (
            request("get_order", &"[".repeat(10_000)),
            &["input_invalid"],
        ),
        (request("get_order", ""), &["input_invalid"]),
        (
            request_with(|attempt| attempt.input = vec![0xff; 10]),
            &["input_invalid"],
        ),
        (
            request_with(|attempt| attempt.target = operation("drop_tables")),
            &["unknown_operation"],
        ),
        (
            request_with(|attempt| attempt.target = None),
            &["unknown_operation"],
        ),
        (
            request_with(|attempt| attempt.tool = "ghost".into()),
            &["unknown_tool"],
        ),
        (
            request_with(|attempt| attempt.tool_definition_digest = vec![7; 32]),
            &["definition_mismatch"],
        ),
        (
            request_with(|attempt| attempt.subject = None),
            &["subject_unverified"],
        ),
    ] {
        let answer = ask(&client, request).await;
        assert!(
            answers.contains(&answer.as_str()),
            "{answer}, not {answers:?}"
        );
        expected.push(answer);
    }
    let records = running.records();
    let decisions: Vec<_> = records
        .iter()
        .filter(|record| record["kind"] == "decision")
        .collect();
    assert_eq!(
        decisions.len(),
        expected.len(),
        "one record for each answer"
    );
    for (record, answer) in decisions.iter().zip(&expected) {
        let result = &record["result"];
        let recorded = match (
            result["permit"].is_object(),
            result["route"].as_array(),
            &result["reject"]["reason"],
        ) {
            (true, _, _) => "permit".to_owned(),
            (_, Some(needs), _) => {
                let needs: Vec<_> = needs.iter().filter_map(|need| need.as_str()).collect();
                format!("route {}", needs.join(" "))
            }
            (_, None, reason) => reason.as_str().expect("a reason").to_owned(),
        };
        assert_eq!(&recorded, answer);
    }
    let text = records.iter().map(ToString::to_string).collect::<String>();
    assert!(
        !text.contains("PT50"),
        "T40: a masked argument is not in the log"
    );
    assert_eq!(
        running.metric(r#"stopgate_answers_total{tool="erp",answer="permit",reason=""}"#),
        2.0
    );
    assert_eq!(
        running.metric(
            r#"stopgate_answers_total{tool="other",answer="reject",reason="unknown_tool"}"#
        ),
        1.0
    );
}

/// `get_order` and `ghost` mask nothing themselves: what does not belong there may be what another operation masks.
#[tokio::test(flavor = "multi_thread")]
async fn t40_what_fits_no_operation_is_a_keyed_digest_wherever_something_is_masked() {
    let place = Place::new();
    let running = place.start();
    let client = running.client().await;
    let stray = r#"{"order_id":"A-1001","bank_account":"PT50"}"#;
    for request in [
        request("get_order", stray),
        request("create_refund", stray),
        request("drop_tables", stray),
        request_with(|attempt| {
            attempt.tool = "ghost".into();
            attempt.input = stray.into();
        }),
        // Nobody looks at the input of somebody who is not known.
        request_with(|attempt| {
            attempt.subject = None;
            attempt.input = stray.into();
        }),
    ] {
        let answer = ask(&client, request).await;
        let attempt = &running.records().pop().expect("a record")["attempt"];
        assert!(attempt.get("input").is_none(), "{answer}: {attempt}");
        let digest = attempt["input_digest"].as_str().expect("a digest");
        assert!(digest.starts_with("hmac:"), "{answer}: {attempt}");
    }
    ask(&client, get_order()).await;
    let attempt = &running.records().pop().expect("a record")["attempt"];
    assert_eq!(attempt["input"]["order_id"], "A-1001", "what fits is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_carries_its_explanation_and_its_obligations() {
    let place = Place::new();
    let masked = "get_order: {effect: read, result: {mask: [/customer/tax_id], max_rows: {pointer: /items, rows: 2}}}";
    let policy = Policy::base().with("catalog/erp.yaml", "get_order: {effect: read}", masked);
    place.publish(&policy.build(&place.key));
    let running = place.start();
    let Verdict::Permit(permit) = running.client().await.decide(get_order(), PATIENCE).await else {
        panic!("a permit");
    };
    let [
        Obligation::MaskFields(masks),
        Obligation::LimitRows(rows, 2),
    ] = permit.obligations()
    else {
        panic!("{:?}", permit.obligations());
    };
    assert_eq!(
        (masks[0].as_str(), rows.as_str()),
        ("/customer/tax_id", "/items")
    );
    let mut result = serde_json::json!({"customer": {"tax_id": "PT1"}, "items": [1, 2, 3]});
    permit.apply(&mut result).expect("applied");
    assert_eq!(
        result,
        serde_json::json!({"customer": {"tax_id": "***"}, "items": [1, 2]})
    );
    let explanation = permit.explanation();
    let [rule] = explanation.rules.as_slice() else {
        panic!("{explanation:?}")
    };
    assert_eq!(
        (rule.rule.as_str(), rule.file.as_str(), rule.line),
        ("erp/read-orders", "rules/erp.yaml", 6)
    );
    let records = running.records();
    let record = records.last().expect("a record");
    assert_eq!(record["decision"], explanation.decision.as_str());
    assert_eq!(record["bundle"], explanation.bundle_digest.as_str());
    drop(running);

    // The same caller, if it does not say that it masks.
    let config = place.config().replace(
        r#"enforces = ["mask", "max_rows"]"#,
        r#"enforces = ["max_rows"]"#,
    );
    let running = place.start_with(&config);
    assert_eq!(
        ask(&running.client().await, get_order()).await,
        "obligation"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_recorded_and_ids_are_repeated() {
    let place = Place::new();
    let running = place.start();
    let channel = running.channel().connect().await.expect("a connection");
    let mut service = wire::enforcement_service_client::EnforcementServiceClient::new(channel);
    let mut request = tonic::Request::new(get_order());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .metadata_mut()
        .insert("traceparent", trace.parse().expect("a header"));
    let answer = service
        .decide(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(answer.request_id, get_order().request_id);
    let record = running.records().pop().expect("a record");
    assert_eq!(record["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(record["decision"], answer.decision.as_str());

    let malformed = wire::DecideRequest {
        request_id: String::new(),
        ..get_order()
    };
    let status = service.decide(malformed).await.expect_err("a status");
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert_eq!(
        running.metric(r#"stopgate_undecided_total{reason="malformed"}"#),
        1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reflection_status_and_probes_agree() {
    let place = Place::new();
    let running = place.start();
    let channel = running.channel().connect().await.expect("a connection");
    for service in ["", "stopgate.v1.EnforcementService"] {
        let asked = HealthCheckRequest {
            service: service.into(),
        };
        let answer = HealthClient::new(channel.clone())
            .check(asked)
            .await
            .expect("an answer");
        assert_eq!(answer.into_inner().status, 1, "SERVING");
    }
    let status = running
        .client()
        .await
        .status(PATIENCE)
        .await
        .expect("a status");
    assert_eq!(
        (status.channel.as_str(), status.risk_limit()),
        ("dev", wire::RiskLimit::High)
    );
    assert!(status.bundle_digest.starts_with("sha256:"));
    assert_eq!(running.get("/livez"), (200, "live\n".into()));
    assert_eq!(running.get("/readyz"), (200, "ready\n".into()));
    assert_eq!(running.get("/").0, 404);
    assert_eq!(
        running
            .probe("POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
            .0,
        405
    );
    assert_eq!(running.metric("stopgate_ready"), 1.0);
    assert!(running.metric("stopgate_bundle_rules") > 3.0);

    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(asked))
        .await;
    let answer = answers
        .expect("answers")
        .into_inner()
        .message()
        .await
        .expect("an answer")
        .expect("an answer");
    let ServerReflectionResponse {
        message_response: Some(MessageResponse::ListServicesResponse(listed)),
        ..
    } = answer
    else {
        panic!("{answer:?}");
    };
    assert!(
        listed
            .service
            .iter()
            .any(|service| service.name == "stopgate.v1.EnforcementService"),
        "{listed:?}"
    );
}
