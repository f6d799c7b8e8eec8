//! Whether more of a monotone fact ever asks for less.
//!
//! An operation is compared with itself: two requests that differ in one fact alone, level by level. Wherever the one
//! with more passes at a level the other has to pass there too.

use std::collections::BTreeSet;

use stopgate_author::cedar::proof::{self, Atom, Flat};
use stopgate_author::diagnostic::{Code, Diagnostic};
use stopgate_author::policy::Operation;
use stopgate_decide::fact::Fact;
use stopgate_decide::name::{OperationName, ToolName};

use crate::proof::slice::{Form, Reach, Slice};
use crate::proof::solver::{AtomEffect, Policies, ProofVerdict};
use crate::proof::{Ask, Part};

use super::{Meeting, Proofs};

type OperationRef<'p> = (&'p ToolName, &'p OperationName);

impl Proofs<'_> {
    /// Asks about every fact that the catalog marks. `failing` is what is not proved to be evaluable.
    pub(super) fn monotone(&mut self, flat: &Flat, failing: &BTreeSet<Meeting<'_>>) {
        for (tool, described) in &self.policy.tools {
            for (name, operation) in &described.operations {
                let facts = operation.facts.iter();
                for fact in facts.filter(|fact| operation.monotone.contains(&fact.name)) {
                    self.fact((tool, name), operation, fact, flat, failing);
                }
            }
        }
    }

    /// Asks whether a request with more of `fact` is ever asked for less than one with less of it, level by level.
    fn fact(
        &mut self,
        named: OperationRef<'_>,
        operation: &Operation,
        fact: &Fact,
        flat: &Flat,
        failing: &BTreeSet<Meeting<'_>>,
    ) {
        let (tool, name) = named;
        // Two copies of the same rules: one reads the fact, the other its copy, which is never larger.
        let reach = Reach::new(self.policy);
        let key = (tool.clone(), name.clone());
        let slice = |renamed: &[&str]| {
            let renamed = renamed.iter().copied().collect();
            Slice::new(&reach, (&key, operation), flat, operation, &renamed, 0)
        };
        let (mut more, mut less) = (slice(&[]), slice(&[fact.name.as_str()]));
        for rule in more.rules.iter_mut().chain(&mut less.rules) {
            rule.may_fail = rule.may_fail && failing.contains(&(&rule.rule.id, named));
        }
        // Taken for a rule that rejects, it would hide what the larger request is given.
        if let Some(rule) = more.rules.iter().find(|rule| rule.may_fail) {
            let why = format!("rule {} is not proved to be evaluable", rule.rule.id);
            return self.not_proved(named, fact, &why);
        }
        let subject = Self::subject(named, operation, &[fact], flat);
        let mut domain = proof::domain(operation, &[fact]);
        domain.push(proof::no_more(fact));
        let mut levels = BTreeSet::new();
        more.levels(&mut levels);
        let mut ask = Ask::new(&mut self.prover, &subject, (self.until, self.until));
        let mut found = ProofVerdict::Proved;
        for level in levels {
            let (form, other) = (more.form(&level), less.form(&level));
            // No rule of the level reads the fact.
            if form.is_within(&other) {
                continue;
            }
            let (left, right) = question(&form, &other, &domain);
            found = ask.ask(|prover, subject, end| prover.implies(subject, (&left, &right), end));
            match found {
                ProofVerdict::Proved => {}
                // The first part that is easier says enough.
                ProofVerdict::Refuted(_) => return self.not_monotone(named, fact, &level.part()),
                ProofVerdict::Unknown(_) | ProofVerdict::Stopped(_) => break,
            }
        }
        let rules = more.rules.iter().chain(&less.rules);
        let stopped = ask.stopped(named, rules.map(|rule| (&rule.rule.id, &rule.body)));
        match (found, stopped) {
            (ProofVerdict::Unknown(why), _) | (_, Some(why)) => self.not_proved(named, fact, &why),
            (ProofVerdict::Proved | ProofVerdict::Refuted(_) | ProofVerdict::Stopped(_), None) => {}
        }
    }

    fn not_monotone(&mut self, (tool, name): OperationRef<'_>, fact: &Fact, part: &Part) {
        let fact = &fact.name;
        let message = match part {
            Part::Passing => {
                format!(
                    "{tool}/{name}: an attempt with more `{fact}` passes where one with less is rejected"
                )
            }
            Part::Risk
            | Part::Approval
            | Part::UserConfirmation
            | Part::DryRun
            | Part::Mask(_)
            | Part::MaxRows(_) => {
                format!("{tool}/{name}: an attempt with more `{fact}` is asked for less of {part}")
            }
        };
        self.say_of(
            (tool, name),
            Code::NotMonotone,
            message,
            "a monotone fact of it is not",
        );
    }

    fn not_proved(&mut self, (tool, name): OperationRef<'_>, fact: &Fact, why: &str) {
        self.complete = false;
        let message = format!(
            "{tool}/{name}: whether more `{}` never asks for less is not proved: {why}",
            fact.name
        );
        self.say_of((tool, name), Code::Unproved, message, "not proved");
    }

    fn say_of(&mut self, (tool, name): OperationRef<'_>, code: Code, message: String, label: &str) {
        let place = self.places.operations.get(&(tool.clone(), name.clone()));
        if let Some(span) = place {
            let found = Diagnostic::new(code, *span, message, label.to_owned());
            self.dx.push(found.help(code.advice()));
        }
    }
}

/// Returns a question's two sides: the form of the request with more, kept to the domain, and the form of the request
/// with less.
fn question(more: &Form<'_>, less: &Form<'_>, domain: &[Atom]) -> (Policies, Policies) {
    let (mut left, mut right) = (Policies::default(), Policies::default());
    for (form, side) in [(more, &mut left), (less, &mut right)] {
        for atom in form.permits.values() {
            side.add(atom, AtomEffect::Permit);
        }
        for atom in form.forbids.values() {
            side.add(atom, AtomEffect::Forbid);
        }
    }
    for atom in domain {
        left.add(atom, AtomEffect::Forbid);
    }
    (left, right)
}
