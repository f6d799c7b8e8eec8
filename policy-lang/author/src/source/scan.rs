//! The strict pass over bytes that comes before any parser: what a reviewer could not see, and what is too long.
//!
//! It knows nothing of structure. Comments are text like any other here: an invisible character in one is refused too.

use std::borrow::Cow;

use stopgate_decide::visible::is_hidden;

use crate::diagnostic::{Diagnostics, text as say};

use super::{FileId, MAX_BYTES, Span};

/// Findings of one file after which the rest of it is not looked at.
const MAX_FINDINGS: usize = 16;

/// Whether tabs may stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tabs {
    /// Never: YAML, where a tab looks like the spaces it is not.
    Refused,
    /// Anywhere: Cedar.
    Allowed,
}

/// Checks the bytes of a file and reports what is refused in them. Returns `None` if they are not worth parsing,
/// otherwise a text of the same length in bytes, in which what was refused is replaced by something harmless, so that a
/// parser finds the mistakes that are left.
pub(crate) fn scan<'a>(
    file: FileId,
    bytes: &'a [u8],
    tabs: Tabs,
    dx: &mut Diagnostics,
) -> Option<Cow<'a, str>> {
    // The length first: nothing below may cost more than a bounded text does.
    if bytes.len() > MAX_BYTES {
        dx.push(say::too_large(Span::beginning(file)));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            dx.push(say::not_utf8(Span::new(file, at..at.saturating_add(1)), at));
            return None;
        }
    };
    // Some readers skip it and some take it for the first character of the first key.
    if text.starts_with('\u{feff}') {
        dx.push(say::byte_order_mark(Span::new(
            file,
            0..'\u{feff}'.len_utf8(),
        )));
        return None;
    }
    let mut found = ScanFindings {
        indented_by_tab: false,
        left: MAX_FINDINGS,
    };
    let mut in_indentation = true;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let span = Span::new(file, at..at.saturating_add(c.len_utf8()));
        match c {
            '\t' if tabs == Tabs::Refused => {
                found.indented_by_tab |= in_indentation;
                found.report(dx, || say::tab(span, in_indentation));
            }
            '\n' | '\t' => {}
            // A line break as Windows writes it.
            '\r' if chars.peek().is_some_and(|(_, next)| *next == '\n') => {}
            c if is_hidden(c) => found.report(dx, || say::invisible(span, c)),
            _ => {}
        }
        in_indentation = c == '\n' || (in_indentation && matches!(c, ' ' | '\t'));
        // A file of nothing but hidden characters is told once and not a million times.
        if found.left == 0 {
            return None;
        }
    }
    match (found.indented_by_tab, found.left) {
        // A tab in the indentation leaves no structure to parse.
        (true, _) => None,
        (false, MAX_FINDINGS) => Some(Cow::Borrowed(text)),
        (false, _) => Some(Cow::Owned(visible(text).replace('\t', " "))),
    }
}

struct ScanFindings {
    indented_by_tab: bool,
    left: usize,
}

impl ScanFindings {
    fn report(
        &mut self,
        dx: &mut Diagnostics,
        make: impl FnOnce() -> crate::diagnostic::Diagnostic,
    ) {
        dx.push(make());
        self.left = self.left.saturating_sub(1);
    }
}

/// Returns `text` with visible characters, of the same length in bytes, in the place of hidden ones. Line breaks and
/// tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        '\r' => " ".to_owned(),
        // As many bytes as the character has, so that all offsets stay.
        c if is_hidden(c) => match c.len_utf8() {
            1 => "?".to_owned(),
            2 => "¿".to_owned(),
            3 => "\u{fffd}".to_owned(),
            _ => "¿¿".to_owned(),
        },
        c => c.to_string(),
    };
    if text.chars().any(|c| c == '\r' || is_hidden(c)) {
        text.chars().map(shown).collect()
    } else {
        text.to_owned()
    }
}
