//! What a decision costs over the socket: `cargo bench -p stopgate-tests --bench rpc`. It prints its method first and
//! tables last; how to read them is in `docs/benchmarks.md`. With the path of an `opa` in `STOPGATE_OPA`, OPA is asked too.
//!
//! The same load meets, in turn, two bare services, a sidecar without a disk and a sidecar with one, and then the disk
//! is asked alone. Everything is compared within a round, so that noise hits all alike.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

mod disk;
mod load;
mod opa;
mod report;
mod servers;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use stopgate_tests::{bulk, scale};
use tokio::runtime::Runtime;

use disk::Disk;
use load::{Load, Measured};
use opa::{Answer, Opa};
use report::{Report, Round};
use servers::{Asked, Place, Served};

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
    // Both sidecars run the whole time, and are idle unless they are asked.
    let discarding = place.sidecar("null", false)?;
    let recording = place.sidecar("disk", true)?;

    let clients = Runtime::new()?;
    // What the bare services answer is what a sidecar once said, so that all send as many bytes.
    let (request, answer) = (Asked::usual().request(), discarding.first_answer(&clients)?);
    let (bare, hyper) = (place.bare(answer.clone())?, place.hyper(answer.clone())?);
    // The disk is asked alone for lines as long as this one.
    let line = recording.line_of_one_answer(&clients)?;
    let disk = Disk::new(folder.path())?;
    let opa = match std::env::var_os("STOPGATE_OPA") {
        Some(program) => {
            let policy = bulk::policy(RULES);
            let opa = Opa::start(Path::new(&program), folder.path(), &policy, &clients)?;
            // Before anything is measured: a policy in Rego that says something else would be measured for nothing.
            let business = opa.agrees(&clients, &discarding)?;
            Some((opa, business))
        }
        None => None,
    };
    report::method(&report::Method {
        rules: RULES,
        rounds,
        span,
        request: &request,
        answer: &answer,
        line,
        disk: &disk,
        opa: opa.as_ref().map(|(opa, _)| opa),
        loads: &LOADS,
    });

    let ask = |served: &Served, load: &Load| -> anyhow::Result<Measured> {
        load.run(&clients, served.socket(), &request, span)
            .with_context(|| format!("{} callers of {}", load.callers, served.name()))
    };
    let ask_opa = |answer: Answer, load: &Load| -> anyhow::Result<Option<Measured>> {
        let asked = opa.as_ref().map(|(opa, business)| {
            let measured = opa.run(&clients, load, (answer, *business), span);
            measured.with_context(|| format!("{} callers of OPA", load.callers))
        });
        asked.transpose()
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
                // A batch of the log holds one record of each caller at most.
                disk: disk.flushes(line * load.callers, span)?,
                joined: ask_opa(Answer::Joined, load)?,
                listed: ask_opa(Answer::Listed, load)?,
                allowed: ask_opa(Answer::Allow, load)?,
            });
        }
    }
    report.print();
    for served in [bare, hyper, discarding, recording] {
        served.end()?;
    }
    Ok(())
}
