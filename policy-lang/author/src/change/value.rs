//! Values of documents side by side: whether they are the same, which is more, which entry of a list was which before,
//! and how they are printed.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::diagnostic::Diagnostics;
use crate::document::read::json;
use crate::document::shape::{Absent, Entries, Form, List, Shape};
use crate::source::node::{Key, Node, ScalarKind, Value};
use crate::source::plain::Plain;
use crate::source::scan::visible;
use crate::source::{FileId, SourceMap, yaml};

/// Longest text of a value that is printed whole, in characters.
const MAX_PRINTED: usize = 200;
/// Longest value that is looked through for what differs in it, in characters.
const MAX_COMPARED: usize = 20_000;
/// Longest value of one that has changed, in characters: longer than any text for people may be, which has 500 at most.
const MAX_DIFFERENT: usize = 600;
/// Characters that are shown before a difference.
const AROUND: usize = 40;

/// Parses the default of a field from the YAML that a table states it in.
pub(super) fn stated(yaml: &str) -> Option<Node> {
    let mut map = SourceMap::default();
    // A document is a mapping, so the value stands in one.
    let file: FileId = map.add("", b"");
    let root = yaml::parse(
        file,
        &format!("value: {yaml}\n"),
        &mut Diagnostics::default(),
    )?;
    match root.value {
        Value::Mapping(entries) => entries.into_iter().next().map(|(_, node)| node),
        Value::Scalar(_) | Value::Sequence(_) | Value::Broken => None,
    }
}

/// Returns the entries of a mapping; none for anything else.
pub(super) fn entries(node: &Node) -> &[(Key, Node)] {
    match &node.value {
        Value::Mapping(entries) => entries,
        Value::Scalar(_) | Value::Sequence(_) | Value::Broken => &[],
    }
}

/// Returns the entries of a list. Anything else is taken as a list of itself, as in places where one or several may
/// stand.
pub(super) fn elements(node: &Node) -> &[Node] {
    match &node.value {
        Value::Sequence(elements) => elements,
        Value::Scalar(_) | Value::Mapping(_) | Value::Broken => std::slice::from_ref(node),
    }
}

/// Returns the value of `key`.
pub(super) fn get<'n>(entries: &'n [(Key, Node)], key: &str) -> Option<&'n Node> {
    let found = entries.iter().find(|(known, _)| known.text == key);
    found.map(|(_, node)| node)
}

/// Returns the text of a scalar, without the space around it; an empty text for anything else.
pub(super) fn text(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.trim(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Broken => "",
    }
}

/// Returns the text of a scalar as the reader of `form` takes it: only texts for people are taken without the space
/// around them.
fn text_as<'n>(form: &Form, node: &'n Node) -> &'n str {
    match (form, &node.value) {
        (Form::Raw, Value::Scalar(scalar)) => &scalar.text,
        _ => text(node),
    }
}

/// Returns whether `node`, or anything in it, is a scalar that says `word`.
pub(super) fn says(node: &Node, word: &str) -> bool {
    match &node.value {
        Value::Scalar(_) => text(node) == word,
        Value::Sequence(elements) => elements.iter().any(|element| says(element, word)),
        Value::Mapping(entries) => entries.iter().any(|(_, value)| says(value, word)),
        Value::Broken => false,
    }
}

/// Compares `after` with `before`; `None` means that they differ and that neither is more.
pub(super) fn order(form: &Form, before: &Node, after: &Node) -> Option<Ordering> {
    let (old, new) = (text_as(form, before), text_as(form, after));
    match form {
        // A word's place in its list is its rank.
        Form::Word(meanings) => {
            let meanings = meanings();
            let rank = |word| meanings.iter().position(|known| known.word == word);
            Some(rank(new)?.cmp(&rank(old)?))
        }
        // What is no number here was refused by the reader, and then neither is more.
        Form::Integer { .. } | Form::Version(_) => Some(integer(after)?.cmp(&integer(before)?)),
        Form::Spelt(spelling) => match spelling.order {
            Some(order) => order(new, old),
            None => (old == new).then_some(Ordering::Equal),
        },
        Form::Raw | Form::Text { .. } | Form::Truth => (old == new).then_some(Ordering::Equal),
        Form::List(_)
        | Form::Named { .. }
        | Form::Open { .. }
        | Form::Record(_)
        | Form::Either(_)
        | Form::Object => same(form, before, after).then_some(Ordering::Equal),
    }
}

fn integer(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Plain(Plain::Integer(number)) => Some(number),
            ScalarKind::Plain(
                Plain::Text | Plain::Date | Plain::Decimal | Plain::Bool(_) | Plain::Null,
            )
            | ScalarKind::Quoted => None,
        },
        Value::Sequence(_) | Value::Mapping(_) | Value::Broken => None,
    }
}

/// Returns whether both values say the same, however they are written.
pub(super) fn same(form: &Form, before: &Node, after: &Node) -> bool {
    match form {
        Form::Record(shape) => same_records(shape, before, after),
        Form::Named { value, .. } | Form::Open { value } => {
            let (old, new) = (entries(before), entries(after));
            let fits = |(key, node): &(Key, Node)| {
                get(new, &key.text).is_some_and(|other| same(value, node, other))
                // Also as many entries, or a name that only head has would pass unseen.
            };
            old.len() == new.len() && old.iter().all(fits)
        }
        Form::List(list) => same_lists(list, before, after),
        Form::Either(forms) => {
            let list = forms.iter().find_map(Form::as_list);
            match list {
                // One of the others is a list of one.
                Some(list) => same_lists(list, before, after),
                // Without a list, both values have to be of one of the forms.
                None => forms.iter().any(|form| {
                    fits(form, before) && fits(form, after) && same(form, before, after)
                }),
            }
        }
        Form::Object => {
            let value = |node| json(node, &mut Diagnostics::default());
            let (old, new) = (value(before), value(after));
            old.map(|value| value.canonical()) == new.map(|value| value.canonical())
        }
        Form::Version(_)
        | Form::Raw
        | Form::Text { .. }
        | Form::Spelt(_)
        | Form::Word(_)
        | Form::Integer { .. }
        | Form::Truth => order(form, before, after) == Some(Ordering::Equal),
    }
}

