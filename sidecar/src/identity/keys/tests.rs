//! The file of keys is followed, and a bad one keeps the keys before it.

use std::fs;

use super::super::testing::{ISSUER, Issuing, jwks};
use super::*;
use crate::config::ClockSkew;

fn follow(file: &Path) -> (KeyFollower, watch::Receiver<Keys>) {
    let config = IssuerConfig {
        jwks: file.to_owned(),
        clock_skew: ClockSkew::DEFAULT,
    };
    let (follower, mut watched) = KeyFollower::new(&BTreeMap::from([(ISSUER.to_owned(), config)]));
    (follower, watched.remove(ISSUER).expect("a watch"))
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
    let (mut follower, keys) = follow(&file);
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
        assert_eq!(keys.unusable, left);
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
