//! The first version of a trust root: which keys sign roots, which sign bundles, waivers, timestamps and stops. It is
//! signed by its own root key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};
use stopgate_decide::bundle::root::{
    KeyKind, RootKey, RootRole, RootRoles, RootStatement, TrustError,
};

use crate::key::{KeyError, PublicKey, SigningKey};

/// Why there is no trust root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The key does not work.
    #[error("the trust root cannot be signed")]
    Key(#[from] KeyError),
    /// The statement cannot be written.
    #[error("the trust root cannot be written")]
    Json(#[from] serde_json::Error),
    /// What was made would be refused by everybody.
    #[error("the trust root would be refused")]
    Refused(#[from] TrustError),
}

/// Makes version 1 of a trust root, signed by `key`, whose holder is `owner`. `publishers` sign bundles; with none,
/// `key` does both. Every role needs one signature. Nobody signs waivers.
///
/// # Errors
/// [`RootError`]; [`RootError::Refused`] when `expires` has passed or the keys do not hold together.
pub fn first(
    key: &SigningKey,
    owner: &str,
    publishers: &BTreeMap<String, PublicKey>,
    expires: Timestamp,
) -> Result<Vec<u8>, RootError> {
    first_with_reviewers(key, owner, publishers, &BTreeMap::new(), expires)
}

/// Makes the same as [`first`], with `reviewers`, who sign waivers and reviews.
///
/// # Errors
/// As [`first`].
pub fn first_with_reviewers(
    key: &SigningKey,
    owner: &str,
    publishers: &BTreeMap<String, PublicKey>,
    reviewers: &BTreeMap<String, PublicKey>,
    expires: Timestamp,
) -> Result<Vec<u8>, RootError> {
    let holders = Holders {
        publishers: publishers.clone(),
        reviewers: reviewers.clone(),
        ..Holders::default()
    };
    first_with(key, owner, &holders, expires)
}

/// Who holds the roles of a new root beside the role `root`: public keys by their owners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Sign bundles and releases; with none, the root key does.
    pub publishers: BTreeMap<String, PublicKey>,
    /// Sign waivers, reviews and sign-offs.
    pub reviewers: BTreeMap<String, PublicKey>,
    /// Sign timestamps.
    pub timestampers: BTreeMap<String, PublicKey>,
    /// Sign stops.
    pub stoppers: BTreeMap<String, PublicKey>,
}

impl Holders {
    /// Returns the format of the root: the second, if anybody holds a role that the first does not have.
    fn format(&self) -> u32 {
        if self.timestampers.is_empty() && self.stoppers.is_empty() {
            1
        } else {
            2
        }
    }
}

/// Makes version 1 of a trust root as [`first`] does, for all `holders`. With two reviewers or more, a root of format 2
/// takes two of them where something is looser at risk high.
///
/// # Errors
/// As [`first`].
pub fn first_with(
    key: &SigningKey,
    owner: &str,
    holders: &Holders,
    expires: Timestamp,
) -> Result<Vec<u8>, RootError> {
    let format = holders.format();
    let Holders {
        publishers,
        reviewers,
        timestampers,
        stoppers,
    } = holders;
    let own = key.public()?;
    let listed = |public: &PublicKey, owner: &str| {
        let key = RootKey {
            kind: KeyKind::Ed25519,
            public: public.to_string(),
            owner: owner.to_owned(),
        };
        (public.id(), key)
    };
    let mut keys = BTreeMap::from([listed(&own, owner)]);
    keys.extend(
        [publishers, reviewers, timestampers, stoppers]
            .into_iter()
            .flatten()
            .map(|(owner, public)| listed(public, owner)),
    );
    let role = |keys: BTreeSet<String>| RootRole {
        keys,
        threshold: 1,
        threshold_high: None,
    };
    let role_of = |keys: &BTreeMap<String, PublicKey>| {
        let ids: BTreeSet<_> = keys.values().map(PublicKey::id).collect();
        (!ids.is_empty()).then(|| role(ids))
    };
    let alone = || role(BTreeSet::from([own.id()]));
    let high = (format == 2 && reviewers.len() >= 2).then_some(2);
    let reviewer = role_of(reviewers).map(|role| RootRole {
        threshold_high: high,
        ..role
    });
    let statement = RootStatement {
        stopgate_root: format,
        version: 1,
        expires,
        keys,
        roles: RootRoles {
            root: alone(),
            publisher: role_of(publishers).unwrap_or_else(alone),
            reviewer,
            timestamp: role_of(timestampers),
            stop: role_of(stoppers),
        },
        versions: BTreeMap::new(),
    };
    let payload = serde_json::to_vec_pretty(&statement)?;
    let signature = Signature {
        key: own.id(),
        bytes: key.sign(&dsse::signed_bytes(dsse::ROOT, &payload)),
    };
    let root = Envelope {
        payload_type: dsse::ROOT.to_owned(),
        payload,
        signatures: vec![signature],
    }
    .to_bytes();
    // Everything but the date is checked now, by the code that will check it for ever.
    TrustRoot::open(&root, Timestamp::MIN)?;
    Ok(root)
}

#[cfg(test)]
mod tests {
    use stopgate_author::change::trust_change;

    use super::*;

    #[test]
    fn the_root_key_publishes_only_when_no_publisher_is_named() {
        let (root, ci) = (
            SigningKey::generate().expect("a key"),
            SigningKey::generate().expect("a key"),
        );
        let ci = ci.public().expect("a public key");
        let alone = first(&root, "security", &BTreeMap::new(), Timestamp::MAX).expect("a root");
        let both = first(
            &root,
            "security",
            &BTreeMap::from([("ci".to_owned(), ci)]),
            Timestamp::MAX,
        )
        .expect("a root");
        let publishers = |bytes: &[u8]| {
            let root = TrustRoot::open(bytes, Timestamp::UNIX_EPOCH).expect("opens");
            root.statement().roles.publisher.keys.clone()
        };
        assert_eq!(
            publishers(&alone),
            BTreeSet::from([root.public().expect("a public key").id()])
        );
        assert_eq!(publishers(&both), BTreeSet::from([ci.id()]));
    }

    #[test]
    fn reviewers_are_a_role_of_their_own_and_none_is_no_role() {
        let key = |_| SigningKey::generate().expect("a key");
        let [root, ana, eva] = [(); 3].map(key);
        let public = |key: &SigningKey| key.public().expect("a public key");
        let reviewers = BTreeMap::from([
            ("ana".to_owned(), public(&ana)),
            ("eva".to_owned(), public(&eva)),
        ]);
        let none = BTreeMap::new();
        let made = first_with_reviewers(&root, "security", &none, &reviewers, Timestamp::MAX);
        let made = TrustRoot::open(&made.expect("a root"), Timestamp::UNIX_EPOCH).expect("opens");
        let wanted = BTreeSet::from([public(&ana).id(), public(&eva).id()]);
        let role = made.statement().roles.reviewer.clone();
        let wanted = RootRole {
            keys: wanted,
            threshold: 1,
            threshold_high: None,
        };
        assert_eq!(role, Some(wanted));
        assert_eq!(made.statement().keys.len(), 3);
        let without = first(&root, "security", &none, Timestamp::MAX).expect("a root");
        let text = Envelope::from_bytes(&without).expect("an envelope").payload;
        assert!(!String::from_utf8(text).expect("text").contains("reviewer"));
    }

    #[test]
    fn a_changed_root_says_who_is_trusted_now_by_the_keys_themselves() {
        let key = || SigningKey::generate().expect("a key");
        let [root, ana, eva] = [(); 3].map(|()| key());
        let public = |key: &SigningKey| key.public().expect("a public key");
        let made = |reviewers: &[(&str, &SigningKey)]| {
            let named = reviewers.iter();
            let named = named.map(|(name, key)| ((*name).to_owned(), public(key)));
            let none = BTreeMap::new();
            first_with_reviewers(&root, "security", &none, &named.collect(), Timestamp::MAX)
                .expect("a root")
        };
        let both = made(&[("ana", &ana), ("eva", &eva)]);
        let change = trust_change(Some(&made(&[("ana", &ana)])), Some(&both)).expect("a change");
        let id = |key| public(key).id();
        let before = "nothing that the other has not";
        assert_eq!(change.before.as_deref(), Some(before));
        let after = format!("reviewer {} \"eva\"", id(&eva));
        assert_eq!(change.after.as_deref(), Some(after.as_str()));
        // Another key under the name and the id of one that is trusted is another key.
        let text = String::from_utf8(Envelope::from_bytes(&both).expect("an envelope").payload);
        let swapped = text
            .expect("text")
            .replace(&public(&eva).to_string(), &public(&key()).to_string());
        let envelope = Envelope {
            payload_type: dsse::ROOT.to_owned(),
            signatures: vec![Signature {
                key: id(&root),
                bytes: root.sign(&dsse::signed_bytes(dsse::ROOT, swapped.as_bytes())),
            }],
            payload: swapped.into_bytes(),
        };
        let change = trust_change(Some(&both), Some(&envelope.to_bytes())).expect("a change");
        assert_ne!(change.before, change.after);
        assert!(!change.after.expect("a root").contains(&id(&eva)));
    }
}
