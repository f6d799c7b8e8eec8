//! `when:` of a rule: Cedar inside YAML. Mistakes of the Cedar text get their place in the YAML file, and a condition
//! that YAML does not read as one text gets the block to paste.

use std::ops::Range;

use crate::cedar::{CedarMistake, Condition, ParsedTexts};
use crate::diagnostic::{Diagnostics, rules};
use crate::source::node::{Node, Scalar, Value};
use crate::source::origin::Origin;
use crate::source::{FileId, SourceFile, Span};

use super::scalar::raw;

/// A condition and the way from its text back to the file.
pub(crate) struct ConditionDoc {
    pub(crate) condition: Condition,
    pub(crate) place: TextPlace,
}

/// Where a Cedar text stands.
#[derive(Debug, Clone)]
pub(crate) enum TextPlace {
    /// In a YAML scalar.
    Scalar { origin: Origin, whole: Span },
    /// It is a file, or the part of one from an offset on.
    File { file: FileId, offset: usize },
}

impl TextPlace {
    /// Returns where the bytes `range` of the Cedar text stand in the file.
    pub(crate) fn span_at(&self, range: &Range<usize>) -> Span {
        match self {
            Self::Scalar { origin, whole } => origin.place(range, *whole),
            Self::File { file, offset } => Span::new(
                *file,
                offset.saturating_add(range.start)..offset.saturating_add(range.end),
            ),
        }
    }
}

/// What the conditions of one file are read from.
pub(crate) struct Texts<'s> {
    source: &'s str,
    parsed: ParsedTexts,
}

impl<'s> Texts<'s> {
    /// Parses the conditions of `rules`, a list of rules in the file of the text `source`, before they are read. Where
    /// the list is something else, nothing is parsed before.
    pub(crate) fn new(rules: &Node, source: &'s str) -> Self {
        let Value::Sequence(rules) = &rules.value else {
            let parsed = ParsedTexts::default();
            return Self { source, parsed };
        };
        let texts = rules.iter().filter_map(|rule| {
            let Value::Mapping(entries) = &rule.value else {
                return None;
            };
            // By its name and not through the table: what is read here is only parsed ahead, and read again below.
            let (_, node) = entries.iter().find(|(key, _)| key.text == "when")?;
            match &node.value {
                Value::Scalar(scalar) => Some(scalar.text.as_str()),
                Value::Sequence(_) | Value::Mapping(_) | Value::Broken => None,
            }
        });
        let parsed = ParsedTexts::new(texts);
        Self { source, parsed }
    }
}

/// Reads the value of a `when:` key of the file of `texts`.
pub(crate) fn read(node: &Node, texts: &Texts<'_>, dx: &mut Diagnostics) -> Option<ConditionDoc> {
    let source = texts.source;
    // `when: [a, b].contains(…)` is a list to YAML, and `when: {…}` a mapping.
    if let Value::Sequence(_) | Value::Mapping(_) = &node.value {
        dx.push(rules::condition_needs_block(
            node.span,
            &written(node.span, source),
        ));
        return None;
    }
    let scalar = raw(node, dx)?;
    // Cedar would complain about an open quote, and the cause is YAML's comment.
    if cut_by_comment(scalar, node.span, source) {
        dx.push(rules::condition_needs_block(
            node.span,
            &written(node.span, source),
        ));
        return None;
    }
    let place = TextPlace::Scalar {
        origin: scalar.origin.clone(),
        whole: node.span,
    };
    match Condition::parse_among(&scalar.text, &texts.parsed) {
        Ok(condition) => Some(ConditionDoc { condition, place }),
        Err(mistakes) => {
            for mistake in &mistakes {
                dx.push(diagnose(mistake, &place));
            }
            None
        }
    }
}

/// Makes a diagnostic of a mistake in a Cedar text, with its place in the file.
pub(crate) fn diagnose(mistake: &CedarMistake, place: &TextPlace) -> crate::diagnostic::Diagnostic {
    rules::cedar_mistake(mistake, place.span_at(&mistake.range))
}

/// Returns whether ` #` inside a text literal has ended a plain scalar, so that a quote stands open at its end.
fn cut_by_comment(scalar: &Scalar, span: Span, source: &str) -> bool {
    let after = source.get(span.range().end..).unwrap_or_default();
    let open = scalar
        .text
        .matches('"')
        .count()
        .saturating_sub(scalar.text.matches("\\\"").count())
        % 2
        == 1;
    // Only a `#` behind white space begins a comment, and spaces are what the scalar leaves behind.
    open && after.trim_start_matches(' ').starts_with('#')
}

/// Returns what stands from the beginning of `span` to the end of its line.
fn written(span: Span, source: &str) -> String {
    let rest = source.get(span.range().start..).unwrap_or_default();
    rest.lines()
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// Returns the conditions in `file` that are no plain scalars and that YAML's mistakes may come from, each with its
/// text for the block to paste. It is called only for a file that is not YAML or that holds tags, anchors or aliases.
pub(crate) fn unquoted(id: FileId, file: &SourceFile) -> Vec<(Span, String)> {
    let mut found = Vec::new();
    let mut start = 0_usize;
    for line in file.text().split_inclusive('\n') {
        let at = start;
        start = start.saturating_add(line.len());
        let Some((head, rest)) = line.split_once("when:") else {
            continue;
        };
        // Line by line, since there may be no tree to look at.
        let text = rest.trim();
        if !head.trim_start_matches([' ', '-']).is_empty()
            || !rest.starts_with(' ')
            || !is_no_scalar(text)
        {
            continue;
        }
        let indentation = rest.len().saturating_sub(rest.trim_start().len());
        let from = at
            .saturating_add(head.len())
            .saturating_add("when:".len())
            .saturating_add(indentation);
        found.push((
            Span::new(id, from..from.saturating_add(text.len())),
            text.to_owned(),
        ));
    }
    found
}

/// Returns whether YAML reads something else than one plain text here.
fn is_no_scalar(text: &str) -> bool {
    // A text whose quotes close at its end is a scalar, unless there are more of them inside.
    let closes =
        |quote: char| text.len() > 1 && text.ends_with(quote) && text.matches(quote).count() == 2;
    match text.chars().next() {
        Some('!' | '[' | '{' | '&' | '*' | '%' | '@' | '`') => true,
        Some(quote @ ('"' | '\'')) => !closes(quote),
        // A block is read as it stands.
        Some('|' | '>') | None => false,
        // A colon and a space, or one at the end, make a key of what stands before.
        Some(_) => text.contains(": ") || text.ends_with(':'),
    }
}
