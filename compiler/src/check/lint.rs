//! What can be said of a valid policy without a proof: grants that no channel lets through, operations that nobody may
//! use, rules whose review is overdue, reviews that nobody signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use stopgate_author::compile::Places;
use stopgate_author::diagnostic::{Code, Diagnostic, Diagnostics};
use stopgate_author::policy::{Operations, Policy, Rule, RuleKind};
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::surface::Limit;

use crate::review::{FOLDER, Reviews};
use crate::words::path;

/// Adds every finding to `dx`. `today` is the day on which reviews are overdue or not; a signed review in `reviews`
/// moves the day of the rules that it lists.
pub(super) fn lint(
    policy: &Policy,
    places: &Places,
    (reviews, folder): (&Reviews, &Path),
    today: Date,
    dx: &mut Diagnostics,
) {
    let grants = || {
        let rules = policy.rules.iter();
        rules.filter(|rule| matches!(rule.kind, RuleKind::Grant(_)))
    };
    for rule in grants() {
        if let (Some((class, highest)), Some(span)) = (
            above_every_ceiling(policy, rule),
            places.rules.get(&rule.id),
        ) {
            let message = format!(
                "no channel lets `{}` through: it is of class {class}, and the highest ceiling is {highest}",
                rule.id
            );
            dx.push(
                Diagnostic::new(Code::AboveEveryCeiling, *span, message, "has no effect")
                    .help("raise a ceiling in stopgate.yaml if it is meant to have one, or delete the rule"),
            );
        }
    }
    let granted: BTreeSet<_> = grants().flat_map(operations).collect();
    for (named, span) in &places.operations {
        let (tool, name) = named;
        if !granted.contains(named) {
            let message = format!("no rule grants {tool}/{name} to anybody");
            dx.push(
                Diagnostic::new(
                    Code::OperationWithoutRule,
                    *span,
                    message,
                    "always rejected",
                )
                .help(format!(
                    "write a rule for it in rules/{tool}.yaml, or list its function under `unused`"
                )),
            );
        }
    }
    overdue(policy, places, reviews, today, dx);
    unsigned(places, (reviews, folder), today, dx);
}

/// Reviews that would still move a day if they were signed.
fn unsigned(
    places: &Places,
    (reviews, folder): (&Reviews, &Path),
    today: Date,
    dx: &mut Diagnostics,
) {
    let unsigned = reviews.reviews.iter().filter(|one| !one.is_signed());
    for reviewed in unsigned.filter(|one| one.review.next >= today) {
        let id = &reviewed.review.id;
        let Some(span) = places.reviews.get(id) else {
            continue;
        };
        let signers = &reviewed.signers;
        let elsewhere = signers.elsewhere.first();
        let why = match (signers.spoilt.first(), reviewed.needed) {
            (Some(spoilt), _) => spoilt.to_string(),
            (None, Some(_)) if let Some(elsewhere) = elsewhere => elsewhere.to_string(),
            (None, Some(needed)) => {
                format!(
                    "{} of {needed} reviewers signed it",
                    signers.reviewers.len()
                )
            }
            (None, None) => "there is no trust root that names reviewers".to_owned(),
        };
        let message = format!("`{id}` moves no day: {why}");
        let file = path(folder, &format!("{FOLDER}/{id}.yaml"));
        dx.push(
            Diagnostic::new(Code::ReviewNotSigned, *span, message, "counts for nothing").help(
                format!(
                    "commit it, let reviewers sign it (`stopgate sign {file} --review --key KEY`), and commit the \
                     signatures"
                ),
            ),
        );
    }
}

/// Reports rules whose review is overdue, in one finding for each file and day, because a file's rules are looked at
/// together.
fn overdue(policy: &Policy, places: &Places, reviews: &Reviews, today: Date, dx: &mut Diagnostics) {
    let mut late: BTreeMap<(&str, Date), Vec<&Rule>> = BTreeMap::new();
    for rule in &policy.rules {
        let day = reviews.review_by(&rule.id, rule.review_by);
        if day < today {
            late.entry((&rule.location.file, day))
                .or_default()
                .push(rule);
        }
    }
    for ((_, day), rules) in late {
        let first = rules
            .first()
            .and_then(|rule| Some((*rule, *places.rules.get(&rule.id)?)));
        let Some((first, span)) = first else { continue };
        let others = match rules.len() {
            1 => String::new(),
            count => format!(" and {} more of this file", count.saturating_sub(1)),
        };
        let message = format!("`{}`{others} had to be looked at again by {day}", first.id);
        dx.push(
            Diagnostic::new(Code::ReviewOverdue, span, message, "its review is overdue").help(
                "look at it again and move `review_by`, or commit reviews/ID.yaml and let the reviewers sign it",
            ),
        );
    }
}

fn operations(rule: &Rule) -> impl Iterator<Item = &(ToolName, OperationName)> {
    let listed = match &rule.scope.operations {
        Operations::Listed(listed) => Some(listed),
        // Grants always name their operations.
        Operations::All => None,
    };
    listed.into_iter().flatten()
}

/// Returns the lowest class that a grant has at any of its operations, and the highest ceiling of a channel there.
/// `None` means that some channel lets the grant through somewhere.
fn above_every_ceiling(policy: &Policy, rule: &Rule) -> Option<(Limit, Limit)> {
    let mut found: Option<(Limit, Limit)> = None;
    for (tool, name) in operations(rule) {
        let operation = policy.operation(tool, name)?;
        let class = policy.surface(rule, operation)?.class(operation.effect);
        let ceilings = policy.channels.values();
        let highest = ceilings
            .map(|ceiling| ceiling.limit_for(tool.as_str()))
            .max()?;
        if class <= highest {
            return None;
        }
        if found.is_none_or(|(lowest, _)| class < lowest) {
            found = Some((class, highest));
        }
    }
    found
}
