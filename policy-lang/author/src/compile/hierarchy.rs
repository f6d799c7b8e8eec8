//! The order of profiles, parents first: finds circles, and profiles that bring more others than a subject may hold.
//!
//! Every step is linear in the edges, so that a hostile hierarchy costs no more than its length.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stopgate_decide::attempt::MAX_PROFILES;
use stopgate_decide::name::ProfileName;

use crate::policy::Profile;

type Profiles = BTreeMap<ProfileName, Profile>;

/// What is wrong with a hierarchy.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong<'p> {
    /// Profiles that inherit each other, in order; no profile is in two of them.
    pub(super) circles: Vec<Vec<&'p ProfileName>>,
    /// Profiles that come with more than a subject may hold, while none of their parents does.
    pub(super) crowded: Vec<&'p ProfileName>,
}

pub(super) fn check(profiles: &Profiles) -> Wrong<'_> {
    // 1. Who inherits from whom, and how many parents each profile waits for. Parents that do not exist were told of.
    let mut children: BTreeMap<&ProfileName, Vec<&ProfileName>> = BTreeMap::new();
    let mut waiting: BTreeMap<&ProfileName, usize> = BTreeMap::new();
    for (name, profile) in profiles {
        let parents = profile
            .inherits
            .iter()
            .filter(|parent| profiles.contains_key(*parent));
        waiting.insert(name, parents.clone().count());
        for parent in parents {
            children.entry(parent).or_default().push(name);
        }
    }
    // 2. Parents before children: a profile is ready when all its parents have their closures.
    let mut ready: VecDeque<&ProfileName> = waiting
        .iter()
        .filter(|(_, parents)| **parents == 0)
        .map(|(name, _)| *name)
        .collect();
    let mut closures: BTreeMap<&ProfileName, BTreeSet<&ProfileName>> = BTreeMap::new();
    let mut crowded = Vec::new();
    while let Some(name) = ready.pop_front() {
        waiting.remove(name);
        let (closure, inherits_crowd) = closure(name, profiles, &closures);
        // Told where the crowd begins, not at every profile below it.
        if closure.len() > MAX_PROFILES && !inherits_crowd {
            crowded.push(name);
        }
        closures.insert(name, closure);
        for child in children.get(name).into_iter().flatten() {
            if let Some(parents) = waiting.get_mut(child) {
                *parents = parents.saturating_sub(1);
                if *parents == 0 {
                    ready.push_back(child);
                }
            }
        }
    }
    // 3. Whatever still waits is in a circle or below one.
    Wrong {
        circles: circles(profiles, &waiting.into_keys().collect()),
        crowded,
    }
}

/// Returns `name` with what it inherits, cut off at one profile more than is allowed, and whether a parent is beyond
/// that number already. `closures` has to hold the closures of all parents.
fn closure<'p>(
    name: &'p ProfileName,
    profiles: &'p Profiles,
    closures: &BTreeMap<&'p ProfileName, BTreeSet<&'p ProfileName>>,
) -> (BTreeSet<&'p ProfileName>, bool) {
    let mut closure = BTreeSet::from([name]);
    let mut inherits_crowd = false;
    for parent in profiles
        .get(name)
        .into_iter()
        .flat_map(|profile| &profile.inherits)
    {
        let inherited = closures.get(parent).into_iter().flatten().copied();
        inherits_crowd |= inherited.clone().count() > MAX_PROFILES;
        for profile in inherited {
            // Cut off at one more than is allowed: without this a chain of profiles would cost the square of its
            // length.
            if closure.len() <= MAX_PROFILES {
                closure.insert(profile);
            }
        }
    }
    (closure, inherits_crowd)
}

/// Returns the circles among `stuck`, which are profiles of which each has a parent that is stuck too.
fn circles<'p>(
    profiles: &'p Profiles,
    stuck: &BTreeSet<&'p ProfileName>,
) -> Vec<Vec<&'p ProfileName>> {
    let mut circles = Vec::new();
    let mut seen: BTreeSet<&ProfileName> = BTreeSet::new();
    for start in stuck {
        // Towards the first stuck parent, until a profile comes again: on this walk it closes a circle.
        let mut walk: Vec<&ProfileName> = Vec::new();
        let mut next = Some(*start);
        // `seen` is kept for all walks, so each profile is walked through once.
        while let Some(name) = next.filter(|name| seen.insert(name)) {
            walk.push(name);
            let parents = profiles
                .get(name)
                .into_iter()
                .flat_map(|profile| &profile.inherits);
            next = parents.into_iter().find(|parent| stuck.contains(*parent));
        }
        if let Some(at) = walk.iter().position(|name| Some(*name) == next) {
            circles.push(walk.split_off(at));
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(edges: &[(&str, &[&str])]) -> Profiles {
        let name = |text: &str| ProfileName::new(text).expect("a name");
        let profile = |parents: &[&str]| Profile {
            description: None,
            inherits: parents.iter().map(|parent| name(parent)).collect(),
            groups: BTreeSet::new(),
        };
        edges
            .iter()
            .map(|(child, parents)| (name(child), profile(parents)))
            .collect()
    }

    #[test]
    fn every_circle_is_found_once() {
        let profiles = hierarchy(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["a", "x"]),
            ("d", &["a"]),
            ("s", &["s"]),
            ("x", &[]),
            ("y", &["x"]),
        ]);
        let circles = check(&profiles).circles;
        let shown: Vec<Vec<&str>> = circles
            .iter()
            .map(|circle| circle.iter().map(|name| name.as_str()).collect())
            .collect();
        assert_eq!(shown, [vec!["a", "b", "c"], vec!["s"]]);
    }

    #[test]
    fn more_profiles_than_a_subject_may_hold_are_found_where_they_begin() {
        let names: Vec<String> = (0..20).map(|at| format!("p{at:02}")).collect();
        let mut edges: Vec<(&str, Vec<&str>)> = vec![("p00", Vec::new())];
        edges.extend(
            names
                .windows(2)
                .map(|pair| (pair[1].as_str(), vec![pair[0].as_str()])),
        );
        let edges: Vec<(&str, &[&str])> = edges
            .iter()
            .map(|(child, parents)| (*child, parents.as_slice()))
            .collect();
        let profiles = hierarchy(&edges);
        let crowded: Vec<&str> = check(&profiles)
            .crowded
            .iter()
            .map(|name| name.as_str())
            .collect();
        assert_eq!(crowded, ["p16"], "p00 to p15 are the 16 that are allowed");
    }
}
