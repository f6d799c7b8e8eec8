//! The JSON Schemas of documents: current, valid, and of one mind with the compiler about shapes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};
use stopgate_author::schema::DocumentKind;

use crate::fixture::{Files, base, codes, compiled, over_base, read, tests};

fn validators() -> BTreeMap<&'static str, Validator> {
    DocumentKind::ALL
        .iter()
        .map(|kind| {
            let schema = kind.schema();
            jsonschema::meta::validate(&schema).expect("a schema");
            (
                kind.file(),
                jsonschema::validator_for(&schema).expect("a schema"),
            )
        })
        .collect()
}

/// Documents that have a schema, as JSON: path, kind, value.
fn documents(files: &Files) -> Vec<(String, DocumentKind, Value)> {
    files
        .iter()
        .filter_map(|(path, bytes)| {
            let kind = DocumentKind::from_path(path)?;
            // Read by the second opinion, as an editor reads it.
            let value = serde_yaml::from_slice(bytes).ok()?;
            Some((path.clone(), kind, value))
        })
        .collect()
}

#[test]
fn the_schemas_are_current() {
    let folder: PathBuf = tests().join("../../../docs/reference/schemas/documents");
    let bless = std::env::var_os("STOPGATE_BLESS").is_some();
    for kind in DocumentKind::ALL {
        let path = folder.join(kind.file());
        if bless {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, kind.text()).expect("written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == kind.text(),
            "{} is stale: run the tests with STOPGATE_BLESS=1",
            kind.file()
        );
    }
    let kept = std::fs::read_dir(&folder).expect("the schemas").count();
    assert_eq!(kept, DocumentKind::ALL.len(), "one schema for each kind");
}

#[test]
fn every_document_that_compiles_fits() {
    let validators = validators();
    let top = tests().join("../../..");
    for repository in [
        tests().join("base"),
        top.join("policies"),
        top.join("compiler/templates/minimal"),
    ] {
        let documents = documents(&read(&repository));
        // Waivers and reviews come and go.
        let lasting = DocumentKind::ALL
            .iter()
            .filter(|kind| !matches!(kind, DocumentKind::Waivers | DocumentKind::Reviews));
        for kind in lasting {
            assert!(
                documents.iter().any(|(_, found, _)| found == kind),
                "no {kind:?}"
            );
        }
        for (path, kind, value) in documents {
            let mistakes: Vec<String> = validators[kind.file()]
                .iter_errors(&value)
                // Errors are listed with their places: one assertion shows them all.
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(mistakes, Vec::<String>::new(), "{path}");
        }
    }
}

/// Diagnostics about the shape of a document, which an editor shows too.
const SHAPES: [&str; 9] = [
    "unknown-key",
    "missing-key",
    "wrong-type",
    "unknown-word",
    "invalid-name",
    "invalid-number",
    "rule-kind",
    "case-people",
    "case-expectation",
];

#[test]
fn every_fixture_of_a_spoilt_shape_fits_no_more() {
    let validators = validators();
    let mut tried = 0;
    for entry in std::fs::read_dir(tests().join("diagnostics")).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a UTF-8 name");
        let code = name.split("--").next().expect("a code");
        if !path.is_dir() || !SHAPES.contains(&code) {
            continue;
        }
        let documents = documents(&over_base(read(&path)));
        let refused = documents
            // One document is spoilt, and that one does not fit; which one it is the fixture decides.
            .iter()
            .any(|(_, kind, value)| !validators[kind.file()].is_valid(value));
        assert!(refused, "{name} fits its schema");
        tried += 1;
    }
    assert!(tried >= SHAPES.len(), "{tried} fixtures");
}

/// `value` with one change each: a member gone, a member more, another value. With the path of the change.
fn changed(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("unheard-of".to_owned(), json!("x"));
            // A member that is gone, one that is too many, and each member changed in all its ways.
            all.push(("+".to_owned(), Value::Object(more)));
            for (name, member) in members {
                let mut fewer = members.clone();
                fewer.shift_remove(name);
                all.push((format!("-{name}"), Value::Object(fewer)));
                for (path, member) in changed(member) {
                    let mut other = members.clone();
                    other.insert(name.clone(), member);
                    all.push((format!("{name}/{path}"), Value::Object(other)));
                }
            }
        }
        Value::Array(elements) => {
            all.push(("empty".to_owned(), json!([])));
            for (at, element) in elements.iter().enumerate() {
                for (path, element) in changed(element) {
                    let mut other = elements.clone();
                    other[at] = element;
                    all.push((format!("{at}/{path}"), Value::Array(other)));
                }
            }
        }
        Value::String(text) => {
            // A text that is no name, no word and no pointer any more.
            all.push(("typo".to_owned(), json!(format!("{text} X"))));
            all.push(("blank".to_owned(), json!(" ")));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    for other in [json!(7), json!(-1), json!(true), json!({}), json!("text")] {
        all.push((format!("={other}"), other));
    }
    all
}

#[test]
fn schema_and_compiler_are_of_one_mind_about_every_changed_document() {
    let validators = validators();
    let files = base();
    let (mut tried, mut findings) = (0, Vec::new());
    for (path, kind, value) in documents(&files) {
        for (change, value) in changed(&value) {
            let mut files = files.clone();
            // JSON is YAML.
            files.insert(path.clone(), value.to_string().into_bytes());
            let compiled = compiled(files);
            let fits = validators[kind.file()].is_valid(&value);
            let codes = codes(&compiled);
            let shape = codes.iter().any(|code| SHAPES.contains(code));
            // A schema may say less than the compiler and never more; of what both can see they say the same.
            if (!fits && compiled.policy.is_some() && codes.is_empty()) || (fits && shape) {
                findings.push(format!("{path} {change}: fits {fits}, {codes:?}"));
            }
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried} changes");
    assert_eq!(findings, Vec::<String>::new(), "of {tried} changes");
}
