//! Texts of `when:` keys as Cedar reads them, many at once: its parser takes longer to begin than to read a condition.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy_core::ast::{Expr, PolicyID};
use cedar_policy_core::parser::parse_policyset_to_ests_and_pset;
use serde_json::Value;

use stopgate_decide::cedar::token::LENGTH;

use super::bounds;

/// What stands before a text when it is wrapped into a policy of its own, and what stands behind it.
const HEAD: &str = "permit(principal, action, resource) when {\n";
const TAIL: &str = "\n};";

/// Texts that are parsed at once: more are hardly faster, and one that is wrong sends all of them around again.
const TOGETHER: usize = 200;

/// Most bytes of such texts, as many as one may have: what is wrong with a text costs the validator as much time as all of
/// them are long, again at each operation, and must not cost more in company than alone.
const MOST_BYTES: usize = LENGTH;

/// What Cedar reads in one policy beside its scope.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    /// What is validated and evaluated.
    pub(super) expression: Option<Arc<Expr>>,
    /// The policy that was written, as Cedar's JSON; `null` where that cannot be made, in which no clause is found.
    pub(super) tree: Value,
    /// How many bytes stand before the author's text in what the places of `expression` count in.
    pub(super) offset: usize,
}

/// Conditions of one file, parsed before they are read one by one.
#[derive(Debug, Default)]
pub struct ParsedTexts(HashMap<String, Parsed>);

impl ParsedTexts {
    /// Parses `texts`, many at once. A text that the bounds refuse or that is not an expression is left out, and so are
    /// the texts that were parsed together with one that is not an expression. A text that was left out is parsed by
    /// itself later, which says what is wrong with it.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        // What the bounds refuse must not reach the parser in company either.
        let accepted = texts.into_iter().filter(|text| bounds::check(text).is_ok());
        let accepted: Vec<&str> = accepted.collect();
        let mut parsed = HashMap::with_capacity(accepted.len());
        let mut rest = accepted.as_slice();
        while let Some((group, behind)) = group(rest) {
            // One text that is wrong fails its whole group: those texts are parsed one by one, so the mistake is
            // found by itself.
            let found = together(group).unwrap_or_default();
            parsed.extend(group.iter().map(|text| (*text).to_owned()).zip(found));
            rest = behind;
        }
        Self(parsed)
    }

    /// Returns what Cedar reads in `text`: either the text was parsed with the others, or it is parsed now. Returns
    /// `None` if the text is not one expression.
    pub(super) fn one(&self, text: &str) -> Option<Cow<'_, Parsed>> {
        match self.0.get(text) {
            Some(parsed) => Some(Cow::Borrowed(parsed)),
            None => together(&[text])?.into_iter().next().map(Cow::Owned),
        }
    }
}

/// Wraps `text` into a policy, and returns the policy with the number of bytes that stand before `text`.
pub(super) fn wrapped(text: &str) -> (String, usize) {
    // The line ends around the text keep a comment at its end from swallowing the rest of the policy.
    (format!("{HEAD}{text}{TAIL}"), HEAD.len())
}

/// Splits off `texts` those that are parsed at once, at least one. Returns `None` if there is none.
fn group<'s, 't>(texts: &'s [&'t str]) -> Option<(&'s [&'t str], &'s [&'t str])> {
    let mut bytes = 0_usize;
    let fits = |text: &&&str| {
        bytes = bytes.saturating_add(text.len());
        bytes <= MOST_BYTES
    };
    let many = texts.iter().take(TOGETHER).take_while(fits).count();
    // At least one, or a text that is longer than all may be would never be taken off the list.
    texts.split_at_checked(many.max(1))
}

/// Parses all of `texts` at once, and returns what Cedar reads in each, in their order. Returns `None` if any of them
/// is not one expression.
fn together(texts: &[&str]) -> Option<Vec<Parsed>> {
    // 1. One text of all policies, and where each of them is written in it.
    let (mut source, mut places) = (String::new(), Vec::with_capacity(texts.len()));
    for text in texts {
        let start = source.len();
        source.push_str(&wrapped(text).0);
        places.push(start..source.len());
        source.push('\n');
    }
    // 2. One run of the parser, for the trees and for what is evaluated.
    let (mut trees, policies) = parse_policyset_to_ests_and_pset(&source).ok()?;
    // 3. Each policy is that of one text, and of no part of another.
    // A text that closes its block and opens another makes two policies, and one that leaves a text literal open makes
    // one of two: each policy has to begin and end where it was written, and to have one clause.
    if trees.len() != texts.len() || policies.policies().count() != texts.len() {
        return None;
    }
    let parsed = places.into_iter().enumerate().map(|(at, place)| {
        // Cedar numbers the policies of a text in their order; the id is the only way from a policy back to its text.
        let id = PolicyID::from_string(format!("policy{at}"));
        let policy = policies.get(&id)?;
        let span = policy.loc()?.span;
        if (span.offset(), span.len()) != (place.start, place.len()) {
            return None;
        }
        let tree = serde_json::to_value(trees.remove(&id)?).ok()?;
        let clauses = tree.get("conditions").and_then(Value::as_array)?;
        // A second `when` inside the text would be a clause of the author's own making.
        (clauses.len() == 1).then_some(())?;
        Some(Parsed {
            expression: Some(Arc::clone(policy.non_scope_constraints_arc()?)),
            tree,
            offset: place.start.saturating_add(HEAD.len()),
        })
    });
    parsed.collect()
}

#[cfg(test)]
mod tests;
