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
mod sections;
pub mod text;

use crate::diff::Side;
pub(crate) use paint::Paint;

/// Returns what a reader calls a side, and the first digits of its commit. Where the side was asked for by its commit's
/// whole id, the digits are what it is called.
fn named_side(side: &Side) -> (&str, Option<&str>) {
    let Side { name, commit } = side;
    let digits = commit
        .as_deref()
        .map(|commit| commit.get(..12).unwrap_or(commit));
    match digits {
        Some(digits) if commit.as_ref() == Some(name) => (digits, None),
        Some(_) | None => (name.as_str(), digits),
    }
}
