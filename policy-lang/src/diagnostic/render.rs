//! The one renderer of diagnostics: for people with carets, as JSON for programs, and the reference page of all codes.

use std::fmt;
use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::{Code, Diagnostic, Diagnostics, Label, Severity};
use crate::source::{SourceMap, Span};

/// Columns of a rendered report; fixed, so that the text does not depend on the terminal.
const WIDTH: usize = 110;

/// A diagnostic as miette wants it: the places of one file, and the other files as related reports.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<NamedSource<std::sync::Arc<str>>>,
    labels: Vec<LabeledSpan>,
    others: Vec<Elsewhere>,
}

/// A place in another file.
#[derive(Debug)]
struct Elsewhere {
    text: String,
    source: Option<NamedSource<std::sync::Arc<str>>>,
    label: LabeledSpan,
}

fn source_of(span: Span, sources: &SourceMap) -> Option<NamedSource<std::sync::Arc<str>>> {
    sources.file(span.file).map(|file| NamedSource::new(file.path(), file.text().clone()))
}

/// miette counts bytes; a span must not leave the text, whose bad bytes may have been replaced.
fn labelled(label: &Label, sources: &SourceMap) -> LabeledSpan {
    let text = sources.file(label.span.file).map(|file| file.text().clone()).unwrap_or_default();
    let inside = |offset: usize| (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let range = label.span.range();
    let (start, end) = (inside(range.start), inside(range.end));
    let words = Some(label.text.clone()).filter(|text| !text.is_empty());
    LabeledSpan::new(words, start, end.saturating_sub(start))
}

impl<'a> Report<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &SourceMap) -> Self {
        let first = diagnostic.labels.first().map(|label| label.span);
        let (here, there): (Vec<&Label>, Vec<&Label>) =
            diagnostic.labels.iter().partition(|label| Some(label.span.file) == first.map(|span| span.file));
        let others = there
            .into_iter()
            .map(|label| Elsewhere {
                text: label.text.clone(),
                source: source_of(label.span, sources),
                label: labelled(&Label { text: String::new(), ..label.clone() }, sources),
            })
            .collect();
        Self {
            diagnostic,
            source: first.and_then(|span| source_of(span, sources)),
            labels: here.into_iter().map(|label| labelled(label, sources)).collect(),
            others,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let others = self.others.iter().map(|other| other as &dyn miette::Diagnostic);
        if self.others.is_empty() { None } else { Some(Box::new(others)) }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Elsewhere {}

impl miette::Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

impl Diagnostics {
    /// Everything for people, with carets; `colour` adds terminal colours.
    #[must_use]
    pub fn render(&self, sources: &SourceMap, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false).with_context_lines(1);
        let mut out = String::new();
        for diagnostic in self.iter() {
            // A formatter only fails when the String does, which it does not.
            let _ = handler.render_report(&mut out, &Report::new(diagnostic, sources));
            out.push('\n');
        }
        out
    }

    /// Everything for programs: a list of objects with `code`, `severity`, `message`, `help` and `labels`; a label has
    /// `file`, `line`, `column`, `end_line`, `end_column` (from 1; columns in characters) and `text`.
    #[must_use]
    pub fn to_json(&self, sources: &SourceMap) -> serde_json::Value {
        let place = |label: &Label| {
            let file = sources.file(label.span.file)?;
            let range = label.span.range();
            let ((line, column), (end_line, end_column)) = (file.line_column(range.start), file.line_column(range.end));
            Some(serde_json::json!({
                "file": &**file.path(), "line": line, "column": column,
                "end_line": end_line, "end_column": end_column, "text": label.text,
            }))
        };
        self.iter()
            .map(|found| {
                serde_json::json!({
                    "code": found.code.as_str(),
                    "severity": found.severity().as_str(),
                    "message": found.message,
                    "help": found.help,
                    "labels": found.labels.iter().filter_map(place).collect::<Vec<_>>(),
                })
            })
            .collect()
    }
}

/// The reference page of every code, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         Every mistake that `stopgate check` reports, in the order of the compiler's list. Errors end with exit code 3, \
         warnings change no exit code. This page is generated; a test keeps it current.\n",
    );
    for code in Code::ALL {
        let _ = write!(page, "\n## {}\n\n", code.as_str());
        if code.severity() == Severity::Warning {
            page.push_str("*A warning.* ");
        }
        let _ = write!(page, "{}\n\n{}\n", code.title(), code.advice());
    }
    page
}
