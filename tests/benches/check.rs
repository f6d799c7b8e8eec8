//! What reading a repository costs, and what proving everything about it: `cargo bench -p stopgate-tests --bench check`.
//! It runs the command line of `stopgate check` as a process of its own, on the reference policies and on 10,000 rules
//! as text, and prints how long each run took from start to end and the most memory that was seen resident, that of
//! solvers left out.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use stopgate_tests::bulk;
use stopgate_tests::stage::REFERENCE;

const RUNS: usize = 5;

/// What asks for every proof; the limit of the pipelines is 5 minutes.
const PROOF: &[&str] = &["--require-proof", "--run-limit=30m"];

/// Time between two looks at the memory of a process, which only ever tells its peak so far.
const GLANCE: Duration = Duration::from_millis(2);

fn main() -> anyhow::Result<ExitCode> {
    // The measured process is this program too: as `stopgate`, with nothing of the benchmark in it.
    if std::env::args().nth(1).as_deref() == Some("check") {
        return Ok(stopgate::cli::main());
    }
    let folder = tempfile::tempdir()?;
    for (path, text) in bulk::repository(10_000) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().context("a file in a folder")?)?;
        fs::write(path, text)?;
    }
    let (policies, large) = (Path::new(REFERENCE), folder.path());
    println!("Runs of `stopgate check`, release build.\n");
    println!(
        "| repository | runs | min | median | max | memory | aim |\n|---|---|---|---|---|---|---|"
    );
    measure("policies", policies, &[], RUNS, "≤ 150 ms")?;
    measure("10,000 rules", large, &[], RUNS, "≤ 3 s, ≤ 512 MiB")?;
    measure("policies, proved", policies, PROOF, RUNS, "printed")?;
    measure("10,000 rules, proved", large, PROOF, 1, "≤ 5 min")?;
    Ok(ExitCode::SUCCESS)
}

fn measure(
    name: &str,
    repository: &Path,
    more: &[&str],
    runs: usize,
    aim: &str,
) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let mut peak = 0;
    for _ in 0..runs {
        let start = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("check")
            .arg(repository)
            .args(more)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let status = loop {
            peak = peak.max(memory(child.id()));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(GLANCE);
        };
        times.push(start.elapsed());
        ensure!(status.success(), "stopgate check {name}: {status}");
    }
    times.sort();
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    println!(
        "| {name} | {runs} | {:.1?} | {:.1?} | {:.1?} | {} MiB | {aim} |",
        at(0),
        at(runs / 2),
        at(runs - 1),
        peak / 1024
    );
    Ok(())
}

/// The most memory that a running process has had resident, in KiB; 0 when it has ended.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}
