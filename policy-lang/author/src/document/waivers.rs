//! `waivers/ID.yaml`: loosenings that reviewers let pass, why, and until when.
//!
//! Whether what it names exists is not asked: it may speak of what the change deletes, and `diff` refuses a waiver that
//! covers nothing.

use std::collections::{BTreeSet, HashMap};

use stopgate_decide::name::{RuleId, ToolName, WaiverId};

use crate::diagnostic::{Diagnostics, approvals as facts, shape as say};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};
use crate::waiver::{CellCover, Cover, Holder, SettingCover, Waiver};

use super::read::{Record, STOPGATE, list, set};
use super::scalar::{date, digest, form, name, raw, slice, text, text_or};
use super::shape::{Bond, Entries, Field, Form, List, Loosens, Shape, Spelling};

/// `waivers/ID.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a waiver",
    fields: &[
        STOPGATE,
        Field::required(
            "waiver",
            Loosens::Outside,
            form::FILED,
            "The waiver's id; the file has the same name.",
        ),
        Field::required(
            "reason",
            Loosens::Outside,
            form::TEXT,
            "Why the loosening is wanted. Reviewers sign this text too.",
        ),
        Field::required(
            "expires",
            Loosens::Outside,
            form::DATE,
            "From this day on (UTC) the waiver covers nothing. At most `gate.waiver_days` of stopgate.yaml from today.",
        ),
        Field::required(
            "covers",
            Loosens::Outside,
            Form::List(List {
                of: &Form::Either(&[Form::Record(&CELL), Form::Record(&SETTING)]),
                empty: false,
                unique: false,
                entries: Entries::Alike,
            }),
            "The loosenings that may pass, as `stopgate diff` prints them: cells of operations, and changes of settings.",
        ),
    ],
    bonds: &[],
};

const CELL: Shape = Shape {
    what: "a covered cell",
    fields: &[
        Field::required(
            "tool",
            Loosens::Outside,
            form::NAME,
            "The tool that is acted on.",
        ),
        Field::required(
            "operation",
            Loosens::Outside,
            form::NAME,
            "The operation of the tool that became looser.",
        ),
        Field::optional(
            "profiles",
            Loosens::Outside,
            Form::set(&form::NAME),
            "For whom: somebody with exactly these profiles.",
        ),
        Field::optional(
            "groups",
            Loosens::Outside,
            Form::set(&form::TEXT),
            "For whom, where the mapping from groups changed: somebody in exactly these groups.",
        ),
        Field::required(
            "rules",
            Loosens::Outside,
            Form::set(&Form::Spelt(RULE)),
            "The rules that make it looser, and all others that were changed and can reach it, as `ID` or, from other \
             files, `FILE/ID`. A change of any other rule is not covered.",
        ),
        Field::required(
            "slice",
            Loosens::Outside,
            form::SLICE,
            "The digest of everything that decides about the operation before and after the change. Any other content is not \
             covered. Without `v3:` it is of an older release and covers nothing.",
        ),
    ],
    bonds: &[Bond::OneOf {
        keys: &["profiles", "groups"],
        help: "a cell is about somebody with `profiles`, or somebody in `groups`",
    }],
};

const SETTING: Shape = Shape {
    what: "a covered setting",
    fields: &[
        Field::required(
            "file",
            Loosens::Outside,
            form::TEXT,
            "The document that the setting stands in, such as `approvals.yaml`.",
        ),
        Field::optional(
            "path",
            Loosens::Outside,
            form::TEXT,
            "The place of the setting in it, such as `routes[refund-committee].seats`. Left out: the document as a whole.",
        ),
        Field::required(
            "change",
            Loosens::Outside,
            form::DIGEST,
            "The digest of the place and of its values before and after. Any other change is not covered.",
        ),
    ],
    bonds: &[],
};

const RULE: Spelling = Spelling {
    pattern: "^([a-z0-9][a-z0-9_.-]{0,63}/)?[a-z0-9][a-z0-9_.-]{0,63}$",
    examples: &["refund-small", "guardrails/currency"],
    help: "write a rule's id, such as `refund-small`, or `guardrails/currency` for one of another file",
    order: None,
};

/// Reads a waiver, and returns it beside the place of its id.
pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<(Spanned<WaiverId>, Waiver)> {
    let record = Record::document(root, &SHAPE, dx)?;
    let id: Option<Spanned<WaiverId>> = record.need("waiver", dx).and_then(|node| name(node, dx));
    let why = "give a reason; it is signed and shown to reviewers";
    let reason = record.need("reason", dx);
    let reason = reason.and_then(|node| text_or(node, why, dx));
    let expires = record.need("expires", dx).and_then(|node| date(node, dx));
    // In the order of the document, which is signed as it stands.
    let covers = record.need("covers", dx).map(|node| covers(node, dx));
    let id = id?;
    let waiver = Waiver {
        id: id.value.clone(),
        reason: reason?.value,
        expires: expires?,
        covers: covers?,
    };
    Some((id, waiver))
}

