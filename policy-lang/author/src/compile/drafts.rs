//! Rules of both front ends as one list, with the places that later checks point at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Approval, Effect, Requirement, Risk, Surface};

use crate::cedar::file::{CedarOperations, CedarRule};
use crate::diagnostic::{Diagnostics, names as facts, rules, shape};
use crate::document::condition::TextPlace;
use crate::document::rules::{Asks, KindDoc, RuleDoc};
use crate::policy::{Operations, Rule, RuleKind, Scope};
use crate::source::{FileId, SourceMap, Span, Spanned};

use super::names::Names;
use super::repository::Repository;

/// A rule as it will stand in the policy, and where its parts were written.
pub(super) struct Draft {
    pub(super) rule: Rule,
    /// Where to point for the rule as a whole.
    pub(super) id_span: Span,
    pub(super) risk: Span,
    pub(super) approval: Span,
    /// Where a dry run is asked for, if it is.
    pub(super) dry_run: Option<Span>,
    pub(super) except: Vec<Spanned<ProfileName>>,
    /// Where each operation was named.
    pub(super) operations: Vec<((ToolName, OperationName), Span)>,
    /// Where the condition stands, if there is one.
    pub(super) place: Option<TextPlace>,
}

/// Returns every rule of both front ends that could be read and that names only what exists. Mistakes are reported.
pub(super) fn drafts(
    repository: &Repository,
    names: &Names,
    map: &SourceMap,
    dx: &mut Diagnostics,
) -> Vec<Draft> {
    let cx = Context { names, map };
    let mut drafts = Vec::new();
    for (tool, (_, doc)) in &repository.rules {
        let Some(doc) = doc else { continue };
        // Rules about a tool that does not exist can name no operation of it: one mistake is enough.
        if !names.tool(&doc.tool, dx) {
            continue;
        }
        drafts.extend(doc.rules.iter().filter_map(|rule| cx.yaml(tool, rule, dx)));
    }
    for (home, (file, rules)) in &repository.cedar_rules {
        drafts.extend(
            rules
                .iter()
                .flatten()
                .filter_map(|rule| cx.cedar(home, *file, rule, dx)),
        );
    }
    duplicates(repository, dx);
    drafts
}

/// Reports rules that share an id, broken rules included.
fn duplicates(repository: &Repository, dx: &mut Diagnostics) {
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    let mut seen = |id: String, span: Span| match first.get(&id) {
        Some(first) => dx.push(facts::duplicate_rule(span, &id, *first)),
        None => drop(first.insert(id, span)),
    };
    for (home, (_, doc)) in &repository.rules {
        for id in doc.iter().flat_map(|doc| doc.ids.iter().flatten()) {
            seen(format!("{home}/{}", id.value), id.span);
        }
    }
    for (home, (file, rules)) in &repository.cedar_rules {
        for rule in rules.iter().flatten() {
            seen(
                format!("{home}/{}", rule.id),
                Span::new(*file, rule.range.clone()),
            );
        }
    }
}

struct Context<'a> {
    names: &'a Names,
    map: &'a SourceMap,
}

