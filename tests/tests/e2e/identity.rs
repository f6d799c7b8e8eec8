//! Users of a real identity provider, from their log-in to the record of what was done for them.

use std::fs;

use stopgate_client::SubjectToken;
use stopgate_client::wire::DecideRequest;
use stopgate_tests::ask::{order, refund, word};
use stopgate_tests::log;
use stopgate_tests::oidc::Oidc;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{CALLER_WITH_TOKENS, Hours, Stage};

fn on_behalf(mut request: DecideRequest, token: &str) -> DecideRequest {
    let attempt = request.attempt.as_mut().expect("an attempt");
    attempt.subject = Some(SubjectToken::new(token).into());
    request
}

#[tokio::test]
async fn t15_a_real_issuers_tokens_say_who_acts() {
    let mut provider = Oidc::start().expect("an identity provider");
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    // Its access tokens name the client as RFC 9068 says.
    let policy = stage.policies().join("stopgate.yaml");
    let text = fs::read_to_string(&policy).expect("text");
    assert!(text.contains("agent: azp"));
    fs::write(&policy, text.replace("agent: azp", "agent: client_id")).expect("written");
    stage.publish().expect("a bundle");
    fs::write(stage.path("jwks.json"), provider.jwks()).expect("a key set");
    let uid = rustix::process::getuid().as_raw();
    stage
        .configure("dev", uid, CALLER_WITH_TOKENS)
        .expect("a configuration");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");

    // All that the provider can sign with and a sidecar takes.
    for algorithm in ["RS256", "ES256", "EdDSA", "Ed25519"] {
        let token = provider.token(algorithm, "analyst").expect("a token");
        let verdict = client
            .decide(on_behalf(order(algorithm), &token), PATIENCE)
            .await;
        assert_eq!(word(&verdict), "permit", "{algorithm}");
        let verdict = client
            .decide(on_behalf(refund(algorithm, 50_000), &token), PATIENCE)
            .await;
        assert_eq!(
            word(&verdict),
            "route: user_confirmation, approval:supervisor"
        );
    }
    let visitor = provider.token("ES256", "visitor").expect("a token");
    let verdict = client
        .decide(on_behalf(order("visitor"), &visitor), PATIENCE)
        .await;
    assert_eq!(word(&verdict), "reject: unknown_profile");

    // Another issuer of the same name, with other keys behind the same key ids.
    let mut other = Oidc::start().expect("an identity provider");
    let forged = other.token("ES256", "analyst").expect("a token");
    // It may have taken so long to start that the connection was idle.
    let client = sidecar.client().await.expect("a connection");
    let verdict = client
        .decide(on_behalf(order("forged"), &forged), PATIENCE)
        .await;
    assert_eq!(word(&verdict), "reject: subject_unverified");

    let status = sidecar.terminate().await.expect("an end");
    assert!(status.success(), "{status}");
    let records = log::records(&stage.log()).expect("a sound log");
    let by: Vec<_> = log::decisions(&records)
        .map(|record| {
            let subject = record.attempt.subject.as_ref();
            let id = subject.map(|subject| subject.id.as_str());
            (id, record.attempt.agent.as_str())
        })
        .collect();
    // Two attempts for each of four algorithms.
    let mut expected = vec![(Some("analyst"), "orchestrator"); 8];
    expected.extend([(Some("visitor"), "orchestrator"), (None, "orchestrator")]);
    assert_eq!(by, expected);
}
