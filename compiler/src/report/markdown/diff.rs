//! The gate's findings as a comment on a pull request: to act on in half a minute, the rest folded.
//!
//! What is not ours stands in code spans and blocks and nowhere else: there no host reads markup, HTML, links or mentions.

use stopgate_decide::visible::visible;

use crate::diff::{Class, Piece};
use crate::gate::GateReport;
use crate::report::gate::Findings;
use crate::report::sections::{Item, Line, Mark, Point, Section, Span, Topic};

/// Most bytes of the comment, and so of its characters: code hosts take 65,536.
const MOST: usize = 60_000;
/// Kept free for the heads and ends of sections, of which there are sixteen, and for the proof.
const RESERVE: usize = 2_000;
/// Most characters of a value of a setting, which is short but for the people of a trust root.
const VALUE: usize = 8_000;
/// Most points of a finding: eight rules, behind the request, the waiver and the cause elsewhere. The rest are counted.
const POINTS: usize = 11;
/// Most bytes of one item, so that one operation does not fill the comment.
const ITEM: usize = MOST / 4;

/// Returns the comment for a code host, at most 60,000 bytes long.
#[must_use]
pub fn diff(report: &GateReport<'_>) -> String {
    let Findings {
        headline,
        verdict,
        class,
        facts,
        sections,
        proof,
    } = Findings::new(report);
    let mark = match class {
        Class::Same => "✅",
        Class::Stricter | Class::Added | Class::Removed => "🔵",
        Class::Looser | Class::Both | Class::Retyped => "🔴",
        Class::Undecided => "🟠",
    };
    let mut facts = facts.iter().map(said);
    let sides = capital(&facts.next().unwrap_or_default());
    let rest: Vec<String> = facts.collect();
    let mut page = Page::default();
    page.push(&format!(
        "### {mark} Stopgate: {headline}\n\n**{}.** {sides}: {}.\n",
        capital(&verdict),
        rest.join(" · ")
    ));
    for section in &sections {
        page.section(section);
    }
    page.end(&format!("\n<sub>{}</sub>\n", capital(&said(&proof))));
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

    /// Adds text that has its place in the reserve, such as the end of a section.
    fn end(&mut self, text: &str) {
        if self.text.len().saturating_add(text.len()) <= MOST {
            self.text.push_str(text);
        }
    }

    /// Adds the points of a section as long as they fit, then how many did not.
    fn section(&mut self, section: &Section<'_>) {
        let title = capital(&said(section.fold.as_ref().unwrap_or(&section.title)));
        self.end(&match section.fold {
            Some(_) => format!("\n<details><summary>{title}</summary>\n\n"),
            None => format!("\n#### {title}\n\n"),
        });
        let mut left = section.points.len();
        for point in &section.points {
            let told = told(point, 0);
            if !self.fits(&told) {
                break;
            }
            self.text.push_str(&told);
            left = left.saturating_sub(1);
        }
        match section.points.as_slice() {
            _ if left == 0 => {}
            [Point::Copy(_)] => {
                self.end("It is too long for a comment; `stopgate diff` prints it.\n")
            }
            _ => self.end(&format!("- … and {left} more\n")),
        }
        if section.fold.is_some() {
            self.end("\n</details>\n");
        }
    }
}

/// Returns a point as an element of a list.
fn told(point: &Point<'_>, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match point {
        Point::Line(line) => format!("{indent}- {}\n", said(line)),
        Point::Item(item) => format!("{indent}- {}\n{}", said(&item.head), points(item, depth)),
        Point::Table(rows) => {
            let rows = rows.iter();
            let rows = rows.map(|(label, value)| format!("{} {}", said(label), said(value)));
            format!("{indent}- {}\n", rows.collect::<Vec<_>>().join(", "))
        }
        Point::Details(..) => String::new(),
        // What is quoted in it is quoted as JSON, on one line, and no line of it begins with a fence.
        Point::Copy(text) => format!("```yaml\n{text}```\n"),
    }
}

/// Returns the points of an item, as many as there is room for, then how many there is none for.
fn points(item: &Item<'_>, depth: usize) -> String {
    let (mut text, mut left) = (String::new(), 0_usize);
    let depth = depth.saturating_add(1);
    for (at, point) in item.points.iter().enumerate() {
        let told = told(point, depth);
        let is_full = text.len().saturating_add(told.len()) > ITEM
            || at >= POINTS && matches!(item.about, Topic::Finding(..));
        // Whoever signs lets these pass too: none of them is counted instead of shown.
        let is_kept = matches!(item.about, Topic::Unmet)
            || matches!(point, Point::Item(item) if matches!(item.about, Topic::Unmet));
        if !is_full || is_kept {
            text.push_str(&told);
        } else if !told.is_empty() {
            left = left.saturating_add(1);
        }
    }
    if left > 0 {
        text.push_str(&format!("{}- … and {left} more\n", "  ".repeat(depth)));
    }
    text
}

fn said(line: &Line) -> String {
    let span = |Span { piece, mark }: &Span| {
        let text = match piece {
            Piece::Words(words) => words.clone(),
            Piece::Quoted(text) => code(text),
        };
        match mark {
            Mark::Gap => " · ".to_owned(),
            Mark::Strong | Mark::Mind => format!("**{text}**"),
            Mark::Plain | Mark::Good | Mark::Bad | Mark::Faint => text,
        }
    };
    line.0.iter().map(span).collect()
}

/// Returns one line of text as a code span, fenced by more backticks than the text holds, so that nothing in it ends
/// the span.
fn code(text: &str) -> String {
    let text = visible(text, VALUE);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.saturating_add(1));
    // A space that is stripped again keeps the text's own backticks and spaces off the fence.
    let text = if text.is_empty() { " " } else { &text };
    let is_edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if is_edge { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
