//! Why a request gets another answer: the rules that it meets, and what became of each of them.

use std::fmt;

use stopgate_author::cedar::Condition;
use stopgate_author::policy::{Operations, Rule, RuleKind};
use stopgate_decide::decide::{MatchKind, MatchedRule};
use stopgate_decide::name::{Location, RuleId};
use stopgate_decide::surface::{Requirement, Surface};

use crate::words::list;

/// A rule that a request meets on one side at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: RuleId,
    /// What kind of rule.
    pub kind: MatchKind,
    /// Its place in the base, if it matched there.
    pub before: Option<Location>,
    /// Its place in head, if it matches there.
    pub after: Option<Location>,
    /// What became of the rule itself.
    pub fate: Fate,
    /// Whether the rule reaches the holder on one side only although it names the same profiles on both: the hierarchy of
    /// profiles or the mapping of groups changed.
    pub moved: bool,
}

/// What a change makes of a rule, whatever that does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is only in head.
    Added,
    /// It is only in the base.
    Deleted,
    /// It is written otherwise. Never empty.
    Changed(Vec<Edit>),
    /// It is the same: what it is asked about is another thing.
    Kept,
}

/// What a rule says otherwise in one of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The part, by the key that states it, such as `when`.
    pub what: &'static str,
    /// What stood there; empty for nothing.
    pub before: String,
    /// What stands there now; empty for nothing.
    pub after: String,
}

impl Cause {
    /// Returns a cause for each rule that matched on either side. Rules that matched on one side only come first, then
    /// rules that were changed. `fate` tells what became of a rule, and `moved` whether the rule reaches other people
    /// although its text names the same ones.
    #[must_use]
    pub(super) fn between(
        before: &[MatchedRule],
        after: &[MatchedRule],
        fate: impl Fn(&RuleId) -> Fate,
        moved: impl Fn(&RuleId) -> bool,
    ) -> Vec<Self> {
        let cause = |rule: &MatchedRule| Self {
            rule: rule.id.clone(),
            kind: rule.kind,
            before: None,
            after: None,
            fate: fate(&rule.id),
            moved: moved(&rule.id),
        };
        let mut causes: Vec<Self> = Vec::new();
        for rule in before {
            causes.push(Self {
                before: Some(rule.location.clone()),
                ..cause(rule)
            });
        }
        for rule in after {
            let place = Some(rule.location.clone());
            match causes.iter_mut().find(|cause| cause.rule == rule.id) {
                Some(cause) => cause.after = place,
                None => causes.push(Self {
                    after: place,
                    ..cause(rule)
                }),
            }
        }
        causes.sort_by_key(|cause| (!cause.is_one_sided(), cause.fate == Fate::Kept));
        causes
    }

    /// Returns the cause for a rule that was added, deleted or changed, wherever the rule matches. It is `None` for a
    /// rule that is the same, and for one in which only the list of operations differs: that difference is told at the
    /// operations it concerns.
    pub(super) fn changed(before: Option<&Rule>, after: Option<&Rule>) -> Option<Self> {
        let fate = Fate::from_rules(before, after);
        let is_told = match &fate {
            Fate::Added | Fate::Deleted => true,
            Fate::Changed(edits) => edits.iter().any(|edit| edit.what != "operations"),
            Fate::Kept => false,
        };
        let rule = after.or(before).filter(|_| is_told)?;
        Some(Self {
            rule: rule.id.clone(),
            kind: match &rule.kind {
                RuleKind::Grant(_) => MatchKind::Grant,
                RuleKind::Raise(_) => MatchKind::Raise,
                RuleKind::Never(_) => MatchKind::Never,
            },
            before: before.map(|rule| rule.location.clone()),
            after: after.map(|rule| rule.location.clone()),
            fate,
            moved: false,
        })
    }

    /// Returns whether the rule matched on one side only.
    #[must_use]
    pub const fn is_one_sided(&self) -> bool {
        self.before.is_none() || self.after.is_none()
    }

    /// Returns whether the rule matches on one side only although its text and the people it reaches are the same. The
    /// reason is then outside of the rule: the facts, the types or the calendar differ.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        self.is_one_sided() && self.fate == Fate::Kept && !self.moved
    }
}

