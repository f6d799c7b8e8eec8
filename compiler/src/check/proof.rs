//! What takes a proof: that rules can always be evaluated, that each can match and has an effect, and that more of a
//! monotone fact asks for no less.
//!
//! A rule that fails rejects every attempt that it reaches, so that is an error. Only arithmetic can fail, and most
//! rules have none: they are asked about nothing. The rest is asked for where proofs are required.

mod effect;
mod monotone;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use stopgate_author::cedar::proof::{self, Flat, Holding};
use stopgate_author::compile::Places;
use stopgate_author::diagnostic::{Code, Diagnostic, Diagnostics};
use stopgate_author::policy::{Operation, Policy, Rule};
use stopgate_author::source::Span;
use stopgate_decide::fact::Fact;
use stopgate_decide::name::{OperationName, RuleId, ToolName};

use crate::proof::solver::{ProofVerdict, Prover, Provers, STACK, Subject};
use crate::proof::{Ask, Limits};
use crate::words::list;

/// Most rules that are named of those with the same finding.
const MOST_NAMED: usize = 8;

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether rules with arithmetic can be evaluated.
    Evaluable,
    /// Also whether each rule can match and changes any decision, and whether monotone facts are.
    Everything,
}

/// Adds every finding to `dx`, and returns whether everything that was asked was also proved or refuted.
pub(super) fn prove(
    policy: &Policy,
    places: &Places,
    depth: Depth,
    limits: &Limits,
    progress: &(dyn Fn(usize, usize) + Sync),
    dx: &mut Diagnostics,
) -> bool {
    let found = std::thread::scope(|scope| {
        let work = || {
            let mut dx = Diagnostics::default();
            let provers = Provers::find(&limits.program, limits.per_slice);
            let complete = Proofs {
                policy,
                places,
                provers: &provers,
                prover: provers.prover(),
                until: Instant::now() + limits.whole,
                workers: limits.workers,
                unproved: BTreeMap::new(),
                complete: true,
                dx: &mut dx,
            }
            .all(depth, progress);
            (dx, complete)
        };
        let worker = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        worker.ok().and_then(|worker| worker.join().ok())
    });
    match found {
        Some((found, complete)) => {
            found.iter().for_each(|one| dx.push(one.clone()));
            complete
        }
        None => {
            if let Some(span) = places.rules.values().next() {
                dx.push(Diagnostic::new(
                    Code::Unproved,
                    *span,
                    "the proofs ended too early",
                    "",
                ));
            }
            false
        }
    }
}

struct Proofs<'a> {
    policy: &'a Policy,
    places: &'a Places,
    provers: &'a Provers,
    prover: Prover<'a>,
    until: Instant,
    workers: usize,
    /// Rules of which something is not proved, by what and why: one cause is told once, whatever it keeps from a proof.
    unproved: BTreeMap<(&'static str, String), Vec<&'a Rule>>,
    /// Nothing is unproved so far.
    complete: bool,
    dx: &'a mut Diagnostics,
}

/// A rule at an operation that it reaches.
type Meeting<'p> = (&'p RuleId, (&'p ToolName, &'p OperationName));

impl<'a> Proofs<'a> {
    /// Asks everything that `depth` wants, and returns whether all of it was answered. Whether rules can be evaluated
    /// comes first, because the other questions leave out rules that may fail.
    fn all(mut self, depth: Depth, progress: &(dyn Fn(usize, usize) + Sync)) -> bool {
        let flat = Flat::new(self.policy, Holding::Profiles);
        let failing = self.failing(&flat, progress);
        if depth == Depth::Everything {
            self.effects(&flat, &failing, progress);
            self.monotone(&flat, &failing);
        }
        self.say_unproved();
        self.complete
    }

