//! That no rule can fail to evaluate, which is asked before anything else, and whom questions go to.

use std::collections::BTreeSet;
use std::time::Instant;

use stopgate_author::cedar::proof::Atom;
use stopgate_decide::name::{OperationName, RuleId, ToolName};

use crate::solver::{ProofVerdict, Prover, Stop, Subject};

use super::super::model::{Failing, OperationChange};
use super::super::slice::Slice;
use super::{Examined, OperationKey};

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ComparedSide {
    Base,
    Head,
}

/// Whom questions go to, and until when.
pub(crate) struct Ask<'a, 'p> {
    prover: &'a mut Prover<'p>,
    subject: &'a Subject,
    /// No question begins after this.
    until: Instant,
    /// None is prepared after this.
    end: Instant,
    /// Why nothing more is asked.
    stopped: Option<Stop>,
}

impl<'a, 'p> Ask<'a, 'p> {
    pub(crate) const fn new(
        prover: &'a mut Prover<'p>,
        subject: &'a Subject,
        (until, end): (Instant, Instant),
    ) -> Self {
        Self {
            prover,
            subject,
            until,
            end,
            stopped: None,
        }
    }

    /// Asks `question`, unless asking has stopped: what stops one question (the time is over, or no proof can be
    /// prepared) would stop every other one too.
    pub(crate) fn ask(
        &mut self,
        question: impl FnOnce(&mut Prover<'p>, &Subject, Instant) -> ProofVerdict,
    ) -> ProofVerdict {
        if let Some(stop) = &self.stopped {
            return ProofVerdict::Stopped(stop.clone());
        }
        let verdict = if Instant::now() > self.until {
            ProofVerdict::Stopped(Stop::Over)
        } else {
            question(self.prover, self.subject, self.end)
        };
        if let ProofVerdict::Stopped(stop) = &verdict {
            self.stopped = Some(stop.clone());
        }
        verdict
    }

    /// Returns why asking stopped, or `None` if it did not. Where a proof could not be prepared, the text names the one
    /// of `rules` that cannot be prepared alone, if there is one.
    pub(crate) fn stopped<'r>(
        &mut self,
        (tool, operation): (&ToolName, &OperationName),
        rules: impl IntoIterator<Item = (&'r RuleId, &'r Atom)>,
    ) -> Option<String> {
        let stop = self.stopped.as_ref()?;
        let Stop::Unprepared(how) = stop else {
            return Some(stop.to_string());
        };
        let said = format!("the proof of {tool}/{operation} {how}");
        let slow = self.prover.slow(self.subject, rules);
        Some(slow.map_or_else(
            || format!("{said}, though each rule alone can be"),
            |rule| format!("{said} (rule {rule})"),
        ))
    }
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
