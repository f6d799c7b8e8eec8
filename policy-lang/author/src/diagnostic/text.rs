//! Facts about bytes and about YAML itself.

use super::{Code, Diagnostic};

use crate::source::{MAX_BYTES, MAX_DEPTH, Span, Unread};

/// Words the mistake that something stands at `path` and was not read as policy.
pub(crate) fn unread(span: Span, path: &str, unread: Unread) -> Diagnostic {
    let (what, help) = match unread {
        Unread::Long(bytes) => {
            let long = format!("this file has {bytes} bytes, and at most {MAX_BYTES} are read");
            return Diagnostic {
                message: long,
                ..too_large(span)
            };
        }
        Unread::Link => (
            "link: it is text elsewhere".to_owned(),
            "put the file itself there; what a link leads to depends on who follows it",
        ),
        Unread::Submodule => (
            "submodule: another repository says what is in it".to_owned(),
            "put the files themselves there, or keep that repository outside of the policy's folder",
        ),
        Unread::LfsPointer => (
            "git-lfs: the text is kept elsewhere".to_owned(),
            "keep it in git itself: `git lfs untrack`, then add the file again",
        ),
        Unread::Mode(mode) => (
            format!("mode: an entry of mode {mode:o} is neither a file nor a folder"),
            "add the file again; git knows the modes 100644 and 100755",
        ),
    };
    let message = format!("`{path}` is not policy: {what}");
    Diagnostic::new(Code::NotPolicy, span, message, "").help(help)
}

/// Words the mistake that a file is too long. The message does not say how long, because the file is read only far
/// enough to see that it is too long.
pub(crate) fn too_large(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::FileTooLarge,
        span,
        format!("this file is longer than {MAX_BYTES} bytes, the most that are read"),
        "",
    )
    .help("split it, or move what is not policy elsewhere")
}

pub(crate) fn not_utf8(span: Span, at: usize) -> Diagnostic {
    let message = format!("this file is not UTF-8: byte {at} does not belong to a character");
    Diagnostic::new(Code::NotUtf8, span, message, "the first bad byte")
        .help("save the file as UTF-8")
}

pub(crate) fn byte_order_mark(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::ByteOrderMark,
        span,
        "this file begins with a byte-order mark",
        "",
    )
    .help("save it as UTF-8 without one")
}

pub(crate) fn tab(span: Span, in_indentation: bool) -> Diagnostic {
    let (message, label) = if in_indentation {
        (
            "a line is indented with a tab",
            "a tab, however wide it is shown",
        )
    } else {
        ("a YAML document holds a tab", "a tab")
    };
    Diagnostic::new(Code::Tab, span, message, label)
        .help("write spaces; inside text write `\\t` in double quotes")
}

pub(crate) fn invisible(span: Span, c: char) -> Diagnostic {
    let message = format!(
        "U+{:04X} cannot be seen, or changes how its neighbours are seen",
        u32::from(c)
    );
    Diagnostic::new(Code::InvisibleCharacter, span, message, "here")
        .help("delete it; comments are checked too")
}

pub(crate) fn invisible_escape(span: Span, c: char) -> Diagnostic {
    let message = format!(
        "this text holds an escape for U+{:04X}, which cannot be seen where it is shown",
        u32::from(c)
    );
    Diagnostic::new(Code::InvisibleCharacter, span, message, "here").help("leave it out")
}

pub(crate) fn syntax(span: Span, problem: &str) -> Diagnostic {
    Diagnostic::new(Code::YamlSyntax, span, format!("this is not YAML: {problem}"), "the reader stopped here")
        .help("the mistake is here or just before; quote text that holds `: `, ` #` or begins with one of YAML's signs")
}

pub(crate) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::YamlTooDeep,
        span,
        format!("this is nested deeper than {MAX_DEPTH} levels"),
        "one too many",
    )
    .help("no key needs that; write it flatter")
}

pub(crate) fn duplicate_key(span: Span, key: &str, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::YamlDuplicateKey,
        span,
        format!("`{key}` stands twice in one mapping"),
        "again here",
    )
    .also(first, "first here")
    .help("keep one of the two; readers differ about which one counts")
}

pub(crate) fn anchor(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::YamlAnchor,
        span,
        "anchors are not allowed",
        "defined here",
    )
    .help("write the value out where it is used; text that begins with `&` needs quotes")
}

pub(crate) fn alias(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::YamlAlias,
        span,
        "aliases are not allowed",
        "used here",
    )
    .help("write the value out; text that begins with `*` needs quotes")
}

pub(crate) fn merge_key(span: Span) -> Diagnostic {
    Diagnostic::new(Code::YamlMergeKey, span, "merge keys are not allowed", "")
        .help("write the members out; readers differ about merging")
}

pub(crate) fn tag(span: Span) -> Diagnostic {
    Diagnostic::new(Code::YamlTag, span, "tags are not allowed", "")
        .help("leave the tag out; text that begins with `!` needs quotes or a `|-` block")
}

pub(crate) fn directive(span: Span) -> Diagnostic {
    Diagnostic::new(Code::YamlDirective, span, "directives are not allowed", "")
        .help("delete the line")
}

pub(crate) fn multi_document(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::YamlMultiDocument,
        span,
        "a marker of documents stands in this file",
        "here",
    )
    .help("keep one document in one file; only a first line `---` may stand before it")
}

pub(crate) fn complex_key(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(Code::YamlKey, span, format!("{what} cannot be a key"), "")
        .help("write the key as text, on one line")
}

pub(crate) fn ambiguous(
    span: Span,
    text: &str,
    taken_for: &str,
    spelling: Option<&str>,
) -> Diagnostic {
    let message = format!("some YAML readers take `{text}` for {taken_for}, others do not");
    let quoted = format!("if text is meant, write \"{text}\"");
    Diagnostic::new(
        Code::AmbiguousScalar,
        span,
        message,
        "ambiguous without quotes",
    )
    .help(match spelling {
        Some(spelling) => format!("{quoted}; if not, write {spelling}"),
        None => quoted,
    })
}

pub(crate) fn empty_value(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::EmptyValue,
        span,
        "there is no value here",
        "nothing behind it",
    )
    .help("write the value, or leave the key out")
}

pub(crate) fn empty_document(span: Span) -> Diagnostic {
    Diagnostic::new(Code::EmptyDocument, span, "this file holds no document", "")
        .help("begin with `stopgate: 1`, or delete the file")
}

/// Words a mistake of the compiler itself: the front end read something that no pass compiled.
pub(crate) fn incomplete(span: Span) -> Diagnostic {
    let message = "a part of the repository was not compiled, and no other message says why";
    Diagnostic::new(Code::Incomplete, span, message, "")
        .help("report it with the repository; nothing of it is used")
}
