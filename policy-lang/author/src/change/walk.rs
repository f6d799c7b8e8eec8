//! Walking two trees of one kind of document along its table: what differs, and what its field says about that.

use std::cmp::Ordering;

use stopgate_decide::surface::Risk;

use crate::document::shape::{Absent, Entries, Field, Form, List, Loosens, Shape, Weight};
use crate::source::SourceMap;
use crate::source::node::Node;

use super::sides::{At, Entry, Pair, Records, beside, left_out, printed, risk};
use super::value::{elements, entries, get, order, pair_up, short, stated, text, texts};
use super::voters::Voters;
use super::{Area, Both, Change, Effect};

/// The walk, and what it has found.
pub(super) struct Walk<'a> {
    both: &'a Both<'a>,
    voters: &'a Voters,
    pub(super) found: Vec<Change>,
}

/// Where the walk is, and what it has learnt on its way.
#[derive(Clone)]
struct Here {
    path: String,
    field: String,
    risk: Risk,
    guards: bool,
    /// The name of the entry around it.
    entry: Option<String>,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(both: &'a Both<'a>, voters: &'a Voters) -> Self {
        Self {
            both,
            voters,
            found: Vec::new(),
        }
    }

    /// Compares two documents of the kind that `shape` describes.
    pub(super) fn document(&mut self, shape: &'static Shape, before: &Node, after: &Node) {
        let here = Here {
            path: String::new(),
            field: String::new(),
            risk: Risk::Medium,
            guards: false,
            entry: None,
        };
        let side = |node| Entry {
            entries: entries(node),
            written: true,
        };
        let records = Records {
            before: side(before),
            after: side(after),
            around: None,
        };
        self.record(shape, &records, &here);
    }

    fn record(&mut self, shape: &'static Shape, records: &Records<'_>, here: &Here) {
        for field in shape.fields {
            let (before, after) = (records.before.at(field.name), records.after.at(field.name));
            // What both leave out changed, if at all, where it is stated.
            if before.is_none() && after.is_none() {
                continue;
            }
            // A key that is left out is compared as its default, or a change between the two spellings would be one
            // of meaning.
            let default = match field.absent {
                Absent::Same(yaml) => stated(yaml),
                Absent::Unsaid | Absent::Above | Absent::Below | Absent::Beside(_) => None,
            };
            // Made for each side: `Above` means the mapping around it on the same side.
            let left_out = |around| left_out(field, default.as_ref(), around);
            let around = records.around;
            let pair = Pair {
                before: before.or(left_out(around.map(|around| around.before))),
                after: after.or(left_out(around.map(|around| around.after))),
            };
            self.field(field, pair, records, &here.below(field));
        }
    }

    fn field(&mut self, field: &'static Field, pair: Pair<'_>, records: &Records<'_>, here: &Here) {
        match &field.form {
            Form::Record(shape) => match (pair.before, pair.after) {
                // A record that appears as a whole is one change; where each key has its own direction, it is walked
                // with all keys left out.
                (Some(_), None) | (None, Some(_)) if field.loosens != Loosens::Within => {
                    self.presence(field, pair, here);
                }
                (before, after) => {
                    let records = Records {
                        before: Entry::new(before),
                        after: Entry::new(after),
                        around: Some(records),
                    };
                    self.record(shape, &records, here);
                }
            },
            Form::Named { value, .. } | Form::Open { value } => {
                self.named(field, value, pair, records, here);
            }
            Form::List(list) => self.list(field, list, pair, records, here),
            Form::Version(_)
            | Form::Raw
            | Form::Text { .. }
            | Form::Spelt(_)
            | Form::Word(_)
            | Form::Integer { .. }
            | Form::Truth
            | Form::Either(_)
            | Form::Object => self.value(field, &field.form, pair, here),
        }
    }

