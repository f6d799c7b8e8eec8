//! The trust root: which keys may sign what, and how many of them it takes.
//!
//! A root is signed by its own root role. Thresholds count distinct public keys, at least one; a key listed under two
//! ids is refused, and so is every signature that does not verify.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dsse::{self, Envelope, Signature};
use crate::digest::Digest;
use crate::json::Json;

/// A verified trust root.
#[derive(Debug, Clone)]
pub struct TrustRoot {
    statement: RootStatement,
    keys: BTreeMap<String, [u8; 32]>,
}

/// What a role may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The next root.
    Root,
    /// Bundles.
    Publisher,
    /// Waivers and reviews.
    Reviewer,
}

/// What a signature is worth under a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It counts: this public key of the role made it.
    Valid([u8; 32]),
    /// The role has no such key, so nobody can say whether it verifies.
    Unknown,
    /// The role has the key, and the key did not sign this.
    Invalid,
}

/// The document inside `root.dsse.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootStatement {
    /// Format version, 1.
    pub stopgate_root: u32,
    /// Counts up from 1.
    pub version: u64,
    /// The root is refused from this instant on.
    pub expires: Timestamp,
    /// Public keys by id.
    pub keys: BTreeMap<String, RootKey>,
    /// Who may sign what.
    pub roles: RootRoles,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// The algorithm.
    #[serde(rename = "type")]
    pub kind: KeyKind,
    /// Raw public key, base64.
    pub public: String,
    /// Who holds it.
    pub owner: String,
}

/// Algorithms of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Ed25519, 32 bytes.
    Ed25519,
}

/// The roles of a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRoles {
    /// Signs roots.
    pub root: RootRole,
    /// Signs bundles.
    pub publisher: RootRole,
    /// Signs waivers and reviews. Left out: nobody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<RootRole>,
}

/// Keys of a role and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRole {
    /// Ids of keys.
    pub keys: BTreeSet<String>,
    /// Distinct keys needed, at least 1.
    pub threshold: u32,
}

/// Why a trust root or a signature under it is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not an envelope of a root, or a field is wrong.
    #[error("this is not a trust root: {0}")]
    Format(String),
    /// A role that cannot be satisfied or would be satisfied by nothing, or keys that are not what they claim.
    #[error("the root's keys and roles do not hold together: {0}")]
    Roles(String),
    /// A signature by an unknown key, a key of another role, twice by one key, or one that does not verify.
    #[error("the signature of key `{0}` does not verify")]
    Signature(String),
    /// Fewer signatures than the role needs.
    #[error("{found} of {needed} signatures needed")]
    Threshold {
        /// Valid signatures.
        found: usize,
        /// The role's threshold.
        needed: u32,
    },
    /// Past its date.
    #[error("the trust root expired at {0}")]
    Expired(Timestamp),
}

impl TrustRoot {
    /// Opens `root.dsse.json`: a first root, verified with its own root role.
    ///
    /// # Errors
    /// [`TrustError`] when the format, a role, a signature, the threshold or the date is wrong.
    pub fn open(bytes: &[u8], now: Timestamp) -> Result<Self, TrustError> {
        let envelope = Envelope::from_bytes(bytes)
            .ok_or(TrustError::Format("not a DSSE envelope".to_owned()))?;
        // The payload type is signed too. Without this a statement of another kind that a root key signed could be
        // taken for a root.
        if envelope.payload_type != dsse::ROOT {
            return Err(TrustError::Format(format!(
                "payload type `{}`",
                envelope.payload_type
            )));
        }
        let statement: RootStatement = serde_json::from_slice(&envelope.payload)
            .map_err(|error| TrustError::Format(error.to_string()))?;
        // Roles before signatures: with a threshold of zero no signature at all would do.
        let root = Self::checked(statement)?;
        // A first root is signed by keys that it names itself, so what it is worth comes from where it was found.
        root.verify(Role::Root, &envelope)?;
        if now >= root.statement.expires {
            return Err(TrustError::Expired(root.statement.expires));
        }
        Ok(root)
    }

