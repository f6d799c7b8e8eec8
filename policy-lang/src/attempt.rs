//! One proposed action, as it arrives: names are still text, because an unknown one is an answer and not an error.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::json::{InvalidJson, Json, Limits};
use crate::name::ProfileName;

/// Hard limits of any input, against hostile clients (T27 in docs/reference/threats.md); the depth is also the deepest
/// that a policy document may nest. `limits.input_bytes` of the policy may be lower, and is 64 KiB unless stated.
pub const INPUT_LIMITS: Limits = Limits {
    bytes: 256 * 1024,
    depth: 32,
    members: 4096,
};

/// Most profiles a subject may hold, inherited ones included. The cost of a decision is bounded by it: the rules of the
/// sixteen dearest profiles count (docs/decisions/0012).
pub const MAX_PROFILES: usize = 16;

/// One proposed action. It carries no evidence: evidence comes from our own stores.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The original user.
    pub subject: Subject,
    /// The subject's direct profiles; inheritance is the bundle's business.
    pub profiles: BTreeSet<ProfileName>,
    /// Id of the software acting.
    pub agent: String,
    /// Catalog name of the system acted on, unchecked.
    pub tool: String,
    /// What is to be done there, unchecked.
    pub target: Target,
    /// The arguments, or why they were refused.
    pub input: Result<Input, InvalidJson>,
    /// Digest of the tool definition the caller sees; `None` stands for the pinned one.
    pub definition: Option<Digest>,
}

/// The original user, by the stable id its issuer knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// URL of the issuer.
    pub issuer: String,
    /// Id at that issuer.
    pub id: String,
}

/// What the caller names: our operation, or the server's function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An operation of the catalog.
    Operation(String),
    /// A function of the server, from which the operation is derived.
    Function(String),
}

/// Arguments that passed the strict parser, with the digest of their canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    json: Json,
    digest: Digest,
    bytes: usize,
}

impl Input {
    /// Domain of the digest.
    pub const DOMAIN: &'static str = "stopgate-input-v1";

    /// Parses the exact text that will be executed. It has to be one object, which [`crate::decide`] checks.
    ///
    /// # Errors
    /// [`InvalidJson`] when the text is not in the strict subset of [`crate::json`].
    pub fn parse(text: &[u8]) -> Result<Self, InvalidJson> {
        let json = Json::parse(text, INPUT_LIMITS)?;
        let digest = json.digest(Self::DOMAIN);
        Ok(Self {
            json,
            digest,
            bytes: text.len(),
        })
    }

    /// Makes an input of arguments that were parsed before, with the digest of their canonical form. The length of the
    /// text they arrived as is not known any more, so the length of their canonical form stands in for it.
    pub(crate) fn recorded(json: Json, digest: Digest) -> Self {
        let bytes = json.canonical().len();
        Self {
            json,
            digest,
            bytes,
        }
    }

    /// Makes an input of arguments that nobody sent, and digests them.
    pub(crate) fn made(json: Json) -> Self {
        let digest = json.digest(Self::DOMAIN);
        Self::recorded(json, digest)
    }

    /// Returns the arguments.
    #[must_use]
    pub const fn json(&self) -> &Json {
        &self.json
    }

    /// Returns the digest of the canonical form, which a permit or an approval is bound to.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the length in bytes of the text that was parsed.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}
