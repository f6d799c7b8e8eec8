//! What an attempt costs: processor time, however busy the machine is.

use std::time::{Duration, Instant};

use super::DECIDE_BUDGET;

/// The time that an attempt has taken so far on the thread that made this.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    processor: Duration,
    /// On other threads.
    before: Duration,
}

impl Clock {
    /// Goes on from what other threads have `spent`.
    pub(super) fn after(spent: Duration) -> Self {
        Self {
            began: Instant::now(),
            processor: processor_time(),
            before: spent,
        }
    }

    /// Processor time so far, or more than that as long as it is within the budget: no thread runs longer than the clock
    /// on the wall, and to ask that one costs no system call.
    pub(super) fn took(&self) -> Duration {
        let on_the_wall = self.before.saturating_add(self.began.elapsed());
        if on_the_wall <= DECIDE_BUDGET {
            return on_the_wall;
        }
        let here = processor_time().saturating_sub(self.processor);
        self.before.saturating_add(here)
    }
}

/// Processor time of this thread.
fn processor_time() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(
        rustix::time::ClockId::ThreadCPUTime,
    ))
    .unwrap_or_default()
}
