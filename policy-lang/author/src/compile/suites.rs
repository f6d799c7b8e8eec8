//! Tests beside the policy: the names in them exist, samples are valid inputs, and every granted operation has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stopgate_decide::json::Json;
use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};

use crate::diagnostic::{Diagnostics, shape as say, suites as facts};
use crate::document::suites::{CaseDoc, SuiteDoc};
use crate::policy::{Operation, RuleKind, Tool};
use crate::source::{SourceMap, Span, Spanned};
use crate::testing::{Case, Expect, TestSuite};

use super::drafts::Draft;
use super::names::Names;
use super::repository::Repository;

pub(super) fn check(
    repository: &Repository,
    names: &Names,
    tools: &BTreeMap<ToolName, Tool>,
    drafts: &[Draft],
    map: &SourceMap,
    dx: &mut Diagnostics,
) -> Vec<TestSuite> {
    let mut suites = Vec::new();
    for (tool, (file, doc)) in &repository.suites {
        let Some(doc) = doc else { continue };
        if !names.tool(&doc.tool, dx) {
            continue;
        }
        let path = map.file(*file).map(|file| file.path().clone());
        let suite = Suite {
            tool,
            doc,
            names,
            map,
        };
        suites.extend(suite.check(tools.get(tool), path, dx));
    }
    for (tool, granted) in granted(drafts) {
        match repository.suites.get(tool) {
            Some((_, None)) => {}
            Some((_, Some(doc))) => {
                let has = |operation: &OperationName| {
                    doc.samples.iter().any(|(name, _)| name.value == *operation)
                };
                for (operation, rule) in
                    granted.into_iter().filter(|(operation, _)| !has(operation))
                {
                    dx.push(facts::no_sample(
                        doc.samples_span,
                        tool.as_str(),
                        operation.as_str(),
                        rule,
                    ));
                }
            }
            None if repository.skipped.contains(tool) => {}
            None => {
                if let Some(rule) = granted.into_values().next() {
                    dx.push(say::missing_document(
                        rule,
                        &format!("tests/{tool}.yaml"),
                        "what is granted is tested",
                    ));
                }
            }
        }
    }
    suites
}

/// Returns every operation that some grant names, with the place of one grant that does.
fn granted(drafts: &[Draft]) -> BTreeMap<&ToolName, BTreeMap<&OperationName, Span>> {
    let mut granted: BTreeMap<&ToolName, BTreeMap<&OperationName, Span>> = BTreeMap::new();
    for draft in drafts
        .iter()
        .filter(|draft| matches!(draft.rule.kind, RuleKind::Grant(_)))
    {
        for ((tool, operation), span) in &draft.operations {
            granted
                .entry(tool)
                .or_default()
                .entry(operation)
                .or_insert(*span);
        }
    }
    granted
}

struct Suite<'a> {
    tool: &'a ToolName,
    doc: &'a SuiteDoc,
    names: &'a Names,
    map: &'a SourceMap,
}

impl Suite<'_> {
    fn check(
        &self,
        tool: Option<&Tool>,
        file: Option<Arc<str>>,
        dx: &mut Diagnostics,
    ) -> Option<TestSuite> {
        let Self { doc, names, .. } = self;
        let mut samples = BTreeMap::new();
        for (name, sample) in &doc.samples {
            let known = names.operation(self.tool, name, dx);
            let Some(sample) = sample.as_ref().filter(|_| known) else {
                continue;
            };
            // Without a tool the catalog is broken, and whether the sample fits is not known.
            let operation = tool.and_then(|tool| tool.operations.get(&name.value));
            if let Some(Err(why)) = operation.map(|operation| accepts(operation, &sample.value)) {
                dx.push(facts::invalid_sample(
                    sample.span,
                    name.value.as_str(),
                    &why,
                ));
            }
            samples.insert(name.value.clone(), sample.value.clone());
        }
        let channel = doc
            .channel
            .as_ref()
            .filter(|channel| names.channel(channel, dx));
        let cases = doc
            .cases
            .iter()
            .filter_map(|case| self.case(case, &samples, dx))
            .collect();
        Some(TestSuite {
            tool: self.tool.clone(),
            now: doc.now?,
            channel: channel?.value.clone(),
            samples,
            cases,
            file: file?,
        })
    }

    fn case(
        &self,
        doc: &CaseDoc,
        samples: &BTreeMap<OperationName, Json>,
        dx: &mut Diagnostics,
    ) -> Option<Case> {
        let mut known = true;
        // What no sample has is sent by no case: a misspelt name would leave nothing out.
        let sampled = doc
            .operations
            .iter()
            .filter_map(|name| samples.get(&name.value));
        let members = sampled.filter_map(Json::as_object).flatten();
        let members: BTreeSet<&str> = members.map(|(name, _)| name.as_str()).collect();
        for Spanned { value, span } in &doc.without {
            if !members.contains(value.as_str()) {
                let members: Vec<&str> = members.iter().copied().collect();
                dx.push(say::unknown_word(*span, value, &members));
                known = false;
            }
        }
        let mut people: Vec<BTreeSet<ProfileName>> = Vec::new();
        for person in &doc.people {
            known &= person
                .iter()
                .filter(|profile| !self.names.profile(profile, dx))
                .count()
                == 0;
            people.push(person.iter().map(|profile| profile.value.clone()).collect());
        }
        // Each name is looked at, so that each mistake is told: `all` would stop at the first.
        known &= doc
            .operations
            .iter()
            .filter(|name| !self.names.operation(self.tool, name, dx))
            .count()
            == 0;
        let channel = doc.channel.as_ref().map(|channel| {
            self.names
                .channel(channel, dx)
                .then(|| channel.value.clone())
        });
        let rules: Option<Vec<Option<RuleId>>> = doc.rules.as_ref().map(|rules| {
            rules
                .iter()
                .map(|id| self.names.rule(self.tool, id, dx))
                .collect()
        });
        // An unknown rule was told of, and a case without it would expect something else.
        let rules = match rules {
            Some(rules) => Some(rules.into_iter().collect::<Option<BTreeSet<_>>>()?),
            None => None,
        };
        known &= channel.as_ref().is_none_or(Option::is_some);
        known.then(|| Case {
            name: doc.name.value.clone(),
            people,
            operations: doc
                .operations
                .iter()
                .map(|name| name.value.clone())
                .collect(),
            input: doc.input.clone(),
            without: doc.without.iter().map(|name| name.value.clone()).collect(),
            evidence: doc.evidence,
            enforces: doc.enforces,
            now: doc.now,
            channel: channel.flatten(),
            agent: doc.agent.clone(),
            expect: Expect {
                result: doc.result.clone(),
                rules,
                obligations: doc.obligations.clone(),
            },
            skip: doc.skip.clone(),
            location: self.map.location(doc.name.span),
        })
    }
}

/// Checks whether rules would be asked about `sample`: it is of the input's type, the selector chooses this operation,
/// and every fact can be computed. The error says which of these fails.
fn accepts(operation: &Operation, sample: &Json) -> Result<(), String> {
    operation
        .input
        .check(sample)
        .map_err(|why| why.to_string())?;
    if let Some(select) = &operation.select
        && !select.selects(sample)
    {
        return Err("its selector chooses another operation".to_owned());
    }
    for fact in &operation.facts {
        fact.compute(&operation.input, sample)
            .map_err(|why| why.to_string())?;
    }
    Ok(())
}
