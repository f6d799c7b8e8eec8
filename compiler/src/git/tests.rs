//! Revisions of small real repositories: what is read, and what is refused instead of guessed.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use stopgate_author::source::Unread;

use super::*;
use crate::workspace::{self, Document, WorkspaceError};

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("written");
}

/// Makes a repository of two commits with the policy in `policies/`.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let top = dir.path();
    git(top, &["init", "-q", "-b", "main"]);
    write(top, "policies/stopgate.yaml", "one");
    write(top, "policies/rules/erp.yaml", "one");
    write(top, "policies/trust/root.dsse.json", "{}");
    write(top, "policies/README.md", "prose");
    symlink("README.md", top.join("LINK.yaml")).expect("a link beside the policy");
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "one"]);
    write(top, "policies/rules/erp.yaml", "two");
    git(top, &["commit", "-qam", "two"]);
    dir
}

fn texts(revision: &Revision) -> Vec<(&str, &str)> {
    let documents = revision.reading.documents.iter();
    let text = |(path, bytes): &'_ Document| -> (String, String) {
        (
            path.clone(),
            String::from_utf8(bytes.clone()).expect("text"),
        )
    };
    let leaked: &'static [(String, String)] = Box::leak(documents.map(text).collect());
    let texts = leaked.iter();
    texts
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect()
}

