//! Who may do what, on one page: for every operation and profile the rules that can reach the pair.
//!
//! Below it stands where holding two profiles is not holding both. It reads scopes and surfaces and evaluates nothing, so a rule with a condition is only marked as having one.

use std::collections::BTreeMap;

use stopgate_author::policy::{DryRun, Operation, Policy, Rule};
use stopgate_decide::decide::MatchKind;
use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Approval, Effect, Risk, Surface};

/// The page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Profiles that somebody can hold, in the order of their names: the columns.
    pub profiles: Vec<ProfileName>,
    /// One row for each operation, by tool and name.
    pub rows: Vec<Row>,
    /// Where holding two of the profiles is not holding both: a rule that reaches one of them excepts the other.
    pub pairs: Vec<Pair>,
}

impl Matrix {
    /// Returns the matrix of no policy: nobody may do anything.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            profiles: Vec::new(),
            rows: Vec::new(),
            pairs: Vec::new(),
        }
    }
}

/// Two profiles whose holder does not meet the rules of both, at one operation. All other holders of several profiles
/// meet the rules of each, and the strictest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The operation's tool.
    pub tool: ToolName,
    /// The operation.
    pub operation: OperationName,
    /// The profiles, in the order of their names.
    pub profiles: [ProfileName; 2],
    /// What falls away, strictest first; never empty.
    pub without: MatrixCell,
    /// What is left, strictest first.
    pub left: MatrixCell,
    /// What one of the rules that fall away asks for and no rule that is left does, conditions aside.
    pub no_longer: Vec<String>,
    /// What that means for the holder.
    pub becomes: Becomes,
}

/// What a second profile does to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// Something is asked for or forbidden no longer, and a grant is left.
    Looser,
    /// No grant is left: together they may not what one of them may.
    Closed,
    /// Nothing was granted and nothing is.
    Same,
}

impl Becomes {
    /// Returns the word for what becomes of the pair.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Looser => "looser",
            Self::Closed => "closed",
            Self::Same => "same",
        }
    }
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
    pub everybody: MatrixCell,
    /// Rules that reach each of [`Matrix::profiles`], in that order.
    pub cells: Vec<MatrixCell>,
}

/// What rules say about one pair, strictest first; empty for none. A pair that no grant reaches is always rejected.
pub type MatrixCell = Vec<Entry>;

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
    /// Returns the kind of rule.
    #[must_use]
    pub const fn kind(self) -> MatchKind {
        match self {
            Self::Grant(..) => MatchKind::Grant,
            Self::Raise(_) => MatchKind::Raise,
            Self::Never => MatchKind::Never,
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
                            rules().filter(|rule| reaches(policy, rule, &[profile])),
                        )
                    })
                    .collect(),
            });
        }
    }
    let pairs = pairs(policy, &profiles);
    Matrix {
        profiles,
        rows,
        pairs,
    }
}

/// Returns every pair of `profiles` and operation at which a rule that reaches one alone does not reach both together.
/// A rule can be lost that way only by `except`: what reaches somebody with two profiles names a profile of one of
/// them.
fn pairs(policy: &Policy, profiles: &[ProfileName]) -> Vec<Pair> {
    let mut found = Vec::new();
    let excepting: Vec<&Rule> = policy
        .rules
        .iter()
        .filter(|rule| !rule.scope.except.is_empty())
        .collect();
    for (tool, described) in &policy.tools {
        for (name, operation) in &described.operations {
            let here = |rule: &&Rule| rule.scope.operations.contains(tool, name);
            if !excepting.iter().copied().any(|rule| here(&rule)) {
                continue;
            }
            for (at, one) in profiles.iter().enumerate() {
                for other in profiles.iter().skip(at.saturating_add(1)) {
                    let alone = |rule: &&Rule| {
                        reaches(policy, rule, &[one]) || reaches(policy, rule, &[other])
                    };
                    let both = |rule: &&Rule| reaches(policy, rule, &[one, other]);
                    let rules = || policy.rules.iter().filter(here).filter(alone);
                    let without = cell(policy, operation, rules().filter(|rule| !both(rule)));
                    if without.is_empty() {
                        continue;
                    }
                    let left = cell(policy, operation, rules().filter(both));
                    let grants = |cell: &MatrixCell| {
                        cell.iter()
                            .any(|entry| entry.asks.kind() == MatchKind::Grant)
                    };
                    let becomes = match (grants(&left), grants(&without)) {
                        (true, _) => Becomes::Looser,
                        (false, true) => Becomes::Closed,
                        (false, false) => Becomes::Same,
                    };
                    let asked = asked_of(policy, operation, rules());
                    let still = asked_of(policy, operation, rules().filter(both));
                    found.push(Pair {
                        no_longer: no_longer(&asked, &still),
                        tool: tool.clone(),
                        operation: name.clone(),
                        profiles: [one.clone(), other.clone()],
                        without,
                        left,
                        becomes,
                    });
                }
            }
        }
    }
    found
}

/// Returns what `rules` ask for together, where all of them match.
fn asked_of<'a>(
    policy: &Policy,
    operation: &Operation,
    rules: impl Iterator<Item = &'a Rule>,
) -> Surface {
    let mut asked = Surface::BOTTOM;
    for surface in rules.filter_map(|rule| policy.surface(rule, operation)) {
        asked.join(&surface);
    }
    asked
}

/// Returns the parts of `asked` that `still` does not have, in words.
fn no_longer(asked: &Surface, still: &Surface) -> Vec<String> {
    let mut words = Vec::new();
    words.extend((asked.risk > still.risk).then(|| format!("risk {}", asked.risk)));
    words.extend((asked.approval > still.approval).then(|| format!("approval {}", asked.approval)));
    let left: Vec<_> = still.requirements().collect();
    words.extend(
        asked
            .requirements()
            .filter(|what| !left.contains(what))
            .map(|what| what.to_string()),
    );
    let masks = asked.masks.difference(&still.masks);
    words.extend(masks.map(|pointer| format!("mask {pointer}")));
    let rows = asked.max_rows.iter();
    words.extend(
        rows.filter(|(pointer, rows)| still.max_rows.get(*pointer) != Some(*rows))
            .map(|(pointer, rows)| format!("at most {rows} of {pointer}")),
    );
    words
}

/// Returns whether `rule` names a profile that a holder of just `profiles` has, and excepts none of them.
fn reaches(policy: &Policy, rule: &Rule, profiles: &[&ProfileName]) -> bool {
    let closure = policy.closure(profiles.iter().copied());
    let named = rule
        .scope
        .profiles
        .as_ref()
        .is_some_and(|named| named.iter().any(|name| closure.contains(name)));
    named && !rule.scope.except.iter().any(|name| closure.contains(name))
}

fn cell<'a>(
    policy: &Policy,
    operation: &Operation,
    rules: impl Iterator<Item = &'a Rule>,
) -> MatrixCell {
    let mut entries: BTreeMap<(Asks, bool), Vec<RuleId>> = BTreeMap::new();
    for rule in rules {
        let surface = policy.surface(rule, operation);
        let asks = match (rule.kind.kind(), surface) {
            (MatchKind::Grant, Some(surface)) => Asks::Grant(surface.risk, surface.approval),
            (MatchKind::Raise, Some(surface)) => Asks::Raise(surface.approval),
            (MatchKind::Never, _) | (MatchKind::Grant | MatchKind::Raise, None) => Asks::Never,
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
