//! Which package may know which: between our own, and who owns each heavy dependency.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::tree;

/// What each of our packages may use of the others in what it ships; `stopgate-tests` may use them all.
const ARROWS: [(&str, &[&str]); 10] = [
    ("stopgate-decide", &[]),
    ("stopgate-author", &["stopgate-decide"]),
    ("stopgate-proto", &[]),
    ("stopgate-client", &["stopgate-proto"]),
    (
        "stopgate",
        &[
            "stopgate-decide",
            "stopgate-author",
            "stopgate-store",
            "stopgate-client",
            "stopgate-proto",
        ],
    ),
    (
        "stopgate-sidecar",
        &["stopgate-decide", "stopgate-proto", "stopgate-store"],
    ),
    ("stopgate-store", &["stopgate-decide"]),
    ("acme-mcp", &[]),
    ("acme-erp-mcp", &["acme-mcp"]),
    ("acme-hr-mcp", &["acme-mcp"]),
];

/// What the language must never reach, however far away: anything that waits, listens, or talks to the world.
/// Each stands for all names that begin with it.
const NOT_IN_THE_LANGUAGE: [&str; 6] = ["tokio", "tonic", "hyper", "git2", "aws-sdk-", "clap"];

/// Who speaks the wire; the tests are a user of it like any other.
const WIRE: &[&str] = &[
    "stopgate-proto",
    "stopgate-client",
    "stopgate-sidecar",
    "stopgate-tests",
];

/// Heavy dependencies, and which of our packages may name them in their manifests.
const OWNERS: [(&str, &[&str]); 14] = [
    ("aws-config", &["stopgate-store"]),
    ("aws-sdk-dynamodb", &["stopgate-store"]),
    (
        "cedar-policy",
        &["stopgate-decide", "stopgate-author", "stopgate"],
    ),
    ("cedar-policy-core", &["stopgate-decide", "stopgate-author"]),
    ("cedar-policy-symcc", &["stopgate"]),
    ("git2", &["stopgate"]),
    ("granit-parser", &["stopgate-author"]),
    ("serde_yaml", &["stopgate-author"]),
    ("tonic", WIRE),
    ("prost", WIRE),
    ("rmcp", &["acme-mcp"]),
    ("clap", &["stopgate", "stopgate-sidecar"]),
    ("miette", &["stopgate-author", "stopgate"]),
    ("strsim", &["stopgate-author", "stopgate-sidecar"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(tree::top().join("Cargo.toml"))
        .other_options(
            // One platform, or dependencies of systems that we do not build for would count.
            ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned),
        )
        .exec()
        .expect("cargo metadata")
}

/// Names of everything `package` ships or builds with, itself left out; dev-dependencies are not followed.
fn reach(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let nodes: BTreeMap<&PackageId, _> =
        resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = &metadata
        .workspace_packages()
        .into_iter()
        .find(|it| it.name == package)
        .expect("our package")
        .id;
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            // What only tests use is not shipped.
            let shipped = dependency
                .dep_kinds
                .iter()
                .any(|it| it.kind != DependencyKind::Development);
            if shipped && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter()
        .map(|id| metadata[id].name.to_string())
        .collect()
}

#[test]
fn our_packages_know_each_other_only_along_the_arrows() {
    let metadata = metadata();
    let arrows = BTreeMap::from(ARROWS);
    let ours: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    let mut findings = Vec::new();
    for package in &ours {
        // A package without a row is a decision that nobody has made.
        let Some(allowed) = arrows.get(package.as_str()) else {
            if package != "stopgate-tests" {
                findings.push(format!("{package} has no entry: decide what it may know"));
            }
            continue;
        };
        for used in reach(&metadata, package).intersection(&ours) {
            if !allowed.contains(&used.as_str()) {
                findings.push(format!("{package} reaches {used}"));
            }
        }
    }
    tree::none(&findings, "dependencies between our packages point one way");
}

#[test]
fn the_language_reaches_nothing_that_waits_or_talks() {
    let reached = reach(&metadata(), "stopgate-author");
    // If the graph were empty, everything would be fine.
    assert!(
        reached.contains("cedar-policy"),
        "the graph was not followed"
    );
    let findings: Vec<String> = reached
        .into_iter()
        .filter(|name| NOT_IN_THE_LANGUAGE.iter().any(|not| name.starts_with(not)))
        .collect();
    tree::none(&findings, "the language is pure, and so is all it uses");
}

#[test]
fn the_sidecar_ships_no_reader_of_what_authors_write() {
    let reached = reach(&metadata(), "stopgate-sidecar");
    assert!(
        reached.contains("cedar-policy"),
        "the graph was not followed"
    );
    assert!(!reached.contains("granit-parser"), "{reached:?}");
}

#[test]
fn every_heavy_dependency_has_its_owners() {
    let metadata = metadata();
    let owners = BTreeMap::from(OWNERS);
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            if let Some(allowed) = owners.get(dependency.name.as_str())
                && !allowed.contains(&package.name.as_str())
            {
                findings.push(format!("{} names {}", package.name, dependency.name));
            }
            if dependency.name == "serde_yaml" && dependency.kind != DependencyKind::Development {
                findings.push(format!("{} ships serde_yaml", package.name));
            }
        }
    }
    tree::none(&findings, "a heavy dependency has one owning place");
}

