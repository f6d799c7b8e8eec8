//! `check --format sarif` is SARIF 2.1.0, by the standard's own schema.

use std::path::Path;

use serde_json::{Value, json};

use crate::Desk;

/// The schema that `ci/setup` fetched.
fn schema() -> jsonschema::Validator {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/sarif-schema-2.1.0.json");
    let text = std::fs::read(&path).expect("the SARIF schema: run ci/setup first");
    let mut schema: Value = serde_json::from_slice(&text).expect("JSON");
    // The standard's pattern of a language has one bracket too many, which strict readers refuse; we state no language.
    for place in ["run", "toolComponent"] {
        let place = format!("/definitions/{place}/properties/language");
        let language = schema.pointer_mut(&place).and_then(Value::as_object_mut);
        let pattern = language.expect("language").remove("pattern");
        pattern.expect("a pattern");
    }
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema")
}

fn valid(desk: &Desk, repository: &str, exit: i32) -> Value {
    let run = desk.run(&["check", repository, "--format=sarif"]);
    assert_eq!(run.exit, exit, "{}", run.shown());
    let json = run.json();
    let mistakes: Vec<String> = schema()
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}\n{}", run.shown());
    json
}

#[test]
fn what_is_wrong_is_sarif_with_places_rules_and_advice() {
    let desk = Desk::with_repository();
    desk.edit("p/rules/tickets.yaml", "risk: low", "risk: tiny");
    desk.edit(
        "p/profiles.yaml",
        "groups: [support]",
        "groups: [support] # ö\n    group: [support]",
    );
    let run = &valid(&desk, "p", 3)["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().expect("results");
    let found = |code: &str| {
        let found = results.iter().find(|result| result["ruleId"] == code);
        found.unwrap_or_else(|| panic!("no {code} in {results:#?}"))
    };
    let word = found("unknown-word");
    assert_eq!(word["level"], "error");
    let place = &word["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "p/rules/tickets.yaml");
    assert_eq!(place["region"]["startColumn"], 11);
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in results {
        let at = usize::try_from(result["ruleIndex"].as_u64().expect("a place")).expect("small");
        assert_eq!(rules[at]["id"], result["ruleId"]);
        assert!(
            rules[at]["help"]["markdown"]
                .as_str()
                .is_some_and(|help| help.contains("diagnostics.md#"))
        );
    }
}

#[test]
fn a_repository_without_mistakes_is_sarif_without_results() {
    let desk = Desk::with_repository();
    assert_eq!(valid(&desk, "p", 0)["runs"][0]["results"], json!([]));
}
