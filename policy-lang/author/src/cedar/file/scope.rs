//! The scope of a rule in Cedar: one profile or nobody, operations that are named, and no other tool than theirs.

use std::ops::Range;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};

use super::super::{CedarMistake, NAMESPACE};
use super::{CedarOperations, Piece};

impl Piece<'_, '_> {
    /// Returns the profile that the scope names, and where; `Some(None)` where it names nobody. What it may not name is a
    /// mistake.
    pub(super) fn principal(
        &self,
        policy: &Policy,
        mistakes: &mut Vec<CedarMistake>,
    ) -> Option<Option<(String, Range<usize>)>> {
        let profile = |uid: &EntityUid| {
            let id = uid.id().unescaped().to_owned();
            (uid.type_name().to_string() == format!("{NAMESPACE}::Profile"))
                .then(|| (id.clone(), self.entity(&id)))
        };
        let user = format!("{NAMESPACE}::User");
        let found = match policy.principal_constraint() {
            PrincipalConstraint::Any => Some(None),
            // `is User` is true of every principal and is accepted as saying nothing.
            PrincipalConstraint::Is(kind) if kind.to_string() == user => Some(None),
            PrincipalConstraint::In(uid) => profile(&uid).map(Some),
            PrincipalConstraint::IsIn(kind, uid) if kind.to_string() == user => {
                profile(&uid).map(Some)
            }
            PrincipalConstraint::Is(_)
            | PrincipalConstraint::IsIn(..)
            | PrincipalConstraint::Eq(_) => None,
        };
        if found.is_none() {
            let mistake = CedarMistake::new(
                "profile-test",
                "the principal of a rule is a profile",
                self.head(),
            );
            mistakes.push(
                mistake.help("write `principal` or `principal in Stopgate::Profile::\"name\"`"),
            );
        }
        found
    }

    /// Returns the operations that action and resource of the scope name together. What they may not name is a mistake.
    pub(super) fn operations(
        &self,
        policy: &Policy,
        mistakes: &mut Vec<CedarMistake>,
    ) -> Option<CedarOperations> {
        let listed = |uids: Vec<EntityUid>| {
            let id = |uid: &EntityUid| uid.id().unescaped().to_owned();
            uids.iter()
                .map(|uid| (id(uid), self.entity(&id(uid))))
                .collect::<Vec<_>>()
        };
        let named = match policy.action_constraint() {
            ActionConstraint::Any => None,
            ActionConstraint::Eq(uid) => Some(listed(vec![uid])),
            ActionConstraint::In(uids) => Some(listed(uids)),
        };
        let tool = match policy.resource_constraint() {
            ResourceConstraint::Any => None,
            ResourceConstraint::Is(kind) if kind.to_string() == format!("{NAMESPACE}::Tool") => {
                None
            }
            ResourceConstraint::Eq(uid)
                if uid.type_name().to_string() == format!("{NAMESPACE}::Tool") =>
            {
                Some(uid.id().unescaped().to_owned())
            }
            ResourceConstraint::Is(_)
            | ResourceConstraint::Eq(_)
            | ResourceConstraint::In(_)
            | ResourceConstraint::IsIn(..) => {
                let mistake = CedarMistake::new(
                    "cedar-shape",
                    "the resource of a rule is a tool",
                    self.head(),
                );
                mistakes.push(
                    mistake.help("write `resource` or `resource == Stopgate::Tool::\"name\"`"),
                );
                return None;
            }
        };
        let operations = match (named, tool) {
            (None, None) => CedarOperations::All,
            (None, Some(tool)) => {
                CedarOperations::Listed(vec![(format!("@tool:{tool}"), self.entity(&tool))])
            }
            (Some(named), None) => CedarOperations::Listed(named),
            (Some(named), Some(tool)) => {
                let prefix = format!("{tool}/");
                if let Some((other, place)) = named
                    .iter()
                    // The actions decide. A resource that contradicts one of them would match nothing, silently.
                    .find(|(action, _)| !action.starts_with(&prefix))
                {
                    let message = format!("`{other}` is not an operation of the resource `{tool}`");
                    let help = "leave the resource bare, or name actions of that tool only";
                    mistakes
                        .push(CedarMistake::new("cedar-shape", message, place.clone()).help(help));
                    return None;
                }
                CedarOperations::Listed(named)
            }
        };
        let open_ended = match &operations {
            CedarOperations::All => Some(self.head()),
            CedarOperations::Listed(named) => named
                .iter()
                .find(|(name, _)| name.starts_with('@'))
                .map(|(_, place)| place.clone()),
        };
        // A grant that reaches what the catalog will hold tomorrow would loosen without any rule changing.
        if let (Effect::Permit, Some(place)) = (policy.effect(), open_ended) {
            let mistake = CedarMistake::new(
                "cedar-shape",
                "this permit does not name its actions",
                place,
            );
            mistakes.push(mistake.help(
                "a grant names its operations: `action == Stopgate::Action::\"tool/operation\"`",
            ));
            return None;
        }
        Some(operations)
    }
}
