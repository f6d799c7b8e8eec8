//! The process that proves: the only place that knows symcc, and Cedar's own types.
//!
//! Preparing a question can take a dependency longer than anybody waits, and nothing inside a process can be stopped.
//! So it is done here, in a process of our own that sets itself limits first, and that whoever asks ends when its time
//! is over. It ends by itself, with its solver, when nobody is left to ask: its process group is its own, and the solver
//! is in it.

mod bench;
mod limits;
mod whole;

use std::ffi::OsString;
use std::io::BufRead as _;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Signal, getpgrp, getpid, kill_current_process_group};

use super::job::STACK;
use bench::Bench;
use limits::ProcessLimits;

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
