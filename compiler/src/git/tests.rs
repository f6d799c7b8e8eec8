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
    let top = History::open(dir.path()).expect("opens");
    assert!(matches!(top.read("HEAD~1"), Err(GitError::NoPolicy { .. })));
    let outside = tempfile::tempdir().expect("a folder");
    assert!(matches!(
        History::open(outside.path()),
        Err(GitError::NoRepository(_))
    ));
}
