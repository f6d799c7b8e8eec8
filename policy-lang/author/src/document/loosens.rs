//! Which way each field of a document loosens: what the gate says about a change that no solver judges.
//!
//! Every [`Field`](super::shape::Field) states it beside its form, so a field nobody has thought about does not
//! compile. [`crate::change`] compares two repositories by these statements and knows no field by its name.

/// Which change of a field can let more through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loosens {
    /// A lower value is looser, a higher one stricter.
    Lower,
    /// A higher value is looser, a lower one stricter.
    Higher,
    /// Taking the key or an entry away is looser, adding one stricter.
    Removed,
    /// Adding the key or an entry is looser, taking one away stricter.
    Added,
    /// Adding an entry is looser if people come by it into a seat of a route. What these people may then do, and what
    /// taking an entry away does, the proof judges.
    Voters,
    /// Any change counts as looser until somebody has looked at it.
    Any,
    /// The proof judges every decision that follows from it. A change of the text alone is not reported.
    Proved,
    /// Nothing follows from it: words for people, and what the compiler ties to something else. The change is shown.
    Nothing,
    /// Its keys say it, each for itself.
    Within,
    /// It is part of a larger thing that says it: the name of an entry, of which another name makes another entry, or
    /// a part of a value that is compared as a whole.
    Outside,
}

impl Loosens {
    /// Every direction, in the order in which the reference lists them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Lower,
        Self::Higher,
        Self::Removed,
        Self::Added,
        Self::Voters,
        Self::Any,
        Self::Proved,
        Self::Nothing,
        Self::Within,
        Self::Outside,
    ];

    /// Returns the word for the direction in the reference.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Voters => "voters",
            Self::Any => "any",
            Self::Proved => "proved",
            Self::Nothing => "nothing",
            Self::Within => "within",
            Self::Outside => "outside",
        }
    }

    /// Returns what the direction means, in words for a reviewer.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Lower => "a lower value is looser, a higher one stricter",
            Self::Higher => "a higher value is looser, a lower one stricter",
            Self::Removed => "taking the key or an entry away is looser, adding one stricter",
            Self::Added => "adding the key or an entry is looser, taking one away stricter",
            Self::Voters => {
                "adding an entry is looser if people come by it into a seat of a route; what they may do then, and \
                 what taking one away does, the proof judges"
            }
            Self::Any => "any change counts as looser until somebody has looked at it",
            Self::Proved => {
                "the proof judges every decision that follows from it; a change of the text alone is not reported"
            }
            Self::Nothing => {
                "nothing follows from it: words for people, and what the compiler ties to something else; shown"
            }
            Self::Within => "its keys say it, each for itself",
            Self::Outside => {
                "part of a larger thing that says it: the name of an entry, of which another name makes another \
                 entry, or a part of a value that is compared as a whole"
            }
        }
    }
}

/// What holds where an optional key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing that the key could say.
    Unsaid,
    /// The same as if this YAML were its value.
    Same(&'static str),
    /// What the same key of the mapping around it says.
    Above,
    /// Every entry below says it itself.
    Below,
    /// For an entry of a mapping: what this key beside the mapping says.
    Beside(&'static str),
}

/// Whose signature a loosening takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// That of a change of medium risk.
    Usual,
    /// That of a change of high risk, for everything below it too.
    Grave,
    /// That of high risk if the value says this word before or after.
    Word(&'static str),
    /// That of high risk for an entry whose `key` says `word` before or after, and for everything below it.
    Entry {
        key: &'static str,
        word: &'static str,
    },
}
