//! The repository that every pair begins with, and the pairs: what each changes and what that does.
//!
//! Locks are written as lists of definitions, `catalog/TOOL.functions.json`, because nobody can write digests by hand;
//! [`sealed`] makes the locks of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stopgate_author::lock::{Lock, LockedFunction, ServerIdentity};
use stopgate_decide::json::Json;

/// The documents of a repository by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A change of policy and what it does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    /// Name of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// What changes, in a sentence.
    pub(crate) about: String,
    /// From the shared repository to the base of this pair.
    #[serde(default)]
    before: Vec<Edit>,
    /// From the base to the head.
    change: Vec<Edit>,
    /// How `stopgate diff` ends.
    pub(crate) exit: i32,
    /// What head is refused for, in words of the gate; only where it is.
    pub(crate) refused: Option<String>,
    /// Whether the change is told by groups of the identity provider.
    #[serde(default)]
    pub(crate) by_groups: bool,
    /// What becomes of operations; one that is not here stays the same. None at all where head is no policy.
    #[serde(default)]
    pub(crate) operations: BTreeMap<String, Expected>,
    /// Settings that must be listed.
    #[serde(default)]
    pub(crate) settings: Vec<Setting>,
    /// Operations that ceilings let through now, as `channel: tool/operation`.
    #[serde(default)]
    pub(crate) opened: BTreeSet<String>,
    /// Approvals that requests took before, where several have to be shown.
    pub(crate) took: Option<BTreeSet<String>>,
    /// Something that is easier now, or after a tightening harder.
    pub(crate) shows: Option<Shows>,
}

/// One change of one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    /// What stands there.
    from: Option<Text>,
    /// How often it does.
    #[serde(default = "once")]
    times: usize,
    /// What stands there then; with no `from` it is the whole file, and with neither the file goes.
    to: Option<Text>,
}

const fn once() -> usize {
    1
}

/// Text, or its lines.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Piece(String),
    Lines(Vec<String>),
}

impl Text {
    fn join(&self) -> String {
        match self {
            Self::Piece(piece) => piece.clone(),
            Self::Lines(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}

/// What becomes of one operation.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// In a word.
    pub(crate) class: String,
    /// The highest risk of what got looser, where it is not that of everything.
    pub(crate) risk: Option<String>,
    /// Parts that got looser, each with the smallest sets of people who see it.
    #[serde(default)]
    pub(crate) looser: BTreeMap<String, BTreeSet<BTreeSet<String>>>,
    /// Parts that got stricter.
    #[serde(default)]
    pub(crate) stricter: BTreeSet<String>,
}

/// A setting outside the rules.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    /// Where.
    pub(crate) file: String,
    /// `looser`; `changed`, which nobody can tell from looser; `stricter`; or `listed`.
    pub(crate) effect: String,
}

impl Setting {
    /// Whether reviewers have to sign it.
    pub(crate) fn needs_review(&self) -> bool {
        match self.effect.as_str() {
            "looser" | "changed" => true,
            "stricter" | "listed" => false,
            other => panic!("{other} is no effect"),
        }
    }
}

/// An attempt that shows the change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shows {
    /// As `tool/operation`.
    pub(crate) operation: String,
    /// Profiles, or groups.
    pub(crate) holder: BTreeSet<String>,
    /// The arguments.
    pub(crate) input: serde_json::Value,
    /// The agent, where it matters.
    pub(crate) agent: Option<String>,
    /// Whether it is tried at night.
    #[serde(default)]
    pub(crate) night: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Functions {
    contract: String,
    functions: Vec<serde_json::Value>,
}

impl Pair {
    /// The documents of both revisions.
    pub(crate) fn sides(&self, shared: &Files) -> (Files, Files) {
        let base = self.edited(shared, &self.before);
        let head = self.edited(&base, &self.change);
        assert_ne!(base, head, "{}: nothing changes", self.name);
        (sealed(&base), sealed(&head))
    }

    fn edited(&self, files: &Files, edits: &[Edit]) -> Files {
        let mut files = files.clone();
        for Edit {
            file,
            from,
            times,
            to,
        } in edits
        {
            let to = to.as_ref().map(Text::join);
            let Some(from) = from.as_ref().map(Text::join) else {
                match to {
                    Some(whole) => files.insert(file.clone(), whole.into_bytes()),
                    None => files.remove(file),
                };
                continue;
            };
            let bytes = files.get(file).cloned();
            let bytes = bytes.unwrap_or_else(|| panic!("{}: there is no {file}", self.name));
            let text = String::from_utf8(bytes).expect("UTF-8");
            let found = text.matches(&from).count();
            assert_eq!(found, *times, "{}: {from:?} in {file}", self.name);
            let text = text.replace(&from, &to.unwrap_or_default());
            files.insert(file.clone(), text.into_bytes());
        }
        files
    }
}

/// The folder with the fixtures.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gate")
}

/// The repository that every pair begins with.
pub(crate) fn shared() -> Files {
    let top = home().join("base");
    let mut files = Files::new();
    for folder in ["", "catalog", "rules", "tests"] {
        for entry in fs::read_dir(top.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(&top).expect("inside");
                let name = name.to_str().expect("UTF-8").to_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// Every pair, by name.
pub(crate) fn pairs() -> Vec<Pair> {
    let entries = fs::read_dir(home().join("pairs")).expect("pairs");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read(path).expect("a file");
        let pair = serde_json::from_slice(&text);
        let mut pair: Pair = pair.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().and_then(|name| name.to_str());
        pair.name = name.expect("UTF-8").to_owned();
        pair
    };
    paths.iter().map(read).collect()
}

/// `files` with a lock in place of each list of functions.
pub(crate) fn sealed(files: &Files) -> Files {
    let seal = |(path, bytes): (&String, &Vec<u8>)| {
        let tool = path
            .strip_prefix("catalog/")
            .and_then(|name| name.strip_suffix(".functions.json"));
        match tool {
            Some(tool) => (format!("catalog/{tool}.lock.json"), lock(tool, bytes)),
            None => (path.clone(), bytes.clone()),
        }
    };
    files.iter().map(seal).collect()
}

fn lock(tool: &str, functions: &[u8]) -> Vec<u8> {
    let Functions {
        contract,
        functions,
    } = serde_json::from_slice(functions).expect("a list of functions");
    let function = |definition: &serde_json::Value| {
        let definition = Json::parse(definition.to_string().as_bytes(), Lock::LIMITS);
        let function = LockedFunction::new(definition.expect("JSON")).expect("a definition");
        (function.name().to_owned(), function)
    };
    let lock = Lock {
        tool: tool.parse().expect("a name"),
        contract: contract.parse().expect("a version"),
        server: ServerIdentity {
            name: tool.to_owned(),
            version: contract,
        },
        protocol: "2025-11-25".to_owned(),
        instructions: None,
        functions: functions.iter().map(function).collect(),
    };
    lock.to_string().into_bytes()
}
