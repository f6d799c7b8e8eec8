//! Which names exist. What a broken document declares is not known, and then nobody is told that it is missing.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::{ChannelName, OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::Effect;

use crate::diagnostic::Diagnostics;
use crate::diagnostic::names::{NameKind, unknown};
use crate::document::catalog::DryRunDoc;
use crate::policy::DryRun;
use crate::source::Spanned;

use super::repository::Repository;

/// Names that exist; `None` where the document that declares them could not be read.
pub(super) struct Names {
    /// By tool; the operations of a broken catalog are not known.
    operations: BTreeMap<ToolName, Option<BTreeMap<OperationName, Option<KnownOperation>>>>,
    profiles: Option<BTreeSet<ProfileName>>,
    channels: Option<BTreeSet<ChannelName>>,
    rules: Option<BTreeSet<RuleId>>,
}

/// What is known of an operation before its lock is looked at.
#[derive(Debug, Clone)]
pub(super) struct KnownOperation {
    pub(super) effect: Effect,
    /// `None` if what is said about it is wrong.
    pub(super) dry_run: Option<DryRun>,
}

impl Names {
    pub(super) fn new(repository: &Repository) -> Self {
        let operations = repository.catalogs.iter().map(|(tool, doc)| {
            let known = |doc: &crate::document::catalog::OperationDoc| KnownOperation {
                effect: doc.effect.value,
                dry_run: match &doc.dry_run {
                    DryRunDoc::Unstated => Some(DryRun::Unstated),
                    DryRunDoc::By(preview) => Some(DryRun::By(preview.value.clone())),
                    DryRunDoc::None { because } => Some(DryRun::None {
                        because: because.clone(),
                    }),
                    DryRunDoc::Broken => None,
                },
            };
            let operations = doc
                .as_ref()
                // Only of a catalog in which no name is broken: a broken one may be the very operation that a rule
                // names.
                .filter(|doc| doc.operations.complete)
                .map(|doc| {
                    doc.operations
                        .entries
                        .iter()
                        .map(|(name, doc)| (name.value.clone(), doc.as_ref().map(known)))
                        .collect()
                });
            (tool.clone(), operations)
        });
        let profiles = repository
            .profiles
            .as_ref()
            .filter(|profiles| profiles.complete);
        let channels = repository
            .workspace
            .as_ref()
            .map(|workspace| &workspace.channels);
        let channels = channels.filter(|channels| channels.complete);
        Self {
            operations: operations.collect(),
            profiles: profiles.map(|profiles| {
                profiles
                    .entries
                    .iter()
                    .map(|(name, _)| name.value.clone())
                    .collect()
            }),
            channels: channels.map(|channels| {
                channels
                    .entries
                    .iter()
                    .map(|(name, _)| name.value.clone())
                    .collect()
            }),
            rules: rules(repository),
        }
    }

    /// Returns whether `tool` exists, as far as is known, and reports it if not. The functions for other names below do
    /// the same; where the declaring document could not be read, every name passes.
    pub(super) fn tool(&self, tool: &Spanned<ToolName>, dx: &mut Diagnostics) -> bool {
        let known = self.operations.contains_key(&tool.value);
        if !known {
            let tools = self.operations.keys().map(ToolName::as_str);
            unknown(dx, tool.span, &NameKind::tool(), tool.value.as_str(), tools);
        }
        known
    }

    pub(super) fn operation(
        &self,
        tool: &ToolName,
        name: &Spanned<OperationName>,
        dx: &mut Diagnostics,
    ) -> bool {
        // The catalog could not be read, so nobody knows: every name passes.
        let Some(Some(known)) = self.operations.get(tool) else {
            return true;
        };
        let found = known.contains_key(&name.value);
        if !found {
            let operations = known.keys().map(OperationName::as_str);
            unknown(
                dx,
                name.span,
                &NameKind::operation(tool.as_str()),
                name.value.as_str(),
                operations,
            );
        }
        found
    }

    pub(super) fn profile(&self, name: &Spanned<ProfileName>, dx: &mut Diagnostics) -> bool {
        let Some(known) = &self.profiles else {
            return true;
        };
        let found = known.contains(&name.value);
        if !found {
            let profiles = known.iter().map(ProfileName::as_str);
            unknown(
                dx,
                name.span,
                &NameKind::profile(),
                name.value.as_str(),
                profiles,
            );
        }
        found
    }

    pub(super) fn channel(&self, name: &Spanned<ChannelName>, dx: &mut Diagnostics) -> bool {
        let Some(known) = &self.channels else {
            return true;
        };
        let found = known.contains(&name.value);
        if !found {
            let channels = known.iter().map(ChannelName::as_str);
            unknown(
                dx,
                name.span,
                &NameKind::channel(),
                name.value.as_str(),
                channels,
            );
        }
        found
    }

    /// Returns the id of the rule written as `home/rule`, or as `rule` where `home` is meant. A rule that does not
    /// exist is reported, and the answer is `None`.
    pub(super) fn rule(
        &self,
        home: &ToolName,
        written: &Spanned<String>,
        dx: &mut Diagnostics,
    ) -> Option<RuleId> {
        // Tests name rules of their own tool without its name.
        let full = if written.value.contains('/') {
            written.value.clone()
        } else {
            format!("{home}/{}", written.value)
        };
        let id = full.parse::<RuleId>().ok();
        let Some(known) = &self.rules else { return id };
        let found = id.filter(|id| known.contains(id));
        if found.is_none() {
            let ids = known.iter().map(RuleId::to_string);
            unknown(dx, written.span, &NameKind::rule(), &full, ids);
        }
        found
    }

    /// Returns every operation that is known, with what is known of it.
    pub(super) fn operations(
        &self,
    ) -> impl Iterator<Item = (&ToolName, &OperationName, &KnownOperation)> {
        self.operations.iter().flat_map(|(tool, operations)| {
            let known = operations.iter().flatten();
            known.filter_map(move |(name, known)| Some((tool, name, known.as_ref()?)))
        })
    }

    /// Returns what is known of one operation.
    pub(super) fn known(&self, tool: &ToolName, name: &OperationName) -> Option<&KnownOperation> {
        self.operations.get(tool)?.as_ref()?.get(name)?.as_ref()
    }

    /// Returns whether every operation of every catalog could be read.
    pub(super) fn knows_all_operations(&self) -> bool {
        self.operations.values().all(|known| {
            known
                .as_ref()
                .is_some_and(|known| known.values().all(Option::is_some))
        })
    }
}

/// Returns the id of every rule, broken rules included; `None` if an id or a whole file is broken.
fn rules(repository: &Repository) -> Option<BTreeSet<RuleId>> {
    let mut ids = BTreeSet::new();
    for (home, (_, doc)) in &repository.rules {
        for id in &doc.as_ref()?.ids {
            ids.insert(RuleId {
                home: home.clone(),
                name: id.as_ref()?.value.clone(),
            });
        }
    }
    for (home, (_, rules)) in &repository.cedar_rules {
        let names = rules.as_ref()?.iter().map(|rule| &rule.id);
        ids.extend(names.map(|name| RuleId {
            home: home.clone(),
            name: name.clone(),
        }));
    }
    Some(ids)
}