fn open(dir: &Path) -> History {
    History::open(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
}

/// Returns why `dir` is not opened.
fn refused(dir: &Path) -> GitError {
    match History::open(dir) {
        Err(error) => error,
        Ok(_) => panic!("{} opens", dir.display()),
    }
}

#[test]
fn a_revision_is_what_the_disk_had() {
    let dir = repository();
    let policies = dir.path().join("policies");
    let history = open(&policies);
    let before = history.read("HEAD~1").expect("reads");
    let wanted = [("rules/erp.yaml", "one"), ("stopgate.yaml", "one")];
    assert_eq!(texts(&before), wanted);
    assert_eq!(before.commit.len(), 40);
    let tree = git(dir.path(), &["rev-parse", "HEAD~1:policies"]);
    assert_eq!(before.tree, tree);
    let disk = workspace::read(&policies).expect("the disk");
    assert_eq!(history.read("main").expect("reads").reading, disk);
    assert_eq!(history.staged().expect("reads"), disk);
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
    let bare = open(&clones.path().join("bare.git/policies"));
    assert_eq!(texts(&bare.read("main~1").expect("reads"))[0].1, "one");
    let shallow = open(&clones.path().join("shallow/policies"));
    assert_eq!(texts(&shallow.read("HEAD").expect("reads"))[0].1, "two");
    let missing = shallow.read("HEAD~1").expect_err("left out");
    assert_eq!(
        missing.to_string(),
        "there is no revision `HEAD~1` in this shallow clone"
    );
}

#[test]
fn names_of_revisions_and_revisions_without_policy() {
    let dir = repository();
    let history = open(&dir.path().join("policies"));
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
    // An `@` is part of a name as any letter is.
    git(
        dir.path(),
        &["update-ref", "refs/remotes/origin/rel@2", "HEAD~1"],
    );
    git(dir.path(), &["tag", "origin/rel@2"]);
    let read = history.read("origin/rel@2");
    assert!(matches!(read, Err(GitError::Ambiguous { .. })));
    let top = open(dir.path());
    assert!(matches!(top.read("HEAD~1"), Err(GitError::NoPolicy { .. })));
    assert!(matches!(top.staged(), Err(GitError::NoPolicy { .. })));
    let outside = tempfile::tempdir().expect("a folder");
    assert!(matches!(refused(outside.path()), GitError::NoRepository(_)));
    assert!(matches!(
        refused(&outside.path().join("a/../b")),
        GitError::Unplaced(_)
    ));
}

/// Where something says that there is a history, files are never believed in its place.
#[test]
fn t1_a_repository_that_cannot_be_asked_is_not_none() {
    let spoilt = |spoil: &dyn Fn(&Path)| {
        let dir = repository();
        spoil(dir.path());
        let why = refused(&dir.path().join("policies"));
        assert!(!matches!(why, GitError::NoRepository(_)), "{why}");
    };
    for (key, value) in [("core.bare", "true"), ("core.worktree", "/nowhere")] {
        spoilt(&|top| {
            git(top, &["config", key, value]);
        });
    }
    spoilt(&|top| std::fs::remove_file(top.join(".git/HEAD")).expect("removed"));
    spoilt(&|top| {
        std::fs::remove_dir_all(top.join(".git")).expect("removed");
        std::fs::write(top.join(".git"), "gitdir: elsewhere\n").expect("written");
    });
}

/// A submodule is one whatever became of the repository around it.
#[test]
fn t1_a_repository_around_a_submodule_that_cannot_be_asked_is_an_error() {
    let outer = repository();
    let inner = outer.path().join("sub");
    std::fs::create_dir(&inner).expect("a folder");
    git(&inner, &["init", "--quiet"]);
    git(outer.path(), &["config", "core.bare", "true"]);
    assert!(matches!(refused(&inner), GitError::Unplaced(_)));
}

#[test]
fn t1_a_name_that_stands_for_two_commits_judges_nothing() {
    let dir = repository();
    let top = dir.path();
    git(top, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let (name, target) = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    git(top, &["symbolic-ref", name, target]);
    let history = open(&top.join("policies"));
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

/// Puts an entry into the index that no work tree has.
fn stage(top: &Path, mode: &str, id: &str, path: &str) {
    let entry = format!("{mode},{id},{path}");
    git(top, &["update-index", "--add", "--cacheinfo", &entry]);
}

#[test]
fn t2_what_is_no_file_is_refused_in_revisions_and_in_the_index_alike() {
    let dir = repository();
    let top = dir.path();
    let policies = top.join("policies");
    symlink("../../secret.yaml", policies.join("rules/out.yaml")).expect("a link");
    symlink("erp.yaml", policies.join("rules/same.yaml")).expect("a link");
    symlink("rules", policies.join("catalog")).expect("a link");
    write(
        top,
        "policies/rules/lfs.yaml",
        "version https://git-lfs.github.com/spec/v1\n",
    );
    git(top, &["add", "-A"]);
    let commit = git(top, &["rev-parse", "HEAD"]);
    stage(top, "160000", &commit, "policies/rules/module");
    let long = vec![b'#'; 3 << 20];
    fs::write(top.join("long"), long).expect("written");
    let long = git(top, &["hash-object", "-w", "long"]);
    stage(top, "100755", &long, "policies/approvals.yaml");
    let wanted = [
        ("approvals.yaml", Unread::Long(3 << 20)),
        ("catalog", Unread::Link),
        ("rules/lfs.yaml", Unread::LfsPointer),
        ("rules/module", Unread::Submodule),
        ("rules/out.yaml", Unread::Link),
        ("rules/same.yaml", Unread::Link),
    ];
    let history = open(&policies);
    let staged = history.staged().expect("reads");
    let unread = staged.unread.iter();
    let unread: Vec<_> = unread.map(|(path, why)| (path.as_str(), *why)).collect();
    assert_eq!(unread, wanted);
    git(top, &["commit", "-qm", "odd"]);
    assert_eq!(history.read("HEAD").expect("reads").reading, staged);
}

#[test]
fn t2_odd_trees_that_no_work_tree_can_have_are_refused() {
    let dir = repository();
    let top = dir.path();
    let blob = git(top, &["rev-parse", "HEAD:policies/stopgate.yaml"]);
    // Entries of a tree: mode, a blank, the name, a zero byte, twenty bytes of an id.
    let hexadecimal = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal")
    };
    let raw: Vec<u8> = blob.as_bytes().chunks(2).map(hexadecimal).collect();
    let tree = |entries: &[(&str, &[u8])]| {
        let mut bytes = Vec::new();
        for (mode, name) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(&raw);
        }
        fs::write(top.join("tree"), bytes).expect("written");
        git(
            top,
            &["hash-object", "-t", "tree", "--literally", "-w", "tree"],
        )
    };
    let history = open(top);
    let read = |tree: &str| {
        let commit = git(top, &["commit-tree", "-m", "odd", tree]);
        history.read(&commit)
    };
    let stopgate = ("100644", &b"stopgate.yaml"[..]);
    let plain = read(&tree(&[stopgate])).expect("reads");
    assert_eq!(texts(&plain), [("stopgate.yaml", "one")]);
    for odd in [
        [("100644", &b"rules/erp.yaml"[..]), stopgate],
        [("100644", b"\xff.yaml"), stopgate],
        [stopgate, stopgate],
    ] {
        let read = read(&tree(&odd));
        let refused = matches!(read, Err(GitError::Refused(WorkspaceError::Refused { .. })));
        assert!(refused, "{odd:?}");
    }
    let moded = read(&tree(&[("100664", b"profiles.yaml"), stopgate])).expect("reads");
    let why = moded.reading.unread.get("profiles.yaml");
    assert_eq!(why, Some(&Unread::Mode(0o100_664)));
}

#[test]
fn what_is_staged_is_what_a_commit_would_hold() {
    let dir = repository();
    let top = dir.path();
    let history = open(&top.join("policies"));
    write(top, "policies/rules/new.yaml", "new");
    git(top, &["add", "-N", "policies/rules/new.yaml"]);
    let head = history.read("HEAD").expect("reads").reading;
    assert_eq!(history.staged().expect("reads"), head);
    git(top, &["add", "policies/rules/new.yaml"]);
    write(top, "policies/rules/new.yaml", "newer");
    let staged = history.staged().expect("reads");
    assert_eq!(
        staged.documents.get(1),
        Some(&("rules/new.yaml".to_owned(), b"new".to_vec()))
    );
    git(top, &["stash", "-q"]);
    write(top, "policies/rules/erp.yaml", "other");
    git(top, &["commit", "-qam", "other"]);
    git(top, &["checkout", "-q", "-b", "side", "HEAD~1"]);
    write(top, "policies/rules/erp.yaml", "another");
    git(top, &["commit", "-qam", "another"]);
    let merge = Command::new("git")
        .args(["merge", "-q", "main"])
        .current_dir(top)
        .stdout(Stdio::null())
        .status();
    assert!(!merge.expect("git runs").success(), "a conflict");
    assert!(matches!(history.staged(), Err(GitError::Conflict(_))));
}

#[test]
fn t1_a_submodules_own_history_judges_nothing() {
    let inner = repository();
    let outer = repository();
    let source = inner.path().to_str().expect("UTF-8").to_owned();
    git(
        outer.path(),
        &["submodule", "--quiet", "add", &source, "pol"],
    );
    git(outer.path(), &["commit", "-qm", "with a submodule"]);
    for dir in ["pol/policies", "pol"] {
        let error = refused(&outer.path().join(dir));
        assert!(matches!(error, GitError::InSubmodule { .. }), "{error}");
    }
    // Nor does it where only the entry, or only the place of its history, still tells.
    let old = outer.path().join("pol");
    fs::remove_file(old.join(".git")).expect("removed");
    let kept = outer.path().join(".git/modules/pol");
    let config = fs::read_to_string(kept.join("config")).expect("a file");
    fs::write(kept.join("config"), config.replace("../../../pol", "../")).expect("written");
    fs::rename(&kept, old.join(".git")).expect("moved");
    let error = refused(&old.join("policies"));
    assert!(matches!(error, GitError::InSubmodule { .. }), "{error}");
    // A revision says of the folder that it is not its own.
    let bare = tempfile::tempdir().expect("a folder");
    let source = outer.path().to_str().expect("UTF-8").to_owned();
    git(bare.path(), &["clone", "-q", "--bare", &source, "o.git"]);
    let history = open(&bare.path().join("o.git/pol/policies"));
    let error = history.read("HEAD").expect_err("refused");
    let wanted = "a submodule stands on the way to pol/policies in revision `HEAD`";
    assert_eq!(error.to_string(), wanted);
    // A clone that happens to lie in another's work tree is nobody's submodule.
    let source = inner.path().to_str().expect("UTF-8").to_owned();
    git(outer.path(), &["clone", "-q", &source, "beside"]);
    assert!(
        open(&outer.path().join("beside/policies"))
            .read("HEAD")
            .is_ok()
    );
}

#[test]
fn t1_links_on_the_way_lead_nowhere() {
    let dir = repository();
    let top = dir.path();
    fs::create_dir(top.join("deep")).expect("a folder");
    symlink("../policies", top.join("deep/linked")).expect("a link");
    let error = refused(&top.join("deep/linked"));
    assert!(matches!(error, GitError::Through { .. }), "{error}");
    let error = refused(&top.join("deep/../deep/linked/rules/.."));
    assert!(matches!(error, GitError::Through { .. }), "{error}");
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "a link"]);
    // A committed link into another repository is this one's affair.
    let other = repository();
    symlink(other.path(), top.join("deep/other")).expect("a link");
    assert!(open(&top.join("deep/other/policies")).read("HEAD").is_ok());
    git(top, &["add", "-A"]);
    let error = refused(&top.join("deep/other/policies"));
    assert!(matches!(error, GitError::Through { .. }), "{error}");
    let clones = tempfile::tempdir().expect("a folder");
    let source = top.to_str().expect("UTF-8").to_owned();
    git(clones.path(), &["clone", "-q", "--bare", &source, "c.git"]);
    let history = open(&clones.path().join("c.git/deep/linked"));
    let error = history.read("HEAD").expect_err("refused");
    assert!(matches!(error, GitError::OnTheWay { .. }), "{error}");
    // A link that is in no repository is how somebody calls the folder, and nothing more.
    symlink(top, clones.path().join("here")).expect("a link");
    assert!(
        open(&clones.path().join("here/policies"))
            .read("HEAD")
            .is_ok()
    );
}

