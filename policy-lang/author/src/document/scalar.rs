//! Reading single values: names, words, numbers, texts, dates, pointers, and JSON written as YAML.

use std::cmp::Ordering;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use stopgate_decide::calendar::{Day, End};
use stopgate_decide::decide::Reason;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::InvalidName;
use stopgate_decide::pointer::Pointer;
use stopgate_decide::routing::Duration;
use stopgate_decide::surface::{Approval, Effect, Limit, Requirement, Risk};

use crate::diagnostic::{Diagnostics, shape as say};
use crate::source::Spanned;
use crate::source::node::{Node, Scalar, ScalarKind, Value};
use crate::source::plain::Plain;
use crate::waiver::SliceDigest;

use super::shape::{Entries, Field, Form, Loosens, Shape, Spelling, WordMeaning};

/// Longest text for people, in characters.
const MAX_TEXT: usize = 500;

/// A closed set of words.
pub(crate) trait Word: Copy + 'static {
    /// Every value.
    const WORDS: &'static [Self];
    /// Returns the word as documents write it.
    fn word(self) -> &'static str;
    /// Returns what the word means, for editors; an empty text where that goes without saying.
    fn meaning(self) -> &'static str;
}

macro_rules! words {
    ($($kind:ty = $all:expr, $meaning:expr;)*) => {$(
        impl Word for $kind {
            const WORDS: &'static [Self] = $all;
            fn word(self) -> &'static str {
                self.as_str()
            }
            fn meaning(self) -> &'static str {
                let meaning: fn(Self) -> &'static str = $meaning;
                meaning(self)
            }
        }
    )*};
}

words! {
    Risk = Self::ALL, Self::meaning;
    Approval = Self::ALL, Self::meaning;
    Effect = Self::ALL, Self::meaning;
    Limit = Self::ALL, Self::meaning;
    Requirement = Self::ALL, Self::meaning;
    Day = &Self::ALL, |_| "";
    Reason = &Self::ALL, |_| "";
}

/// A form for each reader of this page; a reader takes nothing that its form excludes.
pub(crate) mod form {
    use super::{Entries, Form, MAX_TEXT, Spelling, Word, WordMeaning};

    pub(crate) const TEXT: Form = Form::Text { most: MAX_TEXT };
    pub(crate) const NAME: Form = Form::Spelt(NAMES);
    pub(crate) const POINTER: Form = Form::Spelt(Spelling {
        pattern: "^/([^~]|~[01])*$",
        examples: &["/customer/tax_id", "/items/*/price"],
        help: "write a JSON Pointer such as `/customer/tax_id`; `*` stands for every element or member",
        order: None,
    });
    pub(crate) const FILED: Form = Form::Spelt(Spelling {
        pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        examples: &["2026-014", "2027-Q1"],
        help: "ids begin with a letter or a digit, followed by letters, digits, `_`, `.` and `-`; 64 characters at most",
        order: None,
    });
    pub(crate) const DIGEST: Form = Form::Spelt(Spelling {
        pattern: "^sha256:[0-9a-f]{64}$",
        examples: &[],
        help: super::DIGEST_HELP,
        order: None,
    });
    pub(crate) const SLICE: Form = Form::Spelt(Spelling {
        pattern: "^(v3:)?sha256:[0-9a-f]{64}$",
        examples: &[],
        help: super::SLICE_HELP,
        order: None,
    });
    pub(crate) const DATE: Form = Form::Spelt(Spelling {
        pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        examples: &["2027-03-31"],
        help: "write a date as `2027-03-31`",
        order: Some(super::later),
    });
    pub(crate) const TIMESTAMP: Form = Form::Spelt(Spelling {
        pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,3})?Z$",
        examples: &["2026-11-24T10:00:00Z"],
        help: "write a time in UTC as `2026-11-24T10:00:00Z`, with milliseconds at most",
        order: None,
    });
    pub(crate) const HOURS: Form = Form::Spelt(Spelling {
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        examples: &["09:00-18:00"],
        help: "write hours of a day as `09:00-18:00`; a whole day is `00:00-24:00`",
        order: None,
    });
    /// [`super::max_rows`].
    pub(crate) const MAX_ROWS: Form = Form::Either(&[
        Form::Record(&super::ROW_LIMIT),
        Form::list(&Form::Record(&super::ROW_LIMIT), Entries::Keyed("pointer")),
    ]);
    pub(crate) const POINTERS: Form = Form::set(&POINTER);
    /// Also what names are as keys.
    pub(crate) const NAMES: Spelling = Spelling {
        pattern: "^[a-z0-9][a-z0-9_.-]{0,63}$",
        examples: &[],
        help: "names begin with a-z or 0-9, followed by a-z, 0-9, `_`, `.` and `-`; 64 characters at most",
        order: None,
    };

    /// Makes the form of one word of `W`.
    pub(crate) const fn word<W: Word>() -> Form {
        Form::Word(meanings::<W>)
    }

    fn meanings<W: Word>() -> Vec<WordMeaning> {
        let meaning = |known: &W| WordMeaning {
            word: known.word().to_owned(),
            meaning: known.meaning(),
        };
        W::WORDS.iter().map(meaning).collect()
    }
}

