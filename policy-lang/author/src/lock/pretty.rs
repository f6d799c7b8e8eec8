//! JSON for reviewers: two spaces, members in the order they came, nothing invisible.
//!
//! A tool's description is what the model reads and what a reviewer approves, so a character that a screen does not
//! show, or that reorders the text around it, is written as an escape. Parsing the result gives the same value.

use std::fmt::Write;

use stopgate_decide::json::Json;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Returns `value` as JSON over several lines, without a newline at the end.
#[must_use]
pub fn pretty(value: &Json) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0);
    out
}

fn write_value(out: &mut String, value: &Json, depth: usize) {
    match value {
        // Numbers keep their text, so reading the file gives the same digest.
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) => {
            out.push_str(&value.canonical());
        }
        Json::String(text) => write_string(out, text),
        Json::Array(elements) if elements.is_empty() => out.push_str("[]"),
        Json::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                next_line(out, at > 0, depth.saturating_add(1));
                write_value(out, element, depth.saturating_add(1));
            }
            next_line(out, false, depth);
            out.push(']');
        }
        Json::Object(members) if members.is_empty() => out.push_str("{}"),
        Json::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                next_line(out, at > 0, depth.saturating_add(1));
                write_string(out, name);
                out.push_str(": ");
                write_value(out, member, depth.saturating_add(1));
            }
            next_line(out, false, depth);
            out.push('}');
        }
    }
}

fn next_line(out: &mut String, comma: bool, depth: usize) {
    out.push_str(if comma { ",\n" } else { "\n" });
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if unseen(c) => write_escapes(out, c),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_escapes(out: &mut String, c: char) {
    // Characters beyond the basic plane are two escapes in JSON.
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _infallible = write!(out, "\\u{unit:04x}");
    }
}

/// Returns whether a reader of the file would not see `c`, or would not see it where it stands.
fn unseen(c: char) -> bool {
    // Letters and marks that are shown as nothing: fillers, joiners, variation selectors.
    let ignorable = matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}');
    let category = c.general_category();
    let hidden = [
        GeneralCategory::Control,
        GeneralCategory::Format,
        GeneralCategory::LineSeparator,
        GeneralCategory::ParagraphSeparator,
        GeneralCategory::PrivateUse,
        GeneralCategory::SpaceSeparator,
        GeneralCategory::Unassigned,
    ];
    c != ' ' && (ignorable || hidden.contains(&category))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Lock;

    #[test]
    fn t5_invisible_and_reordering_characters_are_written_as_escapes() {
        let text = "a\u{202e}b\u{200b}c\u{e0041}d\u{a0}e\u{ad}\u{fe0f}\u{3164} é 漢 “x”";
        let shown = pretty(&Json::String(text.into()));
        assert_eq!(
            shown,
            r#""a\u202eb\u200bc\udb40\udc41d\u00a0e\u00ad\ufe0f\u3164 é 漢 “x”""#
        );
        let back = Json::parse(shown.as_bytes(), Lock::LIMITS).expect("valid JSON");
        assert_eq!(back.as_str(), Some(text));
    }

    #[test]
    fn members_keep_their_order_and_empty_containers_stay_on_their_line() {
        let value =
            Json::parse(br#"{"b":[],"a":{},"c":[1,{"d":1.50}]}"#, Lock::LIMITS).expect("JSON");
        let wanted = "{\n  \"b\": [],\n  \"a\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": 1.50\n    }\n  ]\n}";
        assert_eq!(pretty(&value), wanted);
    }
}
