//! The values of a record on their way to its line: borrowed where they can be, and written once, in canonical form.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::json::{Json, MAX_SAFE_INTEGER, write_string};

/// A value of a record. Members of objects may stand in any order; they are sorted when they are written.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(&'a str, Self)>),
    /// A value that somebody else parsed.
    Json(&'a Json),
}

impl Value<'_> {
    /// Appends the canonical form, the one of [`Json::canonical`], to `out`.
    pub(super) fn write(&mut self, out: &mut String) {
        match self {
            Self::Null => Json::Null.write(out),
            Self::Bool(truth) => Json::Bool(*truth).write(out),
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

/// An object of `members`.
pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Value<'a> {
    Value::Object(members.into_iter().collect())
}

/// A string.
pub(super) fn text<'a>(text: impl Into<Cow<'a, str>>) -> Value<'a> {
    Value::Text(text.into())
}

/// What `value` prints, as a string.
pub(super) fn printed(value: impl ToString) -> Value<'static> {
    Value::Text(Cow::Owned(value.to_string()))
}

/// An array of strings.
pub(super) fn texts<'a, T: Into<Cow<'a, str>>>(items: impl IntoIterator<Item = T>) -> Value<'a> {
    Value::List(items.into_iter().map(text).collect())
}

/// A count; beyond what JSON keeps exactly it stays at the largest such number.
pub(super) fn count(number: u64) -> Value<'static> {
    let number = i64::try_from(number).unwrap_or(MAX_SAFE_INTEGER);
    Value::Integer(number.min(MAX_SAFE_INTEGER))
}

/// A point in time with `digits` digits of the second.
pub(super) fn time(time: Timestamp, digits: usize) -> Value<'static> {
    Value::Text(Cow::Owned(format!("{time:.digits$}")))
}
