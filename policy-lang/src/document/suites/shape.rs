//! What a tests document may hold, and what an editor says about it.

use super::super::read::STOPGATE;
use super::super::scalar::form;
use super::super::shape::{Bond, Field, Form, List, Meaning, Shape};
use crate::decide::Reason;
use crate::surface::{Approval, Need};

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

pub(super) const CASE: Shape = Shape {
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

pub(super) const EVIDENCE: Shape = Shape {
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

pub(super) const EXPECT: Shape = Shape {
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

pub(super) const RULES: Form = Form::List(List {
    of: &form::TEXT,
    empty: true,
    unique: true,
});

pub(super) const OBLIGATIONS: Shape = Shape {
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
pub(super) const AMOUNTS: [&str; 2] = ["all", "none"];

pub(super) fn amounts() -> Vec<Meaning> {
    Meaning::plain(&AMOUNTS)
}

/// What a door can do with results.
pub(super) const ENFORCEABLE: [&str; 2] = ["mask", "max_rows"];

pub(super) fn enforceable() -> Vec<Meaning> {
    Meaning::plain(&ENFORCEABLE)
}

/// What a call can wait for.
pub(super) const NEEDS: [Need; 4] = [
    Need::UserConfirmation,
    Need::DryRun,
    Need::Approval(Approval::Supervisor),
    Need::Approval(Approval::Committee),
];

pub(super) fn needs() -> Vec<Meaning> {
    Meaning::plain(
        &NEEDS
            .map(|need| need.to_string())
            .each_ref()
            .map(String::as_str),
    )
}
