//! Decisions under way: each ends as a record or in the count of the next `gap`, whatever becomes of who makes it.
//!
//! A decision that panics or is cut off counts when its [`Pending`] is dropped. The end of the log waits for decisions
//! for a while; then it is sealed, and what is still under way counts at once and can leave no record any more.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use stopgate_decide::record::{DecisionRecord, GapRecord, RecordBody};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::unrecorded::Unrecorded;
use super::{AuditError, AuditLog, Receipt};

/// How long the end of the log waits for decisions. They take milliseconds; a disk may take longer, but does not count
/// here.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many decisions are between their beginning and the queue. Decisions do not wait for each other: only sealing
/// shuts everybody out.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    sealed: RwLock<bool>,
    decisions: AtomicU64,
    /// Told whenever nothing is under way any more.
    ended: Notify,
}

/// A decision under way. Dropped: it left no record, and counts.
#[must_use]
#[derive(Debug)]
pub struct Pending<'a> {
    log: Cow<'a, AuditLog>,
    /// It is in the queue, or counted already.
    accounted: bool,
}

impl UnderWay {
    /// Counts one more decision under way, unless the log is sealed, and returns whether the decision was counted.
    fn enter(&self) -> bool {
        let sealed = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        if !*sealed {
            self.decisions.fetch_add(1, Ordering::Relaxed);
        }
        !*sealed
    }

    /// Runs `meanwhile`, before anybody can seal the log, and counts one decision under way less. Does neither if the
    /// log is sealed: then nobody waits for the decision any more.
    fn leave(&self, meanwhile: impl FnOnce()) {
        let sealed = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        if !*sealed {
            meanwhile();
            if self.decisions.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.ended.notify_waiters();
            }
        }
    }

    /// Waits until no decision is under way, for [`PATIENCE`] at most, and seals the log. What is still under way then
    /// is counted in `unrecorded` and can leave no record any more.
    pub(super) async fn end(&self, unrecorded: &Unrecorded) {
        if timeout(PATIENCE, self.nothing()).await.is_err() {
            tracing::warn!("decisions cut off");
        }
        let mut sealed = self.sealed.write().unwrap_or_else(PoisonError::into_inner);
        *sealed = true;
        let count = self.decisions.swap(0, Ordering::AcqRel);
        let now = Timestamp::now();
        if count > 0 {
            unrecorded.lose(GapRecord {
                count,
                overloaded: 0,
                first: now,
                last: now,
            });
        }
    }

    /// Waits until no decision is under way.
    async fn nothing(&self) {
        loop {
            let mut ended = pin!(self.ended.notified());
            // Asked for before the count is looked at, so that no end falls in between.
            ended.as_mut().enable();
            if self.decisions.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
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
