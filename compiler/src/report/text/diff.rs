//! The gate's findings as text: the verdict, what is looser with its requests, the rest, how it was proved.

use stopgate_lang::change::{Change, Effect};
use stopgate_lang::summary::visible;

use super::line;
use crate::diff::{Cause, Cell, Class, OperationChange, Side, leaves_out, sentence_of_all};
use crate::gate::words::{
    ALSO, EDIT, area, bug, edits, failing, matching, name, opened, proof, setting_places, unmet,
};
use crate::gate::{GateReport, ShownWaiver};
use crate::report::{Paint, named_side};
use crate::waiver::Standing;

/// Most characters of a text that is not ours.
const TEXT: usize = 500;
/// The same of a value of a setting, which is short but for the people of a trust root.
const VALUE: usize = 20_000;

/// Returns the whole report, coloured if `colour`.
#[must_use]
pub fn diff(report: &GateReport<'_>, colour: bool) -> String {
    let paint = Paint::new(colour);
    let mut out = String::new();
    let class = report.class();
    let verdict = format!("{}: {}", report.headline(), report.verdict());
    let verdict = if report.diff.failing.is_empty() && !report.only_waits_for_mending() {
        by_class(class, &verdict, paint)
    } else {
        paint.bad(&verdict)
    };
    line(&mut out, format_args!("{verdict}"));
    let (base, head) = (side(&report.diff.base), side(&report.diff.head));
    line(&mut out, format_args!("  from {base} to {head}"));
    line(&mut out, format_args!("  {}", report.totals()));
    if let Some(bundle) = report.bundle {
        line(&mut out, format_args!("  head makes the bundle {bundle}"));
    }
    let failings = report.diff.failing.iter().map(failing);
    lines(&mut out, "rules that may fail", failings, paint);
    let openings = report.diff.opened.iter().map(opened);
    lines(&mut out, "ceilings", openings, paint);
    let sections: [&[Class]; 7] = [
        &[Class::Looser, Class::Both],
        &[Class::Undecided],
        &[Class::Retyped],
        &[Class::Stricter],
        &[Class::Added],
        &[Class::Removed],
        &[Class::Same],
    ];
    // What has to be signed stands together, before what only has to be known.
    let (sign, know) = sections.split_at(3);
    for classes in sign {
        operations(&mut out, report, classes, paint);
    }
    settings(&mut out, report, true, paint);
    for classes in know {
        operations(&mut out, report, classes, paint);
    }
    settings(&mut out, report, false, paint);
    let mend = report.mend.iter().map(ToString::to_string);
    lines(&mut out, "to be mended", mend, paint);
    waivers(&mut out, report.waivers, paint);
    to_sign(&mut out, report, paint);
    let bugs = report.diff.bugs.iter().map(bug);
    lines(&mut out, "bugs of the gate", bugs, paint);
    let proof = format!("proof: {}", proof(&report.diff.proof));
    line(&mut out, format_args!("\n{}", paint.faint(&proof)));
    out
}

/// Writes a section of single lines, and nothing if there are none.
fn lines(out: &mut String, head: &str, lines: impl ExactSizeIterator<Item = String>, paint: Paint) {
    if lines.len() > 0 {
        line(out, format_args!("\n{}", paint.head(head)));
    }
    for text in lines {
        line(out, format_args!("  {}", paint.bad(&text)));
    }
}

fn by_class(class: Class, text: &str, paint: Paint) -> String {
    match class {
        Class::Same => paint.good(text),
        Class::Stricter | Class::Added | Class::Removed => paint.mind(text),
        Class::Looser | Class::Both | Class::Retyped | Class::Undecided => paint.bad(text),
    }
}

fn side(side: &Side) -> String {
    let (name, commit) = named_side(side);
    let name = visible(name, TEXT);
    match commit {
        Some(commit) => format!("{name} ({})", visible(commit, TEXT)),
        None => name,
    }
}

fn operations(out: &mut String, report: &GateReport<'_>, classes: &[Class], paint: Paint) {
    let changes = report.of_class(classes);
    let (Some(first), false) = (classes.first(), changes.is_empty()) else {
        return;
    };
    line(out, format_args!("\n{}", paint.head(first.as_str())));
    for change in changes {
        operation(out, report, change, paint);
    }
}

fn operation(out: &mut String, report: &GateReport<'_>, change: &OperationChange, paint: Paint) {
    let name = format!("{}/{}", change.tool, change.operation);
    let risk = if change.class.needs_review() {
        paint.faint(&format!("  to be signed as risk {}", change.risk))
    } else {
        String::new()
    };
    line(out, format_args!("  {}{risk}", paint.head(&name)));
    for cells in report.grouped(change) {
        alike(out, report, change, &cells, paint);
    }
    if change.never_met().next().is_some() {
        line(out, format_args!("    {ALSO}"));
    }
    for cause in change.never_met() {
        let (place, words) = unmet(cause);
        one_cause(out, cause, &format!("{place} {words}"), paint);
    }
    for why in &change.undecided {
        let why = format!("undecided: {}", visible(why, TEXT));
        line(out, format_args!("    {}", paint.bad(&why)));
    }
    for note in &change.notes {
        line(out, format_args!("    note: {}", visible(note, TEXT)));
    }
}

