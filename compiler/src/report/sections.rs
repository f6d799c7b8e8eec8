//! A report as one list of sections, whatever it is written in.
//!
//! A line keeps our words apart from what came from a policy, a request or a document, so that each renderer marks the
//! second kind its own way and nothing in it can pass for the first. A renderer knows how to write these values and
//! nothing of what they are about.

use stopgate_decide::visible::visible;

use crate::diff::{Class, OperationChange, Piece, Sentence};

/// Most characters of a text that is not ours: whole requests are to be seen, and nobody reads more of a reason.
const TEXT: usize = 2_000;

/// What stands under one heading.
#[derive(Debug, Default)]
pub(crate) struct Section<'a> {
    pub(crate) title: Line,
    /// What the section is folded behind, where that can be done: it has only to be known. `None` is to be acted on.
    pub(crate) fold: Option<Line>,
    pub(crate) points: Vec<Point<'a>>,
}

/// Something that is said in a section or of an item.
#[derive(Debug)]
pub(crate) enum Point<'a> {
    Line(Line),
    Item(Item<'a>),
    /// Values by their labels.
    Table(Vec<(Line, Line)>),
    /// A table for whom the lines are not enough, behind its title. What cannot be folded leaves it out.
    Details(&'static str, Vec<(Line, Line)>),
    /// A document to be copied as it stands.
    Copy(String),
}

/// A line with points of its own.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) about: Topic<'a>,
    pub(crate) head: Line,
    pub(crate) points: Vec<Point<'a>>,
}

/// What an item is about, for what leads to it and for what is never left out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic<'a> {
    /// An operation, with its place in the comparison.
    Operation(usize, &'a OperationChange),
    /// Holders of an operation that meet the same, with the places of the operation and of these among its holders.
    Finding(usize, usize, Class),
    /// What is signed without an example. None of it is counted instead of shown.
    Unmet,
    /// Nothing that anything leads to.
    Other,
}

/// One line, in spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(pub(crate) Vec<Span>);

/// Some of a line in one mark.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) piece: Piece,
    pub(crate) mark: Mark,
}

/// How a span is meant to look, and which spans are as far apart as columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Plain,
    /// What the eye should find first.
    Strong,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be looked at.
    Mind,
    /// What the eye may skip.
    Faint,
    /// Nothing but distance.
    Gap,
}

/// Makes a span of our words: no renderer has to escape them for what they say.
pub(crate) fn ours(words: impl Into<String>) -> Span {
    let piece = Piece::Words(words.into());
    let mark = Mark::Plain;
    Span { piece, mark }
}

/// Makes a span of text that is not ours: on one line, bounded, everything in it visible.
pub(crate) fn theirs(text: impl AsRef<str>) -> Span {
    theirs_up_to(TEXT, text)
}

/// Makes a span of text that is not ours, of at most `most` characters.
pub(crate) fn theirs_up_to(most: usize, text: impl AsRef<str>) -> Span {
    let piece = Piece::Quoted(visible(text.as_ref(), most));
    let mark = Mark::Plain;
    Span { piece, mark }
}

/// Makes the distance between two things that stand side by side.
pub(crate) fn gap() -> Span {
    ours("").marked(Mark::Gap)
}

impl Span {
    /// Returns the span in another mark.
    pub(crate) fn marked(self, mark: Mark) -> Self {
        Self { mark, ..self }
    }
}

impl<'a> Point<'a> {
    /// Makes a point of one line.
    pub(crate) fn line(line: impl Into<Line>) -> Self {
        Self::Line(line.into())
    }

    /// Makes a point that has points of its own.
    pub(crate) fn item(about: Topic<'a>, head: impl Into<Line>, points: Vec<Self>) -> Self {
        let head = head.into();
        Self::Item(Item {
            about,
            head,
            points,
        })
    }
}

impl From<&'static str> for Line {
    fn from(words: &'static str) -> Self {
        Self(vec![ours(words)])
    }
}

impl From<Span> for Line {
    fn from(span: Span) -> Self {
        Self(vec![span])
    }
}

impl<const N: usize> From<[Span; N]> for Line {
    fn from(spans: [Span; N]) -> Self {
        Self(spans.into())
    }
}

impl From<Vec<Span>> for Line {
    fn from(spans: Vec<Span>) -> Self {
        Self(spans)
    }
}

impl From<Sentence> for Line {
    fn from(sentence: Sentence) -> Self {
        let pieces = sentence.pieces().iter().cloned();
        let mark = Mark::Plain;
        Self(pieces.map(|piece| Span { piece, mark }).collect())
    }
}
