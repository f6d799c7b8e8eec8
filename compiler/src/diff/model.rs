//! What a comparison of two policies found: values that reports render and exit codes are made of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopgate_author::policy::Policy;
use stopgate_decide::digest::Digest;
use stopgate_decide::json::Json;
use stopgate_decide::name::{ChannelName, Location, OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Approval, Risk};

use crate::proof::solver::Raw;

use super::cause::Cause;
use super::ceiling::Opened;
pub use crate::proof::{Answer, Direction, Part};

/// Everything that a change of policy does.
#[derive(Debug, Clone)]
pub struct Diff {
    /// What was compared with.
    pub base: Side,
    /// What was compared.
    pub head: Side,
    /// Operations whose decisions differ or may differ, by tool and name.
    pub operations: Vec<OperationChange>,
    /// What raised ceilings let through.
    pub opened: Vec<Opened>,
    /// Rules of head that may fail to evaluate: the policy is invalid.
    pub failing: Vec<Failing>,
    /// Requests of the solver that neither bundle could confirm.
    pub bugs: Vec<Bug>,
    /// How the proofs were made.
    pub proof: ProofReport,
}

/// A rule that may fail to evaluate, which rejects every attempt that it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The rule.
    pub rule: RuleId,
    /// Where it stands.
    pub location: Location,
    /// The tool of an operation at which it may fail.
    pub tool: ToolName,
    /// The operation.
    pub operation: OperationName,
}

/// What the solver said and the bundles did not: kept for whoever looks into it, shown as no fact.
#[derive(Debug, Clone)]
pub struct Bug {
    /// The operation's tool.
    pub tool: ToolName,
    /// The operation.
    pub operation: OperationName,
    /// What was asked.
    pub asked: String,
    /// The solver's request, as JSON.
    pub request: String,
}

impl Bug {
    pub(super) fn new(named: &(ToolName, OperationName), asked: String, raw: &Raw) -> Self {
        let (tool, operation) = named.clone();
        let request = serde_json::json!({"held": raw.held, "context": raw.context});
        Self {
            tool,
            operation,
            asked,
            request: format!("{request:#}\n"),
        }
    }
}

/// One of the two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// As it was asked for: a revision, `worktree` or `empty`.
    pub name: String,
    /// The commit, where it is one.
    pub commit: Option<String>,
}

impl Side {
    /// Returns a side without any policy, which a first policy is compared with.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            name: "empty".to_owned(),
            commit: None,
        }
    }
}

/// What becomes of one operation.
#[derive(Debug, Clone)]
pub struct OperationChange {
    /// Its tool.
    pub tool: ToolName,
    /// Its name.
    pub operation: OperationName,
    /// All of it in a word.
    pub class: Class,
    /// Digest of everything that was compared, on both sides: what a waiver is bound to.
    pub slice: Digest,
    /// The higher risk of before and after, over everything that is looser.
    pub risk: Risk,
    /// Who meets another answer, and with which request. Looser ones first.
    pub cells: Vec<Cell>,
    /// Every rule that was changed and can reach it, whatever request meets it.
    pub changed: Vec<Cause>,
    /// Why something about it could not be decided.
    pub undecided: Vec<String>,
    /// What else a reviewer has to know: arguments that a base rule reads and head types otherwise, a renamed function.
    pub notes: Vec<String>,
    /// Arguments that are amounts in minor units, each with the argument that names its currency.
    pub money: BTreeMap<String, String>,
}

impl OperationChange {
    /// Returns the changed rules that are met by none of the shown requests that need a review and whose holder `is_by`
    /// accepts. Of many requests only one is shown, and whoever signs lets all of them pass.
    pub(crate) fn unmet(&self, is_by: impl Fn(&Holder) -> bool) -> impl Iterator<Item = &Cause> {
        self.not_met_by(move |cell| cell.class.needs_review() && is_by(&cell.holder))
    }

    /// Returns the changed rules that no shown request meets. Requests that get stricter count as shown too.
    pub(crate) fn never_met(&self) -> impl Iterator<Item = &Cause> {
        self.not_met_by(|_| true)
    }

    fn not_met_by(&self, is_shown: impl Fn(&Cell) -> bool) -> impl Iterator<Item = &Cause> {
        let cells = self.cells.iter().filter(|cell| is_shown(cell));
        let met: BTreeSet<&RuleId> = cells
            .flat_map(|cell| &cell.because)
            .map(|cause| &cause.rule)
            .collect();
        let changed = self.changed.iter();
        changed.filter(move |cause| !met.contains(&cause.rule))
    }
}

/// What a change does to an operation, or to somebody at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing that a decision shows.
    Same,
    /// Every answer that changed asks for more.
    Stricter,
    /// The operation and the server's function behind it are new.
    Added,
    /// The operation is gone.
    Removed,
    /// Some attempt passes that was rejected, or passes with a lower part of its surface.
    Looser,
    /// Looser in one part and stricter in another; counts as looser.
    Both,
    /// A rule of the base has no meaning under head's types, so nothing can be proved about it.
    Retyped,
    /// The proof did not come to an end.
    Undecided,
}

impl Class {
    /// Every class, least grave first.
    pub const ALL: [Self; 8] = [
        Self::Same,
        Self::Stricter,
        Self::Added,
        Self::Removed,
        Self::Looser,
        Self::Both,
        Self::Retyped,
        Self::Undecided,
    ];

