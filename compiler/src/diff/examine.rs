//! One operation under both policies: what is equal is left, the rest is asked of the solver, level by level, and every
//! counterexample is shown by both bundles or counts for nothing.
//!
//! Passing at all is asked first. Where it differs, a level of another part is asked among the attempts that pass on
//! both sides, because elsewhere the answer is known already.

mod causes;
mod evaluable;
mod sample;
mod search;

use std::collections::BTreeSet;
use std::time::Instant;

use stopgate_author::cedar::proof::{self, Atom, Flat, Holding};
use stopgate_author::policy::{Operation, Policy, Rule};
use stopgate_author::testing::TestSuite;
use stopgate_decide::digest::Digest;
use stopgate_decide::json::Json;
use stopgate_decide::name::{OperationName, RuleId, ToolName};
use stopgate_decide::surface::Risk;

use crate::mutants::input::with;
use crate::solver::{Prover, Subject};

use super::cause::Cause;
use super::model::{Answer, Bug, Cell, Class, Direction, Failing, OperationChange};
use super::shrink::Known;
use super::slice::said::{self, Decides};
use super::slice::{Reach, Slice};
use super::stage::{Stage, Trial};
use super::witness::{Maker, instants};
pub(crate) use evaluable::Ask;
use evaluable::{ComparedSide, prove_evaluable, take_over};
use sample::sample;
use search::{Search, risk_between};

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// What it says.
    pub policy: &'a Policy,
    /// Its decision tables, for samples.
    pub suites: &'a [TestSuite],
}

/// What every operation is examined with.
pub(super) struct Context<'a> {
    pub(super) base: Option<Version<'a>>,
    pub(super) head: Version<'a>,
    pub(super) holding: Holding,
    pub(super) flat: (Flat, Flat),
    /// Whether the same is held on both sides and leads to the same.
    pub(super) same_people: bool,
    pub(super) reach: (Option<Reach<'a>>, Reach<'a>),
    pub(super) stages: (Stage, Stage),
    pub(super) until: Instant,
    pub(super) per_slice: std::time::Duration,
}

/// What came of an operation.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) change: Option<OperationChange>,
    pub(super) failing: Vec<Failing>,
    pub(super) bugs: Vec<Bug>,
    pub(super) compared: bool,
    pub(super) equal: usize,
}

/// An operation that one of the sides has at least.
pub(super) type OperationKey = (ToolName, OperationName);

impl Context<'_> {
    fn operation<'p>(of: Option<Version<'p>>, named: &OperationKey) -> Option<&'p Operation> {
        of.and_then(|version| version.policy.operation(&named.0, &named.1))
    }

    /// Returns whether both sides are sure to decide every attempt on `named` alike; asks no solver.
    pub(super) fn is_same(&self, named: &OperationKey) -> bool {
        let (Some(base), Some(head)) = (
            Self::operation(self.base, named),
            Self::operation(Some(self.head), named),
        ) else {
            return false;
        };
        let (Some(before), after) = &self.reach else {
            return false;
        };
        let same_types =
            base.input == head.input && base.facts == head.facts && base.select == head.select;
        if !same_types {
            return false;
        }
        // Most operations are written alike on both sides, which says as much as their trees would.
        let (own, others) = (before.rules(named), after.rules(named));
        let alike = |(one, other): (&&Rule, &&Rule)| {
            let base = self
                .base
                .and_then(|version| version.policy.surface(one, base));
            std::mem::discriminant(&one.kind) == std::mem::discriminant(&other.kind)
                && base == self.head.policy.surface(other, head)
                && proof::alike(one, other)
        };
        let all = own.len() == others.len() && own.iter().zip(&others).all(alike);
        (self.same_people && all) || {
            let none = BTreeSet::new();
            let before = Slice::new(before, (named, base), &self.flat.0, head, &none, 0);
            let after = Slice::new(after, (named, head), &self.flat.1, head, &none, 0);
            before.fingerprint() == after.fingerprint()
        }
    }

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

    fn plain(&self, named: &OperationKey, class: Class) -> OperationChange {
        let (tool, operation) = named;
        OperationChange {
            tool: tool.clone(),
            operation: operation.clone(),
            class,
            slice: Digest::compute(b""),
            risk: Risk::Low,
            money: Self::operation(Some(self.head), named)
                .or_else(|| Self::operation(self.base, named))
                .map(|described| described.money.clone())
                .unwrap_or_default(),
            cells: Vec::new(),
            changed: Vec::new(),
            undecided: Vec::new(),
            notes: Vec::new(),
        }
    }
}

struct Examination<'a> {
    context: &'a Context<'a>,
    named: &'a OperationKey,
    base: Option<&'a Operation>,
    subject: Subject,
    before: Slice<'a>,
    after: Slice<'a>,
    domain: Vec<Atom>,
    maker: Maker<'a>,
    known: Known,
    found: Examined,
    change: OperationChange,
    until: Instant,
}

