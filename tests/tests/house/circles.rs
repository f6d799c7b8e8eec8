//! No file uses another that uses it back, over however many files: each can be read after those that it names.
//!
//! A file names another by the path of a module. A folder's file and what lies in the folder are one room, so paths up
//! and down between them do not count. What a folder's file exports again counts as the folder's.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// The sources of each crate.
const CRATES: [&str; 6] = [
    "policy-lang/decide/src/",
    "policy-lang/author/src/",
    "compiler/src/",
    "sidecar/src/",
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
        if name.split('/').any(|part| part == "tests") {
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

/// Returns the module that a path in `module` leads to: the deepest that has a file.
fn target(path: &str, module: &Module, modules: &BTreeMap<Module, String>) -> Module {
    let mut target = Module::new();
    let mut names = path.split("::").peekable();
    if names.next_if_eq(&"crate").is_none() {
        target.clone_from(module);
        while names.next_if_eq(&"super").is_some() {
            target.pop();
        }
    }
    for name in names {
        target.push(name.trim().to_owned());
        if !modules.contains_key(&target) {
            target.pop();
            break;
        }
    }
    target
}

/// Returns what each module uses beside the room it is in.
fn uses(modules: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let one_room = |a: &Module, b: &Module| a.starts_with(b) || b.starts_with(a);
    let used = |module: &Module, code: &str| {
        let targets = paths(code)
            .into_iter()
            .map(|path| target(&path, module, modules));
        targets.filter(|used| !one_room(used, module)).collect()
    };
    modules
        .iter()
        .map(|(module, code)| (module, used(module, code)))
        .collect()
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
        let modules = modules(home);
        let uses = uses(&modules);
        assert!(!modules.is_empty(), "{home} has no files");
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
    let modules = BTreeMap::from([
        (Module::new(), String::new()),
        (module("a"), "use crate::b::{c::{D, E}, f};".to_owned()),
        (module("b"), "fn g() { super::h::i() }".to_owned()),
        (module("b/c"), "use super::G;".to_owned()),
        (module("h"), "use super::a::J;".to_owned()),
    ]);
    let uses = uses(&modules);
    let used = |path: &str| uses[&module(path)].iter().map(|to| to.join("/"));
    assert_eq!(used("a").collect::<Vec<_>>(), ["b", "b/c"]);
    assert_eq!(used("b").collect::<Vec<_>>(), ["h"]);
    assert_eq!(used("b/c").count(), 0, "a folder's file is its own room");
    assert!(reach(&module("a"), &uses).contains(&module("a")));
    assert!(!reach(&module("b/c"), &uses).contains(&module("b/c")));
}
