//! A follower over files, with roots of several dates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kept::Kept;
use look::{Look, NotFound};
use serde_json::{Value, json};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};

use crate::audit::Options;
use crate::config::{Config, Overrides};
use crate::metrics::Gauges;
use crate::source::{Unreadable, open};
use crate::testing::Heard;

use super::*;

pub(crate) fn released(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/0.1.0");
    fs::read(folder.join(name)).expect("a file of a release")
}

/// Makes the file of a root that has the publishers of the release and the date `expires`.
pub(crate) fn root_file(expires: &str) -> Vec<u8> {
    let pair = Ed25519KeyPair::generate().expect("a key");
    root_version(&pair, 1, expires)
}

/// Makes the file of a root of this `version`, which `pair` alone has signed.
pub(super) fn root_version(pair: &Ed25519KeyPair, version: u64, expires: &str) -> Vec<u8> {
    let envelope = Envelope::from_bytes(&released("root.dsse.json")).expect("an envelope");
    let mut statement: Value = serde_json::from_slice(&envelope.payload).expect("a statement");
    let public = BASE64.encode(pair.public_key().as_ref());
    statement["keys"]["k1"] = json!({"type": "ed25519", "public": public, "owner": "tests"});
    statement["roles"]["root"] = json!({"keys": ["k1"], "threshold": 1});
    statement["expires"] = json!(expires);
    statement["version"] = json!(version);
    let payload = statement.to_string().into_bytes();
    let signature = Signature {
        key: "k1".to_owned(),
        bytes: pair
            .sign(&dsse::signed_bytes(dsse::ROOT, &payload))
            .as_ref()
            .to_vec(),
    };
    let envelope = Envelope {
        payload_type: dsse::ROOT.to_owned(),
        payload,
        signatures: vec![signature],
    };
    envelope.to_bytes()
}

fn root(expires: &str) -> Root {
    opened(&root_file(expires))
}

/// Opens the root in `file`, whatever its date.
fn opened(file: &[u8]) -> Root {
    Root {
        trust: Arc::new(TrustRoot::open(file, Timestamp::MIN).expect("a root")),
        digest: Digest::compute(file),
        before: Vec::new(),
    }
}

/// Keeps the released bundle in `state_dir`, as a sidecar with the root in `root` has done before its date.
pub(crate) fn keep_released(state_dir: &Path, root: &[u8]) {
    let root = opened(root);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/0.1.0/policy.stopgate");
    let file = fs::File::open(file).expect("a file of a release");
    let verified = Verified::read(file, &root.trust, 1 << 20, None).expect("a bundle");
    let verified = verified.expect("it is not known");
    let note = Note {
        bundle: verified.digest(),
        root: root.digest,
        organisation: verified.load().expect("a bundle").organisation().clone(),
        time: Timestamp::now(),
    };
    let kept = Kept::new(state_dir.to_owned());
    kept.keep(&verified, note).expect("kept");
}

/// Makes a follower of `prod.stopgate` in `folder`, and the watch of what it finds.
fn follower(folder: &Path, root: Root) -> (Follower, watch::Receiver<Supply>) {
    let place = folder.display();
    let text = format!(
        "channel = \"dev\"\nstate_dir = \"{place}\"\n[listen]\nsocket = \"{place}/socket\"\n\
         [policy]\nsource = \"file:{place}/prod.stopgate\"\nroot = \"{place}/root\"\nmax_bytes = \"64KiB\"\n\
         [[callers]]\nuid = 1\nagent = \"a\"\ntools = []\nmay = []\n"
    );
    let config = Config::parse("sidecar.toml", &text, &Overrides::default()).expect("valid");
    let followed = Followed {
        policy: config.policy,
        root,
        organisation: None,
        channel: config.channel,
        issuers: config.identity.into_keys().collect(),
        state_dir: config.state_dir,
    };
    let audit = AuditLog::discarding(Options::new("tests")).expect("a log");
    let (_root_follower, roots) = watch::channel(followed.root.clone());
    Follower::new(followed, roots, "tests".to_owned(), audit, Arc::default())
}

/// Makes `root` the one that `follower` goes by, as if it had been at the start.
fn go_by(follower: &mut Follower, root: Root) {
    follower.roots = watch::channel(root.clone()).1;
    follower.followed.root = root;
}

