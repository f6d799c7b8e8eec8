//! The gate over a double of `stopgate` that ends as it is told: how exit codes become one, whatever they come from.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::history::{History, Verdict};

/// Ends each command with what its variable says, and notes that it was asked.
const DOUBLE: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "stopgate VERSION (0123456789ab 2026-11-24)"; exit; fi
echo "$*" >>"$ASKED"
echo "what $1 says"
for word; do case $word in markdown=*) echo "what $1 says" >"${word#*=}" ;; esac; done
case $1 in check) exit "$CHECK" ;; test) exit "$TEST" ;; diff) exit "$DIFF" ;; replay) exit "$REPLAY" ;; esac
"#;

/// What every command of a run ends with.
#[derive(Clone, Copy, Default)]
struct Ends {
    check: i32,
    test: i32,
    diff: i32,
    replay: i32,
}

struct Stage {
    history: History,
}

impl Stage {
    fn new() -> Self {
        let history = History::new();
        history.write("policies/README.md", "a change of nothing\n");
        history.commit();
        let double = history.path("bin/stopgate");
        std::fs::create_dir(history.path("bin")).expect("a folder");
        let text = DOUBLE.replace("VERSION", env!("CARGO_PKG_VERSION"));
        std::fs::write(&double, text).expect("written");
        std::fs::set_permissions(&double, Permissions::from_mode(0o755)).expect("set");
        Self { history }
    }

    fn bash(&self, ends: Ends) -> Command {
        let _was_it_there = std::fs::remove_file(self.history.path("asked"));
        let mut bash = self.history.command("bash");
        let bin = self.history.path("bin");
        bash.env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("ASKED", self.history.path("asked"))
            .env("CHECK", ends.check.to_string())
            .env("TEST", ends.test.to_string())
            .env("DIFF", ends.diff.to_string())
            .env("REPLAY", ends.replay.to_string());
        bash
    }

    fn gate(&self, ends: Ends, logs: &[&str]) -> Verdict {
        let args = [&["HEAD^", "HEAD"], logs].concat();
        self.history.judge(self.bash(ends), &args)
    }

    /// The commands that were asked, in their order, by their first word.
    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.history.path("asked")).unwrap_or_default();
        let mut words: Vec<String> = asked
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect();
        words.dedup();
        words
    }
}

#[test]
fn of_several_verdicts_the_first_of_8_3_6_5_7_4_is_the_gates() {
    let stage = Stage::new();
    let order = [8, 3, 6, 5, 7, 4, 0];
    for (at, grave) in order.iter().enumerate() {
        for light in &order[at..] {
            let ends = [
                Ends {
                    check: *grave,
                    diff: *light,
                    ..Ends::default()
                },
                Ends {
                    test: *light,
                    diff: *grave,
                    ..Ends::default()
                },
            ];
            for ends in ends {
                let verdict = stage.gate(ends, &[]);
                assert_eq!(verdict.exit, *grave, "with {light}: {}", verdict.all());
            }
        }
    }
}

#[test]
fn what_is_no_verdict_ends_the_gate_at_once() {
    let stage = Stage::new();
    for (code, exit) in [(1, 1), (2, 2), (9, 1), (101, 1), (137, 1)] {
        let ends = Ends {
            check: code,
            diff: 5,
            ..Ends::default()
        };
        let verdict = stage.gate(ends, &[]);
        assert_eq!(verdict.exit, exit, "{}", verdict.all());
        assert_eq!(stage.asked(), ["check"]);
        assert!(verdict.report("comment.md").contains("No verdict"));
    }
}

#[test]
fn logs_are_replayed_where_they_are_given() {
    let stage = Stage::new();
    assert_eq!(stage.gate(Ends::default(), &[]).exit, 0);
    assert_eq!(stage.asked(), ["check", "test", "diff"]);

    stage.history.write("one.jsonl", "");
    let over_budget = Ends {
        replay: 5,
        ..Ends::default()
    };
    let verdict = stage.gate(over_budget, &["one.jsonl"]);
    assert_eq!(verdict.exit, 5, "{}", verdict.all());
    assert_eq!(stage.asked(), ["check", "test", "diff", "replay"]);
    assert!(verdict.report("comment.md").contains("what replay says"));

    let verdict = stage.gate(Ends::default(), &["two.jsonl"]);
    assert_eq!(verdict.exit, 1, "a log that is not there");
}

#[test]
fn the_verdict_of_another_run_is_nobodys() {
    let stage = Stage::new();
    stage
        .history
        .write("reports/comment.md", "<!-- stopgate -->\nall is well\n");
    let ours = stage
        .bash(Ends::default())
        .arg(crate::history::top().join("ci/pipelines/gate"))
        .args(["-p", "policies", "-o", "reports", "HEAD^", "HEAD"])
        .output()
        .expect("bash starts");
    assert_eq!(ours.status.code(), Some(1));
    assert_eq!(stage.asked(), [""; 0]);
}

#[test]
fn a_policy_may_lie_at_the_top() {
    let stage = Stage::new();
    let version = env!("CARGO_PKG_VERSION");
    stage.history.write(".stopgate-version", version);
    stage.history.write("stopgate.yaml", "stopgate: 1\n");
    stage.history.commit();
    for folder in [".", "./"] {
        let bash = stage.bash(Ends::default());
        let verdict = stage.history.judge(bash, &["-p", folder, "HEAD", "HEAD"]);
        assert_eq!(verdict.exit, 0, "{}", verdict.all());
        assert_eq!(stage.asked(), ["check", "test", "diff"]);
    }
}
