//! SARIF 2.1.0, as code hosts and editors read it: the diagnostics, each code as a rule with its advice.

mod diff;

use std::path::Path;

use serde_json::{Value, json};
use stopgate_author::compile::Compiled;
use stopgate_author::diagnostic::{Code, Severity};

use super::json::with;

pub use diff::diff;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// The page of every code, relative to Stopgate's own repository.
const PAGE: &str = "docs/reference/diagnostics.md";

/// Returns everything found in the repository that was named as `dir`. Places are relative to where the command ran, as
/// the pipelines that upload the report want them.
pub(crate) fn check(compiled: &Compiled, dir: &Path) -> Value {
    let diagnostics = &compiled.diagnostics;
    let mut codes: Vec<Code> = diagnostics.iter().map(|found| found.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let found = diagnostics.to_json(&compiled.sources);
    let results: Vec<Value> = found
        .as_array()
        .into_iter()
        .flatten()
        .map(|found| result(found, &codes, dir))
        .collect();
    let driver = json!({
        "name": "stopgate",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
    });
    let dropped = (diagnostics.dropped() > 0).then(|| {
        let text = format!(
            "{} more were found and are not listed",
            diagnostics.dropped()
        );
        json!({"toolExecutionNotifications": [{"level": "error", "message": {"text": text}}]})
    });
    let invocation = json!({"executionSuccessful": true});
    let invocation = with(invocation, dropped.unwrap_or_default());
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn rule(code: Code) -> Value {
    let (name, advice) = (code.as_str(), code.advice());
    json!({
        "id": name,
        "shortDescription": {"text": code.title()},
        "help": {
            "text": format!("{advice} See {PAGE}#{name}."),
            "markdown": format!("{advice} See [{PAGE}#{name}]({PAGE}#{name})."),
        },
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

/// Returns one diagnostic, made from its JSON form, in which hostile characters of a source are replaced already.
fn result(found: &Value, codes: &[Code], dir: &Path) -> Value {
    let text = |member: &str| found.get(member).and_then(Value::as_str);
    let code = text("code").and_then(Code::from_name);
    let place = code.and_then(|code| codes.iter().position(|other| *other == code));
    let message = text("message").unwrap_or_default();
    let message = match text("help") {
        Some(help) => format!("{message}\n{help}"),
        None => message.to_owned(),
    };
    let labels = found.get("labels").and_then(Value::as_array);
    let mut places = labels
        .into_iter()
        .flatten()
        .map(|label| location(label, dir));
    let result = json!({
        "ruleId": text("code"),
        "ruleIndex": place,
        "level": text("severity"),
        "message": {"text": message},
        "locations": places.next().into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Value> = places.collect();
    with_related(result, related)
}

/// Returns a result with other places that belong to it, if there are any.
fn with_related(result: Value, places: Vec<Value>) -> Value {
    let places = (!places.is_empty()).then(|| json!({"relatedLocations": places}));
    with(result, places.unwrap_or_default())
}

fn location(label: &Value, dir: &Path) -> Value {
    let number = |member: &str| label.get(member).cloned().unwrap_or_default();
    let text = |member: &str| {
        label
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(dir, text("file"))},
            "region": {
                "startLine": number("line"), "startColumn": number("column"),
                "endLine": number("end_line"), "endColumn": number("end_column"),
            },
        },
    });
    let message = Some(text("text")).filter(|text| !text.is_empty());
    let message = message.map(|text| json!({"message": {"text": text}}));
    with(location, message.unwrap_or_default())
}

/// Returns a URI of `file` below `dir`; it is relative if `dir` is.
fn uri(dir: &Path, file: &str) -> String {
    let path = dir.join(file);
    let steps = path
        .components()
        .filter(|step| !matches!(step, std::path::Component::CurDir))
        .collect::<std::path::PathBuf>();
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "" });
    for byte in steps.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_relative_to_where_the_command_ran() {
        assert_eq!(uri(Path::new("."), "rules/erp.yaml"), "rules/erp.yaml");
        assert_eq!(uri(Path::new("./p q"), "a.yaml"), "p%20q/a.yaml");
        assert_eq!(uri(Path::new("../p"), "a.yaml"), "../p/a.yaml");
        assert_eq!(uri(Path::new("/p"), "ä.yaml"), "file:///p/%C3%A4.yaml");
    }
}
