//! The gate's findings as a comment on a pull request: to act on in half a minute, the rest folded.
//!
//! What is not ours stands in code spans and nowhere else: there no host reads markup, HTML, links or mentions.

use stopgate_lang::change::Change;
use stopgate_lang::summary::visible;

use crate::diff::{
    Cause, Class, OperationChange, Piece, Sentence, Side, leaves_out, sentence_of_all,
};
use crate::gate::words::{
    ALSO, EDIT, area, bug, edits, failing, matching, name, opened, proof, setting_places, unmet,
};
use crate::gate::{GateReport, ShownWaiver};
use crate::report::named_side;
use crate::waiver::ToSign;
use crate::words::count;

/// Most bytes of the comment, and so of its characters: code hosts take 65,536.
const MOST: usize = 60_000;
/// Kept free for what ends sections and the comment.
const RESERVE: usize = 2_000;
/// Most characters of a value of a setting, which is short but for the people of a trust root.
const VALUE: usize = 8_000;
/// Most causes of a finding; the rest are counted.
const CAUSES: usize = 8;

/// Returns the comment for a code host, at most 60,000 bytes long.
#[must_use]
pub fn diff(report: &GateReport<'_>) -> String {
    let mut page = Page::default();
    let class = report.class();
    let mark = match class {
        Class::Same => "✅",
        Class::Stricter | Class::Added | Class::Removed => "🔵",
        Class::Looser | Class::Both | Class::Retyped => "🔴",
        Class::Undecided => "🟠",
    };
    let mark = if report.diff.failing.is_empty() && !report.only_waits_for_mending() {
        mark
    } else {
        "🔴"
    };
    page.push(&format!(
        "### {mark} Stopgate: {}\n\n**{}.** From {} to {}: {}.\n",
        report.headline(),
        capital(&report.verdict()),
        side(&report.diff.base),
        side(&report.diff.head),
        report.totals()
    ));
    if let Some(bundle) = report.bundle {
        page.push(&format!("\nHead makes the bundle `{bundle}`.\n"));
    }
    let failings = report.diff.failing.iter();
    let failings = failings.map(|one| format!("- {}\n", code(&failing(one))));
    if failings.len() > 0 {
        page.end("\n#### Rules that may fail\n\n");
        page.items(failings);
    }
    let openings = report.diff.opened.iter();
    let openings = openings.map(|one| format!("- {}\n", code(&opened(one))));
    if openings.len() > 0 {
        page.end("\n#### Ceilings\n\n");
        page.items(openings);
    }
    for (title, classes) in [
        ("Looser", &[Class::Looser, Class::Both][..]),
        ("Undecided", &[Class::Undecided]),
        ("Re-typed", &[Class::Retyped]),
    ] {
        let changes = report.of_class(classes);
        if !changes.is_empty() {
            page.end(&format!("\n#### {title}\n\n"));
            page.items(changes.iter().map(|change| operation(report, change)));
        }
    }
    let sign = settings(report, true);
    if !sign.is_empty() {
        page.end("\n#### Settings to be signed\n\n");
        page.items(sign.into_iter());
    }
    for (title, classes) in [
        ("stricter", &[Class::Stricter][..]),
        ("added", &[Class::Added]),
        ("removed", &[Class::Removed]),
        ("same", &[Class::Same]),
    ] {
        let changes = report.of_class(classes);
        let items = changes.iter().map(|change| operation(report, change));
        page.folded(
            &format!("{} {title}", count(changes.len(), "operation")),
            items,
        );
    }
    let know = settings(report, false);
    page.folded(&count(know.len(), "other setting"), know.into_iter());
    let mend = report.mend.iter();
    let mend = mend.map(|one| format!("- {}\n", code(&one.to_string())));
    if mend.len() > 0 {
        page.end("\n#### To be mended\n\n");
        page.items(mend);
    }
    let waivers = report.waivers.iter();
    page.folded(&count(report.waivers.len(), "waiver"), waivers.map(waiver));
    if let Some(to_sign) = report.to_sign {
        unsigned(&mut page, to_sign, report);
    }
    let bugs = report.diff.bugs.iter();
    let bugs = bugs.map(|one| format!("- {}\n", code(&bug(one))));
    page.folded(&count(bugs.len(), "bug of the gate"), bugs);
    page.end(&format!(
        "\n<sub>Proof: {}</sub>\n",
        code(&proof(&report.diff.proof))
    ));
    page.text
}

