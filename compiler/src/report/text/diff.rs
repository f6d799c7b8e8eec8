//! The gate's findings as text: each point on a line, two spaces deeper than what it is said of.

use super::line;
use crate::diff::{Class, Piece};
use crate::gate::GateReport;
use crate::report::Paint;
use crate::report::gate::Findings;
use crate::report::sections::{Line, Mark, Point, Span};

/// Returns the whole report, coloured if `colour`.
#[must_use]
pub fn diff(report: &GateReport<'_>, colour: bool) -> String {
    let ink = Ink(Paint::new(colour));
    let Findings {
        headline,
        verdict,
        class,
        facts,
        sections,
        proof,
    } = Findings::new(report);
    let mark = match class {
        Class::Same => Mark::Good,
        Class::Stricter | Class::Added | Class::Removed => Mark::Mind,
        Class::Looser | Class::Both | Class::Retyped | Class::Undecided => Mark::Bad,
    };
    let mut out = format!("{}\n", ink.0.mark(mark, &format!("{headline}: {verdict}")));
    for fact in &facts {
        line(&mut out, format_args!("  {}", ink.line(fact)));
    }
    for section in &sections {
        let title = Ink(Paint::new(false)).line(&section.title);
        let title = ink.0.mark(Mark::Strong, &title);
        line(&mut out, format_args!("\n{title}"));
        for point in &section.points {
            ink.point(&mut out, 1, point);
        }
    }
    let proof = Ink(Paint::new(false)).line(&proof);
    line(
        &mut out,
        format_args!("\n{}", ink.0.mark(Mark::Faint, &proof)),
    );
    out
}

/// Writes points in the colours of their marks.
#[derive(Clone, Copy)]
struct Ink(Paint);

impl Ink {
    fn line(self, line: &Line) -> String {
        let span = |Span { piece, mark }: &Span| match piece {
            Piece::Words(text) | Piece::Quoted(text) => self.0.mark(*mark, text),
        };
        line.0.iter().map(span).collect()
    }

    fn point(self, out: &mut String, depth: usize, point: &Point<'_>) {
        let indent = "  ".repeat(depth);
        match point {
            Point::Line(said) => line(out, format_args!("{indent}{}", self.line(said))),
            Point::Item(item) => {
                line(out, format_args!("{indent}{}", self.line(&item.head)));
                for point in &item.points {
                    self.point(out, depth.saturating_add(1), point);
                }
            }
            Point::Table(rows) => {
                let rows = rows.iter();
                let rows = rows.map(|(label, value)| (self.line(label), self.line(value)));
                let rows: Vec<_> = rows.collect();
                let width = rows.iter().map(|(label, _)| label.chars().count()).max();
                let width = width.unwrap_or(0);
                for (label, value) in rows {
                    line(out, format_args!("{indent}{label:<width$}  {value}"));
                }
            }
            // A line says what it is about, and is not folded.
            Point::Details(..) => {}
            // At the left edge, so that it can be copied.
            Point::Copy(text) => line(out, format_args!("\n{}", text.trim_end())),
        }
    }
}
