//! One operation as one side's policy sees it: the rules that can reach it, what each asks for, and the level forms
//! that are made of them.

pub(crate) mod said;

use std::collections::{BTreeMap, BTreeSet};

use stopgate_author::cedar::proof::{self, Atom, Flat};
use stopgate_author::policy::{Operation, Operations, Policy, Rule, RuleKind};
use stopgate_decide::name::{OperationName, RuleId, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Risk, Surface};

use super::parts::Part;

/// The rules of one side that can reach an operation.
pub(crate) struct Slice<'p> {
    pub(crate) rules: Vec<SliceRule<'p>>,
    /// What this side refuses before any rule is asked.
    pub(crate) refused: Vec<Atom>,
}

/// A rule at one operation.
pub(crate) struct SliceRule<'p> {
    pub(crate) rule: &'p Rule,
    pub(crate) body: Atom,
    pub(crate) scope: Atom,
    /// What it adds to the surface; `None` for a never.
    pub(crate) asks: Option<Surface>,
    /// It is not proved that it can be evaluated.
    pub(crate) may_fail: bool,
}

/// A level of a part: the surfaces that ask for no more than it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Every surface.
    Passing,
    /// No approval above this one.
    Approval(Approval),
    /// No risk above this one.
    Risk(Risk),
    /// No confirmation.
    NoConfirmation,
    /// No dry run.
    NoDryRun,
    /// This field is not hidden.
    NoMask(Pointer),
    /// More than so many rows are left of this array.
    MoreRows(Pointer, u32),
}

/// What Cedar would be given to allow exactly what passes at a level.
pub(crate) struct Form<'s> {
    pub(crate) permits: BTreeMap<&'s str, &'s Atom>,
    pub(crate) forbids: BTreeMap<&'s str, &'s Atom>,
}

/// Which rules of a policy reach which operation, found once for all of its operations.
pub(crate) struct Reach<'p> {
    policy: &'p Policy,
    /// Rules that name no operation, each with its place among all rules.
    everywhere: Vec<(usize, &'p Rule)>,
    listed: BTreeMap<&'p (ToolName, OperationName), Vec<(usize, &'p Rule)>>,
}

impl<'p> Reach<'p> {
    /// Sorts the rules of a policy by the operations that they reach.
    pub(crate) fn new(policy: &'p Policy) -> Self {
        let mut reach = Self {
            policy,
            everywhere: Vec::new(),
            listed: BTreeMap::new(),
        };
        for (place, rule) in policy.rules.iter().enumerate() {
            match &rule.scope.operations {
                Operations::All => reach.everywhere.push((place, rule)),
                Operations::Listed(listed) => {
                    for operation in listed {
                        let reaching = reach.listed.entry(operation).or_default();
                        reaching.push((place, rule));
                    }
                }
            }
        }
        reach
    }

    /// Returns the rules that reach `named`, in the order of the policy.
    pub(crate) fn rules(&self, named: &(ToolName, OperationName)) -> Vec<&'p Rule> {
        let listed = self.listed.get(named).into_iter().flatten();
        let mut all: Vec<_> = self.everywhere.iter().chain(listed).copied().collect();
        all.sort_unstable_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, rule)| rule).collect()
    }

    /// Returns the highest risk at which a function of the server is granted, under whatever operation's name, or
    /// `None` where no catalog has the function. A function that is granted to nobody counts as high: everybody is kept
    /// from it.
    pub(crate) fn risk_of(&self, function: &str) -> Option<Risk> {
        let mut risks = Vec::new();
        for (tool, described) in &self.policy.tools {
            if described.unused.contains(function) {
                risks.push(Risk::High);
            }
            let operations = described.operations.iter();
            for (name, operation) in operations.filter(|(_, one)| one.function == function) {
                let rules = self.rules(&(tool.clone(), name.clone())).into_iter();
                let grants = rules.filter(|rule| matches!(rule.kind, RuleKind::Grant(_)));
                let surfaces = grants.filter_map(|rule| self.policy.surface(rule, operation));
                let highest = surfaces.map(|surface| surface.risk).max();
                risks.push(highest.unwrap_or(Risk::High));
            }
        }
        risks.into_iter().max()
    }
}

