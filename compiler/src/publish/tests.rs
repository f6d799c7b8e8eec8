//! A publisher that is ended at any step, and a store that does what it is told and says that it did not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use stopgate_store::{
    Directory, EachItem, Item, Key, Most, NotOffered, Offered, StoreError, Write, offered,
};

use super::*;
use crate::build::build;
use crate::check::check;
use crate::key::PublicKey;
use crate::root::{Holders, NextRoot, first_with};

/// A store for a publisher that ends at one of its writes.
struct Ending {
    store: Directory,
    /// Writes until then, which whoever looks on counts too.
    left: Arc<AtomicUsize>,
    /// The last write is made, and only its answer is lost.
    is_made: bool,
    /// The publisher goes on after that answer: only the answer was lost.
    goes_on: bool,
    has_ended: AtomicBool,
}

impl Ending {
    fn write(&self, write: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.alive()?;
        if self.left.fetch_sub(1, Ordering::SeqCst) > 1 {
            return write();
        }
        if self.is_made {
            write()?;
        }
        self.has_ended.store(!self.goes_on, Ordering::SeqCst);
        self.left.store(usize::MAX, Ordering::SeqCst);
        Err(ended())
    }

    fn alive(&self) -> Result<(), StoreError> {
        match self.has_ended.load(Ordering::SeqCst) {
            true => Err(ended()),
            false => Ok(()),
        }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable {
        what: "write".to_owned(),
        source: "no answer came".into(),
    }
}

impl Items for Ending {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.alive()?;
        self.store.get(key)
    }

    fn query_each(&self, partition: &str, sort: &str, most: Most) -> Result<EachItem, StoreError> {
        self.alive()?;
        self.store.query_each(partition, sort, most)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.write(|| self.store.transact(writes))
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        self.write(|| self.store.put_all(items))
    }
}

/// A policy with all that it takes to publish it.
struct Desk {
    channel: ChannelId,
    built: Built,
    root: TrustRoot,
    root_file: Vec<u8>,
    keys: Vec<SigningKey>,
    sign_offs: Vec<Vec<u8>>,
}

impl Desk {
    fn new() -> Self {
        let key = || SigningKey::generate().expect("a key");
        let public = |key: &SigningKey| key.public().expect("a public key");
        let held = |held: &[(&str, &SigningKey)]| -> BTreeMap<String, PublicKey> {
            let held = held.iter();
            held.map(|(name, key)| ((*name).to_owned(), public(key)))
                .collect()
        };
        let (root, ci, ana, eva) = (key(), key(), key(), key());
        let clock = key();
        let holders = Holders {
            publishers: held(&[("ci", &ci)]),
            reviewers: held(&[("ana", &ana), ("eva", &eva)]),
            timestampers: held(&[("clock", &clock)]),
            ..Holders::default()
        };
        let first = first_with(&root, "security", &holders, Timestamp::MAX).expect("a root");
        let first = TrustRoot::open(&first, Timestamp::MIN).expect("a root");
        // The second, so that it is handed out too.
        let next = NextRoot {
            root: &first,
            joining_root: &BTreeMap::new(),
            joining: &Holders::default(),
            leaving: &[],
            versions: BTreeMap::new(),
            expires: Timestamp::MAX,
        };
        let root_file = next.sign(&[root]).expect("a root");
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/minimal");
        let policy = check(&template).expect("it is read").policy.expect("valid");
        let built = build(&policy, std::slice::from_ref(&ci)).expect("a bundle");
        let sign_off = SignOff {
            format: FormatOne,
            organisation: policy.organisation.clone(),
            base: None,
            bundle: built.digest,
            risk: Risk::High,
            waivers: BTreeSet::new(),
        };
        let sign_off = Unsealed::new(&sign_off).expect("a document");
        let channel = policy.channels.first_key_value().expect("one").0.clone();
        Self {
            channel: ChannelId {
                organisation: policy.organisation,
                channel,
            },
            sign_offs: vec![seal(sign_off, &[ana, eva]).expect("signed")],
            root: TrustRoot::open(&root_file, Timestamp::MIN).expect("a root"),
            root_file,
            built,
            keys: vec![ci],
        }
    }

