//! `profiles.yaml`: the roles of users, their hierarchy, and the groups they come from.

use super::read::{Named, Record, named, set};
use super::scalar::{name, text};
use crate::diagnostic::Diagnostics;
use crate::name::ProfileName;
use crate::source::Spanned;
use crate::source::node::Node;

pub(crate) struct ProfileDoc {
    pub(crate) description: Option<String>,
    pub(crate) inherits: Vec<Spanned<ProfileName>>,
    pub(crate) groups: Vec<Spanned<String>>,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<Named<ProfileName, ProfileDoc>> {
    let record = Record::document(root, "profiles.yaml", &["profiles"], dx)?;
    Some(named(record.need("profiles", dx)?, dx, |node, dx| {
        let record = Record::open(
            node,
            "a profile",
            &["description", "inherits", "groups"],
            dx,
        )?;
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
