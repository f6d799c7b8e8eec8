//! The gate's findings as SARIF: one result for each loosening and for everything else that stops the change.

use std::path::Path;

use serde_json::{Value, json};
use stopgate_author::change::Change;
use stopgate_decide::json::Json;
use stopgate_decide::name::Location;
use stopgate_decide::visible::visible;

use crate::diff::{Cell, Class, Direction, Holder, OperationChange, Part, sentence};
use crate::gate::words::{failing, matching, name};
use crate::gate::{GateReport, ShownWaiver};

use super::{SCHEMA, uri, with, with_related};

/// The rules of the gate: id, title, advice.
const RULES: [(&str, &str, &str); 6] = [
    (
        "looser",
        "a call passes that did not, or needs less than it did",
        "Keep the old rule, or have the loosening signed by reviewers.",
    ),
    (
        "re-typed",
        "a rule of the base has no meaning under the new types",
        "Nothing can be proved about it: have the change signed by reviewers.",
    ),
    (
        "undecided",
        "the proof did not finish",
        "Install the solver, or give it more time; a smaller change helps too.",
    ),
    (
        "may-fail",
        "a rule may fail to evaluate",
        "A rule that fails rejects every attempt that it reaches: guard what it reads with `has`, and sums with bounds.",
    ),
    (
        "setting-looser",
        "a setting asks for less, or for something else",
        "Keep the old value, or have the change signed by reviewers.",
    ),
    (
        "to-mend",
        "a waiver or a signature is not what it has to be",
        "Delete it, or mend it and have it signed again.",
    ),
];

/// What has no place of its own is shown at the document that every repository has.
const NOWHERE: &str = "stopgate.yaml";

/// Returns the report on the repository that was named as `dir`; places are relative to where the command ran.
#[must_use]
pub fn diff(report: &GateReport<'_>, dir: &Path) -> Value {
    let mut results = Vec::new();
    for one in &report.diff.failing {
        let text = failing(one);
        let found = result("may-fail", &text, Some(&one.location), dir);
        let print = fingerprint(vec![text_of("may-fail"), text_of(&text)]);
        results.push(with(found, print));
    }
    for change in &report.diff.operations {
        operation(&mut results, report, change, dir);
    }
    for setting in report.settings {
        if setting.effect.needs_review() {
            let found = one_setting(setting, dir);
            results.push(with(found, suppressed(report.covering_setting(setting))));
        }
    }
    for one in report.mend {
        let place = Location {
            file: one.file.as_str().into(),
            line: 1,
        };
        let found = result("to-mend", &one.to_string(), Some(&place), dir);
        let parts = ["to-mend", &one.file, &one.what].map(text_of);
        results.push(with(found, fingerprint(parts.into())));
    }
    let rule = |(id, title, advice): &(&str, &str, &str)| {
        json!({
            "id": id,
            "shortDescription": {"text": title},
            "help": {"text": advice},
            "defaultConfiguration": {"level": "error"},
        })
    };
    let driver = json!({
        "name": "stopgate diff",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": true}],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn operation(
    results: &mut Vec<Value>,
    report: &GateReport<'_>,
    change: &OperationChange,
    dir: &Path,
) {
    let name = format!("{}/{}", change.tool, change.operation);
    for cell in &change.cells {
        let rule = match cell.class {
            Class::Looser | Class::Both => "looser",
            Class::Retyped => "re-typed",
            Class::Undecided => "undecided",
            Class::Same | Class::Stricter | Class::Added | Class::Removed => continue,
        };
        let parts: Vec<Json> = cell.parts.iter().map(part).collect();
        let found = result(rule, &sentence(change, cell).to_string(), at(cell), dir);
        let who = who_of(&cell.holder);
        let print = vec![text_of(rule), text_of(&name), who, Json::Array(parts)];
        // All places that differ, in head before the base.
        let related = cell.because.iter().map(|cause| {
            let place = cause.after.as_ref().or(cause.before.as_ref());
            let text = format!("{}: {}", cause.rule, matching(cause).1);
            with(location(place, dir), json!({"message": {"text": text}}))
        });
        let found = with_related(with(found, fingerprint(print)), related.collect());
        results.push(with(found, suppressed(report.covering(change, cell))));
    }
    let mut whole = |rule: &str, text: &str| {
        let text = format!("{name}: {}", visible(text, 500));
        let found = result(rule, &text, None, dir);
        let print = fingerprint(vec![text_of(rule), text_of(&text)]);
        results.push(with(found, print));
    };
    for why in &change.undecided {
        whole("undecided", why);
    }
    match change.class {
        Class::Retyped if change.notes.is_empty() => whole("re-typed", "its types changed"),
        Class::Retyped => {
            for note in &change.notes {
                whole("re-typed", note);
            }
        }
        // Whatever says undecided is said, also without a reason.
        Class::Undecided if change.undecided.is_empty() => whole("undecided", "not proved"),
        Class::Looser | Class::Both if change.cells.is_empty() => {
            whole("looser", "it asks for less")
        }
        Class::Undecided
        | Class::Looser
        | Class::Both
        | Class::Same
        | Class::Stricter
        | Class::Added
        | Class::Removed => {}
    }
}

fn one_setting(setting: &Change, dir: &Path) -> Value {
    let value = |value: &Option<String>| match value {
        Some(value) => visible(value, 200),
        None => "nothing".to_owned(),
    };
    let text = format!(
        "{}: {} instead of {}",
        name(setting),
        value(&setting.after),
        value(&setting.before)
    );
    let place = setting.after_at.as_ref().or(setting.before_at.as_ref());
    let whole_file = Location {
        file: setting.file.as_str().into(),
        line: 1,
    };
    let found = result("setting-looser", &text, place.or(Some(&whole_file)), dir);
    let parts = ["setting-looser", &setting.file, &text].map(text_of);
    with(found, fingerprint(parts.into()))
}

/// Returns where the first cause that changed stands, or else the first cause: in head, or in the base if it is gone.
fn at(cell: &Cell) -> Option<&Location> {
    let changed = cell
        .because
        .iter()
        .find(|cause| cause.before != cause.after);
    let cause = changed.or_else(|| cell.because.first())?;
    cause.after.as_ref().or(cause.before.as_ref())
}

fn result(rule: &str, text: &str, place: Option<&Location>, dir: &Path) -> Value {
    json!({
        "ruleId": rule,
        "ruleIndex": RULES.iter().position(|(id, _, _)| *id == rule),
        "level": "error",
        "message": {"text": text},
        "locations": [location(place, dir)],
    })
}

fn location(place: Option<&Location>, dir: &Path) -> Value {
    let (file, line) = place.map_or((NOWHERE, 1), |place| (&*place.file, place.line));
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(dir, file)},
            "region": {"startLine": line.max(1)},
        },
    })
}