    /// Returns the word for the class in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Stricter => "stricter",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Looser => "looser",
            Self::Both => "both",
            Self::Retyped => "re-typed",
            Self::Undecided => "undecided",
        }
    }

    /// Returns whether reviewers have to sign a change of this class.
    #[must_use]
    pub const fn needs_review(self) -> bool {
        match self {
            Self::Looser | Self::Both | Self::Retyped => true,
            Self::Same | Self::Stricter | Self::Added | Self::Removed | Self::Undecided => false,
        }
    }

    /// Returns the words for the class in texts for people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Both => "looser and stricter",
            Self::Same
            | Self::Stricter
            | Self::Added
            | Self::Removed
            | Self::Looser
            | Self::Retyped
            | Self::Undecided => self.as_str(),
        }
    }
}

/// One smallest set of profiles, or of groups, whose holder gets another answer.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Who.
    pub holder: Holder,
    /// What becomes of them.
    pub class: Class,
    /// The parts of the surface that differ, each with how.
    pub parts: Vec<(Part, Direction)>,
    /// One request that shows it, shrunk.
    pub request: Request,
    /// The answer under the base.
    pub before: Answer,
    /// The answer under head.
    pub after: Answer,
    /// Where the ceilings let that through.
    pub channels: Channels,
    /// Rules and settings that differ and that this request meets, with their places.
    pub because: Vec<Cause>,
}

impl Cell {
    /// Returns whether `other` differs from this cell in nothing but the holder.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let Self {
            holder: _,
            class,
            parts,
            request,
            before,
            after,
            channels,
            because,
        } = other;
        (&self.class, &self.parts, &self.request) == (class, parts, request)
            && (&self.before, &self.after, &self.channels) == (before, after, channels)
            && self.because == *because
    }
}

/// Channels by whether their ceilings let an answer through. A label decides what is collected and, through the
/// ceilings, where anything can be collected at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    /// Those that let the answer under the base through.
    pub before: BTreeSet<ChannelName>,
    /// Those that stopped the answer under the base.
    pub were_shut: BTreeSet<ChannelName>,
    /// Those that let the answer under head through.
    pub after: BTreeSet<ChannelName>,
    /// Those that stop the answer under head.
    pub shut: BTreeSet<ChannelName>,
}

impl Channels {
    /// Returns the channels where `tool`'s `operation` gets through under each policy, given the policies' answers, and
    /// those where it does not. A rejection gets through nowhere and is stopped by no ceiling, so both sets of its side
    /// are empty.
    pub(super) fn between(
        (tool, operation): (&ToolName, &OperationName),
        (base, before): (Option<&Policy>, &Answer),
        (head, after): (&Policy, &Answer),
    ) -> Self {
        let by_ceiling = |policy: &Policy, answer: &Answer| {
            let effect = policy.operation(tool, operation).map(|one| one.effect);
            let (Some(effect), Answer::Passes(surface)) = (effect, answer) else {
                return (BTreeSet::new(), BTreeSet::new());
            };
            let class = surface.class(effect);
            let channels = policy.channels.iter();
            let named = channels.map(|(name, ceiling)| (name.clone(), ceiling));
            let (open, shut): (BTreeMap<ChannelName, _>, BTreeMap<ChannelName, _>) =
                named.partition(|(_, ceiling)| ceiling.limit_for(tool.as_str()) >= class);
            (open.into_keys().collect(), shut.into_keys().collect())
        };
        let (after, shut) = by_ceiling(head, after);
        let (before, were_shut) = base.map_or_else(
            || (BTreeSet::new(), BTreeSet::new()),
            |base| by_ceiling(base, before),
        );
        Self {
            before,
            were_shut,
            after,
            shut,
        }
    }
}

/// Who meets another answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// Somebody who holds exactly these profiles directly.
    Profiles(BTreeSet<ProfileName>),
    /// Somebody in exactly these groups of the identity provider; said where the mapping itself changed.
    Groups(BTreeSet<String>),
}

impl Holder {
    /// Returns the names of the profiles or groups, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (profiles, groups) = match self {
            Self::Profiles(profiles) => (Some(profiles), None),
            Self::Groups(groups) => (None, Some(groups)),
        };
        let profiles = profiles.into_iter().flatten().map(ProfileName::as_str);
        profiles.chain(groups.into_iter().flatten().map(String::as_str))
    }
}

/// An attempt, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The arguments.
    pub input: Json,
    /// The agent, where it matters.
    pub agent: Option<String>,
    /// The instant, where it matters.
    pub now: Option<Timestamp>,
    /// Whether that is business time under head's calendar.
    pub business: bool,
}

/// How the proofs were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofReport {
    /// The solver and its version; `None` if none was needed or there is none.
    pub solver: Option<String>,
    /// Operations of both sides together.
    pub operations: usize,
    /// Operations whose slices had to be compared.
    pub compared: usize,
    /// Questions that went to the solver.
    pub queries: usize,
    /// Questions whose two sides were equal.
    pub equal: usize,
}

impl Diff {
    /// Returns the gravest class of all operations, or [`Class::Same`] if none changed.
    #[must_use]
    pub fn class(&self) -> Class {
        let classes = self.operations.iter().map(|change| change.class);
        classes.max().unwrap_or(Class::Same)
    }
}

/// Returns the words for an approval level in a sentence: who has to say yes.
#[must_use]
pub const fn people(approval: Approval) -> &'static str {
    match approval {
        Approval::Automatic => "nobody's approval",
        Approval::Supervisor => "a supervisor",
        Approval::Committee => "a committee",
    }
}
