//! T15, T40: whom an attempt is by, on the word of a token.

use std::fs;
use std::path::Path;

use proptest::prelude::{Strategy as _, any, prop};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use stopgate_client::{No, Verdict};

use crate::support::{PATIENCE, Place, Policy, Running, ask, eventually, get_order, request, word};
use crate::tokens::{Provider, get_order_of, with_token};

/// A sidecar that knows the keys of `provider`.
fn start(place: &Place, provider: &Provider) -> Running {
    fs::write(place.path("jwks.json"), provider.jwks()).expect("a key set");
    place.start_with(&place.config_for_tokens())
}

fn last_attempt(running: &Running) -> Value {
    running.records().last().expect("a record")["attempt"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_a_token_says_who_the_subject_is_and_the_caller_cannot() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    let running = start(&place, &provider);
    let client = running.client().await;

    let token = provider.token(json!({}));
    assert_eq!(ask(&client, get_order_of(&token)).await, "permit");
    let attempt = last_attempt(&running);
    let subject = json!({"issuer": "https://sso.acme.example/", "id": "00u1ab"});
    assert_eq!(attempt["subject"], subject);
    assert_eq!(attempt["profiles"], json!(["support-analyst"]));
    assert_eq!(attempt["agent"], "orchestrator");
    assert_eq!(ask(&client, get_order_of(&token)).await, "permit");
    assert!(running.metric("stopgate_tokens_total{result=\"fresh\"}") >= 1.0);
    assert!(running.metric("stopgate_tokens_total{result=\"cached\"}") >= 1.0);

    // The same on the caller's own word, which this caller may not give.
    assert_eq!(ask(&client, get_order()).await, "subject_unverified");
    let mut other_agent = get_order_of(&token);
    other_agent.attempt.as_mut().expect("an attempt").agent = "somebody-else".into();
    assert_eq!(ask(&client, other_agent).await, "subject_unverified");

    let stranger = Provider::new("k1");
    for (over, answer) in [
        (json!({"groups": ["sg-nobody"]}), "unknown_profile"),
        (json!({"groups": "sg-support"}), "permit"),
        (
            json!({"exp": 32_503_680_000.5, "iat": 1.25, "nbf": 0.0}),
            "permit",
        ),
        (json!({"exp": "32503680000"}), "subject_unverified"),
        (json!({"groups": 7}), "subject_unverified"),
        (json!({"aud": "mail"}), "subject_unverified"),
        (json!({"exp": 1}), "subject_unverified"),
        (
            json!({"iss": "https://sso.evil.example/"}),
            "subject_unverified",
        ),
    ] {
        assert_eq!(
            ask(&client, get_order_of(&provider.token(over))).await,
            answer
        );
    }
    for token in [stranger.token(json!({})), String::new(), "x".repeat(17_000)] {
        let verdict = client.decide(get_order_of(&token), PATIENCE).await;
        assert_eq!(word(&verdict), "subject_unverified");
        let Verdict::No(No::Rejected { message, .. }) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(message, "the subject's token does not verify");
        let attempt = last_attempt(&running);
        assert!(attempt["subject"].is_null(), "nobody vouched");
        assert_eq!(attempt["profiles"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_the_agent_is_the_one_that_the_token_was_made_for() {
    let place = Place::new();
    let policy = Policy::base().with(
        "stopgate.yaml",
        "audience: stopgate",
        "audience: stopgate\n    agent: azp",
    );
    place.publish(&policy.build(&place.key));
    let provider = Provider::new("k1");
    fs::write(place.path("jwks.json"), provider.jwks()).expect("a key set");
    let all = place
        .config_for_tokens()
        .replace(r#"["decide"]"#, r#"["decide", "assert_agent"]"#);
    for config in [place.config_for_tokens(), all] {
        let running = place.start_with(&config);
        let client = running.client().await;
        let by = |azp: Value| provider.token(json!({"azp": azp}));
        assert_eq!(
            ask(&client, get_order_of(&by(json!("helper")))).await,
            "permit"
        );
        assert_eq!(last_attempt(&running)["agent"], "helper");
        for (azp, named, answer) in [
            (json!("helper"), "helper", "permit"),
            (json!("helper"), "orchestrator", "subject_unverified"),
            (json!(["helper"]), "", "subject_unverified"),
            (Value::Null, "orchestrator", "subject_unverified"),
        ] {
            let mut request = get_order_of(&by(azp));
            request.attempt.as_mut().expect("an attempt").agent = named.into();
            assert_eq!(ask(&client, request).await, answer, "{named}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_followed_and_a_bad_file_keeps_the_ones_before() {
    let (place, [old, new]) = (Place::new(), [Provider::new("k1"), Provider::new("k2")]);
    let running = start(&place, &old);
    let client = running.client().await;
    let [old_token, new_token] = [&old, &new].map(|provider| provider.token(json!({})));
    assert_eq!(ask(&client, get_order_of(&old_token)).await, "permit");
    assert_eq!(
        ask(&client, get_order_of(&new_token)).await,
        "subject_unverified"
    );

    let replace = |text: &str| {
        fs::write(place.path("next"), text).expect("written");
        fs::rename(place.path("next"), place.path("jwks.json")).expect("renamed");
    };
    replace("{}");
    eventually("it is told", || {
        running.metric("stopgate_failing_issuers") > 0.0
    });
    eventually("why is told", || {
        running
            .event("issuer's keys refused, the ones before stay in force")
            .is_some()
    });
    assert_eq!(ask(&client, get_order_of(&old_token)).await, "permit");

    replace(&new.jwks());
    eventually("it is well again", || {
        running.metric("stopgate_failing_issuers") < 1.0
    });
    assert_eq!(ask(&client, get_order_of(&new_token)).await, "permit");
    assert_eq!(
        ask(&client, get_order_of(&old_token)).await,
        "subject_unverified",
        "a token that was good a moment ago is none with its key gone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_needs_both_the_policy_and_the_configuration() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    let token = provider.token(json!({}));
    // No keys at all, and keys under another name.
    fs::write(place.path("jwks.json"), provider.jwks()).expect("a key set");
    let elsewhere = place.config_for_tokens().replace(
        "[identity.\"https://sso.acme",
        "[identity.\"https://login.acme",
    );
    for config in [place.config(), elsewhere] {
        let running = place.start_with(&config);
        let client = running.client().await;
        assert_eq!(
            ask(&client, get_order_of(&token)).await,
            "subject_unverified"
        );
    }
    // Keys, but no such issuer in the policy.
    let policy = Policy::base().with("stopgate.yaml", "https://sso.acme", "https://login.acme");
    place.publish(&policy.build(&place.key));
    let running = start(&place, &provider);
    let client = running.client().await;
    assert_eq!(
        ask(&client, get_order_of(&token)).await,
        "subject_unverified"
    );
}

/// Arguments that an agent could hope to be heard with: names of people and rights, at any depth, under any name.
fn arguments() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "subject",
        "sub",
        "profiles",
        "groups",
        "agent",
        "_meta",
        "attempt",
        "principal",
        "subject_token",
        "issuer",
        "order_id",
        "admin",
        "finance-manager",
        "sg-finance-managers",
        "",
    ]);
    let leaf = prop::sample::select(vec![
        json!("root"),
        json!(["finance-manager"]),
        json!({"id": "root"}),
        json!(null),
        json!(true),
        json!(7),
    ]);
    let object = prop::collection::vec((word.clone(), leaf), 0..6).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect())
    });
    let nested = (word, object.clone()).prop_map(|(name, inner)| json!({name: inner}));
    proptest::prop_oneof![
        object.prop_map(|value| value.to_string().into_bytes()),
        nested.prop_map(|value| value.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..256),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_no_argument_byte_changes_the_principal() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    let running = start(&place, &provider);
    let client = running.client().await;
    let token = provider.token(json!({}));
    let mut runner = TestRunner::deterministic();
    let strategy = arguments();
    let cases = 256;
    for _ in 0..cases {
        let input = strategy.new_tree(&mut runner).expect("arguments").current();
        let mut request = with_token(request("create_refund", ""), &token);
        request.attempt.as_mut().expect("an attempt").input = input;
        let answer = ask(&client, request).await;
        assert_ne!(answer, "subject_unverified");
    }
    let mut decided = 0;
    for record in running.records() {
        if record["kind"] != "decision" {
            continue;
        }
        decided += 1;
        let attempt = &record["attempt"];
        assert_eq!(
            [&attempt["subject"], &attempt["profiles"], &attempt["agent"]],
            [
                &json!({"issuer": "https://sso.acme.example/", "id": "00u1ab"}),
                &json!(["support-analyst"]),
                &json!("orchestrator"),
            ],
            "{record}"
        );
    }
    assert_eq!(decided, cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn t40_a_token_appears_nowhere() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    let mut running = start(&place, &provider);
    let client = running.client().await;
    let canary = json!({"canary": "canary-0f9c"});
    let good = provider.token(canary.clone());
    let stranger = Provider::new("k1").token(canary);
    let (_, claims) = good.split_once('.').expect("three parts");
    let claims = claims.split('.').next().expect("claims").to_owned();
    // A bearer secret is one in pieces, too.
    let pieces = [
        "canary",
        claims.get(..40).expect("long enough"),
        good.rsplit('.').next().expect("a signature"),
        stranger.rsplit('.').next().expect("a signature"),
    ]
    .map(str::to_owned);
    let mut said = String::new();
    for token in [
        good.clone(),
        stranger.clone(),
        format!("{good}.e30"),
        format!("{}{good}", "canary".repeat(4000)),
        "canary".to_owned(),
    ] {
        let request = get_order_of(&token);
        said.push_str(&format!("{request:?}"));
        let verdict = client.decide(request, PATIENCE).await;
        said.push_str(&format!("{verdict:?}"));
        // Malformed around the token.
        let mut request = get_order_of(&token);
        request.request_id.clear();
        said.push_str(&format!("{:?}", client.decide(request, PATIENCE).await));
    }
    said.push_str(&running.get("/metrics").1);
    running.terminate();
    assert_eq!(running.wait().code(), Some(0));
    said.push_str(&running.events());
    said.push_str(&written(&place.path("state")));
    for piece in pieces {
        assert!(!said.contains(&piece), "{piece}");
    }
    assert!(
        said.contains("\"message\":\"token refused\""),
        "{}",
        running.events()
    );
}

/// Every byte that was written below `folder`, as text.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&written(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).expect("a file")));
        }
    }
    text
}