fn seen(supply: &watch::Receiver<Supply>) -> (bool, Option<Refusal>, u32) {
    let supply = supply.borrow();
    (supply.active.is_some(), supply.refusal, supply.failures)
}

#[tokio::test]
async fn t11_a_refusal_for_the_roots_date_does_not_outlive_a_clock_that_was_set_back() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("prod.stopgate"),
        released("policy.stopgate"),
    )
    .expect("written");
    let (valid, expired) = (root("2999-01-01T00:00:00Z"), root("2020-01-01T00:00:00Z"));
    let (mut follower, supply) = follower(folder.path(), valid.clone());
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0));
    let since = supply.borrow().active.as_ref().map(|active| active.since);
    // A clock that goes on past the date is a date that moves back behind the clock.
    go_by(&mut follower, expired);
    for failures in 1..=2 {
        follower.look().await;
        assert_eq!(seen(&supply), (true, Some(Refusal::Expired), failures));
    }
    go_by(&mut follower, valid);
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0));
    // It was in force all the time.
    assert_eq!(
        supply.borrow().active.as_ref().map(|active| active.since),
        since
    );
}

#[tokio::test]
async fn t9_a_file_that_was_refused_is_not_read_again_until_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prod.stopgate");
    let mut wrong = released("policy.stopgate");
    let at = wrong.len() / 2;
    wrong[at] ^= 1;
    fs::write(&file, &wrong).expect("written");
    let (mut follower, supply) = follower(folder.path(), root("2999-01-01T00:00:00Z"));
    follower.look().await;
    let (_, why, _) = seen(&supply);
    let why = why.expect("it is refused");
    assert!(why.is_of_the_file());
    // It was written just now, so it may be written again without looking another.
    assert_eq!(follower.refused, None);

    let identity = open(&file).expect("a file").identity;
    let mut look = Look {
        file: file.clone(),
        root: Arc::clone(&follower.followed.root.trust),
        most: 1 << 20,
        in_force: None,
        refused: Some((identity, why)),
    };
    assert!(matches!(look.look(), Ok(FoundBundle::Again(again)) if again == why));
    // The same bytes in another file are another file.
    fs::write(folder.path().join("next"), &wrong).expect("written");
    fs::rename(folder.path().join("next"), &file).expect("renamed");
    assert!(matches!(look.look(), Err(NotFound::Bundle(_, _))));
    fs::write(&file, released("policy.stopgate")).expect("written");
    look.refused = Some((open(&file).expect("a file").identity, why));
    assert!(matches!(look.look(), Ok(FoundBundle::Again(_))));
    fs::File::options()
        .append(true)
        .open(&file)
        .and_then(|file| file.set_len(7))
        .expect("cut");
    assert!(matches!(look.look(), Err(NotFound::Bundle(_, _))));
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_kept_at_the_next_look() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("prod.stopgate"),
        released("policy.stopgate"),
    )
    .expect("written");
    let (mut follower, supply) = follower(folder.path(), root("2999-01-01T00:00:00Z"));
    let state = folder.path().join("state");
    follower.keeper.kept = Kept::new(state.clone());
    follower.look().await;
    assert_eq!(seen(&supply), (true, None, 0), "it decides all the same");
    assert!(!follower.metrics.sources.is_kept());
    follower.look().await;
    assert!(!follower.metrics.sources.is_kept());
    fs::create_dir(&state).expect("a folder");
    follower.look().await;
    assert!(follower.metrics.sources.is_kept());
    let note = follower.keeper.kept.note().expect("a note");
    assert_eq!(Some(note.bundle), follower.in_force());
    assert_eq!(note.root, follower.followed.root.digest);
    let kept = fs::read(follower.keeper.kept.file(note.bundle)).expect("a bundle");
    assert!(kept == released("policy.stopgate"));
    // What was kept before goes when another is kept, and nothing else does.
    let before = follower.keeper.kept.file(Digest::compute(b"before"));
    let begun = PathBuf::from(format!("{}.new", before.display()));
    let theirs = state.join("verified.stopgate");
    for file in [&before, &begun, &theirs] {
        fs::write(file, "x").expect("written");
    }
    let (look, _) = follower.found().await;
    assert!(matches!(look, Ok(FoundBundle::InForce)), "{look:?}");
    let verified = Verified::read(
        fs::File::open(follower.keeper.kept.file(note.bundle)).expect("a file"),
        &follower.followed.root.trust,
        1 << 20,
        None,
    );
    let verified = verified.expect("a bundle").expect("it is not known");
    follower
        .keeper
        .kept
        .keep(&verified, note.clone())
        .expect("kept");
    assert!(!before.exists() && !begun.exists() && theirs.exists());
    // Where others can replace what is written, it would not be kept, and nothing is written.
    let kept = follower.keeper.kept.file(note.bundle);
    fs::remove_file(&kept).expect("removed");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("a mode");
    let refused = follower.keeper.kept.keep(&verified, note.clone());
    assert!(
        matches!(
            refused,
            Err(kept::NotKept::Unreadable(Unreadable::Replaceable(_)))
        ),
        "{refused:?}"
    );
    assert!(!kept.exists());
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("a mode");
    follower.keeper.kept.keep(&verified, note).expect("kept");
    assert!(kept.exists());
}

