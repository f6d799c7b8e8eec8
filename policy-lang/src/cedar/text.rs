//! Cedar's text: reading one policy with the places of its mistakes, and printing one expression.

use std::ops::Range;

use cedar_policy::{Policy, PolicyId};
use miette::Diagnostic as _;
use serde_json::{Value, json};

use super::CedarMistake;

/// Prints one expression of Cedar's syntax tree on one line, for people.
pub(super) fn print_expression(body: &Value) -> String {
    let text = print_exactly(body);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints one expression of Cedar's syntax tree, space in texts included.
pub(super) fn print_exactly(body: &Value) -> String {
    let policy = json!({
        "effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": body}],
    });
    let printed = Policy::from_json(None, policy)
        .map(|policy| policy.to_string())
        .unwrap_or_default();
    let inner = printed
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'))
        .map_or("", |(inner, _)| inner);
    inner.trim().to_owned()
}

/// Parses one policy; places of mistakes are moved back by `offset` into an author's text of `length` bytes.
pub(super) fn parse_policy(
    text: &str,
    offset: usize,
    length: usize,
) -> Result<Policy, Vec<CedarMistake>> {
    Policy::parse(Some(PolicyId::new("rule")), text)
        .map_err(|errors| syntax_mistakes(&errors, offset, length))
}

/// One mistake for every error of Cedar's parser.
pub(super) fn syntax_mistakes(
    errors: &cedar_policy::ParseErrors,
    offset: usize,
    length: usize,
) -> Vec<CedarMistake> {
    errors
        .iter()
        .map(|error| {
            let mut mistake = CedarMistake::new(
                "cedar-syntax",
                error.to_string(),
                range_of(error, offset, length),
            );
            mistake.help = error.help().map(|help| help.to_string());
            mistake
        })
        .collect()
}

/// Where a Cedar error points, in the author's text.
pub(super) fn range_of(
    error: &dyn miette::Diagnostic,
    offset: usize,
    length: usize,
) -> Range<usize> {
    let label = error.labels().and_then(|mut labels| labels.next());
    label.map_or(0..length, |label| {
        let start = label.offset().saturating_sub(offset).min(length);
        start..start.saturating_add(label.len()).min(length)
    })
}
