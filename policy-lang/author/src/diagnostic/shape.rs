//! Facts about the shape of documents: keys, types, words, and the form of texts.

use stopgate_decide::name::InvalidName;

use crate::source::Span;

use super::names::nearest;
use super::{Code, Diagnostic};

/// Writes words as alternatives, such as `a, b or c`, each in backticks.
pub(crate) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "nothing".to_owned(),
    }
}

pub(crate) fn unknown_key(span: Span, key: &str, what: &str, known: &[&str]) -> Diagnostic {
    let near = nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`? "));
    let help = format!(
        "{}{what} has the keys {}",
        near.unwrap_or_default(),
        alternatives(known.iter().copied())
    );
    Diagnostic::new(
        Code::UnknownKey,
        span,
        format!("{what} has no key `{}`", key.escape_debug()),
        "nothing enforces this",
    )
    .help(help)
}

pub(crate) fn missing_key(span: Span, key: &str, what: &str, help: Option<&str>) -> Diagnostic {
    Diagnostic::new(
        Code::MissingKey,
        span,
        format!("{what} needs the key `{key}`"),
        format!("no `{key}` here"),
    )
    .help(help.map_or_else(|| format!("add `{key}:`"), str::to_owned))
}

pub(crate) fn misplaced_key(span: Span, key: &str, why: &str, help: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MisplacedKey,
        span,
        format!("`{key}` has no meaning here: {why}"),
        "",
    )
    .help(help)
}

pub(crate) fn wrong_type(
    span: Span,
    expected: &str,
    found: &str,
    help: Option<String>,
) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::WrongType,
        span,
        format!("expected {expected}, found {found}"),
        format!("{expected} goes here"),
    );
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help(format!("write {expected}")),
    }
}

pub(crate) fn empty_list(span: Span) -> Diagnostic {
    Diagnostic::new(Code::EmptyList, span, "this list is empty", "")
        .help("name at least one entry, or leave the key out where it is optional")
}

pub(crate) fn unknown_word(span: Span, word: &str, known: &[&str]) -> Diagnostic {
    let near = nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`? "));
    let words = alternatives(known.iter().copied());
    Diagnostic::new(
        Code::UnknownWord,
        span,
        format!("unknown word `{}`", word.escape_debug()),
        "not a known word",
    )
    .help(format!("{}write {words}", near.unwrap_or_default()))
}

pub(crate) fn invalid_name(span: Span, why: &InvalidName) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::InvalidName, span, why.to_string(), "not a name");
    match why {
        InvalidName::Character { found, .. } if !found.is_ascii() => diagnostic.help(format!(
            "this is U+{:04X}, whatever it looks like; names are made of a-z, 0-9, `_`, `.` and `-`",
            u32::from(*found)
        )),
        InvalidName::Character { .. } | InvalidName::Empty | InvalidName::TooLong(_) => {
            diagnostic.help("names begin with a-z or 0-9, followed by a-z, 0-9, `_`, `.` and `-`")
        }
    }
}

pub(crate) fn invalid_text(span: Span, why: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::InvalidText, span, why, "").help(help)
}

pub(crate) fn invalid_number(span: Span, least: i64, most: i64) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidNumber,
        span,
        "this number is outside its range",
        "out of range",
    )
    .help(format!("write a number from {least} to {most}"))
}

pub(crate) fn invalid_pointer(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(Code::InvalidPointer, span, why, "not a pointer").help(
        "write a JSON Pointer such as `/customer/tax_id`; `*` stands for every element or member",
    )
}

pub(crate) fn invalid_date(span: Span, wanted: &str, example: &str) -> Diagnostic {
    Diagnostic::new(Code::InvalidDate, span, format!("this is not {wanted}"), "")
        .help(format!("write {wanted} as `{example}`"))
}

pub(crate) fn invalid_calendar(span: Span, why: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::InvalidCalendar, span, why, "").help(help)
}

pub(crate) fn unknown_format(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownFormat,
        span,
        "this format version is not known",
        "only 1 is",
    )
    .help("write `stopgate: 1`, or use the version of the program that knows it")
}

pub(crate) fn missing_document(span: Span, path: &str, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingDocument,
        span,
        format!("there is no {path}: {why}"),
        "",
    )
    .help(format!(
        "add {path}; `stopgate init` writes one of each kind"
    ))
}

pub(crate) fn missing_lock(span: Span, path: &str, tool: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MissingDocument,
        span,
        format!("there is no {path}: the server's functions are not pinned"),
        "",
    )
    .help(format!(
        "run `stopgate lock {tool}`, which starts the server and writes it"
    ))
}

pub(crate) fn misplaced_file(span: Span, path: &str, help: &str) -> Diagnostic {
    Diagnostic::new(
        Code::MisplacedFile,
        span,
        format!("nobody reads {path}, and it looks like policy"),
        "",
    )
    .help(help)
}

/// Words the mistake that `stated`, which stands under `key`, is not what the file at `path` is called.
pub(crate) fn file_name_mismatch(span: Span, key: &str, stated: &str, path: &str) -> Diagnostic {
    let message = format!("this document is about the {key} `{stated}`, and its path is {path}");
    Diagnostic::new(Code::FileNameMismatch, span, message, "not the file's name")
        .help(format!("make `{key}:` and the file's name equal"))
}
