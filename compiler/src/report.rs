//! Renderers: the same values as text for terminals, Markdown for pull requests, JSON for programs, JUnit
//! for CI, SARIF for code hosts.
//!
//! They decide nothing and leave nothing out that would change a reader's mind.

pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
mod paint;
pub(crate) mod sarif;
pub(crate) mod text;

pub(crate) use paint::Paint;

/// `1 rule`, `2 rules`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The items, separated by `, `.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
