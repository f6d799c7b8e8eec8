//! Trust roots: which keys sign roots, which sign bundles, waivers, timestamps and stops. The first version is signed by its
//! own root key, each later one by those of the version before too.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};
use stopgate_decide::bundle::root::{
    KeyKind, RootKey, RootRole, RootRoles, RootStatement, TrustError,
};
use stopgate_decide::name::ChannelName;

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
    /// A key that is to leave is not there.
    #[error("the trust root has no key `{0}`, and nobody who is called so")]
    NoKey(String),
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
    let mut keys = BTreeMap::from([listed(&own, owner)]);
    keys.extend(
        [publishers, reviewers, timestampers, stoppers]
            .into_iter()
            .flatten()
            .map(|(owner, public)| listed(public, owner)),
    );
    let role = |keys: BTreeSet<String>| RootRole { keys, ..nobody() };
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

/// What changes from one version of a trust root to the next.
#[derive(Debug)]
pub struct NextRoot<'a> {
    /// The version before.
    pub root: &'a TrustRoot,
    /// Keys that join the role `root`, by their owners.
    pub joining_root: &'a BTreeMap<String, PublicKey>,
    /// Keys that join the other roles.
    pub joining: &'a Holders,
    /// Ids or owners of keys that leave every role.
    pub leaving: &'a [String],
    /// From which version on each of these channels goes on, where a thief has published too high a one.
    pub versions: BTreeMap<ChannelName, u64>,
    /// When it expires.
    pub expires: Timestamp,
}

impl NextRoot<'_> {
    /// Makes the next version, signed by `keys`: holders of the role `root` of both versions.
    ///
    /// # Errors
    /// [`RootError`]; [`RootError::Refused`] also if too few of the holders of one of the two versions signed.
    pub fn sign(&self, keys: &[SigningKey]) -> Result<Vec<u8>, RootError> {
        let mut statement = self.root.statement().clone();
        statement.version = statement.version.saturating_add(1);
        statement.expires = self.expires;
        // Only what is said now: what an earlier version took back stays as it went on since.
        statement.versions = self.versions.clone();
        for leaving in self.leaving {
            leave(&mut statement, leaving)?;
        }
        let Holders {
            publishers,
            reviewers,
            timestampers,
            stoppers,
        } = self.joining;
        let RootRoles {
            root,
            publisher,
            reviewer,
            timestamp,
            stop,
        } = &mut statement.roles;
        join(&mut statement.keys, root, self.joining_root);
        join(&mut statement.keys, publisher, publishers);
        for (role, joining) in [
            (reviewer, reviewers),
            (timestamp, timestampers),
            (stop, stoppers),
        ] {
            let mut joined = role.take().unwrap_or_else(nobody);
            join(&mut statement.keys, &mut joined, joining);
            *role = (!joined.keys.is_empty()).then_some(joined);
        }
        let roles = &mut statement.roles;
        if roles.timestamp.is_some() || roles.stop.is_some() {
            statement.stopgate_root = 2;
        }
        if let Some(reviewer) = &mut roles.reviewer {
            let owners = reviewer.keys.iter().filter_map(|id| statement.keys.get(id));
            let owners: BTreeSet<_> = owners.map(|key| &key.owner).collect();
            if statement.stopgate_root == 2 && owners.len() >= 2 {
                reviewer.threshold_high.get_or_insert(2);
            }
        }
        let payload = serde_json::to_vec_pretty(&statement)?;
        let message = dsse::signed_bytes(dsse::ROOT, &payload);
        let mut signatures = BTreeMap::new();
        for key in keys {
            signatures.insert(key.public()?.id(), key.sign(&message));
        }
        let signatures = signatures.into_iter();
        let signatures = signatures.map(|(key, bytes)| Signature { key, bytes });
        let next = Envelope {
            payload_type: dsse::ROOT.to_owned(),
            payload,
            signatures: signatures.collect(),
        }
        .to_bytes();
        self.root.open_next(&next)?;
        Ok(next)
    }
}

fn nobody() -> RootRole {
    RootRole {
        keys: BTreeSet::new(),
        threshold: 1,
        threshold_high: None,
    }
}

/// Lets keys join a role.
fn join(
    keys: &mut BTreeMap<String, RootKey>,
    role: &mut RootRole,
    joining: &BTreeMap<String, PublicKey>,
) {
    for (owner, public) in joining {
        let (id, key) = listed(public, owner);
        role.keys.insert(id.clone());
        keys.insert(id, key);
    }
}

