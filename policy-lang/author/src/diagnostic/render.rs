//! The one renderer of diagnostics: for people with carets, as JSON for programs, and the reference page of all codes.
//!
//! What a source holds is hostile until checked: nothing invisible and no terminal escape is passed on, and a line too
//! long to read is named but not shown.

use std::fmt;
use std::fmt::Write as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use super::{Code, Diagnostic, Diagnostics, Label, Meaning, Severity};
use crate::source::scan::visible;
use crate::source::{SourceFile, SourceMap, Span};

/// Bytes of the longest line that is shown, somewhat less than four lines of a report ([`WIDTH`]); a longer one is only
/// named.
const LONGEST_LINE: usize = 400;

/// Columns of a rendered report; fixed, so that the text does not depend on the terminal.
const WIDTH: usize = 110;

/// A diagnostic as miette wants it: the places of one file, and the other files as related reports.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    message: String,
    help: Option<String>,
    page: Option<Page<'a>>,
    labels: Vec<LabeledSpan>,
    others: Vec<Elsewhere<'a>>,
}

/// A place in another file.
#[derive(Debug)]
struct Elsewhere<'a> {
    text: String,
    page: Option<Page<'a>>,
    label: LabeledSpan,
}

/// A file that finds its lines by their index: hundreds of mistakes in a long file must not each read it whole.
#[derive(Debug)]
struct Page<'a>(&'a SourceFile);

impl SourceCode for Page<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let Self(file) = self;
        // The last byte of the span and not the one behind it, which may be on the next line.
        let last_byte = span.offset().saturating_add(span.len().saturating_sub(1));
        let first = file.line_of(span.offset()).saturating_sub(before);
        let last = file.line_of(last_byte).saturating_add(after);
        // Without lines before it, the excerpt begins at the span: that is how miette asks for its column.
        let (start, column) = if before == 0 {
            let column = file.line_column(span.offset()).1.saturating_sub(1);
            (span.offset(), usize::try_from(column).unwrap_or(0))
        } else {
            (file.line_range(first).start, 0)
        };
        let end = file.line_range(last).end.max(start);
        let text = file
            .text()
            .get(start..end)
            .ok_or(MietteError::OutOfBounds)?;
        let range = (start, text.len()).into();
        let lines = last.saturating_sub(first).saturating_add(1);
        let path = file.path().to_string();
        Ok(Box::new(MietteSpanContents::new_named(
            path,
            text.as_bytes(),
            range,
            first,
            column,
            lines,
        )))
    }
}

/// Returns the file that `spans` are in, if the lines there, and those next to them, are short enough to be shown.
fn page<'a>(spans: &[Span], sources: &'a SourceMap) -> Option<Page<'a>> {
    let file = sources.file(spans.first()?.file)?;
    let short = |offset: usize| {
        let line = file.line_of(offset);
        let around = line.saturating_sub(1)..=line.saturating_add(1);
        // With the lines around it, which are shown too.
        around
            .into_iter()
            .all(|line| file.line_range(line).len() <= LONGEST_LINE)
    };
    let fits = spans
        .iter()
        .all(|span| short(span.range().start) && short(span.range().end));
    fits.then_some(Page(file))
}

/// Writes where a span begins as `path:line:column`, for diagnostics whose text cannot be shown.
fn place(file: &SourceFile, span: Span) -> String {
    let (line, column) = file.line_column(span.range().start);
    format!("{}:{line}:{column}", file.path())
}

