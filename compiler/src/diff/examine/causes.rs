//! What became of a rule, and of whom it reaches: the causes of what is shown.

use std::collections::BTreeSet;

use stopgate_decide::name::RuleId;

use crate::diff::cause::Fate;

use super::{Examination, Version};

impl<'a> Examination<'a> {
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
