//! Documents and roots: who has to sign what, and that nothing else is taken.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::testing::{KEYS, World, now};
use super::*;
use crate::bundle::TrustRoot;
use crate::bundle::dsse::{Envelope, Signature};
use crate::bundle::root::{Role, RootRole, RootStatement, TrustError};
use crate::surface::Risk;

#[test]
fn every_flipped_byte_of_every_document_is_refused() {
    let world = World::new();
    let link = world.history(&["one!"]).remove(0);
    let release = world.sign(link.release().document(), &["ci"]);
    let sign_off = world.sign(&world.sign_off(link.release().document()), &["ana"]);
    let timestamp = world.sign(&world.timestamp(&link), &["clock"]);
    let stop = world.sign(&world.stop(), &["night"]);
    let lift = world.lift(Unsealed::new(&world.stop()).expect("a stop").digest());
    let lift = world.sign(&lift, &["ci", "ana", "eva"]);
    let root = &world.root;
    fn taken<D: Document>(bytes: &[u8], root: &TrustRoot) -> bool {
        Signed::<D>::read(bytes, root).is_ok()
    }
    type Reader = fn(&[u8], &TrustRoot) -> bool;
    let readers: [Reader; 5] = [
        taken::<Release>,
        taken::<SignOff>,
        taken::<TimestampDocument>,
        taken::<Stop>,
        taken::<Lift>,
    ];
    let documents = [release, sign_off, timestamp, stop, lift];
    for (own, bytes) in documents.iter().enumerate() {
        for (other, read) in readers.iter().enumerate() {
            // Of its own kind and of no other.
            assert_eq!(read(bytes, root), own == other);
        }
        let read = readers[own];
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut spoilt = bytes.clone();
                spoilt[at] ^= 1 << bit;
                assert!(!read(&spoilt, root), "bit {bit} of byte {at}");
            }
            assert!(!read(&bytes[..at], root), "cut at {at}");
        }
        assert!(!read(&[bytes.as_slice(), b"\n"].concat(), root));
    }
}

#[test]
fn a_document_has_one_spelling_and_no_member_that_is_unknown() {
    let world = World::new();
    let release = world.release("one", None);
    let text = Unsealed::new(&release).expect("a document");
    let payload = String::from_utf8(text.signed_bytes()).expect("text");
    let payload = payload.split_once('{').expect("an object").1;
    let payload = format!("{{{payload}");
    let refused = |payload: String| {
        let sealed = Envelope {
            payload_type: Release::PAYLOAD_TYPE.to_owned(),
            payload: payload.clone().into_bytes(),
            signatures: Vec::new(),
        };
        let read = Signed::<Release>::read(&sealed.to_bytes(), &world.root);
        matches!(
            read,
            Err(DocumentError::Members(_) | DocumentError::Contradiction(_))
        )
    };
    // As it is, only signatures are missing.
    assert!(!refused(payload.clone()));
    for (from, to) in [
        ("\"version\":1", "\"version\":0"),
        ("\"version\":1", "\"version\":1.0"),
        ("\"version\":1", "\"version\":9007199254740992"),
        ("\"version\":1", "\"version\":2"),
        ("\"stopgate_release\":1", "\"stopgate_release\":2"),
        ("\"channel\":\"prod\"", "\"channel\":\"Prod\""),
        ("\"channel\":\"prod\"", "\"channel\": \"prod\""),
        (
            "\"channel\":\"prod\"",
            "\"channel\":\"prod\",\"channel\":\"dev\"",
        ),
        ("\"change\":\"looser\"", "\"change\":\"stricter\""),
        ("\"risk\":\"low\"", "\"risk\":null"),
        ("\"commit\":\"5b0e\"", "\"commit\":\"\""),
        ("\"commit\":\"5b0e\"", "\"commit\":\"5b0e\",\"zone\":1"),
        ("sha256:", "SHA256:"),
    ] {
        assert!(payload.contains(from), "{from} in {payload}");
        assert!(refused(payload.replace(from, to)), "{to}");
    }
}