/// One row limit.
pub(super) const ROW_LIMIT: Shape = Shape {
    what: "a row limit",
    fields: &[
        Field::required(
            "pointer",
            Loosens::Outside,
            form::POINTER,
            "The list in the result that is shortened, as a JSON Pointer.",
        ),
        Field::required(
            "rows",
            Loosens::Outside,
            Form::Integer {
                least: 0,
                most: MAX_ROWS,
            },
            "Most entries of that list that reach the agent.",
        ),
    ],
    bonds: &[],
};

/// What to write for a digest.
const DIGEST_HELP: &str = "copy it from `stopgate diff`: `sha256:` and 64 digits from 0-9 and a-f";

/// What to write for the digest of a slice.
const SLICE_HELP: &str =
    "copy it from `stopgate diff`: `v3:sha256:` and 64 digits from 0-9 and a-f";

/// Most rows that can be said: policies and bundles keep the number in 32 bits.
pub(super) const MAX_ROWS: i64 = u32::MAX as i64;

/// Reports that `node` is not `expected`, unless the node was reported already. The answer is always `None`.
pub(crate) fn unexpected<T>(
    node: &Node,
    expected: &str,
    help: Option<String>,
    dx: &mut Diagnostics,
) -> Option<T> {
    if !matches!(node.value, Value::Broken) {
        dx.push(say::wrong_type(node.span, expected, node.what(), help));
    }
    None
}

/// Reads a scalar that is text: quoted, or plain and text to every YAML reader. Dates without quotes pass where `dates`
/// says so.
fn text_of<'n>(
    node: &'n Node,
    expected: &str,
    dates: bool,
    dx: &mut Diagnostics,
) -> Option<&'n Scalar> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.kind {
            // Quotes say that it is text, whatever it looks like.
            ScalarKind::Quoted | ScalarKind::Plain(Plain::Text) => Some(scalar),
            ScalarKind::Plain(Plain::Date) if dates => Some(scalar),
            ScalarKind::Plain(
                Plain::Date | Plain::Integer(_) | Plain::Decimal | Plain::Bool(_) | Plain::Null,
            ) => {
                let help = format!("if text is meant, write \"{}\"", scalar.text);
                unexpected(node, expected, Some(help), dx)
            }
        },
        Value::Sequence(_) | Value::Mapping(_) | Value::Broken => {
            unexpected(node, expected, None, dx)
        }
    }
}

/// Reads any text that is not blank, however long.
pub(crate) fn raw<'n>(node: &'n Node, dx: &mut Diagnostics) -> Option<&'n Scalar> {
    raw_or(node, BLANK, dx)
}

/// The help for a blank text of which nothing else is known.
const BLANK: &str = "write a text, or leave the key out if it is optional";

/// Reads what [`raw`] reads; `blank` is the help for a blank text.
fn raw_or<'n>(node: &'n Node, blank: &str, dx: &mut Diagnostics) -> Option<&'n Scalar> {
    let scalar = text_of(node, "a text", false, dx)?;
    if scalar.text.trim().is_empty() {
        dx.push(say::invalid_text(node.span, "this text is empty", blank));
        return None;
    }
    Some(scalar)
}

/// Reads a text for people: not blank, and at most [`MAX_TEXT`] characters long.
pub(crate) fn text(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    text_or(node, BLANK, dx)
}

/// Reads what [`text`] reads; `blank` is the help for a blank text.
pub(crate) fn text_or(node: &Node, blank: &str, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let text = raw_or(node, blank, dx)?.text.trim();
    if text.chars().count() > MAX_TEXT {
        let why = format!("this text has more than {MAX_TEXT} characters");
        dx.push(say::invalid_text(
            node.span,
            &why,
            "say it shorter, and link to the rest",
        ));
        return None;
    }
    Some(Spanned::new(text.to_owned(), node.span))
}

/// Reads a name.
pub(crate) fn name<N: FromStr<Err = InvalidName>>(
    node: &Node,
    dx: &mut Diagnostics,
) -> Option<Spanned<N>> {
    let scalar = text_of(node, "a name", false, dx)?;
    match scalar.text.parse() {
        Ok(name) => Some(Spanned::new(name, node.span)),
        Err(why) => {
            dx.push(say::invalid_name(node.span, &why));
            None
        }
    }
}

