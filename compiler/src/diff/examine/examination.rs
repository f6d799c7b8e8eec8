//! One operation on both sides: its slices, the types and values that questions about it are made with, what a request
//! gets on each side, and what became of the rules that it meets.

use std::collections::BTreeSet;
use std::time::Instant;

use stopgate_author::cedar::proof::{self, Atom};
use stopgate_author::policy::Operation;
use stopgate_decide::json::Json;
use stopgate_decide::name::RuleId;

use crate::proof::slice::Slice;
use crate::proof::slice::said::{self, Decides};
use crate::proof::solver::Subject;
use crate::proof::stage::Trial;
use crate::turns::{around, with};

use super::super::cause::Fate;
use super::super::context::{Context, Examined, OperationKey, Version};
use super::super::model::{Answer, Class, OperationChange};
use super::super::shrink::Known;
use super::super::witness::{Maker, instants};
use super::sample::sample;

/// One operation on both sides, ready to be asked about, and what was found of it so far.
pub(super) struct Examination<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) named: &'a OperationKey,
    pub(super) base: Option<&'a Operation>,
    pub(super) subject: Subject,
    pub(super) before: Slice<'a>,
    pub(super) after: Slice<'a>,
    pub(super) domain: Vec<Atom>,
    pub(super) maker: Maker<'a>,
    pub(super) known: Known,
    pub(super) found: Examined,
    pub(super) change: OperationChange,
    pub(super) until: Instant,
}

impl<'a> Examination<'a> {
    /// Prepares an operation: both slices under head's types, and what requests of it are rebuilt with.
    ///
    /// # Errors
    /// Why its slice cannot be signed, in words.
    pub(super) fn new(
        context: &'a Context<'a>,
        named: &'a OperationKey,
        base: Option<&'a Operation>,
        head: &'a Operation,
    ) -> Result<Self, String> {
        // 1. One set of types for both sides: head's, with a copy of each fact that the base computes otherwise, and a
        // flag for each kind of input that only head accepts.
        let (tool, name) = named;
        let base_facts = base.map_or_else(Vec::new, |base| proof::renamed_facts(base, head));
        let longest = context.head.policy.input_bytes;
        let flags = base.map_or_else(Vec::new, |base| head.input.widenings(&base.input, longest));
        let schema = proof::types(tool, name, head, &base_facts, flags.len());
        let names: BTreeSet<&str> = base_facts.iter().map(|fact| fact.name.as_str()).collect();
        // 2. What each side says. The base's rules read the copies of facts; a side without the operation says nothing.
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
        // 3. What requests are rebuilt with: everything that somebody may hold on either side, and values that people
        // know.
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
        // 4. What a signature of the change would be bound to, before anything is proved: it hangs on no solver.
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

    /// Returns the answers that `trial` gets under the base and under head.
    pub(super) fn answers(&self, trial: &Trial) -> (Answer, Answer) {
        let (before, after) = &self.context.stages;
        let (tool, operation) = self.named;
        let at = (tool, operation);
        (before.answer(at, trial).0, after.answer(at, trial).0)
    }

    /// Returns requests like `trial` made by who holds `held`, with the numbers of rules that name one of `held`.
    pub(super) fn near(&self, trial: &Trial, held: BTreeSet<String>) -> Vec<Trial> {
        let quoted = held
            .iter()
            .map(|one| serde_json::Value::from(one.as_str()).to_string());
        let quoted: Vec<String> = quoted.collect();
        let rules = self.before.rules.iter().chain(&self.after.rules);
        let rules = rules.filter(|rule| quoted.iter().any(|one| rule.body.key().contains(one)));
        let conditions = rules.filter_map(|rule| rule.rule.condition.as_ref());
        let numbers = around(conditions.flat_map(|one| one.constants().numbers));
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

    /// Returns what became of the rule with the id `rule`. A rule that does not reach this operation on a side is
    /// looked for in that side's whole policy.
    pub(super) fn fate(&self, rule: &RuleId) -> Fate {
        let policy = |version: Version<'a>| version.policy.rules.iter().find(|one| one.id == *rule);
        let before = self
            .before
            .rule(rule)
            .or_else(|| policy(self.context.base?));
        let after = self.after.rule(rule).or_else(|| policy(self.context.head));
        Fate::from_rules(before, after)
    }

    /// Returns whether a rule that both sides have reaches somebody who holds `held` on one side only, although the
    /// profiles that its text names are the same.
    pub(super) fn moved(&self, rule: &RuleId, held: &BTreeSet<String>) -> bool {
        let (Some(before), Some(after)) = (self.before.rule(rule), self.after.rule(rule)) else {
            return false;
        };
        let (before, after) = (&before.scope, &after.scope);
        let (base, head) = &self.context.flat;
        (&before.profiles, &before.except) == (&after.profiles, &after.except)
            && base.is_reached(before, held) != head.is_reached(after, held)
    }
}
