//! An issuer for unit tests: a key of each kind, its key set, and tokens however they are asked for.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) const ISSUER: &str = "https://sso.acme.example/";

/// Returns the time on the issuer's clock when a test does not say otherwise.
pub(super) fn now() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

pub(super) struct Issuing {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ec_pkcs8: Vec<u8>,
    ed: Ed25519KeyPair,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64.encode(bytes)
}

impl Issuing {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let ec_pkcs8 = pkcs8.expect("a key").as_ref().to_vec();
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &ec_pkcs8)
                .expect("a key"),
            ec_pkcs8,
            ed: Ed25519KeyPair::generate().expect("a key"),
        }
    }

    /// Returns the public RSA key as `SEQUENCE { INTEGER n, INTEGER e }`.
    pub(super) fn rsa_der(&self) -> &[u8] {
        self.rsa.public_key().as_ref()
    }

    pub(super) fn rsa_key(&self) -> Value {
        // Two headers of four bytes and a zero stand before the modulus of 2,048 bits; the exponent is 65,537.
        let modulus = self.rsa_der().get(9..265).expect("a modulus");
        json!({"kty": "RSA", "kid": "rsa", "n": encode(modulus), "e": "AQAB"})
    }

    pub(super) fn ec_key(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let (x, y) = (point.get(1..33).expect("x"), point.get(33..).expect("y"));
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(x), "y": encode(y)})
    }

    pub(super) fn ed_key(&self) -> Value {
        let x = encode(self.ed.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x})
    }

    /// Returns the key set of all three keys, as the issuer publishes it.
    pub(super) fn jwks(&self) -> Vec<u8> {
        jwks([self.rsa_key(), self.ec_key(), self.ed_key()])
    }

    /// Makes a token of `header` and `claims`, signed as `algorithm` says.
    pub(super) fn sign(&self, algorithm: &str, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(algorithm, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match algorithm {
            "RS256" => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("a signature");
                signature
            }
            "ES256" => {
                let signature = self.ec.sign(&random, message);
                signature.expect("a signature").as_ref().to_vec()
            }
            "ES256 in DER" => {
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.ec_pkcs8);
                let signature = key.expect("a key").sign(&random, message);
                signature.expect("a signature").as_ref().to_vec()
            }
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            "none" => Vec::new(),
            other => panic!("no such algorithm: {other}"),
        }
    }
}

pub(super) fn jwks<const N: usize>(keys: [Value; N]) -> Vec<u8> {
    json!({"keys": keys.to_vec()}).to_string().into_bytes()
}

/// Returns what a good token claims at [`now`].
pub(super) fn claims() -> Value {
    let now = now().as_second();
    json!({
        "iss": ISSUER, "aud": "stopgate", "sub": "00u1ab", "groups": ["sg-support", "sg-all"], "azp": "orchestrator",
        "iat": now, "nbf": now, "exp": now + 300,
    })
}

/// Returns the claims of a good token as text, with the claim `name` set to `value`, or left out if `value` is null.
pub(super) fn claims_with(name: &str, value: Value) -> String {
    let mut claims = claims();
    let members = claims.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims.to_string()
}
