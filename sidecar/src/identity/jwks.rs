//! A JSON Web Key Set as an issuer publishes it: the keys that tokens can be verified with, and every mistake at once.
//!
//! Each key is for one algorithm, which follows from its kind: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA. Keys
//! for something else are normal in a set and passed over; a set that holds none for us, a private key or one name
//! twice is refused whole.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use stopgate_lang::json::{InvalidJson, Json, Limits};

/// Longest file, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

const JSON_LIMITS: Limits = Limits {
    bytes: MAX_JWKS_BYTES,
    depth: 16,
    members: 4096,
};

/// Length of an RSA key's modulus, in bytes: 2,048 to 8,192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Members that only a private or shared key has.
const PRIVATE: [&str; 3] = ["d", "p", "k"];

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256, PKCS#1 v1.5.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// The keys of one issuer by their names. Never empty.
#[derive(Debug)]
pub struct KeySet(HashMap<String, Key>);

/// A public key and the one algorithm it is for.
#[derive(Debug)]
pub struct Key {
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// Why a key set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not strict JSON.
    #[error("the key set is not strict JSON")]
    Json(#[from] InvalidJson),
    /// Not an object with a list `keys`.
    #[error("the key set has no list `keys`")]
    NoList,
    /// These keys are wrong.
    #[error("{}", listed(.0))]
    Keys(Vec<InvalidKey>),
    /// No key is of a kind that tokens are verified with.
    #[error("none of the keys has a `kid` and is for RS256, ES256 (P-256) or EdDSA (Ed25519)")]
    Nothing,
}

/// A key that is wrong: its place in `keys`, from 1, and what is wrong with it. It holds no value of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key {place} {problem}")]
pub struct InvalidKey {
    /// Its place, from 1.
    pub place: usize,
    /// What is wrong with it.
    pub problem: KeyProblem,
}

/// What can be wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// Not an object with a text `kty`.
    #[error("is not an object with a `kty`")]
    Shape,
    /// It belongs to the issuer alone.
    #[error("is a private or shared key; only public keys belong here")]
    Private,
    /// Another key has the same name.
    #[error("has the `kid` of another key")]
    Duplicate,
    /// A number or point that cannot be read.
    #[error("has no readable `{0}`")]
    Member(&'static str),
    /// Too short to be safe, or too long to be real.
    #[error("has not between 2048 and 8192 bits")]
    Size,
    /// The numbers make no key.
    #[error("is no valid key")]
    Invalid,
}

fn listed(keys: &[InvalidKey]) -> String {
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    keys.join("; ")
}

impl Algorithm {
    /// The algorithm that a token's header calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// Its name in a header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Key {
    /// The algorithm it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is by its owner over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// [`InvalidKeySet`] with every key that is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKeySet> {
        let json = Json::parse(text, JSON_LIMITS)?;
        let listed = json.get("keys").and_then(Json::as_array);
        let (mut keys, mut wrong) = (HashMap::new(), Vec::new());
        for (json, place) in listed.ok_or(InvalidKeySet::NoList)?.iter().zip(1_usize..) {
            match read(json) {
                Ok(Some((name, key))) => {
                    if keys.insert(name, key).is_some() {
                        let problem = KeyProblem::Duplicate;
                        wrong.push(InvalidKey { place, problem });
                    }
                }
                Ok(None) => {}
                Err(problem) => wrong.push(InvalidKey { place, problem }),
            }
        }
        if !wrong.is_empty() {
            Err(InvalidKeySet::Keys(wrong))
        } else if keys.is_empty() {
            Err(InvalidKeySet::Nothing)
        } else {
            Ok(Self(keys))
        }
    }

    /// The key called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Key> {
        self.0.get(name)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// A key with its name; `None` for one that is meant for something else.
fn read(json: &Json) -> Result<Option<(String, Key)>, KeyProblem> {
    let text = |member: &str| json.get(member).and_then(Json::as_str);
    let kind = text("kty").ok_or(KeyProblem::Shape)?;
    if PRIVATE.iter().any(|member| json.get(member).is_some()) {
        return Err(KeyProblem::Private);
    }
    let algorithm = match (kind, text("crv")) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        (_, _) => return Ok(None),
    };
    let named = |stated: Option<&Json>, ours: &str| {
        stated.is_none_or(|stated| stated.as_str() == Some(ours))
    };
    let verifies = json.get("key_ops").is_none_or(|uses| {
        let uses = uses.as_array().unwrap_or_default();
        uses.iter().any(|used| used.as_str() == Some("verify"))
    });
    let ours =
        named(json.get("alg"), algorithm.as_str()) && named(json.get("use"), "sig") && verifies;
    let Some(name) = text("kid").filter(|name| ours && !name.is_empty()) else {
        return Ok(None);
    };
    let bytes = |member: &'static str| {
        let decoded = text(member).and_then(|text| BASE64.decode(text).ok());
        decoded.ok_or(KeyProblem::Member(member))
    };
    let public = match algorithm {
        Algorithm::Rs256 => rsa(&bytes("n")?, &bytes("e")?)?,
        Algorithm::Es256 => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if (x.len(), y.len()) != (32, 32) {
                return Err(KeyProblem::Invalid);
            }
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .map_err(|_| KeyProblem::Invalid)?
        }
        Algorithm::EdDsa => {
            ParsedPublicKey::new(&ED25519, bytes("x")?).map_err(|_| KeyProblem::Invalid)?
        }
    };
    Ok(Some((name.to_owned(), Key { algorithm, public })))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<ParsedPublicKey, KeyProblem> {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    let strip = |number: &[u8]| -> Vec<u8> {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.iter().skip(zeros).copied().collect()
    };
    let (n, e) = (strip(modulus), strip(exponent));
    if !RSA_BYTES.contains(&n.len()) {
        return Err(KeyProblem::Size);
    }
    let der: Result<PublicKeyX509Der<'_>, _> = PublicKeyComponents { n, e }.as_der();
    let der = der.map_err(|_| KeyProblem::Invalid)?;
    // By its encoding, because that is read with all checks of a key.
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref()).map_err(|_| KeyProblem::Invalid)
}

#[cfg(test)]
mod tests;