/// Returns whether a value of this form is written as `node` is: as a mapping, as a list, or as one word.
fn fits(form: &Form, node: &Node) -> bool {
    match form {
        Form::Record(_) | Form::Named { .. } | Form::Open { .. } | Form::Object => {
            matches!(node.value, Value::Mapping(_))
        }
        Form::List(_) => matches!(node.value, Value::Sequence(_)),
        Form::Either(forms) => forms.iter().any(|form| fits(form, node)),
        Form::Version(_)
        | Form::Raw
        | Form::Text { .. }
        | Form::Spelt(_)
        | Form::Word(_)
        | Form::Integer { .. }
        | Form::Truth => matches!(node.value, Value::Scalar(_)),
    }
}

fn same_records(shape: &Shape, before: &Node, after: &Node) -> bool {
    let (old, new) = (entries(before), entries(after));
    shape.fields.iter().all(|field| {
        let default = match field.absent {
            Absent::Same(yaml) => stated(yaml),
            Absent::Unsaid | Absent::Above | Absent::Below | Absent::Beside(_) => None,
        };
        let value = |entries| get(entries, field.name);
        match (value(old), value(new)) {
            (None, None) => true,
            // What is left out is compared as its default, here as in the walk.
            (Some(one), None) | (None, Some(one)) => {
                default.is_some_and(|default| same(&field.form, one, &default))
            }
            (Some(old), Some(new)) => same(&field.form, old, new),
        }
    })
}

fn same_lists(list: &List, before: &Node, after: &Node) -> bool {
    let (old, new) = (elements(before), elements(after));
    match list.entries {
        Entries::Ordered => {
            let pairs = || old.iter().zip(new);
            old.len() == new.len() && pairs().all(|(old, new)| same(list.of, old, new))
        }
        Entries::Set => texts(old) == texts(new),
        // Entries of keyed lists are compared with their like, so that another order is no change.
        Entries::Keyed(_) | Entries::Alike => {
            pair_up(list, old, new)
                .iter()
                .all(|pair| match (pair.before, pair.after) {
                    (Some((_, old)), Some((_, new))) => same(list.of, old, new),
                    (Some(_), None) | (None, Some(_)) | (None, None) => false,
                })
        }
    }
}

/// Returns the texts of the entries of a set.
pub(super) fn texts(elements: &[Node]) -> BTreeSet<&str> {
    elements.iter().map(text).collect()
}

/// Prints a value on one line; of a very long one only the beginning.
pub(super) fn print(node: &Node) -> String {
    let mut out = String::new();
    write(node, &mut out, readable);
    cut(&out, MAX_COMPARED)
}

/// Prints a text on one line, with nothing that cannot be seen; of a long one only the beginning.
pub(super) fn short(text: &str) -> String {
    cut(text, MAX_PRINTED)
}

fn cut(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = visible(&line);
    // In characters, so that no character is cut in half.
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_string(),
    }
}

/// Shortens both values of a change so that they can be read. Of long ones that begin alike, the part from shortly
/// before the first difference is kept.
pub(super) fn beside(before: String, after: String) -> (String, String) {
    // Asked without counting a long text to its end.
    let is_long = |text: &str| text.chars().nth(MAX_DIFFERENT).is_some();
    if !is_long(&before) && !is_long(&after) {
        return (before, after);
    }
    // Both were cut before: what differs lies behind the cut.
    if before == after {
        let more = " (they differ further on)";
        return (short(&before) + more, short(&after) + more);
    }
    let pairs = before.chars().zip(after.chars());
    let alike = pairs.take_while(|(before, after)| before == after).count();
    let left_out = alike.saturating_sub(AROUND);
    // A little of what is alike, so that a reader finds the place.
    let part = |text: &str| {
        let rest: String = text.chars().skip(left_out).collect();
        let dots = if left_out > 0 { "…" } else { "" };
        format!("{dots}{}", cut(&rest, MAX_DIFFERENT))
    };
    (part(&before), part(&after))
}

/// Prints a value on one line so that no other value is printed the same: every text in quotes, with all white space in
/// it.
pub(super) fn print_exactly(node: &Node) -> String {
    let mut out = String::new();
    write(node, &mut out, exact);
    cut(&out, MAX_COMPARED)
}

/// Returns a text in quotes. Lines are printed with one space where there are several, so the second is written out.
fn exact(text: &str) -> String {
    format!("{text:?}").replace("  ", " \\u{20}")
}

/// Returns a text as people know it: without quotes, unless space around it would be part of what it says. The line end
/// of a block seldom is.
fn readable(text: &str) -> String {
    let block = text.trim_end_matches('\n');
    match block == text.trim() {
        true => block.to_owned(),
        false => exact(text),
    }
}

fn write(node: &Node, out: &mut String, text: fn(&str) -> String) {
    match &node.value {
        Value::Scalar(scalar) => out.push_str(&text(&scalar.text)),
        Value::Sequence(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write(element, out, text);
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(&key.text);
                out.push_str(": ");
                write(value, out, text);
            }
            out.push('}');
        }
        Value::Broken => out.push('?'),
    }
}

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