/// Lets a key leave every role: the one with this id, or all those of this owner.
fn leave(statement: &mut RootStatement, leaving: &str) -> Result<(), RootError> {
    let named = statement.keys.iter();
    let named = named.filter(|(id, key)| *id == leaving || key.owner == leaving);
    let ids: Vec<String> = named.map(|(id, _)| id.clone()).collect();
    if ids.is_empty() {
        return Err(RootError::NoKey(leaving.to_owned()));
    }
    let RootRoles {
        root,
        publisher,
        reviewer,
        timestamp,
        stop,
    } = &mut statement.roles;
    let optional = [reviewer, timestamp, stop].into_iter().flatten();
    for role in [root, publisher].into_iter().chain(optional) {
        role.keys.retain(|id| !ids.contains(id));
    }
    statement.keys.retain(|id, _| !ids.contains(id));
    Ok(())
}

/// Returns a key as a root lists it, under its id.
fn listed(public: &PublicKey, owner: &str) -> (String, RootKey) {
    let key = RootKey {
        kind: KeyKind::Ed25519,
        public: public.to_string(),
        owner: owner.to_owned(),
    };
    (public.id(), key)
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

    #[test]
    fn a_next_root_takes_the_holders_of_both_and_states_no_version_twice() {
        let key = || SigningKey::generate().expect("a key");
        let [root, other, ci, ci2, clock, ana, eva] = [(); 7].map(|()| key());
        let held = |keys: &[(&str, &SigningKey)]| {
            let keys = keys.iter();
            let keys = keys.map(|(name, key)| ((*name).to_owned(), key.public().expect("a key")));
            keys.collect::<BTreeMap<_, _>>()
        };
        let id = |key: &SigningKey| key.public().expect("a key").id();
        let holders = Holders {
            publishers: held(&[("ci", &ci)]),
            reviewers: held(&[("ana", &ana)]),
            ..Holders::default()
        };
        let open = |bytes: &[u8]| TrustRoot::open(bytes, Timestamp::MIN).expect("a root");
        let first = first_with(&root, "security", &holders, Timestamp::MAX).expect("a root");
        let first = open(&first);
        let next = |before: &TrustRoot,
                    edit: fn(&mut NextRoot<'_>),
                    (joining_root, joining): (&[(&str, &SigningKey)], &Holders),
                    leaving: &[&str],
                    keys: &[&SigningKey]| {
            let leaving: Vec<_> = leaving.iter().map(|name| (*name).to_owned()).collect();
            let mut next = NextRoot {
                root: before,
                joining_root: &held(joining_root),
                joining,
                leaving: &leaving,
                versions: BTreeMap::new(),
                expires: Timestamp::MAX,
            };
            edit(&mut next);
            let keys: Vec<_> = keys.iter().map(|key| copy(key)).collect();
            next.sign(&keys)
        };
        let joining = Holders {
            publishers: held(&[("ci2", &ci2)]),
            reviewers: held(&[("eva", &eva)]),
            timestampers: held(&[("clock", &clock)]),
            stoppers: BTreeMap::new(),
        };
        // 1. Others join, and the format follows from what they may do.
        let takes_back = |next: &mut NextRoot<'_>| {
            next.versions = BTreeMap::from([("prod".parse().expect("a name"), 12)]);
        };
        let second = next(
            &first,
            takes_back,
            (&[("other", &other)], &joining),
            &[],
            &[&root],
        );
        let second = open(&second.expect("a root"));
        let said = second.statement();
        assert_eq!((said.stopgate_root, said.version), (2, 2));
        assert_eq!(said.versions.values().collect::<Vec<_>>(), [&12]);
        let reviewer = said.roles.reviewer.as_ref().expect("reviewers");
        assert_eq!((reviewer.threshold, reviewer.threshold_high), (1, Some(2)));
        assert_eq!(
            said.roles.publisher.keys,
            BTreeSet::from([id(&ci), id(&ci2)])
        );
        // 2. Nobody is there by surprise, and nobody signs who is no holder of both.
        let nothing = Holders::default();
        let same = |_: &mut NextRoot<'_>| ();
        let third = next(
            &second,
            same,
            (&[], &nothing),
            &["ci", "security"],
            &[&root, &other],
        );
        let third = open(&third.expect("a root"));
        assert_eq!(third.statement().versions, BTreeMap::new());
        assert_eq!(third.statement().keys.len(), 5);
        for (leaving, keys) in [
            (&["nobody"][..], &[&root][..]),
            (&["security"], &[&root]),
            (&[], &[&ci]),
            (&[], &[]),
            (&["ci", "ci2"], &[&root]),
            (&["other", "security"], &[&root, &other]),
        ] {
            let refused = next(&second, same, (&[], &nothing), leaving, keys);
            assert!(refused.is_err(), "{leaving:?}");
        }
        // A key of two of the roles that are kept apart.
        let twice = Holders {
            timestampers: held(&[("ci", &ci)]),
            ..Holders::default()
        };
        assert!(next(&second, same, (&[], &twice), &[], &[&root]).is_err());
    }

    /// Makes the same key once more: a signer owns its keys.
    fn copy(key: &SigningKey) -> SigningKey {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        key.write_new(&path).expect("written");
        SigningKey::read(&path).expect("a key")
    }
}
