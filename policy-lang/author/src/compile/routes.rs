//! Routes beside rules: whatever a rule asks people for, exactly one route answers.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::routing::{Route, Seat, most_specific};
use stopgate_decide::surface::Approval;

use crate::diagnostic::{Diagnostics, approvals as facts};
use crate::document::approvals::{ApprovalsDoc, RouteDoc};
use crate::policy::{Floors, RuleKind};
use crate::source::Span;

use super::drafts::Draft;
use super::names::Names;

/// Returns the routes that name only what exists, and reports operations for which no route answers, or more than one.
pub(super) fn check(
    doc: Option<&ApprovalsDoc>,
    drafts: &[Draft],
    floors: Option<Floors>,
    names: &Names,
    dx: &mut Diagnostics,
) -> Vec<Route> {
    let Some(doc) = doc else { return Vec::new() };
    let mut places: BTreeMap<&str, Span> = BTreeMap::new();
    let mut routes = Vec::new();
    for route in &doc.routes {
        if let Some(first) = places.get(route.id.value.as_str()) {
            dx.push(facts::duplicate_route(
                route.id.span,
                route.id.value.as_str(),
                *first,
            ));
            // The first of the two answers.
            continue;
        }
        places.insert(route.id.value.as_str(), route.id.span);
        routes.push(checked(route, names, dx));
    }
    let sound = doc.routes_sound && routes.iter().all(Option::is_some);
    let routes: Vec<Route> = routes.into_iter().flatten().collect();
    // A route that could not be read may be the one that answers.
    if let (true, Some(floors), Some(end)) = (sound, floors, doc.routes_span) {
        let mut said = BTreeSet::new();
        for ((level, tool, operation), asked) in asked(drafts, &floors, names) {
            let what = format!("{tool}/{operation} at level {level}");
            match most_specific(&routes, level, tool, operation).as_slice() {
                [_] => {}
                // Told once for each tool and level: one route mends all of its operations.
                [] if said.insert((level, tool.as_str(), "")) => dx.push(facts::no_route(
                    asked,
                    level.as_str(),
                    &format!("{tool}/{operation}"),
                    end,
                )),
                // And once for each pair of routes.
                [one, other, ..] if said.insert((level, one.id.as_str(), other.id.as_str())) => {
                    let place = |route: &Route| {
                        let known = places.get(route.id.as_str());
                        known.copied().unwrap_or(end)
                    };
                    dx.push(facts::ambiguous_route(
                        place(other),
                        other.id.as_str(),
                        place(one),
                        one.id.as_str(),
                        &what,
                    ));
                }
                // The same mistake at another operation.
                [] | [_, _, ..] => {}
            }
        }
    }
    routes
}

fn checked(doc: &RouteDoc, names: &Names, dx: &mut Diagnostics) -> Option<Route> {
    let RouteDoc {
        id,
        level,
        tools,
        operations,
        seats,
    } = doc;
    let mut known = true;
    for tool in tools {
        known &= names.tool(tool, dx);
    }
    // A route may name several tools: each of its operations has to exist in every one of them.
    for operation in operations {
        for tool in tools {
            known &= names.operation(&tool.value, operation, dx);
        }
    }
    let mut filled = Vec::new();
    for seat in seats {
        let mut holders = BTreeSet::new();
        for profile in &seat.profiles {
            if names.profile(profile, dx) {
                holders.insert(profile.value.clone());
            } else {
                known = false;
            }
        }
        filled.push(Seat {
            profiles: holders,
            votes: seat.votes,
        });
    }
    known.then(|| Route {
        id: id.value.clone(),
        level: *level,
        tools: tools.iter().map(|tool| tool.value.clone()).collect(),
        operations: operations.iter().map(|name| name.value.clone()).collect(),
        seats: filled,
    })
}

/// Returns every level of approval by people that some rule asks for at an operation, each with one place that asks for
/// it.
fn asked<'a>(
    drafts: &'a [Draft],
    floors: &Floors,
    names: &Names,
) -> BTreeMap<(Approval, &'a ToolName, &'a OperationName), Span> {
    let mut asked = BTreeMap::new();
    for draft in drafts {
        for ((tool, operation), _) in &draft.operations {
            let level = match &draft.rule.kind {
                // What is asked is the stricter of the rule's own approval and the floor's.
                RuleKind::Grant(stated) => match names.known(tool, operation) {
                    Some(known) => stated
                        .approval
                        .max(floors.at(stated.risk, known.effect).approval),
                    None => stated.approval,
                },
                RuleKind::Raise(stated) => stated.approval,
                // Nobody is asked about what is forbidden.
                RuleKind::Never(_) => continue,
            };
            if level != Approval::Automatic {
                asked
                    .entry((level, tool, operation))
                    .or_insert(draft.approval);
            }
        }
    }
    asked
}
