//! Reading mappings and lists out of a tree: every reader takes a node, reports what is wrong, and yields what it can.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use stopgate_decide::calendar::Day;
use stopgate_decide::fact::FactName;
use stopgate_decide::json::Json;
use stopgate_decide::name::{
    InvalidName, OperationName, ProfileName, ReviewId, RuleName, ToolName, WaiverId,
};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::Requirement;

use crate::diagnostic::{Diagnostics, names, shape as say};
use crate::source::node::{Key, Node, ScalarKind, Value};
use crate::source::plain::Plain;
use crate::source::{Span, Spanned};

use super::scalar::{MAX_ROWS, ROW_LIMIT, integer, pointer, unexpected};
use super::shape::{Field, Form, Loosens, Shape};

/// Version of every document's format.
const FORMAT: i64 = 1;

/// The first key of every document.
pub(crate) const STOPGATE: Field = Field::required(
    "stopgate",
    Loosens::Nothing,
    Form::Version(FORMAT),
    "Version of the document's format. This version of Stopgate knows 1 and refuses every other.",
);

/// A mapping whose keys are known.
pub(crate) struct Record<'n> {
    shape: &'static Shape,
    entries: &'n [(Key, Node)],
    span: Span,
}

impl<'n> Record<'n> {
    /// Opens `node` as a mapping and reports every key that `shape` does not have. What is no mapping is reported, and
    /// the answer is `None`.
    pub(crate) fn open(
        node: &'n Node,
        shape: &'static Shape,
        dx: &mut Diagnostics,
    ) -> Option<Self> {
        // Every unknown key, and the known ones are read all the same: a slip in one key must not hide mistakes in
        // others.
        let entries = mapping(node, dx)?;
        let known = shape.names();
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                dx.push(say::unknown_key(key.span, &key.text, shape.what, &known));
            }
        }
        Some(Self {
            shape,
            entries,
            span: node.span,
        })
    }

    /// Opens the root of a document, and checks the version of the format under its first key, [`STOPGATE`].
    pub(crate) fn document(
        node: &'n Node,
        shape: &'static Shape,
        dx: &mut Diagnostics,
    ) -> Option<Self> {
        let record = Self::open(node, shape, dx)?;
        let version = record.need(STOPGATE.name, dx);
        // The document is read on: its other mistakes are worth knowing, and with this one there is no policy anyway.
        if let Some(version) = version
            && integer(version, 0, i64::from(u32::MAX), dx).is_some_and(|version| version != FORMAT)
        {
            dx.push(say::unknown_format(version.span));
        }
        Some(record)
    }

    /// Returns the value of an optional key.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns an optional key with its value.
    pub(crate) fn entry(&self, key: &str) -> Option<(&'n Key, &'n Node)> {
        // Tests find a reader that asks for a key which its table does not have.
        debug_assert!(
            self.shape.names().contains(&key),
            "{} cannot hold `{key}`",
            self.shape.what
        );
        self.entries
            .iter()
            .find(|(found, _)| found.text == key)
            .map(|(key, node)| (key, node))
    }

    /// Returns the value of a required key, and reports it if it is missing.
    pub(crate) fn need(&self, key: &str, dx: &mut Diagnostics) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            dx.push(say::missing_key(self.place(), key, self.shape.what, None));
        }
        found
    }

    /// Returns where to point for a key that is missing: the first entry if its value is a scalar, else the key of the
    /// first entry.
    pub(crate) fn place(&self) -> Span {
        match self.entries.first() {
            Some((
                key,
                Node {
                    span,
                    value: Value::Scalar(_),
                },
            )) => key.span.to(*span),
            Some((key, _)) => key.span,
            None => self.span,
        }
    }
}

/// Returns the entries of a mapping; anything else is reported.
pub(crate) fn mapping<'n>(node: &'n Node, dx: &mut Diagnostics) -> Option<&'n [(Key, Node)]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        Value::Scalar(_) | Value::Sequence(_) | Value::Broken => {
            unexpected(node, "a mapping", None, dx)
        }
    }
}

/// A mapping from names to values of one form.
pub(crate) struct Named<N, T> {
    /// A value that could not be read is `None`, so that its name stays known.
    pub(crate) entries: Vec<(Spanned<N>, Option<T>)>,
    /// Whether every key is a name.
    pub(crate) complete: bool,
}

impl<N, T> Default for Named<N, T> {
    /// Makes the value for a mapping that could not be read at all: it has no entries and is not complete, because
    /// nobody knows what it declares.
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            complete: false,
        }
    }
}

/// Reads a mapping from names, with `read` for each value. Keys that are no names are reported and left out.
pub(crate) fn named<'n, N: FromStr<Err = InvalidName>, T>(
    node: &'n Node,
    dx: &mut Diagnostics,
    mut read: impl FnMut(&'n Node, &mut Diagnostics) -> Option<T>,
) -> Named<N, T> {
    let Some(mapping) = mapping(node, dx) else {
        return Named::default();
    };
    let mut named = Named {
        entries: Vec::new(),
        complete: true,
    };
    for (key, value) in mapping {
        let name = key
            .text
            .parse()
            .map_err(|why| dx.push(say::invalid_name(key.span, &why)));
        // The value is read whatever its key is called, for its own mistakes.
        let value = read(value, dx);
        // A name that is unknown may be the one that somebody refers to.
        named.complete &= name.is_ok();
        named
            .entries
            .extend(name.ok().map(|name| (Spanned::new(name, key.span), value)));
    }
    named
}