impl Fate {
    /// Returns what became of a rule, given the rule that each side has under the same id.
    pub(super) fn from_rules(before: Option<&Rule>, after: Option<&Rule>) -> Self {
        match (before, after) {
            (None, _) => Self::Added,
            (Some(_), None) => Self::Deleted,
            (Some(before), Some(after)) => {
                // Values decide, and never the texts that are shown of them.
                let is_kept = before.kind == after.kind
                    && before.scope == after.scope
                    && before.condition == after.condition;
                if is_kept {
                    Self::Kept
                } else {
                    Self::Changed(edits(before, after))
                }
            }
        }
    }
}

fn edits(before: &Rule, after: &Rule) -> Vec<Edit> {
    let parts = said(before).into_iter().zip(said(after));
    let parts = parts.map(|((what, before), (_, after))| (what, before, after));
    let when = conditions(before, after).map(|(before, after)| ("when", before, after));
    let edits = parts
        .chain(when)
        .filter(|(_, before, after)| before != after);
    edits
        .map(|(what, before, after)| Edit {
            what,
            before,
            after,
        })
        .collect()
}

/// Returns the conjuncts that only the first condition has and those that only the second one has, each joined by `&&`.
/// Both conditions are returned whole if neither has a conjunct of its own. `None` stands for equal conditions.
fn conditions(before: &Rule, after: &Rule) -> Option<(String, String)> {
    if before.condition == after.condition {
        return None;
    }
    let parts = |rule: &Rule| -> Vec<String> {
        let conjuncts = rule.condition.iter().flat_map(|one| one.conjuncts());
        conjuncts.map(|conjunct| conjunct.text).collect()
    };
    let (before_parts, after_parts) = (parts(before), parts(after));
    let only = |own: &[String], other: &[String]| {
        let own = own.iter().filter(|part| !other.contains(part));
        own.cloned().collect::<Vec<_>>().join(" && ")
    };
    let (was, is) = (
        only(&before_parts, &after_parts),
        only(&after_parts, &before_parts),
    );
    if was != is {
        return Some((was, is));
    }
    let whole = |rule: &Rule| {
        rule.condition
            .as_ref()
            .map_or_else(String::new, Condition::text)
    };
    Some((whole(before), whole(after)))
}

/// Returns what `rule` says for each key of a document of rules except `when`. A key that the rule does not state has
/// an empty text.
fn said(rule: &Rule) -> [(&'static str, String); 10] {
    let none = Surface::BOTTOM;
    let (kind, surface, never) = match &rule.kind {
        RuleKind::Grant(surface) => ("grant", surface, ""),
        RuleKind::Raise(surface) => ("raise", surface, ""),
        RuleKind::Never(reason) => ("never", &none, reason.as_str()),
    };
    let stated = |text: &str| match &rule.kind {
        RuleKind::Never(_) => String::new(),
        RuleKind::Grant(_) | RuleKind::Raise(_) => text.to_owned(),
    };
    let requires = surface.requirements().map(|one| match one {
        Requirement::UserConfirmation => "user_confirmation",
        Requirement::DryRun => "dry_run",
    });
    let rows = surface.max_rows.iter();
    let operations = match &rule.scope.operations {
        Operations::All => "(everything)".to_owned(),
        Operations::Listed(listed) => {
            list(listed.iter().map(|(tool, name)| format!("{tool}/{name}")))
        }
    };
    let scope = &rule.scope;
    let agents = scope.agents.as_ref();
    let agents = agents.map(|agents| list(agents.iter().map(quoted)));
    let profiles = scope.profiles.as_ref().map(list);
    [
        ("kind", kind.to_owned()),
        ("risk", stated(surface.risk.as_str())),
        ("approval", stated(surface.approval.as_str())),
        ("require", list(requires)),
        ("mask", list(surface.masks.iter().map(quoted))),
        (
            "max_rows",
            list(rows.map(|(at, rows)| format!("{}: {rows}", quoted(at)))),
        ),
        ("never", never.to_owned()),
        ("operations", operations),
        ("profiles", {
            let except = match list(&scope.except) {
                except if except.is_empty() => except,
                except => format!(" (except {except})"),
            };
            profiles.unwrap_or_else(|| "(everybody)".to_owned()) + &except
        }),
        (
            "agents",
            agents.unwrap_or_else(|| "(every agent)".to_owned()),
        ),
    ]
}

/// Returns `text` in double quotes with its special characters escaped, so that a text with any content stays one word.
fn quoted(text: impl fmt::Display) -> String {
    format!("{:?}", text.to_string())
}
