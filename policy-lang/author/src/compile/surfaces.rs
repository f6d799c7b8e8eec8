//! What rules ask for, beside the floors and the catalog: nothing below a floor, no dry run that cannot be had, no
//! exception from nothing.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::{OperationName, ProfileName, ToolName};
use stopgate_decide::surface::{Approval, Risk, Surface};

use crate::diagnostic::{Diagnostics, rules as facts};
use crate::policy::{DryRun, Floors, Profile, RuleKind};
use crate::source::Span;

use super::drafts::Draft;
use super::names::Names;

pub(super) fn check(
    drafts: &[Draft],
    floors: Option<Floors>,
    names: &Names,
    profiles: Option<&BTreeMap<ProfileName, Profile>>,
    dx: &mut Diagnostics,
) {
    for draft in drafts {
        match (&draft.rule.kind, floors) {
            (RuleKind::Grant(stated), Some(floors)) => grant(draft, stated, &floors, names, dx),
            (RuleKind::Grant(_) | RuleKind::Raise(_) | RuleKind::Never(_), _) => {}
        }
        if let Some(span) = draft.dry_run {
            explicit_dry_run(draft, span, names, dx);
        }
        if let Some(profiles) = profiles {
            exceptions(draft, profiles, dx);
        }
    }
}

/// Reports a grant that asks for less than a floor, once for each part. Of the floors of its operations the strictest
/// is named. A floor's dry run that the catalog says nothing about is reported too.
fn grant(draft: &Draft, stated: &Surface, floors: &Floors, names: &Names, dx: &mut Diagnostics) {
    // A rule on several operations is told once for each part, with the strictest floor: mending that mends all.
    let mut least_risk: Option<(Risk, &OperationName)> = None;
    let mut least_approval: Option<(Approval, &OperationName)> = None;
    for ((tool, operation), span) in &draft.operations {
        let Some(known) = names.known(tool, operation) else {
            continue;
        };
        // By the stated risk: a floor can raise it, and the floor of the raised risk counts too (`Floors::at`).
        let floor = floors.at(stated.risk, known.effect);
        if floor.risk > stated.risk && least_risk.is_none_or(|(risk, _)| floor.risk > risk) {
            least_risk = Some((floor.risk, operation));
        }
        if floor.approval > stated.approval
            && least_approval.is_none_or(|(approval, _)| floor.approval > approval)
        {
            least_approval = Some((floor.approval, operation));
        }
        // What the rule asks for itself is looked at below, with a better place.
        if floor.dry_run && draft.dry_run.is_none() && known.dry_run == Some(DryRun::Unstated) {
            dx.push(missing(*span, tool, operation, "the floor"));
        }
    }
    if let Some((floor, operation)) = least_risk {
        dx.push(facts::below_floor(
            draft.risk,
            "risk",
            stated.risk.as_str(),
            floor.as_str(),
            operation.as_str(),
        ));
    }
    if let Some((floor, operation)) = least_approval {
        let stated = stated.approval.as_str();
        dx.push(facts::below_floor(
            draft.approval,
            "approval",
            stated,
            floor.as_str(),
            operation.as_str(),
        ));
    }
}

fn explicit_dry_run(draft: &Draft, span: Span, names: &Names, dx: &mut Diagnostics) {
    for ((tool, operation), _) in &draft.operations {
        match names.known(tool, operation).map(|known| &known.dry_run) {
            Some(Some(DryRun::Unstated)) => dx.push(missing(span, tool, operation, "this rule")),
            Some(Some(DryRun::None { .. })) => {
                dx.push(facts::dry_run_waived(
                    span,
                    tool.as_str(),
                    operation.as_str(),
                ));
            }
            // Unknown operations and broken documents were told of where they stand.
            Some(Some(DryRun::By(_)) | None) | None => {}
        }
    }
}

fn missing(
    span: Span,
    tool: &ToolName,
    operation: &OperationName,
    asker: &str,
) -> crate::diagnostic::Diagnostic {
    facts::dry_run_missing(span, tool.as_str(), operation.as_str(), asker)
}

/// Reports excepted profiles that the rule does not reach, neither by name nor by what they inherit.
fn exceptions(draft: &Draft, profiles: &BTreeMap<ProfileName, Profile>, dx: &mut Diagnostics) {
    let Some(reached) = &draft.rule.scope.profiles else {
        return;
    };
    for excepted in &draft.except {
        // An exception that excepts nobody is a misunderstanding, and it reads like a restriction.
        if closure(&excepted.value, profiles).is_disjoint(&reached.iter().collect()) {
            dx.push(facts::except_unreached(
                excepted.span,
                excepted.value.as_str(),
            ));
        }
    }
}

/// Returns a profile and all that it inherits.
fn closure<'a>(
    profile: &'a ProfileName,
    profiles: &'a BTreeMap<ProfileName, Profile>,
) -> BTreeSet<&'a ProfileName> {
    let mut closure = BTreeSet::new();
    let mut open = vec![profile];
    while let Some(name) = open.pop() {
        if closure.insert(name) {
            open.extend(
                profiles
                    .get(name)
                    .iter()
                    .flat_map(|profile| &profile.inherits),
            );
        }
    }
    closure
}
