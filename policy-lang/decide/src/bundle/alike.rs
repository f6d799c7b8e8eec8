//! Where two bundles give every attempt the same answer, found by comparing what `decide` reads, never by deciding.
//!
//! It errs on one side: what is called alike is alike, and what is not may still be. Places of rules in their files
//! and names of the parts that no decision reads do not count.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Bundle;
use super::loaded::{LoadedOperation, LoadedTool};
use crate::cedar::ANYWHERE;
use crate::decide::MatchKind;
use crate::name::{OperationName, RuleId, ToolName};
use crate::surface::Surface;

/// The operations and functions for which two bundles answer alike.
#[derive(Debug, Clone, Default)]
pub struct Alike {
    tools: HashMap<ToolName, AlikeTool>,
}

#[derive(Debug, Clone, Default)]
struct AlikeTool {
    operations: HashSet<OperationName>,
    /// Functions that mean the same operations under both, all of which are alike.
    functions: HashSet<String>,
}

impl Alike {
    /// Compares two bundles operation by operation. The order of the two makes no difference.
    #[must_use]
    pub fn between(one: &Bundle, other: &Bundle) -> Self {
        // What every decision reads is compared once. If it differs, no operation is alike.
        if !same_everywhere(one, other) {
            return Self::default();
        }
        let mut alike = Self::default();
        for (name, tool) in &one.tools {
            if let Some(twin) = other.tools.get(name) {
                let found = AlikeTool::between((one, tool), (other, twin), name);
                alike.tools.insert(name.clone(), found);
            }
        }
        alike
    }

    /// Returns whether every attempt on `function` of `tool`, or on `operation` where the caller named no function, has
    /// the same outcome, rules and surface under both bundles, given the same situation.
    #[must_use]
    pub fn covers(&self, tool: &str, function: Option<&str>, operation: Option<&str>) -> bool {
        self.tools.get(tool).is_some_and(|tool| match function {
            Some(function) => tool.functions.contains(function),
            None => operation.is_some_and(|operation| tool.operations.contains(operation)),
        })
    }

    /// Returns how many operations are alike.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.tools
            .values()
            .fold(0, |sum, tool| sum.saturating_add(tool.operations.len()))
    }
}

impl AlikeTool {
    fn between(
        (one, tool): (&Bundle, &LoadedTool),
        (other, twin): (&Bundle, &LoadedTool),
        name: &ToolName,
    ) -> Self {
        let mut alike = Self::default();
        for (operation, at) in &tool.operations {
            let twin = twin.operations.get(operation);
            if twin.is_some_and(|twin| same_operation((one, *at), (other, *twin), name, operation))
            {
                alike.operations.insert(operation.clone());
            }
        }
        for (function, meaning) in &tool.functions {
            // A function with another meaning may be decided as an operation that the other bundle does not know.
            let same = twin.functions.get(function) == Some(meaning);
            let mut operations = meaning.operations();
            if same && operations.all(|operation| alike.operations.contains(operation)) {
                alike.functions.insert(function.clone());
            }
        }
        alike
    }
}

/// Checks whether both bundles agree on everything that each decision reads, whatever the operation: the longest input,
/// the calendar, the rules that hold everywhere, and the profiles. How old a policy may be is not compared, and neither
/// are ceilings: both make the limit, and the limit is part of the situation, which is given.
fn same_everywhere(one: &Bundle, other: &Bundle) -> bool {
    let profiles = one.profiles.iter().zip(&other.profiles);
    one.input_bytes() == other.input_bytes()
        && one.calendar() == other.calendar()
        // By the digest of their text: conditions that are written otherwise may mean the same, and are not alike
        // here.
        && one.slices.get(ANYWHERE) == other.slices.get(ANYWHERE)
        && one.profiles.len() == other.profiles.len()
        // Places stand for names only where the names are the same, which the whole list has to be.
        && profiles
            .into_iter()
            .all(|(a, b)| a.name == b.name && a.closure == b.closure)
}

fn same_operation(
    (one, at): (&Bundle, u32),
    (other, twin_at): (&Bundle, u32),
    tool: &ToolName,
    name: &OperationName,
) -> bool {
    let (Some(operation), Some(twin)) = (one.operation(at), other.operation(twin_at)) else {
        return false;
    };
    let LoadedOperation {
        action,
        select,
        definition,
        effect,
        input,
        facts,
        // For people, and for records: no decision reads them.
        summary: _,
        money: _,
        input_mask: _,
        reads_now,
    } = operation;
    let slice = format!("{tool}/{name}");
    *action == twin.action
        && *select == twin.select
        && *definition == twin.definition
        && *effect == twin.effect
        && *input == twin.input
        && *facts == twin.facts
        && *reads_now == twin.reads_now
        && one.slices.get(&slice) == other.slices.get(&slice)
        // The slice's text says when a rule matches, the meanings say what the match is worth.
        && meanings(one, at) == meanings(other, twin_at)
}

/// What the match of a rule means at an operation.
type MatchMeaning<'b> = (&'b RuleId, MatchKind, &'b str, Option<&'b Surface>);

/// Returns what a match of each rule that can reach the operation at place `at` means there, in the order of the rules'
/// ids. An entry is `None` where the bundle has no rule at a place of its index.
fn meanings(bundle: &Bundle, at: u32) -> Vec<Option<MatchMeaning<'_>>> {
    let mut places: BTreeSet<u32> = bundle.index().rules(Some(at));
    // Rules for everywhere have a surface at each operation too.
    places.extend(bundle.index().rules(None));
    let meaning = |place: u32| {
        let rule = bundle.rule(place)?;
        let surface = bundle.surface(place, at);
        Some((
            &rule.reference.id,
            rule.reference.kind,
            rule.reason.as_str(),
            surface,
        ))
    };
    places.into_iter().map(meaning).collect()
}
