//! What reading a repository costs, and what proving everything about it: `cargo bench -p stopgate-tests --bench check`.
//! It runs the command line of `stopgate check` as a process of its own, on the reference policies and on 10,000 rules
//! as text, and prints how long each run took from start to end and the most memory that was seen resident, that of
//! solvers left out. Names of repositories behind `--` choose; with the path of another build's `stopgate` in
//! `STOPGATE_BESIDE`, both run in turn.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use stopgate_tests::bulk;
use stopgate_tests::stage::REFERENCE;

const RUNS: usize = 5;

/// What the program is called with where it is `stopgate`: by this benchmark, and by itself for its proofs.
const COMMANDS: [&str; 2] = ["check", "__worker"];

/// What asks for every proof; the limit of the pipelines is 5 minutes.
const PROOF: &[&str] = &["--require-proof", "--run-limit=30m"];

/// Time between two looks at the memory of a process, which only ever tells its peak so far.
const GLANCE: Duration = Duration::from_millis(2);

/// What is measured.
struct Case<'a> {
    name: &'static str,
    repository: &'a Path,
    more: &'static [&'static str],
    runs: usize,
    aim: &'static str,
}

/// A build, and what its runs took.
struct Program {
    name: &'static str,
    path: PathBuf,
    times: Vec<Duration>,
    peak: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The measured process is this program too: as `stopgate`, with nothing of the benchmark in it.
    if arguments
        .first()
        .is_some_and(|first| COMMANDS.contains(&first.as_str()))
    {
        return Ok(stopgate::cli::main());
    }
    let folder = tempfile::tempdir()?;
    for (path, text) in bulk::repository(10_000) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().context("a file in a folder")?)?;
        fs::write(path, text)?;
    }
    let (policies, large) = (Path::new(REFERENCE), folder.path());
    let case = |name, repository, more, runs, aim| Case {
        name,
        repository,
        more,
        runs,
        aim,
    };
    let cases = [
        case("policies", policies, &[][..], RUNS, "≤ 150 ms"),
        case("10,000 rules", large, &[][..], RUNS, "≤ 3 s, ≤ 512 MiB"),
        case("policies, proved", policies, PROOF, RUNS, "printed"),
        case("10,000 rules, proved", large, PROOF, 1, "≤ 5 min"),
    ];
    let names: Vec<&String> = arguments
        .iter()
        .filter(|one| !one.starts_with("--"))
        .collect();
    for name in &names {
        ensure!(
            cases.iter().any(|case| case.name == name.as_str()),
            "there is no repository called {name}"
        );
    }
    println!("Runs of `stopgate check`, release build; builds in turn.\n");
    println!(
        "| repository | build | runs | min | median | max | memory | aim |\n|---|---|---|---|---|---|---|---|"
    );
    for case in cases {
        if names.is_empty() || names.iter().any(|name| *name == case.name) {
            measure(&case)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(case: &Case<'_>) -> anyhow::Result<()> {
    let program = |name, path| Program {
        name,
        path,
        times: Vec::new(),
        peak: 0,
    };
    let mut programs = vec![program("now", std::env::current_exe()?)];
    let beside = std::env::var_os("STOPGATE_BESIDE");
    programs.extend(beside.map(|path| program("beside", path.into())));
    // Builds in turn, so that a slow moment of the machine meets both.
    for _ in 0..case.runs {
        for program in &mut programs {
            run(case, program)?;
        }
    }
    for program in programs {
        let Program {
            name,
            mut times,
            peak,
            ..
        } = program;
        times.sort();
        let at = |place: usize| times.get(place).copied().unwrap_or_default();
        println!(
            "| {} | {name} | {} | {:.2?} | {:.2?} | {:.2?} | {} MiB | {} |",
            case.name,
            case.runs,
            at(0),
            at(case.runs / 2),
            at(case.runs - 1),
            peak / 1024,
            case.aim
        );
    }
    Ok(())
}

fn run(case: &Case<'_>, program: &mut Program) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut child = Command::new(&program.path)
        .arg("check")
        .arg(case.repository)
        .args(case.more)
        // Nothing of the user's environment, but the path on which the solver lies.
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let status = loop {
        // Looked at before the process is asked whether it ended: afterwards its memory is gone.
        program.peak = program.peak.max(memory(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(GLANCE);
    };
    program.times.push(start.elapsed());
    ensure!(status.success(), "stopgate check {}: {status}", case.name);
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