#[test]
fn a_repository_that_is_not_read_is_not_called_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let top = dir.path();
    git(top, &["init", "-q", "--object-format=sha256", "wide"]);
    git(top, &["init", "-q", "table"]);
    let config = ["config", "extensions.refStorage", "reftable"];
    git(
        &top.join("table"),
        &["config", "core.repositoryFormatVersion", "1"],
    );
    git(&top.join("table"), &config);
    for (name, what) in [("wide", "sha256"), ("table", "extensions.refstorage")] {
        let error = refused(&top.join(name));
        assert!(matches!(error, GitError::Unknown { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
    let owner = git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Repository, "not ours");
    let error = GitError::opening(top, owner);
    assert!(matches!(error, GitError::Owner(_)), "{error:?}");
    if rustix::process::geteuid().is_root() {
        git(top, &["init", "-q", "theirs"]);
        let nobody = Some(rustix::fs::Uid::from_raw(65_534));
        for path in ["theirs", "theirs/.git"] {
            rustix::fs::chown(top.join(path), nobody, None).expect("given away");
        }
        let error = refused(&top.join("theirs"));
        assert!(matches!(error, GitError::Owner(_)), "{error:?}");
    }
    fs::create_dir_all(top.join("broken/.git/objects")).expect("folders");
    fs::create_dir_all(top.join("broken/.git/refs")).expect("folders");
    write(top, "broken/.git/HEAD", "ref: refs/heads/main\n");
    write(top, "broken/.git/config", "[core\n");
    let error = refused(&top.join("broken"));
    assert!(matches!(error, GitError::Unopened { .. }), "{error:?}");
}

#[test]
fn a_partial_clone_says_that_it_is_one_and_is_read_after_a_refetch() {
    let dir = repository();
    git(dir.path(), &["config", "uploadpack.allowFilter", "true"]);
    let clones = tempfile::tempdir().expect("a folder");
    let source = format!("file://{}", dir.path().display());
    for filter in ["blob:none", "tree:0"] {
        let name = filter.replace(':', "-");
        let filter = format!("--filter={filter}");
        git(
            clones.path(),
            &["clone", "-q", "--no-checkout", &filter, &source, &name],
        );
        let clone = clones.path().join(&name);
        let history = open(&clone.join("policies"));
        let error = history.read("HEAD").expect_err("left out");
        assert!(matches!(error, GitError::Partial { .. }), "{error:?}");
        git(&clone, &["fetch", "-q", "--refetch", "--no-filter"]);
        assert!(open(&clone.join("policies")).read("HEAD~1").is_ok());
    }
}

/// The repository of a work tree may lie elsewhere, also beside a folder that would be taken for it.
#[test]
fn t1_a_repository_that_lies_elsewhere_is_not_that_of_the_folder_around_it() {
    let dir = repository();
    write(dir.path(), "tree/policies/stopgate.yaml", "another");
    git(dir.path(), &["add", "-A"]);
    git(
        dir.path(),
        &["commit", "-qm", "a folder called as the clone is"],
    );
    let source = format!("file://{}", dir.path().display());
    let clones = tempfile::tempdir().expect("a folder");
    let (top, separate) = (
        clones.path().join("tree"),
        clones.path().join("history.git"),
    );
    let separate = format!("--separate-git-dir={}", separate.display());
    git(clones.path(), &["clone", "-q", &separate, &source, "tree"]);
    let policies = top.join("policies");
    let why = refused(&policies);
    assert!(
        matches!(&why, GitError::Separate { top: told, .. } if *told == top),
        "{why:?}"
    );
    // So is whatever has a history of its own in there, for it may be a submodule.
    git(&top, &["init", "-q", "inner"]);
    let why = refused(&top.join("inner"));
    assert!(matches!(why, GitError::Separate { .. }), "{why:?}");

    // A link leads there as a file does.
    let file = fs::read(top.join(".git")).expect("a file");
    fs::remove_file(top.join(".git")).expect("removed");
    symlink("../history.git", top.join(".git")).expect("a link");
    let why = refused(&policies);
    assert!(matches!(why, GitError::Separate { .. }), "{why:?}");
    fs::remove_file(top.join(".git")).expect("removed");
    fs::write(top.join(".git"), file).expect("written");

    let named = git(&top, &["rev-parse", "--show-toplevel"]);
    git(&top, &["config", "core.worktree", &named]);
    let history = open(&policies);
    let read = history.read("HEAD").expect("reads");
    assert_eq!(texts(&read)[1], ("stopgate.yaml", "one"));
    assert_eq!(history.staged().expect("reads"), read.reading);
    drop(open(&top.join("inner")));
    // A work tree that was moved is no repository that lies elsewhere.
    git(&top, &["worktree", "add", "-q", "../linked"]);
    drop(open(&clones.path().join("linked/policies")));
    fs::rename(clones.path().join("linked"), clones.path().join("moved")).expect("moved");
    let why = refused(&clones.path().join("moved/policies"));
    assert!(matches!(why, GitError::Unplaced(_)), "{why:?}");
}

#[test]
fn an_index_that_is_not_read_is_named_with_what_it_is_and_is_read_when_it_is_whole() {
    let dir = repository();
    let top = dir.path();
    write(top, "other/file", "left out");
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "three"]);
    let policies = top.join("policies");
    let wanted = open(&policies).staged().expect("reads");
    git(top, &["init", "-q", "inner"]);
    let inner = top.join("inner");
    let is_whole = || {
        drop(open(&inner));
        assert_eq!(open(&policies).staged().expect("reads"), wanted);
    };
    is_whole();

    git(top, &["update-index", "--split-index"]);
    let why = open(&policies).staged().expect_err("split");
    assert!(matches!(why, GitError::SplitIndex), "{why:?}");
    // Nobody can say that what is in there is no submodule.
    assert!(matches!(refused(&inner), GitError::SplitIndex));
    git(top, &["update-index", "--no-split-index"]);
    is_whole();

    git(
        top,
        &["sparse-checkout", "init", "--cone", "--sparse-index"],
    );
    git(top, &["sparse-checkout", "set", "policies"]);
    let why = open(&policies).staged().expect_err("sparse");
    assert!(matches!(why, GitError::SparseIndex), "{why:?}");
    assert!(matches!(refused(&inner), GitError::SparseIndex));
    // Objects are whole, whatever the index is like.
    assert_eq!(open(&policies).read("HEAD").expect("reads").reading, wanted);
    git(top, &["sparse-checkout", "reapply", "--no-sparse-index"]);
    is_whole();

    fs::write(top.join(".git/index"), "no index").expect("written");
    let why = open(&policies).staged().expect_err("spoilt");
    assert!(matches!(why, GitError::Git { .. }), "{why:?}");
}
