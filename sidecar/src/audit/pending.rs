//! Decisions under way: each ends as a record or in the count of the next `gap`, whatever becomes of who makes it.
//!
//! A decision that panics or is cut off counts when its [`Pending`] is dropped. The end of the log waits for decisions
//! for a while; then it is sealed, and what is still under way counts at once and can leave no record any more.

use std::time::Duration;

use jiff::Timestamp;
use stopgate_lang::record::{DecisionRecord, GapRecord, RecordBody, Seq};
use tokio::sync::watch;
use tokio::time::timeout;

use super::unrecorded::Unrecorded;
use super::{AuditError, AuditLog};

/// How long the end of the log waits for decisions. They take milliseconds; a disk may take longer, but does not count
/// here.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many decisions are between their beginning and the queue.
#[derive(Debug)]
pub(super) struct UnderWay(watch::Sender<Open>);

#[derive(Debug, Default)]
struct Open {
    decisions: u64,
    sealed: bool,
}

/// A decision under way. Dropped: it left no record, and counts.
#[must_use]
#[derive(Debug)]
pub struct Pending<'a> {
    log: &'a AuditLog,
    /// It is in the queue, or counted already.
    accounted: bool,
}

impl UnderWay {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Open::default()))
    }

    /// One more, unless the log is sealed.
    fn enter(&self) -> bool {
        self.0.send_if_modified(|open| {
            if !open.sealed {
                open.decisions = open.decisions.saturating_add(1);
            }
            !open.sealed
        })
    }

    /// One less. Says whether it was still waited for; `meanwhile` runs only then, and before anybody can seal.
    fn leave(&self, meanwhile: impl FnOnce()) -> bool {
        self.0.send_if_modified(|open| {
            if !open.sealed {
                open.decisions = open.decisions.saturating_sub(1);
                meanwhile();
            }
            !open.sealed
        })
    }

    /// Waits until nothing is under way, but not for ever; then nothing can be any more, and the rest is counted.
    pub(super) async fn end(&self, unrecorded: &Unrecorded) {
        let mut open = self.0.subscribe();
        let ended = open.wait_for(|open| open.decisions == 0);
        if timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!("decisions cut off");
        }
        self.0.send_modify(|open| {
            let now = Timestamp::now();
            if open.decisions > 0 {
                unrecorded.lose(GapRecord {
                    count: open.decisions,
                    overloaded: 0,
                    first: now,
                    last: now,
                });
            }
            *open = Open {
                decisions: 0,
                sealed: true,
            };
        });
    }
}

impl AuditLog {
    /// Says that a decision begins. From here on it is recorded or counted.
    ///
    /// # Errors
    /// [`AuditError::Closed`] when the log ends; then nothing may be decided any more.
    pub fn announce(&self) -> Result<Pending<'_>, AuditError> {
        if self.under_way.enter() {
            Ok(Pending {
                log: self,
                accounted: false,
            })
        } else {
            Err(AuditError::Closed)
        }
    }
}

impl Pending<'_> {
    /// Records the decision; as [`AuditLog::append`].
    ///
    /// # Errors
    /// [`AuditError`]: the record is not in the log, and the decision is counted.
    pub async fn record(mut self, decision: DecisionRecord) -> Result<Seq, AuditError> {
        let record = RecordBody::Decision(Box::new(decision)).encode();
        let mut enqueued = Err(AuditError::Closed);
        let log = self.log;
        log.under_way
            .leave(|| enqueued = log.enqueue_or_count(record));
        self.accounted = true;
        // Without an answer the writer has died with the record in its hands.
        enqueued?.await.unwrap_or(Err(AuditError::Closed))
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.accounted {
            let log = self.log;
            log.under_way.leave(|| log.count(false));
        }
    }
}
