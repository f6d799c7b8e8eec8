//! Every JSON object that a command prints fits its published schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::{bank, publish, refund, sign};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/schemas")
}

/// Schemas by command.
fn schemas() -> BTreeMap<String, Validator> {
    let files = std::fs::read_dir(folder()).expect("schemas");
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let schema: Value =
                serde_json::from_slice(&std::fs::read(&path).expect("a schema")).expect("JSON");
            jsonschema::meta::validate(&schema)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let command = path
                .file_stem()
                .expect("a name")
                .to_str()
                .expect("UTF-8")
                .replace('-', " ");
            (
                command,
                jsonschema::validator_for(&schema).expect("a schema"),
            )
        })
        .collect()
}

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let mut commands = BTreeSet::new();
    for command in stopgate::cli::command().get_subcommands() {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() {
            commands.insert(command.get_name().to_owned());
        }
        commands.extend(
            below
                .iter()
                .map(|below| format!("{} {}", command.get_name(), below.get_name())),
        );
    }
    assert_eq!(schemas().into_keys().collect::<BTreeSet<_>>(), commands);
}

#[test]
fn what_is_printed_fits() {
    let schemas = schemas();
    let bank = bank();
    let desk = sign::desk();
    let yes = format!("--yes={}", sign::digest(&desk, &sign::WAIVER));
    assert_eq!(desk.run(&["init", "invalid"]).exit, 0);
    desk.edit("invalid/rules/tickets.yaml", "risk: low", "risk: tiny");
    std::fs::create_dir(desk.path("invalid/waivers")).expect("a folder");
    std::fs::write(desk.path("invalid/waivers/1.yaml"), "stopgate: 1\n").expect("written");
    assert_eq!(desk.run(&["init", "failing"]).exit, 0);
    desk.edit(
        "failing/tests/tickets.yaml",
        "reject: no_rule",
        "reject: forbidden",
    );
    let refund = |evidence| {
        let input = r#"{"order_id":"A-1001","amount_cents":40000,"currency":"EUR"}"#;
        [
            &refund(&bank, input, "2026-11-24T20:00:00Z")[..],
            &[evidence],
        ]
        .concat()
    };
    let runs: Vec<Vec<&str>> = vec![
        vec!["completions", "bash"],
        vec!["man", "-o", "."],
        vec!["man", "-o", "nowhere"],
        vec!["init", "--example=bank", "bank"],
        vec!["init", "new"],
        vec!["init", "new"],
        vec!["check", "p"],
        vec!["check", "invalid"],
        vec!["check", "nowhere"],
        vec!["test", "p"],
        vec!["test", &bank, "--coverage"],
        vec!["test", "p", "--mutants"],
        vec!["test", "failing"],
        vec!["test", "invalid"],
        refund("--evidence=none"),
        refund("--evidence=all"),
        refund("--channel=pilot"),
        refund("--profile=finance"),
        vec!["explain", "p", "--tool=nothing", "--operation=nothing"],
        vec![
            "explain",
            "invalid",
            "--tool=nothing",
            "--operation=nothing",
        ],
        vec!["matrix", &bank],
        vec!["matrix", "invalid"],
        vec!["diff", "p", "--base=empty"],
        vec!["diff", "invalid", "--base=empty"],
        vec!["diff", "nowhere", "--base=empty"],
        vec!["keygen", "ci"],
        vec!["keygen", "ci"],
        vec!["root", "--key=ci.key"],
        vec!["root", "--key=ci.key"],
        [&sign::WAIVER[..], &[&yes]].concat(),
        sign::WAIVER.to_vec(),
        sign::REVIEW.to_vec(),
        vec![
            "sign",
            "invalid/waivers/1.yaml",
            "--waiver",
            "--key=ana.key",
        ],
        vec!["build", "p", "--key=ci.key"],
        vec!["build", "p", "-o", "unsigned.stopgate"],
        vec!["build", "invalid"],
        vec!["verify", "policy.stopgate", "--root=root.dsse.json"],
        vec!["verify", "unsigned.stopgate", "--root=root.dsse.json"],
        vec!["lock", "p", "--check"],
        vec!["lock", "nowhere", "p"],
        vec!["schemas"],
        vec!["log", "verify", "nowhere"],
        vec!["replay", "p", "--log", "nowhere", "--base", "main"],
    ];
    let mut tried = BTreeSet::new();
    for args in runs {
        let run = desk.run(&[&args[..], &["--format=json"]].concat());
        let json = run.json();
        assert_eq!(json["exit"], run.exit, "{args:?}");
        let command = json["command"].as_str().expect("a command");
        let schema = schemas
            .get(command)
            .unwrap_or_else(|| panic!("no schema for {command}"));
        let mistakes: Vec<String> = schema
            .iter_errors(&json)
            .map(|error| error.to_string())
            .collect();
        assert!(
            mistakes.is_empty(),
            "{args:?}: {mistakes:#?}\n{}",
            run.shown()
        );
        tried.insert(command.to_owned());
    }
    tried.extend(channels(&schemas));
    assert_eq!(
        tried,
        schemas.into_keys().collect(),
        "a command was not tried"
    );
}

