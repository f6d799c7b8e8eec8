//! What a comparison costs: `cargo bench -p stopgate-tests --bench gate`, and with the names of cases behind `--` only
//! those. Each case is a history of two commits; `stopgate diff` runs on it as a process of its own, which has the
//! memory of its solvers beside it. The method is in `docs/benchmarks.md`.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use stopgate_tests::bulk::{Edit, Shape};
use stopgate_tests::generate::Files;

/// Runs of a case; the last one is worth less than the first two together.
const RUNS: usize = 3;

/// Time between two looks at the memory of a process, which only ever tells its peak so far.
const GLANCE: Duration = Duration::from_millis(2);

/// A change of policy, and how long its verdict may take.
struct Case {
    name: &'static str,
    shape: Shape,
    edit: Edit,
    aim: &'static str,
    /// Operations that have to be compared.
    compared: usize,
    runs: usize,
}

const CASES: [Case; 5] = [
    Case {
        name: "one-rule",
        shape: Shape {
            tools: 10,
            profiles: 25,
        },
        edit: Edit::OneRule,
        aim: "≤ 3 s",
        compared: 1,
        runs: RUNS,
    },
    Case {
        name: "one-bound-each",
        shape: FIVE_THOUSAND,
        edit: Edit::OneRuleOfEach,
        aim: "≤ 60 s",
        compared: 100,
        runs: RUNS,
    },
    Case {
        name: "every-bound",
        shape: FIVE_THOUSAND,
        edit: Edit::EveryBound,
        aim: "≤ 60 s",
        compared: 100,
        runs: RUNS,
    },
    Case {
        name: "guardrail",
        shape: Shape {
            tools: 50,
            profiles: 5,
        },
        edit: Edit::Guardrail,
        aim: "≤ 60 s",
        compared: 500,
        runs: 1,
    },
    Case {
        name: "large",
        shape: Shape {
            tools: 50,
            profiles: 10,
        },
        edit: Edit::OneRuleOfEach,
        aim: "printed",
        compared: 500,
        runs: 1,
    },
];

/// 52 rules for each of 100 operations.
const FIVE_THOUSAND: Shape = Shape {
    tools: 10,
    profiles: 13,
};

/// What one run took.
struct Run {
    took: Duration,
    /// Most memory that was seen resident, in KiB, solvers left out.
    peak: u64,
    /// The proof of its JSON.
    proof: Value,
    undecided: usize,
    cells: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The measured process is this program too: as `stopgate`, with nothing of the benchmark in it.
    if arguments.first().is_some_and(|first| first == "diff") {
        return Ok(stopgate::cli::main());
    }
    let asked = |case: &&Case| {
        let mut names = arguments.iter().filter(|one| !one.starts_with("--"));
        names.clone().next().is_none() || names.any(|name| name == case.name)
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("Median of so many runs of `stopgate diff`; {processors} processors.\n");
    println!(
        "| change | rules | operations | compared | questions | cells | undecided | runs | median | max | memory | solver alone | ratio | aim |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for case in CASES.iter().filter(asked) {
        measure(case)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(case: &Case) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let history = folder.path().join("history");
    fs::create_dir(&history)?;
    commit(&history, &case.shape.repository(Edit::Nothing), true)?;
    commit(&history, &case.shape.repository(case.edit), false)?;
    let mut runs = Vec::new();
    for _ in 0..case.runs {
        let run = run(&history, None)?;
        ensure!(
            run.proof.get("compared").and_then(Value::as_u64) == Some(case.compared as u64),
            "{}: {}",
            case.name,
            run.proof
        );
        ensure!(
            run.undecided == 0,
            "{}: {} are undecided",
            case.name,
            run.undecided
        );
        runs.push(run);
    }
    runs.sort_by_key(|run| run.took);
    let alone = solver_alone(folder.path(), &history)?;
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0);
    let (Some(median), Some(longest)) = (runs.get(case.runs / 2), runs.last()) else {
        return Ok(());
    };
    let of_proof = |name: &str| median.proof.get(name).cloned().unwrap_or_default();
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {:.1?} | {:.1?} | {} MiB | {:.1?} | {:.1} | {} |",
        case.name,
        case.shape.rules(),
        case.shape.operations(),
        of_proof("compared"),
        of_proof("queries"),
        median.cells,
        median.undecided,
        case.runs,
        median.took,
        longest.took,
        peak / 1024,
        alone,
        median.took.as_secs_f64() / alone.as_secs_f64(),
        case.aim
    );
    Ok(())
}