impl<'p> Slice<'p> {
    /// Returns the rule with this id, if it can reach the operation.
    pub(crate) fn rule(&self, id: &RuleId) -> Option<&'p Rule> {
        let mut rules = self.rules.iter().map(|one| one.rule);
        rules.find(|rule| rule.id == *id)
    }

    /// Returns the slice of a policy at the operation `named`, which is `own` here, under the types of `head`.
    /// `renamed` are the names of facts that this side computes otherwise; `flags` is the number of inputs that only
    /// the other side accepts.
    pub(crate) fn new(
        reach: &Reach<'p>,
        (named, own): (&(ToolName, OperationName), &Operation),
        flat: &Flat,
        head: &Operation,
        renamed: &BTreeSet<&str>,
        flags: usize,
    ) -> Self {
        let reaching = reach.rules(named).into_iter();
        let rules = reaching.map(|rule| {
            let body = proof::rule(rule, flat, renamed);
            SliceRule {
                rule,
                scope: proof::scope(rule, flat),
                asks: reach.policy.surface(rule, own),
                may_fail: body.may_fail(),
                body,
            }
        });
        Self {
            rules: rules.collect(),
            refused: proof::refused(flat, own, head, flags),
        }
    }

    /// Returns the slice of a side that does not have the operation: it refuses everything.
    pub(crate) const fn nothing() -> Self {
        Self {
            rules: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Returns everything that decides, as a set of keys: two slices with equal sets decide every attempt alike. The
    /// set is compared within one run and never kept; what is signed is [`said::digest`].
    pub(crate) fn fingerprint(&self) -> BTreeSet<String> {
        let rule = |rule: &SliceRule<'_>| {
            let kind = said::kind(&rule.rule.kind);
            let asks = rule.asks.as_ref();
            let asks = asks.map_or_else(String::new, |asks| said::surface(asks).canonical());
            format!("{kind} {asks} {}", rule.body.key())
        };
        let refused = self
            .refused
            .iter()
            .map(|atom| format!("refused {}", atom.key()));
        self.rules.iter().map(rule).chain(refused).collect()
    }

    /// Adds the levels at which the surfaces of this slice differ, passing at all among them, to `levels`.
    pub(crate) fn levels(&self, levels: &mut BTreeSet<Level>) {
        levels.insert(Level::Passing);
        let surfaces = self.rules.iter().filter_map(|rule| rule.asks.as_ref());
        levels.extend(surfaces.flat_map(Level::below));
    }

    /// Returns the slice as permits and forbids at a level. A grant at or below the level is a permit and a raise there
    /// is left out; a rule above the level is a forbid. So is a never, everything that is refused unseen, and the bare
    /// scope of a rule that may fail, because failing rejects.
    pub(crate) fn form(&self, level: &Level) -> Form<'_> {
        let mut form = Form {
            permits: BTreeMap::new(),
            forbids: BTreeMap::new(),
        };
        form.forbids
            .extend(self.refused.iter().map(|atom| (atom.key(), atom)));
        for rule in &self.rules {
            if rule.may_fail {
                form.forbids.insert(rule.scope.key(), &rule.scope);
                continue;
            }
            let allowed = rule
                .asks
                .as_ref()
                .is_some_and(|surface| level.allows(surface));
            match (&rule.rule.kind, allowed) {
                (RuleKind::Grant(_), true) => form.permits.insert(rule.body.key(), &rule.body),
                (RuleKind::Raise(_), true) => None,
                (RuleKind::Grant(_) | RuleKind::Raise(_) | RuleKind::Never(_), _) => {
                    form.forbids.insert(rule.body.key(), &rule.body)
                }
            };
        }
        form
    }
}

impl Form<'_> {
    /// Returns whether it can be seen without looking into a condition that the other form allows everything that this
    /// one allows: this form has no other permits, and all forbids of the other. Equal sides are the common case.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.permits.is_empty()
            || (self.permits_within(other) && other.forbids_beyond(self).is_empty())
    }

    /// Returns whether every permit of this form is a permit of the other one too.
    pub(crate) fn permits_within(&self, other: &Self) -> bool {
        let mut permits = self.permits.keys();
        permits.all(|key| other.permits.contains_key(key))
    }

    /// Returns the forbids of this form that the other one does not have.
    pub(crate) fn forbids_beyond(&self, other: &Self) -> Vec<&Atom> {
        let beyond = self.forbids.iter();
        let beyond = beyond.filter(|(key, _)| !other.forbids.contains_key(**key));
        beyond.map(|(_, atom)| *atom).collect()
    }

    /// Returns the permits of this form that can make a difference to the other one. Where the other form takes nothing
    /// more away, a permit that both have makes none.
    pub(crate) fn permits_against(&self, other: &Self) -> Vec<&Atom> {
        let same = other.forbids_beyond(self).is_empty();
        let permits = self.permits.iter();
        let permits = permits.filter(|(key, _)| !(same && other.permits.contains_key(**key)));
        permits.map(|(_, atom)| *atom).collect()
    }
}

impl Level {
    /// Returns the levels that `surface` is above, those of one part from the lowest.
    pub(crate) fn below(surface: &Surface) -> Vec<Self> {
        let Surface {
            risk,
            approval,
            user_confirmation,
            dry_run,
            masks,
            max_rows,
        } = surface;
        let mut levels = Vec::new();
        let below = Risk::ALL.iter().filter(|level| **level < *risk);
        levels.extend(below.map(|level| Self::Risk(*level)));
        let below = Approval::ALL.iter().filter(|level| **level < *approval);
        levels.extend(below.map(|level| Self::Approval(*level)));
        levels.extend(user_confirmation.then_some(Self::NoConfirmation));
        levels.extend(dry_run.then_some(Self::NoDryRun));
        levels.extend(masks.iter().cloned().map(Self::NoMask));
        let limits = max_rows.iter();
        levels.extend(limits.map(|(pointer, rows)| Self::MoreRows(pointer.clone(), *rows)));
        levels
    }

    /// Returns whether `surface` asks for no more than this level.
    pub(crate) fn allows(&self, surface: &Surface) -> bool {
        match self {
            Self::Passing => true,
            Self::Approval(level) => surface.approval <= *level,
            Self::Risk(level) => surface.risk <= *level,
            Self::NoConfirmation => !surface.user_confirmation,
            Self::NoDryRun => !surface.dry_run,
            Self::NoMask(pointer) => !surface.masks.contains(pointer),
            Self::MoreRows(pointer, rows) => surface
                .max_rows
                .get(pointer)
                .is_none_or(|limit| limit > rows),
        }
    }

    /// Returns the part of a surface that the level is about.
    pub(crate) fn part(&self) -> Part {
        match self {
            Self::Passing => Part::Passing,
            Self::Approval(_) => Part::Approval,
            Self::Risk(_) => Part::Risk,
            Self::NoConfirmation => Part::UserConfirmation,
            Self::NoDryRun => Part::DryRun,
            Self::NoMask(pointer) => Part::Mask(pointer.clone()),
            Self::MoreRows(pointer, _) => Part::MaxRows(pointer.clone()),
        }
    }
}