/// Reads one of the words of a closed set.
pub(crate) fn word<W: Word>(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<W>> {
    let words: Vec<&str> = W::WORDS.iter().map(|known| known.word()).collect();
    let expected = say::alternatives(words.iter().copied());
    let scalar = text_of(node, &expected, false, dx)?;
    let found = W::WORDS
        .iter()
        .copied()
        // Exactly as it is written: no other case, no spaces.
        .find(|known| known.word() == scalar.text);
    if found.is_none() {
        dx.push(say::unknown_word(node.span, &scalar.text, &words));
    }
    found.map(|word| Spanned::new(word, node.span))
}

/// Reads a whole number from `least` to `most`.
pub(crate) fn integer(node: &Node, least: i64, most: i64, dx: &mut Diagnostics) -> Option<i64> {
    match &node.value {
        Value::Scalar(Scalar {
            kind: ScalarKind::Plain(Plain::Integer(number)),
            ..
        }) => {
            let inside = (least..=most).contains(number);
            if !inside {
                dx.push(say::invalid_number(node.span, least, most));
            }
            inside.then_some(*number)
        }
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Broken => unexpected(
            node,
            "a whole number",
            Some("write digits, without quotes".to_owned()),
            dx,
        ),
    }
}

/// Reads `true` or `false`.
pub(crate) fn truth(node: &Node, dx: &mut Diagnostics) -> Option<bool> {
    match &node.value {
        Value::Scalar(Scalar {
            kind: ScalarKind::Plain(Plain::Bool(truth)),
            ..
        }) => Some(*truth),
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Broken => {
            unexpected(node, "`true` or `false`", None, dx)
        }
    }
}

/// Reads a JSON Pointer.
pub(crate) fn pointer(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<Pointer>> {
    let scalar = text_of(node, "a JSON Pointer", false, dx)?;
    match Pointer::new(&scalar.text) {
        Ok(pointer) => Some(Spanned::new(pointer, node.span)),
        Err(why) => {
            dx.push(say::invalid_pointer(node.span, &why.to_string()));
            None
        }
    }
}

/// Reads a day of the calendar in the one form `2027-03-31`.
pub(crate) fn date(node: &Node, dx: &mut Diagnostics) -> Option<Date> {
    let scalar = text_of(node, "a date", true, dx)?;
    let date = scalar
        .text
        .parse()
        .ok()
        // One spelling: `2027-3-1` and times of day are dates to some readers.
        .filter(|date: &Date| date.to_string() == scalar.text);
    if date.is_none() {
        dx.push(say::invalid_date(node.span, "a date", "2027-03-31"));
    }
    date
}

/// Reads an instant in UTC in the one form `2026-11-24T10:00:00Z`, with milliseconds at most.
pub(crate) fn timestamp(node: &Node, dx: &mut Diagnostics) -> Option<Timestamp> {
    let scalar = text_of(node, "a time", true, dx)?;
    let form = |now: &Timestamp| {
        // Finer parts than milliseconds are in no record and in no decision.
        now.to_string() == scalar.text && now.subsec_nanosecond() % 1_000_000 == 0
    };
    let now = scalar.text.parse().ok().filter(form);
    if now.is_none() {
        dx.push(say::invalid_date(
            node.span,
            "a time in UTC",
            "2026-11-24T10:00:00Z",
        ));
    }
    now
}

/// Compares two dates; the later one is greater. Returns `None` if one of the texts is no date.
fn later(a: &str, b: &str) -> Option<Ordering> {
    let date = |text: &str| text.parse::<Date>().ok();
    Some(date(a)?.cmp(&date(b)?))
}

/// Compares two durations; returns `None` where which is longer depends on the calendar, and where one is no duration.
pub(super) fn longer(a: &str, b: &str) -> Option<Ordering> {
    let duration = |text: &str| text.parse::<Duration>().ok();
    duration(a)?.compare(duration(b)?)
}

/// Reads a digest: `sha256:` and 64 digits.
pub(crate) fn digest(node: &Node, dx: &mut Diagnostics) -> Option<Digest> {
    let digest = raw(node, dx)?.text.parse().ok();
    if digest.is_none() {
        dx.push(say::invalid_text(
            node.span,
            "this is no digest",
            DIGEST_HELP,
        ));
    }
    digest
}

/// Reads the digest of a slice, `v3:sha256:…`, or as older releases wrote it.
pub(crate) fn slice(node: &Node, dx: &mut Diagnostics) -> Option<SliceDigest> {
    let digest = raw(node, dx)?.text.parse().ok();
    if digest.is_none() {
        dx.push(say::invalid_text(
            node.span,
            "this is no digest",
            SLICE_HELP,
        ));
    }
    digest
}

/// Reads the hours of a day, such as `09:00-18:00`.
pub(crate) fn hours(node: &Node, dx: &mut Diagnostics) -> Option<(Time, End)> {
    let scalar = text_of(node, "hours", false, dx)?;
    let hours = scalar
        .text
        .split_once('-')
        .and_then(|(from, to)| Some((minute(from)?, end(to)?)));
    if hours.is_none() {
        dx.push(say::invalid_date(
            node.span,
            "hours of a day",
            "09:00-18:00",
        ));
    }
    hours
}

/// Parses when hours end: `HH:MM`, or `24:00` for the end of the day.
fn end(text: &str) -> Option<End> {
    match text {
        "24:00" => Some(End::OfDay),
        text => minute(text).map(End::At),
    }
}

/// Parses a time of day written `HH:MM`.
fn minute(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| -> Option<i8> {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
        // A `parse` alone would take `+9` and `9`.
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}
