//! Ways to a file on a real disk, and owners that a test cannot make.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Makes a folder that only we can write, as deep as a test needs it, with a file in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).expect("folders");
    for path in [&folder.path().join("a"), &inner] {
        set(path, 0o755);
    }
    fs::write(inner.join("file"), "text").expect("a file");
    set(&inner.join("file"), 0o644);
    folder
}

/// Returns `path by whom` for who could replace what is at `path` of `folder`, with the folder left out; nothing if
/// nobody could.
fn said(folder: &tempfile::TempDir, path: &str, kind: Kind) -> String {
    match walk(&folder.path().join(path), kind) {
        Ok(_) => String::new(),
        Err(Stopped::Replaceable(MayBeReplaced { path, by })) => {
            let path = path.strip_prefix(folder.path()).unwrap_or(&path);
            format!("{} {by}", path.display())
        }
        Err(stopped) => panic!("{stopped:?}"),
    }
}

#[test]
fn t70_whoever_can_write_on_the_way_is_told() {
    let gid = rustix::process::getegid();
    let group = format!("gid {gid}");
    for (path, mode, file, place) in [
        ("a/b/file", 0o644, String::new(), String::new()),
        ("a/b/file", 0o600, String::new(), String::new()),
        (
            "a/b/file",
            0o664,
            format!("a/b/file {group}"),
            String::new(),
        ),
        (
            "a/b/file",
            0o646,
            "a/b/file everybody".to_owned(),
            String::new(),
        ),
        ("a/b", 0o775, format!("a/b {group}"), format!("a/b {group}")),
        (
            "a/b",
            0o777,
            "a/b everybody".to_owned(),
            "a/b everybody".to_owned(),
        ),
        // In a sticky folder nobody else can touch what is ours.
        ("a/b", 0o1777, String::new(), String::new()),
        (
            "a",
            0o757,
            "a everybody".to_owned(),
            "a everybody".to_owned(),
        ),
        ("a", 0o1777, String::new(), String::new()),
        ("", 0o770, format!(" {group}"), format!(" {group}")),
    ] {
        let folder = folder();
        set(&folder.path().join(path), mode);
        let found = said(&folder, "a/b/file", Kind::File);
        assert_eq!(found, file, "{path} {mode:o}");
        let found = said(&folder, "a/b/file", Kind::Place);
        assert_eq!(found, place, "{path} {mode:o}");
        // What is not there yet can be made by whoever can write in its folder.
        let found = said(&folder, "a/b/none", Kind::File);
        assert_eq!(found, place, "{path} {mode:o}");
        set(folder.path(), 0o700);
    }
    let folder = folder();
    set(&folder.path().join("a/b"), 0o1777);
    assert_eq!(said(&folder, "a/b", Kind::Folder), "a/b everybody");
}

#[test]
fn t70_links_are_followed_and_every_folder_on_their_way_counts() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("open")).expect("a folder");
    // As Kubernetes lays a ConfigMap out.
    symlink("b", at("a/..data")).expect("a link");
    symlink("..data/file", at("a/file")).expect("a link");
    symlink(at("a"), at("absolute")).expect("a link");
    symlink("../a/b/../b/./file", at("open/file")).expect("a link");
    for path in ["a/file", "absolute/file", "open/../a/file", "open/file"] {
        assert_eq!(said(&folder, path, Kind::File), "", "{path}");
        let walked = walk(&at(path), Kind::File).expect("a way");
        assert_eq!(
            walked.path,
            fs::canonicalize(at("a/b/file")).expect("a file")
        );
        assert!(walked.found.is_some());
    }
    set(&at("open"), 0o777);
    assert_eq!(said(&folder, "open/file", Kind::File), "open everybody");
    // The way back through a folder does not depend on what is in it.
    assert_eq!(said(&folder, "open/../a/file", Kind::File), "");
    set(&at("open"), 0o755);
    set(&at("a/b"), 0o777);
    assert_eq!(said(&folder, "absolute/file", Kind::File), "a/b everybody");

    symlink("loop", at("loop")).expect("a link");
    let stopped = walk(&at("loop"), Kind::File);
    assert!(matches!(stopped, Err(Stopped::Io { .. })), "{stopped:?}");
    symlink("nowhere/file", at("dangling")).expect("a link");
    let walked = walk(&at("dangling"), Kind::File).expect("a way");
    assert!(walked.found.is_none() && walked.path.ends_with("nowhere/file"));
}

