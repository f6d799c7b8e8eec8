//! Who comes into a seat of a route by a change of `profiles.yaml`: no rule shows it, so no proof does.
//!
//! People are known by the groups of the identity provider. A group holds a profile that names it, and every profile
//! which that one inherits.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::surface::{Approval, Risk};

use crate::compile::Sources;
use crate::source::node::Node;

use super::Document;
use super::value::{elements, entries, get, says, text};

/// Groups and seats of both sides.
#[derive(Debug, Default)]
pub(super) struct Voters {
    base: VoterProfiles,
    head: VoterProfiles,
    /// Profiles of head's seats, each with the risk of what it is asked about.
    seats: BTreeMap<String, Risk>,
}

/// `profiles.yaml`, as far as it matters here.
#[derive(Debug, Default)]
struct VoterProfiles {
    inherits: BTreeMap<String, BTreeSet<String>>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl Voters {
    pub(super) fn new(base: &Sources, head: &Sources) -> Self {
        let tree = |sources: &Sources, path: &str| {
            let bytes = sources.files().get(path)?;
            Document::new(path, bytes).yaml()
        };
        let profiles = |sources| {
            let root = tree(sources, "profiles.yaml");
            root.as_ref().map(VoterProfiles::read).unwrap_or_default()
        };
        Self {
            base: profiles(base),
            head: profiles(head),
            // Head's seats: who comes into a seat that only the base had gains nothing.
            seats: tree(head, "approvals.yaml")
                .as_ref()
                .map(seats)
                .unwrap_or_default(),
        }
    }

    /// Returns the highest risk of a seat that somebody can fill by way of `profile` in the head who could not in the
    /// base; `None` if there is no such seat.
    pub(super) fn gained(&self, profile: &str) -> Option<Risk> {
        // Whoever comes by the profile comes by all that it inherits.
        let held = self.head.closure(profile);
        // Also the groups of profiles that inherit this one: their members hold it too.
        let groups = self.head.groups_by_way_of(profile);
        let gained = held.iter().filter(|seat| {
            let before = self.base.groups_by_way_of(seat);
            groups.iter().any(|group| !before.contains(group))
        });
        gained
            .filter_map(|seat| self.seats.get(*seat))
            .max()
            .copied()
    }
}

impl VoterProfiles {
    fn read(root: &Node) -> Self {
        let mut made = Self::default();
        let profiles = get(entries(root), "profiles").map(entries);
        for (name, profile) in profiles.unwrap_or_default() {
            let set = |key| {
                let named = get(entries(profile), key).map(elements);
                let texts = named.unwrap_or_default().iter().map(text);
                texts.map(str::to_owned).collect()
            };
            made.inherits.insert(name.text.clone(), set("inherits"));
            made.groups.insert(name.text.clone(), set("groups"));
        }
        made
    }

    /// Returns the profiles that somebody with `profile` holds, `profile` included.
    fn closure<'p>(&'p self, profile: &'p str) -> BTreeSet<&'p str> {
        let mut held = BTreeSet::new();
        // A circle ends here: what is held already is not opened again. The compiler refuses circles, this walk meets
        // them.
        let mut open = vec![profile];
        while let Some(name) = open.pop() {
            if held.insert(name) {
                let parents = self.inherits.get(name).into_iter().flatten();
                open.extend(parents.map(String::as_str));
            }
        }
        held
    }

    /// Returns the groups whose members hold `profile`, directly or because another profile inherits it.
    fn groups_by_way_of(&self, profile: &str) -> BTreeSet<&str> {
        let holders = self.groups.iter();
        let holders = holders.filter(|(name, _)| self.closure(name).contains(profile));
        let groups = holders.flat_map(|(_, groups)| groups);
        groups.map(String::as_str).collect()
    }
}

fn seats(root: &Node) -> BTreeMap<String, Risk> {
    let mut found = BTreeMap::new();
    for route in get(entries(root), "routes")
        .map(elements)
        .unwrap_or_default()
    {
        let level = get(entries(route), "level");
        let risk = if level.is_some_and(|level| says(level, Approval::Committee.as_str())) {
            Risk::High
        } else {
            Risk::Medium
        };
        for seat in get(entries(route), "seats")
            .map(elements)
            .unwrap_or_default()
        {
            let profiles = get(entries(seat), "profiles").map(elements);
            for profile in profiles.unwrap_or_default() {
                // A profile may have seats in several routes, and the gravest counts.
                let known = found.entry(text(profile).to_owned()).or_insert(risk);
                *known = risk.max(*known);
            }
        }
    }
    found
}
