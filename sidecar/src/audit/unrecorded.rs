//! What no record tells of: attempts that left none, counted until a `gap` record does, and decisions under way, which
//! have none yet. The end of the log waits for these for a while and then counts them among those.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use stopgate_decide::record::GapRecord;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::bounds::DRAIN;

/// What the next `gap` has to say, and how many there ever were.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    gap: Mutex<Option<GapRecord>>,
    total: AtomicU64,
}

/// How many decisions are between their beginning and the queue. Decisions do not wait for each other: only sealing
/// shuts everybody out.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    sealed: RwLock<bool>,
    decisions: AtomicU64,
    /// Told whenever nothing is under way any more.
    ended: Notify,
}

impl Unrecorded {
    /// Counts one more attempt without a record, and returns whether the attempt is the first since the last gap.
    pub(super) fn count(&self, now: Timestamp, overloaded: bool) -> bool {
        self.lose(GapRecord {
            count: 1,
            overloaded: u64::from(overloaded),
            first: now,
            last: now,
        })
    }

    /// Counts the attempts of `lost`, which left no record, and returns whether they are the first since the last gap.
    pub(super) fn lose(&self, lost: GapRecord) -> bool {
        self.total.fetch_add(lost.count, Ordering::Relaxed);
        self.add(lost)
    }

    /// Returns how many attempts left no record, whether a gap has told of them or not.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Adds what another gap would have said and could not, and returns whether nothing was counted before.
    pub(super) fn add(&self, other: GapRecord) -> bool {
        let mut gap = self.lock();
        let first = gap.is_none();
        *gap = Some(gap.map_or(other, |gap| GapRecord {
            count: gap.count.saturating_add(other.count),
            overloaded: gap.overloaded.saturating_add(other.overloaded),
            first: gap.first.min(other.first),
            last: gap.last.max(other.last),
        }));
        first
    }

    /// Takes everything counted since the last gap, `None` if that is nothing; the count begins again.
    pub(super) fn take(&self) -> Option<GapRecord> {
        self.lock().take()
    }

    /// Returns whether nothing is counted.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<GapRecord>> {
        // A panic of another holder leaves a count that is whole: it is one assignment.
        self.gap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Counts one more decision under way, unless the log is sealed, and returns whether the decision was counted.
    pub(super) fn enter(&self) -> bool {
        let sealed = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        if !*sealed {
            self.decisions.fetch_add(1, Ordering::Relaxed);
        }
        !*sealed
    }

    /// Runs `meanwhile`, before anybody can seal the log, and counts one decision under way less. Does neither if the
    /// log is sealed: then nobody waits for the decision any more.
    pub(super) fn leave(&self, meanwhile: impl FnOnce()) {
        let sealed = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        if !*sealed {
            meanwhile();
            if self.decisions.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.ended.notify_waiters();
            }
        }
    }

    /// Waits until no decision is under way, for [`DRAIN`] at most, and seals the log. What is still under way then
    /// is counted in `unrecorded` and can leave no record any more.
    pub(super) async fn end(&self, unrecorded: &Unrecorded) {
        if timeout(DRAIN, self.nothing()).await.is_err() {
            tracing::warn!("decisions cut off");
        }
        // Whoever holds the read lock is done before this has the other; whoever comes later finds the log sealed. So
        // each decision is counted by itself or here, never by both.
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
