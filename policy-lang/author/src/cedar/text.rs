//! Cedar's text: reading one policy with the places of its mistakes, and printing one expression.

use std::ops::Range;
use std::sync::Arc;

use cedar_policy::{ParseErrors, Policy};
use cedar_policy_core::ast::{PolicyID, StaticPolicy};
use cedar_policy_core::parser::parse_policy_to_est_and_ast;
use miette::Diagnostic as _;
use serde_json::{Value, json};

use super::CedarMistake;
use super::parsed::Parsed;

/// Prints one expression of Cedar's syntax tree on one line, for people: white space of any length becomes one space.
pub(super) fn print_expression(body: &Value) -> String {
    let text = print_exactly(body);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints one expression of Cedar's syntax tree, with the white space inside texts as it is.
pub(super) fn print_exactly(body: &Value) -> String {
    let policy = json!({
        "effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": body}],
    });
    let printed = Policy::from_json(None, policy)
        .map(|policy| policy.to_string())
        .unwrap_or_default();
    // Cedar prints whole policies only. The clause is what stands between the first and the last brace.
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
) -> Result<(StaticPolicy, Parsed), Vec<CedarMistake>> {
    let (tree, policy) = parse_policy_to_est_and_ast(Some(PolicyID::from_string("rule")), text)
        .map_err(|errors| syntax_mistakes(&ParseErrors::from(errors), offset, length))?;
    let expression = policy.non_scope_constraints().cloned();
    let parsed = Parsed {
        expression: expression.map(Arc::new),
        tree: serde_json::to_value(tree).unwrap_or_default(),
        offset,
    };
    Ok((policy, parsed))
}

/// Makes one mistake of every error of Cedar's parser.
pub(super) fn syntax_mistakes(
    errors: &ParseErrors,
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

/// Returns where a Cedar error points, in the author's text of `length` bytes that begins at `offset`; the whole of
/// that text if the error has no place.
pub(super) fn range_of(
    error: &dyn miette::Diagnostic,
    offset: usize,
    length: usize,
) -> Range<usize> {
    let label = error.labels().and_then(|mut labels| labels.next());
    label.map_or(0..length, |label| {
        // A place in what we wrote around the text is moved into the text: an author cannot see ours.
        let start = label.offset().saturating_sub(offset).min(length);
        start..start.saturating_add(label.len()).min(length)
    })
}
