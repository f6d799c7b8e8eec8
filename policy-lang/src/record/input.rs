//! How an input stands in a record: what the catalog masks, and what nobody could check, only as keyed digests.
//!
//! A plain SHA-256 over something short (a salary, an account) can be undone by trying, also when the short thing is
//! one member of a known whole. So wherever a part of the input is not shown, its digest is keyed too.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;

use super::InvalidRecord;
use super::members::Members;
use super::value::{Value, count, object, printed, text};
use crate::attempt::Input;
use crate::digest::Digest;
use crate::json::{InvalidJson, Json, Problem};
use crate::pointer::{Pointer, Step};

/// The member that stands for a masked value. An object with a member of this name is always the sidecar's: one that
/// came with the input is masked itself.
const MASKED: &str = "$masked";

/// The key of the masks. Under one key equal values have equal digests; without it a digest says nothing.
#[derive(Clone)]
pub struct MaskKey(hmac::Key);

impl MaskKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A digest that names the key and gives nothing away.
    #[must_use]
    pub fn id(&self) -> KeyedDigest {
        self.digest("stopgate-mask-key-v1", Value::Null)
    }

    /// Digest of one masked value.
    #[must_use]
    pub fn of_value(&self, value: &Json) -> KeyedDigest {
        self.digest("stopgate-mask-value-v1", Value::Json(value))
    }

    /// Digest of a digest: of an input that is not shown whole. Who holds the input and the key can make it again.
    #[must_use]
    pub fn of_digest(&self, digest: &Digest) -> KeyedDigest {
        self.digest("stopgate-mask-digest-v1", printed(digest))
    }

    fn digest(&self, domain: &str, value: Value<'_>) -> KeyedDigest {
        let mut signed = String::new();
        Value::List(vec![text(domain), value]).write(&mut signed);
        let tag = hmac::sign(&self.0, signed.as_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        KeyedDigest(bytes)
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(***)")
    }
}

/// HMAC-SHA256 under a [`MaskKey`], printed `hmac:…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedDigest([u8; 32]);

impl fmt::Display for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hmac:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for KeyedDigest {
    type Err = InvalidRecord;
    fn from_str(text: &str) -> Result<Self, InvalidRecord> {
        let digest = text.strip_prefix("hmac:").and_then(Digest::from_hex);
        digest
            .map(|digest| Self(*digest.as_bytes()))
            .ok_or(InvalidRecord::Value("hmac"))
    }
}

/// What a record keeps of an input.
///
/// | form | `input` | `input_digest` | `input_refused` |
/// |---|---|---|---|
/// | clear | the arguments | `sha256:…`, the digest a permit is bound to | – |
/// | masked | the arguments, masked values as `{"$masked": "hmac:…"}` | `hmac:…` of that digest | – |
/// | withheld | – | `hmac:…` of that digest | – |
/// | refused | – | `hmac:…` of the SHA-256 of the raw bytes | length, problem, byte offset |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedInput {
    /// Nothing in it is masked.
    Clear {
        /// The arguments.
        json: Json,
        /// Digest of their canonical form.
        digest: Digest,
    },
    /// Something in it is masked.
    Masked {
        /// The arguments without what is masked.
        json: Json,
        /// Keyed digest of the whole.
        digest: KeyedDigest,
    },
    /// The operation is unknown, so nobody can say what has to be masked.
    Withheld {
        /// Keyed digest of the whole.
        digest: KeyedDigest,
    },
    /// The strict parser refused it.
    Refused {
        /// Length of the text.
        bytes: u64,
        /// Keyed digest of the text.
        digest: KeyedDigest,
        /// What was wrong, and where.
        problem: InvalidJson,
    },
}

impl RecordedInput {
    /// What is kept of `input`, which came as `text`. `masks` are those of the operation, `None` if it is unknown.
    #[must_use]
    pub fn of(
        input: &Result<Input, InvalidJson>,
        text: &[u8],
        masks: Option<&BTreeSet<Pointer>>,
        key: &MaskKey,
    ) -> Self {
        let input = match input {
            Ok(input) => input,
            Err(problem) => {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                return Self::Refused {
                    bytes,
                    digest: key.of_digest(&Digest::of(text)),
                    problem: *problem,
                };
            }
        };
        // Keyed only where the input is not shown whole, which is rare.
        let keyed = || key.of_digest(&input.digest());
        let Some(masks) = masks else {
            return Self::Withheld { digest: keyed() };
        };
        let mut json = input.json().clone();
        hide_forged(&mut json, key);
        for mask in masks {
            hide(&mut json, &mask.steps().collect::<Vec<_>>(), key);
        }
        if json == *input.json() {
            let digest = input.digest();
            Self::Clear { json, digest }
        } else {
            let digest = keyed();
            Self::Masked { json, digest }
        }
    }

    pub(super) fn members(&self) -> Vec<(&'static str, Value<'_>)> {
        match self {
            Self::Clear { json, digest } => shown(json, printed(digest)),
            Self::Masked { json, digest } => shown(json, printed(digest)),
            Self::Withheld { digest } => vec![("input_digest", printed(digest))],
            Self::Refused {
                bytes,
                digest,
                problem: InvalidJson { problem, offset },
            } => {
                let offset = u64::try_from(*offset).unwrap_or(u64::MAX);
                let problem = text(problem_word(*problem));
                let refused = object([
                    ("bytes", count(*bytes)),
                    ("offset", count(offset)),
                    ("problem", problem),
                ]);
                vec![
                    ("input_digest", printed(digest)),
                    ("input_refused", refused),
                ]
            }
        }
    }

