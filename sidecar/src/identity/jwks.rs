//! A JSON Web Key Set as an issuer publishes it: the keys that tokens can be verified with, and every mistake at once.
//!
//! Each key is for one algorithm, which follows from its kind: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA. Keys
//! for something else are normal in a set and passed over. A key that cannot be used takes nothing with it but its own
//! name: the others are believed, and what is not in the set any more is not. Only what is no set at all is refused.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use stopgate_decide::json::{Json, Limits, Problem};

use crate::bounds::MAX_JWKS_BYTES;

/// Of one key. A key is flat and has a dozen members; certificates in it are texts.
const JSON_LIMITS: Limits = Limits {
    bytes: MAX_JWKS_BYTES,
    depth: 16,
    members: 4096,
};

/// Length of an RSA key's modulus, in bytes: 2,048 to 8,192 bits. Shorter ones can be broken, and what is longer the
/// library does not verify.
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

/// The keys of one issuer by their names, and what of its set cannot be used.
#[derive(Debug)]
pub struct KeySet {
    keys: HashMap<String, Key>,
    unusable: Vec<InvalidKey>,
}

/// A public key and the one algorithm it is for.
#[derive(Debug)]
pub struct Key {
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// Why a text is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Longer than [`MAX_JWKS_BYTES`].
    #[error("it is longer than {MAX_JWKS_BYTES} bytes")]
    TooLong,
    /// Not JSON, or not an object with one list `keys`.
    #[error("it is not a JSON object with one list `keys` (line {line}, column {column})")]
    NoList {
        /// Where that shows, from 1.
        line: usize,
        /// Where in the line, from 1.
        column: usize,
    },
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
    /// Not strict JSON.
    #[error("is not strict JSON: {0}")]
    Json(Problem),
    /// Not an object with a text `kty`.
    #[error("is not an object with a `kty`")]
    Shape,
    /// It belongs to the issuer alone.
    #[error("is a private or shared key; only public keys belong here")]
    Private,
    /// Another key has the same name, so a token that names it names neither.
    #[error("has the `kid` of another key, which is unusable too")]
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

impl Algorithm {
    /// Returns the algorithm that the header of a token, or the `alg` of a key, calls `name`; `None` for every other
    /// name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 gave it its own name and deprecated the one of the family; issuers write both.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// Returns the algorithm's name in events.
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
    /// Returns the algorithm that the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns whether `signature` over `message` was made with the private half of this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

/// A set as it is written: what else is in it is not ours to judge.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads the text of a key set. The keys of the set that cannot be used are [`KeySet::unusable`]; a set may hold no
    /// other.
    ///
    /// # Errors
    /// [`InvalidKeySet`] for what is no set.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKeySet> {
        if text.len() > MAX_JWKS_BYTES {
            return Err(InvalidKeySet::TooLong);
        }
        // What reads an object by its members would take a list of their values for one.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(InvalidKeySet::NoList { line: 1, column: 1 });
        }
        let Written { keys: written } =
            serde_json::from_slice(text).map_err(|error| InvalidKeySet::NoList {
                line: error.line(),
                column: error.column(),
            })?;
        // `None` for a name that is no key's: of two with one name, nobody can say which is meant.
        let mut named: HashMap<String, Option<Key>> = HashMap::new();
        let mut unusable = Vec::new();
        for (written, place) in written.iter().zip(1_usize..) {
            let (name, found) = match Json::parse(written.get().as_bytes(), JSON_LIMITS) {
                Ok(json) => (name(&json), read(&json)),
                Err(invalid) => (None, Err(KeyProblem::Json(invalid.problem))),
            };
            let (key, problem) = match found {
                Ok(None) => continue,
                Ok(Some(key)) => (Some(key), None),
                Err(problem) => (None, Some(problem)),
            };
            // A name counts also where its key cannot be used: a token that names it must not find another key instead.
            let twice = match name.map(|name| named.entry(name)) {
                None => false,
                Some(Entry::Vacant(free)) => {
                    free.insert(key);
                    false
                }
                Some(Entry::Occupied(mut taken)) => {
                    taken.insert(None);
                    true
                }
            };
            let problem = problem.or(twice.then_some(KeyProblem::Duplicate));
            unusable.extend(problem.map(|problem| InvalidKey { place, problem }));
        }
        let keys = named
            .into_iter()
            .filter_map(|(name, key)| Some((name, key?)));
        Ok(Self {
            keys: keys.collect(),
            unusable,
        })
    }

    /// Returns the keys that cannot be used, in the order of the set.
    #[must_use]
    pub fn unusable(&self) -> &[InvalidKey] {
        &self.unusable
    }

    /// Returns the usable key called `name`, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Key> {
        self.keys.get(name)
    }

    /// Returns how many keys can be used.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }
}

/// Returns the name of a key (`kid`), if it has one that is not empty.
fn name(json: &Json) -> Option<String> {
    let name = json.get("kid").and_then(Json::as_str);
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Reads a key. Returns `None` for a key that is meant for something else, or that no token can name.
fn read(json: &Json) -> Result<Option<Key>, KeyProblem> {
    let text = |member: &str| json.get(member).and_then(Json::as_str);
    let kind = text("kty").ok_or(KeyProblem::Shape)?;
    // Whoever published this has published the key itself: nothing that is signed with it proves anything.
    if PRIVATE.iter().any(|member| json.get(member).is_some()) {
        return Err(KeyProblem::Private);
    }
    let algorithm = match (kind, text("crv")) {
        ("RSA", _) => Algorithm::Rs256,
        ("EC", Some("P-256")) => Algorithm::Es256,
        ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
        (_, _) => return Ok(None),
    };
    // `alg`, `key_ops` and `use` may be left out, but what they say must allow verifying tokens.
    let agrees = json
        .get("alg")
        .is_none_or(|stated| stated.as_str().and_then(Algorithm::named) == Some(algorithm));
    let verifies = json.get("key_ops").is_none_or(|uses| {
        let uses = uses.as_array().unwrap_or_default();
        uses.iter().any(|used| used.as_str() == Some("verify"))
    });
    let signs = json
        .get("use")
        .is_none_or(|stated| stated.as_str() == Some("sig"));
    if !(agrees && signs && verifies) || name(json).is_none() {
        return Ok(None);
    }
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
            // A 4 begins a point that is written with both its numbers.
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .map_err(|_| KeyProblem::Invalid)?
        }
        Algorithm::EdDsa => {
            ParsedPublicKey::new(&ED25519, bytes("x")?).map_err(|_| KeyProblem::Invalid)?
        }
    };
    Ok(Some(Key { algorithm, public }))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<ParsedPublicKey, KeyProblem> {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    // Zeros before a number do not count for its length.
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
