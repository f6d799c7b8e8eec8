//! Body of `diff`.

use serde_json::{Value, json};
use stopgate_author::change::Change;
use stopgate_decide::name::Location;

use crate::diff::{
    Answer, Bug, Cause, Cell, Channels, Direction, Edit, Failing, Fate, Holder, Opened,
    OperationChange, Part, ProofReport, Request, Side, sentence,
};
use crate::gate::words::area;
use crate::gate::{GateReport, ShownWaiver};
use crate::waiver::{Loosened, ToSign};

use super::{surface, with};

/// Returns the body of `diff`: the members beside `stopgate`, `command` and `exit`.
#[must_use]
pub fn diff(report: &GateReport<'_>) -> Value {
    let ProofReport {
        solver,
        operations: all,
        compared,
        queries,
        equal,
    } = &report.diff.proof;
    let changes = report.diff.operations.iter();
    json!({
        "verdict": report.word(),
        "base": side(&report.diff.base),
        "head": side(&report.diff.head),
        "bundle": report.bundle,
        "failing": report.diff.failing.iter().map(failing).collect::<Vec<_>>(),
        "operations": changes.map(|change| operation(report, change)).collect::<Vec<_>>(),
        "opened": report.diff.opened.iter().map(opened).collect::<Vec<_>>(),
        "settings": report.settings.iter().map(|one| setting(report, one)).collect::<Vec<_>>(),
        "waivers": report.waivers.iter().map(waiver).collect::<Vec<_>>(),
        "to_sign": report.to_sign.map(to_sign),
        "mend": report.mend.iter().map(|one| json!({"file": one.file, "what": one.what})).collect::<Vec<_>>(),
        "bugs": report.diff.bugs.iter().map(bug).collect::<Vec<_>>(),
        "proof": {
            "solver": solver, "operations": all, "compared": compared, "queries": queries, "equal": equal,
        },
    })
}

fn failing(failing: &Failing) -> Value {
    let Failing {
        rule,
        location,
        tool,
        operation,
    } = failing;
    json!({"rule": rule.to_string(), "at": location.to_string(), "tool": tool, "operation": operation})
}

fn opened(opened: &Opened) -> Value {
    let Opened {
        channel,
        tool,
        operations,
    } = opened;
    json!({"channel": channel, "tool": tool, "operations": operations})
}

fn bug(bug: &Bug) -> Value {
    let Bug {
        tool,
        operation,
        asked,
        request,
    } = bug;
    json!({"tool": tool, "operation": operation, "asked": asked, "request": request})
}

fn side(Side { name, commit }: &Side) -> Value {
    json!({"name": name, "commit": commit})
}

fn operation(report: &GateReport<'_>, change: &OperationChange) -> Value {
    let OperationChange {
        tool,
        operation,
        class,
        slice,
        risk,
        cells,
        changed: _,
        undecided,
        notes,
        money: _,
    } = change;
    json!({
        "tool": tool,
        "operation": operation,
        "class": class.as_str(),
        "risk": risk,
        "slice": slice.to_string(),
        "cells": cells.iter().map(|cell| one_cell(report, change, cell)).collect::<Vec<_>>(),
        "also": change.never_met().map(cause).collect::<Vec<_>>(),
        "undecided": undecided,
        "notes": notes,
    })
}

fn one_cell(report: &GateReport<'_>, change: &OperationChange, cell: &Cell) -> Value {
    let Cell {
        holder,
        class,
        parts,
        request,
        before,
        after,
        channels,
        because,
    } = cell;
    let Channels {
        before: open_before,
        after: open_after,
        were_shut: _,
        shut: _,
    } = channels;
    let rest = json!({
        "class": class.as_str(),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
        "request": asked(request),
        "before": answer(before),
        "after": answer(after),
        "channels": {"before": open_before, "after": open_after},
        "because": because.iter().map(cause).collect::<Vec<_>>(),
        "waived": report.covering(change, cell).map(|waiver| &waiver.id),
        "sentence": sentence(change, cell).to_string(),
    });
    with(held(holder), rest)
}

