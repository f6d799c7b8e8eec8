//! What lies where, how long it is, and what no file may say.

use std::collections::BTreeSet;

use crate::tree;

/// Everything the top level holds; dot files aside, nothing else.
const TOP: [&str; 24] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "LIMITATIONS.md",
    "README.md",
    "SECURITY.md",
    "ci",
    "clippy.toml",
    "compiler",
    "deny.toml",
    "docs",
    "findings",
    "policies",
    "policy-lang",
    "proto",
    "rust-toolchain.toml",
    "sidecar",
    "store",
    "tests",
    ".cargo",
    ".ci",
];

/// Longest Rust file outside tests, in lines; beyond [`SPLIT`] no explanation helps.
const LONGEST: usize = 500;
const SPLIT: usize = 800;

/// Longer files, and why they are one.
const EXPLAINED: [(&str, &str); 4] = [
    (
        "policy-lang/author/src/document/workspace.rs",
        "the table of a document and its reader stand together",
    ),
    (
        "policy-lang/decide/src/bundle/open.rs",
        "the one constructor of a bundle: every check on the way, in order",
    ),
    (
        "policy-lang/decide/src/json.rs",
        "one grammar: reader, writer and digest must not drift apart",
    ),
    (
        "policy-lang/decide/src/tool_schema.rs",
        "one closed mapping: what is typed is what is checked",
    ),
];

#[test]
fn the_top_level_holds_the_named_places_and_nothing_else() {
    let allowed = BTreeSet::from(TOP);
    let findings: BTreeSet<String> = tree::files()
        .into_iter()
        .map(|file| file.path.split('/').next().unwrap_or_default().to_owned())
        .filter(|name| {
            !allowed.contains(name.as_str()) && name != ".gitignore" && name != ".gitattributes"
        })
        .collect();
    tree::none(
        &Vec::from_iter(findings),
        "the top level is the user's index",
    );
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    // Put together here, so that this file does not find itself.
    let machines = ["work", "root", "farm", "tmp/bash"].map(|name| format!("/{name}/"));
    let homes = ["home", "Users"].map(|name| format!("/{name}/"));
    let registries = [
        ["registry.npmjs", "org"],
        ["static.crates", "io"],
        ["index.crates", "io"],
        ["pypi", "org"],
    ]
    .map(|parts| parts.join("."));
    let mut findings = Vec::new();
    for file in tree::files() {
        for (at, line) in file.text.lines().enumerate() {
            let machine = machines.iter().any(|path| line.contains(path.as_str()));
            let home = homes.iter().any(|path| {
                line.split_once(path.as_str())
                    .is_some_and(|(before, after)| {
                        !before.ends_with(|c: char| c.is_alphanumeric())
                            && after.starts_with(|c: char| c.is_alphanumeric())
                    })
            });
            let registry = registries.iter().any(|host| line.contains(host.as_str()));
            if machine || home || registry {
                findings.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    tree::none(
        &findings,
        "nothing in the repository depends on the machine it was made on",
    );
}

#[test]
fn every_module_says_what_it_is_for() {
    let findings: Vec<String> = tree::rust()
        .into_iter()
        .filter(|file| file.text.lines().count() > 30 && !file.text.starts_with("//!"))
        .filter(|file| !file.path.ends_with("tests.rs"))
        .map(|file| file.path)
        .collect();
    tree::none(
        &findings,
        "a module opens with //! purpose, what it must not know, invariants",
    );
}

#[test]
fn no_file_is_too_long_to_read_or_named_after_nothing() {
    let mut findings = Vec::new();
    for file in tree::rust() {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let stem = name.trim_end_matches(".rs");
        if [
            "util", "utils", "helper", "helpers", "common", "misc", "types", "manager",
        ]
        .contains(&stem)
        {
            findings.push(format!("{}: a name that tells nothing", file.path));
        }
        let lines = file.text.lines().count();
        let test =
            file.path.contains("/tests/") || name == "tests.rs" || file.path.contains("/benches/");
        let most = if EXPLAINED.iter().any(|(path, _)| *path == file.path) {
            SPLIT
        } else {
            LONGEST
        };
        if lines > most && !test {
            findings.push(format!("{}: {lines} lines", file.path));
        }
    }
    tree::none(&findings, "files are small and named for what is in them");
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut findings = Vec::new();
    for file in tree::files()
        .into_iter()
        .filter(|file| file.path.ends_with(".md"))
    {
        let folder = tree::top().join(&file.path);
        let folder = folder.parent().expect("a folder");
        for link in file
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                findings.push(format!("{}: {link}", file.path));
            }
        }
    }
    tree::none(&findings, "a link is a promise too");
}