/// Returns what marks a finding that `waiver` covers as suppressed: it stays in the list and stops nobody.
fn suppressed(waiver: Option<&ShownWaiver>) -> Value {
    let mark = |waiver: &ShownWaiver| {
        let ShownWaiver {
            id,
            expires,
            reason,
            ..
        } = waiver;
        let why = visible(&format!("waiver {id} until {expires}: {reason}"), 500);
        json!({"suppressions": [{"kind": "external", "status": "accepted", "justification": why}]})
    };
    waiver.map_or(Value::Null, mark)
}

/// Returns the member with the fingerprint by which a code host knows a finding again in the next run, also of a newer release. It is
/// made of canonical JSON of our own words.
fn fingerprint(parts: Vec<Json>) -> Value {
    let digest = Json::Array(parts).digest("stopgate-finding-v2");
    json!({"partialFingerprints": {"stopgateDiff/v2": digest.hex()}})
}

fn text_of(text: &str) -> Json {
    Json::String(text.to_owned())
}

/// Returns whom a finding is about: the kind of holder and the names.
fn who_of(holder: &Holder) -> Json {
    let (kind, names): (_, Vec<&str>) = match holder {
        Holder::Profiles(names) => ("profiles", names.iter().map(|one| one.as_str()).collect()),
        Holder::Groups(names) => ("groups", names.iter().map(String::as_str).collect()),
    };
    let names = names.into_iter().map(text_of).collect();
    Json::Object(vec![(kind.to_owned(), Json::Array(names))])
}

/// Returns which part of an operation moved, and in which direction.
fn part((part, direction): &(Part, Direction)) -> Json {
    let (name, pointer) = part.words();
    let pointer = pointer.map_or(Json::Null, |pointer| text_of(pointer.as_str()));
    Json::Array(vec![text_of(name), pointer, text_of(direction.word())])
}
