//! What the gate found, as sections of the page: what has to be signed, then what has only to be known.

use stopgate_lang::change::{Change, Effect};
use stopgate_lang::summary::visible;
use stopgate_lang::surface::{Requirement, Surface};

use super::markup::Markup;
use crate::diff::{
    Answer, Cause, Cell, Class, OperationChange, Piece, Request, Sentence, people, sentence,
};
use crate::gate::words::{
    ALSO, EDIT, area, bug, edits, failing, matching, name, opened, setting_places, unmet,
};
use crate::gate::{GateReport, ShownWaiver};
use crate::waiver::{Standing, ToSign};
use crate::words::list;

/// Above so many operations a section is folded.
const OPEN: usize = 12;

/// Most characters of a value of a setting, which is short but for the people of a trust root.
const VALUE: usize = 20_000;

/// Returns the CSS classes that colour something of `class`.
pub(super) const fn tone(class: Class) -> &'static str {
    match class {
        Class::Same => "mark same",
        Class::Stricter => "mark stricter",
        Class::Added | Class::Removed => "mark moved",
        Class::Looser | Class::Both => "mark looser",
        Class::Retyped | Class::Undecided => "mark doubt",
    }
}

/// Returns the HTML id of the `cell`th finding of the `change`th operation.
pub(super) fn finding_id(change: usize, cell: usize) -> String {
    format!("f{change}-{cell}")
}

/// Writes what has to be signed or mended: loosenings, doubts, and settings.
pub(super) fn to_sign(page: &mut Markup, report: &GateReport<'_>) {
    let failings = report.diff.failing.iter().map(failing);
    listed(page, "Rules that may fail", failings);
    let openings = report.diff.opened.iter().map(opened);
    listed(page, "Ceilings", openings);
    section(page, report, "Looser", &[Class::Looser, Class::Both]);
    section(page, report, "Undecided", &[Class::Undecided]);
    section(page, report, "Re-typed", &[Class::Retyped]);
    settings(page, report, "Settings to be signed", true);
    let mend = report.mend.iter().map(ToString::to_string);
    listed(page, "To be mended", mend);
    if let Some(to_sign) = report.to_sign {
        unsigned(page, to_sign, report);
    }
}

/// Writes how many have to sign, and the waiver to be signed.
fn unsigned(page: &mut Markup, to_sign: &ToSign, report: &GateReport<'_>) {
    page.raw("<section class=findings><h2>To be signed</h2>\n<p>")
        .text(&to_sign.have_to_sign())
        .raw(", ")
        .quoted(&to_sign.who())
        .raw("</p>\n<ul>");
    for step in to_sign.steps(&report.diff.base.name, report.folder) {
        page.raw("<li>").quoted(&step);
    }
    page.raw("</ul>\n");
    if let Some(draft) = to_sign.draft() {
        page.raw("<details class=more><summary>the waiver, <code>")
            .text(&to_sign.file())
            .raw("</code></summary><pre>");
        page.text(&draft).raw("</pre></details>\n");
    }
    page.raw("</section>\n");
}

/// Writes what nobody has to sign: stricter, added, removed and same operations, other settings, waivers, bugs of the
/// gate.
pub(super) fn to_know(page: &mut Markup, report: &GateReport<'_>) {
    section(page, report, "Stricter", &[Class::Stricter]);
    section(page, report, "Added", &[Class::Added]);
    section(page, report, "Removed", &[Class::Removed]);
    section(page, report, "Same", &[Class::Same]);
    settings(page, report, "Other settings", false);
    waivers(page, report);
    let bugs = report.diff.bugs.iter().map(bug);
    listed(page, "Bugs of the gate", bugs);
}

fn listed(page: &mut Markup, title: &'static str, lines: impl ExactSizeIterator<Item = String>) {
    if lines.len() == 0 {
        return;
    }
    page.raw("<section class=findings><h2>")
        .raw(title)
        .raw("</h2>\n<ul class=doubt>");
    for line in lines {
        page.raw("<li>").quoted(&line);
    }
    page.raw("</ul></section>\n");
}

fn section(page: &mut Markup, report: &GateReport<'_>, title: &'static str, classes: &[Class]) {
    let changes = report.diff.operations.iter().enumerate();
    let changes: Vec<(usize, &OperationChange)> = changes
        .filter(|(_, change)| classes.contains(&change.class))
        .collect();
    if changes.is_empty() {
        return;
    }
    page.raw("<section class=findings><h2>")
        .raw(title)
        .raw("</h2>\n");
    let open = changes.len() <= OPEN
        && changes
            .iter()
            .any(|(_, change)| change.class > Class::Removed);
    for (at, change) in changes {
        operation(page, report, at, change, open);
    }
    page.raw("</section>\n");
}

