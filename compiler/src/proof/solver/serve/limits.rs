//! What the process that proves may use, and the line that it writes to whoever asks.

use std::io::Write as _;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::super::job::{GRACE, WorkerLine};

/// Most memory of this process, and of its solver: 2 GiB.
const MEMORY: u64 = 2 << 30;

/// What this process may use.
pub(super) struct ProcessLimits {
    pub(super) limit: Duration,
}

impl ProcessLimits {
    /// Sets the limits that hold as long as the process does, and the time of a first question.
    pub(super) fn first(&self) -> std::io::Result<()> {
        let most = |resource, most: u64| {
            let maximum = getrlimit(resource).maximum;
            let most = maximum.map_or(most, |maximum| maximum.min(most));
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            setrlimit(resource, limit).map_err(std::io::Error::from)
        };
        most(Resource::Core, 0)?;
        most(Resource::As, MEMORY)?;
        self.renew()
    }

    /// Grants the time of one question from here on, in addition to what this process has used so far.
    pub(super) fn renew(&self) -> std::io::Result<()> {
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        let used = u64::try_from(used).unwrap_or(u64::MAX);
        let granted = self.limit.saturating_add(GRACE).as_secs();
        let maximum = getrlimit(Resource::Cpu).maximum;
        // Both are seconds rounded down, so one more.
        let until = used.saturating_add(granted).saturating_add(1);
        let limit = Rlimit {
            current: Some(maximum.map_or(until, |maximum| maximum.min(until))),
            maximum,
        };
        setrlimit(Resource::Cpu, limit).map_err(std::io::Error::from)
    }
}

/// Writes one line to standard output and flushes it.
pub(super) fn say(said: &WorkerLine) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
