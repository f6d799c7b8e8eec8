//! What an author did wrong: a code, a sentence, the places, and what to write instead.
//!
//! Passes collect diagnostics and go on, so that one run reports every mistake. A diagnostic is never an error of the
//! world and never a rejection. There is one renderer, [`Diagnostics::render`]; `diagnostic/<family>.rs` words the facts.

pub(crate) mod approvals;
pub(crate) mod catalog;
mod code;
pub(crate) mod names;
mod render;
pub(crate) mod rules;
pub(crate) mod shape;
pub(crate) mod suites;
pub(crate) mod text;

pub use code::{Code, Meaning, Severity};
pub use render::reference;

use crate::source::{SourceMap, Span};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which fact it is.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where: the first is the place of the mistake, others are what it contradicts.
    pub labels: Vec<Label>,
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// Makes a diagnostic of a mistake at `span`. `label` is the text under the caret.
    #[must_use]
    pub fn new(
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            labels: Vec::new(),
        }
        .also(span, label)
    }

    /// Adds another place with its label.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: label.into(),
        });
        self
    }

    /// Sets the help: what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns whether the mistake is an error, which makes the policy invalid, or a warning.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Everything found so far. A hostile file could hold a mistake at every byte, so only the first
/// [`Diagnostics::MOST`] are kept; the others are counted.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    errors: usize,
    /// Errors that leave the meaning of a base as it was.
    tightened: usize,
    warnings: usize,
}

impl Diagnostics {
    /// Most diagnostics that are kept, because a hostile file could hold a mistake at every byte.
    pub const MOST: usize = 500;

    /// Adds a diagnostic. Once [`Self::MOST`] are kept, further ones are only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count = count.saturating_add(1);
        if diagnostic.code.tightened() == Some(Meaning::Kept) {
            self.tightened = self.tightened.saturating_add(1);
        }
        // Counted whether kept or not: errors decide, and they must not be lost for want of room.
        if !self.is_full() {
            self.found.push(diagnostic);
        }
    }

    /// Removes the errors with `code` inside `span`, because a better word for the same mistake follows.
    pub(crate) fn retract(&mut self, code: Code, span: Span) {
        let before = self.found.len();
        let inside = |label: &Label| {
            let (inner, outer) = (label.span.range(), span.range());
            label.span.file == span.file && outer.start <= inner.start && inner.end <= outer.end
        };
        // Asked of the first label: that is where the mistake is.
        self.found
            .retain(|one| one.code != code || !one.labels.first().is_some_and(inside));
        let taken = before.saturating_sub(self.found.len());
        self.errors = self.errors.saturating_sub(taken);
        if code.tightened() == Some(Meaning::Kept) {
            self.tightened = self.tightened.saturating_sub(taken);
        }
    }

    /// Returns whether what is added from now on is only counted.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.found.len() >= Self::MOST
    }

    /// Returns whether any of the diagnostics makes the policy invalid.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns whether any of the errors leaves nothing to compare a change with: an error that was one before, or one
    /// that takes the meaning of the base away.
    #[must_use]
    pub const fn has_errors_of_a_base(&self) -> bool {
        self.errors > self.tightened
    }

    /// Returns the number of errors and the number of warnings.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize) {
        (self.errors, self.warnings)
    }

    /// Returns how many diagnostics were counted and not kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.errors
            .saturating_add(self.warnings)
            .saturating_sub(self.found.len())
    }

    /// Returns every diagnostic that was kept.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// Returns whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Sorts the diagnostics by the paths of the files and the places in them.
    pub fn sort(&mut self, sources: &SourceMap) {
        let key = |diagnostic: &Diagnostic| {
            let span = diagnostic.labels.first().map(|label| label.span);
            let path = span
                .and_then(|span| sources.file(span.file))
                .map(|file| file.path().clone());
            (
                // The message last, so that two mistakes in one place come in one order.
                path,
                span.map(|span| span.start),
                diagnostic.code.as_str(),
                diagnostic.message.clone(),
            )
        };
        self.found.sort_by_cached_key(key);
    }
}
