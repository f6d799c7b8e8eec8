//! A publication of 10,000 rules, beside a loop that stores the very same items and knows nothing of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopgate::build::{Built, build};
use stopgate::key::SigningKey;
use stopgate::publish::{Plan, Publication, seal};
use stopgate::root::{Holders, first_with};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{ChannelId, FormatOne, SignOff, Unsealed};
use stopgate_decide::surface::Risk;
use stopgate_store::{
    Change, EachItem, Item, Items, Key, Most, Policies, StoreAddress, StoreError, Write,
};
use stopgate_tests::bulk;

const RULES: usize = 10_000;
const ROUNDS: usize = 5;

/// A table of DynamoDB to measure on, beside the folder: its name, with the environment that the SDK reads.
const TABLE: &str = "STOPGATE_TABLE";

/// Items as they were written.
type Written = Arc<Mutex<Vec<(Key, Item)>>>;

/// A store that notes what is written.
struct Noting(Box<dyn Items>, Written);

impl Items for Noting {
    fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.get(key)
    }

    fn query_each(&self, partition: &str, sort: &str, most: Most) -> Result<EachItem, StoreError> {
        self.0.query_each(partition, sort, most)
    }

    fn transact(&self, writes: &[Write]) -> Result<(), StoreError> {
        let puts = writes.iter().filter_map(|write| match &write.change {
            Change::Put(item) => Some((write.key.clone(), item.clone())),
            Change::Delete | Change::Check => None,
        });
        self.1.lock().expect("a list").extend(puts);
        self.0.transact(writes)
    }

    fn put_all(&self, items: &[(Key, Item)]) -> Result<(), StoreError> {
        self.1.lock().expect("a list").extend_from_slice(items);
        self.0.put_all(items)
    }
}

/// A policy with all that it takes to publish it.
struct Desk {
    built: Built,
    root: TrustRoot,
    keys: Vec<SigningKey>,
    sign_off: Vec<u8>,
    organisation: stopgate_decide::name::OwnerName,
}

impl Desk {
    fn new() -> Self {
        let key = || SigningKey::generate().expect("a key");
        let (root, ci, ana) = (key(), key(), key());
        let held = |name: &str, key: &SigningKey| {
            BTreeMap::from([(name.to_owned(), key.public().expect("a public key"))])
        };
        let holders = Holders {
            publishers: held("ci", &ci),
            reviewers: held("ana", &ana),
            timestampers: held("clock", &key()),
            ..Holders::default()
        };
        let file = first_with(&root, "security", &holders, Timestamp::MAX).expect("a root");
        let policy = bulk::policy(RULES);
        let built = build(&policy, std::slice::from_ref(&ci)).expect("a bundle");
        let sign_off = SignOff {
            format: FormatOne,
            organisation: policy.organisation.clone(),
            base: None,
            bundle: built.digest,
            risk: Risk::Medium,
            waivers: BTreeSet::new(),
        };
        let sign_off = Unsealed::new(&sign_off).expect("a document");
        Self {
            built,
            root: TrustRoot::open(&file, Timestamp::MIN).expect("a root"),
            keys: vec![ci],
            sign_off: seal(sign_off, &[ana]).expect("signed"),
            organisation: policy.organisation,
        }
    }

    /// Publishes to a channel of its own and returns how long planning and writing took.
    fn publish<S: Items>(&self, store: S, channel: &str) -> (Duration, Duration) {
        let sign_offs = [self.sign_off.clone()];
        let publication = Publication {
            channel: &ChannelId {
                organisation: self.organisation.clone(),
                channel: channel.parse().expect("a channel"),
            },
            built: &self.built,
            commit: "0123456789abcdef0123456789abcdef01234567",
            tests: Digest::compute(b"tests"),
            root: &self.root,
            root_file: None,
            keys: &self.keys,
            sign_offs: &sign_offs,
            now: Timestamp::now(),
            again: false,
        };
        let policies = Policies::new(store);
        let began = Instant::now();
        let planned = match publication.plan(&policies).expect("a plan") {
            Plan::Release(planned) => Some(planned),
            Plan::Unchanged(_) => None,
        };
        let planned = planned.expect("a channel of its own has nothing");
        let planned_in = began.elapsed();
        let began = Instant::now();
        publication.publish(&planned, &policies).expect("published");
        (planned_in, began.elapsed())
    }
}

pub(crate) fn measure() {
    let desk = Desk::new();
    let folder = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        StoreAddress::Directory(folder.path().join(number.to_string()))
    };
    compare("a folder", &desk, &mut fresh);
    if let Some(table) = std::env::var_os(TABLE) {
        let table = table.to_str().and_then(|table| table.parse().ok());
        let table = table.expect("the name of a table");
        compare("a table", &desk, &mut || StoreAddress::DynamoDb {
            table: Clone::clone(&table),
        });
    } else {
        println!("a table of DynamoDB is measured where {TABLE} names one");
    }
}

/// Compares publications with bare loops, in turn, each with a store or at least a channel of its own.
fn compare(what: &str, desk: &Desk, fresh: &mut dyn FnMut() -> StoreAddress) {
    let (mut plans, mut writes, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut items = 0;
    for round in 0..ROUNDS {
        let written = Written::default();
        let open = |address: StoreAddress| address.open_or_create().expect("a store");
        let store = Noting(open(fresh()), Arc::clone(&written));
        let (planned, published) = desk.publish(store, &format!("bench{round}"));
        plans.push(planned);
        writes.push(published);
        let written = written.lock().expect("a list").clone();
        items = written.len();
        let store = open(fresh());
        let began = Instant::now();
        store.put_all(&written).expect("stored");
        bare.push(began.elapsed());
    }
    let [plan, write, bare] =
        [plans, writes, bare].map(|mut times| super::percentile(&mut times, 500));
    println!(
        "publish {RULES} rules to {what}: {items} items; plan {plan:.2?}, writes {write:.2?}, the same items stored by a bare \
         loop {bare:.2?}: {:.2} times (medians of {ROUNDS})",
        super::ratio(write, bare)
    );
}