/// All subsets of keys, each document.
#[test]
fn t7_p4_each_document_takes_the_keys_of_its_role_and_as_many_people_as_the_root_says() {
    let world = World::new();
    let link = world.history(&["one!"]).remove(0);
    let release = link.release().document();
    let low = world.sign_off(release);
    let high = SignOff {
        risk: Risk::High,
        ..low.clone()
    };
    let timestamp = world.timestamp(&link);
    let stop = world.stop();
    let lift = world.lift(Unsealed::new(&stop).expect("a stop").digest());
    let mut taken = [0; 6];
    for subset in 0_u32..1 << KEYS.len() {
        let signers: Vec<_> = (0..KEYS.len())
            .filter(|at| subset & (1 << at) != 0)
            .map(|at| KEYS[at].0)
            .collect();
        let only =
            |role: &[&str]| !signers.is_empty() && signers.iter().all(|id| role.contains(id));
        let people = |least| {
            let owners = signers
                .iter()
                .map(|id| if *id == "ana-laptop" { "ana" } else { *id });
            owners.collect::<std::collections::BTreeSet<_>>().len() >= least
        };
        let reviewers = ["ana", "ana-laptop", "eva"];
        let publishers = ["ci", "ci-next"];
        let reviewing = signers.iter().filter(|id| reviewers.contains(id)).count();
        let publishing = signers.iter().filter(|id| publishers.contains(id)).count();
        let root = &world.root;
        let found = [
            Signed::<Release>::read(&world.sign(release, &signers), root).is_ok(),
            Signed::<SignOff>::read(&world.sign(&low, &signers), root).is_ok(),
            Signed::<SignOff>::read(&world.sign(&high, &signers), root).is_ok(),
            Signed::<TimestampDocument>::read(&world.sign(&timestamp, &signers), root).is_ok(),
            Signed::<Stop>::read(&world.sign(&stop, &signers), root).is_ok(),
            Signed::<Lift>::read(&world.sign(&lift, &signers), root).is_ok(),
        ];
        let wanted = [
            only(&["ci", "ci-next"]),
            only(&reviewers),
            // Two keys of ana are one reviewer.
            only(&reviewers) && people(2),
            only(&["clock"]),
            only(&["night"]),
            // Both of them, and nobody else: ana's two keys are one reviewer here too.
            publishing >= 1
                && reviewing + publishing == signers.len()
                && signers.contains(&"eva")
                && (signers.contains(&"ana") || signers.contains(&"ana-laptop")),
        ];
        assert_eq!(found, wanted, "{signers:?}");
        for (count, found) in taken.iter_mut().zip(found) {
            *count += usize::from(found);
        }
    }
    assert_eq!(taken, [3, 7, 3, 1, 1, 9]);
    // One signature twice is not two.
    let bytes = world.sign(&high, &["ana", "ana"]);
    assert!(Signed::<SignOff>::read(&bytes, &world.root).is_err());
    for twice in [["ci", "ana", "ana"], ["ci", "ci", "eva"]] {
        let bytes = world.sign(&lift, &twice);
        assert!(Signed::<Lift>::read(&bytes, &world.root).is_err());
    }
    // One after the other says no less, and nobody else's signature may stand beside them.
    let bytes = world.sign(&lift, &["eva", "ci-next", "ana"]);
    let lift = Signed::<Lift>::read(&bytes, &world.root).expect("a lift");
    assert_eq!(lift.signers(), ["ci-next", "ana", "eva"]);
}

