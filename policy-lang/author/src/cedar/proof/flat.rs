//! Profiles flattened to what a person holds directly, each side by its own `profiles.yaml`, because a proof must also
//! see what the hierarchy and the mapping change.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use serde_json::Value;
use stopgate_decide::name::ProfileName;

use crate::policy::{Policy, Scope};

use super::super::Condition;
use super::super::node::{Node, with_operands};
use super::super::tree::{holds, not};
use super::Atom;

/// What a person holds directly in a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holding {
    /// Profiles that some group leads to.
    Profiles,
    /// Groups of the identity provider.
    Groups,
}

/// What is held directly, and what of it leads to each profile's rules, on one side.
#[derive(Debug, Clone)]
pub struct Flat {
    reaching: BTreeMap<String, BTreeSet<String>>,
    known: BTreeSet<String>,
    /// Everybody who holds nothing that is known, as every operation refuses them.
    strangers: Atom,
}

impl PartialEq for Flat {
    fn eq(&self, other: &Self) -> bool {
        // Who the strangers are follows.
        (&self.reaching, &self.known) == (&other.reaching, &other.known)
    }
}

impl Eq for Flat {}

impl Flat {
    /// Returns what people can hold directly under `policy`, and what of it leads to each profile. Nobody holds a
    /// profile without groups directly.
    #[must_use]
    pub fn new(policy: &Policy, holding: Holding) -> Self {
        let mut flat = Self {
            reaching: BTreeMap::new(),
            known: BTreeSet::new(),
            strangers: Atom::always(),
        };
        for (name, profile) in &policy.profiles {
            // Nobody holds it directly. Whoever holds a profile that inherits it is counted there.
            if profile.groups.is_empty() {
                continue;
            }
            let held: Vec<String> = match holding {
                Holding::Profiles => vec![name.to_string()],
                // Where the mapping changed, profiles of the two sides are no longer the same people; groups still
                // are.
                Holding::Groups => profile.groups.iter().cloned().collect(),
            };
            flat.known.extend(held.iter().cloned());
            // Who holds this profile holds everything that it inherits too.
            for reached in policy.closure([name]) {
                let reaching = flat.reaching.entry(reached.to_string()).or_default();
                reaching.extend(held.iter().cloned());
            }
        }
        flat.strangers = Atom::when(not(holds(flat.known.iter().map(String::as_str))));
        flat
    }

    /// Returns the body that holds for everybody who holds nothing that is known.
    pub(super) const fn strangers(&self) -> &Atom {
        &self.strangers
    }

    /// Returns everything that can be held and leads to some profile.
    #[must_use]
    pub const fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Returns whether `scope` reaches somebody who holds `held` directly.
    #[must_use]
    pub fn is_reached(&self, scope: &Scope, held: &BTreeSet<String>) -> bool {
        let leads = |profiles: &BTreeSet<ProfileName>| {
            let mut names = profiles.iter();
            names.any(|name| self.reaching(name.as_str()).any(|id| held.contains(id)))
        };
        // Of agents and operations it is not asked.
        let Scope {
            operations: _,
            profiles,
            except,
            agents: _,
        } = scope;
        // Somebody who holds an excepted profile is not reached, whatever else is held.
        profiles.as_ref().is_none_or(leads) && !leads(except)
    }

    pub(super) fn reaching(&self, profile: &str) -> impl Iterator<Item = &str> {
        let held = self.reaching.get(profile);
        held.into_iter().flatten().map(String::as_str)
    }

    /// Returns the clauses of `condition` with every profile in them replaced by what leads to the profile.
    pub(super) fn clauses(&self, condition: Option<&Condition>) -> Vec<Value> {
        let own = condition.map(Condition::clauses).unwrap_or_default().iter();
        let flat = own.map(|clause| {
            let mut clause = clause.clone();
            if let Some(body) = clause.get_mut("body") {
                *body = self.flatten(body);
            }
            clause
        });
        flat.collect()
    }

    /// Returns `tree` with every profile in it replaced by what leads to the profile.
    fn flatten(&self, tree: &Value) -> Value {
        let Ok(node) = Node::read(tree) else {
            // No condition holds what is not known.
            return tree.clone();
        };
        if let Node::Binary("in", [left, right]) = node
            && Node::read(left) == Ok(Node::Var("principal"))
            && let Some(ids) = profiles_of(right)
        {
            // Only this form is replaced. `shaped` has refused every other use of a profile.
            return holds(ids.into_iter().flat_map(|id| self.reaching(id)));
        }
        let inner = &mut |tree: &Value| Ok::<_, Infallible>(self.flatten(tree));
        with_operands(tree, &node, inner).unwrap_or_else(|never| match never {})
    }
}

/// Returns the ids of the profiles that `tree` is: one profile, or a set of nothing else. Returns `None` for any other
/// tree.
fn profiles_of(tree: &Value) -> Option<Vec<&str>> {
    let node = Node::read(tree).ok()?;
    if let Node::Set(listed) = node {
        return listed.iter().map(profile_of).collect();
    }
    node.entity().and_then(of_profile).map(|id| vec![id])
}

fn profile_of(tree: &Value) -> Option<&str> {
    Node::read(tree).ok()?.entity().and_then(of_profile)
}

fn of_profile<'a>((kind, id): (&'a str, &'a str)) -> Option<&'a str> {
    (kind == "Stopgate::Profile").then_some(id)
}
