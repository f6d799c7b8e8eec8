//! What each caller may take of the log: room among the records that wait for the disk, and bytes in a second. One
//! caller that asks without end, or with the longest inputs, takes its own share and nobody else's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stopgate_decide::record::MAX_LINE_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bounds::BURST;

use super::error::AuditError;

/// The shares of all callers.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    of: Arc<BTreeMap<u32, Arc<Share>>>,
    /// Of what the sidecar itself records, and of callers without a share of their own.
    other: Arc<Share>,
    /// Least bytes that a record counts as, so that a share bounds the number of records too.
    least: usize,
}

/// One caller's share.
struct Share {
    room: Arc<Semaphore>,
    allowance: Option<Allowance>,
}

/// Bytes of record in a second.
struct Allowance {
    rate: u64,
    state: Mutex<ShareState>,
}

#[derive(Clone, Copy)]
struct ShareState {
    left: u64,
    at: Instant,
}

impl Shares {
    /// Makes shares of equal room for the callers of `rates`, which holds the bytes in a second that each of them may
    /// record. `records` and `bytes` are what may wait of all callers together; each caller has room for one record at
    /// least.
    pub(super) fn new(rates: &BTreeMap<u32, u64>, records: usize, bytes: usize) -> Self {
        // An equal part, but never less than the longest record and one more: a caller whose room fits none records
        // nothing.
        let each = bytes.checked_div(rates.len()).unwrap_or(bytes);
        let each = each.max(bytes.min(2 * MAX_LINE_BYTES));
        let now = Instant::now();
        let of = rates.iter().map(|(uid, rate)| {
            let allowance = Allowance::new(*rate, now);
            (*uid, Arc::new(Share::new(each, Some(allowance))))
        });
        Self {
            of: Arc::new(of.collect()),
            other: Arc::new(Share::new(bytes, None)),
            least: bytes.checked_div(records).unwrap_or(bytes).max(1),
        }
    }

    /// Returns the largest number of records that can wait at a time.
    pub(super) fn most_records(&self) -> usize {
        let shares = self.of.values().chain([&self.other]);
        let room = shares.fold(0_usize, |sum, share| {
            sum.saturating_add(share.room.available_permits())
        });
        room.checked_div(self.least).unwrap_or(room)
    }

    /// Takes room for a record of `bytes` from the share of `caller`; the room comes back when what is returned is
    /// dropped.
    ///
    /// # Errors
    /// [`AuditError::Overloaded`] if too much of this caller waits already, [`AuditError::Share`] if it records too fast.
    pub(super) fn take(
        &self,
        caller: Option<u32>,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, AuditError> {
        let share = caller.and_then(|uid| self.of.get(&uid));
        let share = share.unwrap_or(&self.other);
        let count = u32::try_from(bytes.max(self.least)).map_err(|_| AuditError::TooLong)?;
        // Room before rate: what finds no room spends nothing of what may be recorded in this second.
        let room = Arc::clone(&share.room)
            .try_acquire_many_owned(count)
            .map_err(|_| AuditError::Overloaded)?;
        match &share.allowance {
            Some(allowance) if !allowance.take(bytes, Instant::now()) => Err(AuditError::Share),
            Some(_) | None => Ok(room),
        }
    }
}

impl Share {
    fn new(room: usize, allowance: Option<Allowance>) -> Self {
        Self {
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            allowance,
        }
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} bytes left)", self.room.available_permits())
    }
}

impl Allowance {
    fn new(rate: u64, now: Instant) -> Self {
        let left = most(rate);
        Self {
            rate,
            state: Mutex::new(ShareState { left, at: now }),
        }
    }

    /// Returns whether `bytes` are still allowed at `now`, and spends them if they are.
    fn take(&self, bytes: usize, now: Instant) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        // A panic of another holder leaves a state that is whole: each change is one assignment.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ShareState { left, at } = *state;
        let waited = now.saturating_duration_since(at);
        let earned = earned(self.rate, waited);
        let left = left.saturating_add(earned).min(most(self.rate));
        // What is earned in less than a byte's time is not thrown away.
        let at = if earned > 0 { now } else { at };
        let allowed = left.checked_sub(bytes);
        *state = ShareState {
            left: allowed.unwrap_or(left),
            at,
        };
        allowed.is_some()
    }
}

/// Returns how many bytes are kept for later at most: as many as `rate` allows in [`BURST`] seconds, and enough for one
/// record whatever the rate.
fn most(rate: u64) -> u64 {
    let record = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    rate.saturating_mul(BURST).max(record)
}

fn earned(rate: u64, waited: Duration) -> u64 {
    let nanoseconds = u128::from(rate).saturating_mul(waited.as_nanos());
    u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn t27_a_caller_takes_its_own_room_and_nobody_elses() {
        let rates = BTreeMap::from([(1, u64::MAX), (2, u64::MAX)]);
        let shares = Shares::new(&rates, 4096, 16 * MIB);
        let mut held = Vec::new();
        let refused = loop {
            match shares.take(Some(1), 1_000_000) {
                Ok(room) => held.push(room),
                Err(error) => break error,
            }
        };
        assert_eq!((refused, held.len()), (AuditError::Overloaded, 8));
        assert!(shares.take(Some(2), 1_000_000).is_ok());
        assert!(shares.take(None, 1_000_000).is_ok());
        held.pop();
        assert!(shares.take(Some(1), 1_000_000).is_ok());

        // Short records are bounded by their number.
        let shares = Shares::new(&rates, 4096, 16 * MIB);
        let held: Vec<_> = (0..5000)
            .map_while(|_| shares.take(Some(1), 10).ok())
            .collect();
        assert_eq!(held.len(), 2048);
    }

    #[test]
    fn however_many_callers_there_are_each_can_record_something() {
        let rates = (0..1000).map(|uid| (uid, 1)).collect();
        let shares = Shares::new(&rates, 4096, 16 * MIB);
        for uid in [0, 999] {
            assert!(shares.take(Some(uid), MIB).is_ok());
        }
        assert!(shares.most_records() >= 1000);
    }

    #[test]
    fn t27_a_caller_records_as_many_bytes_in_a_second_as_it_may() {
        let begin = Instant::now();
        let allowance = Allowance::new(1_000_000, begin);
        let mut at = begin;
        let mut recorded = 0_u64;
        // Ten seconds of a thousand records of 10 kB a second: ten times as much as is allowed.
        for _ in 0..10_000 {
            at += Duration::from_millis(1);
            recorded += u64::from(allowance.take(10_000, at)) * 10_000;
        }
        let most = 10 * 1_000_000 + most(1_000_000);
        assert!((most - 10_000..=most).contains(&recorded), "{recorded}");
        // Silence gives back no more than the burst.
        at += Duration::from_secs(3600);
        assert!(allowance.take(2_000_000, at));
        assert!(!allowance.take(10_000, at));
    }

    #[test]
    fn a_slow_share_is_not_rounded_away() {
        let begin = Instant::now();
        let allowance = Allowance::new(1_000, begin);
        assert!(allowance.take(MIB, begin), "one record whatever the rate");
        let taken = (1..=100_000_u64).filter(|at| {
            let at = begin + Duration::from_micros(*at * 100);
            allowance.take(100, at)
        });
        assert_eq!(taken.count(), 100, "ten seconds of 1,000 bytes");
    }
}
