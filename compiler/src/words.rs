//! Numbers, lists, and files and names as words of a command, the same in every message.

use std::fmt::Display;
use std::path::Path;

use stopgate_decide::visible::visible;

/// Returns a number with its noun, such as `1 rule`, `2 rules` or `2 bugs of the gate`.
pub(crate) fn count(number: impl Display + PartialEq + From<u8>, noun: &str) -> String {
    let (noun, of) = noun.split_at(noun.find(" of ").unwrap_or(noun.len()));
    let plural = agree(&number, "", "s");
    format!("{number} {noun}{plural}{of}")
}

/// Returns the word that goes with `number`: `one` with 1, `many` with any other number.
pub(crate) fn agree<'w>(
    number: &(impl PartialEq + From<u8>),
    one: &'w str,
    many: &'w str,
) -> &'w str {
    if *number == 1_u8.into() { one } else { many }
}

/// Returns `name`, or the first of `name 2`, `name 3` and so on that is not taken.
pub(crate) fn free_name(name: String, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number: u32| format!("{name} {number}"));
    let mut all = std::iter::once(name.clone()).chain(numbered);
    all.find(|name| !is_taken(name)).unwrap_or(name)
}

/// Joins the items, separated by `, `.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
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
