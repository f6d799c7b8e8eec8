//! Profiles together: parents exist, nobody inherits in a circle, and somebody can hold each.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::repository::Repository;
use crate::diagnostic::{Diagnostics, names as facts};
use crate::document::profiles::ProfileDoc;
use crate::name::ProfileName;
use crate::policy::Profile;
use crate::source::Span;

pub(super) fn check(
    repository: &Repository,
    names: &Names,
    dx: &mut Diagnostics,
) -> Option<BTreeMap<ProfileName, Profile>> {
    let docs = repository.profiles.as_ref()?;
    let mut profiles = BTreeMap::new();
    // A parent or group that could not be read may be the one that makes a profile reachable.
    let mut sound = repository.profiles_sound;
    for (name, doc) in &docs.entries {
        let Some(ProfileDoc {
            description,
            inherits,
            groups,
        }) = doc
        else {
            continue;
        };
        let stated = inherits.len();
        let inherits: BTreeSet<ProfileName> = inherits
            .iter()
            .filter(|parent| names.profile(parent, dx))
            .map(|parent| parent.value.clone())
            .collect();
        sound &= inherits.len() == stated;
        let groups = groups.iter().map(|group| group.value.clone()).collect();
        profiles.insert(
            name.value.clone(),
            Profile {
                description: description.clone(),
                inherits,
                groups,
            },
        );
    }
    let places: BTreeMap<&ProfileName, Span> = docs
        .entries
        .iter()
        .map(|(name, _)| (&name.value, name.span))
        .collect();
    let inherited: BTreeSet<&ProfileName> = profiles
        .values()
        .flat_map(|profile| &profile.inherits)
        .collect();
    for (name, profile) in &profiles {
        if sound
            && profile.groups.is_empty()
            && !inherited.contains(name)
            && let Some(span) = places.get(name)
        {
            dx.push(facts::profile_unreachable(*span, name.as_str()));
        }
    }
    for circle in circles(&profiles) {
        let shown: Vec<&str> = circle
            .iter()
            .chain(circle.first())
            .map(|name| name.as_str())
            .collect();
        if let Some(span) = circle.first().and_then(|name| places.get(name)) {
            dx.push(facts::profile_cycle(*span, &shown.join(" → ")));
        }
    }
    Some(profiles)
}

/// One circle for each profile that is the first, by name, in a circle it is part of.
fn circles(profiles: &BTreeMap<ProfileName, Profile>) -> Vec<Vec<&ProfileName>> {
    let mut found: Vec<Vec<&ProfileName>> = Vec::new();
    for start in profiles.keys() {
        if found.iter().flatten().any(|name| *name == start) {
            continue;
        }
        // Breadth first from the parents of `start` back to it; each profile is met once.
        let mut came_from: BTreeMap<&ProfileName, &ProfileName> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        'search: while let Some(name) = open.pop_front() {
            for parent in profiles
                .get(name)
                .iter()
                .flat_map(|profile| &profile.inherits)
            {
                if parent == start {
                    let mut circle = vec![name];
                    while let Some(child) = circle.last().and_then(|name| came_from.get(*name)) {
                        circle.push(child);
                    }
                    circle.reverse();
                    found.push(circle);
                    break 'search;
                }
                if !came_from.contains_key(parent) {
                    came_from.insert(parent, name);
                    open.push_back(parent);
                }
            }
        }
    }
    found
}
