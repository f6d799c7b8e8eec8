//! The count of attempts that left no record, until a `gap` record tells of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use stopgate_lang::record::GapRecord;

/// What the next `gap` has to say.
#[derive(Debug, Default)]
pub(super) struct Unrecorded(Mutex<Option<GapRecord>>);

impl Unrecorded {
    /// One more attempt without a record. Says whether it is the first since the last gap.
    pub(super) fn count(&self, now: Timestamp, overloaded: bool) -> bool {
        self.add(GapRecord {
            count: 1,
            overloaded: u64::from(overloaded),
            first: now,
            last: now,
        })
    }

    /// Adds what another gap would have said. Says whether there was nothing before.
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

    /// Everything counted so far; the count begins again.
    pub(super) fn take(&self) -> Option<GapRecord> {
        self.lock().take()
    }

    /// Whether anything is counted.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<GapRecord>> {
        // A panic of another holder leaves a count that is whole: it is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
