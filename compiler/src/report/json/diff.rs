//! Body of `diff`.

use serde_json::{Value, json};
use stopgate_lang::policy::Location;

use super::surface;
use crate::diff::{
    Answer, Cause, Cell, Direction, Holder, OperationChange, Part, ProofReport, Request, Side,
    sentence,
};
use crate::report::{Change, GateReport, Waiver};

/// The members beside `stopgate`, `command` and `exit`.
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
        "verdict": report.class().as_str(),
        "base": side(&report.diff.base),
        "head": side(&report.diff.head),
        "operations": changes.map(|change| operation(report, change)).collect::<Vec<_>>(),
        "settings": report.settings.iter().map(setting).collect::<Vec<_>>(),
        "waivers": report.waivers.iter().map(waiver).collect::<Vec<_>>(),
        "proof": {
            "solver": solver, "operations": all, "compared": compared, "queries": queries, "equal": equal,
        },
    })
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
        "waived": report.waived(change).map(|waiver| &waiver.id),
        "cells": cells.iter().map(|cell| one_cell(change, cell)).collect::<Vec<_>>(),
        "undecided": undecided,
        "notes": notes,
    })
}

fn one_cell(change: &OperationChange, cell: &Cell) -> Value {
    let Cell {
        holder,
        class,
        parts,
        request,
        before,
        after,
        because,
    } = cell;
    let mut value = match holder {
        Holder::Profiles(profiles) => json!({"profiles": profiles}),
        Holder::Groups(groups) => json!({"groups": groups}),
    };
    let rest = json!({
        "class": class.as_str(),
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
        "request": asked(request),
        "before": answer(before),
        "after": answer(after),
        "because": because.iter().map(cause).collect::<Vec<_>>(),
        "sentence": sentence(change, cell).to_string(),
    });
    if let (Some(value), Value::Object(rest)) = (value.as_object_mut(), rest) {
        value.extend(rest);
    }
    value
}

fn part((part, direction): &(Part, Direction)) -> Value {
    let (name, pointer) = match part {
        Part::Passing => ("passing", None),
        Part::Risk => ("risk", None),
        Part::Approval => ("approval", None),
        Part::UserConfirmation => ("user_confirmation", None),
        Part::DryRun => ("dry_run", None),
        Part::Mask(pointer) => ("mask", Some(pointer)),
        Part::MaxRows(pointer) => ("max_rows", Some(pointer)),
    };
    let direction = match direction {
        Direction::Looser => "looser",
        Direction::Stricter => "stricter",
    };
    json!({"part": name, "pointer": pointer, "direction": direction})
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
    } = cause;
    json!({"rule": rule.to_string(), "kind": kind, "before": place(before), "after": place(after)})
}

fn place(location: &Option<Location>) -> Option<String> {
    location.as_ref().map(ToString::to_string)
}

fn setting(setting: &Change) -> Value {
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
    } = setting;
    json!({
        "file": file, "path": path, "field": field, "before": before, "after": after, "note": note,
        "effect": effect.as_str(), "risk": risk, "before_at": place(before_at), "after_at": place(after_at),
    })
}

fn waiver(waiver: &Waiver) -> Value {
    let Waiver {
        id,
        file,
        reason,
        expires,
        standing,
        covers,
        signers,
    } = waiver;
    let covers = covers.iter();
    let covers = covers.map(|(tool, operation)| json!({"tool": tool, "operation": operation}));
    json!({
        "waiver": id, "file": file, "reason": reason, "expires": expires.to_string(), "standing": standing.as_str(),
        "covers": covers.collect::<Vec<_>>(), "signers": signers,
    })
}