#[test]
fn p4_a_root_keeps_its_roles_apart_and_counts_people() {
    let world = World::new();
    let open = |edit: fn(&mut RootStatement)| {
        let file = world.root_file(edit, &["root"]);
        TrustRoot::open(&file, now()).map(|_| ())
    };
    assert_eq!(open(|_| ()), Ok(()));
    let edits: [fn(&mut RootStatement); 13] = [
        |root| {
            root.roles.publisher.keys.insert("ana".to_owned());
        },
        |root| {
            root.roles.timestamp.as_mut().expect("there").keys = ["ci".to_owned()].into();
        },
        |root| {
            root.roles.stop.as_mut().expect("there").keys = ["clock".to_owned()].into();
        },
        |root| root.roles.stop.as_mut().expect("there").threshold = 0,
        |root| root.roles.timestamp.as_mut().expect("there").threshold = 2,
        // Two keys of one person do not make two reviewers.
        |root| {
            let reviewer = root.roles.reviewer.as_mut().expect("there");
            reviewer.keys = ["ana".to_owned(), "ana-laptop".to_owned()].into();
        },
        |root| root.roles.reviewer.as_mut().expect("there").threshold = 3,
        |root| root.roles.reviewer.as_mut().expect("there").threshold_high = Some(0),
        |root| root.roles.publisher.threshold_high = Some(1),
        |root| root.keys.get_mut("eva").expect("there").owner = "Eva".to_owned(),
        |root| {
            root.versions.insert("prod".parse().expect("a name"), 0);
        },
        |root| root.stopgate_root = 3,
        // What is of format 2 is nothing that format 1 can say.
        |root| root.stopgate_root = 1,
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        assert!(open(edit).is_err(), "edit {at}");
    }
    let first_format: fn(&mut RootStatement) = |root| {
        root.stopgate_root = 1;
        root.roles.timestamp = None;
        root.roles.stop = None;
        root.roles.reviewer.as_mut().expect("there").threshold_high = None;
        root.keys.get_mut("eva").expect("there").owner = "Eva Roth".to_owned();
    };
    assert_eq!(open(first_format), Ok(()));
    let file = world.root_file(first_format, &["root"]);
    let old = TrustRoot::open(&file, now()).expect("a root");
    // Nobody signs what format 1 has no role for.
    assert_eq!(old.threshold(Role::Timestamp), None);
    let lift = world.lift(super::testing::digest("stop"));
    let lift = world.sign(&lift, &["ci", "ana", "eva"]);
    let read = |root: &TrustRoot| Signed::<Lift>::read(&lift, root).map(|_| ());
    assert_eq!(read(&world.root), Ok(()));
    let refused = read(&old);
    assert!(matches!(
        refused,
        Err(DocumentError::Trust(TrustError::Roles(_)))
    ));
    let counted = |root: &TrustRoot| {
        let mut two = ["ana".to_owned(), "ana-laptop".to_owned()].into();
        root.keep_one_of_each(Role::Reviewer, &mut two);
        two.len()
    };
    assert_eq!((counted(&old), counted(&world.root)), (2, 1));
}

#[test]
fn the_next_root_is_signed_by_the_root_roles_of_both() {
    let world = World::new();
    let later = |version: u64, keys: &'static [&'static str], signers: &[&'static str]| {
        let edit = |root: &mut RootStatement| {
            root.version = version;
            root.roles.root = RootRole {
                keys: keys.iter().map(|id| (*id).to_owned()).collect(),
                threshold: 1,
                threshold_high: None,
            };
        };
        world.root_file(edit, signers)
    };
    let next = |file: &[u8]| {
        world
            .root
            .open_next(file)
            .map(|next| next.statement().version)
    };
    // eva takes over the root role.
    assert_eq!(next(&later(2, &["eva"], &["root", "eva"])), Ok(2));
    assert_eq!(next(&later(2, &["root"], &["root"])), Ok(2));
    for (file, why) in [
        (later(2, &["eva"], &["eva"]), "not by the one before"),
        (later(2, &["eva"], &["root"]), "not by itself"),
        (later(3, &["eva"], &["root", "eva"]), "skips one"),
        (later(1, &["root"], &["root"]), "the same again"),
    ] {
        assert!(next(&file).is_err(), "{why}");
    }
    // It opens by itself too, as the file that a new sidecar is given, whoever else signed it.
    let file = later(2, &["eva"], &["root", "eva"]);
    assert!(TrustRoot::open(&file, now()).is_ok());
    // A signature that does not verify is no signature of somebody else.
    let mut envelope = Envelope::from_bytes(&file).expect("an envelope");
    for signature in &mut envelope.signatures {
        if signature.key == "eva" {
            *signature = Signature {
                bytes: vec![0; 64],
                ..signature.clone()
            };
        }
    }
    let spoilt = TrustRoot::open(&envelope.to_bytes(), now()).map(|_| ());
    assert_eq!(spoilt, Err(TrustError::Signature("eva".to_owned())));
    // Only the newest root's date counts.
    let edit = |root: &mut RootStatement| {
        root.version = 2;
        root.expires = Timestamp::UNIX_EPOCH;
    };
    let expired = world.root_file(edit, &["root"]);
    assert!(world.root.open_next(&expired).is_ok());
    assert!(TrustRoot::open(&expired, now()).is_err());
}

