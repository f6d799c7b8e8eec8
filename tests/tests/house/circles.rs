//! No file uses another that uses it back, over however many files: each can be read after those that it names.
//!
//! A file names another by the path of a module. A folder's file and what lies in the folder are one room, so paths up
//! and down between them do not count. What a folder's file exports again is looked up where it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// The sources of each crate.
const CRATES: [&str; 7] = [
    "policy-lang/decide/src/",
    "policy-lang/author/src/",
    "compiler/src/",
    "sidecar/src/",
    "store/src/",
    "proto/clients/rust/src/",
    "tests/src/",
];

/// Where a module stands in its crate, such as `["cedar", "index"]`; the crate's own file is the empty path.
type Module = Vec<String>;

/// Returns the text of every module of a crate without comments and without the tests at its end.
fn modules(home: &str) -> BTreeMap<Module, String> {
    let mut modules = BTreeMap::new();
    for file in tree::rust() {
        let Some(name) = file
            .path
            .strip_prefix(home)
            .and_then(|name| name.strip_suffix(".rs"))
        else {
            continue;
        };
        // The demo is a program of its own; its paths begin elsewhere.
        if name
            .split('/')
            .any(|part| part == "tests" || part == "demo")
        {
            continue;
        }
        let module = match name {
            "lib" | "main" => Module::new(),
            name => name.split('/').map(str::to_owned).collect(),
        };
        let text = file.text.split("#[cfg(test)]\nmod tests {").next();
        let lines = text.unwrap_or_default().lines();
        let code = lines.map(|line| line.split("//").next().unwrap_or_default());
        modules
            .entry(module)
            .or_insert_with(String::new)
            .push_str(&code.collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// Splits the inside of braces at the commas that are in no further braces.
fn split_list(list: &str) -> Vec<&str> {
    let mut depth = 0;
    let at_comma = |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    };
    list.split(at_comma).collect()
}

/// Writes out `a::{b, c::{d}}` as the paths that it names.
fn expand(prefix: &str, used: &str, paths: &mut Vec<String>) {
    let used = used.trim();
    match used.split_once('{') {
        Some((path, list)) => {
            let list = list.trim_end().strip_suffix('}').unwrap_or(list);
            for part in split_list(list) {
                if !part.trim().is_empty() {
                    expand(&format!("{prefix}{path}"), part, paths);
                }
            }
        }
        None => paths.push(format!("{prefix}{used}")),
    }
}

/// Returns every path in `code` that begins at the crate or at a module above.
fn paths(code: &str) -> Vec<String> {
    let of_a_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(of_a_path) {
        let path = rest.split_at(at).1;
        let end = path.find(|c| !of_a_path(c)).unwrap_or(path.len());
        let (name, after) = path.split_at(end);
        if name.starts_with("crate::") || name.starts_with("super::") {
            // A list of names belongs to a `use`, which ends with a semicolon; elsewhere a path ends with its last name.
            match after.split_once(';') {
                Some((list, _)) if after.starts_with('{') => expand(name, list, &mut paths),
                _ => paths.push(name.to_owned()),
            }
        }
        rest = after;
    }
    paths
}

/// A crate as its paths tell it.
struct Crate {
    modules: BTreeMap<Module, String>,
    /// Of each module: the names that it exports again, with the modules they stand in.
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Crate {
    fn new(modules: BTreeMap<Module, String>) -> Self {
        let mut exports = BTreeMap::new();
        for (module, code) in &modules {
            let mut again = BTreeMap::new();
            for statement in code.split(';') {
                let mut words = statement.trim_start().splitn(2, " use ");
                let (Some(start), Some(used)) = (words.next(), words.next()) else {
                    continue;
                };
                // `pub use` and `pub(crate) use`, behind whatever stood before in the same statement.
                let start = start.rsplit(['\n', '}']).next().unwrap_or_default();
                if !start.trim_start().starts_with("pub") {
                    continue;
                }
                let mut paths = Vec::new();
                expand("", used, &mut paths);
                for path in paths {
                    let (within, name) = path.rsplit_once("::").unwrap_or(("", &path));
                    let within = within.trim_start_matches("self::").split("::");
                    let child: Module = module
                        .iter()
                        .cloned()
                        .chain(within.map(str::to_owned))
                        .collect();
                    if modules.contains_key(&child) {
                        again.insert(name.trim().to_owned(), child);
                    }
                }
            }
            exports.insert(module.clone(), again);
        }
        Self { modules, exports }
    }

    /// Returns the module that a path in `module` leads to: the one that defines what the path names.
    fn target(&self, path: &str, module: &Module) -> Module {
        let mut target = Module::new();
        let mut names = path.split("::").map(str::trim).peekable();
        if names.next_if_eq(&"crate").is_none() {
            target.clone_from(module);
            while names.next_if_eq(&"super").is_some() {
                target.pop();
            }
        }
        for name in names {
            let name = name.split(" as ").next().unwrap_or_default();
            target.push(name.to_owned());
            if !self.modules.contains_key(&target) {
                target.pop();
                // What is exported again may be exported by the next module again.
                while let Some(child) = self.exports.get(&target).and_then(|again| again.get(name))
                {
                    target.clone_from(child);
                }
                break;
            }
        }
        target
    }

    /// Returns what each module uses beside the room it is in.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let one_room = |a: &Module, b: &Module| a.starts_with(b) || b.starts_with(a);
        let used = |module: &Module, code: &str| {
            let paths = paths(code).into_iter();
            let targets = paths.map(|path| self.target(&path, module));
            targets.filter(|used| !one_room(used, module)).collect()
        };
        self.modules
            .iter()
            .map(|(module, code)| (module, used(module, code)))
            .collect()
    }
}

/// Returns all that `start` reaches.
fn reach<'m>(
    start: &Module,
    uses: &'m BTreeMap<&Module, BTreeSet<Module>>,
) -> BTreeSet<&'m Module> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Module> = uses.get(start).into_iter().flatten().collect();
    while let Some(module) = open.pop() {
        if seen.insert(module) {
            open.extend(uses.get(module).into_iter().flatten());
        }
    }
    seen
}

