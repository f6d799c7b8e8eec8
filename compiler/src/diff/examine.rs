//! One operation under both policies: what is equal is left, the rest is asked of the solver, level by level, and every
//! counterexample is shown by both bundles or counts for nothing.
//!
//! Passing at all is asked first. Where it differs, a level of another part is asked among the attempts that pass on
//! both sides, because elsewhere the answer is known already.

mod evaluable;
mod examination;
mod sample;
mod search;

use std::collections::BTreeSet;

use evaluable::{ComparedSide, prove_evaluable, take_over};
use examination::Examination;
use search::{Search, risk_between};
use stopgate_author::policy::Rule;
use stopgate_decide::name::RuleId;
use stopgate_decide::surface::Risk;

use crate::proof::Ask;
use crate::proof::solver::Prover;

use super::cause::Cause;
use super::context::{Context, Examined, OperationKey};
use super::model::{Cell, Class, Direction};

impl Context<'_> {
    /// Compares the operation `named` on both sides. Without a solver nothing that differs can be decided.
    pub(super) fn examine(&self, named: &OperationKey, prover: &mut Prover<'_>) -> Examined {
        let head = Self::operation(Some(self.head), named);
        let base = Self::operation(self.base, named);
        let Some(head) = head else {
            return Examined {
                change: base.map(|_| self.plain(named, Class::Removed)),
                ..Examined::default()
            };
        };
        // Compared with nothing everything is new, and there is nothing to prove.
        if self.base.is_none() {
            return Examined {
                change: Some(self.plain(named, Class::Added)),
                ..Examined::default()
            };
        }
        match Examination::new(self, named, base, head) {
            Ok(examination) => examination.run(prover),
            Err(why) => {
                let mut change = self.plain(named, Class::Undecided);
                change.undecided.push(why);
                Examined {
                    change: Some(change),
                    compared: true,
                    ..Examined::default()
                }
            }
        }
    }

    /// Returns the result for an operation whose examination did not come to its end: the operation is undecided.
    pub(super) fn unexamined(&self, named: &OperationKey) -> Examined {
        let mut change = self.plain(named, Class::Undecided);
        change
            .undecided
            .push("its examination broke off".to_owned());
        Examined {
            change: Some(change),
            compared: true,
            ..Examined::default()
        }
    }
}

impl<'a> Examination<'a> {
    /// Asks everything that has to be known about the operation, and returns what came of it.
    fn run(mut self, prover: &mut Prover<'_>) -> Examined {
        // 1. A rule of the base without a meaning under head's types cannot be compared: the operation is re-typed.
        if !self.base_rules_fit(prover) {
            return self.finish();
        }
        let mut ask = Ask::new(prover, &self.subject, (self.until, self.context.until));
        // 2. A rule that may fail rejects. The base is asked first: what is proved there is not asked of head.
        let before = self.before.rules.iter();
        let before: BTreeSet<String> = before
            .filter(|rule| rule.may_fail)
            .map(|rule| rule.body.key().to_owned())
            .collect();
        prove_evaluable(
            &mut self.before,
            ComparedSide::Base,
            &mut ask,
            &self.domain,
            self.named,
            &mut self.found,
            &mut self.change,
        );
        take_over(&self.before, &mut self.after, &before);
        prove_evaluable(
            &mut self.after,
            ComparedSide::Head,
            &mut ask,
            &self.domain,
            self.named,
            &mut self.found,
            &mut self.change,
        );
        // 3. The search at every level that a surface of either side names; looser first, in case the time runs out.
        let mut levels = BTreeSet::new();
        self.before.levels(&mut levels);
        self.after.levels(&mut levels);
        for direction in [Direction::Looser, Direction::Stricter] {
            let Search {
                cells,
                undecided,
                notes,
                bugs,
                equal,
                ..
            } = Search::new(&self, direction).levels(&levels, &mut ask);
            for cell in cells {
                let seen =
                    |other: &Cell| other.holder == cell.holder && other.request == cell.request;
                if !self.change.cells.iter().any(seen) {
                    self.change.cells.push(cell);
                }
            }
            self.change.undecided.extend(undecided);
            self.change.notes.extend(notes);
            self.found.bugs.extend(bugs);
            self.found.equal = self.found.equal.saturating_add(equal);
        }
        // 4. What stopped the questions is said once for all of them, with the rule that is to blame if there is one.
        let rules = self.before.rules.iter().chain(&self.after.rules);
        let rules = rules.map(|rule| (&rule.rule.id, &rule.body));
        let (tool, name) = self.named;
        let stopped = ask.stopped((tool, name), rules);
        self.change.undecided.extend(stopped);
        self.finish()
    }

