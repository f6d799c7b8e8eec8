//! Decisions under way: each ends as a record or in the count of the next `gap`, whatever becomes of who makes it.
//!
//! A decision that panics or is cut off counts when its [`Pending`] is dropped. The end of the log waits for decisions
//! for a while; then it is sealed, and what is still under way counts at once and can leave no record any more.

use std::borrow::Cow;

use stopgate_decide::record::{DecisionRecord, RecordBody};

use super::{AuditError, AuditLog, Receipt};

/// A decision under way. Dropped: it left no record, and counts.
#[must_use]
#[derive(Debug)]
pub struct Pending<'a> {
    log: Cow<'a, AuditLog>,
    /// It is in the queue, or counted already.
    accounted: bool,
}

impl AuditLog {
    /// Announces that a decision begins. From here on the decision is recorded or counted.
    ///
    /// # Errors
    /// [`AuditError::Closed`] when the log ends; then nothing may be decided any more.
    pub fn announce(&self) -> Result<Pending<'_>, AuditError> {
        if self.under_way.enter() {
            Ok(Pending {
                log: Cow::Borrowed(self),
                accounted: false,
            })
        } else {
            Err(AuditError::Closed)
        }
    }
}

impl Pending<'_> {
    /// Returns the same decision under way, in a form that another thread can take over.
    pub fn into_owned(mut self) -> Pending<'static> {
        // Given on, not ended: only one of the two may count.
        self.accounted = true;
        Pending {
            log: Cow::Owned(AuditLog::clone(&self.log)),
            accounted: false,
        }
    }

    /// Puts the decision's record, which the caller with the uid `caller` causes, in the queue of the log, and waits
    /// for nothing: what can be dropped is only the wait for the disk.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not on its way to the log, and the decision is counted.
    pub fn enqueue(mut self, decision: DecisionRecord, caller: u32) -> Result<Receipt, AuditError> {
        let record = RecordBody::Decision(Box::new(decision)).encode();
        // What a sealed log answers: its decisions under way were counted when it was sealed.
        let mut enqueued = Err(AuditError::Closed);
        let log = &*self.log;
        log.under_way
            .leave(|| enqueued = log.enqueue_or_count(record, Some(caller)));
        self.accounted = true;
        enqueued
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.accounted {
            let log = &*self.log;
            log.under_way.leave(|| log.count(false));
        }
    }
}