    /// Compares a mapping from names, entry by entry.
    fn named(
        &mut self,
        field: &'static Field,
        value: &'static Form,
        pair: Pair<'_>,
        records: &Records<'_>,
        here: &Here,
    ) {
        // Keys of the base first, in their order, then those that only head has.
        let (before, after) = (Entry::new(pair.before), Entry::new(pair.after));
        let added = after.entries.iter();
        let added = added.filter(|(key, _)| get(before.entries, &key.text).is_none());
        for (key, _) in before.entries.iter().chain(added) {
            let here = here.named(&key.text);
            let pair = Pair {
                before: before.at(&key.text).or(beside(field, records.before)),
                after: after.at(&key.text).or(beside(field, records.after)),
            };
            match value.as_record() {
                Some(shape) => self.entry(field, shape, pair, records, &here),
                None => self.value(field, value, pair, &here),
            }
        }
    }

    fn list(
        &mut self,
        field: &'static Field,
        list: &'static List,
        pair: Pair<'_>,
        records: &Records<'_>,
        here: &Here,
    ) {
        let (Some(before), Some(after)) = (pair.before, pair.after) else {
            return self.presence(field, pair, here);
        };
        match (list.entries, list.of) {
            (Entries::Keyed(_) | Entries::Alike, Form::Record(shape)) => {
                let (old, new) = (elements(before.node), elements(after.node));
                for found in pair_up(list, old, new) {
                    let pair = Pair {
                        before: found.before.map(|(_, node)| At { node, ..before }),
                        after: found.after.map(|(_, node)| At { node, ..after }),
                    };
                    let here = match (list.entries, found.after.or(found.before)) {
                        // Named by its key, so that an entry keeps its name when others move; by its place where it
                        // has none.
                        (Entries::Keyed(key), Some((_, node))) => {
                            let name = get(entries(node), key).map(text);
                            here.listed(&short(name.unwrap_or_default()))
                        }
                        (_, Some((at, _))) => here.listed(&at.to_string()),
                        (_, None) => continue,
                    };
                    self.entry(field, shape, pair, records, &here);
                }
            }
            (Entries::Set, _) => self.set(field, before, after, here),
            (Entries::Ordered | Entries::Keyed(_) | Entries::Alike, _) => {
                self.value(field, &field.form, pair, here);
            }
        }
    }

    /// Compares an entry that is a mapping with known keys.
    fn entry(
        &mut self,
        field: &'static Field,
        shape: &'static Shape,
        pair: Pair<'_>,
        around: &Records<'_>,
        here: &Here,
    ) {
        let (Some(_), Some(_)) = (pair.before, pair.after) else {
            return self.presence(field, pair, here);
        };
        let mut here = here.clone();
        // One entry may be graver than its neighbours: a word in it says so.
        if let Weight::Entry { .. } = field.weight {
            here.risk = here.risk.max(risk(field.weight, pair));
        }
        let records = Records {
            before: Entry::new(pair.before),
            after: Entry::new(pair.after),
            around: Some(around),
        };
        self.record(shape, &records, &here);
    }

    /// Reports a key or an entry that only one side has.
    fn presence(&mut self, field: &Field, pair: Pair<'_>, here: &Here) {
        // What the entries below say from now on, or said until now, is compared there.
        if field.absent == Absent::Below {
            return self.report(field, pair, here, Effect::Listed);
        }
        let appears = pair.before.is_none();
        self.moved(field, pair, here, appears, !appears);
    }

    /// Compares a value that is not looked into further, and reports what its field says of the difference.
    fn value(&mut self, field: &Field, form: &Form, pair: Pair<'_>, here: &Here) {
        let (Some(before), Some(after)) = (pair.before, pair.after) else {
            return self.presence(field, pair, here);
        };
        let ordering = order(form, before.node, after.node);
        if ordering == Some(Ordering::Equal) {
            return;
        }
        let effect = match (field.loosens, ordering) {
            // What rules decide is judged by the proof, and would otherwise be reported twice.
            (Loosens::Proved, _) => return,
            (Loosens::Lower, Some(Ordering::Less)) | (Loosens::Higher, Some(Ordering::Greater)) => {
                Effect::Looser
            }
            (Loosens::Lower | Loosens::Higher, Some(_)) => Effect::Stricter,
            (Loosens::Nothing, _) => Effect::Listed,
            // The direction of the two is known only where the values can be ordered.
            (
                Loosens::Lower
                | Loosens::Higher
                | Loosens::Removed
                | Loosens::Added
                | Loosens::Voters
                | Loosens::Any
                | Loosens::Within
                | Loosens::Outside,
                _,
            ) => Effect::Changed,
        };
        self.report(field, pair, here, effect);
    }