/// What is printed of a channel, and the commands that were tried.
fn channels(schemas: &BTreeMap<String, Validator>) -> [String; 8] {
    let desk = publish::desk();
    let (ana, eva) = (
        publish::sign_off(&desk, "ana"),
        publish::sign_off(&desk, "eva"),
    );
    let to = [
        "publish",
        "p",
        "--channel=prod",
        "--store=dir:channels",
        "--key=ci.key",
    ];
    let time = [
        "timestamp",
        "--channel=prod",
        "--store=dir:channels",
        "--root=p/trust/root.dsse.json",
    ];
    let stop = [&["stop"], &time[1..]].concat();
    let lift = [&["lift", "INC-7"], &time[1..]].concat();
    let back = [&["rollback"], &to[1..]].concat();
    let drift = ["drift", "p", "--channel=prod", "--store=dir:channels"];
    let off = ["signoff", "p", "--base=empty", "--key=ana.key"];
    for (args, exit) in [
        ([&to[..], &[]].concat(), 5),
        ([&to[..], &[&ana, &eva, "--plan"]].concat(), 0),
        ([&to[..], &[&ana, &eva]].concat(), 0),
        ([&to[..], &[]].concat(), 0),
        ([&to[..], &["--rows"]].concat(), 0),
        ([&to[..], &["--key=ana.key"]].concat(), 8),
        (off.to_vec(), 8),
        ([&back[..], &["--to=1"]].concat(), 0),
        (drift.to_vec(), 0),
        ([&drift[..], &["--sidecar=nowhere"]].concat(), 1),
        ([&["status"], &time[1..]].concat(), 0),
        ([&back[..], &["--to=2"]].concat(), 1),
        ([&time[..], &["--key=clock.key"]].concat(), 0),
        ([&time[..], &["--key=ana.key"]].concat(), 8),
        (
            [
                &stop[..],
                &["--key=night.key", "--id=INC-7", "--reason=odd"],
            ]
            .concat(),
            0,
        ),
        ([&stop[..], &["--key=ana.key", "--reason=odd"]].concat(), 8),
        ([&lift[..], &["--key=ana.key", "-o=ana.lift"]].concat(), 5),
        ([&lift[..], &["--key=night.key"]].concat(), 8),
        (
            [
                &lift[..],
                &["--key=ci.key", "--key=eva.key", "--signed=ana.lift"],
            ]
            .concat(),
            0,
        ),
    ] {
        let run = desk.run(&[&args[..], &["--format=json"]].concat());
        let json = run.json();
        assert_eq!(json["exit"], exit, "{args:?}: {}", run.shown());
        let schema = schemas.get(json["command"].as_str().expect("a command"));
        let mistakes: Vec<String> = schema
            .expect("a schema")
            .iter_errors(&json)
            .map(|error| error.to_string())
            .collect();
        assert!(
            mistakes.is_empty(),
            "{args:?}: {mistakes:#?}\n{}",
            run.shown()
        );
    }
    [
        "drift",
        "lift",
        "publish",
        "rollback",
        "signoff",
        "status",
        "stop",
        "timestamp",
    ]
    .map(str::to_owned)
}

#[test]
fn a_schema_that_would_take_anything_is_none() {
    for (command, schema) in schemas() {
        for wrong in [
            serde_json::json!({}),
            serde_json::json!({"stopgate": 1, "command": command, "exit": 0}),
        ] {
            assert!(!schema.is_valid(&wrong), "{command} takes {wrong}");
        }
    }
}