/// Makes a follower that has kept the released bundle in `folder/state`.
async fn keeping(folder: &Path) -> Follower {
    fs::write(folder.join("prod.stopgate"), released("policy.stopgate")).expect("written");
    let state = folder.join("state");
    fs::create_dir(&state).expect("a folder");
    let (mut follower, _) = follower(folder, root("2999-01-01T00:00:00Z"));
    follower.followed.state_dir = state.clone();
    follower.keeper.kept = Kept::new(state);
    follower.look().await;
    assert!(follower.metrics.sources.is_kept());
    follower
}

/// Returns whether a start after the root's date would find the released bundle.
async fn would_start(follower: &Follower) -> bool {
    let Followed {
        policy,
        root,
        state_dir,
        ..
    } = &follower.followed;
    let last = Last::read(state_dir, policy, root).await;
    let found = last.is_ok_and(|last| Some(last.verified.digest()) == follower.in_force());
    assert_eq!(found, follower.metrics.sources.is_kept());
    found
}

#[tokio::test]
async fn t11_what_is_taken_from_the_kept_bundle_is_told_and_kept_again() {
    type Take = fn(&Path, &Path);
    let cases: [(&str, bool, Take); 7] = [
        ("both", false, |note, bundle| {
            fs::remove_file(note).expect("removed");
            fs::remove_file(bundle).expect("removed");
        }),
        ("the note", false, |note, _| {
            fs::remove_file(note).expect("removed")
        }),
        ("the bundle", false, |_, bundle| {
            fs::remove_file(bundle).expect("removed")
        }),
        ("another note", false, |note, _| {
            fs::write(note, "{}").expect("written")
        }),
        ("another file", false, |_, bundle| {
            fs::copy(bundle, bundle.with_extension("aside")).expect("copied");
            fs::rename(bundle.with_extension("aside"), bundle).expect("renamed");
        }),
        ("cut", true, |_, bundle| {
            let file = fs::File::options().write(true).open(bundle);
            file.and_then(|file| file.set_len(1024)).expect("cut");
        }),
        ("a bit", true, |_, bundle| {
            let before = open(bundle).expect("a file").identity;
            let mut bytes = fs::read(bundle).expect("a bundle");
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            let file = fs::File::options()
                .write(true)
                .open(bundle)
                .expect("a file");
            // A change within one tick of the clock of the file system is none that anybody could see.
            while open(bundle).expect("a file").identity == before {
                std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).expect("written");
            }
        }),
    ];
    for (what, spoilt, take) in cases {
        for (source, expired) in [(true, false), (false, false), (true, true)] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut follower = keeping(folder.path()).await;
            let kept = &follower.keeper.kept;
            let bundle = kept.file(follower.in_force().expect("one in force"));
            let note = folder.path().join("state/verified.json");
            if !source {
                fs::remove_file(folder.path().join("prod.stopgate")).expect("removed");
            }
            let valid = follower.followed.root.clone();
            if expired {
                go_by(&mut follower, root("2020-01-01T00:00:00Z"));
            }
            let heard = Heard::begin();
            take(&note, &bundle);
            follower.look().await;
            go_by(&mut follower, valid);
            let again = !spoilt || (source && !expired);
            assert_eq!(
                would_start(&follower).await,
                again,
                "{what} {source} {expired}"
            );
            let told = heard.take("bundle kept for a start after the trust root's date");
            assert!(
                matches!(told.as_slice(), [line] if line.contains("state/verified.")),
                "{what}: {told:?}"
            );
            let not_kept = heard.take("bundle in force not kept");
            assert_eq!(not_kept.len(), usize::from(spoilt), "{what}: {not_kept:?}");
            if !again {
                // Told once, and kept as soon as the source has it again.
                follower.look().await;
                assert_eq!(heard.take("bundle in force not kept"), [""; 0]);
                let good = released("policy.stopgate");
                fs::write(folder.path().join("prod.stopgate"), good).expect("written");
                follower.look().await;
                assert!(would_start(&follower).await, "{what} {source} {expired}");
            }
            assert!(fs::read(&bundle).expect("a bundle") == released("policy.stopgate"));
        }
    }
}