/// Makes the label that miette draws. Miette counts bytes, and a span must neither leave the text nor cut a character
/// of it, whose bad bytes may have been replaced.
fn labelled(label: &Label, primary: bool, sources: &SourceMap) -> LabeledSpan {
    let text = sources.file(label.span.file).map_or("", |file| file.text());
    // Backwards to the beginning of a character: a byte inside one would make miette fail.
    let inside = |offset: usize| {
        (0..=offset.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let range = label.span.range();
    let (start, end) = (inside(range.start), inside(range.end));
    let words = Some(visible(&label.text)).filter(|text| !text.is_empty());
    let range = (start, end.saturating_sub(start));
    if primary {
        LabeledSpan::new_primary_with_span(words, range)
    } else {
        LabeledSpan::new_with_span(words, range)
    }
}

impl<'a> Report<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Self {
        let first = diagnostic.labels.first().map(|label| label.span);
        let (here, there): (Vec<&Label>, Vec<&Label>) = diagnostic
            // Miette draws one file at a time; places in others become reports of their own.
            .labels
            .iter()
            .partition(|label| Some(label.span.file) == first.map(|span| span.file));
        let others = there
            .into_iter()
            .map(|label| Elsewhere {
                text: visible(&label.text),
                page: page(&[label.span], sources),
                label: labelled(
                    &Label {
                        text: String::new(),
                        ..label.clone()
                    },
                    true,
                    sources,
                ),
            })
            .collect();
        let spans: Vec<Span> = here.iter().map(|label| label.span).collect();
        let page = page(&spans, sources);
        let mut message = visible(&diagnostic.message);
        if let (None, Some(span)) = (&page, first)
            // Where the text cannot be shown, at least its place is told.
            && let Some(file) = sources.file(span.file)
        {
            let _ = write!(message, " ({})", place(file, span));
        }
        let labels = here
            .into_iter()
            .enumerate()
            .map(|(at, label)| labelled(label, at == 0, sources));
        Self {
            diagnostic,
            message,
            help: diagnostic.help.as_deref().map(visible),
            // Without a text there is nothing to draw labels in.
            labels: labels.filter(|_| page.is_some()).collect(),
            page,
            others,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
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
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.page.as_ref().map(|page| page as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let others = self
            .others
            .iter()
            .map(|other| other as &dyn miette::Diagnostic);
        if self.others.is_empty() {
            None
        } else {
            Some(Box::new(others))
        }
    }
}

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Elsewhere<'_> {}

impl miette::Diagnostic for Elsewhere<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.page.as_ref().map(|page| page as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

impl Diagnostics {
    /// Writes all diagnostics for people, with carets; `colour` adds terminal colours.
    #[must_use]
    pub fn render(&self, sources: &SourceMap, colour: bool) -> String {
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        // Links would be escapes that a terminal obeys.
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(WIDTH)
            .with_links(false)
            .with_context_lines(1);
        let mut out = String::new();
        for diagnostic in self.iter() {
            // A formatter only fails when the String does, which it does not.
            let _ = handler.render_report(&mut out, &Report::new(diagnostic, sources));
            out.push('\n');
        }
        if self.dropped() > 0 {
            let _ = writeln!(out, "and {} more", self.dropped());
        }
        out
    }

    /// Makes a list of all diagnostics for programs: objects with `code`, `severity`, `message`, `help` and `labels`. A
    /// label has `file`, `line`, `column`, `end_line`, `end_column` (from 1; columns in characters) and `text`.
    #[must_use]
    pub fn to_json(&self, sources: &SourceMap) -> serde_json::Value {
        let place = |label: &Label| {
            let file = sources.file(label.span.file)?;
            let range = label.span.range();
            let ((line, column), (end_line, end_column)) =
                (file.line_column(range.start), file.line_column(range.end));
            Some(serde_json::json!({
                "file": &**file.path(), "line": line, "column": column,
                "end_line": end_line, "end_column": end_column, "text": visible(&label.text),
            }))
        };
        self.iter()
            .map(|found| {
                serde_json::json!({
                    "code": found.code.as_str(),
                    "severity": found.severity().as_str(),
                    "message": visible(&found.message),
                    "help": found.help.as_deref().map(visible),
                    "labels": found.labels.iter().filter_map(place).collect::<Vec<_>>(),
                })
            })
            .collect()
    }
}

/// Writes the reference page of every code, as Markdown.
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
        page.push_str(match code.tightened() {
            None => "",
            Some(Meaning::Kept) => {
                "\nIt was no error in every release: a base with it is compared by what it says.\n"
            }
            Some(Meaning::Lost) => {
                "\nIt was no error in every release: what a base with it says counts as re-written, which reviewers \
                 sign as a change of high risk.\n"
            }
        });
    }
    page
}
