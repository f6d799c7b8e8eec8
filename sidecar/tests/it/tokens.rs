//! An identity provider in a few lines: one key, its key set, and the tokens it signs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};
use stopgate_client::{SubjectToken, wire};

use crate::support::{ISSUER, get_order};

pub(crate) struct Provider {
    key: EcdsaKeyPair,
    kid: &'static str,
}

impl Provider {
    pub(crate) fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref());
        Self {
            key: key.expect("a key"),
            kid,
        }
    }

    pub(crate) fn jwks(&self) -> String {
        let point = self.key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| BASE64.encode(half));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": x, "y": y}]}).to_string()
    }

    /// A token with these claims over those of a support analyst.
    pub(crate) fn token(&self, over: Value) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "iss": ISSUER, "aud": "stopgate", "sub": "00u1ab", "groups": ["sg-support", "sg-unmapped"],
            "iat": now, "exp": now + 300,
        });
        for (name, value) in over.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "ES256", "kid": self.kid, "typ": "JWT"}).to_string();
        let signed = format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(claims.to_string())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!(
            "{signed}.{}",
            BASE64.encode(signature.expect("a signature"))
        )
    }
}

/// `request` for whoever `token` says.
pub(crate) fn with_token(mut request: wire::DecideRequest, token: &str) -> wire::DecideRequest {
    let attempt = request.attempt.as_mut().expect("an attempt");
    attempt.subject = Some(SubjectToken::new(token).into());
    request
}

/// Looking up an order for whoever `token` says.
pub(crate) fn get_order_of(token: &str) -> wire::DecideRequest {
    with_token(get_order(), token)
}
