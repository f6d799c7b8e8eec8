//! What an attempt costs: processor time, however busy the machine is.

use std::time::{Duration, Instant};

use crate::bounds::DECIDE_BUDGET;

/// The time that an attempt has taken so far on the thread that made this.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    /// `None` where the system does not tell: then all the time on the wall counts.
    processor: Option<Duration>,
    /// On other threads.
    before: Duration,
}

impl Clock {
    /// Makes a clock of this thread that goes on from what other threads have `spent`.
    pub(super) fn after(spent: Duration) -> Self {
        Self {
            began: Instant::now(),
            processor: processor_time(),
            before: spent,
        }
    }

    /// Returns the processor time so far; as long as the time on the wall is within the budget, returns that instead,
    /// because no thread runs longer than the clock on the wall, and to ask that one costs no system call.
    pub(super) fn took(&self) -> Duration {
        // On a busy machine a thread waits for a core, and that is nobody's rule's fault.
        let on_the_wall = self.before.saturating_add(self.began.elapsed());
        if on_the_wall <= DECIDE_BUDGET {
            return on_the_wall;
        }
        match (self.processor, processor_time()) {
            (Some(then), Some(now)) => self.before.saturating_add(now.saturating_sub(then)),
            (Some(_) | None, _) => on_the_wall,
        }
    }
}

/// Returns the processor time of this thread, if the system tells it.
fn processor_time() -> Option<Duration> {
    let told = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(told).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_told_the_processor_time_counts_all_of_it() {
        let long_ago = Instant::now().checked_sub(2 * DECIDE_BUDGET);
        let clock = |processor| Clock {
            began: long_ago.expect("the machine is up for longer"),
            processor,
            before: Duration::ZERO,
        };
        assert!(clock(None).took() > DECIDE_BUDGET);
        assert!(clock(processor_time()).took() < DECIDE_BUDGET);
    }
}
