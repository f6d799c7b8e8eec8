//! `tests/TOOL.yaml`: samples and cases. Names are checked against the policy in [`crate::compile`].

mod shape;

use self::shape::{AMOUNTS, CASE, ENFORCEABLE, EVIDENCE, EXPECT, NEEDS, OBLIGATIONS};
use jiff::Timestamp;
use stopgate_decide::decide::Reason;
use stopgate_decide::json::Json;
use stopgate_decide::name::{ChannelName, OperationName, ProfileName, ToolName};
use stopgate_decide::surface::{Approval, Enforces, Evidence, Need};

use crate::diagnostic::{Diagnostics, shape as say, suites as facts};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};
use crate::testing::{ExpectedResult, Obligations};

use super::read::{Record, list, max_rows, named, object, set};
use super::scalar::{name, pointer, raw, text, timestamp, truth, word};

pub(crate) use self::shape::SHAPE;

pub(crate) struct SuiteDoc {
    pub(crate) tool: Spanned<ToolName>,
    pub(crate) now: Option<Timestamp>,
    pub(crate) channel: Option<Spanned<ChannelName>>,
    pub(crate) samples: Vec<(Spanned<OperationName>, Option<Spanned<Json>>)>,
    /// Where a missing sample belongs.
    pub(crate) samples_span: Span,
    pub(crate) cases: Vec<CaseDoc>,
}

