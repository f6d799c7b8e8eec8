//! What a package of `stopgate` ships beside the binary: a version that names its commit, completions, manual pages, and
//! the reference repository.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::{Desk, bank};

#[test]
fn the_version_names_the_commit_it_was_built_from() {
    let run = Desk::new().run(&["--version"]);
    let package = concat!("stopgate ", env!("CARGO_PKG_VERSION"));
    let version = run.stdout.trim_end();
    let rest = version
        .strip_prefix(package)
        .expect("the package's version");
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let git = Command::new("git")
        .arg("-C")
        .arg(&top)
        .args(["show", "-s", "--abbrev=12", "--format=%h %cs", "HEAD"])
        .output();
    let commit = git
        .ok()
        .filter(|git| git.status.success())
        .map(|git| String::from_utf8(git.stdout).expect("UTF-8"));
    let (rest, zone_data) = rest.split_once(", zone data ").expect("the zone data");
    assert!(
        stopgate_decide::calendar::is_zone_data(zone_data),
        "{zone_data}"
    );
    match commit.filter(|_| top.join(".git").exists()) {
        Some(commit) => assert_eq!(rest, format!(" ({})", commit.trim())),
        None => assert_eq!(rest, ""),
    }
}

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    let desk = Desk::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = desk.run(&["completions", shell]);
        assert_eq!(run.exit, 0, "{}", run.shown());
        for command in stopgate::cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(run.stdout.contains(name), "{shell} does not know {name}");
        }
    }
    assert_eq!(desk.run(&["completions", "cmd"]).exit, 2);
}

#[test]
fn the_script_for_bash_is_one_that_bash_reads() {
    let desk = Desk::new();
    std::fs::write(
        desk.path("script"),
        desk.run(&["completions", "bash"]).stdout,
    )
    .expect("written");
    let bash = Command::new("bash")
        .args(["-n", "script"])
        .current_dir(desk.path("."))
        .output();
    let bash = bash.expect("bash");
    assert!(
        bash.status.success(),
        "{}",
        String::from_utf8_lossy(&bash.stderr)
    );
}

#[test]
fn every_command_has_a_manual_page() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("man1")).expect("a folder");
    let run = desk.run(&["man", "-o", "man1"]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    for page in ["stopgate.1", "stopgate-check.1", "stopgate-log-verify.1"] {
        let text = std::fs::read_to_string(desk.path("man1").join(page)).expect(page);
        assert!(text.contains(".SH NAME"), "{page}: {text}");
    }
    // An upgrade writes them again.
    assert_eq!(desk.run(&["man", "-o", "man1"]).exit, 0);
}

/// Every file below `folder`, by name.
fn files(folder: &Path, within: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        let name = format!("{within}{name}");
        if path.is_dir() {
            found.extend(files(&path, &format!("{name}/")));
        } else {
            found.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
    found
}

#[test]
fn the_example_is_the_reference_repository_and_passes_where_it_is_written() {
    let desk = Desk::new();
    let run = desk.run(&["init", "--example", "bank", "new/bank"]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    let mut written = files(&desk.path("new/bank"), "");
    written.retain(|name, _| !name.starts_with(stopgate::editor::FOLDER));
    let mut wanted = files(Path::new(&bank()), "");
    for (name, bytes) in &mut wanted {
        // The line for editors says where the schemas are, which is elsewhere here.
        let text = String::from_utf8(bytes.clone()).expect("UTF-8");
        *bytes = stopgate::editor::wired(name, &text).into_bytes();
    }
    assert!(written == wanted, "a file differs from policies/");
    for args in [&["check", "new/bank"], &["test", "new/bank"]] {
        let run = desk.run(args);
        assert_eq!(run.exit, 0, "{}", run.shown());
    }
    let again = desk.run(&["init", "--example", "bank", "new/bank"]);
    assert_eq!(again.exit, 2, "nothing is overwritten: {}", again.shown());
}