/// Files whose code (comments aside) says `word`.
fn naming(word: &str) -> Vec<String> {
    // Comments may speak of what code must not name.
    let said = |text: &str| {
        text.lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains(word))
    };
    let files = tree::rust()
        .into_iter()
        .filter(|file| !file.path.starts_with("tests/tests/house/"));
    files
        .filter(|file| said(&file.text))
        .map(|file| file.path)
        .collect()
}

#[test]
fn the_yaml_crate_is_named_in_one_file_and_the_second_opinion_only_in_tests() {
    assert_eq!(
        naming("granit_parser"),
        ["policy-lang/author/src/source/yaml.rs"]
    );
    let shipped: Vec<String> = naming("serde_yaml")
        .into_iter()
        .filter(|path| !path.contains("/tests/") && !path.ends_with("tests.rs"))
        .collect();
    tree::none(&shipped, "serde_yaml is a second opinion in tests");
}

#[test]
fn cedar_is_named_in_one_module_tree_of_each_crate() {
    let elsewhere: Vec<String> = naming("cedar_policy")
        .into_iter()
        .filter(|path| {
            !path.starts_with("policy-lang/decide/src/cedar/")
                && path != "policy-lang/author/src/cedar.rs"
                && !path.starts_with("policy-lang/author/src/cedar/")
                // The process that proves is given Cedar's own types.
                && !path.starts_with("compiler/src/proof/solver/serve/")
        })
        .collect();
    tree::none(
        &elsewhere,
        "Cedar stays in the folders called cedar and with the solver",
    );
}

#[test]
fn wire_types_stop_at_the_door() {
    let doors = [
        "sidecar/src/door/",
        "sidecar/src/door.rs",
        "proto/",
        "tests/",
    ];
    let elsewhere: Vec<String> = naming("stopgate_proto::v1")
        .into_iter()
        .filter(|path| !doors.iter().any(|door| path.starts_with(door)))
        .collect();
    tree::none(
        &elsewhere,
        "generated protobuf types are translated at one door",
    );
}

/// Packages and the features that a build of the whole workspace switches on in each of them.
fn features(edges: &str) -> BTreeMap<String, String> {
    // Without the network: what is resolved is what is locked.
    let listed = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--offline", "--edges"])
        .args([edges, "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}|{f}"])
        .current_dir(tree::top())
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(listed.stdout).expect("UTF-8");
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    text.lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(package, features)| (package.to_owned(), features.to_owned()))
        .collect()
}

#[test]
fn tests_and_programs_are_built_with_one_set_of_features() {
    let programs = features("normal");
    let tests = features("normal,dev");
    assert!(programs.len() > 100, "the tree was not listed");
    let findings: Vec<String> = programs
        .iter()
        .filter_map(|(package, features)| {
            let other = tests.get(package)?;
            (other != features).then(|| format!("{package}: {features} | in tests {other}"))
        })
        .collect();
    tree::none(
        &findings,
        "what only tests switch on in a dependency is named in tests/Cargo.toml, or it is compiled twice",
    );
}