pub(crate) struct CaseDoc {
    pub(crate) name: Spanned<String>,
    pub(crate) people: Vec<Vec<Spanned<ProfileName>>>,
    pub(crate) operations: Vec<Spanned<OperationName>>,
    pub(crate) input: Option<Json>,
    pub(crate) without: Vec<Spanned<String>>,
    pub(crate) evidence: Evidence,
    pub(crate) enforces: Enforces,
    pub(crate) now: Option<Timestamp>,
    pub(crate) channel: Option<Spanned<ChannelName>>,
    pub(crate) agent: Option<String>,
    pub(crate) result: ExpectedResult,
    /// Ids as written: `rule`, or `home/rule`.
    pub(crate) rules: Option<Vec<Spanned<String>>>,
    pub(crate) obligations: Option<Obligations>,
    pub(crate) skip: Option<String>,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<SuiteDoc> {
    let record = Record::document(root, &SHAPE, dx)?;
    let tool = record.need("tool", dx).and_then(|node| name(node, dx));
    let now = record.need("now", dx).and_then(|node| timestamp(node, dx));
    let channel = record.need("channel", dx).and_then(|node| name(node, dx));
    let samples = record.need("samples", dx).map(|node| {
        named(node, dx, |node, dx| {
            object(node, dx).map(|input| Spanned::new(Json::Object(input), node.span))
        })
        .entries
    });
    let samples_span = record
        .entry("samples")
        .map_or(record.place(), |(key, _)| key.span);
    let cases = record
        .get("cases")
        .map(|node| list(node, dx, case))
        .unwrap_or_default();
    let cases = unique_names(cases, dx);
    Some(SuiteDoc {
        tool: tool?,
        now,
        channel,
        samples: samples.unwrap_or_default(),
        samples_span,
        cases,
    })
}

fn unique_names(cases: Vec<CaseDoc>, dx: &mut Diagnostics) -> Vec<CaseDoc> {
    let mut seen = std::collections::HashMap::new();
    for case in &cases {
        // All cases are kept: one name for two of them is a mistake of its own, and both can still be looked at.
        if let Some(first) = seen.insert(case.name.value.clone(), case.name.span) {
            dx.push(facts::duplicate_case(
                case.name.span,
                &case.name.value,
                first,
            ));
        }
    }
    cases
}

fn case(node: &Node, dx: &mut Diagnostics) -> Option<CaseDoc> {
    let record = Record::open(node, &CASE, dx)?;
    let title = record.need("name", dx).and_then(|node| text(node, dx));
    let people = people(&record, dx);
    let operations = record.need("do", dx).map(|node| match &node.value {
        // One operation, or several that have to get the same answer.
        Value::Scalar(_) => name(node, dx).into_iter().collect(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Broken => set(node, dx, name),
    });
    let input = record
        .get("input")
        .map(|node| object(node, dx).map(Json::Object));
    let without = record.get("without").map(|node| set(node, dx, text));
    let evidence = record.get("evidence").map(|node| evidence(node, dx));
    let enforces = record.get("enforces").map(|node| enforces(node, dx));
    let now = record.get("now").map(|node| timestamp(node, dx));
    let channel = record.get("channel").map(|node| name(node, dx));
    let agent = record.get("agent").and_then(|node| text(node, dx));
    let skip = record.get("skip").map(|node| text(node, dx));
    let expect = record.need("expect", dx).and_then(|node| expect(node, dx));
    let (result, rules, obligations) = expect?;
    Some(CaseDoc {
        name: title?,
        people: people?,
        operations: operations?,
        input: input.flatten(),
        without: without.unwrap_or_default(),
        // A case without evidence asks what happens at first.
        evidence: evidence.unwrap_or(Evidence::NONE),
        // Cases are about rules, so the door does whatever is asked of it unless a case says otherwise.
        enforces: enforces.unwrap_or(Enforces::ALL),
        now: now.flatten(),
        channel: channel.flatten(),
        agent: agent.map(|agent| agent.value),
        result,
        rules,
        obligations,
        skip: skip.flatten().map(|reason| reason.value),
    })
}

/// Reads for whom a case is tried: `as` is one person who holds all the profiles named, `each` is one person for each
/// of them. Exactly one of the two keys has to be there.
fn people(record: &Record<'_>, dx: &mut Diagnostics) -> Option<Vec<Vec<Spanned<ProfileName>>>> {
    let entries: Vec<_> = ["as", "each"]
        .into_iter()
        .filter_map(|key| record.entry(key))
        .collect();
    let [(key, node)] = entries.as_slice() else {
        dx.push(facts::case_people(
            entries.first().map_or(record.place(), |(key, _)| key.span),
            !entries.is_empty(),
        ));
        return None;
    };
    // Nobody with profiles is a case too: `as: []` is somebody without any.
    if key.text == "as" {
        Some(vec![super::read::unique(list(node, dx, name), dx)])
    } else {
        Some(
            set(node, dx, name)
                .into_iter()
                .map(|profile| vec![profile])
                .collect(),
        )
    }
}

/// Reads what evidence a case has: `all`, `none`, or what has been collected.
fn evidence(node: &Node, dx: &mut Diagnostics) -> Evidence {
    if let Value::Scalar(scalar) = &node.value {
        return match scalar.text.as_str() {
            "all" => Evidence::ALL,
            "none" => Evidence::NONE,
            other => {
                dx.push(say::unknown_word(node.span, other, &AMOUNTS));
                Evidence::NONE
            }
        };
    }
    let Some(record) = Record::open(node, &EVIDENCE, dx) else {
        return Evidence::NONE;
    };
    let approval = record
        .get("approval")
        .and_then(|node| word::<Approval>(node, dx));
    let mut stated = |key| {
        record
            .get(key)
            .and_then(|node| truth(node, dx))
            .unwrap_or(false)
    };
    Evidence {
        user_confirmation: stated("user_confirmation"),
        dry_run: stated("dry_run"),
        approval: approval.map_or(Evidence::NONE.approval, |level| level.value),
    }
}

fn enforces(node: &Node, dx: &mut Diagnostics) -> Enforces {
    let words: Vec<Spanned<String>> = list(node, dx, |node, dx| {
        raw(node, dx).map(|word| Spanned::new(word.text.clone(), node.span))
    });
    let mut enforces = Enforces::NOTHING;
    for word in super::read::unique(words, dx) {
        match word.value.as_str() {
            "mask" => enforces.mask = true,
            "max_rows" => enforces.max_rows = true,
            other => dx.push(say::unknown_word(word.span, other, &ENFORCEABLE)),
        }
    }
    enforces
}

type Expected = (
    ExpectedResult,
    Option<Vec<Spanned<String>>>,
    Option<Obligations>,
);

fn expect(node: &Node, dx: &mut Diagnostics) -> Option<Expected> {
    let record = Record::open(node, &EXPECT, dx)?;
    // Read before the outcome, so that their mistakes are told where the outcome is wrong.
    let obligations = record.get("obligations").map(|node| obligations(node, dx));
    let rules = record
        .entry("rules")
        .map(|(key, node)| (key.span, rules(node, dx)));
    let outcomes: Vec<_> = ["permit", "route", "reject"]
        .into_iter()
        .filter_map(|key| record.entry(key))
        .collect();
    // Exactly one outcome, or a case could pass in two ways.
    let [(key, node)] = outcomes.as_slice() else {
        let place = outcomes.first().map_or(record.place(), |(key, _)| key.span);
        dx.push(facts::case_expectation(place, outcomes.len()));
        return None;
    };
    let stated = rules.as_ref().map(|(_, rules)| rules.clone());
    let (result, rules) = match key.text.as_str() {
        "permit" => {
            if let Some((span, _)) = rules {
                let help = "put the list into `permit: [rules]`";
                dx.push(say::misplaced_key(
                    span,
                    "rules",
                    "a permit names its rules itself",
                    help,
                ));
            }
            (ExpectedResult::Permit, Some(self::rules(node, dx)))
        }
        "route" => {
            let needs = list(node, dx, need);
            if needs.is_empty()
                && matches!(&node.value, Value::Sequence(entries) if entries.is_empty())
            {
                dx.push(say::empty_list(node.span));
            }
            (ExpectedResult::Route(needs.into_iter().collect()), stated)
        }
        _ => (
            ExpectedResult::Reject(word::<Reason>(node, dx)?.value),
            stated,
        ),
    };
    Some((result, rules, obligations))
}

fn rules(node: &Node, dx: &mut Diagnostics) -> Vec<Spanned<String>> {
    super::read::unique(list(node, dx, text), dx)
}

fn need(node: &Node, dx: &mut Diagnostics) -> Option<Need> {
    let word = raw(node, dx)?;
    let found = NEEDS.into_iter().find(|need| need.to_string() == word.text);
    if found.is_none() {
        let known = NEEDS.map(|need| need.to_string());
        dx.push(say::unknown_word(
            node.span,
            &word.text,
            &known.each_ref().map(String::as_str),
        ));
    }
    found
}

fn obligations(node: &Node, dx: &mut Diagnostics) -> Obligations {
    let Some(record) = Record::open(node, &OBLIGATIONS, dx) else {
        return Obligations::default();
    };
    let mask = record
        .get("mask")
        .map(|node| set(node, dx, pointer))
        .unwrap_or_default();
    let max_rows = record
        .get("max_rows")
        .map(|node| max_rows(node, dx))
        .unwrap_or_default();
    Obligations {
        mask: mask.into_iter().map(|pointer| pointer.value).collect(),
        max_rows,
    }
}
