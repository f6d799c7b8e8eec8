//! Every mutant of a policy: each rule, need, mask, bound and floor removed or moved by one step.
//!
//! What `stopgate check` would refuse is no mutant: a condition that no longer has the types of its operations, a raise
//! that asks for nothing. Profiles are not added to rules: the pairs that no case names watch over that.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_author::cedar::{self, Variant};
use stopgate_author::policy::{Floor, Floors, Operation, Operations, Policy, Rule, RuleKind};
use stopgate_author::source::SourceMap;
use stopgate_decide::name::{Location, OperationName, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Risk, Surface};

use super::cut::{self, ReachedOperations};
use super::edit::PolicyEdit;
use super::place;

/// One change of the policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutant {
    /// Where what is changed stands.
    pub location: Location,
    /// What is changed: a rule, an operation of the catalog, or the floors.
    pub subject: String,
    /// How, such as `risk medium becomes low`.
    pub change: String,
}

/// A mutant to judge.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) mutant: Mutant,
    pub(super) edit: PolicyEdit,
}

/// Makes all mutants, grouped by the operations that they reach.
pub(super) fn groups(
    policy: &Policy,
    sources: &SourceMap,
) -> Vec<(ReachedOperations, Vec<Candidate>)> {
    let mut groups: BTreeMap<ReachedOperations, Vec<Candidate>> = BTreeMap::new();
    let everything = cut::everything(policy);
    for rule in &policy.rules {
        groups
            .entry(cut::reach(policy, rule))
            .or_default()
            .extend(of_rule(policy, rule));
    }
    for (tool, described) in &policy.tools {
        for (name, operation) in &described.operations {
            let reach = ReachedOperations::from([(tool.clone(), name.clone())]);
            let candidates = of_operation(tool, name, operation, sources);
            groups.entry(reach).or_default().extend(candidates);
        }
    }
    groups
        .entry(everything)
        .or_default()
        .extend(of_floors(&policy.floors, sources));
    groups.retain(|_, group| !group.is_empty());
    groups.into_iter().collect()
}

/// Makes the mutants of one rule: without it, with its surface moved by a step, with its condition varied, with its
/// scope cut.
fn of_rule(policy: &Policy, rule: &Rule) -> Vec<Candidate> {
    let candidate = |change: String, edit: PolicyEdit| Candidate {
        mutant: Mutant {
            location: rule.location.clone(),
            subject: rule.id.to_string(),
            change,
        },
        edit,
    };
    let mut found = vec![candidate(
        "the rule is removed".to_owned(),
        PolicyEdit::Remove(rule.id.clone()),
    )];
    let mut change = |change: String, edit: &dyn Fn(&mut Rule)| {
        let mut changed = rule.clone();
        edit(&mut changed);
        found.push(candidate(change, PolicyEdit::Rule(Box::new(changed))));
    };
    for (words, surface) in surfaces(&rule.kind) {
        change(words, &|changed| match &mut changed.kind {
            RuleKind::Grant(stated) | RuleKind::Raise(stated) => stated.clone_from(&surface),
            RuleKind::Never(_) => {}
        });
    }
    for variant in typed_variants(policy, rule) {
        let Variant {
            before,
            after,
            condition,
        } = variant;
        let words = match after {
            Some(after) => format!("`{before}` becomes `{after}`"),
            None => format!("`{before}` is left out"),
        };
        change(words, &|changed| changed.condition.clone_from(&condition));
    }
    scope_changes(rule, &mut change);
    found
}

/// Returns the variants of the rule's condition that Cedar's validator accepts as strictly as the repository's own
/// rules.
fn typed_variants(policy: &Policy, rule: &Rule) -> Vec<Variant> {
    let Some(condition) = &rule.condition else {
        return Vec::new();
    };
    let mut alone = cut::cut(policy, &cut::reach(policy, rule));
    let mut variants = condition.variants();
    variants.retain(|variant| {
        let mut changed = rule.clone();
        changed.condition.clone_from(&variant.condition);
        alone.rules = vec![changed];
        cedar::validate(&alone)
            .iter()
            .all(|(_, mistake)| !mistake.code.starts_with("cedar-"))
    });
    variants
}

