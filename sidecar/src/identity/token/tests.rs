//! Good tokens, and the usual attacks.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::super::testing::{ISSUER, Issuing, claims, claims_with, encode, jwks, now};
use super::*;

fn policy() -> Issuer {
    Issuer {
        issuer: ISSUER.to_owned(),
        audience: "stopgate".to_owned(),
        subject: "sub".to_owned(),
        groups: "groups".to_owned(),
        agent: Some("azp".to_owned()),
    }
}

fn judged(keys: &[u8], token: &str, now: Timestamp) -> Result<Verified, Refused> {
    let keys = KeySet::parse(keys).expect("a key set");
    let terms = Terms {
        issuer: &policy(),
        keys: &keys,
        clock_skew: Duration::from_secs(30),
    };
    Unverified::parse(token)?.verify(terms, now)
}

fn es256(issuing: &Issuing, claims: &str) -> String {
    issuing.sign("ES256", r#"{"alg":"ES256","kid":"ec"}"#, claims)
}

#[test]
fn a_token_of_each_algorithm_says_who_it_is() {
    let issuing = Issuing::new();
    for (algorithm, kid) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        for typ in ["", r#","typ":"JWT""#, r#","typ":"at+jwt""#] {
            let header = format!(r#"{{"alg":"{algorithm}","kid":"{kid}"{typ}}}"#);
            let token = issuing.sign(algorithm, &header, &claims().to_string());
            let verified = judged(&issuing.jwks(), &token, now()).expect("a good token");
            assert_eq!(verified.subject.issuer, ISSUER);
            assert_eq!(verified.subject.id, "00u1ab");
            assert_eq!(verified.groups, ["sg-support", "sg-all"]);
            assert_eq!(verified.agent.as_deref(), Some("orchestrator"));
            assert_eq!(verified.expires.as_second(), now().as_second() + 300);
        }
    }
}

#[test]
fn t15_ed25519_has_two_names_and_no_third() {
    let issuing = Issuing::new();
    let judge = |stated: Value, header: &str| {
        let mut key = issuing.ed_key();
        if !stated.is_null() {
            key["alg"] = stated;
        }
        let header = format!(r#"{{"alg":"{header}","kid":"ed"}}"#);
        let token = issuing.sign("EdDSA", &header, &claims().to_string());
        judged(&jwks([key]), &token, now()).err()
    };
    for stated in [json!("EdDSA"), json!("Ed25519"), Value::Null] {
        for header in ["EdDSA", "Ed25519"] {
            assert_eq!(judge(stated.clone(), header), None, "{stated} {header}");
        }
        for header in ["Ed448", "ed25519", "ESP256"] {
            assert_eq!(judge(stated.clone(), header), Some(Refused::Algorithm));
        }
        assert_eq!(judge(stated, "ES256"), Some(Refused::KeyMismatch));
    }
    for stated in ["Ed448", "ed25519", "ESP256", "RS256"] {
        let refused = judge(json!(stated), "Ed25519");
        assert_eq!(refused, Some(Refused::UnknownKey), "{stated}");
    }
}

#[test]
fn t15_what_a_token_may_say_in_more_than_one_way() {
    let issuing = Issuing::new();
    let good = |claims: String| judged(&issuing.jwks(), &es256(&issuing, &claims), now());
    for claims in [
        claims_with("aud", json!(["other", "stopgate"])),
        claims_with("nbf", Value::Null),
        claims_with("iat", Value::Null),
        claims_with("nbf", json!(now().as_second() + 30)),
        claims_with("exp", json!(now().as_second() - 29)),
        claims_with("groups", json!(vec!["g"; MAX_GROUPS])),
        claims_with("exp", json!(fraction(-28, 5))),
        claims_with("exp", json!(fraction(300, 0))),
        claims_with("nbf", json!(fraction(29, 999))),
        claims_with("iat", json!(fraction(-1, 25))),
    ] {
        assert!(good(claims.clone()).is_ok(), "{claims}");
    }
    let one = good(claims_with("groups", json!("sg-support"))).expect("a good token");
    assert_eq!(one.groups, ["sg-support"]);
    let rounded = good(claims_with("exp", json!(fraction(300, 5)))).expect("a good token");
    assert_eq!(rounded.expires.as_second(), now().as_second() + 300);
    let without = good(claims_with("groups", Value::Null)).expect("a good token");
    assert_eq!(without.groups, Vec::<String>::new());
}

/// Makes a time with a fraction, so many seconds from now: `time.time()` in Python gives one.
fn fraction(seconds: i64, digits: u16) -> Value {
    let text = format!("{}.{digits}", now().as_second() + seconds);
    text.parse().expect("a number")
}

/// Everything that is signed well enough to get as far as its claims.
#[test]
fn t15_claims_that_are_not_what_they_have_to_be() {
    let issuing = Issuing::new();
    let at = |seconds: i64| json!(now().as_second() + seconds);
    let duplicate = claims().to_string().replacen('{', r#"{"sub":"root","#, 1);
    let escaped = claims()
        .to_string()
        .replacen('{', r#"{"s\u0075b":"root","#, 1);
    for (claims, refused) in [
        (claims_with("aud", json!("other")), Refused::Audience),
        (claims_with("aud", json!("stopgate ")), Refused::Audience),
        (claims_with("aud", json!([])), Refused::Audience),
        (
            claims_with("aud", json!(["stopgate", 7])),
            Refused::Audience,
        ),
        (
            claims_with("aud", json!({"stopgate": 1})),
            Refused::Audience,
        ),
        (claims_with("aud", Value::Null), Refused::Audience),
        (claims_with("exp", Value::Null), Refused::Times),
        (claims_with("exp", json!("2999")), Refused::Times),
        (claims_with("exp", json!(now().to_string())), Refused::Times),
        (claims_with("exp", json!(1e300)), Refused::Times),
        (claims_with("exp", json!(-1e300)), Refused::Times),
        (claims_with("nbf", json!(1e300)), Refused::Times),
        (claims_with("iat", json!("1796000000.5")), Refused::Times),
        (claims_with("exp", fraction(-30, 999)), Refused::Expired),
        (claims_with("nbf", fraction(30, 1)), Refused::NotYet),
        (claims_with("iat", fraction(30, 1)), Refused::NotYet),
        (
            claims()
                .to_string()
                .replace("\"exp\":", "\"exp\":1e400,\"x\":"),
            Refused::Malformed,
        ),
        (
            claims_with("exp", json!(9_007_199_254_740_991_i64)),
            Refused::Times,
        ),
        (claims_with("exp", at(-30)), Refused::Expired),
        (claims_with("exp", at(-100_000)), Refused::Expired),
        (claims_with("nbf", at(31)), Refused::NotYet),
        (claims_with("nbf", json!("soon")), Refused::Times),
        (claims_with("iat", at(31)), Refused::NotYet),
        (
            claims_with("iss", json!("https://sso.acme.example")),
            Refused::Issuer,
        ),
        (
            claims_with("iss", json!("https://SSO.acme.example/")),
            Refused::Issuer,
        ),
        (claims_with("iss", json!([ISSUER])), Refused::Issuer),
        (claims_with("iss", Value::Null), Refused::Issuer),
        (claims_with("sub", json!("")), Refused::Subject),
        (claims_with("sub", json!(7)), Refused::Subject),
        (
            claims_with("sub", json!("x".repeat(MAX_SUBJECT + 1))),
            Refused::Subject,
        ),
        (claims_with("sub", Value::Null), Refused::Subject),
        (claims_with("groups", json!(7)), Refused::Groups),
        (
            claims_with("groups", json!([["sg-support"]])),
            Refused::Groups,
        ),
        (
            claims_with("groups", json!({"sg-support": true})),
            Refused::Groups,
        ),
        (
            claims_with("groups", json!(["sg-support", null])),
            Refused::Groups,
        ),
        (
            claims_with("groups", json!(vec!["g"; MAX_GROUPS + 1])),
            Refused::TooManyGroups,
        ),
        (claims_with("azp", Value::Null), Refused::Agent),
        (claims_with("azp", json!(["orchestrator"])), Refused::Agent),
        (
            claims_with("azp", json!("x".repeat(MAX_LABEL + 1))),
            Refused::Agent,
        ),
        (duplicate, Refused::Malformed),
        (escaped, Refused::Malformed),
        ("[]".to_owned(), Refused::Malformed),
        (format!("{} ", claims()) + "{}", Refused::Malformed),
    ] {
        let token = es256(&issuing, &claims);
        let found = judged(&issuing.jwks(), &token, now());
        assert_eq!(found.err(), Some(refused), "{claims}");
    }
}

#[test]
fn t15_headers_and_signatures_that_are_not_what_they_have_to_be() {
    let issuing = Issuing::new();
    let claims = claims().to_string();
    let sign = |algorithm: &str, header: &str| issuing.sign(algorithm, header, &claims);
    let good = es256(&issuing, &claims);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");

    // The classic: the public key, which everybody has, as the secret of an HMAC.
    let hs256 = |secret: &[u8]| {
        let signed = format!(
            "{}.{}",
            encode(r#"{"alg":"HS256","kid":"rsa"}"#),
            encode(&claims)
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!("{signed}.{}", encode(hmac::sign(&key, signed.as_bytes())))
    };
    let other = Issuing::new();
    let truncated = encode(
        BASE64
            .decode(signature)
            .expect("base64")
            .get(..63)
            .expect("64 bytes"),
    );
    let mut flipped = BASE64.decode(signature).expect("base64");
    flipped[7] ^= 1;
    let long = claims_with("more", json!("x".repeat(MAX_TOKEN_BYTES)));

    for (name, token, refused) in [
        (
            "none",
            sign("none", r#"{"alg":"none","kid":"ec"}"#),
            Refused::Algorithm,
        ),
        (
            "None",
            sign("none", r#"{"alg":"None","kid":"ec"}"#),
            Refused::Algorithm,
        ),
        (
            "no algorithm",
            sign("ES256", r#"{"kid":"ec"}"#),
            Refused::Algorithm,
        ),
        (
            "HS256 with the public key",
            hs256(issuing.rsa_der()),
            Refused::Algorithm,
        ),
        (
            "HS256 with the key set",
            hs256(&issuing.jwks()),
            Refused::Algorithm,
        ),
        (
            "RS512",
            sign("RS256", r#"{"alg":"RS512","kid":"rsa"}"#),
            Refused::Algorithm,
        ),
        (
            "PS256",
            sign("RS256", r#"{"alg":"PS256","kid":"rsa"}"#),
            Refused::Algorithm,
        ),
        (
            "lower case",
            sign("ES256", r#"{"alg":"es256","kid":"ec"}"#),
            Refused::Algorithm,
        ),
        (
            "a list",
            sign("ES256", r#"{"alg":["ES256"],"kid":"ec"}"#),
            Refused::Algorithm,
        ),
        (
            "another kind of key",
            sign("ES256", r#"{"alg":"ES256","kid":"rsa"}"#),
            Refused::KeyMismatch,
        ),
        (
            "another kind of key, signed by it",
            sign("RS256", r#"{"alg":"ES256","kid":"rsa"}"#),
            Refused::KeyMismatch,
        ),
        (
            "another algorithm than signed",
            sign("EdDSA", r#"{"alg":"ES256","kid":"ec"}"#),
            Refused::Signature,
        ),
        (
            "no key",
            sign("ES256", r#"{"alg":"ES256"}"#),
            Refused::NoKeyId,
        ),
        (
            "an empty key",
            sign("ES256", r#"{"alg":"ES256","kid":""}"#),
            Refused::NoKeyId,
        ),
        (
            "a number as key",
            sign("ES256", r#"{"alg":"ES256","kid":1}"#),
            Refused::NoKeyId,
        ),
        (
            "an unknown key",
            sign("ES256", r#"{"alg":"ES256","kid":"../ec"}"#),
            Refused::UnknownKey,
        ),
        (
            "a key of its own",
            {
                let header =
                    json!({"alg": "ES256", "kid": "own", "jwk": other.ec_key()}).to_string();
                other.sign("ES256", &header, &claims)
            },
            Refused::UnknownKey,
        ),
        (
            "a stranger's key",
            es256(&other, &claims),
            Refused::Signature,
        ),
        (
            "DER",
            sign("ES256 in DER", r#"{"alg":"ES256","kid":"ec"}"#),
            Refused::Signature,
        ),
        (
            "truncated",
            format!("{signed}.{truncated}"),
            Refused::Signature,
        ),
        ("no signature", format!("{signed}."), Refused::Signature),
        (
            "a flipped bit",
            format!("{signed}.{}", encode(&flipped)),
            Refused::Signature,
        ),
        (
            "zeros",
            format!("{signed}.{}", encode([0; 64])),
            Refused::Signature,
        ),
        (
            "other claims",
            {
                let (header, _) = signed.split_once('.').expect("two parts");
                format!(
                    "{header}.{}.{signature}",
                    encode(claims_with("sub", json!("root")))
                )
            },
            Refused::Signature,
        ),
        (
            "critical",
            sign(
                "ES256",
                r#"{"alg":"ES256","kid":"ec","crit":["exp"],"exp":1}"#,
            ),
            Refused::Critical,
        ),
        (
            "critical and empty",
            sign("ES256", r#"{"alg":"ES256","kid":"ec","crit":[]}"#),
            Refused::Critical,
        ),
        (
            "a permit",
            sign(
                "EdDSA",
                r#"{"alg":"EdDSA","kid":"ed","typ":"stopgate-permit+jwt"}"#,
            ),
            Refused::Type,
        ),
        (
            "a logout token",
            sign("EdDSA", r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#),
            Refused::Type,
        ),
        (
            "a type that is none",
            sign("EdDSA", r#"{"alg":"EdDSA","kid":"ed","typ":7}"#),
            Refused::Type,
        ),
        (
            "an algorithm twice",
            sign("ES256", r#"{"alg":"none","alg":"ES256","kid":"ec"}"#),
            Refused::Malformed,
        ),
        ("trailing data", format!("{good}.e30"), Refused::Malformed),
        (
            "a trailing full stop",
            format!("{good}."),
            Refused::Malformed,
        ),
        ("trailing space", format!("{good} "), Refused::Malformed),
        (
            "a trailing newline",
            format!("{good}\n"),
            Refused::Malformed,
        ),
        ("padding", format!("{good}=="), Refused::Malformed),
        ("two parts", signed.to_owned(), Refused::Malformed),
        ("nothing", String::new(), Refused::Malformed),
        ("full stops", "..".to_owned(), Refused::Malformed),
        (
            "base64 of the other alphabet",
            good.replacen('.', "+/.", 1),
            Refused::Malformed,
        ),
        ("too long", es256(&issuing, &long), Refused::TooLong),
    ] {
        let found = judged(&issuing.jwks(), &token, now());
        assert_eq!(found.err(), Some(refused), "{name}");
    }
    assert!(judged(&issuing.jwks(), &good, now()).is_ok());
    // The key is gone from the set, so nothing it signed counts.
    assert_eq!(
        judged(&jwks([issuing.rsa_key()]), &good, now()).err(),
        Some(Refused::UnknownKey)
    );
}

#[test]
fn t15_no_byte_of_a_token_can_be_changed() {
    let issuing = Issuing::new();
    let keys = issuing.jwks();
    let good = issuing.sign(
        "EdDSA",
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        &claims().to_string(),
    );
    for at in 0..good.len() {
        for byte in [b'A', b'.', b'_', b'='] {
            let mut bytes = good.clone().into_bytes();
            if bytes[at] == byte {
                continue;
            }
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(judged(&keys, &changed, now()).is_err(), "byte {at}");
        }
    }
}

#[test]
fn t40_a_caller_learns_nothing_of_the_check_that_failed() {
    let told: std::collections::BTreeSet<_> = Refused::ALL
        .iter()
        .map(|refused| refused.outside())
        .collect();
    assert_eq!(told.len(), 2);
    let words: std::collections::BTreeSet<_> = Refused::ALL
        .iter()
        .map(|refused| refused.as_str())
        .collect();
    assert_eq!(words.len(), Refused::ALL.len());
}
