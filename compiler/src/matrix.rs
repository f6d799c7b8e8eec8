//! Who may do what, on one page: for every operation and profile the rules that can reach the pair.
//!
//! It reads scopes and surfaces and evaluates nothing, so a rule with a condition is only marked as having one.

use std::collections::BTreeMap;

use stopgate_lang::decide::Kind;
use stopgate_lang::name::{OperationName, ProfileName, RuleId, ToolName};
use stopgate_lang::policy::{DryRun, Operation, Policy, Rule};
use stopgate_lang::surface::{Approval, Effect, Risk};

/// The page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Profiles that somebody can hold, in the order of their names: the columns.
    pub profiles: Vec<ProfileName>,
    /// One row for each operation, by tool and name.
    pub rows: Vec<Row>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its tool.
    pub tool: ToolName,
    /// Its name.
    pub operation: OperationName,
    /// What it does to the tool's data.
    pub effect: Effect,
    /// Why it has no dry run, where the catalog says that it has none.
    pub no_dry_run: Option<String>,
    /// Rules that name no profile and reach everybody.
    pub everybody: Cell,
    /// Rules that reach each of [`Matrix::profiles`], in that order.
    pub cells: Vec<Cell>,
}

/// What rules say about one pair, strictest first; empty for none. A pair that no grant reaches is always rejected.
pub type Cell = Vec<Entry>;

/// The rules of a cell that ask for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What they ask for.
    pub asks: Asks,
    /// Whether they have a condition.
    pub conditional: bool,
    /// The rules, in the order of their ids.
    pub rules: Vec<RuleId>,
}

/// What a rule asks for, as far as the page shows it. Ordered by strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// Lets through at this risk and approval, floors included.
    Grant(Risk, Approval),
    /// Adds at least this approval.
    Raise(Approval),
    /// Forbids.
    Never,
}

impl Asks {
    /// The kind of rule.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Grant(..) => Kind::Grant,
            Self::Raise(_) => Kind::Raise,
            Self::Never => Kind::Never,
        }
    }
}

/// A cell's entry in as few characters as tell it apart; `?` is for a condition, `+` for a raise.
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.asks {
            Asks::Grant(risk, approval) => write!(f, "{risk}/{approval}")?,
            Asks::Raise(Approval::Automatic) => f.write_str("+more")?,
            Asks::Raise(approval) => write!(f, "+{approval}")?,
            Asks::Never => f.write_str("never")?,
        }
        if self.conditional {
            f.write_str("?")
        } else {
            Ok(())
        }
    }
}

/// Makes the page of `policy`.
#[must_use]
pub fn matrix(policy: &Policy) -> Matrix {
    let held = policy
        .profiles
        .iter()
        .filter(|(_, profile)| !profile.groups.is_empty());
    let profiles: Vec<ProfileName> = held.map(|(name, _)| name.clone()).collect();
    let mut rows = Vec::new();
    for (tool, described) in &policy.tools {
        for (name, operation) in &described.operations {
            let rules = || {
                policy
                    .rules
                    .iter()
                    .filter(|rule| rule.scope.operations.contains(tool, name))
            };
            let everybody = rules().filter(|rule| rule.scope.profiles.is_none());
            rows.push(Row {
                tool: tool.clone(),
                operation: name.clone(),
                effect: operation.effect,
                no_dry_run: match &operation.dry_run {
                    DryRun::None { because } => Some(because.clone()),
                    DryRun::Unstated | DryRun::By(_) => None,
                },
                everybody: cell(policy, operation, everybody),
                cells: profiles
                    .iter()
                    .map(|profile| {
                        cell(
                            policy,
                            operation,
                            rules().filter(|rule| reaches(policy, rule, profile)),
                        )
                    })
                    .collect(),
            });
        }
    }
    Matrix { profiles, rows }
}

/// Whether `rule` names a profile that a holder of `profile` alone has, and excepts none.
fn reaches(policy: &Policy, rule: &Rule, profile: &ProfileName) -> bool {
    let closure = policy.closure([profile]);
    let named = rule
        .scope
        .profiles
        .as_ref()
        .is_some_and(|named| named.iter().any(|name| closure.contains(name)));
    named && !rule.scope.except.iter().any(|name| closure.contains(name))
}

fn cell<'a>(policy: &Policy, operation: &Operation, rules: impl Iterator<Item = &'a Rule>) -> Cell {
    let mut entries: BTreeMap<(Asks, bool), Vec<RuleId>> = BTreeMap::new();
    for rule in rules {
        let surface = policy.surface(rule, operation);
        let asks = match (rule.kind.kind(), surface) {
            (Kind::Grant, Some(surface)) => Asks::Grant(surface.risk, surface.approval),
            (Kind::Raise, Some(surface)) => Asks::Raise(surface.approval),
            (Kind::Never, _) | (Kind::Grant | Kind::Raise, None) => Asks::Never,
        };
        entries
            .entry((asks, rule.condition.is_some()))
            .or_default()
            .push(rule.id.clone());
    }
    let entry = |((asks, conditional), rules)| Entry {
        asks,
        conditional,
        rules,
    };
    entries.into_iter().rev().map(entry).collect()
}
