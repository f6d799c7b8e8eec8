//! Small folders: what is read of them, what is refused in its place, and what a file may not be.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use stopgate_author::source::Unread;

use super::trust::Trust;
use super::*;

fn repository(files: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, *file).expect("written");
    }
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let reading = read(dir).expect("a repository");
    reading
        .documents
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn whatever_looks_like_policy_is_read_and_nothing_else() {
    let dir = repository(&[
        "stopgate.yaml",
        "README.md",
        "rules/erp.yaml",
        "rules/README.md",
        "rules/erp.yml",
        "rules/erp.yaml.orig",
        "rules/deep/hr.cedar",
        "other/hr.YAML",
        "other/data.json",
        "trust/root.dsse.json",
        "trust/notes.yaml",
        ".git/config.yaml",
        "rules/.erp.yaml.swp",
    ]);
    let wanted = [
        "other/hr.YAML",
        "rules/deep/hr.cedar",
        "rules/erp.yaml",
        "rules/erp.yaml.orig",
        "rules/erp.yml",
        "stopgate.yaml",
    ];
    assert_eq!(names(dir.path()), wanted);
}

#[test]
fn signatures_and_root_are_read_beside_the_documents() {
    let dir = repository(&[
        "stopgate.yaml",
        "waivers/2026-014.yaml",
        "waivers/2026-014.k1.sig",
        "waivers/2026-014.k0.sig",
        "waivers/.2026-014.k2.sig",
        "waivers/old/2026-013.k1.sig",
        "reviews/2027-Q1.k1.sig",
        "2026-014.k1.sig",
        "trust/root.dsse.json",
        "trust/notes.yaml",
        ".stopgate-version",
        ".other",
        "rules/.stopgate-version",
    ]);
    let trust = read(dir.path()).expect("read").trust;
    let signatures = trust.signatures.iter().map(|(name, _)| name.as_str());
    let wanted = [
        "reviews/2027-Q1.k1.sig",
        "waivers/2026-014.k0.sig",
        "waivers/2026-014.k1.sig",
    ];
    assert_eq!(signatures.collect::<Vec<_>>(), wanted);
    assert_eq!(trust.root.as_deref(), Some(trust::ROOT.as_bytes()));
    assert_eq!(trust.version.as_deref(), Some(trust::VERSION.as_bytes()));
    let bare = repository(&["stopgate.yaml"]);
    assert_eq!(read(bare.path()).expect("read").trust, Trust::default());
}

#[test]
fn t2_links_are_never_followed_and_special_files_are_not_opened() {
    let dir = repository(&["stopgate.yaml", "rules/erp.yaml", "elsewhere/x.sig"]);
    let outside = repository(&["secret.yaml", "folder/x.yaml"]);
    let links = [
        ("erp.yaml", "rules/same.yaml"),
        ("nowhere", "rules/dangling.yaml"),
        ("elsewhere", "reviews"),
        ("rules", "catalog"),
        ("stopgate.yaml", "NOTES"),
        ("elsewhere", "trust"),
    ];
    for (to, name) in links {
        symlink(to, dir.path().join(name)).expect("a link");
    }
    let out = outside.path().join("secret.yaml");
    symlink(out, dir.path().join("rules/out.yaml")).expect("a link");
    let out = outside.path().join("folder");
    symlink(out, dir.path().join("rules/folder")).expect("a link");
    let reading = read(dir.path()).expect("read");
    let refused: Vec<&str> = reading.unread.keys().map(String::as_str).collect();
    let wanted = [
        "NOTES",
        "catalog",
        "reviews",
        "rules/dangling.yaml",
        "rules/folder",
        "rules/out.yaml",
        "rules/same.yaml",
        "trust",
    ];
    assert_eq!(refused, wanted);
    assert!(
        reading
            .unread
            .values()
            .all(|unread| *unread == Unread::Link)
    );
    assert_eq!(names(dir.path()), ["rules/erp.yaml", "stopgate.yaml"]);

    let _listener = std::os::unix::net::UnixListener::bind(dir.path().join("rules/socket.yaml"))
        .expect("a socket");
    let Err(WorkspaceError::Refused { problems }) = read(dir.path()) else {
        panic!("refused")
    };
    assert_eq!(problems, [Problem::Special("rules/socket.yaml".into())]);
}

