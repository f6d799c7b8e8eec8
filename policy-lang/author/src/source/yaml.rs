//! YAML text to a [`Node`] tree, strictly. The only file that names the YAML crate.
//!
//! The crate gives events with places; what is allowed is decided here: one document, unique text keys, no anchors,
//! aliases, merge keys, tags or directives, and no scalar that two readers take for different things. Depth is bounded
//! by the crate before it nests, so building the tree cannot run out of stack.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle};
use stopgate_decide::visible::is_hidden;

use super::MAX_DEPTH;
use super::node::{Key, Node, Scalar, ScalarKind, Value};
use super::origin::{Origin, Style};
use super::{FileId, Span, plain};
use crate::diagnostic::{Diagnostics, shape, text as say};

/// Reads `text`, which [`scan::scan`] has let through, and reports every mistake. Returns `None` if there is no tree;
/// what was refused inside a tree is [`Value::Broken`] in it.
pub(crate) fn parse(file: FileId, text: &str, dx: &mut Diagnostics) -> Option<Node> {
    let options = granit_parser::options! {
        strict_indentation: true,
        disallow_directives: true,
        block_scalar_eof_without_line_feed: true,
        // As events, so that they are refused where they stand and never resolved.
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    markers(file, text, dx);
    let mut builder = Builder {
        file,
        text,
        open: Vec::new(),
        root: None,
        dx,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                // What comes after a mistake in the syntax has no known structure, so its mistakes would be invented.
                builder.stopped(&error);
                return None;
            }
        }
    }
    let Builder { root, dx, .. } = builder;
    match &root {
        None => dx.push(say::empty_document(Span::beginning(file))),
        Some(Node {
            value: Value::Mapping(_) | Value::Broken,
            ..
        }) => {}
        // Every document is a mapping; a list or a scalar has no keys to read.
        Some(other) => {
            dx.push(shape::wrong_type(
                other.span,
                "a mapping of keys to values",
                other.what(),
                None,
            ));
            return None;
        }
    }
    root
}

/// Refuses every document marker but one `---` of its own line before everything else. The events do not tell markers
/// apart, and readers differ about what may stand behind them. In a mapping no other line begins with a marker.
fn markers(file: FileId, text: &str, dx: &mut Diagnostics) {
    let mut start = 0_usize;
    let mut begun = false;
    for line in text.split_inclusive('\n') {
        let written = line.trim_end();
        let marks = written.starts_with("---") || written.starts_with("...");
        if marks && (begun || written != "---") {
            dx.push(say::multi_document(Span::new(
                file,
                start..start.saturating_add(3),
            )));
        }
        // A directive is refused as such.
        begun |= !(written.is_empty()
            || written.starts_with('%')
            || written.trim_start().starts_with('#'));
        start = start.saturating_add(line.len());
    }
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    open: Vec<Open>,
    root: Option<Node>,
    dx: &'a mut Diagnostics,
}

/// A collection whose end has not come.
struct Open {
    start: Span,
    /// Written with brackets.
    flow: bool,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Key, Node)>,
        seen: HashMap<String, Span>,
        key: Waiting,
    },
}

/// What a mapping waits for.
enum Waiting {
    Key,
    /// The value of this key.
    Value(Key),
    /// The value of a key that was refused.
    Nobody,
}

