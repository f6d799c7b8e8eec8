//! Where policy comes from: only what is signed is used, a bad update changes nothing and says why, a good one is on
//! record before it decides.

use std::fs;

use stopgate_client::{Client, wire};

use crate::sources::until;
use crate::support::{Key, PATIENCE, Place, Policy, Running, ask, eventually, get_order};

async fn status(client: &Client) -> wire::GetStatusResponse {
    client.status(PATIENCE).await.expect("a status")
}

/// Waits until the newest update is refused for `refusal`.
async fn refused(client: &Client, refusal: wire::BundleRefusal) -> wire::GetStatusResponse {
    let begun = std::time::Instant::now();
    loop {
        let now = status(client).await;
        if now.bundle_refusal() == refusal {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "{now:?}, not {refusal:?}");
    }
}

/// The last record of a bundle: what became of it, and which it was.
fn last_change(running: &Running) -> (String, serde_json::Value) {
    let record = running
        .records()
        .into_iter()
        .rfind(|record| record["kind"] == "bundle")
        .expect("a record");
    let result = &record["result"];
    let word = if result["active"].is_object() {
        "active"
    } else {
        result["refused"]["reason"].as_str().expect("a reason")
    };
    (word.to_owned(), record["bundle"].clone())
}

fn changed() -> Policy {
    Policy::base().with(
        "rules/erp.yaml",
        "profiles: [support, finance]",
        "profiles: [finance]",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_update_is_swapped_in_whole_and_on_record_first() {
    let place = Place::new();
    let running = place.start();
    let client = running.client().await;
    let before = status(&client).await;
    assert_eq!(ask(&client, get_order()).await, "permit");
    place.publish(&changed().build(&place.key));
    while status(&client).await.bundle_digest == before.bundle_digest {}
    assert_eq!(ask(&client, get_order()).await, "no_rule");
    let records = running.records();
    let mut active = serde_json::Value::Null;
    for record in &records {
        if record["kind"] == "bundle" && record["result"]["active"].is_object() {
            active = record["bundle"].clone();
        }
        if record["kind"] == "decision" {
            assert_eq!(
                record["bundle"], active,
                "I17: the bundle before it in the log explains it"
            );
        }
    }
    assert_eq!(
        last_change(&running),
        ("active".into(), status(&client).await.bundle_digest.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_bad_update_changes_nothing_and_says_why() {
    let place = Place::new();
    let running = place.start();
    let client = running.client().await;
    let good = fs::read(place.path("prod.stopgate")).expect("a bundle");
    let before = status(&client).await;

    let stranger = changed().build(&Key::new("k2"));
    let impostor = changed().build(&Key::new("k1"));
    let other_channel = changed().for_another_channel().build(&place.key);
    let whole = changed().build(&place.key);
    let flipped = |what: &[u8]| {
        let mut bytes = whole.clone();
        let at = bytes
            .windows(what.len())
            .position(|window| window == what)
            .expect("it is there");
        bytes[at] ^= 1;
        bytes
    };
    for (bundle, refusal, word) in [
        (stranger, wire::BundleRefusal::Signature, "signature"),
        (impostor, wire::BundleRefusal::Signature, "signature"),
        // In the manifest, in a part, in the signature.
        (flipped(b"acme-bank"), wire::BundleRefusal::Digest, "digest"),
        (flipped(b"treasury"), wire::BundleRefusal::Digest, "digest"),
        (
            flipped(br#""sig":""#),
            wire::BundleRefusal::Format,
            "format",
        ),
        (other_channel, wire::BundleRefusal::Channel, "channel"),
        (
            good[..good.len() / 2].to_vec(),
            wire::BundleRefusal::Format,
            "format",
        ),
        (vec![], wire::BundleRefusal::Format, "format"),
    ] {
        place.publish(&bundle);
        let now = refused(&client, refusal).await;
        assert!(now.consecutive_failures >= 1);
        assert_eq!(now.bundle_digest, before.bundle_digest);
        assert_eq!(ask(&client, get_order()).await, "permit");
        eventually("it is on record", || last_change(&running).0 == word);
        assert_eq!(running.get("/readyz").0, 200);
        assert!(
            running.metric(&format!(
                "stopgate_bundle_refusals_total{{reason=\"{word}\"}}"
            )) >= 1.0
        );
        // Between two bad ones a good one, so that each is refused for its own reason.
        place.publish(&good);
        refused(&client, wire::BundleRefusal::Unspecified).await;
    }
    fs::remove_file(place.path("prod.stopgate")).expect("removed");
    refused(&client, wire::BundleRefusal::SourceUnavailable).await;
    assert_eq!(ask(&client, get_order()).await, "permit");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_verified_bundle_nothing_is_decided() {
    let place = Place::new();
    let good = fs::read(place.path("prod.stopgate")).expect("a bundle");
    fs::remove_file(place.path("prod.stopgate")).expect("removed");
    let running = place.start();
    let client = running.client().await;
    assert_eq!(ask(&client, get_order()).await, "Unavailable");
    assert_eq!(running.get("/readyz"), (503, "no_bundle\n".into()));
    assert_eq!(running.get("/livez").0, 200);
    let now = status(&client).await;
    assert_eq!(
        (now.bundle_digest.as_str(), now.risk_limit()),
        ("", wire::RiskLimit::None)
    );
    assert_eq!(now.bundle_refusal(), wire::BundleRefusal::SourceUnavailable);

    place.publish(&changed().for_another_channel().build(&place.key));
    refused(&client, wire::BundleRefusal::Channel).await;
    assert_eq!(ask(&client, get_order()).await, "Unavailable");

    place.publish(&good);
    refused(&client, wire::BundleRefusal::Unspecified).await;
    // Whose channel it is, and so which stops hold there, the bundle alone says: until they are looked at, all is stopped.
    until(&client, "nothing is stopped", |now| now.stops.is_empty()).await;
    assert_eq!(ask(&client, get_order()).await, "permit");
    eventually("it is ready", || running.get("/readyz").0 == 200);
}

#[test]
fn a_root_that_cannot_be_trusted_is_no_start() {
    let place = Place::new();
    let root = fs::read(place.path("root.dsse.json")).expect("a root");
    let mut flipped = root.clone();
    let at = flipped
        .windows(5)
        .position(|window| window == b"\"sig\"")
        .expect("a signature");
    flipped[at + 10] ^= 1;
    for bad in [
        flipped,
        place.key.root("2020-01-01T00:00:00Z"),
        b"{}".to_vec(),
        vec![],
    ] {
        fs::write(place.path("root.dsse.json"), bad).expect("a root");
        let mut child = place.spawn(&place.config());
        assert_eq!(crate::support::wait(&mut child).code(), Some(1));
    }
}
