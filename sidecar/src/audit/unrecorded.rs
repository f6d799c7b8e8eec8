//! The count of attempts that left no record, until a `gap` record tells of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use stopgate_decide::record::GapRecord;

/// What the next `gap` has to say, and how many there ever were.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    gap: Mutex<Option<GapRecord>>,
    total: AtomicU64,
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
