//! YAML as we write it for people to paste: values in flow style, which every reader reads as what they are.

use std::collections::BTreeSet;

use stopgate_author::testing::Obligations;
use stopgate_decide::json::Json;
use stopgate_decide::name::{RuleId, ToolName};

/// What YAML 1.1 or 1.2 does not read as text.
const WORDS: [&str; 10] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
];

/// Returns a list of ids as a document about `tool` names them.
pub(crate) fn rules(tool: &ToolName, ids: &BTreeSet<RuleId>) -> String {
    let id = |id: &RuleId| {
        if id.home == *tool {
            id.name.to_string()
        } else {
            id.to_string()
        }
    };
    list(ids.iter().map(|rule| scalar(&id(rule))))
}

/// Joins items that are YAML already to a list in flow style.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// Returns what is hidden and cut, as YAML in flow style.
pub(crate) fn obligations(obligations: &Obligations) -> String {
    let Obligations { mask, max_rows } = obligations;
    let mut members = Vec::new();
    if !mask.is_empty() {
        let mask = mask.iter().map(|pointer| scalar(pointer.as_str()));
        members.push(format!("mask: {}", list(mask)));
    }
    if !max_rows.is_empty() {
        let limits = max_rows.iter().map(|(pointer, rows)| {
            format!("{{pointer: {}, rows: {rows}}}", scalar(pointer.as_str()))
        });
        members.push(format!("max_rows: {}", list(limits)));
    }
    format!("{{{}}}", members.join(", "))
}

/// Returns a value in flow style. Whatever YAML could read in another way is quoted as JSON, which YAML reads as JSON
/// does.
pub(crate) fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text),
        Json::Array(elements) => list(elements.iter().map(flow)),
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", scalar(name), flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) => value.canonical(),
    }
}

/// Returns `text` as YAML that reads as this text everywhere.
pub(crate) fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./ ".contains(c);
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    let spaced = text.ends_with(' ') || text.contains("  ");
    if begins && text.chars().all(plain) && !word && !spaced {
        text.to_owned()
    } else {
        Json::String(text.to_owned()).canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_could_read_otherwise_is_quoted() {
        for plain in ["refund-small", "guardrails/night-writes", "/a/b", "A-1001"] {
            assert_eq!(scalar(plain), plain);
        }
        for quoted in [
            "approval:supervisor",
            "yes",
            "No",
            "12",
            "",
            "a ",
            "- a",
            "a #b",
        ] {
            assert_eq!(scalar(quoted), format!("\"{quoted}\""), "{quoted}");
        }
    }
}