#[test]
fn t70_owners_are_this_user_and_root_and_never_one_without_a_number() {
    let owned = |uid| Owned {
        uid,
        gid: 0,
        mode: 0o755,
    };
    let us = |uid, all_mapped| Us { uid, all_mapped };
    for (us, owner, stranger) in [
        (us(990, true), 0, None),
        (us(990, true), 990, None),
        (us(990, true), 1000, Some(By::Owner(1000))),
        (us(0, true), 1000, Some(By::Owner(1000))),
        (us(990, true), UNMAPPED, Some(By::Unmapped)),
        (us(0, false), UNMAPPED, Some(By::Unmapped)),
        // Who runs as `nobody` where every number means somebody owns its files.
        (us(UNMAPPED, true), UNMAPPED, None),
        (us(UNMAPPED, false), UNMAPPED, Some(By::Unmapped)),
    ] {
        assert_eq!(us.stranger(owned(owner)), stranger, "{us:?} {owner}");
    }
}

/// Only root can give a file away.
#[test]
fn t70_a_file_of_another_user_is_refused_even_in_a_sticky_folder() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let give = |path: &Path| {
        std::os::unix::fs::lchown(path, Some(1000), None).expect("given away");
    };
    give(&at("a/b/file"));
    assert_eq!(said(&folder, "a/b/file", Kind::File), "a/b/file uid 1000");
    set(&at("a/b"), 0o1777);
    assert_eq!(said(&folder, "a/b/file", Kind::File), "a/b/file uid 1000");
    symlink("b", at("a/link")).expect("a link");
    give(&at("a/link"));
    assert_eq!(said(&folder, "a/link/file", Kind::File), "a/link uid 1000");
    give(&at("a"));
    assert_eq!(said(&folder, "a/b/none", Kind::Place), "a uid 1000");
}

/// What a file system that is mounted read-only shows nobody writes here, whatever the mode says.
#[test]
fn t70_modes_do_not_count_where_nothing_can_be_written() {
    let path = Path::new("/sys/kernel");
    let mount = statvfs(path).map(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY));
    let everybody = Owned {
        uid: 0,
        gid: 0,
        mode: 0o40777,
    };
    let refused = written(path, everybody, false).is_err();
    assert_eq!(refused, mount != Ok(true));
}

/// What is said ends it, one place after the other, whatever the names are.
#[test]
fn t70_each_place_is_told_with_the_command_that_mends_it() {
    let folder = folder();
    let odd = folder.path().join("a/it's odd; $HOME");
    fs::create_dir(&odd).expect("a folder");
    fs::write(odd.join("file"), "text").expect("a file");
    symlink("file", odd.join("link")).expect("a link");
    set(&odd.join("file"), 0o666);
    set(&odd, 0o777);
    set(&folder.path().join("a"), 0o775);
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::lchown(odd.join("link"), Some(1000), None).expect("given away");
    }
    let expected = 3 + usize::from(root);
    let mut commands = Vec::new();
    while let Err(Stopped::Replaceable(replaceable)) = walk(&odd.join("link"), Kind::File) {
        let said = replaceable.to_string();
        let command = said
            .split_once(": `")
            .and_then(|(_, command)| command.strip_suffix('`'));
        let command = command
            .unwrap_or_else(|| panic!("no command: {said}"))
            .to_owned();
        let done = std::process::Command::new("sh")
            .args(["-c", &command])
            .status();
        assert!(done.expect("a shell").success(), "{command}");
        commands.push(command);
        assert!(commands.len() <= expected, "{commands:?}");
    }
    assert_eq!(commands.len(), expected, "{commands:?}");
    let given = commands.iter().filter(|it| it.starts_with("chown -h "));
    assert_eq!(given.count(), usize::from(root), "{commands:?}");
    assert!(walk(&odd.join("link"), Kind::File).is_ok());
    let unmapped = MayBeReplaced {
        path: odd,
        by: By::Unmapped,
    };
    assert!(
        unmapped
            .to_string()
            .ends_with("in this user namespace, from outside")
    );
}
