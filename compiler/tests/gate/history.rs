//! Two revisions in a real git repository, and what `stopgate diff` says about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

use crate::brute::{People, smallest};
use crate::fixture::Files;

/// A repository whose `HEAD~1` is the base and whose `HEAD` is the head.
pub(crate) fn history(base: &Files, head: &Files) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path();
    git(top, &["init", "-q", "-b", "main"]);
    write(top, base);
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "base"]);
    for path in base.keys().filter(|path| !head.contains_key(*path)) {
        fs::remove_file(top.join(path)).expect("removed");
    }
    write(top, head);
    git(top, &["add", "-A"]);
    git(top, &["commit", "-qm", "head"]);
    folder
}

fn write(top: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = top.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("written");
    }
}

fn git(top: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(["-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(top)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

/// What the gate said.
#[derive(Debug)]
pub(crate) struct Said {
    /// How it ended.
    pub(crate) exit: i32,
    /// Its JSON; nothing where the policy is invalid.
    pub(crate) answer: Answer,
    /// All it printed, for the message of a red test.
    pub(crate) printed: String,
}

/// As much of the JSON as is judged.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    operations: Vec<Operation>,
    #[serde(default)]
    pub(crate) settings: Vec<Setting>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    tool: String,
    operation: String,
    class: String,
    cells: Vec<Cell>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    profiles: Option<People>,
    groups: Option<People>,
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    part: String,
    pointer: Option<String>,
    direction: String,
}

/// A setting outside the rules that differs.
#[derive(Debug, Deserialize)]
pub(crate) struct Setting {
    /// Where.
    pub(crate) file: String,
    /// Which way.
    pub(crate) effect: String,
}

/// What the gate says of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// In a word.
    pub(crate) class: String,
    /// Parts that got looser.
    pub(crate) looser: BTreeSet<String>,
    /// Parts that got stricter.
    pub(crate) stricter: BTreeSet<String>,
    /// The smallest sets of people for whom something is looser.
    pub(crate) people: BTreeSet<People>,
    /// Whether they are groups.
    pub(crate) by_groups: bool,
}

impl Answer {
    /// By `tool/operation`; operations that stay the same may be left out.
    pub(crate) fn told(&self) -> BTreeMap<String, Told> {
        let told = |one: &Operation| (format!("{}/{}", one.tool, one.operation), one.told());
        self.operations.iter().map(told).collect()
    }
}

impl Operation {
    fn told(&self) -> Told {
        let towards = |direction: &str| {
            let parts = self.cells.iter().flat_map(|cell| &cell.parts);
            let mine = parts.filter(|part| part.direction == direction);
            mine.map(Part::word).collect()
        };
        let looser = |cell: &&Cell| cell.parts.iter().any(|part| part.direction == "looser");
        let holder = |cell: &Cell| {
            let people = cell.profiles.as_ref().or(cell.groups.as_ref());
            people.expect("profiles or groups").clone()
        };
        let people = self.cells.iter().filter(looser).map(holder).collect();
        Told {
            class: self.class.clone(),
            looser: towards("looser"),
            stricter: towards("stricter"),
            people: smallest(&people),
            by_groups: self.cells.iter().any(|cell| cell.groups.is_some()),
        }
    }
}

impl Part {
    fn word(&self) -> String {
        match &self.pointer {
            Some(pointer) => format!("{} {pointer}", self.part),
            None => self.part.clone(),
        }
    }
}

fn stopgate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stopgate"))
}

/// Whether the command line has the gate.
pub(crate) fn has_gate() -> bool {
    let output = stopgate().arg("--help").output().expect("stopgate starts");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    help.lines()
        .any(|line| line.trim_start().starts_with("diff "))
}

/// Asks the gate about the last commit of the repository in `top`.
pub(crate) fn diff(top: &Path) -> Said {
    let output = stopgate()
        .arg("diff")
        .arg(top)
        .args(["--base", "HEAD~1", "--head", "HEAD", "--format", "json"])
        .output()
        .expect("stopgate starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let exit = output.status.code().expect("not killed");
    let answer = match exit {
        0 | 5 | 6 => serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}\n{stdout}{stderr}")),
        _ => Answer::default(),
    };
    Said {
        exit,
        answer,
        printed: stdout + &stderr,
    }
}
