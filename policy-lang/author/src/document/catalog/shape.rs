//! What a catalog may hold, and what an editor says about it.

use std::cmp::Ordering;

use stopgate_decide::fact::Projection;
use stopgate_decide::surface::Effect;

use super::super::read::STOPGATE;
use super::super::scalar::form;
use super::super::shape::{
    Absent, Bond, Entries, Field, Form, List, Loosens, Shape, Spelling, Weight,
};

/// `catalog/TOOL.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a catalog",
    fields: &[
        STOPGATE,
        Field::required(
            "tool",
            Loosens::Nothing,
            form::NAME,
            "Name of the tool; the file has the same name.",
        ),
        Field::required(
            "owner",
            Loosens::Any,
            form::NAME,
            "Who answers for what the catalog says about the tool.",
        ).guards(),
        Field::required(
            "server",
            Loosens::Within,
            Form::Record(&SERVER),
            "The MCP server that offers the tool's functions.",
        ),
        Field::required(
            "operations",
            Loosens::Proved,
            Form::Named {
                key: form::NAMES,
                value: &Form::Record(&OPERATION),
                empty: true,
            },
            "What agents can ask for, by name. Rules speak about operations; an operation that is not here is rejected.",
        ),
        Field::optional(
            "unused",
            Loosens::Removed,
            Form::List(List {
                of: &form::TEXT,
                empty: true,
                unique: true,
                entries: Entries::Set,
            }),
            "Functions that the server offers and nobody may call. Every function of the lock is here or in an operation.",
        ).absent(Absent::Same("[]")),
    ],
    bonds: &[],
};

pub(super) const SERVER: Shape = Shape {
    what: "a server",
    fields: &[
        Field::required(
            "contract",
            Loosens::Nothing,
            Form::Spelt(Spelling {
                pattern: "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$",
                examples: &["1.0.0"],
                help: "write it as `MAJOR.MINOR.PATCH`",
                order: None,
            }),
            "Version of what you promise about the tool, as `MAJOR.MINOR.PATCH`. A breaking change of the lock needs a \
             new major one.",
        ),
        Field::required(
            "command",
            Loosens::Any,
            Form::List(List {
                of: &Form::Raw,
                empty: false,
                unique: false,
                entries: Entries::Ordered,
            }),
            "How `stopgate lock` starts the server: a program found on PATH and its arguments, without a shell.",
        ),
        Field::optional(
            "env",
            Loosens::Any,
            Form::List(List {
                of: &Form::Spelt(Spelling {
                    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
                    examples: &["ERP_TOKEN"],
                    help: "name the environment variable only; values do not belong into git",
                    order: None,
                }),
                empty: true,
                unique: true,
                entries: Entries::Set,
            }),
            "Environment variables that `stopgate lock` passes on to the server, by name. Left out: none.",
        ).absent(Absent::Same("[]")),
        Field::optional(
            "prefix",
            Loosens::Any,
            form::TEXT,
            "What the server's function names begin with and operations leave out. Left out: nothing.",
        ).weighs(Weight::Grave),
    ],
    bonds: &[],
};