#[test]
fn files_use_each_other_in_one_direction() {
    let mut findings = Vec::new();
    for home in CRATES {
        let all = Crate::new(modules(home));
        let uses = all.uses();
        assert!(!uses.is_empty(), "{home} has no files");
        for (module, used) in &uses {
            let back = |other: &&Module| reach(other, &uses).contains(module);
            for other in used.iter().filter(back) {
                let (from, to) = (module.join("/"), other.join("/"));
                findings.push(format!(
                    "{home}{from}.rs uses {to}.rs, which leads back to it"
                ));
            }
        }
    }
    tree::none(&findings, "files use each other in one direction");
}

#[test]
fn a_circle_is_found_wherever_the_paths_stand() {
    let module = |path: &str| -> Module { path.split('/').map(str::to_owned).collect() };
    let all = Crate::new(BTreeMap::from([
        (Module::new(), String::new()),
        (module("a"), "use crate::b::{c::{D, E}, f};".to_owned()),
        (
            module("b"),
            "mod c;\npub(crate) use c::G;\nfn g() { super::h::i() }".to_owned(),
        ),
        (module("b/c"), "use super::Z;\nuse crate::k::L;".to_owned()),
        (module("h"), "use super::a::J as K;".to_owned()),
        (module("k"), "mod m;\npub use self::m::{L, N};".to_owned()),
        (module("k/m"), "use crate::b::G;".to_owned()),
    ]));
    let uses = all.uses();
    let used = |path: &str| {
        let used = uses[&module(path)].iter();
        used.map(|to| to.join("/")).collect::<Vec<_>>()
    };
    assert_eq!(used("a"), ["b", "b/c"]);
    assert_eq!(used("b"), ["h"]);
    assert_eq!(used("b/c"), ["k/m"], "and nothing of its own room");
    assert_eq!(used("k/m"), ["b/c"]);
    let circle = |path: &str| reach(&module(path), &uses).contains(&module(path));
    assert!(circle("a") && circle("h"), "over the file of a folder");
    assert!(
        circle("b/c") && circle("k/m"),
        "over what two folders export again"
    );
    assert!(!circle("k"));
}
