//! Answers that differ, added up by operation and by user. Maps are capped: what does not fit is counted, not kept.

use std::collections::{BTreeMap, HashMap};

use stopgate_decide::attempt::Subject;
use stopgate_decide::decide::{Decision, Outcome};
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::surface::Surface;

use crate::proof::{Answer, Direction, Part, parts_between};

use super::judge::Flip;

/// Users that are counted one by one; flips of further users are counted together, so a log of many costs no more
/// memory.
const USERS: usize = 10_000;
/// Users that are shown.
const SHOWN: usize = 100;

/// An answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// It may run.
    Permit,
    /// Something is missing first.
    Route,
    /// It may not run.
    Reject,
}

impl Word {
    /// Returns the answer's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Route => "route",
            Self::Reject => "reject",
        }
    }

    const fn from_decision(decision: &Decision) -> Self {
        match decision.outcome() {
            Outcome::Permit(_) => Self::Permit,
            Outcome::Route(_) => Self::Route,
            Outcome::Reject(_) => Self::Reject,
        }
    }
}

/// How many, and which way. Looser in one part and stricter in another counts as both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Passes where it did not, or with a lower part of its surface.
    pub looser: u64,
    /// The other way.
    pub stricter: u64,
}

impl Counts {
    fn add(&mut self, parts: &[(Part, Direction)]) {
        let any = |wanted| u64::from(parts.iter().any(|(_, direction)| *direction == wanted));
        self.total = self.total.saturating_add(1);
        self.looser = self.looser.saturating_add(any(Direction::Looser));
        self.stricter = self.stricter.saturating_add(any(Direction::Stricter));
    }
}

/// Flips of one kind at one operation.
#[derive(Debug, Clone)]
pub struct Sample {
    /// How many.
    pub count: u64,
    /// The parts in which the first of them differ.
    pub parts: Vec<(Part, Direction)>,
    /// The first of them.
    pub first: Box<Flip>,
}

/// Flips at one operation.
#[derive(Debug, Clone, Default)]
pub struct OperationFlips {
    /// All of them.
    pub counts: Counts,
    /// By the answers before and after.
    pub kinds: BTreeMap<(Word, Word), Sample>,
}

/// Flips of one user.
#[derive(Debug, Clone)]
pub struct User {
    /// Who.
    pub subject: Subject,
    /// How many.
    pub counts: Counts,
}

/// Everything that flips.
#[derive(Debug, Clone, Default)]
pub struct Flips {
    /// All of them.
    pub counts: Counts,
    /// By the answers before and after.
    pub kinds: BTreeMap<(Word, Word), u64>,
    /// How many differ in each part of the surface, and which way.
    pub parts: BTreeMap<(Part, Direction), u64>,
    /// By operation; those of no known operation under `None`.
    pub operations: BTreeMap<Option<(ToolName, OperationName)>, OperationFlips>,
    /// Users with the most flips, most first.
    pub users: Vec<User>,
    /// Flips of everybody else.
    pub others: u64,
}

/// Flips while they are added up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    flips: Flips,
    users: HashMap<Subject, Counts>,
}

impl Tally {
    /// Adds flips in the order of the log.
    pub(super) fn add_all(&mut self, flips: Vec<Flip>) {
        for flip in flips {
            self.add(flip);
        }
    }

    fn add(&mut self, flip: Flip) {
        let parts = parts_between(&answer(&flip.before), &answer(&flip.after));
        let kind = (
            Word::from_decision(&flip.before),
            Word::from_decision(&flip.after),
        );
        self.flips.counts.add(&parts);
        count(self.flips.kinds.entry(kind).or_insert(0));
        for part in &parts {
            count(self.flips.parts.entry(part.clone()).or_insert(0));
        }
        match &flip.subject {
            Some(subject) if self.users.contains_key(subject) || self.users.len() < USERS => {
                let counts = self.users.entry(subject.clone()).or_default();
                counts.add(&parts);
            }
            Some(_) | None => count(&mut self.flips.others),
        }
        let operation = self
            .flips
            .operations
            .entry(flip.operation.clone())
            .or_default();
        operation.counts.add(&parts);
        match operation.kinds.get_mut(&kind) {
            Some(sample) => count(&mut sample.count),
            None => {
                let first = Box::new(flip);
                let count = 1;
                operation.kinds.insert(
                    kind,
                    Sample {
                        count,
                        parts,
                        first,
                    },
                );
            }
        }
    }

    /// Returns what is shown of the flips: the users with the most of them, and the others counted.
    pub(super) fn finish(self) -> Flips {
        let Self { mut flips, users } = self;
        let mut users: Vec<User> = users
            .into_iter()
            .map(|(subject, counts)| User { subject, counts })
            .collect();
        users.sort_by(|a, b| {
            let most = b.counts.total.cmp(&a.counts.total);
            most.then_with(|| a.subject.cmp(&b.subject))
        });
        for user in users.split_off(SHOWN.min(users.len())) {
            flips.others = flips.others.saturating_add(user.counts.total);
        }
        flips.users = users;
        flips
    }
}

fn count(sum: &mut u64) {
    *sum = sum.saturating_add(1);
}

fn answer(decision: &Decision) -> Answer {
    match decision.outcome() {
        Outcome::Reject(rejection) => Answer::Rejected {
            reason: rejection.reason,
            message: rejection.message.clone(),
        },
        Outcome::Permit(_) | Outcome::Route(_) => {
            Answer::Passes(decision.surface().cloned().unwrap_or(Surface::BOTTOM))
        }
    }
}
