//! Rules that come back under another name or in another file, beside the decisions: a later day of review and another
//! owner are told as they are of a rule that stays where it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use stopgate_decide::name::RuleId;
use stopgate_decide::surface::Risk;

use crate::compile::Sources;
use crate::policy::{Operations, Policy, Rule, RuleKind};

use super::{Area, Change, Effect, unbound};

/// What a rule is told apart by here.
const NOTE: &str = "a rule in the place of another";

/// Returns a change for each rule that only `head` has and that takes the place of some that only `base` has: one if it
/// is reviewed later than all of these, and one if none of these had its owner. A rule is in the place of another if it
/// is of the same kind and reaches an operation that the other reached; raises and nevers count as one kind here.
#[must_use]
pub fn replacements(base: (&Policy, &Sources), head: (&Policy, &Sources)) -> Vec<Change> {
    let ((before, before_files), (after, after_files)) = (base, head);
    // The same name in the same file is the same rule, and is compared where it stands.
    let gone: Vec<&Rule> = alone(before, after).collect();
    let mut found = Vec::new();
    for rule in alone(after, before) {
        let replaced = gone.iter().filter(|other| is_in_place_of(rule, other));
        let replaced: Vec<&Rule> = replaced.copied().collect();
        // Whoever takes the place of nothing is a new rule, which the proof judges.
        let Some(last) = replaced.iter().max_by_key(|other| other.review_by) else {
            continue;
        };
        // The latest of the days that are gone: moving one of them further is what has to be seen.
        let dates = (last.review_by.to_string(), rule.review_by.to_string());
        let owners = (last.owner.to_string(), rule.owner.to_string());
        let is_later = rule.review_by > last.review_by;
        let is_new_owner = replaced.iter().all(|other| other.owner != rule.owner);
        for (name, (was, is), effect, differs) in [
            ("owner", owners, Effect::Changed, is_new_owner),
            ("review_by", dates, Effect::Looser, is_later),
        ] {
            if !differs {
                continue;
            }
            let (from, to) = (&last.location, &rule.location);
            let bytes = |files: &Sources, file: &str| files.files().get(file).cloned();
            let change = Change {
                file: to.file.to_string(),
                path: format!("rules[{}].{name}", rule.id),
                field: format!("rules[].{name}"),
                before: Some(was),
                after: Some(is),
                note: Some(NOTE),
                effect,
                area: Area::GuardRails,
                before_at: Some(from.clone()),
                after_at: Some(to.clone()),
                risk: Risk::Medium,
                content: unbound(),
            };
            let (was, is) = (
                bytes(before_files, &from.file),
                bytes(after_files, &to.file),
            );
            found.push(change.between(was.as_deref(), is.as_deref()));
        }
    }
    found
}

/// Returns the rules of `policy` that `other` does not have in the same file under the same name.
fn alone<'p>(policy: &'p Policy, other: &Policy) -> impl Iterator<Item = &'p Rule> {
    let known = other.rules.iter();
    let known: BTreeSet<(RuleId, Arc<str>)> = known
        .map(|rule| (rule.id.clone(), Arc::clone(&rule.location.file)))
        .collect();
    let is_alone = move |rule: &&Rule| {
        let name = (rule.id.clone(), Arc::clone(&rule.location.file));
        !known.contains(&name)
    };
    policy.rules.iter().filter(is_alone)
}

fn is_in_place_of(rule: &Rule, other: &Rule) -> bool {
    let same_kind = match (&rule.kind, &other.kind) {
        (RuleKind::Grant(_), RuleKind::Grant(_)) => true,
        // A guard rail may turn into the other kind.
        (RuleKind::Raise(_) | RuleKind::Never(_), RuleKind::Raise(_) | RuleKind::Never(_)) => true,
        (RuleKind::Grant(_), RuleKind::Raise(_) | RuleKind::Never(_))
        | (RuleKind::Raise(_) | RuleKind::Never(_), RuleKind::Grant(_)) => false,
    };
    same_kind
        && match (&rule.scope.operations, &other.scope.operations) {
            // A rule for everything reaches what any other rule reaches.
            (Operations::All, _) | (_, Operations::All) => true,
            (Operations::Listed(one), Operations::Listed(two)) => !one.is_disjoint(two),
        }
}
