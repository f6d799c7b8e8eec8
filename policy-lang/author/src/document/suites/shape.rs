//! What a tests document may hold, and what an editor says about it.

use stopgate_decide::decide::Reason;
use stopgate_decide::surface::{Approval, Need};

use super::super::read::STOPGATE;
use super::super::scalar::form;
use super::super::shape::{Absent, Bond, Entries, Field, Form, List, Loosens, Shape, WordMeaning};

/// `tests/TOOL.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a tests document",
    fields: &[
        STOPGATE,
        Field::required(
            "tool",
            Loosens::Nothing,
            form::NAME,
            "The tool that the cases are about; the file has the same name.",
        ),
        Field::required(
            "now",
            Loosens::Any,
            form::TIMESTAMP,
            "The instant, in UTC, at which every case without its own happens.",
        ).guards(),
        Field::required(
            "channel",
            Loosens::Any,
            form::NAME,
            "The channel of stopgate.yaml in which every case without its own happens.",
        ).guards(),
        Field::required(
            "samples",
            Loosens::Removed,
            Form::Named {
                key: form::NAMES,
                value: &Form::Object,
                empty: true,
            },
            "One valid input for each operation. Cases are run with it, and so is every pair that no case names.",
        ).guards(),
        Field::optional(
            "cases",
            Loosens::Removed,
            Form::list(&Form::Record(&CASE), Entries::Keyed("name")),
            "Who does what, and the answer. Every operation and profile that no case pairs is run too and must be \
             rejected.",
        ).absent(Absent::Same("[]")).guards(),
    ],
    bonds: &[],
};

pub(super) const CASE: Shape = Shape {
    what: "a case",
    fields: &[
        Field::required(
            "name",
            Loosens::Outside,
            form::TEXT,
            "What the case shows, in words a reviewer can read aloud. Unique in the document.",
        ),
        Field::optional(
            "as",
            Loosens::Any,
            Form::List(List {
                of: &form::NAME,
                empty: true,
                unique: true,
                entries: Entries::Set,
            }),
            "One person who holds all of these profiles; `[]` is a person without any.",
        ),
        Field::optional(
            "each",
            Loosens::Removed,
            Form::set(&form::NAME),
            "One person for each of these profiles: the answer has to be the same for all of them.",
        ),
        Field::required(
            "do",
            Loosens::Removed,
            Form::Either(&[form::NAME, Form::set(&form::NAME)]),
            "The operation, or several with the same answer.",
        ),
        Field::optional(
            "input",
            Loosens::Any,
            Form::Object,
            "Arguments, merged over the operation's sample. Left out: the sample as it is.",
        )
        .absent(Absent::Same("{}")),
        Field::optional(
            "without",
            Loosens::Any,
            Form::set(&form::TEXT),
            "Arguments of the operation's sample that the case does not send. Left out: it sends all.",
        ),
        Field::optional(
            "evidence",
            Loosens::Any,
            Form::Either(&[Form::Word(amounts), Form::Record(&EVIDENCE)]),
            "What has been collected for the call. Left out: nothing.",
        )
        .absent(Absent::Same("none")),
        Field::optional(
            "enforces",
            Loosens::Any,
            Form::List(List {
                of: &Form::Word(enforceable),
                empty: true,
                unique: true,
                entries: Entries::Set,
            }),
            "What the door that asks can do with results. Left out: everything.",
        )
        .absent(Absent::Same("[mask, max_rows]")),
        Field::optional(
            "now",
            Loosens::Any,
            form::TIMESTAMP,
            "The instant, in UTC, at which it happens. Left out: the one at the top of the file.",
        )
        .absent(Absent::Above),
        Field::optional(
            "channel",
            Loosens::Any,
            form::NAME,
            "The channel in which it happens. Left out: the one at the top of the file.",
        )
        .absent(Absent::Above),
        Field::optional(
            "agent",
            Loosens::Any,
            form::TEXT,
            "Id of the agent. Left out: none is known.",
        ),
        Field::required(
            "expect",
            Loosens::Within,
            Form::Record(&EXPECT),
            "The answer.",
        ),
        Field::optional(
            "skip",
            Loosens::Added,
            form::TEXT,
            "Why the case is not run for now.",
        ),
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
            Loosens::Outside,
            form::word::<Approval>(),
            "The highest level that people have approved. Left out: automatic.",
        )
        .absent(Absent::Same("automatic")),
        Field::optional(
            "user_confirmation",
            Loosens::Outside,
            Form::Truth,
            "Whether the user has confirmed the exact call. Left out: false.",
        )
        .absent(Absent::Same("false")),
        Field::optional(
            "dry_run",
            Loosens::Outside,
            Form::Truth,
            "Whether the dry run has been shown. Left out: false.",
        )
        .absent(Absent::Same("false")),
    ],
    bonds: &[],
};

pub(super) const EXPECT: Shape = Shape {
    what: "an expectation",
    fields: &[
        Field::optional(
            "permit",
            Loosens::Any,
            RULES,
            "It runs. The list names all rules that matched, as `ID` or, from other files, `FILE/ID`.",
        ),
        Field::optional(
            "route",
            Loosens::Any,
            Form::List(List {
                of: &Form::Word(needs),
                empty: false,
                unique: false,
                entries: Entries::Set,
            }),
            "It waits for this: everything that is still missing.",
        ),
        Field::optional(
            "reject",
            Loosens::Any,
            form::word::<Reason>(),
            "It is refused for this reason.",
        ),
        Field::optional(
            "rules",
            Loosens::Any,
            RULES,
            "All rules that matched, beside `route` or `reject`. Left out: not compared.",
        ),
        Field::optional(
            "obligations",
            Loosens::Removed,
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
    entries: Entries::Set,
});

pub(super) const OBLIGATIONS: Shape = Shape {
    what: "obligations",
    fields: &[
        Field::optional(
            "mask",
            Loosens::Any,
            form::POINTERS,
            "Every place in the result that is masked. Left out: none.",
        )
        .absent(Absent::Same("[]")),
        Field::optional(
            "max_rows",
            Loosens::Any,
            form::MAX_ROWS,
            "Every list in the result that is shortened. Left out: none.",
        ),
    ],
    bonds: &[],
};

/// Evidence in one word.
pub(super) const AMOUNTS: [&str; 2] = ["all", "none"];

pub(super) fn amounts() -> Vec<WordMeaning> {
    WordMeaning::plain(&AMOUNTS)
}

/// What a door can do with results.
pub(super) const ENFORCEABLE: [&str; 2] = ["mask", "max_rows"];

pub(super) fn enforceable() -> Vec<WordMeaning> {
    WordMeaning::plain(&ENFORCEABLE)
}

/// What a call can wait for.
pub(super) const NEEDS: [Need; 4] = [
    Need::UserConfirmation,
    Need::DryRun,
    Need::Approval(Approval::Supervisor),
    Need::Approval(Approval::Committee),
];

pub(super) fn needs() -> Vec<WordMeaning> {
    WordMeaning::plain(
        &NEEDS
            .map(|need| need.to_string())
            .each_ref()
            .map(String::as_str),
    )
}