impl Context<'_> {
    fn yaml(&self, tool: &ToolName, doc: &RuleDoc, dx: &mut Diagnostics) -> Option<Draft> {
        let known = |name: &&Spanned<OperationName>, dx: &mut Diagnostics| {
            self.names.operation(tool, name, dx)
        };
        let operations: Vec<_> = doc
            .operations
            .iter()
            .filter(|name| known(name, dx))
            .map(|name| ((tool.clone(), name.value.clone()), name.span))
            .collect();
        let mut profiles = |stated: &[Spanned<ProfileName>]| -> Vec<Spanned<ProfileName>> {
            stated
                .iter()
                .filter(|profile| self.names.profile(profile, dx))
                .cloned()
                .collect()
        };
        let reached = profiles(&doc.profiles);
        let except = profiles(&doc.except);
        // A rule that names something unknown is left out whole. Without the name it would reach more, or fewer, than
        // was meant.
        let complete = operations.len() == doc.operations.len()
            && reached.len() == doc.profiles.len()
            && except.len() == doc.except.len()
            && !(operations.is_empty() || reached.is_empty());
        let id_span = doc.id.span;
        let (kind, risk, approval, dry_run) = match &doc.kind {
            KindDoc::Grant {
                risk,
                approval,
                asks,
            } => {
                let kind = RuleKind::Grant(surface(risk.value, approval.value, asks));
                (kind, risk.span, approval.span, asks.dry_run())
            }
            KindDoc::Raise { approval, asks } => (
                // A raise adds to the surface of grants, and the least risk adds nothing.
                RuleKind::Raise(surface(Risk::Low, *approval, asks)),
                id_span,
                id_span,
                asks.dry_run(),
            ),
            KindDoc::Never(reason) => (RuleKind::Never(reason.clone()), id_span, id_span, None),
        };
        let rule = Rule {
            id: RuleId {
                home: tool.clone(),
                name: doc.id.value.clone(),
            },
            kind,
            scope: Scope {
                operations: Operations::Listed(
                    operations.iter().map(|(name, _)| name.clone()).collect(),
                ),
                profiles: Some(reached.into_iter().map(|profile| profile.value).collect()),
                // Rules in YAML always name operations and profiles: a guardrail has to be written in Cedar.
                except: except.iter().map(|profile| profile.value.clone()).collect(),
                agents: doc
                    .agents
                    .as_ref()
                    .map(|agents| agents.iter().map(|agent| agent.value.clone()).collect()),
            },
            condition: doc
                .condition
                .as_ref()
                .map(|condition| condition.condition.clone()),
            description: doc.description.clone(),
            owner: doc.owner.clone(),
            review_by: doc.review_by,
            location: self.map.location(id_span),
        };
        let place = doc
            .condition
            .as_ref()
            .map(|condition| condition.place.clone());
        complete.then_some(Draft {
            rule,
            id_span,
            risk,
            approval,
            dry_run,
            except,
            operations,
            place,
        })
    }

    fn cedar(
        &self,
        home: &ToolName,
        file: FileId,
        doc: &CedarRule,
        dx: &mut Diagnostics,
    ) -> Option<Draft> {
        let span = |range: &Range<usize>| Span::new(file, range.clone());
        let whole = self.first_line(span(&doc.range));
        let profiles = match &doc.profile {
            None => None,
            Some((name, range)) => Some(BTreeSet::from([self.profile(name, span(range), dx)?])),
        };
        // A grant for everybody is no guardrail: it has to name who may.
        if profiles.is_none() && matches!(doc.kind, RuleKind::Grant(_)) {
            dx.push(rules::unscoped_grant(whole, &format!("{home}/{}", doc.id)));
        }
        let operations = match &doc.operations {
            CedarOperations::All => None,
            CedarOperations::Listed(stated) => {
                let found: Vec<Option<Vec<_>>> = stated
                    .iter()
                    .map(|(name, range)| self.listed(name, span(range), dx))
                    .collect();
                // One unknown name leaves the rule out, as in the other front end.
                Some(found.into_iter().collect::<Option<Vec<_>>>()?.concat())
            }
        };
        let asks_dry_run = match &doc.kind {
            RuleKind::Grant(surface) | RuleKind::Raise(surface) => surface.dry_run,
            RuleKind::Never(_) => false,
        };
        // For the checks of surfaces and routes: a guardrail reaches every operation there is now.
        let everything = self
            .names
            .operations()
            .map(|(tool, name, _)| ((tool.clone(), name.clone()), whole));
        let rule = Rule {
            id: RuleId {
                home: home.clone(),
                name: doc.id.clone(),
            },
            kind: doc.kind.clone(),
            scope: Scope {
                operations: match &operations {
                    None => Operations::All,
                    Some(listed) => {
                        Operations::Listed(listed.iter().map(|(name, _)| name.clone()).collect())
                    }
                },
                profiles,
                except: BTreeSet::new(),
                agents: None,
            },
            // Always there, since the validator is given the rule as it was written.
            condition: Some(doc.condition.clone()),
            description: doc.description.clone(),
            owner: doc.owner.clone(),
            review_by: doc.review_by,
            location: self.map.location(whole),
        };
        Some(Draft {
            rule,
            id_span: whole,
            risk: whole,
            approval: whole,
            dry_run: asks_dry_run.then_some(whole),
            except: Vec::new(),
            operations: operations.unwrap_or_else(|| everything.collect()),
            place: Some(TextPlace::File {
                file,
                offset: doc.range.start,
            }),
        })
    }

    /// Cuts `span` to its first line, because a rule is pointed at by where it begins.
    fn first_line(&self, span: Span) -> Span {
        let Some(file) = self.map.file(span.file) else {
            return span;
        };
        let (start, line) = file.line_at(span.range().start);
        let end = start
            .saturating_add(line.trim_end().len())
            .min(span.range().end);
        Span::new(span.file, span.range().start..end)
    }

    fn profile(&self, name: &str, span: Span, dx: &mut Diagnostics) -> Option<ProfileName> {
        let name = ProfileName::new(name)
            .map_err(|why| dx.push(shape::invalid_name(span, &why)))
            .ok()?;
        self.names
            .profile(&Spanned::new(name.clone(), span), dx)
            .then_some(name)
    }

    /// Returns the operations that `name` stands for, each with `span`: one for `tool/operation`, several for an action
    /// group such as `@read` or `@tool:NAME`. What does not exist is reported, and the answer is `None`.
    fn listed(
        &self,
        name: &str,
        span: Span,
        dx: &mut Diagnostics,
    ) -> Option<Vec<((ToolName, OperationName), Span)>> {
        let group = |keep: &dyn Fn(&ToolName, Effect) -> bool, dx: &mut Diagnostics| {
            let found: Vec<_> = self
                .names
                .operations()
                .filter(|(tool, _, known)| keep(tool, known.effect))
                .map(|(tool, name, _)| ((tool.clone(), name.clone()), span))
                .collect();
            // An empty group is a mistake only if every operation is known: a broken catalog may hold the ones that
            // are meant.
            if found.is_empty() && self.names.knows_all_operations() {
                dx.push(rules::empty_group(span, name));
            }
            (!found.is_empty()).then_some(found)
        };
        match name.strip_prefix('@') {
            // Groups are expanded here. At run time there are none, because an entity store that lacked them would
            // skip such rules silently.
            Some("read") => group(&|_, effect| effect == Effect::Read, dx),
            Some("write") => group(&|_, effect| effect == Effect::Write, dx),
            Some("irreversible") => group(&|_, effect| effect == Effect::Irreversible, dx),
            Some(other) => {
                let Some(tool) = other
                    .strip_prefix("tool:")
                    .and_then(|tool| ToolName::new(tool).ok())
                else {
                    dx.push(rules::unknown_group(span, name));
                    return None;
                };
                let known = self.names.tool(&Spanned::new(tool.clone(), span), dx);
                if known {
                    group(&|home, _| *home == tool, dx)
                } else {
                    None
                }
            }
            None => {
                let parts = name.split_once('/');
                let parsed = parts.and_then(|(tool, name)| {
                    Some((ToolName::new(tool).ok()?, OperationName::new(name).ok()?))
                });
                let Some((tool, operation)) = parsed else {
                    dx.push(rules::unknown_action(span, name));
                    return None;
                };
                let operation = Spanned::new(operation, span);
                let known = self.names.tool(&Spanned::new(tool.clone(), span), dx)
                    && self.names.operation(&tool, &operation, dx);
                known.then(|| vec![((tool, operation.value), span)])
            }
        }
    }
}

fn surface(risk: Risk, approval: Approval, asks: &Asks) -> Surface {
    let asked = |what| asks.require.iter().any(|asked| asked.value == what);
    Surface {
        risk,
        approval,
        user_confirmation: asked(Requirement::UserConfirmation),
        dry_run: asked(Requirement::DryRun),
        masks: asks.mask.iter().map(|mask| mask.value.clone()).collect(),
        max_rows: asks.max_rows.clone(),
    }
}
