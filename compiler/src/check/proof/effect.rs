//! Whether each rule can match, and whether each grant decides anything.
//!
//! One operation is asked about at a time, with the rules that reach it and no others. A rule that matters at one of its
//! operations is not asked about at another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use stopgate_author::cedar::proof::{self, Atom, Flat};
use stopgate_author::diagnostic::Code;
use stopgate_author::policy::{Policy, RuleKind};
use stopgate_decide::name::{OperationName, RuleId, ToolName};

use crate::proof::slice::{Level, Reach, Slice, SliceRule};
use crate::proof::solver::workers::each;
use crate::proof::solver::{AtomEffect, Policies, ProofVerdict, Prover};
use crate::proof::{Ask, Part};

use super::{Meeting, Proofs};

/// What is known of a rule. Of all that is found at its operations the last in this order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RuleFinding {
    /// It matches nothing.
    NeverMatches,
    /// It matches, and no decision would differ without it.
    NoEffect,
    /// One of the two is not proved.
    Unproved,
    /// It matters.
    Matters,
}

/// A finding, and why it is not a better one.
type Finding = (RuleFinding, String);

struct Questions<'a> {
    policy: &'a Policy,
    reach: Reach<'a>,
    flat: &'a Flat,
    failing: &'a BTreeSet<Meeting<'a>>,
    /// Rules of which everything is said already.
    unsound: BTreeSet<&'a RuleId>,
    /// Rules that are known to matter.
    settled: Mutex<BTreeSet<&'a RuleId>>,
    until: Instant,
}

impl Proofs<'_> {
    /// Asks about every rule but those in `failing`, which are not proved to be evaluable.
    pub(super) fn effects(
        &mut self,
        flat: &Flat,
        failing: &BTreeSet<Meeting<'_>>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) {
        let policy = self.policy;
        let questions = Questions {
            policy,
            reach: Reach::new(policy),
            flat,
            failing,
            unsound: failing.iter().map(|(rule, _)| *rule).collect(),
            settled: Mutex::default(),
            until: self.until,
        };
        let named = policy.tools.iter().flat_map(|(tool, described)| {
            let names = described.operations.keys();
            names.map(move |name| (tool.clone(), name.clone()))
        });
        let work: Vec<(ToolName, OperationName)> = named.collect();
        let found = each(
            &work,
            self.provers,
            self.workers,
            progress,
            |named, prover| questions.operation(named, prover),
        );
        let found = found.map_or_else(|_| vec![None; work.len()], |(found, _)| found);
        // Each operation has a finding of its own about a rule; of all of them the last in the order of `RuleFinding` holds.
        let mut best: BTreeMap<&RuleId, Finding> = BTreeMap::new();
        for (named, found) in work.iter().zip(found) {
            let broke_off = || {
                let rules = questions.reach.rules(named).into_iter();
                let why = (
                    RuleFinding::Unproved,
                    "its proof ended too early".to_owned(),
                );
                rules.map(|rule| (&rule.id, why.clone())).collect()
            };
            for (rule, finding) in found.unwrap_or_else(broke_off) {
                let known = best.entry(rule).or_insert_with(|| finding.clone());
                if known.0 < finding.0 {
                    *known = finding;
                }
            }
        }
        let unsound = &questions.unsound;
        for rule in policy
            .rules
            .iter()
            .filter(|rule| !unsound.contains(&rule.id))
        {
            // What reaches no operation matches nothing.
            let nowhere = (RuleFinding::NeverMatches, String::new());
            let (found, why) = best.remove(&rule.id).unwrap_or(nowhere);
            match found {
                RuleFinding::Matters => {}
                RuleFinding::NeverMatches => self.say(
                    rule,
                    Code::NeverMatches,
                    "it can never match",
                    "matches nothing",
                ),
                RuleFinding::NoEffect => self.say(
                    rule,
                    Code::NoEffect,
                    "no decision would differ without it: others ask for as much wherever it matches",
                    "changes nothing",
                ),
                RuleFinding::Unproved => self.unproved(rule, "whether it can match and has an effect", why),
            }
        }
    }
}

