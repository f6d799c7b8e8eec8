//! What a decision costs over the socket: `cargo bench -p stopgate-tests --bench rpc`. It prints its method first and
//! tables last; how to read them is in `docs/benchmarks.md`.
//!
//! The same load meets, in turn, two bare services, a sidecar without a disk and a sidecar with one, and then the disk
//! is asked alone. Everything is compared within a round, so that noise hits all alike.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

mod disk;
mod load;
mod report;
mod servers;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use stopgate_tests::scale;
use tokio::runtime::Runtime;

use disk::Disk;
use load::{Load, Measured};
use report::{Report, Round};
use servers::{Place, Served};

/// Of the sidecar's program, like the runtimes that the servers are given.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rules of the policy that is asked.
const RULES: usize = 10_000;

/// Who asks: one after another, and many at once.
const LOADS: [Load; 2] = [
    Load {
        callers: 1,
        connections: 1,
    },
    Load {
        callers: 64,
        connections: 4,
    },
];

fn main() -> anyhow::Result<()> {
    let (rounds, seconds) = (scale::rounds()?, scale::seconds()?);
    ensure!(rounds > 0 && seconds > 0, "nothing to measure");
    let span = Duration::from_secs(seconds);
    // Beside the build: a temporary folder may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let place = Place::new(folder.path(), RULES).context("no policy to ask")?;
    let discarding = place.sidecar("null", false)?;
    let recording = place.sidecar("disk", true)?;

    let clients = Runtime::new()?;
    let (request, answer) = (place.request(), discarding.first_answer(&clients, &place)?);
    let (bare, hyper) = (place.bare(answer.clone())?, place.hyper(answer.clone())?);
    let line = recording.line_of_one_answer(&clients, &place)?;
    let disk = Disk::new(folder.path())?;
    report::method(&report::Method {
        rules: RULES,
        rounds,
        span,
        request: &request,
        answer: &answer,
        line,
        disk: &disk,
        loads: &LOADS,
    });

    let ask = |served: &Served, load: &Load| -> anyhow::Result<Measured> {
        load.run(&clients, served.socket(), &request, span)
            .with_context(|| format!("{} callers of {}", load.callers, served.name()))
    };
    let mut report = Report::default();
    for _ in 0..rounds {
        for load in &LOADS {
            report.push(Round {
                callers: load.callers,
                bare: ask(&bare, load)?,
                hyper: ask(&hyper, load)?,
                discarding: ask(&discarding, load)?,
                recording: ask(&recording, load)?,
                disk: disk.flushes(line * load.callers, span)?,
            });
        }
    }
    report.print();
    for served in [bare, hyper, discarding, recording] {
        served.end()?;
    }
    Ok(())
}
