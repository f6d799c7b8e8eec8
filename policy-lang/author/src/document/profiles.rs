//! `profiles.yaml`: the roles of users, their hierarchy, and the groups they come from.

use stopgate_decide::name::ProfileName;

use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::source::node::Node;

use super::read::{Named, Record, STOPGATE, named, set};
use super::scalar::{form, name, text};
use super::shape::{Absent, Field, Form, Loosens, Shape};

/// `profiles.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "profiles.yaml",
    fields: &[
        STOPGATE,
        Field::required(
            "profiles",
            Loosens::Voters,
            Form::Named {
                key: form::NAMES,
                value: &Form::Record(&PROFILE),
                empty: true,
            },
            "The roles of users, by their names. All profiles of a user count at once, and the strictest rule wins.",
        ),
    ],
    bonds: &[],
};

const PROFILE: Shape = Shape {
    what: "a profile",
    fields: &[
        Field::optional(
            "description",
            Loosens::Nothing,
            form::TEXT,
            "What these people do, for people.",
        ),
        Field::optional(
            "inherits",
            Loosens::Voters,
            Form::set(&form::NAME),
            "Profiles whose rules hold for this one too: what they grant, and how strict they are.",
        ).absent(Absent::Same("[]")),
        Field::optional(
            "groups",
            Loosens::Voters,
            Form::set(&form::TEXT),
            "Groups of the identity provider whose members hold the profile. Left out: nobody holds it directly, and \
             others can inherit it.",
        ).absent(Absent::Same("[]")),
    ],
    bonds: &[],
};

pub(crate) struct ProfileDoc {
    pub(crate) description: Option<String>,
    pub(crate) inherits: Vec<Spanned<ProfileName>>,
    pub(crate) groups: Vec<Spanned<String>>,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<Named<ProfileName, ProfileDoc>> {
    let record = Record::document(root, &SHAPE, dx)?;
    Some(named(record.need("profiles", dx)?, dx, |node, dx| {
        let record = Record::open(node, &PROFILE, dx)?;
        let description = record
            .get("description")
            .and_then(|node| text(node, dx))
            .map(|text| text.value);
        let inherits = record
            .get("inherits")
            .map(|node| set(node, dx, name))
            .unwrap_or_default();
        let groups = record
            .get("groups")
            .map(|node| set(node, dx, text))
            .unwrap_or_default();
        Some(ProfileDoc {
            description,
            inherits,
            groups,
        })
    }))
}
