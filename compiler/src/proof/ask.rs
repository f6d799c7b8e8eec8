//! Whom questions about one operation go to, until when, and what is said once asking has stopped.

use std::time::Instant;

use stopgate_author::cedar::proof::Atom;
use stopgate_decide::name::{OperationName, RuleId, ToolName};

use super::solver::{ProofVerdict, Prover, Stop, Subject};

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