impl<'a> Examination<'a> {
    fn new(
        context: &'a Context<'a>,
        named: &'a OperationKey,
        base: Option<&'a Operation>,
        head: &'a Operation,
    ) -> Result<Self, String> {
        let (tool, name) = named;
        let base_facts = base.map_or_else(Vec::new, |base| proof::renamed_facts(base, head));
        let longest = context.head.policy.input_bytes;
        let flags = base.map_or_else(Vec::new, |base| head.input.widenings(&base.input, longest));
        let schema = proof::types(tool, name, head, &base_facts, flags.len());
        let names: BTreeSet<&str> = base_facts.iter().map(|fact| fact.name.as_str()).collect();
        let (base_flat, head_flat) = &context.flat;
        let (base_reach, head_reach) = &context.reach;
        let before = match (base_reach, base) {
            (Some(reach), Some(base)) => {
                Slice::new(reach, (named, base), base_flat, head, &names, flags.len())
            }
            _ => Slice::nothing(),
        };
        let none = BTreeSet::new();
        let after = Slice::new(head_reach, (named, head), head_flat, head, &none, 0);
        let known: BTreeSet<&String> = base_flat.known().union(head_flat.known()).collect();
        let (sample, now) = sample(context, named, head);
        let conditions = before.rules.iter().chain(&after.rules);
        let conditions: Vec<_> = conditions
            .filter_map(|rule| rule.rule.condition.as_ref())
            .collect();
        let calendars: Vec<_> = [context.base, Some(context.head)]
            .into_iter()
            .flatten()
            .map(|version| &version.policy.calendar)
            .collect();
        let named_instants = conditions.iter().flat_map(|one| one.constants().texts);
        let named_instants = named_instants.filter_map(|text| text.parse().ok());
        let maker = Maker {
            head,
            base_facts: base_facts.clone(),
            flags,
            sample: sample.clone(),
            instants: instants(now, named_instants, &calendars),
            calendars,
        };
        let mut change = context.plain(named, Class::Same);
        let domain = proof::domain(head, &base_facts);
        let was = base.map(|operation| Decides {
            slice: &before,
            operation,
            flat: base_flat,
        });
        let is = Decides {
            slice: &after,
            operation: head,
            flat: head_flat,
        };
        let slice = said::digest(context.holding, was, is);
        change.slice = slice.map_err(|unknown| unknown.to_string())?;
        let known_values = Known::new(sample, maker.instants.first().copied(), conditions);
        Ok(Self {
            subject: Subject {
                schema,
                known: known.into_iter().cloned().collect(),
            },
            until: context.until.min(Instant::now() + context.per_slice),
            context,
            named,
            base,
            before,
            after,
            domain,
            maker,
            known: known_values,
            found: Examined {
                compared: true,
                ..Examined::default()
            },
            change,
        })
    }
}

impl<'a> Examination<'a> {
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
            let cells = Search {
                examination: &self,
                direction,
                cells: Vec::new(),
                undecided: BTreeSet::new(),
                notes: BTreeSet::new(),
                bugs: Vec::new(),
                equal: 0,
                proved: BTreeSet::new(),
            }
            .levels(&levels, &mut ask);
            let Search {
                cells,
                undecided,
                notes,
                bugs,
                equal,
                ..
            } = cells;
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

    /// Returns the answers that `trial` gets under the base and under head.
    fn answers(&self, trial: &Trial) -> (Answer, Answer) {
        let (before, after) = &self.context.stages;
        let (tool, operation) = self.named;
        let at = (tool, operation);
        (before.answer(at, trial).0, after.answer(at, trial).0)
    }

    /// Returns requests like `trial` made by who holds `held`, with the numbers of rules that name one of `held`.
    fn near(&self, trial: &Trial, held: BTreeSet<String>) -> Vec<Trial> {
        let quoted = held
            .iter()
            .map(|one| serde_json::Value::from(one.as_str()).to_string());
        let quoted: Vec<String> = quoted.collect();
        let rules = self.before.rules.iter().chain(&self.after.rules);
        let rules = rules.filter(|rule| quoted.iter().any(|one| rule.body.key().contains(one)));
        let conditions = rules.filter_map(|rule| rule.rule.condition.as_ref());
        let numbers: BTreeSet<i64> = conditions
            .flat_map(|condition| condition.constants().numbers)
            .flat_map(|number| [number.saturating_sub(1), number, number.saturating_add(1)])
            .collect();
        let by_them = Trial {
            held,
            ..trial.clone()
        };
        let mut all = vec![by_them.clone()];
        for (name, value) in trial.input.as_object().unwrap_or_default() {
            if let Json::Integer(_) = value {
                let path = [name.clone()];
                let changed = numbers.iter().map(|number| Trial {
                    input: with(&trial.input, &path, Some(&Json::Integer(*number))),
                    ..by_them.clone()
                });
                all.extend(changed);
            }
        }
        all
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
