//! What a rule says, as a signature covers it: whom it reaches and when it matches, in our own normal form.

use std::collections::BTreeSet;

use stopgate_decide::json::Json;
use stopgate_decide::name::ProfileName;

use crate::policy::{Rule, Scope};

use super::super::normal::{UnknownNode, clauses};
use super::Flat;

/// Returns in the normal form that a signature covers whom `rule` reaches, by what is held directly, and when the rule
/// matches. The form is made from the rule itself and not from what proofs make of the rule, so that a signature
/// outlives another way to prove.
///
/// # Errors
/// [`UnknownNode`] where Cedar wrote something that has no normal form.
pub fn said(rule: &Rule, flat: &Flat) -> Result<Json, UnknownNode> {
    // A new part of a scope does not compile until somebody decides how it is signed.
    let Scope {
        operations: _,
        profiles,
        except,
        agents,
    } = &rule.scope;
    // Profiles are replaced by what leads to them: when the hierarchy changes a rule reaches other people, although
    // its words stay.
    let own = flat.clauses(rule.condition.as_ref());
    let mut members = vec![("except", held(except, flat)), ("when", clauses(&own)?)];
    if let Some(profiles) = profiles {
        members.push(("profiles", held(profiles, flat)));
    }
    if let Some(agents) = agents {
        members.push(("agents", texts(agents.iter().map(String::as_str))));
    }
    let members = members.into_iter();
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Ok(Json::Object(members.collect()))
}

/// Returns what leads to some of `profiles`, in order.
fn held(profiles: &BTreeSet<ProfileName>, flat: &Flat) -> Json {
    let ids = profiles
        .iter()
        .flat_map(|name| flat.reaching(name.as_str()));
    texts(ids.collect::<BTreeSet<_>>())
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Json {
    let texts = texts.into_iter().map(|text| Json::String(text.to_owned()));
    Json::Array(texts.collect())
}
