//! The tree of a YAML document: values with their places, before anybody knows what they should be.
//!
//! A node says what was written, not what it means for a key. What was already reported while the tree was made is
//! [`Value::Broken`], about which nobody complains a second time.

use super::Span;
use super::origin::Origin;
use super::plain::Plain;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What was written.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
    /// Refused and reported.
    Broken,
}

/// A key of a mapping; keys are unique in theirs.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A scalar: its text, and how it can be read.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) kind: ScalarKind,
    pub(crate) origin: Origin,
}

/// How a scalar can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarKind {
    /// Quoted or a block: text, whatever it looks like.
    Quoted,
    /// Not quoted: every YAML reader agrees on this.
    Plain(Plain),
}

impl Node {
    /// Returns what the node is, in words that follow "expected a list, found …".
    pub(crate) const fn what(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => match scalar.kind {
                ScalarKind::Quoted | ScalarKind::Plain(Plain::Text) => "a text",
                ScalarKind::Plain(Plain::Date) => "a date",
                ScalarKind::Plain(Plain::Integer(_) | Plain::Decimal) => "a number",
                ScalarKind::Plain(Plain::Bool(_)) => "a truth value",
                ScalarKind::Plain(Plain::Null) => "nothing",
            },
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Broken => "a mistake",
        }
    }
}
