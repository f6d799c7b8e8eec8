//! What each profile meets at each operation, for people and programs that read a table. Nothing is decided on it: it
//! evaluates no condition.

use std::collections::BTreeSet;

use super::Bundle;
use crate::decide::{MatchKind, MatchedRule};
use crate::name::{OperationName, ProfileName, ToolName};
use crate::surface::Surface;

/// What somebody with one profile meets at one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleCell {
    /// The tool.
    pub tool: ToolName,
    /// The operation.
    pub operation: OperationName,
    /// The profile.
    pub profile: ProfileName,
    /// What the rules ask for together, if all of them match: no attempt is asked for more.
    pub surface: Surface,
    /// The rules that can match, in the order of their ids; never empty.
    pub rules: Vec<CellRule>,
}

/// A rule that can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRule {
    /// The rule.
    pub rule: MatchedRule,
    /// Whether it has a condition.
    pub conditional: bool,
}

/// What becomes of attempts in a cell, as far as that is known without looking at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellAnswer {
    /// Each of them is rejected.
    Never,
    /// Some get through and some may not, as conditions have it.
    Depends,
    /// Each of them gets through that brings what the surface asks for.
    Grant,
}

impl CellAnswer {
    /// Returns the word for the answer in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Depends => "depends",
            Self::Grant => "grant",
        }
    }
}

impl BundleCell {
    /// Returns what becomes of attempts.
    #[must_use]
    pub fn answer(&self) -> CellAnswer {
        let any = |kind: MatchKind, conditional: bool| {
            let mut of_kind = self.rules.iter().filter(|rule| rule.rule.kind == kind);
            of_kind.any(|rule| rule.conditional == conditional)
        };
        if any(MatchKind::Never, false)
            || !(any(MatchKind::Grant, true) || any(MatchKind::Grant, false))
        {
            CellAnswer::Never
        } else if any(MatchKind::Never, true) || !any(MatchKind::Grant, false) {
            CellAnswer::Depends
        } else {
            CellAnswer::Grant
        }
    }
}

impl Bundle {
    /// Returns what each profile that somebody can hold meets at each operation, ordered by tool, operation and profile.
    /// Where no rule reaches anybody there is no cell: every attempt there is rejected.
    #[must_use]
    pub fn cells(&self) -> Vec<BundleCell> {
        let held: BTreeSet<&ProfileName> = self.groups.values().flatten().collect();
        let held: Vec<_> = held
            .into_iter()
            .filter_map(|name| self.profile_named(name))
            .collect();
        let mut cells = Vec::new();
        for (tool, loaded) in &self.tools {
            for (operation, at) in &loaded.operations {
                for profile in &held {
                    let mut surface = Surface::BOTTOM;
                    let mut rules = Vec::new();
                    for (rule, conditional) in self.index().reach(*at, &profile.closure) {
                        if let Some(adds) = self.surface(rule, *at) {
                            surface.join(adds);
                        }
                        rules.extend(self.rule(rule).map(|rule| CellRule {
                            rule: rule.reference.clone(),
                            conditional,
                        }));
                    }
                    rules.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));
                    if !rules.is_empty() {
                        cells.push(BundleCell {
                            tool: tool.clone(),
                            operation: operation.clone(),
                            profile: profile.name.clone(),
                            surface,
                            rules,
                        });
                    }
                }
            }
        }
        cells
    }
}
