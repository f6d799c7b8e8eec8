//! Roots that follow one another, in the file, in the store and in the state directory.

use std::fs;

use aws_lc_rs::signature::Ed25519KeyPair;
use stopgate_store::{HandedOut, Items};

use super::super::tests::root_version;
use super::*;
use crate::config::Overrides;

const PAST: &str = "2020-01-01T00:00:00Z";
const TO_COME: &str = "2999-01-01T00:00:00Z";

/// A sidecar's place, with a store and the first root in `root.dsse.json`.
struct Place {
    folder: tempfile::TempDir,
    roots: Vec<Vec<u8>>,
}

impl Place {
    /// Makes a place, and roots with these dates, each signed by the key of the first.
    fn new(dates: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = Ed25519KeyPair::generate().expect("a key");
        let roots = dates.iter().zip(1..);
        let roots: Vec<_> = roots
            .map(|(date, version)| root_version(&pair, version, date))
            .collect();
        let place = Self { folder, roots };
        place.give(&place.roots[0]);
        fs::create_dir(place.folder.path().join("state")).expect("a folder");
        place
    }

    fn give(&self, root: &[u8]) {
        fs::write(self.folder.path().join("root.dsse.json"), root).expect("written");
    }

    fn store(&self) -> Policies<Box<dyn Items>> {
        let path = self.folder.path().join("channels");
        let store = StoreAddress::Directory(path).open_or_create();
        Policies::new(store.expect("a store"))
    }

    /// Puts the roots of these versions into the store.
    fn hand_out(&self, versions: &[usize]) {
        for version in versions {
            let file = &self.roots[version - 1];
            let root = TrustRoot::open(file, Timestamp::MIN).expect("a root");
            let put = self.store().put_root(&root, file).expect("put");
            assert_eq!(put, HandedOut::Put);
            let again = self.store().put_root(&root, file).expect("there");
            assert_eq!(again, HandedOut::There);
        }
    }

    fn hide(&self) {
        fs::remove_dir_all(self.folder.path().join("channels")).expect("removed");
    }

    async fn open(&self) -> (RootFollower, watch::Receiver<Root>) {
        self.opened().await.expect("a root")
    }

    async fn opened(&self) -> Result<(RootFollower, watch::Receiver<Root>), RootError> {
        let place = self.folder.path().display();
        let text = format!(
            "organisation = \"acme-bank\"\nchannel = \"dev\"\nstate_dir = \"{place}/state\"\n\
             [listen]\nsocket = \"{place}/socket\"\n\
             [policy]\nsource = \"dir:{place}/channels\"\nroot = \"{place}/root.dsse.json\"\n\
             [[callers]]\nuid = 1\nagent = \"a\"\ntools = []\nmay = []\n"
        );
        let config = Config::parse("sidecar.toml", &text, &Overrides::default()).expect("valid");
        RootFollower::open(&config, Arc::default()).await
    }
}

#[tokio::test]
async fn p5_a_start_goes_on_to_the_newest_root_over_those_that_expired() {
    let place = Place::new(&[PAST, PAST, TO_COME]);
    // While nobody hands out another, the first one counts, expired as it is.
    let (_, root) = place.open().await;
    assert!(root.borrow().expired(Timestamp::now()));
    place.hand_out(&[2, 3]);
    let (mut follower, root) = place.open().await;
    assert_eq!(root.borrow().version(), 3);
    assert!(!root.borrow().expired(Timestamp::now()));
    assert_eq!(root.borrow().before.len(), 2);
    // Whoever hides them brings the first one back to nobody who has seen them.
    follower.keep().await;
    place.hide();
    let (_, root) = place.open().await;
    assert_eq!(root.borrow().version(), 3);
    // And the operator can give the newest itself: nothing that is kept is needed then.
    place.give(&place.roots[2]);
    let (_, root) = place.open().await;
    assert_eq!(
        (root.borrow().version(), root.borrow().before.len()),
        (3, 0)
    );
}

#[tokio::test]
async fn p5_a_next_root_is_taken_while_the_sidecar_runs_from_the_file_and_from_the_store() {
    let place = Place::new(&[TO_COME; 4]);
    let (mut follower, root) = place.open().await;
    place.give(&place.roots[1]);
    follower.look().await;
    assert_eq!(root.borrow().version(), 2);
    // One too far says nothing of who signed the one in between.
    place.give(&place.roots[3]);
    follower.look().await;
    assert_eq!(root.borrow().version(), 2);
    place.hand_out(&[3]);
    follower.look().await;
    assert_eq!(root.borrow().version(), 3);
    follower.look().await;
    assert_eq!(root.borrow().version(), 4);
    // The file that was there first is one that lags behind, and changes nothing, now or at the next start.
    place.give(&place.roots[0]);
    follower.look().await;
    assert_eq!(root.borrow().version(), 4);
    assert_eq!(follower.told, None);
    follower.keep().await;
    place.hide();
    let (_, root) = place.open().await;
    assert_eq!(root.borrow().version(), 4);
    // What was given by hand at a start is kept as well.
    let place = Place::new(&[TO_COME; 3]);
    place.give(&place.roots[2]);
    let (mut follower, _) = place.open().await;
    follower.keep().await;
    place.give(&place.roots[0]);
    let refused = place.opened().await.map(|_| ());
    assert!(
        matches!(
            refused,
            Err(RootError::Older {
                ours: 1,
                seen: 3,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn p5_what_root_keys_of_the_version_before_have_not_signed_is_not_gone_on_to() {
    let place = Place::new(&[TO_COME; 2]);
    let strange = Place::new(&[TO_COME; 2]);
    let other = &strange.roots[1];
    let root_two = TrustRoot::open(other, Timestamp::MIN).expect("a root");
    place.store().put_root(&root_two, other).expect("put");
    let (mut follower, root) = place.open().await;
    follower.look().await;
    assert_eq!(root.borrow().version(), 1);
    // The same where it was kept: it is none that follows, and nobody can say what was in force before.
    fs::write(place.folder.path().join("state/root.2.json"), other).expect("written");
    let refused = place.opened().await.map(|_| ());
    assert!(
        matches!(
            refused,
            Err(RootError::Older {
                ours: 1,
                seen: 2,
                ..
            })
        ),
        "{refused:?}"
    );
    // It keeps no place from the one that does.
    place.hand_out(&[2]);
    let (_, root) = place.open().await;
    assert_eq!(root.borrow().version(), 2);
}
