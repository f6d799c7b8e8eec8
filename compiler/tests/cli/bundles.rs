//! From an empty folder to a verified bundle, and everything that must not verify.

use std::ops::Range;

use serde_json::json;
use stopgate::key::SigningKey;
use stopgate_decide::bundle::dsse::{Envelope, signed_bytes};
use stopgate_decide::calendar::zone_data;
use stopgate_decide::digest::Digest;

use crate::Desk;

/// Keys, a root, and the bank's bundle signed by its publisher.
fn signed() -> Desk {
    let desk = Desk::with_bank();
    for args in [
        &["keygen", "root"][..],
        &["keygen", "ci"],
        &[
            "root",
            "--key=root.key",
            "--publisher=ci.pub",
            "-o",
            "trust/root.dsse.json",
        ],
        &["build", "bank", "-o", "bank.stopgate", "--key=ci.key"],
    ] {
        let run = desk.run(args);
        assert_eq!(run.exit, 0, "{args:?}: {}", run.shown());
    }
    desk
}

const VERIFY: [&str; 4] = ["verify", "bank.stopgate", "--root", "trust/root.dsse.json"];

#[test]
fn a_new_repository_goes_all_the_way() {
    let desk = Desk::new();
    for args in [
        &["init", "p"][..],
        &["check", "p"],
        &["test", "p"],
        &["matrix", "p"],
        &["keygen", "me"],
        &["root", "--key=me.key"],
        &["build", "p", "--key=me.key"],
        &["verify", "policy.stopgate", "--root=root.dsse.json"],
    ] {
        let run = desk.run(args);
        assert_eq!(run.exit, 0, "{args:?}: {}", run.shown());
    }
}

#[test]
fn two_builds_are_equal_to_the_byte_whoever_builds_them_where() {
    let (desk, elsewhere) = (signed(), Desk::with_bank());
    let first = std::fs::read(desk.path("bank.stopgate")).expect("a bundle");
    std::fs::copy(desk.path("ci.key"), elsewhere.path("renamed.key")).expect("copied");
    let run = elsewhere.run(&["build", "bank", "-o", "again.stopgate", "--key=renamed.key"]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    assert!(
        std::fs::read(elsewhere.path("again.stopgate")).expect("a bundle") == first,
        "the builds differ"
    );
}

#[test]
fn verify_names_the_digest_that_build_named_and_who_signed() {
    let desk = signed();
    let built = desk
        .run(&[
            "build",
            "bank",
            "-o",
            "bank.stopgate",
            "--key=ci.key",
            "--format=json",
        ])
        .json();
    let verified = desk.run(&[&VERIFY[..], &["--format=json"]].concat()).json();
    assert_eq!(verified["digest"], built["digest"]);
    assert_eq!(verified["signers"][0]["id"], built["signers"][0]);
    assert_eq!(verified["signers"][0]["owner"], "ci");
}

#[test]
fn what_nobody_trusted_signed_does_not_verify() {
    let desk = signed();
    assert_eq!(desk.run(&VERIFY).exit, 0);
    // Unsigned; signed by a key that may only sign roots; signed by a stranger; by the publisher and a stranger.
    assert_eq!(desk.run(&["keygen", "stranger"]).exit, 0);
    for keys in [
        &[][..],
        &["--key=root.key"],
        &["--key=stranger.key"],
        &["--key=ci.key", "--key=stranger.key"],
    ] {
        let run = desk.run(&[&["build", "bank", "-o", "bank.stopgate"], keys].concat());
        assert_eq!(run.exit, 0, "{}", run.shown());
        let run = desk.run(&VERIFY);
        assert_eq!(run.exit, 8, "{keys:?}: {}", run.shown());
    }
}

#[test]
fn an_unsigned_bundle_says_that_it_is() {
    let run = Desk::with_bank().run(&["build", "bank"]);
    assert!(run.stdout.contains("signed  by nobody"), "{}", run.shown());
    assert!(
        run.stderr.contains("no sidecar will load it"),
        "{}",
        run.shown()
    );
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let desk = signed();
    let whole = std::fs::read(desk.path("bank.stopgate")).expect("a bundle");
    // The library flips every byte; here a few show that the command asks it.
    for at in (0..whole.len()).step_by(whole.len() / 16) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(desk.path("bank.stopgate"), changed).expect("written");
        assert_eq!(desk.run(&VERIFY).exit, 8, "byte {at}");
    }
}

/// Where the part `name` of a bundle stands in its file.
fn part(file: &[u8], name: &str) -> Range<usize> {
    let mut at = 0;
    loop {
        let header = &file[at..at + 512];
        let text = |range: Range<usize>| {
            let text = String::from_utf8_lossy(&header[range]);
            text.trim_end_matches('\0').to_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).expect("a size");
        at += 512;
        if text(0..100) == name {
            return at..at + size;
        }
        at += size.next_multiple_of(512);
    }
}