fn operation(
    page: &mut Markup,
    report: &GateReport<'_>,
    at: usize,
    change: &OperationChange,
    open: bool,
) {
    let name = format!("{}/{}", change.tool, change.operation);
    let id = format!("o{at}");
    let mut attributes = vec![
        ("class", "op"),
        ("id", &id),
        ("data-name", &name),
        ("data-tool", change.tool.as_str()),
        ("data-class", change.class.as_str()),
    ];
    if open {
        attributes.push(("open", ""));
    }
    page.open("details", &attributes).raw("<summary>");
    page.open("span", &[("class", tone(change.class))]);
    page.text(change.class.in_words())
        .raw("</span> <b>")
        .text(&name)
        .raw("</b>");
    if change.class.needs_review() {
        page.raw(" <span class=risk>to be signed as risk ")
            .text(change.risk.as_str())
            .raw("</span>");
    }
    page.raw("</summary>\n");
    for (place, cell) in change.cells.iter().enumerate() {
        finding(page, report, &finding_id(at, place), change, cell);
    }
    if change.never_met().next().is_some() {
        page.raw("<p>").text(ALSO).raw("</p>\n<ul class=because>");
        for cause in change.never_met() {
            let (place, words) = unmet(cause);
            one_cause(page, cause, &place, words);
        }
        page.raw("</ul>\n");
    }
    for why in &change.undecided {
        page.raw("<p class=doubt>undecided: ")
            .quoted(why)
            .raw("</p>\n");
    }
    for note in &change.notes {
        page.raw("<p>note: ").quoted(note).raw("</p>\n");
    }
    page.raw("</details>\n");
}

fn finding(
    page: &mut Markup,
    report: &GateReport<'_>,
    id: &str,
    change: &OperationChange,
    cell: &Cell,
) {
    page.open(
        "article",
        &[("id", id), ("data-class", cell.class.as_str())],
    );
    page.raw("<p class=sentence>");
    said(page, &sentence(change, cell));
    page.raw("</p>\n");
    waived(page, report.covering(change, cell));
    page.raw("<ul class=because>");
    if let Some(elsewhere) = report.elsewhere(change, cell) {
        page.raw("<li>").quoted(&elsewhere);
    }
    for cause in &cell.because {
        let (place, words) = matching(cause);
        one_cause(page, cause, &place, &words);
    }
    page.raw("</ul>\n<details class=more><summary>request and answers</summary>\n");
    request(page, &cell.request);
    page.raw("<dl><dt>before<dd>");
    answer(page, &cell.before);
    page.raw("<dt>now<dd>");
    answer(page, &cell.after);
    page.raw("</dl></details></article>\n");
}

fn one_cause(page: &mut Markup, cause: &Cause, place: &str, words: &str) {
    let Cause { rule, kind, .. } = cause;
    page.raw("<li>")
        .text(kind.as_str())
        .raw(" <code>")
        .text(&rule.to_string())
        .raw("</code> ");
    page.quoted(place).raw(" ").text(words);
    for (what, now, before) in edits(cause, EDIT) {
        page.raw("<br>").text(what).raw(": <code>").quoted(&now);
        page.raw("</code> instead of <code>")
            .quoted(&before)
            .raw("</code>");
    }
}

fn waived(page: &mut Markup, waiver: Option<&ShownWaiver>) {
    if let Some(waiver) = waiver {
        page.raw("<p class=waived>waived by ").quoted(&waiver.id);
        page.raw(" until ")
            .text(&waiver.expires.to_string())
            .raw("</p>\n");
    }
}

fn said(page: &mut Markup, sentence: &Sentence) {
    for piece in sentence.pieces() {
        match piece {
            Piece::Words(words) => page.text(words),
            Piece::Quoted(text) => page.raw("<code>").text(text).raw("</code>"),
        };
    }
}

fn request(page: &mut Markup, request: &Request) {
    let Request {
        input,
        agent,
        now,
        business,
    } = request;
    page.raw("<table class=request><tbody>");
    match input.as_object() {
        Some(members) => {
            for (name, value) in members {
                page.raw("<tr><th scope=row>").quoted(name);
                page.raw("<td><code>")
                    .quoted(&value.canonical())
                    .raw("</code></tr>");
            }
        }
        None => {
            page.raw("<tr><th scope=row>input<td><code>")
                .quoted(&input.canonical())
                .raw("</code></tr>");
        }
    }
    if let Some(agent) = agent {
        page.raw("<tr class=around><th scope=row>agent<td>")
            .quoted(agent)
            .raw("</tr>");
    }
    if let Some(now) = now {
        let hours = if *business {
            "in business hours"
        } else {
            "outside business hours"
        };
        page.raw("<tr class=around><th scope=row>at<td>")
            .text(&now.to_string())
            .raw(", ")
            .raw(hours)
            .raw("</tr>");
    }
    page.raw("</tbody></table>\n");
}

