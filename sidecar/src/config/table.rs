//! Tables of the file that repeat: their keys, and reading them value by value, each with its place.

use std::collections::{BTreeMap, BTreeSet};

use super::mistake::{Mistake, Mistakes, nearest};

/// One key of a table that repeats, such as `[[callers]]`. It can be set in the file only.
#[derive(Debug, PartialEq, Eq)]
pub struct TableKey {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// What a value looks like.
    pub form: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// One table of the file.
pub(super) struct Table {
    pub(super) place: String,
    pub(super) entries: BTreeMap<String, Entry>,
}

/// One value of a table.
pub(super) struct Entry {
    pub(super) place: String,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    Integer(i64),
    Texts(Vec<(String, String)>),
    Other,
}

impl Table {
    /// Takes the values of `keys` out of the table, `None` for a key that is not there. Every other key is a mistake;
    /// `what` is what mistakes call the table, such as `a caller`.
    pub(super) fn take<const N: usize>(
        &mut self,
        what: &str,
        keys: &'static [TableKey; N],
        mistakes: &mut Mistakes,
    ) -> [(&'static TableKey, Option<Entry>); N] {
        let taken = keys
            .each_ref()
            .map(|key| (key, self.entries.remove(key.name)));
        for (name, entry) in &self.entries {
            let near = nearest(name, keys.iter().map(|key| key.name));
            mistakes.push(Mistake::new(
                &entry.place,
                format!("`{name}` is no key of {what}{near}"),
            ));
        }
        taken
    }
}

impl Entry {
    pub(super) fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(_) | Value::Texts(_) | Value::Other => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match &self.value {
            Value::Integer(number) => Some(*number),
            Value::Text(_) | Value::Texts(_) | Value::Other => None,
        }
    }

    /// Returns the texts of a list, each with its place, or `None` if the value is no list of texts.
    pub(super) fn texts(&self) -> Option<Vec<(String, String)>> {
        match &self.value {
            Value::Texts(texts) => Some(texts.clone()),
            Value::Text(_) | Value::Integer(_) | Value::Other => None,
        }
    }
}

/// Reads the keys of one table and keeps going after a mistake.
pub(super) struct Fields<'a> {
    place: &'a str,
    mistakes: &'a mut Mistakes,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(place: &'a str, mistakes: &'a mut Mistakes) -> Self {
        Self { place, mistakes }
    }

    pub(super) fn value<T>(
        &mut self,
        (key, entry): (&TableKey, Option<Entry>),
        read: fn(&Entry) -> Option<T>,
    ) -> Option<(String, T)> {
        let Some(entry) = entry else {
            self.mistakes.push(Mistake::new(
                self.place,
                format!("`{}` is required: {}", key.name, key.form),
            ));
            return None;
        };
        let value = read(&entry).ok_or_else(|| format!("`{}` is not {}", key.name, key.form));
        self.checked(&entry.place, value)
            .map(|value| (entry.place, value))
    }

    pub(super) fn checked<T>(&mut self, place: &str, value: Result<T, String>) -> Option<T> {
        value
            .map_err(|problem| self.mistakes.push(Mistake::new(place, problem)))
            .ok()
    }

    pub(super) fn each<T: Ord>(
        &mut self,
        texts: Vec<(String, String)>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<BTreeSet<T>> {
        let mut whole = true;
        let mut values = BTreeSet::new();
        for (place, text) in texts {
            match self.checked(&place, read(&text)) {
                Some(value) => whole &= values.insert(value) || self.twice(&place, &text),
                None => whole = false,
            }
        }
        whole.then_some(values)
    }

    fn twice(&mut self, place: &str, text: &str) -> bool {
        self.mistakes
            .push(Mistake::new(place, format!("`{text}` stands there twice")));
        false
    }
}