    fn checked(statement: RootStatement) -> Result<Self, TrustError> {
        if statement.stopgate_root != 1 || statement.version == 0 {
            return Err(TrustError::Format("unknown version".to_owned()));
        }
        let mut keys = BTreeMap::new();
        for (id, key) in &statement.keys {
            // Irrefutable while there is one algorithm; a second one does not compile until it is read here.
            let KeyKind::Ed25519 = key.kind;
            let public = STANDARD.decode(&key.public).ok();
            let public = public.and_then(|public| <[u8; 32]>::try_from(public).ok());
            let public = public
                .ok_or_else(|| TrustError::Roles(format!("key `{id}` is not a public key")))?;
            // One public key under two ids would count twice towards a threshold.
            if keys.values().any(|other| *other == public) {
                return Err(TrustError::Roles(format!("key `{id}` stands there twice")));
            }
            keys.insert(id.clone(), public);
        }
        let RootRoles {
            root,
            publisher,
            reviewer,
        } = &statement.roles;
        let optional = reviewer.as_ref().map(|role| ("reviewer", role));
        for (name, role) in [("root", root), ("publisher", publisher)]
            .into_iter()
            .chain(optional)
        {
            let known = role.keys.iter().all(|key| keys.contains_key(key));
            let reachable = usize::try_from(role.threshold)
                // More than there are keys can never be signed, and zero would always be.
                .is_ok_and(|needed| (1..=role.keys.len()).contains(&needed));
            if !(known && reachable) {
                return Err(TrustError::Roles(format!("the role `{name}`")));
            }
        }
        Ok(Self { statement, keys })
    }

    /// Verifies every signature of `envelope` under `role` and returns the ids of the keys that signed.
    ///
    /// # Errors
    /// [`TrustError::Roles`] for a role that the root does not have, [`TrustError::Signature`] for any signature that
    /// does not count, [`TrustError::Threshold`] for too few.
    pub fn verify(&self, role: Role, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        let threshold = self
            .threshold(role)
            .ok_or_else(|| TrustError::Roles("there is no such role".to_owned()))?;
        let message = dsse::signed_bytes(&envelope.payload_type, &envelope.payload);
        let mut signers = BTreeSet::new();
        for signature in &envelope.signatures {
            // A signature that does not count is an error, not one fewer: whoever adds signatures that nobody can
            // check is told.
            let counts = match self.worth(role, &message, signature) {
                Worth::Valid(_) => signers.insert(signature.key.clone()),
                Worth::Unknown | Worth::Invalid => false,
            };
            if !counts {
                return Err(TrustError::Signature(
                    // The id comes from a file that nobody has verified, so no more of it than a key's id needs is
                    // printed.
                    signature.key.chars().take(64).collect(),
                ));
            }
        }
        if usize::try_from(threshold).is_ok_and(|needed| signers.len() >= needed) {
            Ok(signers.into_iter().collect())
        } else {
            Err(TrustError::Threshold {
                found: signers.len(),
                needed: threshold,
            })
        }
    }

    /// Judges what `signature` is worth under `role`. `message` is the signed text, which [`dsse::signed_bytes`] makes.
    #[must_use]
    pub fn worth(&self, role: Role, message: &[u8], signature: &Signature) -> Worth {
        let Some(public) = self
            .keys
            .get(&signature.key)
            .filter(|_| self.has(role, &signature.key))
        else {
            return Worth::Unknown;
        };
        let key = UnparsedPublicKey::new(&ED25519, public);
        match key.verify(message, &signature.bytes) {
            Ok(()) => Worth::Valid(*public),
            Err(_) => Worth::Invalid,
        }
    }

    /// Returns whether the key `id` is one of the keys of `role`.
    #[must_use]
    pub fn has(&self, role: Role, id: &str) -> bool {
        self.role(role).is_some_and(|role| role.keys.contains(id))
    }

    /// Returns how many distinct keys of `role` have to sign, at least 1; `None` if the root has no such role.
    #[must_use]
    pub fn threshold(&self, role: Role) -> Option<u32> {
        self.role(role).map(|role| role.threshold)
    }

    const fn role(&self, role: Role) -> Option<&RootRole> {
        match role {
            Role::Root => Some(&self.statement.roles.root),
            Role::Publisher => Some(&self.statement.roles.publisher),
            Role::Reviewer => self.statement.roles.reviewer.as_ref(),
        }
    }

    /// Returns a digest that tells the role `root` of this trust root from every other: it covers the keys of the role
    /// with their ids, in the order of the ids. Whoever can sign the next root decides whose signatures count, so a
    /// signature that names this digest holds only under a root with the same keys in its role `root`.
    #[must_use]
    pub fn root_role(&self) -> Digest {
        let ids = self.statement.roles.root.keys.iter();
        let keys = ids.map(|id| {
            let public = self
                .keys
                .get(id)
                .map(|public| Digest::compute(public).hex());
            let text = |text: &str| Json::String(text.to_owned());
            Json::Array(vec![text(id), text(&public.unwrap_or_default())])
        });
        Json::Array(keys.collect()).digest("stopgate-root-role")
    }

    /// Returns the verified document that the root was opened from.
    #[must_use]
    pub const fn statement(&self) -> &RootStatement {
        &self.statement
    }
}
