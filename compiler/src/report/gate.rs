//! The gate's report as sections: which there are, and in which order everybody reads them.
//!
//! What stops a change whatever is signed comes first, then who has to sign, then what, each with a request that shows
//! it. What has only to be known follows, and last the waiver to be copied, which is longest.

use std::fmt::Display;

use stopgate_author::change::{Change, Effect};
use stopgate_decide::json::Json;
use stopgate_decide::surface::{Requirement, Surface};

use crate::diff::{
    Answer, Cause, Cell, Class, Diff, OperationChange, Request, Side, leaves_out, people,
    sentence_of_all,
};
use crate::gate::words::{
    ALSO, EDIT, area, bug, edits, failing, matching, name, opened, proof, setting_places, unmet,
};
use crate::gate::{GateReport, ShownWaiver};
use crate::waiver::{Standing, ToSign};
use crate::words::{count, list};

use super::named_side;
use super::sections::{Line, Mark, Point, Section, Span, Topic, gap, ours, theirs, theirs_up_to};

/// Most characters of a value of a setting, which is short but for the people of a trust root.
const VALUE: usize = 20_000;

/// Everything that a report says.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) headline: &'static str,
    pub(super) verdict: String,
    /// The class by which the verdict is coloured. What cannot pass whatever is signed is coloured as looser.
    pub(super) class: Class,
    /// The two sides, the totals, and the bundle if it is known.
    pub(super) facts: Vec<Line>,
    /// Those to be acted on, then those to be known. None is empty.
    pub(super) sections: Vec<Section<'a>>,
    pub(super) proof: Line,
}

impl<'a> Findings<'a> {
    /// Returns what `report` says, in the order of its readers.
    pub(super) fn new(report: &GateReport<'a>) -> Self {
        // Taken apart whole: what is new does not compile until somebody decides where it stands.
        let GateReport {
            diff,
            settings,
            folder,
            waivers,
            to_sign,
            bundle,
            mend,
        } = *report;
        let Diff {
            base,
            head,
            operations,
            opened: openings,
            failing: failings,
            bugs,
            proof: proved,
        } = diff;
        let of_class = |classes: &[Class]| -> Vec<Point<'a>> {
            let changes = operations.iter().enumerate();
            let these = changes.filter(|(_, change)| classes.contains(&change.class));
            let these = these.map(|(at, change)| operation(report, at, change));
            these.collect()
        };
        let of_settings = |sign: bool| -> Vec<Point<'a>> {
            let these = settings.iter();
            let these = these.filter(|setting| setting.effect.needs_review() == sign);
            these.map(|one| setting(report, one)).collect()
        };
        let known =
            |title, class| to_know(title, "operation", &format!(" {title}"), of_class(&[class]));
        let (waived, bugs) = (waivers.iter().map(waiver), texts(bugs.iter().map(bug)));
        let signed = to_sign.map(|signed| signing(signed, signed.steps(&base.name, folder)));
        let sections = [
            // 1. What stops the change whatever is signed.
            to_act("rules that may fail", texts(failings.iter().map(failing))),
            to_act("to be mended", texts(mend.iter().map(ToString::to_string))),
            // 2. Who has to sign, and what to do for it.
            signed.unwrap_or_default(),
            // 3. What has to be signed: what ceilings let through at once, what rules do, what only settings say.
            to_act("ceilings", texts(openings.iter().map(opened))),
            to_act("looser", of_class(&[Class::Looser, Class::Both])),
            to_act("undecided", of_class(&[Class::Undecided])),
            to_act("re-typed", of_class(&[Class::Retyped])),
            to_act("settings to be signed", of_settings(true)),
            // 4. What has only to be known. Waivers are first, because they say what was signed already.
            to_know("waivers", "waiver", "", waived.collect()),
            known("stricter", Class::Stricter),
            known("added", Class::Added),
            known("removed", Class::Removed),
            known("same", Class::Same),
            to_know("other settings", "other setting", "", of_settings(false)),
            to_know("bugs of the gate", "bug of the gate", "", bugs),
            // 5. What is copied, at the end of what a terminal shows.
            to_sign.and_then(draft).unwrap_or_default(),
        ];
        let sections = sections.into_iter().filter(|one| !one.points.is_empty());
        let mut sides = vec![ours("from ")];
        sides.extend(side(base));
        sides.push(ours(" to "));
        sides.extend(side(head));
        let bundle = bundle.map(|bundle| ours(format!("head makes the bundle {bundle}")).into());
        let facts = [
            Some(sides.into()),
            Some(ours(report.totals()).into()),
            bundle,
        ];
        let is_stopped = !failings.is_empty() || report.only_waits_for_mending();
        Self {
            headline: report.headline(),
            verdict: report.verdict(),
            class: if is_stopped {
                Class::Looser
            } else {
                report.class()
            },
            facts: facts.into_iter().flatten().collect(),
            sections: sections.collect(),
            proof: [ours("proof: "), theirs(proof(proved))].into(),
        }
    }
}