    /// Checks whether every rule of the base has a meaning under head's types; notes those that have none as re-typed.
    fn base_rules_fit(&mut self, prover: &mut Prover<'_>) -> bool {
        let head = &self.maker.head.input;
        let Some(base) = self.base.filter(|base| base.input != *head) else {
            return true;
        };
        // Under head's types an argument that is hidden there looks as if it were never sent: no mistake, and not true.
        let hidden = base.input.hidden_by(head);
        let reads_hidden = |rule: &Rule| {
            let condition = rule.condition.as_ref();
            condition.is_some_and(|one| hidden.iter().any(|name| one.names_member(name)))
        };
        let rules = self.before.rules.iter();
        let fits = match prover.fits(&self.subject, rules.clone().map(|rule| &rule.body)) {
            Ok(fits) => fits,
            Err(why) => {
                let why = format!("whether rules of the base fit the types of now: {why}");
                self.change.undecided.push(why);
                return false;
            }
        };
        let misfits = rules
            .zip(fits)
            .filter(|(rule, fits)| reads_hidden(rule.rule) || !fits)
            .map(|(rule, _)| rule);
        let notes: Vec<String> = misfits
            .map(|rule| {
                format!(
                    "rule {} of the base ({}) reads arguments that have another type now or are hidden, so what it did cannot be compared",
                    rule.rule.id, rule.rule.location
                )
            })
            .collect();
        if notes.is_empty() {
            return true;
        }
        let surfaces = self.before.rules.iter().chain(&self.after.rules);
        let risks = surfaces
            .filter_map(|rule| rule.asks.as_ref())
            .map(|surface| surface.risk);
        self.change.risk = risks.max().unwrap_or(Risk::High);
        self.change.class = Class::Retyped;
        self.change.notes.extend(notes);
        false
    }

    /// Returns a cause for every rule that was changed. A rule that reaches other operations now is deleted here.
    fn changed(&self) -> Vec<Cause> {
        let rules = self.before.rules.iter().chain(&self.after.rules);
        let ids: BTreeSet<&RuleId> = rules.map(|one| &one.rule.id).collect();
        ids.into_iter()
            .filter_map(|rule| Cause::changed(self.before.rule(rule), self.after.rule(rule)))
            .collect()
    }

    /// Puts together what was found: the class, the risk, and every rule that was changed.
    fn finish(mut self) -> Examined {
        self.change.changed = self.changed();
        let Self {
            context,
            base,
            maker,
            mut found,
            mut change,
            ..
        } = self;
        change.cells.sort_by(|a, b| {
            let graver = |cell: &Cell| std::cmp::Reverse(cell.class);
            graver(a)
                .cmp(&graver(b))
                .then_with(|| a.holder.cmp(&b.holder))
        });
        // 1. What only head has is added, unless its function stood in the base's catalog, under another name perhaps.
        if base.is_none() && context.base.is_some() {
            let reach = context.reach.0.as_ref();
            if let Some(risk) = reach.and_then(|reach| reach.risk_of(&maker.head.function)) {
                change.notes.push(format!(
                    "the server's function {} was in the base's catalog: this is an old function under a new name, of risk {risk} there",
                    maker.head.function
                ));
                change.risk = risk;
            } else {
                for cell in &mut change.cells {
                    cell.class = Class::Added;
                }
            }
        }
        // 2. The gravest cell names the class, looser and stricter cells together make both; re-typed is never lowered.
        let classes: BTreeSet<Class> = change.cells.iter().map(|cell| cell.class).collect();
        let both = [Class::Looser, Class::Stricter]
            .iter()
            .all(|class| classes.contains(class));
        let gravest = classes.last().copied().unwrap_or(Class::Same);
        change.class = if both { Class::Both } else { gravest }.max(change.class);
        if base.is_none() {
            change.class = change.class.max(Class::Added);
        }
        // 3. One thing that is not known makes the operation undecided, whatever else was found.
        if !change.undecided.is_empty() {
            change.class = Class::Undecided;
        }
        let looser = change.cells.iter().filter(|cell| cell.class.needs_review());
        let risks = looser.filter_map(|cell| risk_between(&cell.before, &cell.after));
        change.risk = risks.max().unwrap_or(Risk::Low).max(change.risk);
        if change.class != Class::Same || !change.notes.is_empty() {
            found.change = Some(change);
        }
        found
    }
}
