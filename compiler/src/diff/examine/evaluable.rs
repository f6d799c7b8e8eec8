//! That no rule can fail to evaluate, which is asked before anything else.

use std::collections::BTreeSet;

use stopgate_author::cedar::proof::Atom;

use super::super::context::{Examined, OperationKey};
use super::super::model::{Failing, OperationChange};
use crate::proof::Ask;
use crate::proof::slice::Slice;
use crate::proof::solver::ProofVerdict;

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ComparedSide {
    Base,
    Head,
}

/// Marks rules of `after` as sure to evaluate if the same body was proved so in `before`. Nothing is taken over unless
/// both sides refuse the same attempts unseen. `doubted` holds the bodies of the base that could have failed.
pub(super) fn take_over(before: &Slice<'_>, after: &mut Slice<'_>, doubted: &BTreeSet<String>) {
    let keys = |slice: &Slice<'_>| -> BTreeSet<String> {
        let refused = slice.refused.iter();
        refused.map(|atom| atom.key().to_owned()).collect()
    };
    if keys(before) != keys(after) {
        return;
    }
    let proved = before.rules.iter().filter(|rule| !rule.may_fail);
    let proved: BTreeSet<&str> = proved
        .map(|rule| rule.body.key())
        .filter(|key| doubted.contains(*key))
        .collect();
    for rule in &mut after.rules {
        rule.may_fail &= !proved.contains(rule.body.key());
    }
}

/// Proves of every rule that could fail that it does not. For head that is required. A rule of the base without such a
/// proof is taken to reject wherever it reaches, as it does at run time.
pub(super) fn prove_evaluable(
    slice: &mut Slice<'_>,
    side: ComparedSide,
    ask: &mut Ask<'_, '_>,
    domain: &[Atom],
    named: &OperationKey,
    found: &mut Examined,
    change: &mut OperationChange,
) {
    let guards: Vec<Atom> = domain.iter().chain(&slice.refused).cloned().collect();
    for rule in slice.rules.iter_mut().filter(|rule| rule.may_fail) {
        let behind = rule.body.behind(&guards);
        let verdict = ask.ask(|prover, subject, end| prover.never_fails(subject, &behind, end));
        match (verdict, side) {
            (ProofVerdict::Proved, _) => rule.may_fail = false,
            (ProofVerdict::Refuted(_), ComparedSide::Head) => found.failing.push(Failing {
                rule: rule.rule.id.clone(),
                location: rule.rule.location.clone(),
                tool: named.0.clone(),
                operation: named.1.clone(),
            }),
            (ProofVerdict::Unknown(why), ComparedSide::Head) => {
                change.undecided.push(format!("whether rule {} can be evaluated: {why}", rule.rule.id));
            }
            // It is said once of all questions.
            (ProofVerdict::Stopped(_), ComparedSide::Head) => {}
            (ProofVerdict::Refuted(_) | ProofVerdict::Unknown(_) | ProofVerdict::Stopped(_), ComparedSide::Base) => change.notes.push(format!(
                "rule {} of the base ({}) may fail to evaluate, which rejects; it is taken to reject wherever it reaches",
                rule.rule.id, rule.rule.location
            )),
        }
    }
}
