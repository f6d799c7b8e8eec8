//! Profiles flattened to what a person holds directly, each side by its own `profiles.yaml`, because a proof must also
//! see what the hierarchy and the mapping change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::tree::{holds, profiles};
use crate::name::ProfileName;
use crate::policy::Policy;

/// What a person holds directly in a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// Profiles that some group leads to.
    Profiles,
    /// Groups of the identity provider.
    Groups,
}

/// What is held directly, and what of it leads to each profile's rules, on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flat {
    reaching: BTreeMap<ProfileName, BTreeSet<String>>,
    known: BTreeSet<String>,
}

impl Flat {
    /// The holdings of `policy`. A profile without groups is held by nobody directly.
    #[must_use]
    pub fn of(policy: &Policy, holding: Holding) -> Self {
        let mut flat = Self {
            reaching: BTreeMap::new(),
            known: BTreeSet::new(),
        };
        for (name, profile) in &policy.profiles {
            if profile.groups.is_empty() {
                continue;
            }
            let held: Vec<String> = match holding {
                Holding::Profiles => vec![name.to_string()],
                Holding::Groups => profile.groups.iter().cloned().collect(),
            };
            flat.known.extend(held.iter().cloned());
            for reached in policy.closure([name]) {
                let reaching = flat.reaching.entry(reached.clone()).or_default();
                reaching.extend(held.iter().cloned());
            }
        }
        flat
    }

    /// Everything that can be held and leads to some profile.
    #[must_use]
    pub const fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    pub(super) fn reaching(&self, profile: &str) -> impl Iterator<Item = &str> {
        let found = self
            .reaching
            .iter()
            .find(|(name, _)| name.as_str() == profile);
        found
            .into_iter()
            .flat_map(|(_, held)| held)
            .map(String::as_str)
    }

    /// `node` with every profile in it replaced by what leads to it.
    pub(super) fn flatten(&self, node: &Value) -> Value {
        if let Some(ids) = principal_in(node) {
            return holds(ids.into_iter().flat_map(|id| self.reaching(id)));
        }
        if let Some(ids) = profiles_of(node) {
            return profiles(ids.into_iter().flat_map(|id| self.reaching(id)));
        }
        match node {
            Value::Object(members) => {
                let member = |(name, node): (&String, &Value)| (name.clone(), self.flatten(node));
                Value::Object(members.iter().map(member).collect())
            }
            Value::Array(nodes) => {
                Value::Array(nodes.iter().map(|node| self.flatten(node)).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => node.clone(),
        }
    }
}

/// The profiles of a test whether the principal is in one of them.
fn principal_in(node: &Value) -> Option<Vec<&str>> {
    let test = node.get("in")?;
    (test.get("left")?.get("Var")?.as_str()? == "principal").then_some(())?;
    profiles_of(test.get("right")?)
}

/// The profiles that `node` is, one or a set of them.
fn profiles_of(node: &Value) -> Option<Vec<&str>> {
    if let Some(profile) = profile_of(node) {
        return Some(vec![profile]);
    }
    let elements = node.get("Set")?.as_array()?;
    let ids: Vec<&str> = elements.iter().filter_map(profile_of).collect();
    (!ids.is_empty()).then_some(ids)
}

fn profile_of(node: &Value) -> Option<&str> {
    let entity = node.get("Value")?.get("__entity")?;
    (entity.get("type")?.as_str()? == "Stopgate::Profile").then_some(())?;
    entity.get("id")?.as_str()
}
