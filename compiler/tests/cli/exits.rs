//! The table of exit codes, one row for each way to end that a command has.

use std::os::unix::fs::PermissionsExt as _;

use crate::{Desk, bank};

#[test]
fn every_command_ends_as_its_help_says() {
    let bank = bank();
    let desk = Desk::with_repository();
    assert_eq!(desk.run(&["keygen", "ci"]).exit, 0);
    assert_eq!(desk.run(&["root", "--key=ci.key"]).exit, 0);
    assert_eq!(desk.run(&["keygen", "open"]).exit, 0);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(desk.path("open.key"), open).expect("permissions");
    assert_eq!(desk.run(&["init", "invalid"]).exit, 0);
    desk.edit("invalid/rules/tickets.yaml", "risk: low", "risk: tiny");
    assert_eq!(desk.run(&["init", "failing"]).exit, 0);
    desk.edit(
        "failing/tests/tickets.yaml",
        "reject: no_rule",
        "reject: forbidden",
    );
    std::fs::create_dir(desk.path("empty")).expect("a folder");
    std::fs::write(desk.path("file"), "").expect("written");

    let explain = ["--tool=tickets", "--operation=get_ticket"];
    let table: &[(i32, &[&str])] = &[
        (0, &["--help"]),
        (0, &["--version"]),
        (2, &[]),
        (2, &["nonsense"]),
        (2, &["check", "--nonsense"]),
        (2, &["check", "-q", "-v"]),
        (0, &["init", "new"]),
        (2, &["init", "p"]),
        (1, &["init", "file/below"]),
        (0, &["check", "p"]),
        (0, &["check", &bank]),
        (2, &["check", "empty"]),
        (2, &["check", "nowhere"]),
        (3, &["check", "invalid"]),
        (0, &["test", "p"]),
        (0, &["test", &bank]),
        (2, &["test", "p", "--filter", "no such case"]),
        (2, &["test", "p", "--min-score=90"]),
        (2, &["test", "p", "--mutants", "--min-score=101"]),
        (2, &["test", "p", "--mutants", "--filter=*"]),
        (4, &["test", "failing", "--mutants", "--min-score=0"]),
        (3, &["check", "invalid", "--format=sarif"]),
        (2, &["check", "nowhere", "--format=sarif"]),
        // Standard input is empty here, so watching ends after the first report.
        (0, &["check", "p", "--watch"]),
        (3, &["check", "invalid", "--watch"]),
        (3, &["test", "invalid"]),
        (4, &["test", "failing"]),
        (0, &["matrix", "p"]),
        (3, &["matrix", "invalid"]),
        // What is judged would choose what it is judged by.
        (2, &["diff", "p", "--base=worktree"]),
        (2, &["replay", "p", "--log=file", "--base=worktree"]),
        (
            0,
            &[
                "explain",
                "p",
                explain[0],
                explain[1],
                "--profile=support",
                "--input",
                r#"{"ticket_id":"T-1"}"#,
            ],
        ),
        (0, &["explain", "p", explain[0], explain[1]]),
        (0, &["explain", "p", "--tool=nothing", explain[1]]),
        (0, &["explain", "p", explain[0], "--function=nothing"]),
        (
            0,
            &[
                "explain",
                "p",
                explain[0],
                explain[1],
                "--profile=support",
                "--input",
                "{]",
            ],
        ),
        (2, &["explain", "p", explain[0]]),
        (
            2,
            &["explain", "p", explain[0], explain[1], "--profile=suport"],
        ),
        (
            2,
            &["explain", "p", explain[0], explain[1], "--channel=nowhere"],
        ),
        (
            2,
            &[
                "explain",
                "p",
                explain[0],
                explain[1],
                "--evidence=trust-me",
            ],
        ),
        (
            2,
            &["explain", "p", explain[0], explain[1], "--input=@nowhere"],
        ),
        (3, &["explain", "invalid", explain[0], explain[1]]),
        (0, &["keygen", "new"]),
        (2, &["keygen", "ci"]),
        (2, &["keygen", "No Name"]),
        (1, &["keygen", "new", "-o", "nowhere"]),
        (2, &["root", "--key=ci.key"]),
        (
            2,
            &[
                "root",
                "--key=ci.key",
                "-o",
                "old.json",
                "--expires=2020-01-01T00:00:00Z",
            ],
        ),
        (8, &["root", "--key=open.key", "-o", "other.json"]),
        (
            8,
            &[
                "root",
                "--key=ci.key",
                "--publisher=ci.key",
                "-o",
                "other.json",
            ],
        ),
        (0, &["build", "p", "--key=ci.key"]),
        (3, &["build", "invalid", "--key=ci.key"]),
        (8, &["build", "p", "--key=open.key"]),
        (8, &["build", "p", "--key=nowhere.key"]),
        // Both apply: 8 comes before 3.
        (8, &["build", "invalid", "--key=open.key"]),
        (1, &["build", "p", "-o", "nowhere/x.stopgate"]),
        (0, &["verify", "policy.stopgate", "--root=root.dsse.json"]),
        (8, &["verify", "policy.stopgate", "--root=policy.stopgate"]),
        (8, &["verify", "file", "--root=root.dsse.json"]),
        (2, &["verify", "nowhere", "--root=root.dsse.json"]),
        (2, &["lock", "nowhere", "p"]),
        (2, &["log", "verify", "empty"]),
    ];
    for (exit, args) in table {
        let run = desk.run(args);
        assert_eq!(run.exit, *exit, "{args:?}: {}", run.shown());
        assert!(
            run.exit == 0 || !run.shown().contains("panicked"),
            "{args:?}: {}",
            run.shown()
        );
    }
}

#[test]
fn what_stops_a_command_is_said_on_stderr_and_as_json() {
    let desk = Desk::new();
    let text = desk.run(&["check", "nowhere"]);
    assert_eq!(text.stdout, "");
    assert!(
        text.stderr
            .starts_with("error: nowhere is not a policy repository"),
        "{}",
        text.stderr
    );
    let json = desk.run(&["check", "nowhere", "--format=json"]).json();
    assert_eq!(
        (&json["command"], &json["exit"]),
        (&"check".into(), &2.into())
    );
}

#[test]
fn an_invalid_policy_shows_its_diagnostics_whatever_was_asked() {
    let desk = Desk::with_repository();
    desk.edit("p/rules/tickets.yaml", "risk: low", "risk: tiny");
    for command in ["check", "test", "matrix", "build"] {
        let run = desk.run(&[command, "p"]);
        assert_eq!(run.exit, 3);
        assert!(
            run.stdout.contains("unknown-word"),
            "{command}: {}",
            run.shown()
        );
        let json = desk.run(&[command, "p", "--format=json"]).json();
        assert_eq!(
            (&json["command"], &json["diagnostics"][0]["code"]),
            (&command.into(), &"unknown-word".into())
        );
    }
    assert!(!desk.path("policy.stopgate").exists(), "nothing was built");
}
