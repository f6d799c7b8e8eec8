//! From an empty folder to a verified bundle, and everything that must not verify.

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