fn covers(node: &Node, dx: &mut Diagnostics) -> Vec<Cover> {
    if matches!(&node.value, Value::Sequence(entries) if entries.is_empty()) {
        dx.push(say::empty_list(node.span));
    }
    let found = list(node, dx, |node, dx| Some((node.span, cover(node, dx)?)));
    // One loosening covered twice could be let pass by either, with other rules.
    let mut first: HashMap<String, Span> = HashMap::new();
    let mut kept = Vec::new();
    for (span, cover) in found {
        let about = cover.about().canonical();
        if let Some(first) = first.get(&about) {
            dx.push(facts::repeated_cover(span, *first));
            continue;
        }
        first.insert(about, span);
        kept.push(cover);
    }
    kept
}

/// Reads what a waiver covers. An entry that names a file covers a setting; every other covers a cell.
fn cover(node: &Node, dx: &mut Diagnostics) -> Option<Cover> {
    // By the key and not by the table: an entry that is broken elsewhere still says which of the two it was meant to
    // be.
    let names_a_file = matches!(&node.value, Value::Mapping(entries) if entries.iter().any(|(key, _)| key.text == "file"));
    if names_a_file {
        setting(node, dx).map(Cover::Setting)
    } else {
        cell(node, dx).map(Cover::Cell)
    }
}

fn setting(node: &Node, dx: &mut Diagnostics) -> Option<SettingCover> {
    let record = Record::open(node, &SETTING, dx)?;
    let file = record.need("file", dx).and_then(|node| text(node, dx));
    let path = record.get("path").map(|node| text(node, dx));
    let change = record.need("change", dx).and_then(|node| digest(node, dx));
    Some(SettingCover {
        file: file?.value,
        path: match path {
            // A path that cannot be read must not become the document as a whole.
            Some(path) => path?.value,
            None => String::new(),
        },
        change: change?,
    })
}

fn cell(node: &Node, dx: &mut Diagnostics) -> Option<CellCover> {
    let record = Record::open(node, &CELL, dx)?;
    let tool = record.need("tool", dx).and_then(|node| name(node, dx));
    let operation = record.need("operation", dx).and_then(|node| name(node, dx));
    let holder = holder(&record, dx);
    let home = tool.as_ref().map(|tool: &Spanned<ToolName>| &tool.value);
    let rules = record.need("rules", dx).map(|node| set(node, dx, rule));
    let slice = record.need("slice", dx).and_then(|node| slice(node, dx));
    // In full, since a signature has to name one rule and no other.
    let rules = home.and_then(|home| {
        let full = |written: &Spanned<String>| in_full(home, &written.value);
        rules?.iter().map(full).collect()
    });
    Some(CellCover {
        tool: tool?.value,
        operation: operation?.value,
        holder: holder?,
        rules: rules?,
        slice: slice?,
    })
}

/// Reads for whom a cell is covered: exactly one of the keys `profiles` and `groups` says it.
fn holder(record: &Record<'_>, dx: &mut Diagnostics) -> Option<Holder> {
    match (record.entry("profiles"), record.entry("groups")) {
        (Some((_, profiles)), None) => {
            let profiles = set(profiles, dx, name);
            let profiles: BTreeSet<_> = profiles.into_iter().map(|name| name.value).collect();
            Some(Holder::Profiles(profiles))
        }
        (None, Some((_, groups))) => {
            let groups = set(groups, dx, text);
            Some(Holder::Groups(
                groups.into_iter().map(|group| group.value).collect(),
            ))
        }
        (Some(_), Some((key, _))) => {
            dx.push(say::misplaced_key(
                key.span,
                "groups",
                "`profiles` says already who it is",
                "keep one of the two",
            ));
            None
        }
        (None, None) => {
            let help = "add `profiles:`, or `groups:` where the mapping from groups changed";
            dx.push(say::missing_key(
                record.place(),
                "profiles",
                "a covered cell",
                Some(help),
            ));
            None
        }
    }
}

/// Reads a rule's id, written as `ID` or `FILE/ID`.
fn rule(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let written = &raw(node, dx)?.text;
    let full = written.contains('/');
    let is_id = full && written.parse::<RuleId>().is_ok()
        || !full && written.parse::<stopgate_decide::name::RuleName>().is_ok();
    if !is_id {
        dx.push(say::invalid_text(
            node.span,
            "this is no rule's id",
            RULE.help,
        ));
        return None;
    }
    Some(Spanned::new(written.clone(), node.span))
}

fn in_full(home: &ToolName, written: &str) -> Option<RuleId> {
    if written.contains('/') {
        return written.parse().ok();
    }
    let name = written.parse().ok()?;
    Some(RuleId {
        home: home.clone(),
        name,
    })
}