pub(super) const OPERATION: Shape = Shape {
    what: "an operation",
    fields: &[
        Field::required(
            "effect",
            Loosens::Lower,
            form::word::<Effect>(),
            "What the operation does to the tool's data.",
        ),
        Field::optional(
            "mcp",
            Loosens::Any,
            form::TEXT,
            "The server's function. Left out: the server's `prefix` and the operation's name.",
        ).weighs(Weight::Grave),
        Field::optional(
            "select",
            Loosens::Any,
            Form::Record(&SELECT),
            "Which calls of the function `mcp` are this operation: those in which an argument has one value.",
        ).weighs(Weight::Grave),
        Field::optional(
            "facts",
            Loosens::Removed,
            Form::Named {
                key: FACT_NAMES,
                value: &PROJECTION,
                empty: true,
            },
            "Typed views of arguments that the function's schema leaves open, readable in rules as `context.facts.NAME`.",
        ).absent(Absent::Same("{}")),
        Field::optional(
            "monotone",
            Loosens::Removed,
            Form::set(&Form::Spelt(FACT_NAMES)),
            "Facts that are numbers and of which more never makes an attempt easier; `stopgate check --require-proof` \
             proves it of every rule. Left out: none.",
        ).absent(Absent::Same("[]")),
        Field::optional(
            "dry_run",
            Loosens::Any,
            form::NAME,
            "The operation of this tool with effect `read` that takes the same arguments and shows what would happen; \
             `none` if there is none, with `because`.",
        ),
        Field::optional(
            "because",
            Loosens::Any,
            form::TEXT,
            "Why there is no dry run, beside `dry_run: none`. The floor's dry run is then not asked for.",
        ),
        Field::optional(
            "summary",
            Loosens::Any,
            form::TEXT,
            "What people read who confirm or approve, with arguments in braces such as `Refund {amount} for {order_id}`. \
             Quote it.",
        ),
        Field::optional(
            "money",
            Loosens::Any,
            Form::Open { value: &form::TEXT },
            "Arguments that are amounts in minor units, each with the argument that holds its currency.",
        ).absent(Absent::Same("{}")),
        Field::optional(
            "input",
            Loosens::Within,
            Form::Record(&INPUT),
            "What happens to arguments in records.",
        ),
        Field::optional(
            "result",
            Loosens::Within,
            Form::Record(&RESULT),
            "What happens to results before the agent sees them.",
        ),
    ],
    bonds: &[
        Bond::Beside {
            key: "select",
            other: "mcp",
        },
        Bond::While {
            key: "because",
            other: "dry_run",
            word: NO_DRY_RUN,
        },
    ],
};

/// What `dry_run` says where there is none.
pub(super) const NO_DRY_RUN: &str = "none";

pub(super) const SELECT: Shape = Shape {
    what: "a selector",
    fields: &[
        Field::required(
            "pointer",
            Loosens::Any,
            form::POINTER,
            "A required text argument, as a JSON Pointer.",
        ),
        Field::required("equals", Loosens::Any, form::TEXT, "The value that it has."),
    ],
    bonds: &[],
};

pub(super) const INPUT: Shape = Shape {
    what: "input",
    fields: &[Field::optional(
        "mask",
        Loosens::Removed,
        form::POINTERS,
        "Arguments of which records keep a keyed digest only. A rule that reads one is an error.",
    )
    .absent(Absent::Same("[]"))],
    bonds: &[],
};

pub(super) const RESULT: Shape = Shape {
    what: "result",
    fields: &[
        Field::optional(
            "mask",
            Loosens::Proved,
            form::POINTERS,
            "Places in the result that are masked before the agent sees it.",
        )
        .absent(Absent::Same("[]")),
        Field::optional(
            "max_rows",
            Loosens::Proved,
            form::MAX_ROWS,
            "Lists in the result that are shortened before the agent sees them.",
        ),
    ],
    bonds: &[],
};

pub(super) const FACT_NAMES: Spelling = Spelling {
    pattern: "^[a-z][a-z0-9_]{0,63}$",
    examples: &[],
    help: "write a name such as `rows` or `field_names`",
    order: None,
};

pub(super) const PROJECTION: Form = Form::Spelt(Spelling {
    pattern: "^\\s*(count|keys|text|number|minor)\\s*\\(.*\\)$",
    examples: &["count(/records)", "keys(/records/*)", "minor(/amount, 2)"],
    help: "write `count(P)`, `keys(P)`, `text(P)`, `number(P)` or `minor(P, SCALE)`, where P is a JSON Pointer or, for \
           JSON inside a text, `json(P)`",
    order: Some(same_projection),
});

/// Compares two projections: they are equal however they are spaced, and otherwise none is more than the other.
fn same_projection(a: &str, b: &str) -> Option<Ordering> {
    let projection = |text: &str| text.parse::<Projection>().ok();
    (projection(a)? == projection(b)?).then_some(Ordering::Equal)
}
