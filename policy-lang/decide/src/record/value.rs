//! The values of a record on their way to its line, in canonical form: rare records as trees, borrowed where they can
//! be, and decisions, of which there are many, member by member in an order that stands in the source.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use crate::json::{Json, MAX_SAFE_INTEGER, write_string};

/// A value of a record. Members of objects may stand in any order; they are sorted when they are written.
#[derive(Debug)]
pub(super) enum RecordValue<'a> {
    Null,
    Integer(i64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(&'a str, Self)>),
    /// A value that somebody else parsed.
    Json(&'a Json),
}

impl RecordValue<'_> {
    /// Appends the canonical form, the one of [`Json::canonical`], to `out`. Members of objects are sorted in place for
    /// it.
    pub(super) fn write(&mut self, out: &mut String) {
        match self {
            Self::Null => Json::Null.write(out),
            Self::Integer(number) => Json::Integer(*number).write(out),
            Self::Text(text) => write_string(out, text),
            Self::List(elements) => {
                for (at, element) in elements.iter_mut().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    element.write(out);
                }
                out.push_str(if elements.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                // The members of one object have distinct names, so an unstable sort has one result.
                members.sort_unstable_by_key(|(name, _)| *name);
                for (at, (name, value)) in members.iter_mut().enumerate() {
                    out.push(if at == 0 { '{' } else { ',' });
                    write_string(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
            Self::Json(json) => json.write(out),
        }
    }
}

/// Makes an object of `members`, which may come in any order.
pub(super) fn object<'a>(
    members: impl IntoIterator<Item = (&'a str, RecordValue<'a>)>,
) -> RecordValue<'a> {
    RecordValue::Object(members.into_iter().collect())
}

/// Makes a string.
pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> RecordValue<'a> {
    RecordValue::Text(text.into())
}

/// Makes a string of what `value` prints.
pub(super) fn printed(value: impl ToString) -> RecordValue<'static> {
    RecordValue::Text(Cow::Owned(value.to_string()))
}

/// Makes a count. Beyond what JSON keeps exactly it stays at the largest such number.
pub(super) fn count(number: u64) -> RecordValue<'static> {
    let number = i64::try_from(number).unwrap_or(MAX_SAFE_INTEGER);
    RecordValue::Integer(number.min(MAX_SAFE_INTEGER))
}

/// Makes the text of a point in time with `digits` digits of the second's fraction.
pub(super) fn time(time: Timestamp, digits: usize) -> RecordValue<'static> {
    RecordValue::Text(Cow::Owned(format!("{time:.digits$}")))
}

/// An object that is written as it comes: its members must come in the order of their names.
pub(super) struct Object<'o, 'n> {
    out: &'o mut String,
    /// The member before, if there is one.
    before: Option<&'n str>,
    /// A comma stands there already.
    separated: bool,
}

impl<'o, 'n> Object<'o, 'n> {
    /// Begins members without braces around them.
    pub(super) const fn bare(out: &'o mut String) -> Self {
        Self {
            out,
            before: None,
            separated: true,
        }
    }

    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self::bare(out)
    }

    /// Ends the object with its brace.
    pub(super) fn end(self) {
        self.out.push('}');
    }

    /// Ends the member before, and returns the place in the text at which another member may be put in before the next.
    pub(super) fn place(&mut self) -> usize {
        self.out.push(',');
        self.separated = true;
        self.out.len()
    }

    fn member(&mut self, name: &'n str) -> &mut String {
        // Checked in debug builds only. A release that got it wrong would write lines that every reader refuses.
        debug_assert!(self.before.is_none_or(|before| before < name), "{name}");
        if !self.separated {
            self.out.push(',');
        }
        (self.before, self.separated) = (Some(name), false);
        write_string(self.out, name);
        self.out.push(':');
        self.out
    }

    pub(super) fn object(&mut self, name: &'n str) -> Object<'_, 'n> {
        Object::begin(self.member(name))
    }

    pub(super) fn text(&mut self, name: &'n str, text: &str) {
        write_string(self.member(name), text);
    }

    pub(super) fn optional_text(&mut self, name: &'n str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Writes the member `name`: what `value` prints, as a string. Nothing in it may have to be escaped.
    pub(super) fn printed(&mut self, name: &'n str, value: impl Display) {
        // For digests, ids and times: their alphabets hold nothing that JSON escapes.
        quoted(self.member(name), value);
    }

    pub(super) fn texts<'t>(&mut self, name: &'n str, texts: impl IntoIterator<Item = &'t str>) {
        let out = self.member(name);
        list(out, texts, write_string);
    }

    /// Writes the member `name`: a list of strings, each as [`Object::printed`] writes one.
    pub(super) fn all_printed<T: Display>(
        &mut self,
        name: &'n str,
        values: impl IntoIterator<Item = T>,
    ) {
        list(self.member(name), values, quoted);
    }

    pub(super) fn count(&mut self, name: &'n str, number: u64) {
        let number = i64::try_from(number).unwrap_or(MAX_SAFE_INTEGER);
        self.number(name, number.min(MAX_SAFE_INTEGER));
    }

    pub(super) fn number(&mut self, name: &'n str, number: i64) {
        // Writing to a String cannot fail.
        let _never = write!(self.member(name), "{number}");
    }

    pub(super) fn truth(&mut self, name: &'n str, truth: bool) {
        self.member(name)
            .push_str(if truth { "true" } else { "false" });
    }

    pub(super) fn null(&mut self, name: &'n str) {
        self.member(name).push_str("null");
    }

    pub(super) fn json(&mut self, name: &'n str, json: &Json) {
        json.write(self.member(name));
    }

    /// Writes the member `name`: a point in time with `digits` digits of the second's fraction.
    pub(super) fn time(&mut self, name: &'n str, time: Timestamp, digits: usize) {
        self.printed(name, format_args!("{time:.digits$}"));
    }
}

fn quoted(out: &mut String, value: impl Display) {
    out.push('"');
    let _never = write!(out, "{value}");
    out.push('"');
}

fn list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}