#[test]
fn marks_have_one_spelling_and_only_rise() {
    let world = World::new();
    let links = world.history(&["one!", "two!"]);
    let mut marks = world.marks();
    marks.see_release(super::testing::held(&links[1]));
    marks.issued = Some(now());
    let text = marks.text().expect("a text");
    assert_eq!(Marks::parse(text.as_bytes()).as_ref(), Some(&marks));
    for other in [
        text.trim_end().to_owned(),
        text.replace("\"stopgate_marks\":1", "\"stopgate_marks\":2"),
        text.replace("10:00:00Z", "10:00:00+00:00"),
        text.replace("\"lowest\":2", "\"lowest\":0"),
        text.replacen('}', ",\"x\":1}", 1),
        String::new(),
    ] {
        assert_ne!(other, text);
        assert_eq!(Marks::parse(other.as_bytes()), None, "{other}");
    }
    marks.see_release(super::testing::held(&links[0]));
    assert_eq!(marks.lowest, ReleaseVersion::new(2));
    marks.see_time(now());
    marks.see_time(now() - jiff::SignedDuration::from_hours(1));
    assert_eq!(marks.time, Some(now()));
}

#[test]
fn t13_p10_only_a_newer_root_that_says_so_lowers_the_version_and_only_once() {
    let world = World::new();
    let versions: fn(u64) -> BTreeMap<_, _> =
        |version| BTreeMap::from([("prod".parse().expect("a name"), version)]);
    let root = |number: u64, version: u64| {
        let edit = |root: &mut RootStatement| {
            root.version = number;
            root.versions = versions(version);
        };
        TrustRoot::open(&world.root_file(edit, &["root"]), now()).expect("a root")
    };
    let far = ReleaseVersion::new(1 << 52).expect("a version");
    let thief = HeldRelease {
        version: far,
        ..super::testing::held(&world.history(&["one!"])[0])
    };
    let mut marks = world.marks();
    marks.see_release(thief);
    // Of the version that is known already, nothing is news.
    let before = marks.clone();
    marks.see_root(&root(1, 12));
    assert_eq!(marks, before);
    marks.see_root(&root(2, 12));
    assert_eq!(
        (marks.lowest, marks.release),
        (ReleaseVersion::new(12), None)
    );
    // Seen once: what came after it counts.
    marks.lowest = ReleaseVersion::new(14);
    marks.see_root(&root(2, 12));
    assert_eq!(marks.lowest, ReleaseVersion::new(14));
    // A root raises nothing.
    marks.see_root(&root(3, 20));
    assert_eq!(marks.lowest, ReleaseVersion::new(14));
    // Who begins with such a root takes nothing older than it says.
    let wanted = super::testing::wanted();
    let fresh = Marks::new(wanted.organisation, wanted.channel, &root(3, 20));
    assert_eq!(fresh.lowest, ReleaseVersion::new(20));
}
