//! Profiles together: parents exist, somebody can hold each, and the hierarchy is one that closures can be made of.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::ProfileName;

use crate::diagnostic::{Diagnostics, names as facts};
use crate::document::profiles::ProfileDoc;
use crate::policy::Profile;
use crate::source::Span;

use super::hierarchy::{self, Wrong};
use super::names::Names;
use super::repository::Repository;

/// Returns the profiles if every closure is finite and small enough; reports parents that do not exist, profiles that
/// nobody can hold, circles, and profiles that bring too many others.
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
        // A parent that does not exist may be the one that gives this profile its groups.
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
    // Nobody holds a profile without groups that none inherits: its rules would reach nobody.
    for (name, profile) in &profiles {
        if sound
            && profile.groups.is_empty()
            && !inherited.contains(name)
            && let Some(span) = places.get(name)
        {
            dx.push(facts::profile_unreachable(*span, name.as_str()));
        }
    }
    let wrong = hierarchy::check(&profiles);
    for circle in &wrong.circles {
        let shown: Vec<&str> = circle
            .iter()
            // Shown as a closed circle: the first profile stands at its end again.
            .chain(circle.first())
            .map(|name| name.as_str())
            .collect();
        if let Some(span) = circle.first().and_then(|name| places.get(name)) {
            dx.push(facts::profile_cycle(*span, &shown.join(" → ")));
        }
    }
    for name in &wrong.crowded {
        if let Some(span) = places.get(name) {
            dx.push(facts::profile_crowded(*span, name.as_str()));
        }
    }
    // With a circle or a crowd there are no closures, and nothing that needs them can be checked.
    let usable = wrong == Wrong::default();
    usable.then_some(profiles)
}
