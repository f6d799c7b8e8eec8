//! Two revisions in a real git repository, and what `stopgate diff` says about them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde::Deserialize;
use tempfile::TempDir;

use crate::brute::{People, smallest};
use crate::fixture::Files;

/// A repository whose `HEAD~1` is the base and whose `HEAD` is the head. Nothing is checked out: the gate reads objects.
pub(crate) fn history(base: &Files, head: &Files) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "-b", "main"], &[]);
    let commits = [commit("base", base), commit("head", head)].concat();
    git(folder.path(), &["fast-import", "--quiet"], &commits);
    folder
}

/// A commit on `main` that holds `files` and nothing else, as `git fast-import` reads it.
fn commit(message: &str, files: &Files) -> Vec<u8> {
    let length = message.len();
    let mut text = format!(
        "commit refs/heads/main\ncommitter t <t@example.com> 1795514400 +0000\ndata {length}\n{message}\ndeleteall\n"
    )
    .into_bytes();
    for (path, bytes) in files {
        text.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
        text.extend(bytes);
        text.push(b'\n');
    }
    text
}

fn git(top: &Path, args: &[&str], input: &[u8]) {
    let mut git = Command::new("git")
        .args(args)
        .current_dir(top)
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    let mut stdin = git.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("written");
    drop(stdin);
    let status = git.wait().expect("git ends");
    assert!(status.success(), "git {args:?}: {status}");
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
    #[serde(default)]
    opened: Vec<Opened>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    channel: String,
    tool: String,
    operations: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    tool: String,
    operation: String,
    class: String,
    risk: String,
    cells: Vec<Cell>,
}

/// Somebody for whom something differs.
#[derive(Debug, Deserialize)]
pub(crate) struct Cell {
    profiles: Option<People>,
    groups: Option<People>,
    parts: Vec<Part>,
    before: serde_json::Value,
    /// What shows it.
    pub(crate) request: Request,
    /// Where that gets through.
    pub(crate) channels: Channels,
}

/// A request; what does not matter is not there.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) input: serde_json::Value,
    pub(crate) agent: Option<String>,
    pub(crate) now: Option<Timestamp>,
}

/// Channels by name, before and after.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) before: BTreeSet<String>,
    pub(crate) after: BTreeSet<String>,
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

impl From<Setting> for crate::fixture::Setting {
    fn from(Setting { file, effect }: Setting) -> Self {
        Self { file, effect }
    }
}

/// What the gate says of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// In a word.
    pub(crate) class: String,
    /// The highest risk of what got looser.
    pub(crate) risk: String,
    /// Parts that got looser.
    pub(crate) looser: BTreeSet<String>,
    /// Parts that got stricter.
    pub(crate) stricter: BTreeSet<String>,
    /// The smallest sets of people for whom something is looser.
    pub(crate) people: BTreeSet<People>,
    /// Whether they are groups.
    pub(crate) by_groups: bool,
}

impl Cell {
    /// The approval that it took before; `None` if it did not pass.
    pub(crate) fn took(&self) -> Option<String> {
        let approval = self.before.pointer("/passes/approval")?;
        Some(approval.as_str().expect("a word").to_owned())
    }

    /// Who.
    pub(crate) fn holder(&self) -> &People {
        let people = self.profiles.as_ref().or(self.groups.as_ref());
        people.expect("profiles or groups")
    }
}

impl Answer {
    /// Operations that ceilings let through now, as `channel: tool/operation`.
    pub(crate) fn opened(&self) -> BTreeSet<String> {
        let all = self.opened.iter().flat_map(|one| {
            let Opened { channel, tool, .. } = one;
            let operations = one.operations.iter();
            operations.map(move |name| format!("{channel}: {tool}/{name}"))
        });
        all.collect()
    }

    /// Everybody for whom something differs, each with `tool/operation`.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (String, &Cell)> {
        self.operations.iter().flat_map(|one| {
            let name = format!("{}/{}", one.tool, one.operation);
            one.cells.iter().map(move |cell| (name.clone(), cell))
        })
    }

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
        let holder = |cell: &Cell| cell.holder().clone();
        let people = self.cells.iter().filter(looser).map(holder).collect();
        Told {
            class: self.class.clone(),
            risk: self.risk.clone(),
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

/// Asks the gate about the last commit of the repository in `top`.
pub(crate) fn diff(top: &Path) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_stopgate"))
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

#[test]
fn a_history_is_read_back_as_it_was_made() {
    let files = |texts: &[(&str, &str)]| -> Files {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        texts.iter().map(file).collect()
    };
    let base = files(&[("rules/erp.yaml", "one\n"), ("stopgate.yaml", "no newline")]);
    let head = files(&[("rules/erp.cedar", ""), ("stopgate.yaml", "two\n")]);
    let folder = history(&base, &head);
    let opened = stopgate::git::History::open(folder.path()).expect("a history");
    for (revision, files) in [("HEAD~1", base), ("HEAD", head)] {
        let read = opened.read(revision).expect("a revision");
        let files: Vec<_> = files.into_iter().collect();
        assert_eq!(read.reading.documents, files);
    }
}
