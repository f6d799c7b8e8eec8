//! `tests/TOOL.yaml`: samples and cases. Names are checked against the policy in [`crate::compile`].

use jiff::Timestamp;

use super::read::{Record, STOPGATE, list, named, set};
use super::scalar::{form, max_rows, name, object, pointer, raw, text, timestamp, truth, word};
use super::shape::{Bond, Field, Form, List, Meaning, Shape};
use crate::decide::Reason;
use crate::diagnostic::{Diagnostics, shape as say, suites as facts};
use crate::json::Json;
use crate::name::{ChannelName, OperationName, ProfileName, ToolName};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};
use crate::surface::{Approval, Enforces, Evidence, Need};
use crate::testing::{ExpectedResult, Obligations};

/// `tests/TOOL.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a tests document",
    fields: &[
        STOPGATE,
        Field::required(
            "tool",
            form::NAME,
            "The tool that the cases are about; the file has the same name.",
        ),
        Field::required(
            "now",
            form::TIMESTAMP,
            "The instant, in UTC, at which every case without its own happens.",
        ),
        Field::required(
            "channel",
            form::NAME,
            "The channel of stopgate.yaml in which every case without its own happens.",
        ),
        Field::required(
            "samples",
            Form::Named {
                key: form::NAMES,
                value: &Form::Object,
                empty: true,
            },
            "One valid input for each operation. Cases are run with it, and so is every pair that no case names.",
        ),
        Field::optional(
            "cases",
            Form::list(&Form::Record(&CASE)),
            "Who does what, and the answer. Every operation and profile that no case pairs is run too and must be \
             rejected.",
        ),
    ],
    bonds: &[],
};

const CASE: Shape = Shape {
    what: "a case",
    fields: &[
        Field::required(
            "name",
            form::TEXT,
            "What the case shows, in words a reviewer can read aloud. Unique in the document.",
        ),
        Field::optional(
            "as",
            Form::List(List {
                of: &form::NAME,
                empty: true,
                unique: true,
            }),
            "One person who holds all of these profiles; `[]` is a person without any.",
        ),
        Field::optional(
            "each",
            Form::set(&form::NAME),
            "One person for each of these profiles: the answer has to be the same for all of them.",
        ),
        Field::required(
            "do",
            Form::Either(&[form::NAME, Form::set(&form::NAME)]),
            "The operation, or several with the same answer.",
        ),
        Field::optional(
            "input",
            Form::Object,
            "Arguments, merged over the operation's sample. Left out: the sample as it is.",
        ),
        Field::optional(
            "evidence",
            Form::Either(&[Form::Word(amounts), Form::Record(&EVIDENCE)]),
            "What has been collected for the call. Left out: nothing.",
        ),
        Field::optional(
            "enforces",
            Form::List(List {
                of: &Form::Word(enforceable),
                empty: true,
                unique: true,
            }),
            "What the door that asks can do with results. Left out: everything.",
        ),
        Field::optional(
            "now",
            form::TIMESTAMP,
            "The instant, in UTC, at which it happens. Left out: the one at the top of the file.",
        ),
        Field::optional(
            "channel",
            form::NAME,
            "The channel in which it happens. Left out: the one at the top of the file.",
        ),
        Field::optional(
            "agent",
            form::TEXT,
            "Id of the agent. Left out: none is known.",
        ),
        Field::required("expect", Form::Record(&EXPECT), "The answer."),
        Field::optional("skip", form::TEXT, "Why the case is not run for now."),
    ],
    bonds: &[Bond::OneOf {
        keys: &["as", "each"],
        help: "a case says who acts: `as` one person of several profiles, or `each` of several people",
    }],
};

const EVIDENCE: Shape = Shape {
    what: "evidence",
    fields: &[
        Field::optional(
            "approval",
            form::word::<Approval>(),
            "The highest level that people have approved. Left out: automatic.",
        ),
        Field::optional(
            "user_confirmation",
            Form::Truth,
            "Whether the user has confirmed the exact call. Left out: false.",
        ),
        Field::optional(
            "dry_run",
            Form::Truth,
            "Whether the dry run has been shown. Left out: false.",
        ),
    ],
    bonds: &[],
};

const EXPECT: Shape = Shape {
    what: "an expectation",
    fields: &[
        Field::optional(
            "permit",
            RULES,
            "It runs. The list names all rules that matched, as `ID` or, from other files, `FILE/ID`.",
        ),
        Field::optional(
            "route",
            Form::List(List {
                of: &Form::Word(needs),
                empty: false,
                unique: false,
            }),
            "It waits for this: everything that is still missing.",
        ),
        Field::optional(
            "reject",
            form::word::<Reason>(),
            "It is refused for this reason.",
        ),
        Field::optional(
            "rules",
            RULES,
            "All rules that matched, beside `route` or `reject`. Left out: not compared.",
        ),
        Field::optional(
            "obligations",
            Form::Record(&OBLIGATIONS),
            "What has to happen to the result. Left out: not compared.",
        ),
    ],
    bonds: &[
        Bond::OneOf {
            keys: &["permit", "route", "reject"],
            help: "an expectation is one of `permit`, `route` and `reject`",
        },
        Bond::Apart {
            key: "rules",
            other: "permit",
        },
    ],
};

const RULES: Form = Form::List(List {
    of: &form::TEXT,
    empty: true,
    unique: true,
});

const OBLIGATIONS: Shape = Shape {
    what: "obligations",
    fields: &[
        Field::optional(
            "mask",
            form::POINTERS,
            "Every place in the result that is masked. Left out: none.",
        ),
        Field::optional(
            "max_rows",
            form::MAX_ROWS,
            "Every list in the result that is shortened. Left out: none.",
        ),
    ],
    bonds: &[],
};

/// Evidence in one word.
const AMOUNTS: [&str; 2] = ["all", "none"];

fn amounts() -> Vec<Meaning> {
    Meaning::plain(&AMOUNTS)
}

/// What a door can do with results.
const ENFORCEABLE: [&str; 2] = ["mask", "max_rows"];

fn enforceable() -> Vec<Meaning> {
    Meaning::plain(&ENFORCEABLE)
}

/// What a call can wait for.
const NEEDS: [Need; 4] = [
    Need::UserConfirmation,
    Need::DryRun,
    Need::Approval(Approval::Supervisor),
    Need::Approval(Approval::Committee),
];

fn needs() -> Vec<Meaning> {
    Meaning::plain(
        &NEEDS
            .map(|need| need.to_string())
            .each_ref()
            .map(String::as_str),
    )
}

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
        Value::Scalar(_) => name(node, dx).into_iter().collect(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Broken => set(node, dx, name),
    });
    let input = record
        .get("input")
        .map(|node| object(node, dx).map(Json::Object));
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
        evidence: evidence.unwrap_or(Evidence::NONE),
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

/// `as`: one person who holds all; `each`: one person for each.
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

/// `all`, `none`, or what has been collected.
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
    let obligations = record.get("obligations").map(|node| obligations(node, dx));
    let rules = record
        .entry("rules")
        .map(|(key, node)| (key.span, rules(node, dx)));
    let outcomes: Vec<_> = ["permit", "route", "reject"]
        .into_iter()
        .filter_map(|key| record.entry(key))
        .collect();
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
