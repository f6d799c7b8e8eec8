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

use std::path::Path;

use stopgate_decide::visible::visible;

use crate::diff::Side;
pub(crate) use gate::{ALSO, edits, opened, unmet};
pub use gate::{GateReport, Mend, Waiver};

pub use crate::waiver::Standing;
pub(crate) use paint::Paint;
pub use stopgate_author::change::{Change, Effect};

/// Returns a number with its noun, such as `1 rule` or `2 rules`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Returns the path of `file` in the repository at `folder` as one word of a command, for somebody for whom `folder` is
/// the way to the repository. The folder `.` is left out.
pub(crate) fn path(folder: &Path, file: &str) -> String {
    if folder == Path::new(".") {
        return word(file);
    }
    word(&folder.join(file).to_string_lossy())
}

/// Returns `text` as one word of a command, in quotes if a shell would see something else in it.
pub(crate) fn word(text: &str) -> String {
    let text = visible(text, usize::MAX);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,^~-".contains(c);
    if text.chars().all(is_plain) && !text.is_empty() && !text.starts_with('~') {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

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

/// Joins the items, separated by `, `.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_files_as_whoever_types_it_sees_them() {
        for (folder, wanted) in [
            (".", "waivers/1.yaml"),
            ("./", "waivers/1.yaml"),
            ("", "waivers/1.yaml"),
            ("policies", "policies/waivers/1.yaml"),
            ("policies/", "policies/waivers/1.yaml"),
            ("../a/b", "../a/b/waivers/1.yaml"),
            ("/srv/my policies", "'/srv/my policies/waivers/1.yaml'"),
            ("it's", r"'it'\''s/waivers/1.yaml'"),
            ("$(id)", "'$(id)/waivers/1.yaml'"),
            ("~", "'~/waivers/1.yaml'"),
        ] {
            assert_eq!(path(Path::new(folder), "waivers/1.yaml"), wanted);
        }
        assert_eq!(word("main~1"), "main~1");
        assert_eq!(word("feature;id"), "'feature;id'");
        assert_eq!(word("a\u{202e}b"), r"'a\u{202e}b'");
        assert_eq!(word(""), "''");
    }
}