    /// Returns every rule of which it is not proved that it can be evaluated, with the operation where it may fail.
    fn failing(
        &mut self,
        flat: &Flat,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> BTreeSet<Meeting<'a>> {
        let none = BTreeSet::new();
        let mut failing = BTreeSet::new();
        for (done, rule) in self.policy.rules.iter().enumerate() {
            progress(done, self.policy.rules.len());
            let body = proof::rule(rule, flat, &none);
            if !body.may_fail() {
                continue;
            }
            for (named, operation) in reached(self.policy, rule) {
                let subject = Self::subject(named, operation, &[], flat);
                let mut guards = proof::domain(operation, &[]);
                guards.extend(proof::refused(flat, operation, operation, 0));
                let behind = body.behind(&guards);
                let mut ask = Ask::new(&mut self.prover, &subject, (self.until, self.until));
                let verdict =
                    ask.ask(|prover, subject, end| prover.never_fails(subject, &behind, end));
                let stopped = ask.stopped(named, [(&rule.id, &body)]);
                if !self.is_evaluable(rule, named, verdict, stopped) {
                    failing.insert((&rule.id, named));
                }
            }
        }
        failing
    }

    /// Returns whether a rule is proved to be evaluable at an operation, and reports it if it is not.
    fn is_evaluable(
        &mut self,
        rule: &'a Rule,
        (tool, name): (&ToolName, &OperationName),
        verdict: ProofVerdict,
        stopped: Option<String>,
    ) -> bool {
        let why = match verdict {
            ProofVerdict::Proved => return true,
            ProofVerdict::Refuted(_) => {
                let message = format!(
                    "it fails to evaluate for some requests of {tool}/{name}, and rejects them"
                );
                let label = "its arithmetic can overflow";
                self.say(rule, Code::RuleMayFail, &message, label);
                return false;
            }
            ProofVerdict::Unknown(why) => why,
            ProofVerdict::Stopped(stop) => stopped.unwrap_or_else(|| stop.to_string()),
        };
        self.unproved(rule, "whether it can be evaluated", why);
        false
    }

    /// Returns what proofs need to know of the requests of an operation: their types, and what somebody can hold.
    fn subject(
        (tool, name): (&ToolName, &OperationName),
        operation: &Operation,
        copied: &[&Fact],
        flat: &Flat,
    ) -> Subject {
        Subject {
            schema: proof::types(tool, name, operation, copied, 0),
            known: flat.known().iter().cloned().collect(),
        }
    }

    fn place(&self, rule: &Rule) -> Option<Span> {
        self.places.rules.get(&rule.id).copied()
    }

    fn say(&mut self, rule: &Rule, code: Code, what: &str, label: &str) {
        if let Some(span) = self.place(rule) {
            let message = format!("`{}`: {what}", rule.id);
            self.dx
                .push(Diagnostic::new(code, span, message, label.to_owned()).help(code.advice()));
        }
    }

    fn unproved(&mut self, rule: &'a Rule, what: &'static str, why: String) {
        self.complete = false;
        let rules = self.unproved.entry((what, why)).or_default();
        if rules.last().is_none_or(|last| last.id != rule.id) {
            rules.push(rule);
        }
    }

    /// Reports what is not proved, once for all rules of which that is so for the same reason.
    fn say_unproved(&mut self) {
        for ((what, why), rules) in std::mem::take(&mut self.unproved) {
            let Some(span) = rules.iter().find_map(|rule| self.place(rule)) else {
                continue;
            };
            let named = rules.iter().take(MOST_NAMED);
            let named = list(named.map(|rule| format!("`{}`", rule.id)));
            let more = match rules.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let message = format!("{named}{more}: {what} is not proved: {why}");
            let found = Diagnostic::new(Code::Unproved, span, message, "not proved");
            self.dx.push(found.help(Code::Unproved.advice()));
        }
    }
}

/// Returns the operations that a rule reaches.
fn reached<'p>(
    policy: &'p Policy,
    rule: &'p Rule,
) -> impl Iterator<Item = ((&'p ToolName, &'p OperationName), &'p Operation)> {
    let tools = policy.tools.iter();
    let all = tools.flat_map(|(tool, described)| {
        described
            .operations
            .iter()
            .map(move |(name, operation)| ((tool, name), operation))
    });
    all.filter(|((tool, name), _)| rule.scope.operations.contains(tool, name))
}