fn part((part, direction): &(Part, Direction)) -> Value {
    let (name, pointer) = part.words();
    json!({"part": name, "pointer": pointer, "direction": direction.word()})
}

fn asked(request: &Request) -> Value {
    let Request {
        input,
        agent,
        now,
        business,
    } = request;
    let input = serde_json::from_str(&input.canonical()).unwrap_or(Value::Null);
    json!({"input": input, "agent": agent, "now": now, "business": business})
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Passes(needed) => json!({"passes": surface(needed)}),
        Answer::Rejected { reason, message } => {
            json!({"rejects": {"reason": reason.as_str(), "message": message}})
        }
    }
}

fn cause(cause: &Cause) -> Value {
    let Cause {
        rule,
        kind,
        before,
        after,
        fate,
        moved: _,
    } = cause;
    let (fate, edits) = match fate {
        Fate::Added => ("added", &[][..]),
        Fate::Deleted => ("deleted", &[][..]),
        Fate::Changed(edits) => ("changed", edits.as_slice()),
        Fate::Kept => ("kept", &[][..]),
    };
    let edit = |edit: &Edit| {
        let Edit {
            what,
            before,
            after,
        } = edit;
        json!({"what": what, "before": before, "after": after})
    };
    json!({
        "rule": rule.to_string(), "kind": kind, "before": place(before), "after": place(after), "fate": fate,
        "edits": edits.iter().map(edit).collect::<Vec<_>>(),
    })
}

fn place(location: &Option<Location>) -> Option<String> {
    location.as_ref().map(ToString::to_string)
}

fn setting(report: &GateReport<'_>, setting: &Change) -> Value {
    let waived = report.covering_setting(setting).map(|waiver| &waiver.id);
    let Change {
        file,
        path,
        field,
        before,
        after,
        note,
        effect,
        area: _,
        before_at,
        after_at,
        risk,
        content,
    } = setting;
    json!({
        "file": file, "path": path, "field": field, "before": before, "after": after, "note": note,
        "effect": effect.as_str(), "area": area(setting), "risk": risk,
        "before_at": place(before_at), "after_at": place(after_at), "change": content, "waived": waived,
    })
}

fn waiver(waiver: &ShownWaiver) -> Value {
    let ShownWaiver {
        id,
        file,
        reason,
        expires,
        standing,
        covers,
        lacks,
        signers,
    } = waiver;
    let signers: Vec<&String> = signers.iter().map(|(id, _)| id).collect();
    let cells = covers.iter().filter_map(|one| match one {
        Loosened::Cell {
            tool,
            operation,
            holder,
            ..
        } => {
            let named = json!({"tool": tool, "operation": operation});
            Some(with(held(holder), named))
        }
        Loosened::Setting { .. } => None,
    });
    let settings = covers.iter().filter_map(|one| match one {
        Loosened::Setting { file, path, .. } => Some(json!({"file": file, "path": path})),
        Loosened::Cell { .. } => None,
    });
    json!({
        "waiver": id, "file": file, "reason": reason, "expires": expires.to_string(), "standing": standing.as_str(),
        "cells": cells.collect::<Vec<_>>(), "settings": settings.collect::<Vec<_>>(), "lacks": lacks,
        "signers": signers,
    })
}

fn to_sign(to_sign: &ToSign) -> Value {
    let ToSign {
        is_bound: _,
        needed,
        reviewers,
        left,
        short,
        covers: _,
        beyond,
        id: _,
        expires: _,
    } = to_sign;
    let short = short.iter().map(
        |(waiver, (found, needed))| json!({"waiver": waiver, "found": found, "needed": needed}),
    );
    json!({
        "needed": needed, "reviewers": reviewers, "left": left, "short": short.collect::<Vec<_>>(), "beyond": beyond,
        "file": to_sign.file(), "waiver": to_sign.draft(),
    })
}

fn held(holder: &Holder) -> Value {
    match holder {
        Holder::Profiles(profiles) => json!({"profiles": profiles}),
        Holder::Groups(groups) => json!({"groups": groups}),
    }
}