impl<'a> Questions<'a> {
    /// Returns what is found of the rules that reach an operation; those that are settled are left out.
    fn operation(
        &self,
        named: &(ToolName, OperationName),
        prover: &mut Prover<'_>,
    ) -> Vec<(&'a RuleId, Finding)> {
        let (tool, name) = named;
        let Some(operation) = self.policy.operation(tool, name) else {
            return Vec::new();
        };
        let none = BTreeSet::new();
        let mut slice = Slice::new(
            &self.reach,
            (named, operation),
            self.flat,
            operation,
            &none,
            0,
        );
        for rule in &mut slice.rules {
            rule.may_fail &= self.failing.contains(&(&rule.rule.id, (tool, name)));
        }
        let subject = Proofs::subject((tool, name), operation, &[], self.flat);
        let mut guards = proof::domain(operation, &[]);
        guards.extend(slice.refused.iter().cloned());
        let mut ask = Ask::new(prover, &subject, (self.until, self.until));
        let mut all = Vec::new();
        for rule in &slice.rules {
            let id = &rule.rule.id;
            if self.unsound.contains(id) || self.is_settled(id) {
                continue;
            }
            let finding = finding(rule, &slice, &guards, &mut ask);
            if let (RuleFinding::Matters, Ok(mut settled)) = (finding.0, self.settled.lock()) {
                settled.insert(id);
            }
            all.push((id, finding));
        }
        // What stopped one question stopped the others, and is told as one.
        let rules = slice.rules.iter();
        let rules = rules.map(|rule| (&rule.rule.id, &rule.body));
        if let Some(stopped) = ask.stopped((tool, name), rules) {
            for (_, (_, why)) in all.iter_mut().filter(|(_, (_, why))| why.is_empty()) {
                stopped.clone_into(why);
            }
        }
        all
    }

    fn is_settled(&self, rule: &RuleId) -> bool {
        let settled = self.settled.lock();
        settled.is_ok_and(|settled| settled.contains(rule))
    }
}

/// Asks whether a rule has any effect at an operation, with as few questions as may be.
fn finding(
    rule: &SliceRule<'_>,
    slice: &Slice<'_>,
    guards: &[Atom],
    ask: &mut Ask<'_, '_>,
) -> Finding {
    let is_grant = match rule.rule.kind {
        RuleKind::Grant(_) => true,
        // A guardrail that others make superfluous today stands for what they may become.
        RuleKind::Raise(_) | RuleKind::Never(_) => false,
    };
    if is_grant {
        // 1. A small question first, about people whom only rules of the same scope reach. A grant that matters to them
        // matters.
        if let ProofVerdict::Refuted(_) = matters_to_its_own(rule, slice, guards, ask) {
            return (RuleFinding::Matters, String::new());
        }
        // 2. The whole question: whether others ask for as much wherever the grant matches.
        match is_superfluous(rule, slice, guards, ask) {
            // What matches nothing is superfluous, too.
            ProofVerdict::Proved => {}
            ProofVerdict::Refuted(_) => return (RuleFinding::Matters, String::new()),
            ProofVerdict::Unknown(why) => return (RuleFinding::Unproved, why),
            ProofVerdict::Stopped(_) => return stopped(),
        }
    }
    // 3. Whether the rule matches anything at all: a superfluous grant that does has no effect, and a rule that does
    // not never matches.
    let behind = rule.body.behind(guards);
    let verdict = ask.ask(|prover, subject, end| prover.never_matches(subject, &behind, end));
    match verdict {
        ProofVerdict::Proved => (RuleFinding::NeverMatches, String::new()),
        ProofVerdict::Refuted(_) if is_grant => (RuleFinding::NoEffect, String::new()),
        ProofVerdict::Refuted(_) => (RuleFinding::Matters, String::new()),
        ProofVerdict::Unknown(why) => (RuleFinding::Unproved, why),
        ProofVerdict::Stopped(_) => stopped(),
    }
}

/// Returns the finding for a rule when nothing more is asked. The reason is empty: it is told once for all of them.
const fn stopped() -> Finding {
    (RuleFinding::Unproved, String::new())
}