/// Returns the comment on a policy that does not compile, of which nothing else can be said; `mistakes` is what
/// `stopgate check` prints.
#[must_use]
pub fn invalid(mistakes: &str) -> String {
    let mut page = Page::default();
    page.push(
        "### 🔴 Stopgate: invalid\n\n**The policy does not compile, so nothing can be compared.**\n\n",
    );
    // A block that is indented has no fence that a text could end.
    for line in mistakes.lines() {
        let line = format!("    {line}\n");
        if !page.fits(&line) {
            page.end("\n… and more: `stopgate check` prints all of it.\n");
            break;
        }
        page.push(&line);
    }
    page.text
}

/// The comment so far.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn fits(&self, more: &str) -> bool {
        self.text.len().saturating_add(more.len()) <= MOST.saturating_sub(RESERVE)
    }

    /// Adds `text`, unless it would reach into the reserve.
    fn push(&mut self, text: &str) {
        if self.fits(text) {
            self.text.push_str(text);
        }
    }

    /// Adds items as long as they fit, then how many did not.
    fn items(&mut self, items: impl ExactSizeIterator<Item = String>) {
        let mut left = items.len();
        for item in items {
            if !self.fits(&item) {
                break;
            }
            self.text.push_str(&item);
            left = left.saturating_sub(1);
        }
        if left > 0 {
            self.end(&format!("- … and {left} more\n"));
        }
    }

    fn folded(&mut self, title: &str, items: impl ExactSizeIterator<Item = String>) {
        if items.len() == 0 {
            return;
        }
        self.end(&format!("\n<details><summary>{title}</summary>\n\n"));
        self.items(items);
        self.end("\n</details>\n");
    }

    /// Adds text that has its place in the reserve, such as the end of a section.
    fn end(&mut self, text: &str) {
        if self.text.len().saturating_add(text.len()) <= MOST {
            self.text.push_str(text);
        }
    }
}

fn side(side: &Side) -> String {
    let (name, commit) = named_side(side);
    let name = code(&visible(name, 100));
    match commit {
        Some(commit) => format!("{name} ({})", code(commit)),
        None => name,
    }
}

fn operation(report: &GateReport<'_>, change: &OperationChange) -> String {
    let mut head = format!(
        "- **{}**",
        code(&format!("{}/{}", change.tool, change.operation))
    );
    if change.class.needs_review() {
        head.push_str(&format!(" · to be signed as risk {}", change.risk));
    }
    let mut item = format!("{head}\n");
    for cells in report.grouped(change) {
        let Some(cell) = cells.first() else {
            continue;
        };
        let said = marked(&sentence_of_all(change, &cells));
        let waived = waived(report.covering(change, cell));
        let mut points = format!("  - {said}{waived}\n");
        if leaves_out(&cell.request.input) {
            let request = code(&visible(&cell.request.input.canonical(), 1_000));
            points.push_str(&format!("    - request {request}\n"));
        }
        if let Some(elsewhere) = report.elsewhere(change, cell) {
            points.push_str(&format!("    - {}\n", code(&elsewhere)));
        }
        for cause in cell.because.iter().take(CAUSES) {
            let (place, words) = matching(cause);
            points.push_str(&because(cause, &place, &words));
        }
        let more = cell.because.len().saturating_sub(CAUSES);
        if more > 0 {
            points.push_str(&format!("    - … and {more} more\n"));
        }
        // One operation may not fill the comment.
        if item.len().saturating_add(points.len()) > MOST / 4 {
            item.push_str("  - … and more\n");
            break;
        }
        item.push_str(&points);
    }
    // Whoever signs lets these pass too: none of them is counted instead of shown.
    if change.never_met().next().is_some() {
        item.push_str(&format!("  - {ALSO}\n"));
    }
    for cause in change.never_met() {
        let (place, words) = unmet(cause);
        item.push_str(&because(cause, &place, words));
    }
    for (what, texts) in [("undecided", &change.undecided), ("note", &change.notes)] {
        for text in texts.iter().take(CAUSES) {
            item.push_str(&format!("  - {what}: {}\n", code(&visible(text, 500))));
        }
        let more = texts.len().saturating_sub(CAUSES);
        if more > 0 {
            item.push_str(&format!("  - … and {more} more\n"));
        }
    }
    item
}

