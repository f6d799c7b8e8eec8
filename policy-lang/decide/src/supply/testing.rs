//! An organisation for tests: a root of format 2, its keys, and documents that they signed.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::bundle::TrustRoot;
use crate::bundle::dsse::{self, Envelope, Signature};
use crate::bundle::root::{KeyKind, RootKey, RootRole, RootRoles, RootStatement};
use crate::digest::Digest;
use crate::surface::Risk;

/// Names of keys and whose they are: one holder of the root role, two publishers, three reviewers of whom two are one
/// person, one timestamper, one who may stop.
pub(super) const KEYS: [(&str, &str); 8] = [
    ("root", "security"),
    ("ci", "pipeline"),
    ("ci-next", "pipeline"),
    ("ana", "ana"),
    ("ana-laptop", "ana"),
    ("eva", "eva"),
    ("clock", "clock"),
    ("night", "night-shift"),
];

pub(super) struct World {
    keys: BTreeMap<&'static str, Ed25519KeyPair>,
    pub(super) root: TrustRoot,
}

impl World {
    pub(super) fn new() -> Self {
        let keys = KEYS.map(|(id, _)| (id, Ed25519KeyPair::generate().expect("a key")));
        let keys = BTreeMap::from(keys);
        // Signed by itself, so it is opened with the keys that it names.
        let statement = Self::statement(&keys_of(&keys));
        let bytes = signed(&keys, dsse::ROOT, &statement, &["root"]);
        let root = TrustRoot::open(&bytes, now()).expect("a root");
        Self { keys, root }
    }

    pub(super) fn statement(keys: &BTreeMap<String, RootKey>) -> RootStatement {
        let role = |ids: &[&str], threshold| RootRole {
            keys: ids.iter().map(|id| (*id).to_owned()).collect(),
            threshold,
            threshold_high: None,
        };
        RootStatement {
            stopgate_root: 2,
            version: 1,
            expires: Timestamp::MAX,
            keys: keys.clone(),
            roles: RootRoles {
                root: role(&["root"], 1),
                publisher: role(&["ci", "ci-next"], 1),
                reviewer: Some(RootRole {
                    threshold_high: Some(2),
                    ..role(&["ana", "ana-laptop", "eva"], 1)
                }),
                timestamp: Some(role(&["clock"], 1)),
                stop: Some(role(&["night"], 1)),
            },
            versions: BTreeMap::new(),
        }
    }

    /// Returns the keys as a root lists them.
    pub(super) fn listed(&self) -> BTreeMap<String, RootKey> {
        keys_of(&self.keys)
    }

    /// Returns a root of these keys, which says what `edit` makes of it.
    pub(super) fn root_file(
        &self,
        edit: impl FnOnce(&mut RootStatement),
        signers: &[&'static str],
    ) -> Vec<u8> {
        let mut statement = Self::statement(&self.listed());
        edit(&mut statement);
        signed(&self.keys, dsse::ROOT, &statement, signers)
    }

    pub(super) fn sign<D: Document>(&self, document: &D, signers: &[&'static str]) -> Vec<u8> {
        let unsealed = Unsealed::new(document).expect("a document");
        let message = unsealed.signed_bytes();
        let signature = |id: &&'static str| Signature {
            key: (*id).to_owned(),
            bytes: self.keys[id].sign(&message).as_ref().to_vec(),
        };
        unsealed.seal(signers.iter().map(signature).collect())
    }

    /// Returns a release of `bundle` that follows `before`, as the pipeline signs it.
    pub(super) fn release(&self, bundle: &str, before: Option<&Link>) -> Release {
        let before = before.map(|link| link.release());
        let version = before.map_or(ReleaseVersion::FIRST, |before| {
            before.document().version.next().expect("a version")
        });
        let base = before.map(|before| before.document().bundle);
        let same = base == Some(digest(bundle));
        Release {
            format: FormatOne,
            organisation: "acme-bank".parse().expect("a name"),
            channel: "prod".parse().expect("a name"),
            version,
            bundle: digest(bundle),
            base,
            previous: before.map(Signed::digest),
            change: if same {
                ReleaseChange::Same
            } else {
                ReleaseChange::Looser
            },
            risk: (!same).then_some(Risk::Low),
            tests: digest("tests"),
            commit: "5b0e".to_owned(),
            builder: "stopgate 0.1.0".to_owned(),
        }
    }

    pub(super) fn sign_off(&self, release: &Release) -> SignOff {
        SignOff {
            format: FormatOne,
            organisation: release.organisation.clone(),
            base: release.base,
            bundle: release.bundle,
            risk: Risk::Low,
            waivers: BTreeSet::new(),
        }
    }

    /// Returns the link that anybody reads of a release, signed off by ana or not.
    pub(super) fn link(&self, release: &Release, signed_off: bool) -> Link {
        let sign_off = signed_off.then(|| self.sign(&self.sign_off(release), &["ana"]));
        let bytes = self.sign(release, &["ci"]);
        Link::offered(&bytes, sign_off.as_deref(), &self.root).expect("a link")
    }

    /// Returns releases of `bundles`, one after the other, oldest first; those whose bundle ends with `!` are signed off.
    pub(super) fn history(&self, bundles: &[&str]) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        for bundle in bundles {
            let release = self.release(bundle, links.last());
            links.push(self.link(&release, bundle.ends_with('!')));
        }
        links
    }

