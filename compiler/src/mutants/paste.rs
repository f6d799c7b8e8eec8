//! A case as an author would write it, to be pasted below `cases:`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use stopgate_author::testing::{Case, Obligations, TestSuite};
use stopgate_decide::decide::{Decision, Outcome};
use stopgate_decide::json::Json;
use stopgate_decide::name::{RuleId, ToolName};

use crate::test::{obligations_of, result_words};
use crate::words::free_name;
use crate::yaml::{flow, list, obligations, rules, scalar};

/// A case that is not there and should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingCase {
    /// The document it belongs into, such as `tests/erp.yaml`.
    pub file: String,
    /// Its name; no other case there or in the report has it.
    pub name: String,
    /// Its other keys, as YAML.
    pub(super) body: String,
}

/// What a decision table can say about a decision.
#[derive(PartialEq, Eq)]
pub(super) struct StatedDecision {
    result: String,
    rules: BTreeSet<RuleId>,
    obligations: Obligations,
}

impl StatedDecision {
    pub(super) fn from_decision(decision: &Decision) -> Self {
        Self {
            result: result_words(decision.outcome()),
            rules: decision
                .rules()
                .iter()
                .map(|rule| rule.id.clone())
                .collect(),
            obligations: decision.surface().map(obligations_of).unwrap_or_default(),
        }
    }
}

/// Makes `case` of `suite` into one to paste, with `decision` as its expectation. `was` and `is` are what tables can
/// say of the policy and of its mutant; as much is expected as tells the two apart.
pub(super) fn missing(
    suite: &TestSuite,
    case: &Case,
    decision: &Decision,
    (was, is): (&StatedDecision, &StatedDecision),
) -> MissingCase {
    let Case {
        people,
        operations,
        input,
        without,
        now,
        channel,
        agent,
        ..
    } = case;
    let mut body = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _always_fits = writeln!(body, "    {key}: {value}");
    };
    let profiles = people.iter().flatten().map(|name| scalar(name.as_str()));
    line("as", &list(profiles));
    let operations: Vec<String> = operations
        .iter()
        .map(|operation| scalar(operation.as_str()))
        .collect();
    line("do", &operations.join(", "));
    if let Some(input) = input {
        line("input", &flow(input));
    }
    if !without.is_empty() {
        line("without", &list(without.iter().map(|name| scalar(name))));
    }
    if let Some(now) = now {
        line("now", &now.to_string());
    }
    if let Some(channel) = channel {
        line("channel", &scalar(channel.as_str()));
    }
    if let Some(agent) = agent {
        line("agent", &scalar(agent));
    }
    line("expect", &expect(&suite.tool, decision, was, is));
    MissingCase {
        file: suite.file.to_string(),
        name: name(suite, case, &was.result),
        body,
    }
}

impl MissingCase {
    /// Returns the case as an element of the document's `cases`, indented by two, with a newline at the end.
    #[must_use]
    pub fn yaml(&self) -> String {
        format!("  - name: {}\n{}", scalar(&self.name), self.body)
    }
}

fn expect(
    tool: &ToolName,
    decision: &Decision,
    was: &StatedDecision,
    is: &StatedDecision,
) -> String {
    let rules = rules(tool, &was.rules);
    let same_result = was.result == is.result;
    let mut members = match decision.outcome() {
        Outcome::Permit(_) => vec![format!("permit: {rules}")],
        Outcome::Route(needs) => {
            let needs = needs.iter().map(|need| scalar(&need.to_string()));
            vec![format!("route: {}", list(needs)), format!("rules: {rules}")]
        }
        Outcome::Reject(rejection) => {
            let mut members = vec![format!("reject: {}", rejection.reason)];
            members.extend(same_result.then(|| format!("rules: {rules}")));
            members
        }
    };
    if same_result && was.rules == is.rules {
        members.push(format!("obligations: {}", obligations(&was.obligations)));
    }
    format!("{{{}}}", members.join(", "))
}

/// Returns a name that says what is special about the case, and that no other case of the suite has.
fn name(suite: &TestSuite, case: &Case, result: &str) -> String {
    let mut parts: Vec<String> = case.operations.iter().map(ToString::to_string).collect();
    let people: Vec<&str> = case
        .people
        .iter()
        .flatten()
        .map(|profile| profile.as_str())
        .collect();
    parts.push(format!("by {}", people.join(" and ")));
    let members = case.input.as_ref().and_then(Json::as_object);
    for (name, value) in members.unwrap_or_default() {
        let value = value
            .as_str()
            .map_or_else(|| value.canonical(), str::to_owned);
        let short: String = value.chars().take(24).collect();
        parts.push(format!("with {name} {short}"));
    }
    parts.extend(case.without.iter().map(|name| format!("without {name}")));
    parts.extend(case.now.map(|now| format!("at {}", now.strftime("%H.%M"))));
    parts.extend(case.channel.as_ref().map(|channel| format!("in {channel}")));
    parts.extend(case.agent.as_ref().map(|agent| format!("through {agent}")));
    let word = result.split(' ').next().unwrap_or_default();
    let name = format!("{} comes to {word}", parts.join(" "));
    let is_taken = |name: &str| suite.cases.iter().any(|case| case.name == name);
    free_name(name, is_taken)
}