fn because(cause: &Cause, place: &str, words: &str) -> String {
    let Cause { rule, kind, .. } = cause;
    let mut point = format!(
        "    - {} {}, {} {words}",
        kind.as_str(),
        code(&rule.to_string()),
        code(place)
    );
    for (what, now, before) in edits(cause, EDIT) {
        point.push_str(&format!(
            "; {what} {} instead of {}",
            code(&now),
            code(&before)
        ));
    }
    point.push('\n');
    point
}

fn settings(report: &GateReport<'_>, sign: bool) -> Vec<String> {
    let these = report.settings.iter();
    let these = these.filter(|setting| setting.effect.needs_review() == sign);
    these.map(|one| setting(report, one)).collect()
}

fn setting(report: &GateReport<'_>, setting: &Change) -> String {
    let value = |value: &Option<String>| match value {
        Some(value) => code(&visible(value, VALUE)),
        None => "nothing".to_owned(),
    };
    let risk = if setting.effect.needs_review() {
        format!(" · risk {}", setting.risk)
    } else {
        String::new()
    };
    let note = setting
        .note
        .map_or_else(String::new, |note| format!(" · {}", code(note)));
    format!(
        "- **{}** · {} · {}{risk}{note}: {} instead of {}, {}{}\n",
        code(&name(setting)),
        area(setting),
        setting.effect.as_str(),
        value(&setting.after),
        value(&setting.before),
        code(&setting_places(setting)),
        waived(report.covering_setting(setting))
    )
}

fn waived(waiver: Option<&ShownWaiver>) -> String {
    let of = |waiver: &ShownWaiver| {
        let id = code(&visible(&waiver.id, 100));
        format!(" · **waived** by {id} until {}", waiver.expires)
    };
    waiver.map_or_else(String::new, of)
}

fn waiver(waiver: &ShownWaiver) -> String {
    let covers = waiver.named();
    let meaning = if covers.is_empty() {
        waiver.standing.meaning().to_owned()
    } else {
        format!("lets pass {}", code(&covers))
    };
    let mut item = format!(
        "- **{}** · {}, until {}: {}; {meaning}; {} signed by {}\n",
        code(&visible(&waiver.id, 100)),
        waiver.standing.as_str(),
        waiver.expires,
        code(&visible(&waiver.reason, 500)),
        code(&visible(&waiver.file, 300)),
        code(&waiver.signed_by())
    );
    for lack in waiver.lacks.iter().take(CAUSES) {
        item.push_str(&format!("  - {}\n", code(&visible(lack, 300))));
    }
    item
}

/// Writes how many have to sign, and the waiver to be signed, as long as it fits.
fn unsigned(page: &mut Page, to_sign: &ToSign, report: &GateReport<'_>) {
    let who = code(&to_sign.who());
    page.end(&format!(
        "\n**{}**, {who}.\n\n",
        capital(&to_sign.have_to_sign())
    ));
    for step in to_sign.steps(&report.diff.base.name, report.folder) {
        page.end(&format!("- {}\n", code(&step)));
    }
    let Some(draft) = to_sign.draft() else {
        return;
    };
    let file = code(&to_sign.file());
    // What is quoted in it is quoted as JSON, on one line, and no line of it begins with a fence.
    let block = format!(
        "\n<details><summary>The waiver to be signed, {file}</summary>\n\n```yaml\n{draft}```\n\n</details>\n"
    );
    if page.fits(&block) {
        page.end(&block);
    } else {
        page.end(
            "\nThe waiver to be signed is too long for a comment; `stopgate diff` prints it.\n",
        );
    }
}

fn marked(sentence: &Sentence) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Words(words) => words.clone(),
        Piece::Quoted(text) => code(text),
    };
    sentence.pieces().iter().map(piece).collect()
}

/// Returns one line of text as a code span, fenced by more backticks than the text holds, so that nothing in it ends
/// the span.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    // A space that is stripped again keeps the text's own backticks and spaces off the fence.
    let text = if text.is_empty() { " " } else { text };
    let edge = |c: Option<char>| c.is_some_and(|c| c == '`' || c == ' ');
    let pad = if edge(text.chars().next()) || edge(text.chars().next_back()) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