impl Builder<'_> {
    fn span(&self, span: granit_parser::Span) -> Span {
        Span::new(self.file, span.byte_range().unwrap_or(0..0))
    }

    fn event(&mut self, event: Event<'_>, at: granit_parser::Span) {
        let span = self.span(at);
        if let Some(tag) = at
            .tag_span()
            .map(|tag| self.span(tag))
            .filter(|_| event.tag().is_some())
        {
            self.dx.push(say::tag(tag));
            // A tag changes what a scalar is; a collection under one is read on for its own mistakes.
            if let Event::Scalar(..) = event {
                return self.node(Node {
                    span,
                    value: Value::Broken,
                });
            }
        }
        match event {
            Event::Scalar(value, style, ..) => self.scalar(&value, style, span),
            Event::SequenceStart(style, ..) => {
                self.open(span, style, OpenKind::Sequence(Vec::new()))
            }
            Event::MappingStart(style, ..) => {
                let kind = OpenKind::Mapping {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: Waiting::Key,
                };
                self.open(span, style, kind);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open {
                    start,
                    kind,
                    flow: _,
                }) = self.open.pop()
                {
                    let value = match kind {
                        OpenKind::Sequence(entries) => Value::Sequence(entries),
                        OpenKind::Mapping { entries, .. } => Value::Mapping(entries),
                    };
                    let span = self.trimmed(start.to(span));
                    self.node(Node { span, value });
                }
            }
            // The value behind an anchor is read on: it may have mistakes of its own.
            Event::Anchor(..) => self.dx.push(say::anchor(span)),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                // A broken node in its place, so that the key it belongs to is not reported as missing.
                self.dx.push(say::alias(span));
                self.node(Node {
                    span,
                    value: Value::Broken,
                });
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            // The enum may grow; what is new is no part of a policy.
            other => self
                .dx
                .push(say::syntax(span, &format!("unexpected {other:?}"))),
        }
    }

    fn open(&mut self, start: Span, style: StructureStyle, kind: OpenKind) {
        self.open.push(Open {
            start,
            flow: style == StructureStyle::Flow,
            kind,
        });
    }

    /// Returns `span` without the white space at its end. The parser ends a block only where the next thing begins; its
    /// span ends here with its last visible character.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or_default();
        let range = span.range();
        Span::new(
            self.file,
            range.start..range.start.saturating_add(text.trim_end().len()),
        )
    }

    /// Returns whether the value at hand stands inside brackets, where older readers end plain text at some colons.
    fn in_flow(&self) -> bool {
        self.open.last().is_some_and(|open| open.flow)
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, span: Span) {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let broken = Node {
            span,
            value: Value::Broken,
        };
        let kind = match style {
            // The reader stands for "nothing written" by `~` without a place.
            Style::Plain if span.range().is_empty() => {
                self.dx.push(say::empty_value(self.before(span)));
                return self.node(broken);
            }
            Style::Plain if self.in_flow() && (value.contains(":?") || value.ends_with(':')) => {
                self.dx.push(say::ambiguous(span, value, "a key", None));
                return self.node(broken);
            }
            Style::Plain => match plain::read(value) {
                Ok(plain) => ScalarKind::Plain(plain),
                // Asked after `plain::read`, which refuses it as any word that means something else to some reader.
                Err(_) if value == "<<" => {
                    self.dx.push(say::merge_key(span));
                    return self.node(broken);
                }
                Err(why) => {
                    self.dx
                        .push(say::ambiguous(span, value, why.taken_for, why.spelling));
                    return self.node(broken);
                }
            },
            Style::Single | Style::Double | Style::Literal | Style::Folded => ScalarKind::Quoted,
        };
        // Only an escape can make a hidden character that the scan of the bytes has not seen.
        let hidden = value
            .chars()
            .find(|c| !matches!(c, '\n' | '\t') && is_hidden(*c));
        if let Some(hidden) = hidden.filter(|_| style == Style::Double) {
            self.dx.push(say::invisible_escape(span, hidden));
            return self.node(broken);
        }
        let span = match style {
            Style::Literal | Style::Folded => self.trimmed(span),
            Style::Plain | Style::Single | Style::Double => span,
        };
        let source = self.text.get(span.range()).unwrap_or_default();
        let origin = Origin::new(value, source, span.range().start, style);
        self.node(Node {
            span,
            value: Value::Scalar(Scalar {
                text: value.to_owned(),
                kind,
                origin,
            }),
        });
    }

    /// Returns the place of the visible character before the empty place `span`.
    fn before(&self, span: Span) -> Span {
        let end = self
            .text
            .get(..span.range().start)
            .unwrap_or_default()
            .trim_end()
            .len();
        Span::new(self.file, end.saturating_sub(1)..end)
    }

    /// Puts a finished value where it belongs: into the open sequence, into the open mapping as a key or as the value
    /// of the key before, or at the root.
    fn node(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            // A second document is already reported; the first one stays.
            self.root.get_or_insert(node);
            return;
        };
        match &mut open.kind {
            OpenKind::Sequence(entries) => entries.push(node),
            OpenKind::Mapping { entries, seen, key } => {
                match std::mem::replace(key, Waiting::Key) {
                    Waiting::Key => {
                        *key = match key_of(node, self.text, self.dx) {
                            Some(made) => match seen.get(&made.text) {
                                Some(first) => {
                                    self.dx
                                        .push(say::duplicate_key(made.span, &made.text, *first));
                                    Waiting::Nobody
                                }
                                None => {
                                    seen.insert(made.text.clone(), made.span);
                                    Waiting::Value(made)
                                }
                            },
                            None => Waiting::Nobody,
                        };
                    }
                    Waiting::Value(made) => entries.push((made, node)),
                    // The value was read for its own mistakes, and the key it belongs to was reported.
                    Waiting::Nobody => {}
                }
            }
        }
    }

    fn stopped(&mut self, error: &ScanError) {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or(0)
            .min(self.text.len());
        let width = self
            .text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
        let span = Span::new(self.file, at..at.saturating_add(width));
        let kind = error.kind();
        self.dx.push(if *kind == ErrorKind::RecursionLimitExceeded {
            say::too_deep(span)
        } else if *kind == ErrorKind::DirectiveDisallowed {
            say::directive(span)
        } else if *kind == ErrorKind::UndeclaredTagHandle {
            say::tag(span)
        } else {
            say::syntax(span, &error.info())
        });
    }
}

/// Reads a node in the place of a key, and reports one that cannot be a key. Numbers, truth values and nothing are no
/// names, and readers differ about keys that do not end, colon included, on their line.
fn key_of(node: Node, source: &str, dx: &mut Diagnostics) -> Option<Key> {
    let what = node.what();
    let written = source.get(node.span.range()).unwrap_or_default();
    // A key ends at its colon or, within brackets, at what ends the entry.
    let after = source.get(node.span.range().end..).unwrap_or_default();
    let ends = after
        .trim_start_matches(' ')
        .starts_with([':', ',', '}', ']']);
    match node.value {
        Value::Scalar(Scalar {
            text,
            kind: ScalarKind::Quoted | ScalarKind::Plain(plain::Plain::Text),
            ..
        }) if !written.contains('\n') && ends => Some(Key {
            text,
            span: node.span,
        }),
        Value::Broken => None,
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
            dx.push(say::complex_key(node.span, what));
            None
        }
    }
}

#[cfg(test)]
mod tests;
