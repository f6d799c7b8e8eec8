//! Which entry of a list was which before: by its key, or by likeness where it has none.

use std::collections::{HashMap, VecDeque};

use super::value::{entries, get, same, text};
use crate::document::shape::{Entries, Form, List, Shape};
use crate::source::node::Node;

/// An entry on both sides, each with its place in the list, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryPair<'n> {
    pub(super) before: Option<Placed<'n>>,
    pub(super) after: Option<Placed<'n>>,
}

/// An entry and its place.
type Placed<'n> = (usize, &'n Node);

/// Pairs the entries of two lists. The entries of `before` come first, in their order, each with its like of `after` if
/// there is one; then come those that only `after` has.
pub(super) fn pair_up<'n>(
    list: &List,
    before: &'n [Node],
    after: &'n [Node],
) -> Vec<EntryPair<'n>> {
    match (list.entries, list.of) {
        (Entries::Keyed(key), _) => keyed(key, before, after),
        (Entries::Alike, Form::Record(shape)) => alike(shape, before, after),
        (Entries::Alike | Entries::Set | Entries::Ordered, _) => in_order(before, after),
    }
}

/// Pairs entries that have the same value of `key`. Of several entries with one name, which the compiler refuses, the
/// first goes with the first.
fn keyed<'n>(key: &str, before: &'n [Node], after: &'n [Node]) -> Vec<EntryPair<'n>> {
    let name = |node: &'n Node| get(entries(node), key).map_or("", text);
    // A queue for each name: of duplicates, which are an error, the first goes with the first and none is lost.
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, node) in after.iter().enumerate() {
        places.entry(name(node)).or_default().push_back(at);
    }
    let mut found = Vec::new();
    for node in before {
        let place = places.get_mut(name(node)).and_then(VecDeque::pop_front);
        found.push(place);
    }
    paired(before, after, &found)
}

/// Pairs entries by likeness. Entries that are equal in all fields are paired first, so that neither is taken for a
/// change of its neighbour; then those with fewer and fewer equal fields.
fn alike<'n>(shape: &Shape, before: &'n [Node], after: &'n [Node]) -> Vec<EntryPair<'n>> {
    let mut found: Vec<Option<usize>> = vec![None; before.len()];
    let mut taken = vec![false; after.len()];
    // From the most equal fields down to none, so the best likeness is taken before a worse one can take its place.
    for least in (0..=shape.fields.len()).rev() {
        for (old, place) in before.iter().zip(&mut found) {
            if place.is_some() {
                continue;
            }
            let mut candidates = after.iter().zip(&mut taken).enumerate();
            let like =
                candidates.find(|(_, (new, taken))| !**taken && likeness(shape, old, new) >= least);
            if let Some((at, (_, taken))) = like {
                *taken = true;
                *place = Some(at);
            }
        }
    }
    paired(before, after, &found)
}

/// Counts the fields of `shape` that are equal in both entries, fields that both leave out included.
fn likeness(shape: &Shape, old: &Node, new: &Node) -> usize {
    let equal = |name: &str, form: &Form| {
        let (old, new) = (get(entries(old), name), get(entries(new), name));
        match (old, new) {
            (Some(old), Some(new)) => same(form, old, new),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    };
    let fields = shape.fields.iter();
    fields
        .filter(|field| equal(field.name, &field.form))
        .count()
}

/// Pairs entries that stand at the same place in their lists.
fn in_order<'n>(before: &'n [Node], after: &'n [Node]) -> Vec<EntryPair<'n>> {
    let places = (0..before.len()).map(|at| Some(at).filter(|at| *at < after.len()));
    paired(before, after, &places.collect::<Vec<_>>())
}

/// Makes the pairs from `places`, which says for each entry of `before` where its like stands in `after`.
fn paired<'n>(
    before: &'n [Node],
    after: &'n [Node],
    places: &[Option<usize>],
) -> Vec<EntryPair<'n>> {
    // Taken out when paired, so no entry of `after` is in two pairs.
    let mut rest: Vec<Option<Placed<'n>>> = after.iter().enumerate().map(Some).collect();
    let mut take = |place: usize| rest.get_mut(place).and_then(Option::take);
    let mut pairs: Vec<EntryPair<'n>> = before
        .iter()
        .enumerate()
        .zip(places)
        .map(|(before, place)| EntryPair {
            before: Some(before),
            after: place.and_then(&mut take),
        })
        .collect();
    pairs.extend(rest.into_iter().flatten().map(|after| EntryPair {
        before: None,
        after: Some(after),
    }));
    pairs
}
