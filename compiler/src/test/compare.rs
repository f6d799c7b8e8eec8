//! What came out beside what was expected, compared completely and said in the words of the decision table.

use std::collections::BTreeSet;

use stopgate_author::testing::{Expect, ExpectedResult, Obligations};
use stopgate_decide::decide::{Decision, MatchedRule, Outcome};
use stopgate_decide::name::RuleId;
use stopgate_decide::surface::Surface;

/// Expectation and result, in the words of the decision table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What the case asks for.
    pub expected: String,
    /// What came out, in the parts that the case asks about.
    pub got: String,
    /// For a rejection, its message; for an unlisted pair, the agent through which it is open.
    pub message: Option<String>,
    /// Rules that matched or failed.
    pub rules: Vec<MatchedRule>,
}

/// Compares a decision with what a case expects, in every part that the case states. `None` means that all are equal.
pub(super) fn mismatch(expect: &Expect, decision: &Decision) -> Option<Mismatch> {
    let Expect {
        result,
        rules,
        obligations,
    } = expect;
    let got_rules: BTreeSet<RuleId> = decision
        .rules()
        .iter()
        .map(|rule| rule.id.clone())
        .collect();
    let got_obligations = decision.surface().map(obligations_of).unwrap_or_default();
    let same = is_result(result, decision.outcome())
        && rules.as_ref().is_none_or(|rules| *rules == got_rules)
        && obligations
            .as_ref()
            .is_none_or(|obligations| *obligations == got_obligations);
    if same {
        return None;
    }
    let words = |result: String, with: &BTreeSet<RuleId>, obliges: &Obligations| {
        let with = rules
            .as_ref()
            .map(|_| format!(", by {}", list(with, "no rule")));
        let obliges = obligations
            .as_ref()
            .map(|_| format!(", obliging to {}", obligation_words(obliges)));
        [Some(result), with, obliges]
            .into_iter()
            .flatten()
            .collect::<String>()
    };
    let none = (BTreeSet::new(), Obligations::default());
    Some(Mismatch {
        expected: words(
            expected_words(result),
            rules.as_ref().unwrap_or(&none.0),
            obligations.as_ref().unwrap_or(&none.1),
        ),
        got: words(
            result_words(decision.outcome()),
            &got_rules,
            &got_obligations,
        ),
        message: match decision.outcome() {
            Outcome::Reject(rejection) => Some(rejection.message.clone()),
            Outcome::Permit(_) | Outcome::Route(_) => None,
        },
        rules: decision.rules().to_vec(),
    })
}

fn is_result(expected: &ExpectedResult, got: &Outcome) -> bool {
    match (expected, got) {
        (ExpectedResult::Permit, Outcome::Permit(_)) => true,
        (ExpectedResult::Route(expected), Outcome::Route(got)) => {
            got.len() == expected.len() && got.iter().all(|need| expected.contains(need))
        }
        (ExpectedResult::Reject(expected), Outcome::Reject(got)) => *expected == got.reason,
        (ExpectedResult::Permit | ExpectedResult::Route(_) | ExpectedResult::Reject(_), _) => false,
    }
}

/// Returns what a surface obliges the door to do with the result.
pub(crate) fn obligations_of(surface: &Surface) -> Obligations {
    Obligations {
        mask: surface.masks.clone(),
        max_rows: surface.max_rows.clone(),
    }
}

fn expected_words(result: &ExpectedResult) -> String {
    match result {
        ExpectedResult::Permit => "permit".to_owned(),
        ExpectedResult::Route(needs) => format!("route {}", list(needs, "nothing")),
        ExpectedResult::Reject(reason) => format!("reject {reason}"),
    }
}

/// Returns an outcome in the words of the decision table.
#[must_use]
pub fn result_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Permit(_) => "permit".to_owned(),
        Outcome::Route(needs) => {
            format!(
                "route {}",
                list(needs.iter().collect::<BTreeSet<_>>(), "nothing")
            )
        }
        Outcome::Reject(rejection) => format!("reject {}", rejection.reason),
    }
}

fn obligation_words(obligations: &Obligations) -> String {
    let Obligations { mask, max_rows } = obligations;
    let rows = max_rows
        .iter()
        .map(|(pointer, rows)| format!("at most {rows} of {pointer}"));
    let words: Vec<String> = mask
        .iter()
        .map(|pointer| format!("mask {pointer}"))
        .chain(rows)
        .collect();
    list(&words, "nothing")
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>, none: &str) -> String {
    match crate::words::list(items) {
        words if words.is_empty() => none.to_owned(),
        words => words,
    }
}