#[test]
fn t2_another_repository_and_pointers_of_git_lfs_are_no_policy() {
    let dir = repository(&["stopgate.yaml", "rules/erp.yaml", "rules/other/.git/HEAD"]);
    fs::write(dir.path().join("rules/other/x.yaml"), "x").expect("written");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    fs::write(dir.path().join("rules/erp.yaml"), pointer).expect("written");
    let unread = read(dir.path()).expect("read").unread;
    let wanted = [
        ("rules/erp.yaml".to_owned(), Unread::LfsPointer),
        ("rules/other".to_owned(), Unread::Submodule),
    ];
    assert_eq!(unread, BTreeMap::from(wanted));
}

#[test]
fn t4_a_long_file_is_not_read_and_its_length_is_told() {
    let dir = repository(&["stopgate.yaml", "waivers/1.k1.sig", trust::ROOT]);
    for (name, long) in [
        ("profiles.yaml", MAX_DOCUMENT + 1),
        ("rules/whole.yaml", MAX_DOCUMENT),
        ("waivers/1.k1.sig", 3 << 20),
        (trust::ROOT, 3 << 20),
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let file = File::create(path).expect("a file");
        file.set_len(long).expect("long");
    }
    let reading = read(dir.path()).expect("read");
    let wanted = [("profiles.yaml".to_owned(), Unread::Long(MAX_DOCUMENT + 1))];
    assert_eq!(reading.unread, BTreeMap::from(wanted));
    assert_eq!(reading.documents.len(), 2);
    // Too long to be one, and known to be there.
    assert_eq!(reading.trust.signatures[0].1.len() as u64, MAX_DOCUMENT + 1);
    let root = reading.trust.root.expect("a root");
    assert_eq!(root.len() as u64, MAX_DOCUMENT + 1);
}

#[test]
fn a_folder_without_stopgate_yaml_is_no_repository() {
    let dir = repository(&["rules/erp.yaml"]);
    for folder in [dir.path().to_owned(), dir.path().join("none")] {
        let none = matches!(read(&folder), Err(WorkspaceError::NotARepository { .. }));
        assert!(none, "{}", folder.display());
    }
}

#[test]
fn a_carriage_return_before_a_line_feed_is_no_difference_and_all_else_is() {
    let reading = |text: &str| Reading {
        documents: vec![("rules/erp.yaml".to_owned(), text.as_bytes().to_vec())],
        ..Reading::default()
    };
    let text = reading("a: 1\nb: 2\n");
    for (other, differs) in [
        ("a: 1\r\nb: 2\r\n", false),
        ("a: 1\nb: 2\r\n", false),
        ("a: 1\nb: 2", true),
        ("a: 1\rb: 2\n", true),
        ("a: 1\r\r\nb: 2\n", true),
        ("a: 1\n\nb: 2\n", true),
    ] {
        let other = reading(other);
        assert_eq!(!text.differing(&other).is_empty(), differs, "{other:?}");
        assert_eq!(text.changed(&other).len(), 1);
    }
    let linked = Reading {
        unread: BTreeMap::from([("rules/erp.yaml".to_owned(), Unread::Link)]),
        ..Reading::default()
    };
    for other in [linked, Reading::default()] {
        assert_eq!(text.differing(&other), BTreeSet::from(["rules/erp.yaml"]));
    }
    let rooted = Reading {
        trust: Trust {
            root: Some(b"{}".to_vec()),
            ..Trust::default()
        },
        ..text.clone()
    };
    assert_eq!(text.differing(&rooted), BTreeSet::from([trust::ROOT]));
}
