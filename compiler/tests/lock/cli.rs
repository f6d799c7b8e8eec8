//! The command itself, over a repository on disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::servers_folder;

const WORKSPACE: &str = "\
stopgate: 1
organisation: acme-bank
identity:
  - issuer: https://sso.acme.example/
channels:
  dev: {ceiling: high}
";

fn catalog(contract: &str) -> String {
    format!(
        "\
stopgate: 1
tool: erp
owner: finance-systems
server: {{contract: {contract}, command: [acme-erp-mcp], env: [ERP_URL, ERP_VARIANT]}}
operations:
  get_order: {{effect: read}}
"
    )
}

fn repository(contract: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("catalog")).expect("a folder");
    fs::write(folder.path().join("stopgate.yaml"), WORKSPACE).expect("written");
    step(folder.path(), contract);
    folder
}

fn step(repository: &Path, contract: &str) {
    fs::write(repository.join("catalog/erp.yaml"), catalog(contract)).expect("written");
}

/// Exit code and stdout of `stopgate lock` with `arguments`.
fn lock(path: &Path, variant: Option<&str>, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopgate"));
    command
        .arg("lock")
        .args(arguments)
        .env_clear()
        .env("PATH", path);
    if let Some(variant) = variant {
        command.env("ERP_VARIANT", variant);
    }
    let output = command.output().expect("stopgate runs");
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("UTF-8"),
    )
}

#[test]
fn a_changed_server_is_shown_refused_and_locked_once_the_contract_took_the_step() {
    let repository = repository("2.1.0");
    let dir = repository.path().to_str().expect("UTF-8");
    let file = repository.path().join("catalog/erp.lock.json");
    let run = |variant, arguments: &[&str]| lock(servers_folder(), variant, arguments);
    let committed = || fs::read_to_string(&file).expect("the lock");

    let (code, text) = run(None, &["--check", dir]);
    assert_eq!(code, Some(7), "{text}");
    let missing = format!("there is no catalog/erp.lock.json; run `stopgate lock erp {dir}`");
    assert!(text.contains(&missing), "{text}");
    let (code, text) = run(None, &["erp", dir]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("locked 9 functions of acme-erp 2.1.0 for contract 2.1.0"),
        "{text}"
    );
    let first = committed();
    for arguments in [&[dir][..], &["--check", dir], &["erp", dir, "--check"]] {
        let (code, text) = run(None, arguments);
        assert_eq!(
            (code, text.lines().next()),
            (Some(0), Some("erp: same")),
            "{text}"
        );
    }

    let (code, text) = run(Some("breaking"), &["--check", dir]);
    assert_eq!(code, Some(7));
    for part in [
        "erp: differs",
        "breaking    create_refund /inputSchema/properties/reason: ",
        "contract: 3.0.0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text) = run(Some("breaking"), &[dir]);
    assert_eq!(
        (code, text.lines().next()),
        (Some(7), Some("erp: refused")),
        "{text}"
    );
    step(repository.path(), "2.2.0");
    assert_eq!(
        run(Some("breaking"), &[dir]).0,
        Some(7),
        "a minor step is not enough"
    );
    assert_eq!(committed(), first, "nothing was written");

    step(repository.path(), "3.0.0");
    let (code, text) = run(Some("breaking"), &["--check", dir]);
    assert_eq!(code, Some(7), "the lock is still the old one: {text}");
    let (code, text) = run(Some("breaking"), &[dir]);
    assert_eq!(code, Some(0), "{text}");
    assert!(committed().contains("\"contract\": \"3.0.0\""));
    assert_eq!(run(Some("breaking"), &["--check", dir]).0, Some(0));
}

#[test]
fn json_holds_every_change_with_its_class() {
    let repository = repository("2.1.0");
    let dir = repository.path().to_str().expect("UTF-8");
    assert_eq!(lock(servers_folder(), None, &[dir]).0, Some(0));
    let (code, text) = lock(
        servers_folder(),
        Some("description"),
        &[dir, "--check", "--format", "json"],
    );
    assert_eq!(code, Some(7));
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&answer["command"], &answer["exit"]),
        (&"lock".into(), &7.into())
    );
    let tool = &answer["tools"][0];
    assert_eq!(
        (&tool["tool"], &tool["status"], &tool["step"]),
        (&"erp".into(), &"differs".into(), &"patch".into())
    );
    let change = &tool["changes"][0];
    assert_eq!(
        (&change["function"], &change["kind"]),
        (&"create_refund".into(), &"wording".into())
    );
    assert_eq!(
        (&change["class"], &change["place"]),
        (&"compatible".into(), &"/description".into())
    );
    assert!(change["before"].is_string() && change["after"].is_string());
}

#[test]
fn what_cannot_be_judged_is_never_fine() {
    let repository = repository("2.1.0");
    let dir = repository.path().to_str().expect("UTF-8");
    assert_eq!(lock(servers_folder(), None, &[dir]).0, Some(0));
    let file = repository.path().join("catalog/erp.lock.json");
    let locked = fs::read_to_string(&file).expect("the lock");

    assert_eq!(
        lock(Path::new("/nowhere"), None, &["--check", dir]).0,
        Some(1),
        "no such program"
    );
    assert_eq!(
        lock(servers_folder(), Some("nonsense"), &["--check", dir]).0,
        Some(1),
        "the server ends"
    );
    assert_eq!(
        lock(servers_folder(), None, &["--check", "hr", dir]).0,
        Some(2),
        "no such tool"
    );
    assert_eq!(
        lock(servers_folder(), None, &["--timeout", "0s", dir]).0,
        Some(2)
    );

    fs::write(&file, locked.replace("Refund part", "Refund any part")).expect("written");
    let edited = fs::read_to_string(&file).expect("the lock");
    for arguments in [&["--check", dir][..], &[dir]] {
        let (code, text) = lock(servers_folder(), None, arguments);
        assert_eq!(
            (code, text.lines().next()),
            (Some(7), Some("erp: unreadable")),
            "{text}"
        );
        assert_eq!(
            fs::read_to_string(&file).expect("the lock"),
            edited,
            "it is not overwritten"
        );
    }

    fs::write(repository.path().join("catalog/hr.yaml"), "tool: [").expect("written");
    assert_eq!(
        lock(servers_folder(), None, &["--check", dir]).0,
        Some(3),
        "a catalog that cannot be read"
    );
}
