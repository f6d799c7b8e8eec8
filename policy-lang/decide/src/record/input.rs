//! How an input stands in a record: what the catalog masks, and what nobody could check, only as keyed digests.
//!
//! A plain SHA-256 over something short (a salary, an account) can be undone by trying, also when the short thing is
//! one member of a known whole. So wherever a part of the input is not shown, its digest is keyed too.
//!
//! A keyed digest is one of a value at a place of an operation of a tool: who may ask about one operation and read the
//! log cannot find out there what is hidden at another.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;

use super::members::Members;
use super::value::{Object, RecordValue, count, printed, text};
use super::{InvalidRecord, RecordVersion};
use crate::attempt::Input;
use crate::digest::Digest;
use crate::json::{InvalidJson, Json, Problem};
use crate::pointer::{Pointer, Step};

/// The member that stands for a masked value. An object with a member of this name is always the sidecar's: one that
/// came with the input is masked itself.
const MASKED: &str = "$masked";

/// Longest text, in bytes, of an input that stands in the record of a refused attempt (docs/decisions/0007). Who is
/// refused everything must not fill the disk with what it sends.
pub const LONG_REFUSED_BYTES: usize = 8 * 1024;

/// The key of the masks. Under one key equal values at one place of one operation have equal digests; without it a
/// digest says nothing.
#[derive(Clone)]
pub struct MaskKey(hmac::Key);

impl MaskKey {
    /// Makes a key of 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns a digest that names the key, and the way digests are made with it, without giving the key away.
    #[must_use]
    pub fn id(&self) -> KeyedDigest {
        self.digest(vec![text("stopgate-mask-key-v2")])
    }

    /// Returns the keyed digest of one masked value: of the tool and operation meant, the way to the value, and the
    /// value.
    fn of_value(&self, meant: Meant<'_>, way: Way<'_>, value: &Json) -> KeyedDigest {
        let [tool, operation] = meant.values();
        self.digest(vec![
            text("stopgate-mask-value-v2"),
            tool,
            operation,
            RecordValue::List(way.steps()),
            RecordValue::Json(value),
        ])
    }

    /// Returns the keyed digest of the digest of an input that is not shown whole. Whoever holds the input and the key
    /// can make it again.
    fn of_digest(&self, meant: Meant<'_>, digest: &Digest) -> KeyedDigest {
        let [tool, operation] = meant.values();
        self.digest(vec![
            text("stopgate-mask-digest-v2"),
            tool,
            operation,
            printed(digest),
        ])
    }

    /// Signs the canonical form of a list. Its first element says what the others are, so that no two questions have
    /// one text.
    fn digest(&self, of: Vec<RecordValue<'_>>) -> KeyedDigest {
        let mut signed = String::new();
        RecordValue::List(of).write(&mut signed);
        let tag = hmac::sign(&self.0, signed.as_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        KeyedDigest(bytes)
    }
}

/// What an input is for, as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Meant<'a> {
    tool: &'a str,
    operation: Option<&'a str>,
}

impl<'a> Meant<'a> {
    fn values(self) -> [RecordValue<'a>; 2] {
        [
            text(self.tool),
            self.operation.map_or(RecordValue::Null, text),
        ]
    }
}

/// The way from the whole input to a value in it. Members and elements are told apart, which a JSON Pointer does not.
#[derive(Debug, Clone, Copy)]
enum Way<'w> {
    Whole,
    Member(&'w Self, &'w str),
    Element(&'w Self, usize),
}

impl Way<'_> {
    /// Returns the steps of the way, outermost first: names of members and places in arrays.
    fn steps(self) -> Vec<RecordValue<'static>> {
        let (before, step) = match self {
            Self::Whole => return Vec::new(),
            Self::Member(before, name) => (before, text(name.to_owned())),
            Self::Element(before, at) => (before, count(u64::try_from(at).unwrap_or(u64::MAX))),
        };
        // The way is borrowed from the stack. Names are copied only here, for a value that is masked.
        let mut steps = before.steps();
        steps.push(step);
        steps
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
/// | long | – | `hmac:…` of that digest; its length stands in `input_bytes` | – |
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
    /// Nobody can say what has to be masked: the operation is unknown, or the input does not fit it.
    Withheld {
        /// Keyed digest of the whole.
        digest: KeyedDigest,
    },
    /// The attempt was refused, and its input is longer than [`LONG_REFUSED_BYTES`].
    Long {
        /// Length of the text.
        bytes: u64,
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

/// An input as it came, and what is known of it when its record is made.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// What the strict parser made of it.
    pub input: &'a Result<Input, InvalidJson>,
    /// The text that it came as.
    pub text: &'a [u8],
    /// The system it is for, as the caller named it.
    pub tool: &'a str,
    /// The operation it is for, if there is one.
    pub operation: Option<&'a str>,
    /// The places to hide; `None` if nobody can say.
    pub masks: Option<&'a BTreeSet<Pointer>>,
    /// The attempt was rejected.
    pub rejected: bool,
}