/// Reads a list, possibly empty. Entries that cannot be read are left out.
pub(crate) fn list<'n, T>(
    node: &'n Node,
    dx: &mut Diagnostics,
    mut read: impl FnMut(&'n Node, &mut Diagnostics) -> Option<T>,
) -> Vec<T> {
    match &node.value {
        Value::Sequence(entries) => entries.iter().filter_map(|entry| read(entry, dx)).collect(),
        Value::Scalar(_) | Value::Mapping(_) | Value::Broken => {
            let help = match &node.value {
                Value::Scalar(scalar) => format!("write it as `[{}]`", scalar.text.trim()),
                Value::Sequence(_) | Value::Mapping(_) | Value::Broken => {
                    "write it as `[a, b]`".to_owned()
                }
            };
            unexpected::<()>(node, "a list", Some(help), dx);
            Vec::new()
        }
    }
}

/// Reads a list that names at least one thing, and each thing once. An empty list and repetitions are reported.
pub(crate) fn set<T: AsKey>(
    node: &Node,
    dx: &mut Diagnostics,
    read: impl FnMut(&Node, &mut Diagnostics) -> Option<Spanned<T>>,
) -> Vec<Spanned<T>> {
    // Nothing was named, which is not the same as everything.
    if matches!(&node.value, Value::Sequence(entries) if entries.is_empty()) {
        dx.push(say::empty_list(node.span));
    }
    unique(list(node, dx, read), dx)
}

/// Removes repetitions, and reports each.
pub(crate) fn unique<T: AsKey>(entries: Vec<Spanned<T>>, dx: &mut Diagnostics) -> Vec<Spanned<T>> {
    let mut first: HashMap<String, Span> = HashMap::new();
    let mut kept = Vec::new();
    // By its text: how it was written, with quotes or without, makes no other entry.
    for entry in entries {
        let key = entry.value.as_key();
        if let Some(first) = first.get(key) {
            dx.push(names::duplicate_entry(entry.span, key, *first));
            continue;
        }
        first.insert(key.to_owned(), entry.span);
        kept.push(entry);
    }
    kept
}

/// What two entries of a list are compared by.
pub(crate) trait AsKey {
    /// Returns the text of the entry.
    fn as_key(&self) -> &str;
}

impl AsKey for String {
    fn as_key(&self) -> &str {
        self
    }
}

macro_rules! keyed {
    ($($kind:ty),*) => {$(
        impl AsKey for $kind {
            fn as_key(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}

keyed!(
    FactName,
    Pointer,
    OperationName,
    ProfileName,
    RuleName,
    ToolName,
    WaiverId,
    ReviewId,
    Requirement,
    Day
);

/// Reads row limits: `{pointer: /items, rows: 50}`, or a list of these. Of several limits of one place the lowest
/// counts.
pub(crate) fn max_rows(node: &Node, dx: &mut Diagnostics) -> BTreeMap<Pointer, u32> {
    let entries = match &node.value {
        Value::Sequence(entries) => entries.as_slice(),
        Value::Mapping(_) | Value::Scalar(_) | Value::Broken => std::slice::from_ref(node),
    };
    let mut limits: BTreeMap<Pointer, u32> = BTreeMap::new();
    for entry in entries {
        let Some(record) = Record::open(entry, &ROW_LIMIT, dx) else {
            continue;
        };
        let pointer = record
            .need("pointer", dx)
            .and_then(|node| pointer(node, dx));
        let rows = record
            .need("rows", dx)
            .and_then(|node| integer(node, 0, MAX_ROWS, dx));
        // The number is within 32 bits already: it was asked for as such.
        if let (Some(pointer), Some(rows)) =
            (pointer, rows.and_then(|rows| u32::try_from(rows).ok()))
        {
            // Two limits of one place both hold, and the lower one is stricter.
            let least = limits.entry(pointer.value).or_insert(rows);
            *least = (*least).min(rows);
        }
    }
    limits
}

/// Reads a value that stands for JSON, such as a sample. Dates have to be quoted, and whole numbers are exact.
pub(crate) fn json(node: &Node, dx: &mut Diagnostics) -> Option<Json> {
    match &node.value {
        Value::Broken => None,
        Value::Mapping(_) => object(node, dx).map(Json::Object),
        Value::Sequence(entries) => {
            // All entries are read before one that is broken ends it, so that every mistake is told.
            let made: Vec<Option<Json>> = entries.iter().map(|entry| json(entry, dx)).collect();
            made.into_iter().collect::<Option<_>>().map(Json::Array)
        }
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Quoted | ScalarKind::Plain(Plain::Text) => {
                Some(Json::String(scalar.text.clone()))
            }
            ScalarKind::Plain(Plain::Integer(number)) => Some(Json::Integer(number)),
            ScalarKind::Plain(Plain::Decimal) => Some(Json::Decimal(scalar.text.as_str().into())),
            ScalarKind::Plain(Plain::Bool(truth)) => Some(Json::Bool(truth)),
            ScalarKind::Plain(Plain::Null) => Some(Json::Null),
            ScalarKind::Plain(Plain::Date) => {
                let help = format!("YAML 1.1 reads a date here; write \"{}\"", scalar.text);
                unexpected(node, "a JSON value", Some(help), dx)
            }
        },
    }
}

/// Reads a mapping that stands for a JSON object.
pub(crate) fn object(node: &Node, dx: &mut Diagnostics) -> Option<Vec<(String, Json)>> {
    let entries = mapping(node, dx)?;
    // Names are unique: the YAML reader has seen to that.
    let made: Vec<Option<(String, Json)>> = entries
        .iter()
        .map(|(key, value)| Some((key.text.clone(), json(value, dx)?)))
        .collect();
    made.into_iter().collect()
}
