//! One value on both sides: where it stands, what holds where it is left out, how grave it is, how it is printed.

use std::collections::BTreeSet;

use stopgate_decide::surface::Risk;

use crate::document::shape::{Absent, Entries, Field, Form, List, Weight};
use crate::source::node::{Key, Node, Value};

use super::value::{entries, get, print, print_exactly, says, short, texts};

/// Most entries of two sets, both together, that are printed whole; of longer sets only what differs is printed.
const MAX_ENTRIES: usize = 16;

/// A value on one side.
#[derive(Clone, Copy)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    /// Whether it stands there; else it is what holds where the key is left out.
    pub(super) written: bool,
}

/// A value on both sides, where there is one.
#[derive(Clone, Copy)]
pub(super) struct Pair<'n> {
    pub(super) before: Option<At<'n>>,
    pub(super) after: Option<At<'n>>,
}

/// A mapping with known keys on both sides, and the one around it.
pub(super) struct Records<'n> {
    pub(super) before: Entry<'n>,
    pub(super) after: Entry<'n>,
    pub(super) around: Option<&'n Self>,
}

/// The keys of a mapping on one side.
#[derive(Clone, Copy)]
pub(super) struct Entry<'n> {
    pub(super) entries: &'n [(Key, Node)],
    pub(super) written: bool,
}

impl<'n> Entry<'n> {
    pub(super) fn new(at: Option<At<'n>>) -> Self {
        match at {
            Some(At { node, written }) => Self {
                entries: entries(node),
                written,
            },
            None => Self {
                entries: &[],
                written: false,
            },
        }
    }

    pub(super) fn at(self, key: &str) -> Option<At<'n>> {
        get(self.entries, key).map(|node| At {
            node,
            written: self.written,
        })
    }
}

/// Returns what holds on a side that leaves `field` out: the default, the value of the mapping around it, or nothing.
pub(super) fn left_out<'n>(
    field: &Field,
    default: Option<&'n Node>,
    around: Option<Entry<'n>>,
) -> Option<At<'n>> {
    match field.absent {
        Absent::Same(_) => default.map(|node| At {
            node,
            written: false,
        }),
        Absent::Above => around.and_then(|around| around.at(field.name)),
        Absent::Unsaid | Absent::Below | Absent::Beside(_) => None,
    }
}

/// Returns what holds for an entry that is left out, where a key beside the mapping says it; `None` where no key does.
pub(super) fn beside<'n>(field: &Field, side: Entry<'n>) -> Option<At<'n>> {
    let key = match field.absent {
        Absent::Beside(key) => key,
        Absent::Unsaid | Absent::Same(_) | Absent::Above | Absent::Below => return None,
    };
    get(side.entries, key).map(|node| At {
        node,
        written: false,
    })
}

/// Returns the risk of a change whose signature the value takes. It is high where the field always is, or where the
/// value before or after says the word that makes it so; else it is medium.
pub(super) fn risk(weight: Weight, pair: Pair<'_>) -> Risk {
    let either = |says: &dyn Fn(&Node) -> bool| {
        [pair.before, pair.after]
            .into_iter()
            .flatten()
            .any(|at| says(at.node))
    };
    let high = match weight {
        Weight::Usual => false,
        Weight::Grave => true,
        Weight::Word(word) => either(&|node| says(node, word)),
        Weight::Entry { key, word } => {
            either(&|node| get(entries(node), key).is_some_and(|value| says(value, word)))
        }
    };
    if high { Risk::High } else { Risk::Medium }
}

/// Prints both values for people. Of long sets only what differs is printed.
pub(super) fn printed(
    form: &Form,
    before: Option<At<'_>>,
    after: Option<At<'_>>,
) -> (Option<String>, Option<String>) {
    // Only where both sides are written as lists: elsewhere there is nothing to subtract.
    if let (Some(old), Some(new)) = (before, after)
        && let Form::List(List {
            entries: Entries::Set,
            ..
        }) = form
        && let (Value::Sequence(old), Value::Sequence(new)) = (&old.node.value, &new.node.value)
        && old.len().saturating_add(new.len()) > MAX_ENTRIES
    {
        let (old, new) = (texts(old), texts(new));
        let only = |these: &BTreeSet<&str>, others: &BTreeSet<&str>| {
            let only: Vec<&str> = these.difference(others).copied().collect();
            // Dots say that there is more that both sides have.
            let shared = if these.is_disjoint(others) { "" } else { "…" };
            let parts = [shared].into_iter().filter(|part| !part.is_empty());
            let parts: Vec<&str> = parts.chain(only).collect();
            short(&format!("[{}]", parts.join(", ")))
        };
        return (Some(only(&old, &new)), Some(only(&new, &old)));
    }
    let one = |at: At<'_>| {
        let empty = match &at.node.value {
            Value::Sequence(elements) => elements.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
            Value::Scalar(_) | Value::Broken => false,
        };
        // A default that is empty is told as nothing at all.
        match (at.written, empty) {
            (true, _) => Some(print(at.node)),
            (false, true) => None,
            (false, false) => Some(format!("{} (left out)", print(at.node))),
        }
    };
    let printed = (before.and_then(one), after.and_then(one));
    match (before, after) {
        // They are not the same, so they must not look the same.
        (Some(old), Some(new)) if printed.0 == printed.1 => {
            (Some(print_exactly(old.node)), Some(print_exactly(new.node)))
        }
        _ => printed,
    }
}
