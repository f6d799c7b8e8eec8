//! What an attempt is answered, and in which parts two answers differ: the parts of a surface, each looser or stricter.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use stopgate_decide::decide::Reason;
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::Surface;

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It passes once everything on its surface is there.
    Passes(Surface),
    /// It does not, whatever is collected.
    Rejected {
        /// Why.
        reason: Reason,
        /// In words.
        message: String,
    },
}

/// A part of the surface, or passing at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Whether the attempt passes with any evidence.
    Passing,
    /// The risk.
    Risk,
    /// The people.
    Approval,
    /// The user's confirmation.
    UserConfirmation,
    /// The dry run.
    DryRun,
    /// A field of the result that is hidden.
    Mask(Pointer),
    /// An array of the result that is cut.
    MaxRows(Pointer),
}

impl Part {
    /// Returns the word for the part in output for programs, and the place in the result if the part is about one.
    #[must_use]
    pub(crate) const fn words(&self) -> (&'static str, Option<&Pointer>) {
        match self {
            Self::Passing => ("passing", None),
            Self::Risk => ("risk", None),
            Self::Approval => ("approval", None),
            Self::UserConfirmation => ("user_confirmation", None),
            Self::DryRun => ("dry_run", None),
            Self::Mask(pointer) => ("mask", Some(pointer)),
            Self::MaxRows(pointer) => ("max_rows", Some(pointer)),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passing => f.write_str("passing"),
            Self::Risk => f.write_str("risk"),
            Self::Approval => f.write_str("approval"),
            Self::UserConfirmation => f.write_str("user_confirmation"),
            Self::DryRun => f.write_str("dry_run"),
            Self::Mask(pointer) => write!(f, "mask {pointer}"),
            Self::MaxRows(pointer) => write!(f, "max_rows {pointer}"),
        }
    }
}

/// Which way a part moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Less is asked for.
    Looser,
    /// More is asked for.
    Stricter,
}

impl Direction {
    /// Returns the word for the direction in output for programs.
    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Looser => "looser",
            Self::Stricter => "stricter",
        }
    }
}

/// Returns the parts in which two answers differ, each with its direction. Where one answer is a rejection, only
/// passing counts; two rejections do not differ.
pub(crate) fn parts_between(before: &Answer, after: &Answer) -> Vec<(Part, Direction)> {
    let (before, after) = match (before, after) {
        (Answer::Rejected { .. }, Answer::Rejected { .. }) => return Vec::new(),
        (Answer::Rejected { .. }, Answer::Passes(_)) => {
            return vec![(Part::Passing, Direction::Looser)];
        }
        (Answer::Passes(_), Answer::Rejected { .. }) => {
            return vec![(Part::Passing, Direction::Stricter)];
        }
        (Answer::Passes(before), Answer::Passes(after)) => (before, after),
    };
    let mut parts = Vec::new();
    let mut differ = |part: Part, order: Ordering| match order {
        Ordering::Less => parts.push((part, Direction::Looser)),
        Ordering::Equal => {}
        Ordering::Greater => parts.push((part, Direction::Stricter)),
    };
    differ(Part::Risk, after.risk.cmp(&before.risk));
    differ(Part::Approval, after.approval.cmp(&before.approval));
    differ(
        Part::UserConfirmation,
        after.user_confirmation.cmp(&before.user_confirmation),
    );
    differ(Part::DryRun, after.dry_run.cmp(&before.dry_run));
    for mask in before.masks.union(&after.masks) {
        let hidden = |surface: &Surface| surface.masks.contains(mask);
        differ(Part::Mask(mask.clone()), hidden(after).cmp(&hidden(before)));
    }
    let limited: BTreeSet<_> = before
        .max_rows
        .keys()
        .chain(after.max_rows.keys())
        .collect();
    for pointer in limited {
        let rows = |surface: &Surface| surface.max_rows.get(pointer).copied().unwrap_or(u32::MAX);
        // Fewer rows are stricter.
        differ(
            Part::MaxRows(pointer.clone()),
            rows(before).cmp(&rows(after)),
        );
    }
    parts
}
