//! Revisions of small real repositories: what is read, and what is refused instead of guessed.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn git(dir: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(args)
        .current_dir(dir)
        .output()
        .expect("git runs");
    assert!(status.status.success(), "git {args:?}: {status:?}");
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// A repository of two commits with the policy in `policies/`.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let top = dir.path();
    git(top, &["init", "-q", "-b", "main"]);
    write(top, "policies/stopgate.yaml", "one");
    write(top, "policies/rules/erp.yaml", "one");
    write(top, "policies/trust/root.dsse.json", "{}");
    write(top, "policies/README.md", "prose");
    symlink("erp.yaml", top.join("policies/rules/same.yaml")).expect("a link");
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "one"]);
    write(top, "policies/rules/erp.yaml", "two");
    git(top, &["commit", "-qam", "two"]);
    dir
}

fn texts(revision: &Revision) -> Vec<(&str, &str)> {
    let text = |(path, bytes): &'static Document| {
        (path.as_str(), std::str::from_utf8(bytes).expect("text"))
    };
    let leaked: &'static Revision = Box::leak(Box::new(revision.clone()));
    leaked.documents.iter().map(text).collect()
}

#[test]
fn a_revision_is_what_the_disk_had() {
    let dir = repository();
    let policies = dir.path().join("policies");
    let history = History::open(&policies).expect("opens");
    let before = history.read("HEAD~1").expect("reads");
    assert_eq!(
        texts(&before),
        [
            ("rules/erp.yaml", "one"),
            ("rules/same.yaml", "one"),
            ("stopgate.yaml", "one")
        ]
    );
    assert_eq!(before.commit.len(), 40);
    let now = history.read("main").expect("reads");
    assert_eq!(now.documents, workspace::read(&policies).expect("the disk"));
}

#[test]
fn bare_and_shallow_clones_are_read() {
    let dir = repository();
    let clones = tempfile::tempdir().expect("a folder");
    let source = format!("file://{}", dir.path().display());
    git(
        clones.path(),
        &["clone", "-q", "--bare", &source, "bare.git"],
    );
    git(
        clones.path(),
        &["clone", "-q", "--depth", "1", &source, "shallow"],
    );
    let bare = History::open(&clones.path().join("bare.git/policies")).expect("opens");
    assert_eq!(texts(&bare.read("main~1").expect("reads"))[0].1, "one");
    let shallow = History::open(&clones.path().join("shallow/policies")).expect("opens");
    assert_eq!(texts(&shallow.read("HEAD").expect("reads"))[0].1, "two");
    let missing = shallow.read("HEAD~1").expect_err("left out");
    assert_eq!(
        missing.to_string(),
        "there is no revision `HEAD~1` in this shallow clone"
    );
}

#[test]
fn links_that_leave_and_revisions_without_policy_are_refused() {
    let dir = repository();
    let policies = dir.path().join("policies");
    symlink("../../secret.yaml", policies.join("rules/out.yaml")).expect("a link");
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "link"]);
    let history = History::open(&policies).expect("opens");
    assert!(matches!(
        history.read("HEAD"),
        Err(GitError::Refused(WorkspaceError::Refused { .. }))
    ));
    assert!(matches!(
        history.read("nowhere"),
        Err(GitError::NoRevision { .. })
    ));
    git(
        dir.path(),
        &["update-ref", "refs/remotes/origin/main", "HEAD~1"],
    );
    assert!(history.read("origin/main").is_ok());
    git(dir.path(), &["tag", "origin/main"]);
    for name in ["origin/main", "origin/main~1"] {
        let read = history.read(name);
        assert!(matches!(read, Err(GitError::Ambiguous { .. })), "{name}");
    }
    assert!(history.read("refs/remotes/origin/main").is_ok());
    let top = History::open(dir.path()).expect("opens");
    assert!(matches!(top.read("HEAD~1"), Err(GitError::NoPolicy { .. })));
    let outside = tempfile::tempdir().expect("a folder");
    assert!(matches!(
        History::open(outside.path()),
        Err(GitError::NoRepository(_))
    ));
}

#[test]
fn t1_a_name_that_stands_for_two_commits_judges_nothing() {
    let dir = repository();
    let top = dir.path();
    git(top, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let (name, target) = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    git(top, &["symbolic-ref", name, target]);
    let history = History::open(&top.join("policies")).expect("opens");
    assert!(history.read("origin").is_ok());
    git(top, &["tag", "origin", "HEAD~1"]);
    let whole = history.read("HEAD").expect("read").commit;
    let short = whole.get(..10).expect("an id");
    assert!(history.read(short).is_ok());
    git(top, &["branch", short, "HEAD~1"]);
    for name in ["origin", "origin~0", short] {
        let read = history.read(name);
        assert!(matches!(read, Err(GitError::Ambiguous { .. })), "{name}");
    }
    assert!(history.read(&whole).is_ok());
}

#[test]
fn signatures_and_root_of_a_revision_are_those_that_the_disk_had() {
    let dir = repository();
    let policies = dir.path().join("policies");
    for (path, text) in [
        ("waivers/2026-014.yaml", "w"),
        ("waivers/2026-014.k1.sig", "one"),
        ("waivers/deep/2026-014.k1.sig", "none of ours"),
        ("reviews/2027-Q1.k1.sig", "two"),
        ("rules/2027-Q1.k1.sig", "none of ours"),
    ] {
        write(&policies, path, text);
    }
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "three"]);
    let history = History::open(&policies).expect("opens");
    let now = history.trust("HEAD").expect("reads");
    let names: Vec<&str> = now
        .signatures
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["reviews/2027-Q1.k1.sig", "waivers/2026-014.k1.sig"]);
    assert_eq!(now.root.as_deref(), Some(b"{}".as_slice()));
    assert_eq!(now, workspace::trust::read(&policies).expect("the disk"));
    let before = history.trust("HEAD~1").expect("reads");
    assert_eq!(before.signatures, []);
    assert!(before.root.is_some());
    assert!(matches!(
        history.trust("nowhere"),
        Err(GitError::NoRevision { .. })
    ));

    symlink("2026-014.k1.sig", policies.join("waivers/2026-014.k2.sig")).expect("a link");
    fs::remove_file(policies.join("trust/root.dsse.json")).expect("removed");
    symlink("../stopgate.yaml", policies.join("trust/root.dsse.json")).expect("a link");
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "four"]);
    let Err(GitError::Refused(WorkspaceError::Refused { problems })) = history.trust("HEAD") else {
        panic!("refused")
    };
    let link = |path: &str| Problem::Link(path.to_owned());
    let wanted = [
        link("trust/root.dsse.json"),
        link("waivers/2026-014.k2.sig"),
    ];
    assert_eq!(problems, wanted);
}