/// One cold run; with a solver other than the one on the path if `solver` names it.
fn run(history: &Path, solver: Option<&Path>) -> anyhow::Result<Run> {
    let printed = history.with_file_name("printed.json");
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["diff", "--base", "HEAD~1", "--head", "HEAD"])
        .args(["--run-limit", "30m", "--format", "json"])
        .arg(history)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&printed)?)
        .stderr(Stdio::null());
    if let Some(solver) = solver {
        command.env("CVC5", solver);
    }
    let peak = watch(command.spawn()?)?;
    let took = start.elapsed();
    let said: Value = serde_json::from_slice(&fs::read(&printed)?)?;
    let operations = said.get("operations").and_then(Value::as_array);
    let operations = operations.context("operations")?;
    let count = |name: &str| -> usize {
        let lists = operations
            .iter()
            .filter_map(|one| one.get(name)?.as_array());
        lists.map(Vec::len).sum()
    };
    Ok(Run {
        took,
        peak,
        proof: said.get("proof").cloned().context("a proof")?,
        undecided: count("undecided"),
        cells: count("cells"),
    })
}

/// Waits for a process; the most memory that it had, in KiB.
fn watch(mut child: Child) -> anyhow::Result<u64> {
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(memory(child.id()));
        std::thread::sleep(GLANCE);
    }
    Ok(peak)
}

/// What the solvers of one run take for the same questions when everything they are told is ready: one after the other,
/// divided by the processors that a comparison would share among them.
fn solver_alone(folder: &Path, history: &Path) -> anyhow::Result<Duration> {
    let told = folder.join("told");
    fs::create_dir(&told)?;
    let listening = folder.join("listening");
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) exec cvc5 --version;; esac\ntee '{}'/$$.smt2 | cvc5 \"$@\"\n",
        told.display()
    );
    fs::write(&listening, script)?;
    fs::set_permissions(&listening, fs::Permissions::from_mode(0o755))?;
    run(history, Some(&listening))?;
    let mut scripts: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&told)? {
        scripts.push(entry?.path());
    }
    let start = Instant::now();
    let mut solvers = Vec::new();
    for script in scripts {
        let solver = Command::new("cvc5")
            .args(["--lang", "smt", "--strings-exp", "--tlimit-per=10000"])
            .stdin(fs::File::open(script)?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        solvers.push(solver);
    }
    for mut solver in solvers {
        solver.wait()?;
    }
    Ok(start.elapsed())
}

/// Commits `files` and nothing else.
fn commit(top: &Path, files: &Files, first: bool) -> anyhow::Result<()> {
    if first {
        git(top, &["init", "-q", "-b", "main"], b"")?;
    }
    let mut text =
        b"commit refs/heads/main\ncommitter t <t@example.com> 1795514400 +0000\ndata 1\nt\n"
            .to_vec();
    if !first {
        text.extend(b"from refs/heads/main^0\ndeleteall\n");
    }
    for (path, bytes) in files {
        text.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
        text.extend(bytes);
        text.push(b'\n');
    }
    git(top, &["fast-import", "--quiet"], &text)
}

fn git(top: &Path, arguments: &[&str], input: &[u8]) -> anyhow::Result<()> {
    let mut git = Command::new("git")
        .args(arguments)
        .current_dir(top)
        .stdin(Stdio::piped())
        .spawn()?;
    git.stdin.take().context("a pipe")?.write_all(input)?;
    let status = git.wait()?;
    ensure!(status.success(), "git {arguments:?}: {status}");
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