    /// Publishes to `store`, and returns whether the channel has it now by what the publisher says.
    fn publish<S: Items>(&self, store: S) -> Result<(), PublishError> {
        let publication = Publication {
            channel: &self.channel,
            built: &self.built,
            commit: "0123456789abcdef0123456789abcdef01234567",
            tests: Digest::compute(b"tests"),
            root: &self.root,
            root_file: Some(&self.root_file),
            keys: &self.keys,
            sign_offs: &self.sign_offs,
            now: "2026-11-30T10:00:00Z".parse().expect("a time"),
            again: false,
        };
        let policies = Policies::new(store);
        match publication.plan(&policies)? {
            Plan::Unchanged(_) => publication.hand_out_root(&policies, false).map(|_| ()),
            Plan::Release(planned) => publication.publish(&planned, &policies).map(|_| ()),
        }
    }

    /// Returns what a sidecar finds that has seen nothing yet.
    fn offered(&self, store: Directory) -> Result<Option<Offered>, NotOffered> {
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        let marks = Marks::new(organisation, channel, &self.root);
        let policies = Policies::new(store);
        offered(&policies, &self.channel, &self.root, &marks, None, 1 << 20)
    }
}

#[test]
fn t9_a_publisher_that_ends_at_any_write_leaves_nothing_or_all_and_begins_again() {
    let desk = Desk::new();
    let mut writes = 0;
    for (is_made, goes_on) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut seen = BTreeSet::new();
        for left in 1.. {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("store");
            let store = || Directory::open(&path).expect("a store");
            let counted = Arc::new(AtomicUsize::new(left));
            let ending = Ending {
                store: Directory::create(&path).expect("a store"),
                left: Arc::clone(&counted),
                is_made,
                goes_on,
                has_ended: AtomicBool::new(false),
            };
            let said = desk.publish(ending);
            let found = match desk.offered(store()) {
                Ok(Some(found)) => {
                    assert_eq!(found.held().bundle, desk.built.digest);
                    true
                }
                Err(NotOffered::Nothing(_)) => false,
                other => panic!("write {left}: {other:?}"),
            };
            // What it calls published is published.
            assert!(found || said.is_err(), "write {left}: {said:?}");
            seen.insert((said.is_ok(), found));
            // Whoever runs it again gets there, whatever was left behind.
            desk.publish(store()).expect("published");
            let again = desk.offered(store()).expect("offered").expect("a release");
            assert_eq!(again.held().version, ReleaseVersion::FIRST);
            let root = Policies::new(store()).root(2).expect("read");
            assert_eq!(root.as_deref(), Some(desk.root_file.as_slice()));
            if counted.load(Ordering::SeqCst) <= left {
                // It never came to that many.
                writes = left - 1;
                break;
            }
        }
        // A lost answer to the last write is found out by reading the head, if the publisher is still there.
        let is_unknown = seen.contains(&(false, true));
        assert_eq!(is_unknown, is_made && !goes_on, "{seen:?}");
    }
    assert!(writes > 4, "root, chunks, bundle, rows and head: {writes}");
}

#[test]
fn of_64_who_publish_at_the_same_time_one_makes_the_release_and_nobody_is_told_wrong() {
    let desk = Desk::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    Directory::create(&path).expect("a store");
    let results: Vec<_> = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| desk.publish(Directory::open(&path).expect("a store"))))
            .collect();
        let results = publishers
            .into_iter()
            .map(|one| one.join().expect("it ends"));
        results.collect()
    });
    let published = results.iter().filter(|result| result.is_ok()).count();
    assert!(published >= 1);
    for failed in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(
            // A folder has one writer at a time, and whoever waits too long for it has written nothing.
            matches!(
                failed,
                PublishError::Conflict(ReleaseVersion::FIRST)
                    | PublishError::Store(StoreError::Unavailable { .. })
            ),
            "{failed:?}"
        );
    }
    let head = desk.offered(Directory::open(&path).expect("a store"));
    let head = head.expect("offered").expect("a release");
    assert_eq!(head.held().version, ReleaseVersion::FIRST);
    let policies = Policies::new(Directory::open(&path).expect("a store"));
    let second = ReleaseVersion::FIRST.next().expect("a version");
    let second = policies.history(&desk.channel.channel, second);
    assert!(second.expect("read").is_none(), "one release and no more");
}
