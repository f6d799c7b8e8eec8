//! The file of keys is followed, and a bad one keeps the keys before it.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::testing::{ISSUER, Issuing, jwks};
use super::*;
use crate::config::ClockSkew;

const LONG: Duration = Duration::from_secs(60);

fn config(file: &Path) -> IssuerConfig {
    IssuerConfig {
        jwks: file.to_owned(),
        clock_skew: ClockSkew::DEFAULT,
    }
}

fn follow(file: &Path) -> (KeyFollower, watch::Receiver<Keys>) {
    let (follower, keys, _) = follow_counted(file);
    (follower, keys)
}

fn follow_counted(file: &Path) -> (KeyFollower, watch::Receiver<Keys>, Arc<Metrics>) {
    let issuers = BTreeMap::from([(ISSUER.to_owned(), config(file))]);
    let metrics = Arc::new(Metrics::default());
    let (follower, mut watched) = KeyFollower::new(&issuers, LONG, &metrics);
    (follower, watched.remove(ISSUER).expect("a watch"), metrics)
}

fn seen(keys: &watch::Receiver<Keys>) -> (Option<usize>, bool) {
    let keys = keys.borrow();
    (keys.set.as_ref().map(|set| set.count()), keys.failing)
}

#[tokio::test]
async fn a_bad_file_keeps_the_keys_before_and_is_counted_while_it_lasts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    let issuing = Issuing::new();
    let (mut follower, keys) = follow(&file);
    follower.look().await;
    assert_eq!(seen(&keys), (None, true), "no file, no keys");
    for (bytes, expected) in [
        (issuing.jwks(), (Some(3), false)),
        (b"{".to_vec(), (Some(3), true)),
        (b"{".to_vec(), (Some(3), true)),
        (vec![b' '; MAX_JWKS_BYTES + 1], (Some(3), true)),
        (issuing.jwks(), (Some(3), false)),
        (jwks([issuing.ec_key()]), (Some(1), false)),
        // Withdrawn is withdrawn.
        (jwks([]), (None, true)),
        (jwks([issuing.ec_key()]), (Some(1), false)),
    ] {
        fs::write(&file, bytes).expect("written");
        follower.look().await;
        assert_eq!(seen(&keys), expected);
    }
    fs::remove_file(&file).expect("removed");
    follower.look().await;
    assert_eq!(seen(&keys), (Some(1), true));
}

#[tokio::test]
async fn t15_a_key_withdrawn_beside_an_unusable_one_is_not_believed_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    let issuing = Issuing::new();
    let (mut follower, keys, metrics) = follow_counted(&file);
    let unusable = serde_json::json!({"kty": "RSA", "kid": "new", "n": "AQAB", "e": "AQAB"});
    for (bytes, expected, left) in [
        (issuing.jwks(), (Some(3), false), 0),
        (
            jwks([issuing.ec_key(), unusable.clone()]),
            (Some(1), false),
            1,
        ),
        // The last key for us goes, and only what nobody can use is left.
        (jwks([unusable]), (None, true), 1),
        (issuing.jwks(), (Some(3), false), 0),
    ] {
        fs::write(&file, bytes).expect("written");
        follower.look().await;
        assert_eq!(seen(&keys), expected);
        let keys = keys.borrow();
        let looked = metrics.sources.looked();
        let [(_, looked)] = looked.as_slice() else {
            panic!("one source")
        };
        assert_eq!(looked.unusable_keys, left);
        assert_eq!(looked.failures > 0, keys.failing);
        let gone = |set: &Arc<KeySet>| set.get("ed").is_none();
        assert_eq!(keys.set.as_ref().is_none_or(gone), left == 1);
    }
}

#[tokio::test]
async fn the_same_file_is_not_read_into_new_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwks.json");
    fs::write(&file, Issuing::new().jwks()).expect("written");
    let (mut follower, keys) = follow(&file);
    follower.look().await;
    let before = keys.borrow().set.clone().expect("keys");
    follower.look().await;
    let after = keys.borrow().set.clone().expect("keys");
    assert!(Arc::ptr_eq(&before, &after), "the cache would be emptied");
}

#[tokio::test]
async fn t11_what_never_ends_is_a_failure_and_other_issuers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let [good, pipe] = ["good.json", "pipe.json"].map(|name| folder.path().join(name));
    let issuing = Issuing::new();
    fs::write(&good, issuing.jwks()).expect("written");
    fs::write(&pipe, issuing.jwks()).expect("written");
    let other = "https://login.acme.example/";
    let issuers = [(ISSUER, &good), (other, &pipe)];
    let issuers = issuers.map(|(issuer, file)| (issuer.to_owned(), config(file)));
    let metrics = Arc::new(Metrics::default());
    let (mut follower, watched) = KeyFollower::new(&issuers.into(), LONG, &metrics);
    follower.look().await;
    assert!(watched.values().all(|keys| seen(keys) == (Some(3), false)));

    fs::remove_file(&pipe).expect("removed");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    fs::write(&good, jwks([issuing.ec_key()])).expect("written");
    for times in 1..=3 {
        follower.look().await;
        assert_eq!(seen(&watched[ISSUER]), (Some(1), false));
        assert_eq!(seen(&watched[other]), (Some(3), true));
        let failures: Vec<_> = metrics
            .sources
            .looked()
            .into_iter()
            .map(|(source, looked)| (source.issuer().to_owned(), looked.failures))
            .collect();
        assert_eq!(
            failures,
            [(other.to_owned(), times), (ISSUER.to_owned(), 0)]
        );
    }
}