/// Writes what is the same for the holders of all `cells`: the sentence, the waiver and the causes.
fn alike(
    out: &mut String,
    report: &GateReport<'_>,
    change: &OperationChange,
    cells: &[&Cell],
    paint: Paint,
) {
    let Some(cell) = cells.first() else {
        return;
    };
    line(out, format_args!("    {}", sentence_of_all(change, cells)));
    if leaves_out(&cell.request.input) {
        let request = visible(&cell.request.input.canonical(), 4 * TEXT);
        line(
            out,
            format_args!("      {}", paint.faint(&format!("request {request}"))),
        );
    }
    waived(out, "      ", report.covering(change, cell), paint);
    if let Some(elsewhere) = report.elsewhere(change, cell) {
        line(out, format_args!("      {elsewhere}"));
    }
    for cause in &cell.because {
        let (place, words) = matching(cause);
        one_cause(out, cause, &format!("{place} {words}"), paint);
    }
}

fn one_cause(out: &mut String, cause: &Cause, words: &str, paint: Paint) {
    let Cause { rule, kind, .. } = cause;
    let words = paint.faint(words);
    line(
        out,
        format_args!("      {:<5}  {rule}  {words}", kind.as_str()),
    );
    for (what, now, before) in edits(cause, EDIT) {
        line(
            out,
            format_args!("             {what}: {now} instead of {before}"),
        );
    }
}

fn waived(out: &mut String, indent: &str, waiver: Option<&ShownWaiver>, paint: Paint) {
    if let Some(waiver) = waiver {
        let id = visible(&waiver.id, TEXT);
        let waived = format!("waived by {id} until {}", waiver.expires);
        line(out, format_args!("{indent}{}", paint.mind(&waived)));
    }
}

/// Writes the settings that have to be signed, or the others.
fn settings(out: &mut String, report: &GateReport<'_>, sign: bool, paint: Paint) {
    let these = report.settings.iter();
    let these: Vec<&Change> = these
        .filter(|setting| setting.effect.needs_review() == sign)
        .collect();
    if these.is_empty() {
        return;
    }
    let head = if sign {
        "settings to be signed"
    } else {
        "other settings"
    };
    line(out, format_args!("\n{}", paint.head(head)));
    for setting in these {
        let effect = setting.effect.as_str();
        let effect = match setting.effect {
            Effect::Looser | Effect::Changed => {
                paint.bad(&format!("{effect} (risk {})", setting.risk))
            }
            Effect::Stricter => paint.good(effect),
            Effect::Listed => paint.faint(effect),
        };
        let area = area(setting);
        let note = setting
            .note
            .map_or_else(String::new, |note| format!(": {note}"));
        line(
            out,
            format_args!("  {effect}  {area} {}{note}", name(setting)),
        );
        for (what, value) in [("before", &setting.before), ("now", &setting.after)] {
            let value = value
                .as_ref()
                .map_or_else(|| "not there".to_owned(), |value| visible(value, VALUE));
            line(out, format_args!("    {what:<6}  {value}"));
        }
        line(
            out,
            format_args!("    {}", paint.faint(&setting_places(setting))),
        );
        waived(out, "    ", report.covering_setting(setting), paint);
    }
}

fn waivers(out: &mut String, waivers: &[ShownWaiver], paint: Paint) {
    if waivers.is_empty() {
        return;
    }
    line(out, format_args!("\n{}", paint.head("waivers")));
    for waiver in waivers {
        let standing = waiver.standing.as_str();
        let standing = match waiver.standing {
            Standing::Live => paint.good(standing),
            Standing::Spent => paint.faint(standing),
            Standing::Short
            | Standing::Unsigned
            | Standing::Unbound
            | Standing::Unused
            | Standing::Expired
            | Standing::TooLong => paint.bad(standing),
        };
        let id = visible(&waiver.id, TEXT);
        let reason = visible(&waiver.reason, TEXT);
        line(
            out,
            format_args!("  {standing}  {id} until {}: {reason}", waiver.expires),
        );
        let covers = waiver.named();
        let meaning = if covers.is_empty() {
            waiver.standing.meaning().to_owned()
        } else {
            format!("lets pass {covers}")
        };
        line(out, format_args!("    {meaning}"));
        for lack in &waiver.lacks {
            line(out, format_args!("    {}", paint.bad(&visible(lack, TEXT))));
        }
        let signers = waiver.signed_by();
        let file = visible(&waiver.file, TEXT);
        line(
            out,
            format_args!(
                "    {}",
                paint.faint(&format!("{file}, signed by {signers}"))
            ),
        );
    }
}

/// Writes how many have to sign, and the waiver to be signed, at the left edge so that it can be copied.
fn to_sign(out: &mut String, report: &GateReport<'_>, paint: Paint) {
    let Some(to_sign) = report.to_sign else {
        return;
    };
    let people = format!("{}, {}", to_sign.have_to_sign(), to_sign.who());
    line(out, format_args!("\n{}", paint.head(&people)));
    for step in to_sign.steps(&report.diff.base.name, report.folder) {
        line(out, format_args!("  {step}"));
    }
    if let Some(draft) = to_sign.draft() {
        line(out, format_args!("\n{}", draft.trim_end()));
    }
}
