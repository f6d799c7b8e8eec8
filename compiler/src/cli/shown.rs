//! The last look at what goes to a terminal: text of files, of git and of records may hold anything.
//!
//! Whoever puts such text into an answer spells it out already; here everything is looked at once more, so that a place
//! that forgot it moves no cursor and hides no line.

use std::borrow::Cow;
use std::fmt::Write as _;

use stopgate_decide::visible::visible;

/// Returns `text` for people, with whatever a terminal would obey written out. Line ends, tabs and colours stay.
pub(super) fn text(text: String) -> String {
    if !text.chars().any(is_obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(is_obeyed) {
        let (plain, obeyed) = rest.split_at(at);
        shown.push_str(plain);
        let length = colour(obeyed);
        if length > 0 {
            let (colour, after) = obeyed.split_at(length);
            shown.push_str(colour);
            rest = after;
        } else {
            let mut after = obeyed.chars();
            let obeyed = after.next().map(String::from).unwrap_or_default();
            shown.push_str(&visible(&obeyed, 1));
            rest = after.as_str();
        }
    }
    shown.push_str(rest);
    shown
}

/// Returns JSON in which the same characters are escaped; they can stand only in its texts.
pub(super) fn json(text: String) -> String {
    if !text.chars().any(is_obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _always_fits = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns whether a terminal does more with the character than to show it.
fn is_obeyed(c: char) -> bool {
    if matches!(c, '\n' | '\t' | ' '..='~') {
        return false;
    }
    let mut bytes = [0; 4];
    let alone: &str = c.encode_utf8(&mut bytes);
    visible(alone, 1) != Cow::Borrowed(alone)
}

/// Returns how many bytes the colour has that `text` begins with, as we paint; 0 if there is none.
fn colour(text: &str) -> usize {
    let Some(codes) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let length = codes
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
        .count();
    let is_colour = codes.as_bytes().get(length) == Some(&b'm');
    if is_colour {
        length.saturating_add(3)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t5_nothing_that_a_terminal_obeys_leaves_by_an_answer() {
        for (written, shown) in [
            ("plain, äöü 漢字\n\tin two lines\n", None),
            ("\u{1b}[31;1mbad\u{1b}[0m", None),
            ("\u{1b}[2Jgone", Some("\\u{1b}[2Jgone")),
            ("\u{1b}]0;title\u{7}", Some("\\u{1b}]0;title\\u{7}")),
            ("\u{1b}[31", Some("\\u{1b}[31")),
            ("\u{1b}", Some("\\u{1b}")),
            ("a\rb", Some("a\\u{d}b")),
            ("a\u{8}\u{7f}b", Some("a\\u{8}\\u{7f}b")),
            ("\u{9b}2J", Some("\\u{9b}2J")),
            ("a\u{202e}b", Some("a\\u{202e}b")),
            ("\u{e0041}", Some("\\u{e0041}")),
        ] {
            assert_eq!(text(written.to_owned()), shown.unwrap_or(written));
        }
        for (written, shown) in [
            (r#"{"a": "b"}"#, r#"{"a": "b"}"#),
            ("\"\u{9b}2J\u{202e}\"", r#""\u009b2J\u202e""#),
            ("\"\u{e0041}\"", r#""\udb40\udc41""#),
        ] {
            let found = json(written.to_owned());
            assert_eq!(found, shown);
            let meaning = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            assert_eq!(meaning(&found), meaning(written), "{shown}");
        }
    }
}
