//! Key sets as issuers write them, and what of them is refused.

use serde_json::json;

use super::super::testing::{Issuing, encode, jwks};
use super::*;

fn said(text: &[u8]) -> String {
    match KeySet::parse(text) {
        Ok(set) => format!("{} keys", set.count()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_set_is_read_and_keys_for_something_else_are_passed_over() {
    let issuing = Issuing::new();
    let with = |mut key: serde_json::Value, name: &str, value: serde_json::Value| {
        key[name] = value;
        key
    };
    let set = KeySet::parse(&issuing.jwks()).expect("a key set");
    for (name, algorithm) in [
        ("rsa", Algorithm::Rs256),
        ("ec", Algorithm::Es256),
        ("ed", Algorithm::EdDsa),
    ] {
        assert_eq!(set.get(name).expect("a key").algorithm(), algorithm);
    }
    for passed_over in [
        with(issuing.rsa_key(), "use", json!("enc")),
        with(issuing.rsa_key(), "alg", json!("RS512")),
        with(issuing.rsa_key(), "key_ops", json!(["encrypt"])),
        with(issuing.ec_key(), "alg", json!("RS256")),
        with(issuing.ec_key(), "crv", json!("P-384")),
        with(issuing.ed_key(), "crv", json!("X25519")),
        with(issuing.ed_key(), "kid", json!("")),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
    ] {
        let set = KeySet::parse(&jwks([passed_over.clone()]));
        assert_eq!(set.err(), Some(InvalidKeySet::Nothing), "{passed_over}");
        let name = if passed_over["kty"] == "OKP" {
            "ec"
        } else {
            "ed"
        };
        let other = if name == "ed" {
            issuing.ed_key()
        } else {
            issuing.ec_key()
        };
        let set = KeySet::parse(&jwks([passed_over, other])).expect("a key is left");
        assert!(set.count() == 1 && set.get(name).is_some());
    }
    let stated = with(issuing.ec_key(), "alg", json!("ES256"));
    let stated = with(
        with(stated, "use", json!("sig")),
        "key_ops",
        json!(["verify"]),
    );
    assert_eq!(said(&jwks([stated])), "1 keys");
}

#[test]
fn every_mistake_is_told_with_its_place_and_without_a_value() {
    let issuing = Issuing::new();
    let changed = |key: fn(&Issuing) -> serde_json::Value, name: &str, value: serde_json::Value| {
        let mut key = key(&issuing);
        key[name] = value;
        key
    };
    for (text, expected) in [
        (b"".to_vec(), "the key set is not strict JSON"),
        (
            br#"{"keys":[],"keys":[]}"#.to_vec(),
            "the key set is not strict JSON",
        ),
        (b"[]".to_vec(), "the key set has no list `keys`"),
        (br#"{"keys":{}}"#.to_vec(), "the key set has no list `keys`"),
        (
            jwks([]),
            "none of the keys has a `kid` and is for RS256, ES256 (P-256) or EdDSA (Ed25519)",
        ),
        (
            jwks([
                json!(7),
                issuing.ec_key(),
                changed(Issuing::ed_key, "d", json!("canary")),
            ]),
            "key 1 is not an object with a `kty`; key 3 is a private or shared key; only public keys belong here",
        ),
        (
            jwks([
                json!({"kty": "oct", "k": "canary", "kid": "s"}),
                issuing.ec_key(),
            ]),
            "key 1 is a private or shared key; only public keys belong here",
        ),
        (
            jwks([
                issuing.ec_key(),
                changed(Issuing::ed_key, "kid", json!("ec")),
            ]),
            "key 2 has the `kid` of another key",
        ),
        (
            jwks([
                changed(Issuing::rsa_key, "n", json!("***")),
                changed(Issuing::rsa_key, "e", json!(3)),
            ]),
            "key 1 has no readable `n`; key 2 has no readable `e`",
        ),
        (
            jwks([changed(Issuing::rsa_key, "n", json!(encode([0xff; 128])))]),
            "key 1 has not between 2048 and 8192 bits",
        ),
        (
            jwks([
                changed(Issuing::rsa_key, "e", json!("AQ")),
                changed(Issuing::ec_key, "y", json!(encode([1; 32]))),
                changed(Issuing::ec_key, "x", json!(encode([0; 31]))),
                changed(Issuing::ed_key, "x", json!(encode([1; 31]))),
            ]),
            "key 1 is no valid key; key 2 is no valid key; key 3 is no valid key; key 4 is no valid key",
        ),
    ] {
        assert_eq!(said(&text), expected);
    }
}