/// Makes a section to be acted on.
fn to_act<'a>(title: impl Into<Line>, points: Vec<Point<'a>>) -> Section<'a> {
    let (title, fold) = (title.into(), None);
    Section {
        title,
        fold,
        points,
    }
}

/// Makes a section that has only to be known, folded behind how many `noun` there are, and `what` these are.
fn to_know<'a>(title: &'static str, noun: &str, what: &str, points: Vec<Point<'a>>) -> Section<'a> {
    let fold = Some(ours(count(points.len(), noun) + what).into());
    Section {
        fold,
        ..to_act(title, points)
    }
}

/// Returns a point for each text, which is about something that is not as it should be.
fn texts<'a>(texts: impl Iterator<Item = String>) -> Vec<Point<'a>> {
    let point = |text| Point::line(theirs(text).marked(Mark::Bad));
    texts.map(point).collect()
}

fn signing<'a>(to_sign: &ToSign, steps: Vec<String>) -> Section<'a> {
    let have_to = ours(to_sign.have_to_sign());
    let steps = steps.into_iter().map(|step| Point::line(theirs(step)));
    to_act(
        [have_to, ours(", "), theirs(to_sign.who())],
        steps.collect(),
    )
}

/// Returns the waiver that is left to sign, to be saved, or `None` if it would be worth nothing.
fn draft<'a>(to_sign: &ToSign) -> Option<Section<'a>> {
    let points = vec![Point::Copy(to_sign.draft()?)];
    let title = || [ours("the waiver to be signed, "), theirs(to_sign.file())];
    let fold = Some(title().into());
    Some(Section {
        fold,
        ..to_act(title(), points)
    })
}

/// Returns what a reader calls a side, and the first digits of its commit.
fn side(side: &Side) -> Vec<Span> {
    let (name, commit) = named_side(side);
    let commit = commit.map(|commit| [ours(" ("), theirs(commit), ours(")")]);
    let name = std::iter::once(theirs(name));
    name.chain(commit.into_iter().flatten()).collect()
}

fn operation<'a>(report: &GateReport<'a>, at: usize, change: &'a OperationChange) -> Point<'a> {
    let name = theirs(format!("{}/{}", change.tool, change.operation));
    let mut head = vec![name.marked(Mark::Strong)];
    if change.class.needs_review() {
        let risk = ours(format!("to be signed as risk {}", change.risk));
        head.extend([gap(), risk.marked(Mark::Faint)]);
    }
    let groups = report.grouped(change).into_iter().enumerate();
    let findings = groups.filter_map(|(group, cells)| finding(report, (at, group), change, &cells));
    let mut points: Vec<Point<'a>> = findings.collect();
    let unmet = change
        .never_met()
        .map(|cause| one_cause(cause, unmet(cause)));
    let unmet: Vec<Point<'a>> = unmet.collect();
    if !unmet.is_empty() {
        points.push(Point::item(Topic::Unmet, ALSO, unmet));
    }
    points.extend(change.undecided.iter().map(|why| {
        let spans = [ours("undecided: "), theirs(why)];
        Point::line(spans.map(|span| span.marked(Mark::Bad)))
    }));
    let notes = change.notes.iter();
    points.extend(notes.map(|note| Point::line([ours("note: "), theirs(note)])));
    Point::item(Topic::Operation(at, change), head, points)
}

/// Returns what is the same for the holders of all `cells`: the sentence, the waiver, the causes, the request in full.
fn finding<'a>(
    report: &GateReport<'a>,
    (at, group): (usize, usize),
    change: &OperationChange,
    cells: &[&Cell],
) -> Option<Point<'a>> {
    let cell = cells.first()?;
    let mut points = Vec::new();
    if leaves_out(&cell.request.input) {
        let spans = [ours("request "), theirs(cell.request.input.canonical())];
        points.push(Point::line(spans.map(|span| span.marked(Mark::Faint))));
    }
    points.extend(report.covering(change, cell).map(waived));
    let elsewhere = report.elsewhere(change, cell);
    points.extend(elsewhere.map(|places| Point::line(theirs(places))));
    let because = cell.because.iter();
    points.extend(because.map(|cause| one_cause(cause, matching(cause))));
    let mut rows = request(&cell.request);
    rows.push(("before".into(), answer(&cell.before)));
    rows.push(("now".into(), answer(&cell.after)));
    points.push(Point::Details("request and answers", rows));
    let about = Topic::Finding(at, group, cell.class);
    Some(Point::item(about, sentence_of_all(change, cells), points))
}

