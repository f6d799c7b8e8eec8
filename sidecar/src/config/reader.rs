//! The one reader, and what it finds wrong. A table is read key by key, as the rows of its keys say, and reading goes
//! on after a mistake, so that all mistakes are told at once, each with its place.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::key::{Presence, Row};

/// Every mistake of a configuration, in the order they were found: its place, a colon, and what is wrong there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<String>);

/// What stands at the keys of a table, each with its place. Variables and flags give texts.
pub(super) type Entries<'a> = BTreeMap<String, (String, DeValue<'a>)>;

/// The text of the file, and what mistakes call it.
#[derive(Clone, Copy)]
pub(super) struct ConfigFile<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// What comes of a text that is parsed: a value, or what is wrong with the text.
pub(super) type Parsed<T> = Result<T, String>;

/// What comes of a key that is read: `None` after a mistake, `Some(None)` for a key that is not there and need not be.
pub(super) type KeyRead<T> = Option<Option<T>>;

/// Reads one table.
pub(super) struct Reader<'a, 'm> {
    pub(super) file: ConfigFile<'a>,
    /// Where the table stands.
    pub(super) place: &'m str,
    /// What was not read yet.
    pub(super) entries: Entries<'a>,
    pub(super) mistakes: &'m mut Mistakes,
}

impl Mistakes {
    /// Notes that there is a `problem` at `place`.
    pub(super) fn push(&mut self, place: &str, problem: impl fmt::Display) {
        self.0.push(format!("{place}: {problem}"));
    }

    /// Notes that `name`, which stands at `place`, is nothing that is `known`: `no` says what it is not.
    pub(super) fn unknown<'a>(
        &mut self,
        place: &str,
        name: &str,
        no: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        self.push(place, format!("`{name}` {no}{}", nearest(name, known)));
    }

    /// Returns what was `read` at `place`; notes what is wrong with it, if it could not be.
    pub(super) fn take<T>(&mut self, place: &str, read: Parsed<T>) -> Option<T> {
        read.map_err(|problem| self.push(place, problem)).ok()
    }

    /// Returns whether there is no mistake.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the mistakes, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|mistake| writeln!(f, "{mistake}"))
    }
}

impl std::error::Error for Mistakes {}

impl<'a> ConfigFile<'a> {
    /// Returns the file and the line that `span` begins in, such as `sidecar.toml:7`.
    pub(super) fn place(self, span: Range<usize>) -> String {
        let before = self.text.bytes().take(span.start);
        let lines = before.filter(|byte| *byte == b'\n').count();
        format!("{}:{}", self.name, lines.saturating_add(1))
    }

    /// Returns what stands in `table`, each entry at the place of its name.
    pub(super) fn entries(self, table: DeTable<'a>) -> Entries<'a> {
        let entries = table.into_iter().map(|(name, value)| {
            let place = self.place(name.span());
            (name.into_inner().into_owned(), (place, value.into_inner()))
        });
        entries.collect()
    }

    /// Makes a reader of `table`, which stands at `place`.
    pub(super) fn reader<'m>(
        self,
        place: &'m str,
        table: DeTable<'a>,
        mistakes: &'m mut Mistakes,
    ) -> Reader<'a, 'm> {
        let entries = self.entries(table);
        Reader {
            file: self,
            place,
            entries,
            mistakes,
        }
    }
}

impl Reader<'_, '_> {
    /// Refuses every entry that is none of `keys`: `no` says what such an entry is not.
    pub(super) fn only(&mut self, keys: &[impl Row], no: &str) {
        let known = || keys.iter().map(|key| key.row().0);
        for (name, (place, _)) in &self.entries {
            if known().all(|key| key != name) {
                self.mistakes.unknown(place, name, no, known());
            }
        }
    }

    /// Reads the text at `key`. What `parse` finds wrong is the end of a sentence that begins with the key's name.
    pub(super) fn text<T>(&mut self, key: &impl Row, parse: fn(&str) -> Parsed<T>) -> KeyRead<T> {
        let name = key.row().0;
        let parse = |text: String| parse(&text).map_err(|why| format!("`{name}` {why}"));
        self.value(key, |value| value.as_str().map(str::to_owned), parse)
    }

    /// Reads the number at `key`. What `parse` finds wrong is a whole sentence.
    pub(super) fn number<T>(&mut self, key: &impl Row, parse: fn(i64) -> Parsed<T>) -> KeyRead<T> {
        let number = |value: &DeValue<'_>| {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        };
        self.value(key, number, parse)
    }

    /// Reads the texts listed at `key`, none of which may stand there twice. What `parse` finds wrong is a whole
    /// sentence.
    pub(super) fn set<T: Ord>(
        &mut self,
        key: &impl Row,
        parse: fn(&str) -> Parsed<T>,
    ) -> KeyRead<BTreeSet<T>> {
        // One element that is no text makes the whole value something else than was asked for.
        let texts = |value: &DeValue<'_>| {
            let texts = value.as_array()?.iter();
            let texts = texts.map(|text| Some((text.span(), text.get_ref().as_str()?.to_owned())));
            texts.collect::<Option<Vec<_>>>()
        };
        let Some(texts) = self.value(key, texts, Ok)? else {
            return Some(None);
        };
        let (mut values, mut whole) = (BTreeSet::new(), true);
        for (span, text) in texts {
            let value = parse(&text).and_then(|value| match values.insert(value) {
                true => Ok(()),
                false => Err(format!("`{text}` stands there twice")),
            });
            whole &= self.mistakes.take(&self.file.place(span), value).is_some();
        }
        whole.then_some(Some(values))
    }

    /// Reads what stands at `key`, or else its default: `form` takes it as what it has to look like.
    fn value<V, T>(
        &mut self,
        key: &impl Row,
        form: impl FnOnce(&DeValue<'_>) -> Option<V>,
        parse: impl FnOnce(V) -> Parsed<T>,
    ) -> KeyRead<T> {
        let (name, presence, looks) = key.row();
        // A default is read as if somebody had written it, so that no row can have one that would be refused.
        let (place, value) = match (self.entries.remove(name), presence) {
            (Some(entry), _) => entry,
            (None, Presence::Default(text)) => {
                ("default".to_owned(), DeValue::String(Cow::Borrowed(text)))
            }
            (None, Presence::Optional) => return Some(None),
            (None, Presence::Required) => {
                let problem = format!("`{name}` is required: {looks}");
                self.mistakes.push(self.place, problem);
                return None;
            }
        };
        let value = form(&value).ok_or_else(|| format!("`{name}` is not {looks}"));
        self.mistakes.take(&place, value.and_then(parse)).map(Some)
    }
}

/// Returns ` (did you mean …?)` with the name of `known` that is nearest to `unknown`, or an empty text if none is
/// near.
pub(super) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let distance = |name| (strsim::damerau_levenshtein(unknown, name), name);
    match known.into_iter().map(distance).min() {
        // Three slips of a finger are a misspelling. More, or as many as there are letters, make another word.
        Some((slips, name)) if slips <= 3 && slips < unknown.len() => {
            format!(" (did you mean `{name}`?)")
        }
        Some(_) | None => String::new(),
    }
}
