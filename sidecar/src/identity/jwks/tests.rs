//! Key sets as issuers write them, and what of them is refused.

use serde_json::json;

use super::super::testing::{Issuing, encode, jwks};
use super::*;

/// Returns how many keys there are and what is wrong with the others, or why the text is no set.
fn said(text: &[u8]) -> String {
    match KeySet::parse(text) {
        Ok(set) => {
            let wrong: Vec<_> = set.unusable().iter().map(ToString::to_string).collect();
            format!("{} keys; {}", set.count(), wrong.join("; "))
        }
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
        with(issuing.ec_key(), "alg", json!("ESP256")),
        with(issuing.ed_key(), "alg", json!("Ed448")),
        with(issuing.ed_key(), "alg", json!("ed25519")),
        with(issuing.ec_key(), "crv", json!("P-384")),
        with(issuing.ed_key(), "crv", json!("X25519")),
        with(issuing.ed_key(), "kid", json!("")),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
    ] {
        let said = said(&jwks([passed_over.clone()]));
        assert_eq!(said, "0 keys; ", "{passed_over}");
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
    assert_eq!(said(&jwks([stated])), "1 keys; ");
}

#[test]
fn what_is_no_set_is_refused_whole() {
    let column = |column: usize| {
        format!("it is not a JSON object with one list `keys` (line 1, column {column})")
    };
    for (text, expected) in [
        (&b""[..], column(1)),
        (b"[]", column(1)),
        (br#"[[{"kty":"EC"}]]"#, column(1)),
        (br#"{"keys":[],"keys":[]}"#, column(17)),
        (br#"{"keys":{}}"#, column(8)),
        (br#"{"keys":[{]}"#, column(11)),
        (br#"{"keys":[]} {}"#, column(13)),
        (b"{}", column(2)),
    ] {
        assert_eq!(said(text), expected, "{}", String::from_utf8_lossy(text));
    }
    let long = vec![b' '; MAX_JWKS_BYTES + 1];
    assert_eq!(said(&long), "it is longer than 262144 bytes");
}

#[test]
fn t15_a_key_that_cannot_be_used_takes_nothing_with_it_but_its_name() {
    let issuing = Issuing::new();
    let changed = |key: fn(&Issuing) -> serde_json::Value, name: &str, value: serde_json::Value| {
        let mut key = key(&issuing);
        key[name] = value;
        key
    };
    for (text, expected) in [
        (
            jwks([
                json!(7),
                issuing.ec_key(),
                changed(Issuing::ed_key, "d", json!("canary")),
            ]),
            "1 keys; key 1 is not an object with a `kty`; key 3 is a private or shared key; only public keys belong here",
        ),
        (
            jwks([
                json!({"kty": "oct", "k": "canary", "kid": "s"}),
                issuing.ec_key(),
            ]),
            "1 keys; key 1 is a private or shared key; only public keys belong here",
        ),
        (
            jwks([
                issuing.rsa_key(),
                issuing.ec_key(),
                changed(Issuing::ed_key, "kid", json!("ec")),
                changed(Issuing::ec_key, "kid", json!("ec")),
            ]),
            "1 keys; key 3 has the `kid` of another key, which is unusable too; key 4 has the `kid` of another key, which is unusable too",
        ),
        // A name whose private half is published is nobody's, wherever it stands.
        (
            jwks([
                issuing.ec_key(),
                changed(Issuing::ec_key, "d", json!("canary")),
                issuing.ed_key(),
            ]),
            "1 keys; key 2 is a private or shared key; only public keys belong here",
        ),
        (
            jwks([
                changed(Issuing::rsa_key, "n", json!("***")),
                issuing.ec_key(),
                changed(Issuing::rsa_key, "kid", json!("r2")),
                changed(Issuing::ed_key, "x", json!(3)),
            ]),
            "2 keys; key 1 has no readable `n`; key 4 has no readable `x`",
        ),
        (
            jwks([changed(Issuing::rsa_key, "n", json!(encode([0xff; 128])))]),
            "0 keys; key 1 has not between 2048 and 8192 bits",
        ),
        (
            jwks([
                changed(Issuing::rsa_key, "e", json!("AQ")),
                changed(Issuing::ec_key, "y", json!(encode([1; 32]))),
                changed(Issuing::ed_key, "x", json!(encode([1; 31]))),
            ]),
            "0 keys; key 1 is no valid key; key 2 is no valid key; key 3 is no valid key",
        ),
        (
            format!(
                r#"{{"note": 7, "keys": [{{"kty":"EC","kty":"EC"}}, {}, {{"kty":"OKP","n":1e999}}]}}"#,
                issuing.ed_key()
            )
            .into_bytes(),
            "1 keys; key 1 is not strict JSON: this member stands twice in one object; key 3 is not strict JSON: this number is too large for a double",
        ),
    ] {
        assert_eq!(said(&text), expected);
    }
    let set = KeySet::parse(&jwks([
        issuing.ec_key(),
        changed(Issuing::rsa_key, "kid", json!("ec")),
        issuing.ed_key(),
    ]));
    let set = set.expect("a key set");
    assert!(set.get("ec").is_none() && set.get("ed").is_some());
}