/// Takes a change: in words, and as what is done to a copy of the rule.
type AddRule<'a> = dyn FnMut(String, &dyn Fn(&mut Rule)) + 'a;

/// Adds a mutant for each name in the rule's scope that can be left out. A rule that would name nobody or nothing is
/// not made: it is the removed rule.
fn scope_changes(rule: &Rule, change: &mut AddRule<'_>) {
    let scope = &rule.scope;
    if let Some(profiles) = scope.profiles.as_ref().filter(|named| named.len() > 1) {
        for profile in profiles {
            change(format!("the profile {profile} is left out"), &|changed| {
                if let Some(named) = &mut changed.scope.profiles {
                    named.remove(profile);
                }
            });
        }
    }
    for profile in &scope.except {
        change(format!("`except` leaves out {profile}"), &|changed| {
            changed.scope.except.remove(profile);
        });
    }
    if let Some(agents) = &scope.agents {
        change("`agents` is left out".to_owned(), &|changed| {
            changed.scope.agents = None;
        });
        for agent in agents.iter().filter(|_| agents.len() > 1) {
            change(format!("`agents` leaves out {agent}"), &|changed| {
                if let Some(agents) = &mut changed.scope.agents {
                    agents.remove(agent);
                }
            });
        }
    }
    // The operations of a Cedar rule may come of a group, which names none of them.
    let by_name = rule.location.file.ends_with(".yaml");
    if let Operations::Listed(listed) = &scope.operations
        && listed.len() > 1
        && by_name
    {
        for operation in listed {
            let (_, name) = operation;
            change(format!("the operation {name} is left out"), &|changed| {
                if let Operations::Listed(listed) = &mut changed.scope.operations {
                    listed.remove(operation);
                }
            });
        }
    }
}