    /// Compares a list as a set of texts.
    fn set(&mut self, field: &Field, before: At<'_>, after: At<'_>, here: &Here) {
        let (old, new) = (texts(elements(before.node)), texts(elements(after.node)));
        let added = new.difference(&old).next().is_some();
        let removed = old.difference(&new).next().is_some();
        if !added && !removed {
            return;
        }
        let pair = Pair {
            before: Some(before),
            after: Some(after),
        };
        self.moved(field, pair, here, added, removed);
    }

    /// Reports that something was added to the field, or removed from it, or both.
    fn moved(&mut self, field: &Field, pair: Pair<'_>, here: &Here, added: bool, removed: bool) {
        let effect = match field.loosens {
            Loosens::Proved => return,
            // Added and removed at once: the looser of the two counts.
            Loosens::Added if added => Effect::Looser,
            Loosens::Removed if removed => Effect::Looser,
            Loosens::Added | Loosens::Removed => Effect::Stricter,
            Loosens::Voters => return self.voters(field, pair, here, added),
            Loosens::Lower
            | Loosens::Higher
            | Loosens::Any
            | Loosens::Within
            | Loosens::Outside => Effect::Changed,
            Loosens::Nothing => Effect::Listed,
        };
        self.report(field, pair, here, effect);
    }

    /// Reports a change of who holds the profile around the field, or of the profile itself. It is looser if somebody
    /// gains a seat by it.
    fn voters(&mut self, field: &Field, pair: Pair<'_>, here: &Here, added: bool) {
        let profile = here.entry.as_deref().unwrap_or_default();
        // Nobody gains a seat by losing a profile.
        let gained = self.voters.gained(profile).filter(|_| added);
        let mut here = here.clone();
        here.risk = here.risk.max(gained.unwrap_or(Risk::Low));
        let effect = match gained {
            Some(_) => Effect::Looser,
            None => Effect::Listed,
        };
        self.report(field, pair, &here, effect);
    }

    fn report(&mut self, field: &Field, pair: Pair<'_>, here: &Here, effect: Effect) {
        let Pair { before, after } = pair;
        let at = |map: &SourceMap, at: Option<At<'_>>| {
            let written = at.filter(|at| at.written);
            written.map(|at| map.location(at.node.span))
        };
        let effect = if here.guards && effect == Effect::Stricter {
            // A guard that was added lets nobody do less.
            Effect::Listed
        } else {
            effect
        };
        let (printed_before, printed_after) = printed(&field.form, before, after);
        self.found.push(Change {
            file: self.both.path.to_owned(),
            path: here.path.clone(),
            field: here.field.clone(),
            before: printed_before,
            after: printed_after,
            note: None,
            effect,
            area: if here.guards {
                Area::GuardRails
            } else {
                Area::Settings
            },
            before_at: at(&self.both.base.map, before),
            after_at: at(&self.both.head.map, after),
            // The gravest of the field, of the entry and of what stands around them.
            risk: here.risk.max(risk(field.weight, pair)),
            content: super::unbound(),
        });
    }
}

impl Here {
    fn below(&self, field: &Field) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            path: format!("{}{dot}{}", self.path, field.name),
            field: format!("{}{dot}{}", self.field, field.name),
            // Medium is the least that a setting takes; the risk of the caller may already be higher.
            risk: self.risk.max(match field.weight {
                Weight::Grave => Risk::High,
                Weight::Usual | Weight::Word(_) | Weight::Entry { .. } => Risk::Medium,
            }),
            guards: self.guards || field.guards,
            entry: self.entry.clone(),
        }
    }

    fn named(&self, name: &str) -> Self {
        Self {
            path: format!("{}.{}", self.path, short(name)),
            field: format!("{}.*", self.field),
            entry: Some(name.to_owned()),
            ..self.clone()
        }
    }

    fn listed(&self, name: &str) -> Self {
        Self {
            path: format!("{}[{name}]", self.path),
            field: format!("{}[]", self.field),
            ..self.clone()
        }
    }
}