/// Makes the bundle `file` what a compiler with other zone data had made of the same policy, signed by the publisher.
fn with_zone_data(desk: &Desk, file: &str, version: &str) {
    let mut bytes = std::fs::read(desk.path(file)).expect("a bundle");
    let place = part(&bytes, "manifest.json");
    let before = String::from_utf8(bytes[place.clone()].to_vec()).expect("UTF-8");
    let said = |version: &str| format!("\"zone_data\":\"{version}\"");
    let after = before.replace(&said(zone_data()), &said(version));
    assert_ne!(after, before, "the manifest says the zone data");
    bytes[place].copy_from_slice(after.as_bytes());

    let place = part(&bytes, "bundle.dsse.json");
    let mut envelope = Envelope::from_bytes(&bytes[place.clone()]).expect("an envelope");
    let digest = |manifest: &str| Digest::compute(manifest.as_bytes()).hex();
    let payload = String::from_utf8(envelope.payload).expect("UTF-8");
    let payload = payload.replace(&digest(&before), &digest(&after));
    envelope.payload = payload.into_bytes();
    let key = SigningKey::read(&desk.path("ci.key")).expect("a key");
    let message = signed_bytes(&envelope.payload_type, &envelope.payload);
    envelope.signatures[0].bytes = key.sign(&message);
    bytes[place].copy_from_slice(&envelope.to_bytes());
    std::fs::write(desk.path(file), bytes).expect("written");
}

#[test]
fn verify_says_where_the_tests_ran_with_other_zone_data() {
    let desk = signed();
    assert_eq!(desk.run(&["init", "p"]).exit, 0);
    let utc = ["build", "p", "-o", "utc.stopgate", "--key=ci.key"];
    assert_eq!(desk.run(&utc).exit, 0);
    let verify = |file: &str, format: &str| {
        let run = desk.run(&["verify", file, "--root=trust/root.dsse.json", format]);
        assert_eq!(run.exit, 0, "{}", run.shown());
        run
    };
    let told = |file: &str| verify(file, "--format=json").json()["zone_data"].clone();
    let own = zone_data();
    let same = json!({"bundle": own, "program": own, "may_differ": false});
    for file in ["bank.stopgate", "utc.stopgate"] {
        assert_eq!(told(file), same, "{file}");
        with_zone_data(&desk, file, "2019c");
    }
    let other = |may_differ| json!({"bundle": "2019c", "program": own, "may_differ": may_differ});
    assert_eq!(told("bank.stopgate"), other(true));
    let text = verify("bank.stopgate", "--format=text").stdout;
    let said = format!(
        "zones     2019c; this program has {own}, so business time in Europe/Lisbon may be another than in the tests: \
         run them again\n"
    );
    assert!(text.contains(&said), "{text}");
    // The calendar of this one is in UTC, which no zone data moves.
    assert_eq!(told("utc.stopgate"), other(false));
    let text = verify("utc.stopgate", "--format=text").stdout;
    assert!(text.contains("zones     2019c\n"), "{text}");
}

#[test]
fn keys_and_roots_are_never_overwritten() {
    let desk = signed();
    let files = ["root.key", "root.pub", "trust/root.dsse.json"];
    let before = files.map(|name| std::fs::read(desk.path(name)).expect("a file"));
    assert_eq!(desk.run(&["keygen", "root"]).exit, 2);
    assert_eq!(
        desk.run(&["root", "--key=root.key", "-o", "trust/root.dsse.json"])
            .exit,
        2
    );
    assert_eq!(
        files.map(|name| std::fs::read(desk.path(name)).expect("a file")),
        before
    );
}

#[test]
fn a_key_for_a_folder_that_is_not_there_names_the_folder() {
    let desk = signed();
    let run = desk.run(&["keygen", "eva", "-o", "nowhere"]);
    assert_eq!(run.exit, 1, "{}", run.shown());
    let said = "error: there is no folder nowhere\nhelp: make it first\n";
    assert_eq!(run.stderr, said);
}

#[test]
fn no_private_key_is_ever_printed() {
    let desk = Desk::with_bank();
    let made = desk.run(&["keygen", "ci", "-v"]);
    let pem = std::fs::read_to_string(desk.path("ci.key")).expect("a key");
    let secret = pem.lines().nth(1).expect("base64");
    let root = desk.run(&["root", "--key=ci.key", "-v"]);
    let built = desk.run(&["build", "bank", "--key=ci.key", "-v"]);
    for run in [made, root, built] {
        assert_eq!(run.exit, 0, "{}", run.shown());
        assert!(!run.shown().contains(secret), "a private key was printed");
    }
}
