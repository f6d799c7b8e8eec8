//! Mistakes of a configuration: each with its place, all of them together.

use std::fmt;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    place: String,
    problem: String,
}

/// Every mistake of a configuration, in the order they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistake {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl Mistakes {
    pub(super) fn one(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }

    pub(super) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Returns whether there is no mistake.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the mistakes, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        write!(f, "{place}: {problem}")
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|mistake| writeln!(f, "{mistake}"))
    }
}

impl std::error::Error for Mistakes {}

/// Returns ` (did you mean …?)` with the name of `known` that is nearest to `unknown`, or an empty text if none is
/// near.
pub(super) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let scored = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name));
    match scored.min() {
        Some((distance, name)) if distance <= 3 && distance < unknown.len() => {
            format!(" (did you mean `{name}`?)")
        }
        Some(_) | None => String::new(),
    }
}