/// Returns what `kind` asks for, moved by one step in one part each time, with words for the change.
fn surfaces(kind: &RuleKind) -> Vec<(String, Surface)> {
    let (stated, grants) = match kind {
        RuleKind::Grant(stated) => (stated, true),
        RuleKind::Raise(stated) => (stated, false),
        RuleKind::Never(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    let mut change = |words: String, edit: &dyn Fn(&mut Surface)| {
        let mut changed = stated.clone();
        edit(&mut changed);
        // A raise that asks for nothing is the removed raise.
        if grants || changed != Surface::BOTTOM {
            found.push((words, changed));
        }
    };
    if grants {
        for risk in beside(Risk::ALL, stated.risk) {
            change(format!("risk {} becomes {risk}", stated.risk), &|changed| {
                changed.risk = risk;
            });
        }
    }
    for approval in beside(Approval::ALL, stated.approval) {
        let words = format!("approval {} becomes {approval}", stated.approval);
        change(words, &|changed| changed.approval = approval);
    }
    if stated.user_confirmation {
        change(
            "user_confirmation is not asked for".to_owned(),
            &|changed| {
                changed.user_confirmation = false;
            },
        );
    }
    if stated.dry_run {
        change("dry_run is not asked for".to_owned(), &|changed| {
            changed.dry_run = false;
        });
    }
    let obligations = (&stated.masks, &stated.max_rows);
    obligation_changes(obligations, &mut |words, edit| {
        change(words, &|changed| {
            edit(&mut changed.masks, &mut changed.max_rows)
        });
    });
    found
}

/// Fields that are hidden, and limits on rows.
type Masks = BTreeSet<Pointer>;
type RowLimits = BTreeMap<Pointer, u32>;

/// Takes a change of obligations: in words, and as what is done to copies of them.
type AddObligation<'a> = dyn FnMut(String, &dyn Fn(&mut Masks, &mut RowLimits)) + 'a;

/// Adds a mutant for each field that is not hidden, and two for each limit on rows: without it, and with one row more.
fn obligation_changes((masks, limits): (&Masks, &RowLimits), change: &mut AddObligation<'_>) {
    for pointer in masks {
        let words = format!("the mask {pointer} is left out");
        change(words, &|masks, _| {
            masks.remove(pointer);
        });
    }
    for (pointer, rows) in limits {
        let words = format!("the row limit of {pointer} is left out");
        change(words, &|_, limits| {
            limits.remove(pointer);
        });
        let more = rows.saturating_add(1);
        let words = format!("{rows} rows of {pointer} become {more}");
        change(words, &|_, limits| {
            limits.insert(pointer.clone(), more);
        });
    }
}

/// Returns the value before `of` in `all` and the one after it, as far as they exist.
fn beside<T: Copy + PartialEq>(all: &[T], of: T) -> impl Iterator<Item = T> + use<'_, T> {
    let at = all.iter().position(|one| *one == of).unwrap_or(all.len());
    let places = [at.checked_sub(1), at.checked_add(1)];
    places
        .into_iter()
        .flatten()
        .filter_map(|place| all.get(place).copied())
}

/// Makes the mutants of an operation's masks and row limits in the catalog.
fn of_operation(
    tool: &ToolName,
    name: &OperationName,
    operation: &Operation,
    sources: &SourceMap,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut change = |change: String, edit: &dyn Fn(&mut Operation)| {
        let mut changed = operation.clone();
        edit(&mut changed);
        found.push(Candidate {
            mutant: Mutant {
                location: place::of_key(
                    sources,
                    &format!("catalog/{tool}.yaml"),
                    &["operations", name.as_str()],
                ),
                subject: format!("{tool}/{name}"),
                change,
            },
            edit: PolicyEdit::Operation(tool.clone(), name.clone(), Box::new(changed)),
        });
    };
    let obligations = (&operation.result_mask, &operation.max_rows);
    obligation_changes(obligations, &mut |words, edit| {
        change(words, &|changed| {
            edit(&mut changed.result_mask, &mut changed.max_rows)
        });
    });
    found
}

/// A floor of the list, to be changed.
type FloorOf = fn(&mut Floors) -> &mut Floor;

/// Makes the mutants in which one part of one floor is left out.
fn of_floors(floors: &Floors, sources: &SourceMap) -> Vec<Candidate> {
    let all: [(&str, FloorOf); 7] = [
        ("low", |floors| &mut floors.low),
        ("medium", |floors| &mut floors.medium),
        ("high", |floors| &mut floors.high),
        ("read", |floors| &mut floors.read),
        ("write", |floors| &mut floors.write),
        ("irreversible", |floors| &mut floors.irreversible),
        ("critical", |floors| &mut floors.critical),
    ];
    let mut found = Vec::new();
    for (name, of) in all {
        let mut copy = *floors;
        let floor = *of(&mut copy);
        let location: Location = place::of_key(sources, "stopgate.yaml", &["floors", name]);
        let lower = [
            (
                format!("risk {} is not asked for", floor.risk),
                Floor {
                    risk: Risk::Low,
                    ..floor
                },
            ),
            (
                format!("approval {} is not asked for", floor.approval),
                Floor {
                    approval: Approval::Automatic,
                    ..floor
                },
            ),
            (
                "user_confirmation is not asked for".to_owned(),
                Floor {
                    user_confirmation: false,
                    ..floor
                },
            ),
            (
                "dry_run is not asked for".to_owned(),
                Floor {
                    dry_run: false,
                    ..floor
                },
            ),
        ];
        for (change, lowered) in lower.into_iter().filter(|(_, lowered)| *lowered != floor) {
            let mut floors = *floors;
            *of(&mut floors) = lowered;
            found.push(Candidate {
                mutant: Mutant {
                    location: location.clone(),
                    subject: format!("floor {name}"),
                    change,
                },
                edit: PolicyEdit::Floors(Box::new(floors)),
            });
        }
    }
    found
}
