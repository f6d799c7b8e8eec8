//! Renderers: the same values as text for terminals, Markdown for pull requests, JSON for programs, JUnit
//! for CI, SARIF for code hosts, HTML for a browser.
//!
//! They decide nothing and leave nothing out that would change a reader's mind.

mod gate;
pub mod html;
pub mod json;
pub(crate) mod junit;
pub mod markdown;
mod paint;
pub mod sarif;
pub mod text;

pub(crate) use gate::{ALSO, edits, opened, unmet};
pub use gate::{GateReport, Mend, Waiver};

pub use crate::waiver::Standing;
pub(crate) use paint::Paint;
pub use stopgate_lang::change::{Change, Effect};

/// Returns a number with its noun, such as `1 rule` or `2 rules`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Joins the items by `, `.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the word for a direction.
const fn direction(direction: crate::diff::Direction) -> &'static str {
    match direction {
        crate::diff::Direction::Looser => "looser",
        crate::diff::Direction::Stricter => "stricter",
    }
}