fn answer(page: &mut Markup, answer: &Answer) {
    match answer {
        Answer::Passes(surface) => {
            page.raw("passes: ").text(&asked(surface));
        }
        Answer::Rejected { reason, message } => {
            page.raw("rejected, ")
                .text(reason.as_str())
                .raw(": ")
                .quoted(message);
        }
    }
}

fn asked(surface: &Surface) -> String {
    let Surface {
        risk,
        approval,
        user_confirmation: _,
        dry_run: _,
        masks,
        max_rows,
    } = surface;
    let mut words = vec![format!("risk {risk}"), people(*approval).to_owned()];
    let requirement = |what| match what {
        Requirement::UserConfirmation => "the user's confirmation".to_owned(),
        Requirement::DryRun => "a dry run".to_owned(),
    };
    words.extend(surface.requirements().map(requirement));
    words.extend(masks.iter().map(|pointer| format!("{pointer} hidden")));
    let rows = max_rows.iter();
    words.extend(rows.map(|(pointer, rows)| format!("at most {rows} of {pointer}")));
    visible(&list(words), 2_000)
}

fn settings(page: &mut Markup, report: &GateReport<'_>, title: &'static str, sign: bool) {
    let these = report.settings.iter();
    let mut these = these
        .filter(|setting| setting.effect.needs_review() == sign)
        .peekable();
    if these.peek().is_none() {
        return;
    }
    page.raw("<section class=findings><h2>")
        .raw(title)
        .raw("</h2>\n<div class=scroll><table class=plain><thead><tr>");
    page.raw("<th scope=col>setting<th scope=col>what<th scope=col>before<th scope=col>now<th scope=col>where</tr></thead><tbody>\n");
    for setting in these {
        one_setting(page, report, setting);
    }
    page.raw("</tbody></table></div></section>\n");
}

fn one_setting(page: &mut Markup, report: &GateReport<'_>, setting: &Change) {
    let tone = match setting.effect {
        Effect::Looser | Effect::Changed => "mark looser",
        Effect::Stricter => "mark stricter",
        Effect::Listed => "mark",
    };
    page.raw("<tr><th scope=row>")
        .quoted(&name(setting))
        .raw("<td>");
    page.text(area(setting)).raw(" ");
    page.open("span", &[("class", tone)])
        .text(setting.effect.as_str())
        .raw("</span>");
    if setting.effect.needs_review() {
        page.raw(" risk ").text(setting.risk.as_str());
    }
    if let Some(note) = setting.note {
        page.raw("<br>").quoted(note);
    }
    waived(page, report.covering_setting(setting));
    for value in [&setting.before, &setting.after] {
        match value {
            Some(value) => page
                .raw("<td><code>")
                .text(&visible(value, VALUE))
                .raw("</code>"),
            None => page.raw("<td class=none>not there"),
        };
    }
    page.raw("<td>");
    page.quoted(&setting_places(setting)).raw("</tr>\n");
}

fn waivers(page: &mut Markup, report: &GateReport<'_>) {
    if report.waivers.is_empty() {
        return;
    }
    page.raw("<section class=findings><h2>Waivers</h2>\n<div class=scroll><table class=plain><thead><tr>");
    page.raw("<th scope=col>waiver<th scope=col>standing<th scope=col>until<th scope=col>lets pass<th scope=col>why<th scope=col>signed by</tr></thead><tbody>\n");
    for waiver in report.waivers {
        let tone = match waiver.standing {
            Standing::Live => "mark stricter",
            Standing::Spent => "mark",
            Standing::Short
            | Standing::Unsigned
            | Standing::Unbound
            | Standing::Unused
            | Standing::Expired
            | Standing::TooLong => "mark looser",
        };
        page.raw("<tr><th scope=row>")
            .quoted(&waiver.id)
            .raw("<td>");
        page.open("span", &[("class", tone)])
            .text(waiver.standing.as_str())
            .raw("</span><td>");
        page.text(&waiver.expires.to_string()).raw("<td>");
        let covers = waiver.named();
        if covers.is_empty() {
            page.text(waiver.standing.meaning());
        } else {
            page.quoted(&covers);
        }
        page.raw("<td>").quoted(&waiver.reason);
        for lack in &waiver.lacks {
            page.raw("<p class=doubt>").quoted(lack).raw("</p>");
        }
        page.raw("<td>");
        page.quoted(&waiver.signed_by()).raw("</tr>\n");
    }
    page.raw("</tbody></table></div></section>\n");
}
