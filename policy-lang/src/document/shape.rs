//! What the mappings of documents may hold: tables that stand beside their readers.
//!
//! One table serves two: the reader opens a mapping with it, so a key that is not in it is refused; and
//! [`crate::schema`] makes from it what editors complete and explain. A key is added in one place or not at all. It
//! says there too which way it loosens, by which [`crate::change`] compares two revisions.

use std::cmp::Ordering;

pub(crate) use super::loosens::{Absent, Loosens, Weight};

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Names it in messages, such as "a rule".
    pub(crate) what: &'static str,
    /// Its keys, in the order in which messages and editors list them.
    pub(crate) fields: &'static [Field],
    /// What holds between its keys.
    pub(crate) bonds: &'static [Bond],
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    /// Which change of it can let more through.
    pub(crate) loosens: Loosens,
    pub(crate) form: Form,
    /// What holds where it is left out.
    pub(crate) absent: Absent,
    /// Whose signature a loosening takes.
    pub(crate) weight: Weight,
    /// Whether the key is a guard rail: a test, an owner or a day of review, which protects the policy and decides no call.
    /// All keys below a guard rail are guard rails too.
    pub(crate) guards: bool,
    /// For the author of a policy: one or two sentences, with units and what holds if the key is left out.
    pub(crate) doc: &'static str,
}

/// What stands somewhere.
#[derive(Debug)]
pub(crate) enum Form {
    /// The number of a format version.
    Version(i64),
    /// Any text that is not blank.
    Raw,
    /// A text for people: not blank, with at most so many characters.
    Text { most: usize },
    /// A text of one spelling.
    Spelt(Spelling),
    /// One word of a closed set.
    Word(fn() -> Vec<WordMeaning>),
    /// A whole number from `least` to `most`.
    Integer { least: i64, most: i64 },
    /// `true` or `false`.
    Truth,
    /// A list.
    List(List),
    /// A mapping from names that the author gives.
    Named {
        key: Spelling,
        value: &'static Form,
        /// Whether it may hold nothing.
        empty: bool,
    },
    /// A mapping from texts to what `value` says.
    Open { value: &'static Form },
    /// A mapping with known keys.
    Record(&'static Shape),
    /// One of these; no value is two of them.
    Either(&'static [Form]),
    /// A JSON object of the author's, such as a sample.
    Object,
}

/// A list.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) of: &'static Form,
    /// Whether it may hold nothing.
    pub(crate) empty: bool,
    /// Whether an entry may stand in it once only.
    pub(crate) unique: bool,
    /// How its entries are told apart.
    pub(crate) entries: Entries,
}

/// How the entries of a list are told apart, from one revision to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    /// By their place: the order means something.
    Ordered,
    /// By themselves: the order means nothing.
    Set,
    /// They are records, and this key names each.
    Keyed(&'static str),
    /// They are records without a name, and their order means nothing: those most alike are one.
    Alike,
}

/// How the texts of one kind are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    /// A regular expression that every one of them matches, in the dialect of JSON Schema.
    pub(crate) pattern: &'static str,
    /// Two of them at least.
    pub(crate) examples: &'static [&'static str],
    /// What to say of a text that is none.
    pub(crate) help: &'static str,
    /// How two of them compare, where that is not a matter of the text alone; `None`: neither is more.
    pub(crate) order: Option<fn(&str, &str) -> Option<Ordering>>,
}

/// A word, and what it means where that does not go without saying.
#[derive(Debug)]
pub(crate) struct WordMeaning {
    pub(crate) word: String,
    pub(crate) meaning: &'static str,
}

impl WordMeaning {
    /// Makes words whose meaning goes without saying.
    pub(crate) fn plain(words: &[&str]) -> Vec<Self> {
        let plain = |word: &&str| Self {
            word: (*word).to_owned(),
            meaning: "",
        };
        words.iter().map(plain).collect()
    }
}

/// What holds between the keys of a mapping.
#[derive(Debug)]
pub(crate) enum Bond {
    /// Of these keys exactly one is there.
    OneOf {
        keys: &'static [&'static str],
        /// What to say where none is.
        help: &'static str,
    },
    /// `key` has a meaning beside `other` only.
    Beside {
        key: &'static str,
        other: &'static str,
    },
    /// `key` has no meaning beside `other`.
    Apart {
        key: &'static str,
        other: &'static str,
    },
    /// `key` is there exactly if `other` says `word`.
    While {
        key: &'static str,
        other: &'static str,
        word: &'static str,
    },
    /// `key` is there, or in every record of `list`.
    HereOrInEach {
        key: &'static str,
        list: &'static str,
        /// What to say where it is in neither.
        help: &'static str,
    },
    /// One key at least is there.
    Something,
}

impl Shape {
    /// Returns the names of the keys, in their order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.name).collect()
    }
}

impl Field {
    /// Makes a key that has to be there.
    pub(crate) const fn required(
        name: &'static str,
        loosens: Loosens,
        form: Form,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            required: true,
            loosens,
            form,
            absent: Absent::Unsaid,
            weight: Weight::Usual,
            guards: false,
            doc,
        }
    }

    /// Makes a key that can be left out.
    pub(crate) const fn optional(
        name: &'static str,
        loosens: Loosens,
        form: Form,
        doc: &'static str,
    ) -> Self {
        Self {
            required: false,
            ..Self::required(name, loosens, form, doc)
        }
    }

    /// Sets what holds where the key is left out.
    pub(crate) const fn absent(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }

    /// Sets whose signature a loosening of the key takes.
    pub(crate) const fn weighs(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }

    /// Marks the key as one that guards the policy rather than the calls.
    pub(crate) const fn guards(self) -> Self {
        Self {
            guards: true,
            ..self
        }
    }
}

impl Form {
    /// Returns the mapping with known keys if the form is one.
    pub(crate) const fn as_record(&self) -> Option<&'static Shape> {
        if let Self::Record(shape) = self {
            Some(shape)
        } else {
            None
        }
    }

    /// Returns the list if the form is one.
    pub(crate) const fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self {
            Some(list)
        } else {
            None
        }
    }

    /// Makes the form of a list that may be empty, and that may hold an entry more than once.
    pub(crate) const fn list(of: &'static Self, entries: Entries) -> Self {
        Self::List(List {
            of,
            empty: true,
            unique: false,
            entries,
        })
    }

    /// Makes the form of a list that names at least one thing, and each thing once.
    pub(crate) const fn set(of: &'static Self) -> Self {
        Self::List(List {
            of,
            empty: false,
            unique: true,
            entries: Entries::Set,
        })
    }
}
