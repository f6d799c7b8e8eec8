//! The trust root: which keys may sign what, and how many of them it takes.
//!
//! A root is signed by its own root role, and from version 2 on by that of the version before too. Thresholds count
//! distinct public keys, at least one; a key listed under two ids is refused, and so is every signature that does not
//! verify.
//!
//! There are two formats. The second knows who signs timestamps and stops, keeps the keys of those roles apart from one
//! another and from those of publishers and reviewers, and counts reviewers as people: two keys of one owner are one
//! reviewer.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dsse::{self, Envelope, Signature};
use crate::digest::Digest;
use crate::json::Json;
use crate::name::{ChannelName, OwnerName};
use crate::surface::Risk;

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
    /// Bundles and releases.
    Publisher,
    /// Waivers, reviews and sign-offs.
    Reviewer,
    /// Timestamps.
    Timestamp,
    /// Stops.
    Stop,
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
    /// Format version, 1 or 2.
    pub stopgate_root: u32,
    /// Counts up from 1.
    pub version: u64,
    /// The root is refused from this instant on.
    pub expires: Timestamp,
    /// Public keys by id.
    pub keys: BTreeMap<String, RootKey>,
    /// Who may sign what.
    pub roles: RootRoles,
    /// Of format 2: the version to which a channel's mark falls back when a sidecar first sees this root. Nothing else
    /// lowers a mark.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<ChannelName, u64>,
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
    /// Of format 2: signs timestamps. Left out: nobody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<RootRole>,
    /// Of format 2: signs stops. Left out: nobody can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<RootRole>,
}

impl RootRoles {
    /// Returns the roles that there are, with their names.
    fn each(&self) -> impl Iterator<Item = (&'static str, &RootRole)> {
        let Self {
            root,
            publisher,
            reviewer,
            timestamp,
            stop,
        } = self;
        let named = [
            ("root", Some(root)),
            ("publisher", Some(publisher)),
            ("reviewer", reviewer.as_ref()),
            ("timestamp", timestamp.as_ref()),
            ("stop", stop.as_ref()),
        ];
        named
            .into_iter()
            .filter_map(|(name, role)| Some((name, role?)))
    }
}

/// Keys of a role and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRole {
    /// Ids of keys.
    pub keys: BTreeSet<String>,
    /// Distinct keys needed, at least 1.
    pub threshold: u32,
    /// Of reviewers in format 2: how many of them it takes where something is looser at risk high; left out: as many as
    /// elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_high: Option<u32>,
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

impl RootStatement {
    /// Returns how many people own the `keys`.
    fn owners(&self, keys: &BTreeSet<String>) -> usize {
        let owners = keys.iter().filter_map(|id| Some(&self.keys.get(id)?.owner));
        owners.collect::<BTreeSet<_>>().len()
    }
}

fn no_such_role() -> TrustError {
    TrustError::Roles("there is no such role".to_owned())
}

