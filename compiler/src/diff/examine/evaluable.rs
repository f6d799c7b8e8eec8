//! That no rule can fail to evaluate, which is asked before anything else, and whom questions go to.

use std::collections::BTreeSet;
use std::time::Instant;

use stopgate_lang::cedar::proof::Atom;

use super::super::model::{Failing, OperationChange};
use super::super::slice::Slice;
use super::{Examined, Named};
use crate::solver::{INSTALL, Prover, Subject, Verdict};

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Base,
    Head,
}

/// Whom questions go to, and until when.
pub(crate) struct Ask<'a> {
    pub(crate) prover: Option<&'a mut Prover>,
    pub(crate) subject: &'a Subject,
    pub(crate) until: Instant,
}

impl Ask<'_> {
    pub(crate) fn ask(
        &mut self,
        question: impl FnOnce(&mut Prover, &Subject) -> Verdict,
    ) -> Verdict {
        if Instant::now() > self.until {
            return Verdict::Unknown("its time was over".to_owned());
        }
        match &mut self.prover {
            Some(prover) => question(prover, self.subject),
            None => Verdict::Unknown(format!("there is no solver: {INSTALL}")),
        }
    }
}

/// What was proved of a body in the base is proved of the same body in head, where both refuse the same unseen.
/// `doubted` are the bodies of the base that could have failed.
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

/// Proves of every rule that could fail that it does not. Of head that is required; what is not proved of the base
/// rejects wherever the rule reaches, as it does at run time.
pub(super) fn prove_evaluable(
    slice: &mut Slice<'_>,
    side: Side,
    ask: &mut Ask<'_>,
    domain: &[Atom],
    named: &Named,
    found: &mut Examined,
    change: &mut OperationChange,
) {
    let guards: Vec<Atom> = domain.iter().chain(&slice.refused).cloned().collect();
    for rule in slice.rules.iter_mut().filter(|rule| rule.may_fail) {
        let verdict = ask.ask(|prover, subject| prover.never_fails(subject, &rule.body, &guards));
        match (verdict, side) {
            (Verdict::Proved, _) => rule.may_fail = false,
            (Verdict::Refuted(_), Side::Head) => found.failing.push(Failing {
                rule: rule.rule.id.clone(),
                location: rule.rule.location.clone(),
                tool: named.0.clone(),
                operation: named.1.clone(),
            }),
            (Verdict::Unknown(why), Side::Head) => {
                change.undecided.push(format!("whether rule {} can be evaluated: {why}", rule.rule.id));
            }
            (Verdict::Refuted(_) | Verdict::Unknown(_), Side::Base) => change.notes.push(format!(
                "rule {} of the base ({}) may fail to evaluate, which rejects; it is taken to reject wherever it reaches",
                rule.rule.id, rule.rule.location
            )),
        }
    }
}