/// Returns a rule with its place and with what became of the rule, and below it what it says differently.
fn one_cause<'a>(cause: &Cause, (place, words): (String, impl Display)) -> Point<'a> {
    let edits = edits(cause, EDIT).into_iter().map(|(what, now, before)| {
        let (now, before) = (theirs(now), theirs(before));
        Point::line([ours(what), ours(": "), now, ours(" instead of "), before])
    });
    let rule = theirs(cause.rule.to_string());
    let fate = [theirs(place), ours(format!(" {words}"))];
    let [place, words] = fate.map(|span| span.marked(Mark::Faint));
    let head = [ours(cause.kind.as_str()), gap(), rule, gap(), place, words];
    Point::item(Topic::Other, head, edits.collect())
}

fn waived<'a>(waiver: &ShownWaiver) -> Point<'a> {
    let until = ours(format!(" until {}", waiver.expires));
    let waived = ours("waived").marked(Mark::Mind);
    Point::line([waived, ours(" by "), theirs(&waiver.id), until])
}

fn request(request: &Request) -> Vec<(Line, Line)> {
    let Request {
        input,
        agent,
        now,
        business,
    } = request;
    let argument = |name: Line, value: &Json| (name, theirs(value.canonical()).into());
    let mut rows: Vec<(Line, Line)> = match input.as_object() {
        Some(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| argument(theirs(name).into(), value));
            members.collect()
        }
        None => vec![argument("input".into(), input)],
    };
    let agent = agent.as_ref().map(theirs);
    let hours = if *business { "in" } else { "outside" };
    let now = now.map(|now| ours(format!("{now}, {hours} business hours")));
    let around = [("agent", agent), ("at", now)].into_iter();
    rows.extend(around.filter_map(|(label, value)| Some((label.into(), value?.into()))));
    rows
}

fn answer(answer: &Answer) -> Line {
    match answer {
        Answer::Passes(surface) => [ours("passes: "), theirs(asked(surface))].into(),
        Answer::Rejected { reason, message } => {
            let reason = format!("rejected, {}: ", reason.as_str());
            [ours(reason), theirs(message)].into()
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
    list(words)
}

fn setting<'a>(report: &GateReport<'a>, setting: &Change) -> Point<'a> {
    let effect = setting.effect.as_str();
    let (effect, mark) = match setting.effect {
        Effect::Looser | Effect::Changed => {
            let risk = setting.risk;
            (format!("{effect} (risk {risk})"), Mark::Bad)
        }
        Effect::Stricter => (effect.to_owned(), Mark::Good),
        Effect::Listed => (effect.to_owned(), Mark::Faint),
    };
    let area = ours(format!("{} ", area(setting)));
    let name = theirs(name(setting)).marked(Mark::Strong);
    let mut head = vec![ours(effect).marked(mark), gap(), area, name];
    head.extend(setting.note.map(|note| ours(format!(": {note}"))));
    let values = [("before", &setting.before), ("now", &setting.after)];
    let values = values.map(|(label, value)| {
        let value = value.as_ref();
        let value = value.map_or_else(|| ours("not there"), |value| theirs_up_to(VALUE, value));
        (label.into(), value.into())
    });
    let places = theirs(setting_places(setting)).marked(Mark::Faint);
    let mut points = vec![Point::Table(values.into()), Point::line(places)];
    points.extend(report.covering_setting(setting).map(waived));
    Point::item(Topic::Other, head, points)
}

fn waiver<'a>(waiver: &ShownWaiver) -> Point<'a> {
    let mark = match waiver.standing {
        Standing::Live => Mark::Good,
        Standing::Spent => Mark::Faint,
        Standing::Short
        | Standing::Unsigned
        | Standing::Unbound
        | Standing::Unused
        | Standing::Expired
        | Standing::TooLong => Mark::Bad,
    };
    let standing = ours(waiver.standing.as_str()).marked(mark);
    let (name, reason) = (theirs(&waiver.id), theirs(&waiver.reason));
    let until = ours(format!(" until {}: ", waiver.expires));
    let head = [standing, gap(), name.marked(Mark::Strong), until, reason];
    let covers = waiver.named();
    let mut points = vec![Point::line(match covers.is_empty() {
        true => Line::from(waiver.standing.meaning()),
        false => [ours("lets pass "), theirs(covers)].into(),
    })];
    points.extend(texts(waiver.lacks.iter().cloned()));
    let signers = theirs(waiver.signed_by());
    let signed = [theirs(&waiver.file), ours(", signed by "), signers];
    points.push(Point::line(signed.map(|span| span.marked(Mark::Faint))));
    Point::item(Topic::Other, head, points)
}
