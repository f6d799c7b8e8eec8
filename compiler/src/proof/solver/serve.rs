//! The process that proves: the only place that knows symcc, and Cedar's own types.
//!
//! Preparing a question can take a dependency longer than anybody waits, and nothing inside a process can be stopped.
//! So it is done here, in a process of our own that sets itself limits first, and that whoever asks ends when its time
//! is over. It ends by itself, with its solver, when nobody is left to ask: its process group is its own, and the solver
//! is in it.

mod bench;
mod whole;

use std::ffi::OsString;
use std::io::{BufRead as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getpgrp, getpid, getrlimit, kill_current_process_group, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};

use super::STACK;
use super::job::WorkerLine;
use bench::Bench;

/// What is granted beyond a limit of time: to the solver after its own, and to this process.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// Most memory of this process, and of its solver: 2 GiB.
const MEMORY: u64 = 2 << 30;

/// Answers jobs from standard input until it ends; `solver` is its program, `limit` the time for one question.
///
/// # Errors
/// The process is not the leader of a group of its own, or cannot be limited.
pub(crate) fn serve(solver: Option<OsString>, limit: Duration) -> std::io::Result<()> {
    // Its group is what is killed in the end: it must not be somebody else's.
    if getpgrp() != getpid() {
        return Err(std::io::Error::other(
            "this command is started by stopgate itself, in a process group of its own",
        ));
    }
    let limits = ProcessLimits { limit };
    limits.first()?;
    let (jobs, queue) = mpsc::channel();
    let work = move || {
        let _end = EndOnDrop;
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            let mut bench = Bench::new(solver, limit);
            runtime.block_on(bench.work(&limits, &queue));
        }
    };
    let _end = EndOnDrop;
    std::thread::Builder::new().stack_size(STACK).spawn(work)?;
    for line in std::io::stdin().lock().lines() {
        if jobs.send(line?).is_err() {
            break;
        }
    }
    // Whoever asked is gone, and maybe in the middle of a question.
    Ok(())
}

/// Ends this process and its solver when it goes, however it goes.
struct EndOnDrop;

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        // It is this process's own group, so nothing can be wrong with it.
        let _gone = kill_current_process_group(Signal::KILL);
    }
}

/// What this process may use.
struct ProcessLimits {
    limit: Duration,
}

impl ProcessLimits {
    fn first(&self) -> std::io::Result<()> {
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
    fn renew(&self) -> std::io::Result<()> {
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
fn say(said: &WorkerLine) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