/// Asks whether a grant is superfluous for those whom no rule of another scope reaches. That is a small question,
/// because only rules of the same scope have a part in it; a counterexample to it is one to the whole question.
fn matters_to_its_own(
    grant: &SliceRule<'_>,
    slice: &Slice<'_>,
    guards: &[Atom],
    ask: &mut Ask<'_, '_>,
) -> ProofVerdict {
    let others = || {
        let others = slice.rules.iter();
        others.filter(|other| matches!(other.rule.kind, RuleKind::Grant(_)))
    };
    let own = |other: &&SliceRule<'_>| other.scope.key() == grant.scope.key();
    let strangers = others().filter(|other| !own(other));
    let strangers: BTreeMap<&str, &Atom> = strangers
        .map(|other| (other.scope.key(), &other.scope))
        .collect();
    if strangers.is_empty() {
        return ProofVerdict::Unknown("it is the whole question".to_owned());
    }
    let mut outside = guards.to_vec();
    outside.extend(strangers.into_values().cloned());
    let own: Vec<_> = others().filter(own).collect();
    implies(&alone(grant, slice, &outside), &beside(grant, own), ask)
}

fn implies(left: &Policies, right: &Policies, ask: &mut Ask<'_, '_>) -> ProofVerdict {
    ask.ask(|prover, subject, end| prover.implies(subject, (left, right), end))
}

/// Returns the bodies of `others`, except `grant` and rules that may fail, as permits.
fn beside<'s>(
    grant: &SliceRule<'_>,
    others: impl IntoIterator<Item = &'s SliceRule<'s>>,
) -> Policies {
    let mut right = Policies::default();
    let others = others.into_iter();
    let others = others.filter(|other| other.rule.id != grant.rule.id && !other.may_fail);
    for other in others {
        right.add(&other.body, AtomEffect::Permit);
    }
    right
}

/// Asks whether other rules ask for as much wherever a grant matches and nothing forbids: some other grant has to let
/// the request pass at all, and above each level that the grant is above there has to be another rule.
fn is_superfluous(
    grant: &SliceRule<'_>,
    slice: &Slice<'_>,
    guards: &[Atom],
    ask: &mut Ask<'_, '_>,
) -> ProofVerdict {
    // Of each part the highest level: who asks for more than that one does so at the others.
    let above = grant.asks.iter().flat_map(Level::below);
    let above: BTreeMap<Part, Level> = above.map(|level| (level.part(), level)).collect();
    for level in std::iter::once(Level::Passing).chain(above.into_values()) {
        let right = others_above(grant, slice, &level);
        match implies(&alone(grant, slice, guards), &right, ask) {
            ProofVerdict::Proved => {}
            other @ (ProofVerdict::Refuted(_)
            | ProofVerdict::Unknown(_)
            | ProofVerdict::Stopped(_)) => {
                return other;
            }
        }
    }
    ProofVerdict::Proved
}

/// Returns what a grant allows where nothing forbids.
fn alone(grant: &SliceRule<'_>, slice: &Slice<'_>, guards: &[Atom]) -> Policies {
    let mut left = Policies::default();
    left.add(&grant.body, AtomEffect::Permit);
    let nevers = slice.rules.iter().filter(|rule| match rule.rule.kind {
        RuleKind::Never(_) => !rule.may_fail,
        RuleKind::Grant(_) | RuleKind::Raise(_) => false,
    });
    for atom in nevers.map(|never| &never.body).chain(guards) {
        left.add(atom, AtomEffect::Forbid);
    }
    left
}

/// Returns whatever other rules ask for that is above `level`; for passing at all, whatever they grant. Rules that are
/// not proved to be evaluable are left out.
fn others_above(grant: &SliceRule<'_>, slice: &Slice<'_>, level: &Level) -> Policies {
    let others = slice
        .rules
        .iter()
        .filter(|other| match (&other.rule.kind, level) {
            (RuleKind::Grant(_), Level::Passing) => true,
            (RuleKind::Raise(_), Level::Passing) | (RuleKind::Never(_), _) => false,
            (RuleKind::Grant(_) | RuleKind::Raise(_), _) => {
                let asks = other.asks.as_ref();
                asks.is_some_and(|surface| !level.allows(surface))
            }
        });
    beside(grant, others)
}