/// Returns how many removals of the kept bundle the metrics have counted.
fn removals(follower: &Follower) -> u64 {
    let gauges = Gauges {
        bundle: true,
        rules: 0,
        failures: 0,
        log_writable: true,
        unrecorded: 0,
        ready: true,
        failing_issuers: 0,
        connections: 0,
        log_room: None,
    };
    let page = follower.metrics.render(&gauges);
    let counted = page
        .lines()
        .find_map(|line| line.strip_prefix("stopgate_kept_bundle_removals_total "));
    counted.expect("a counter").parse().expect("a number")
}

#[tokio::test]
async fn removals_of_the_kept_bundle_are_told_once_a_minute_and_all_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut follower = keeping(folder.path()).await;
    let bundle = follower
        .keeper
        .kept
        .file(follower.in_force().expect("one in force"));
    let note = folder.path().join("state/verified.json");
    let heard = Heard::begin();
    assert_eq!(removals(&follower), 0);
    for (at, taken) in (1..).zip([&bundle, &note, &bundle]) {
        fs::remove_file(taken).expect("removed");
        follower.look().await;
        assert_eq!(removals(&follower), at);
        // A look that finds it again is no removal.
        follower.look().await;
        assert_eq!(removals(&follower), at);
    }
    let told = heard.take("bundle kept for a start after the trust root's date");
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn t11_what_nobody_can_say_is_kept_is_not_called_so_and_not_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut follower = keeping(folder.path()).await;
    let state = folder.path().join("state");
    let mode =
        |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).expect("a mode");
    let bundle = follower
        .keeper
        .kept
        .file(follower.in_force().expect("one in force"));
    let before = open(&bundle).expect("a file").identity;
    let heard = Heard::begin();
    mode(0o777);
    for told in [1, 0, 0] {
        follower.look().await;
        assert!(!would_start(&follower).await);
        let lines = heard.take("bundle in force not kept");
        assert_eq!(lines.len(), told, "{lines:?}");
    }
    mode(0o700);
    follower.look().await;
    assert!(would_start(&follower).await);
    assert_eq!(heard.take("bundle in force kept again").len(), 1);
    assert_eq!(open(&bundle).expect("a file").identity, before);
}

#[tokio::test]
async fn a_bundle_that_is_too_long_is_told_with_its_size_and_the_key_to_raise() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut follower = keeping(folder.path()).await;
    let file = folder.path().join("prod.stopgate");
    let heard = Heard::begin();
    for (length, end) in [
        (70_000, "raise it, or publish a smaller bundle"),
        (
            1 << 30,
            "no bundle may have more than 268435456, whatever it says",
        ),
    ] {
        let opened = fs::File::options().write(true).open(&file);
        opened
            .and_then(|file| file.set_len(length))
            .expect("a length");
        follower.look().await;
        let told = heard.take("bundle refused");
        let path = file.display();
        let said = format!("{path} has {length} bytes, and `policy.max_bytes` is 65536: {end}");
        assert!(
            matches!(told.as_slice(), [line] if line.contains("reason=\"too_long\"") && line.ends_with(&said)),
            "{told:?}"
        );
    }
    // The one that was kept too, once less is allowed than when it was.
    let last = follower.keeper.kept.last(&follower.followed.root, 1000);
    let why = last.expect_err("too long").to_string();
    assert!(
        why.ends_with(
            "has 17408 bytes, and `policy.max_bytes` is 1000: raise it, or publish a smaller bundle"
        ),
        "{why}"
    );
}