impl RecordedInput {
    /// Makes what a record keeps of an input; the table above says which form it has when.
    #[must_use]
    pub fn new(sent: &Sent<'_>, key: &MaskKey) -> Self {
        let Sent {
            input,
            text,
            tool,
            operation,
            masks,
            rejected,
        } = *sent;
        let meant = Meant { tool, operation };
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        // 1. What is no strict JSON has no members that could be masked, so nothing of it is shown.
        let input = match input {
            Ok(input) => input,
            Err(problem) => {
                return Self::Refused {
                    bytes,
                    digest: key.of_digest(meant, &Digest::compute(text)),
                    problem: *problem,
                };
            }
        };
        // Keyed only where the input is not shown whole, which is rare.
        let keyed = || key.of_digest(meant, &input.digest());
        // 2. Without a known operation nobody can say which of its members are secret.
        let Some(masks) = masks else {
            return Self::Withheld { digest: keyed() };
        };
        // 3. Whoever is refused everything must not fill the disk with what it sends.
        if rejected && text.len() > LONG_REFUSED_BYTES {
            let digest = keyed();
            return Self::Long { bytes, digest };
        }
        // 4. Forged masks first: what an agent sends as a mask must not be taken for one of ours later.
        let mut json = input.json().clone();
        let hiding = Hiding { key, meant };
        hiding.hide_forged(&mut json, Way::Whole);
        for mask in masks {
            let steps: Vec<Step> = mask.steps().collect();
            hiding.hide(&mut json, &steps, Way::Whole);
        }
        // A mask that met nothing leaves the input as it was, and its plain digest may stand beside it.
        if json == *input.json() {
            let digest = input.digest();
            Self::Clear { json, digest }
        } else {
            let digest = keyed();
            Self::Masked { json, digest }
        }
    }

    /// Writes the members of an attempt that tell of its input.
    pub(super) fn write(&self, out: &mut Object<'_, '_>) {
        match self {
            Self::Clear { json, digest } => {
                out.json("input", json);
                out.printed("input_digest", digest);
            }
            Self::Masked { json, digest } => {
                out.json("input", json);
                out.printed("input_digest", digest);
            }
            Self::Withheld { digest } => out.printed("input_digest", digest),
            Self::Long { bytes, digest } => {
                out.count("input_bytes", *bytes);
                out.printed("input_digest", digest);
            }
            Self::Refused {
                bytes,
                digest,
                problem: InvalidJson { problem, offset },
            } => {
                out.printed("input_digest", digest);
                let mut refused = out.object("input_refused");
                refused.count("bytes", *bytes);
                refused.count("offset", u64::try_from(*offset).unwrap_or(u64::MAX));
                refused.text("problem", problem_word(*problem));
                refused.end();
            }
        }
    }

    pub(super) fn read(
        version: RecordVersion,
        members: &mut Members,
    ) -> Result<Self, InvalidRecord> {
        let refused = members
            .optional("input_refused")
            .map(|value| Members::from_json(value, "input_refused"))
            .transpose()?;
        // Which of the forms it is follows from which members are there, and no other combination is a form.
        match (members.optional("input"), refused) {
            (None, None) => {
                let digest = members.parsed("input_digest")?;
                // Left to be refused as unknown where the version has no such member.
                let bytes = match version {
                    RecordVersion::V1 => None,
                    RecordVersion::V2 | RecordVersion::V3 => {
                        members.optional_number("input_bytes")?
                    }
                };
                Ok(match bytes {
                    Some(bytes) => Self::Long { bytes, digest },
                    None => Self::Withheld { digest },
                })
            }
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
                // The two digests have prefixes of their own, so the text says which of the two forms it is.
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

/// Returns whether `value` stands in a record for something masked.
#[must_use]
pub fn is_mask(value: &Json) -> bool {
    value.get(MASKED).is_some()
}

/// What hides values of one input.
#[derive(Clone, Copy)]
struct Hiding<'a> {
    key: &'a MaskKey,
    meant: Meant<'a>,
}

impl Hiding<'_> {
    /// Masks every object that claims to be a mask, which only a record may hold.
    fn hide_forged(self, value: &mut Json, way: Way<'_>) {
        // What is inside goes with it: a forged mask says nothing that a record has to keep.
        if is_mask(value) {
            return self.replace(value, way);
        }
        match value {
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {}
            Json::Array(elements) => {
                for (at, element) in elements.iter_mut().enumerate() {
                    self.hide_forged(element, Way::Element(&way, at));
                }
            }
            Json::Object(members) => {
                for (name, value) in members {
                    self.hide_forged(value, Way::Member(&way, name));
                }
            }
        }
    }

    /// Masks what `steps` lead to. What they cannot pass through is masked whole: it is not what the catalog expected,
    /// so it may be what the catalog wanted hidden.
    fn hide(self, value: &mut Json, steps: &[Step], way: Way<'_>) {
        // Hidden by another mask already. A digest of a digest would compare with nothing.
        if is_mask(value) {
            return;
        }
        let Some((step, rest)) = steps.split_first() else {
            return self.replace(value, way);
        };
        match (&mut *value, step) {
            // `null` hides nothing: it says only that there is no value.
            (Json::Null, _) => {}
            (Json::Object(members), step) => {
                for (name, value) in members {
                    let meant = match step {
                        Step::Every => true,
                        Step::Key(key) => key == name,
                    };
                    if meant {
                        self.hide(value, rest, Way::Member(&way, name));
                    }
                }
            }
            (Json::Array(elements), Step::Every) => {
                for (at, element) in elements.iter_mut().enumerate() {
                    self.hide(element, rest, Way::Element(&way, at));
                }
            }
            // A JSON Pointer may name an element by its place; any other key cannot lead into an array.
            (Json::Array(elements), Step::Key(key)) => match key.parse::<usize>() {
                Ok(at) => {
                    if let Some(element) = elements.get_mut(at) {
                        self.hide(element, rest, Way::Element(&way, at));
                    }
                }
                Err(_) => self.replace(value, way),
            },
            (Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_), _) => {
                self.replace(value, way);
            }
        }
    }

    fn replace(self, value: &mut Json, way: Way<'_>) {
        let digest = self.key.of_value(self.meant, way, value).to_string();
        *value = Json::Object(vec![(MASKED.to_owned(), Json::String(digest))]);
    }
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