impl TrustRoot {
    /// Opens `root.dsse.json`, verified with its own root role.
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
        // A root is signed by keys that it names itself, so what it is worth comes from where it was found. A later one
        // carries the signatures of the version before too, whose keys it may have dropped.
        if root.statement.version == 1 {
            root.verify(Role::Root, &envelope)?;
        } else {
            root.verify_beside_others(&envelope)?;
        }
        if now >= root.statement.expires {
            return Err(TrustError::Expired(root.statement.expires));
        }
        Ok(root)
    }

    /// Opens the root that follows this one: of the next version, and signed by the root roles of both. Its date is not
    /// judged, because only that of the newest root counts.
    ///
    /// # Errors
    /// [`TrustError`] as [`TrustRoot::open`] has it, also when the version is not the next one or too few root keys of
    /// this version signed.
    pub fn open_next(&self, bytes: &[u8]) -> Result<Self, TrustError> {
        let next = Self::open(bytes, Timestamp::MIN)?;
        let (ours, theirs) = (self.statement.version, next.statement.version);
        if self.statement.version.checked_add(1) != Some(theirs) {
            return Err(TrustError::Format(format!(
                "version {theirs} does not follow version {ours}"
            )));
        }
        self.has_signed(bytes)?;
        Ok(next)
    }

    /// Checks that enough root keys of this root signed the root in `bytes`, whatever other keys signed it too.
    ///
    /// # Errors
    /// [`TrustError`]
    pub fn has_signed(&self, bytes: &[u8]) -> Result<(), TrustError> {
        let envelope = Envelope::from_bytes(bytes)
            .ok_or(TrustError::Format("not a DSSE envelope".to_owned()))?;
        self.verify_beside_others(&envelope)
    }

    /// Checks that enough root keys of this root signed `envelope`, whatever keys that it does not know signed too.
    fn verify_beside_others(&self, envelope: &Envelope) -> Result<(), TrustError> {
        let own = envelope.signatures.iter();
        let own = own.filter(|signature| self.has(Role::Root, &signature.key));
        let own = Envelope {
            signatures: own.cloned().collect(),
            ..envelope.clone()
        };
        self.verify(Role::Root, &own).map(|_| ())
    }

    fn checked(statement: RootStatement) -> Result<Self, TrustError> {
        let format = statement.stopgate_root;
        if !matches!(format, 1 | 2) || statement.version == 0 {
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
            // Owners are compared where people are counted, so each has one spelling.
            if format == 2 && OwnerName::new(&key.owner).is_err() {
                return Err(TrustError::Roles(format!("the owner of key `{id}`")));
            }
            keys.insert(id.clone(), public);
        }
        for (name, role) in statement.roles.each() {
            let known = role.keys.iter().all(|key| keys.contains_key(key));
            let reachable = usize::try_from(role.threshold)
                // More than there are keys can never be signed, and zero would always be.
                .is_ok_and(|needed| (1..=role.keys.len()).contains(&needed));
            if !(known && reachable) {
                return Err(TrustError::Roles(format!("the role `{name}`")));
            }
        }
        if format == 1 {
            Self::check_first_format(&statement)?;
        } else {
            Self::check_second_format(&statement)?;
        }
        Ok(Self { statement, keys })
    }

    /// Checks that a statement of format 1 says nothing that only format 2 has words for.
    fn check_first_format(statement: &RootStatement) -> Result<(), TrustError> {
        let later = ["timestamp", "stop"];
        let later = statement
            .roles
            .each()
            .find(|(name, role)| later.contains(name) || role.threshold_high.is_some());
        match later {
            Some((name, _)) => Err(TrustError::Format(format!(
                "the role `{name}` is one of format 2"
            ))),
            None if statement.versions.is_empty() => Ok(()),
            None => Err(TrustError::Format("`versions` is of format 2".to_owned())),
        }
    }

    /// Checks what format 2 asks beside format 1: no key signs for two of the roles that look at one another's work, and
    /// there are as many reviewers, as people, as it takes.
    fn check_second_format(statement: &RootStatement) -> Result<(), TrustError> {
        let wrong = |what: String| Err(TrustError::Roles(what));
        let mut role_of: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, role) in statement.roles.each().filter(|(name, _)| *name != "root") {
            for id in &role.keys {
                if let Some(other) = role_of.insert(id, name) {
                    return wrong(format!("key `{id}` is in both `{other}` and `{name}`"));
                }
            }
            if role.threshold_high.is_some() && name != "reviewer" {
                return wrong(format!("the role `{name}` has a `threshold_high`"));
            }
        }
        if let Some(reviewer) = &statement.roles.reviewer {
            let high = reviewer.threshold_high.unwrap_or(reviewer.threshold);
            let people = statement.owners(&reviewer.keys);
            if high < reviewer.threshold {
                return wrong("the role `reviewer` takes fewer at risk high".to_owned());
            }
            if usize::try_from(high).map_or(true, |high| high > people) {
                return wrong(format!(
                    "the role `reviewer` takes {high}, and its keys have {people} owners"
                ));
            }
        }
        let zero = statement
            .versions
            .iter()
            .find(|(_, version)| **version == 0);
        match zero {
            Some((channel, _)) => wrong(format!("`versions` of channel `{channel}`")),
            None => Ok(()),
        }
    }

    /// Verifies every signature of `envelope` under `role` and returns the ids of the keys that signed.
    ///
    /// # Errors
    /// [`TrustError::Roles`] for a role that the root does not have, [`TrustError::Signature`] for any signature that
    /// does not count, [`TrustError::Threshold`] for too few.
    pub fn verify(&self, role: Role, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        let threshold = self.threshold(role).ok_or_else(no_such_role)?;
        self.verify_signed_by(role, threshold, envelope)
    }

    /// Verifies the signatures of reviewers under what something is looser at, as [`TrustRoot::verify`] does.
    ///
    /// # Errors
    /// As [`TrustRoot::verify`]; at risk high it takes `threshold_high`.
    pub fn verify_reviewers(
        &self,
        risk: Risk,
        envelope: &Envelope,
    ) -> Result<Vec<String>, TrustError> {
        let role = self.role(Role::Reviewer).ok_or_else(no_such_role)?;
        let threshold = match risk {
            Risk::Low | Risk::Medium => role.threshold,
            Risk::High => role.threshold_high.unwrap_or(role.threshold),
        };
        self.verify_signed_by(Role::Reviewer, threshold, envelope)
    }

    fn verify_signed_by(
        &self,
        role: Role,
        threshold: u32,
        envelope: &Envelope,
    ) -> Result<Vec<String>, TrustError> {
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
        let mut counted = signers.clone();
        self.keep_one_of_each(role, &mut counted);
        let found = counted.len();
        if usize::try_from(threshold).is_ok_and(|needed| found >= needed) {
            Ok(signers.into_iter().collect())
        } else {
            Err(TrustError::Threshold {
                found,
                needed: threshold,
            })
        }
    }

    /// Leaves in `signers`, keys of `role`, one of each who counts: reviewers of format 2 are people, so one key of each
    /// owner stays; of everybody else all keys count.
    pub fn keep_one_of_each(&self, role: Role, signers: &mut BTreeSet<String>) {
        if role == Role::Reviewer && self.statement.stopgate_root >= 2 {
            let mut seen = BTreeSet::new();
            signers.retain(|id| {
                let key = self.statement.keys.get(id);
                key.is_some_and(|key| seen.insert(&key.owner))
            });
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
            Role::Timestamp => self.statement.roles.timestamp.as_ref(),
            Role::Stop => self.statement.roles.stop.as_ref(),
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
