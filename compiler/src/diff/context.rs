//! What every operation is examined with: both policies, who holds what, which rules reach what, and until when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stopgate_author::cedar::proof::{self, Flat, Holding};
use stopgate_author::policy::{Operation, Policy, Rule};
use stopgate_author::testing::TestSuite;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::surface::Risk;

use crate::proof::slice::{Reach, Slice};
use crate::proof::stage::Stage;

use super::model::{Bug, Class, Failing, OperationChange};

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// What it says.
    pub policy: &'a Policy,
    /// Its decision tables, for samples.
    pub suites: &'a [TestSuite],
}

/// What every operation is examined with.
pub(super) struct Context<'a> {
    pub(super) base: Option<Version<'a>>,
    pub(super) head: Version<'a>,
    pub(super) holding: Holding,
    pub(super) flat: (Flat, Flat),
    /// Whether the same is held on both sides and leads to the same.
    pub(super) same_people: bool,
    pub(super) reach: (Option<Reach<'a>>, Reach<'a>),
    pub(super) stages: (Stage, Stage),
    pub(super) until: Instant,
    pub(super) per_slice: Duration,
}

/// What came of an operation.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) change: Option<OperationChange>,
    pub(super) failing: Vec<Failing>,
    pub(super) bugs: Vec<Bug>,
    pub(super) compared: bool,
    pub(super) equal: usize,
}

/// An operation that one of the sides has at least.
pub(super) type OperationKey = (ToolName, OperationName);

impl Context<'_> {
    /// Returns the operation `named` of a side, if the side has it.
    pub(super) fn operation<'p>(
        of: Option<Version<'p>>,
        named: &OperationKey,
    ) -> Option<&'p Operation> {
        of.and_then(|version| version.policy.operation(&named.0, &named.1))
    }

    /// Returns whether both sides are sure to decide every attempt on `named` alike; asks no solver.
    pub(super) fn is_same(&self, named: &OperationKey) -> bool {
        let (Some(base), Some(head)) = (
            Self::operation(self.base, named),
            Self::operation(Some(self.head), named),
        ) else {
            return false;
        };
        let (Some(before), after) = &self.reach else {
            return false;
        };
        let same_types =
            base.input == head.input && base.facts == head.facts && base.select == head.select;
        if !same_types {
            return false;
        }
        // Most operations are written alike on both sides, which says as much as their trees would.
        let (own, others) = (before.rules(named), after.rules(named));
        let alike = |(one, other): (&&Rule, &&Rule)| {
            let base = self
                .base
                .and_then(|version| version.policy.surface(one, base));
            std::mem::discriminant(&one.kind) == std::mem::discriminant(&other.kind)
                && base == self.head.policy.surface(other, head)
                && proof::alike(one, other)
        };
        let all = own.len() == others.len() && own.iter().zip(&others).all(alike);
        (self.same_people && all) || {
            let none = BTreeSet::new();
            let before = Slice::new(before, (named, base), &self.flat.0, head, &none, 0);
            let after = Slice::new(after, (named, head), &self.flat.1, head, &none, 0);
            before.fingerprint() == after.fingerprint()
        }
    }

    /// Returns the change of an operation of which nothing is known but its class.
    pub(super) fn plain(&self, named: &OperationKey, class: Class) -> OperationChange {
        let (tool, operation) = named;
        OperationChange {
            tool: tool.clone(),
            operation: operation.clone(),
            class,
            slice: Digest::compute(b""),
            risk: Risk::Low,
            money: Self::operation(Some(self.head), named)
                .or_else(|| Self::operation(self.base, named))
                .map(|described| described.money.clone())
                .unwrap_or_default(),
            cells: Vec::new(),
            changed: Vec::new(),
            undecided: Vec::new(),
            notes: Vec::new(),
        }
    }
}
