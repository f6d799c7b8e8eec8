//! What takes a proof: that rules can always be evaluated, that each can match and has an effect, and that more of a
//! monotone fact asks for no less.
//!
//! A rule that fails rejects every attempt that it reaches, so that is an error. Only arithmetic can fail, and most
//! rules have none: they are asked about nothing. The rest is asked for where proofs are required.

mod effect;
mod monotone;

use std::collections::BTreeSet;
use std::time::Instant;

use stopgate_lang::cedar::proof::{self, Flat, Holding};
use stopgate_lang::compile::Places;
use stopgate_lang::diagnostic::{Code, Diagnostic, Diagnostics};
use stopgate_lang::name::{OperationName, RuleId, ToolName};
use stopgate_lang::policy::{Operation, Policy, Rule};
use stopgate_lang::source::Span;

use crate::diff::Limits;
use crate::solver::{INSTALL, NoSolver, Prover, STACK, Solver, Subject, Verdict};

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether rules with arithmetic can be evaluated.
    Evaluable,
    /// Also whether each rule can match and changes any decision, and whether monotone facts are.
    Everything,
}

/// Adds every finding; whether everything that was asked was also proved or refuted.
pub(super) fn prove(
    policy: &Policy,
    places: &Places,
    depth: Depth,
    limits: Limits,
    progress: &(dyn Fn(usize, usize) + Sync),
    dx: &mut Diagnostics,
) -> bool {
    let found = std::thread::scope(|scope| {
        let work = || {
            let mut dx = Diagnostics::default();
            let complete = Proofs {
                policy,
                places,
                solver: Solver::find(limits.per_slice),
                prover: None,
                until: Instant::now() + limits.whole,
                limits,
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
                    "the proofs broke off",
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
    solver: Result<Solver, NoSolver>,
    prover: Option<Prover>,
    until: Instant,
    limits: Limits,
    /// Nothing is unproved so far.
    complete: bool,
    dx: &'a mut Diagnostics,
}

/// A rule at an operation that it reaches.
type Meeting<'p> = (&'p RuleId, (&'p ToolName, &'p OperationName));

impl<'a> Proofs<'a> {
    fn all(mut self, depth: Depth, progress: &(dyn Fn(usize, usize) + Sync)) -> bool {
        let flat = Flat::of(self.policy, Holding::Profiles);
        let failing = self.failing(&flat, progress);
        if depth == Depth::Everything {
            self.effects(&flat, &failing, progress);
            self.monotone(&flat, &failing);
        }
        self.complete
    }

    /// Every rule of which it is not proved that it can be evaluated, with where.
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
                let Some(subject) = self.subject(rule, named, operation, flat) else {
                    failing.insert((&rule.id, named));
                    continue;
                };
                let mut guards = proof::domain(operation, &[]);
                guards.extend(proof::refused(flat, operation, operation, 0));
                let verdict = self.ask(|prover| prover.never_fails(&subject, &body, &guards));
                if !self.is_evaluable(rule, named, verdict) {
                    failing.insert((&rule.id, named));
                }
            }
        }
        failing
    }

    fn is_evaluable(
        &mut self,
        rule: &Rule,
        named: (&ToolName, &OperationName),
        verdict: Verdict,
    ) -> bool {
        match verdict {
            Verdict::Proved => true,
            Verdict::Refuted(_) => {
                let (tool, name) = named;
                let message = format!(
                    "it fails to evaluate for some requests of {tool}/{name}, and rejects them"
                );
                self.say(
                    rule,
                    Code::RuleMayFail,
                    &message,
                    "its arithmetic can overflow",
                );
                false
            }
            Verdict::Unknown(why) => {
                self.unproved(rule, "whether it can be evaluated", &why);
                false
            }
        }
    }

    fn subject(
        &mut self,
        rule: &Rule,
        (tool, name): (&ToolName, &OperationName),
        operation: &Operation,
        flat: &Flat,
    ) -> Option<Subject> {
        match proof::request(tool, name, operation, &[], 0) {
            Ok((schema, environment)) => Some(Subject {
                schema,
                environment,
                known: flat.known().iter().cloned().collect(),
            }),
            Err(why) => {
                self.unproved(rule, "anything", &why);
                None
            }
        }
    }

    fn ask(&mut self, question: impl FnOnce(&mut Prover) -> Verdict) -> Verdict {
        if Instant::now() > self.until {
            return Verdict::Unknown("the time for proofs was over".to_owned());
        }
        if self.prover.is_none() {
            match &self.solver {
                Ok(solver) => self.prover = Prover::new(solver.clone()).ok(),
                Err(error) => return Verdict::Unknown(format!("{error}; {INSTALL}")),
            }
        }
        match &mut self.prover {
            Some(prover) => question(prover),
            None => Verdict::Unknown("the solver could not be started".to_owned()),
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

    fn unproved(&mut self, rule: &Rule, what: &str, why: &str) {
        self.complete = false;
        if let Some(span) = self.place(rule) {
            let message = format!("`{}`: {what} is not proved: {why}", rule.id);
            self.dx.push(
                Diagnostic::new(Code::Unproved, span, message, "not proved")
                    .help(Code::Unproved.advice()),
            );
        }
    }
}

/// The operations that a rule reaches.
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
