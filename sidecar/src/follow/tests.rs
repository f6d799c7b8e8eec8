//! A follower over files, with roots of several dates.

use std::fs;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use stopgate_lang::bundle::TrustRoot;
use stopgate_lang::bundle::dsse::{self, Envelope, Signature};

use super::*;
use crate::audit::Options;
use crate::config::{Config, Overrides};

pub(crate) fn released(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/0.1.0");
    fs::read(folder.join(name)).expect("a file of a release")
}

/// The file of a root with the publishers of the release that expires then.
pub(crate) fn root_file(expires: &str) -> Vec<u8> {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let envelope = Envelope::from_bytes(&released("root.dsse.json")).expect("an envelope");
    let mut statement: Value = serde_json::from_slice(&envelope.payload).expect("a statement");
    let public = BASE64.encode(pair.public_key().as_ref());
    statement["keys"]["k1"] = json!({"type": "ed25519", "public": public, "owner": "tests"});
    statement["roles"]["root"] = json!({"keys": ["k1"], "threshold": 1});
    statement["expires"] = json!(expires);
    let payload = statement.to_string().into_bytes();
    let signature = Signature {
        key: "k1".to_owned(),
        bytes: pair
            .sign(&dsse::signed_bytes(dsse::ROOT, &payload))
            .as_ref()
            .to_vec(),
    };
    let envelope = Envelope {
        payload_type: dsse::ROOT.to_owned(),
        payload,
        signatures: vec![signature],
    };
    envelope.to_bytes()
}

fn root(expires: &str) -> Root {
    let bytes = root_file(expires);
    Root {
        trust: Arc::new(TrustRoot::open(&bytes, Timestamp::MIN).expect("a root")),
        digest: Digest::of(&bytes),
    }
}

/// A follower of `prod.stopgate` in `folder`.
fn follower(folder: &Path, root: Root) -> (Follower, watch::Receiver<Supply>) {
    let place = folder.display();
    let text = format!(
        "channel = \"dev\"\nstate_dir = \"{place}\"\n[listen]\nsocket = \"{place}/socket\"\n\
         [policy]\nsource = \"file:{place}/prod.stopgate\"\nroot = \"{place}/root\"\n\
         [[callers]]\nuid = 1\nagent = \"a\"\ntools = []\nmay = []\n"
    );
    let config = Config::parse("sidecar.toml", &text, &Overrides::default()).expect("valid");
    let followed = Followed {
        policy: config.policy,
        root,
        organisation: None,
        channel: config.channel,
        state_dir: config.state_dir,
    };
    let audit = AuditLog::discarding(Options::new("tests")).expect("a log");
    Follower::new(followed, "tests".to_owned(), audit, Arc::default())
}

fn seen(supply: &watch::Receiver<Supply>) -> (bool, Option<Refusal>, u32) {
    let supply = supply.borrow();
    (supply.active.is_some(), supply.refusal, supply.failures)
}

#[tokio::test]
async fn t11_a_refusal_for_the_roots_date_does_not_outlive_a_clock_that_was_set_back() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("prod.stopgate"),
        released("policy.stopgate"),
    )
    .expect("written");
    let (valid, expired) = (root("2999-01-01T00:00:00Z"), root("2020-01-01T00:00:00Z"));
    let (mut follower, supply) = follower(folder.path(), valid.clone());
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0));
    let since = supply.borrow().active.as_ref().map(|active| active.since);
    // A clock that goes on past the date is a date that moves back behind the clock.
    follower.followed.root = expired;
    for failures in 1..=2 {
        follower.look().await;
        assert_eq!(seen(&supply), (true, Some(Refusal::Expired), failures));
    }
    follower.followed.root = valid;
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0));
    // It was in force all the time.
    assert_eq!(
        supply.borrow().active.as_ref().map(|active| active.since),
        since
    );
}

#[tokio::test]
async fn t9_a_file_that_was_refused_is_not_read_again_until_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prod.stopgate");
    let mut wrong = released("policy.stopgate");
    let at = wrong.len() / 2;
    wrong[at] ^= 1;
    fs::write(&file, &wrong).expect("written");
    let (mut follower, supply) = follower(folder.path(), root("2999-01-01T00:00:00Z"));
    follower.look().await;
    let (_, why, _) = seen(&supply);
    let why = why.expect("it is refused");
    assert!(why.is_of_the_file());
    // It was written just now, so it may be written again without looking another.
    assert_eq!(follower.refused, None);

    let identity = open(&file).expect("a file").identity;
    let mut look = Look {
        file: file.clone(),
        root: Arc::clone(&follower.followed.root.trust),
        most: 1 << 20,
        in_force: None,
        refused: Some((identity, why)),
    };
    assert!(matches!(look.look(), Ok(Found::Again(again)) if again == why));
    // The same bytes in another file are another file.
    fs::write(folder.path().join("next"), &wrong).expect("written");
    fs::rename(folder.path().join("next"), &file).expect("renamed");
    assert!(matches!(look.look(), Err(NotFound::Bundle(_, _))));
    fs::write(&file, released("policy.stopgate")).expect("written");
    look.refused = Some((open(&file).expect("a file").identity, why));
    assert!(matches!(look.look(), Ok(Found::Again(_))));
    fs::File::options()
        .append(true)
        .open(&file)
        .and_then(|file| file.set_len(7))
        .expect("cut");
    assert!(matches!(look.look(), Err(NotFound::Bundle(_, _))));
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_kept_at_the_next_look() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("prod.stopgate"),
        released("policy.stopgate"),
    )
    .expect("written");
    let (mut follower, supply) = follower(folder.path(), root("2999-01-01T00:00:00Z"));
    let state = folder.path().join("state");
    follower.kept = Kept::new(state.clone());
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0), "it decides all the same");
    assert!(!follower.metrics.sources.is_kept());
    follower.look().await;
    assert!(!follower.metrics.sources.is_kept());
    fs::create_dir(&state).expect("a folder");
    follower.look().await;
    assert!(follower.metrics.sources.is_kept());
    let note = follower.kept.note().expect("a note");
    assert_eq!(Some(note.bundle), follower.in_force());
    assert_eq!(note.root, follower.followed.root.digest);
    let kept = fs::read(follower.kept.file(note.bundle)).expect("a bundle");
    assert!(kept == released("policy.stopgate"));
    // What was kept before goes when another is kept, and nothing else does.
    let before = follower.kept.file(Digest::of(b"before"));
    let theirs = state.join("verified.stopgate");
    for file in [&before, &theirs] {
        fs::write(file, "x").expect("written");
    }
    let look = follower.found().await;
    assert!(matches!(look, Ok(Found::InForce)), "{look:?}");
    let verified = Verified::read(
        fs::File::open(follower.kept.file(note.bundle)).expect("a file"),
        &follower.followed.root.trust,
        1 << 20,
        None,
    );
    let verified = verified.expect("a bundle").expect("it is not known");
    follower.kept.keep(&verified, &note).expect("kept");
    assert!(!before.exists() && theirs.exists());
}
