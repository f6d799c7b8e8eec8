//! Facts about what a change needs.

use super::{Code, Diagnostic};
use crate::source::Span;

/// Words the mistake that fewer reviewers (`few`) sign at the risk `higher` than at the risk `lower` (`many`). One of
/// the two numbers may be the default.
pub(crate) fn sign_off_order(
    span: Span,
    lower: &str,
    many: u8,
    higher: &str,
    few: u8,
) -> Diagnostic {
    let message =
        format!("more reviewers sign at {lower} risk ({many}) than at {higher} risk ({few})");
    Diagnostic::new(Code::SignOffOrder, span, message, "").help(format!(
        "write `{higher}: {many}` or more; left out, `low` and `medium` are 1 and `high` is 2"
    ))
}

/// Words the mistake that a cover is repeated at `span`, which stands at `first` already.
pub(crate) fn repeated_cover(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateEntry,
        span,
        "this loosening is covered twice",
        "the repetition",
    )
    .also(first, "first covered here")
    .help("delete one of the two")
}