    pub(super) fn read(members: &mut Members) -> Result<Self, InvalidRecord> {
        let refused = members
            .optional("input_refused")
            .map(|value| Members::of(value, "input_refused"))
            .transpose()?;
        match (members.optional("input"), refused) {
            (None, None) => Ok(Self::Withheld {
                digest: members.parsed("input_digest")?,
            }),
            (None, Some(mut refused)) => {
                let input = Self::Refused {
                    bytes: refused.number("bytes")?,
                    digest: members.parsed("input_digest")?,
                    problem: InvalidJson {
                        offset: refused.number("offset")?,
                        problem: refused.word("problem", problem_from_word)?,
                    },
                };
                refused.finish()?;
                Ok(input)
            }
            (Some(json), None) => {
                let digest = members.text("input_digest")?;
                if let Ok(digest) = digest.parse() {
                    return Ok(Self::Masked { json, digest });
                }
                // A record whose own digest is wrong could be replayed to an answer that nobody gave.
                let fits = digest
                    .parse()
                    .ok()
                    .filter(|digest| *digest == json.digest(Input::DOMAIN));
                let digest = fits.ok_or(InvalidRecord::Value("input_digest"))?;
                Ok(Self::Clear { json, digest })
            }
            (Some(_), Some(_)) => Err(InvalidRecord::UnknownMember("input_refused".to_owned())),
        }
    }
}

/// Whether `value` stands in a record for something masked.
pub(crate) fn is_mask(value: &Json) -> bool {
    value.get(MASKED).is_some()
}

fn shown<'a>(json: &'a Json, digest: Value<'a>) -> Vec<(&'static str, Value<'a>)> {
    vec![("input", Value::Json(json)), ("input_digest", digest)]
}

/// Masks every object that claims to be a mask.
fn hide_forged(value: &mut Json, key: &MaskKey) {
    match value {
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {}
        Json::Array(elements) => elements
            .iter_mut()
            .for_each(|element| hide_forged(element, key)),
        Json::Object(members) => {
            members
                .iter_mut()
                .for_each(|(_, value)| hide_forged(value, key));
            if members.iter().any(|(name, _)| name == MASKED) {
                replace(value, key);
            }
        }
    }
}

/// Masks what `steps` lead to. What they cannot pass through is masked whole: it is not what the catalog expected,
/// so it may be what the catalog wanted hidden.
fn hide(value: &mut Json, steps: &[Step], key: &MaskKey) {
    if is_mask(value) {
        return;
    }
    let Some((step, rest)) = steps.split_first() else {
        return replace(value, key);
    };
    match (value, step) {
        (Json::Null, _) => {}
        (Json::Object(members), Step::Every) => members
            .iter_mut()
            .for_each(|(_, value)| hide(value, rest, key)),
        (Json::Object(members), Step::Key(name)) => {
            let found = members.iter_mut().filter(|(member, _)| member == name);
            found.for_each(|(_, value)| hide(value, rest, key));
        }
        (Json::Array(elements), Step::Every) => elements
            .iter_mut()
            .for_each(|element| hide(element, rest, key)),
        (value @ Json::Array(_), Step::Key(name)) => match (name.parse::<usize>(), &mut *value) {
            (Ok(at), Json::Array(elements)) => {
                if let Some(element) = elements.get_mut(at) {
                    hide(element, rest, key);
                }
            }
            _ => replace(value, key),
        },
        (value @ (Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_)), _) => {
            replace(value, key)
        }
    }
}

fn replace(value: &mut Json, key: &MaskKey) {
    let digest = Json::String(key.of_value(value).to_string());
    *value = Json::Object(vec![(MASKED.to_owned(), digest)]);
}

const PROBLEMS: [Problem; 13] = [
    Problem::TooLong,
    Problem::TooDeep,
    Problem::TooMany,
    Problem::NotUtf8,
    Problem::Ended,
    Problem::Trailing,
    Problem::Syntax,
    Problem::Escape,
    Problem::Surrogate,
    Problem::Duplicate,
    Problem::UnsafeInteger,
    Problem::MinusZero,
    Problem::Overflow,
];

const fn problem_word(problem: Problem) -> &'static str {
    match problem {
        Problem::TooLong => "too_long",
        Problem::TooDeep => "too_deep",
        Problem::TooMany => "too_many",
        Problem::NotUtf8 => "not_utf8",
        Problem::Ended => "ended",
        Problem::Trailing => "trailing",
        Problem::Syntax => "syntax",
        Problem::Escape => "escape",
        Problem::Surrogate => "surrogate",
        Problem::Duplicate => "duplicate",
        Problem::UnsafeInteger => "unsafe_integer",
        Problem::MinusZero => "minus_zero",
        Problem::Overflow => "overflow",
    }
}

fn problem_from_word(word: &str) -> Option<Problem> {
    PROBLEMS
        .into_iter()
        .find(|problem| problem_word(*problem) == word)
}