    pub(super) fn marks(&self) -> Marks {
        let ChannelId {
            organisation,
            channel,
        } = wanted();
        Marks::new(organisation, channel, &self.root)
    }

    /// Returns the marks of somebody who has `link` in force.
    pub(super) fn holding(&self, link: &Link) -> Marks {
        let mut marks = self.marks();
        marks.see_release(held(link));
        marks
    }

    /// Returns a stop of the whole channel, from now on and for as long as a stop may say.
    pub(super) fn stop(&self) -> Stop {
        let ChannelId {
            organisation,
            channel,
        } = wanted();
        Stop {
            format: FormatOne,
            organisation,
            channel,
            id: "INC-7".parse().expect("a name"),
            tool: None,
            operation: None,
            agent: None,
            limit: StopLimit::ReadOnly,
            reason: "refunds go to one account".to_owned(),
            by: "night-shift".parse().expect("a name"),
            issued: now(),
            expires: now() + LONGEST_STOP,
        }
    }

    /// Returns `stop` as the night shift signed it and anybody reads it.
    pub(super) fn signed_stop(&self, stop: &Stop) -> Signed<Stop> {
        let bytes = self.sign(stop, &["night"]);
        Signed::read(&bytes, &self.root).expect("a stop")
    }

    pub(super) fn lift(&self, stop: Digest) -> Lift {
        let ChannelId {
            organisation,
            channel,
        } = wanted();
        Lift {
            format: FormatOne,
            organisation,
            channel,
            stop,
        }
    }

    pub(super) fn timestamp(&self, link: &Link) -> TimestampDocument {
        let release = link.release();
        TimestampDocument {
            format: FormatOne,
            organisation: release.document().organisation.clone(),
            channel: release.document().channel.clone(),
            version: release.document().version,
            release: release.digest(),
            root: 1,
            enrolments: BTreeSet::new(),
            stops: BTreeSet::new(),
            issued: now(),
            expires: now() + SignedDuration::from_mins(15),
        }
    }
}

pub(super) fn held(link: &Link) -> HeldRelease {
    let release = link.release();
    HeldRelease {
        version: release.document().version,
        release: release.digest(),
        bundle: release.document().bundle,
    }
}

pub(super) fn digest(text: &str) -> Digest {
    Digest::compute(text.as_bytes())
}

pub(super) fn now() -> Timestamp {
    "2026-11-30T10:00:00Z".parse().expect("a time")
}

pub(super) fn wanted() -> ChannelId {
    ChannelId {
        organisation: "acme-bank".parse().expect("a name"),
        channel: "prod".parse().expect("a name"),
    }
}

fn keys_of(keys: &BTreeMap<&'static str, Ed25519KeyPair>) -> BTreeMap<String, RootKey> {
    let owner = |id: &str| KEYS.iter().find(|(key, _)| *key == id).expect("a key").1;
    let key = |(id, key): (&&str, &Ed25519KeyPair)| {
        let listed = RootKey {
            kind: KeyKind::Ed25519,
            public: STANDARD.encode(key.public_key().as_ref()),
            owner: owner(id).to_owned(),
        };
        ((*id).to_owned(), listed)
    };
    keys.iter().map(key).collect()
}

fn signed(
    keys: &BTreeMap<&'static str, Ed25519KeyPair>,
    payload_type: &str,
    statement: &RootStatement,
    signers: &[&'static str],
) -> Vec<u8> {
    let payload = serde_json::to_vec(statement).expect("json");
    let message = dsse::signed_bytes(payload_type, &payload);
    let signature = |id: &&'static str| Signature {
        key: (*id).to_owned(),
        bytes: keys[id].sign(&message).as_ref().to_vec(),
    };
    let signatures = signers.iter().map(signature).collect();
    Envelope {
        payload_type: payload_type.to_owned(),
        payload,
        signatures,
    }
    .to_bytes()
}
