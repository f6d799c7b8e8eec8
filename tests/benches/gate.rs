//! What a comparison costs: `cargo bench -p stopgate-tests --bench gate`, and with the names of cases behind `--` only
//! those. Each case is a history of two commits; `stopgate diff` runs on it as a process of its own, which has the
//! memory of its solvers beside it. With the path of another build's `stopgate` in `STOPGATE_BESIDE`, both run in turn.
//! The method is in `docs/benchmarks.md`.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;
use stopgate_tests::bulk::{Edit, Shape};
use stopgate_tests::generate::Files;

/// Runs of a case; the last one is worth less than the first two together.
const RUNS: usize = 3;

/// Runs of one that is over soon.
const MANY_RUNS: usize = 7;

/// What the program is called with where it is `stopgate`: by this benchmark, and by itself for its proofs.
const COMMANDS: [&str; 2] = ["diff", "__worker"];

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

const CASES: [Case; 6] = [
    Case {
        name: "small",
        shape: Shape {
            tools: 1,
            profiles: 3,
        },
        edit: Edit::OneRuleOfEach,
        aim: "printed",
        compared: 10,
        runs: RUNS,
    },
    Case {
        name: "one-rule",
        shape: Shape {
            tools: 10,
            profiles: 25,
        },
        edit: Edit::OneRule,
        aim: "≤ 3 s",
        compared: 1,
        runs: MANY_RUNS,
    },
    Case {
        name: "one-bound-each",
        shape: FIVE_THOUSAND,
        edit: Edit::OneRuleOfEach,
        aim: "≤ 60 s, ratio ≤ 1.25",
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

/// A build that compares.
struct Program {
    name: &'static str,
    path: PathBuf,
    /// Told to each of its solvers, a file for each.
    told: PathBuf,
    runs: Vec<Run>,
    /// The solvers' own time, after each run.
    alone: Vec<Duration>,
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
    let names: Vec<&String> = arguments
        .iter()
        .filter(|one| !one.starts_with("--"))
        .collect();
    for name in &names {
        ensure!(
            CASES.iter().any(|case| case.name == name.as_str()),
            "there is no case called {name}"
        );
    }
    let asked = |case: &&Case| names.is_empty() || names.iter().any(|name| *name == case.name);
    let mut programs = vec![("now", std::env::current_exe()?)];
    programs.extend(std::env::var_os("STOPGATE_BESIDE").map(|path| ("beside", path.into())));
    println!(
        "Median of so many runs of `stopgate diff`, builds in turn, after each run its solvers alone; {} processors.\n",
        processors()
    );
    println!(
        "| change | build | rules | operations | compared | questions | cells | undecided | runs | median | max | memory | solver alone | ratio | aim |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for case in CASES.iter().filter(asked) {
        measure(case, &programs)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn measure(case: &Case, programs: &[(&'static str, PathBuf)]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let history = folder.path().join("history");
    fs::create_dir(&history)?;
    commit(&history, &case.shape.repository(Edit::Nothing), true)?;
    commit(&history, &case.shape.repository(case.edit), false)?;
    let mut measured = Vec::new();
    for (name, path) in programs {
        let told = folder.path().join(name);
        fs::create_dir(&told)?;
        let program = Program {
            name,
            path: path.clone(),
            told,
            runs: Vec::new(),
            alone: Vec::new(),
        };
        // Does not count: it warms up, and its solvers are listened to.
        let listening = listening(&program.told)?;
        run(&program.path, &history, Some(&listening))?;
        measured.push(program);
    }
    // Builds in turn, so that a slow moment of the machine meets both.
    for _ in 0..case.runs {
        for program in &mut measured {
            let run = run(&program.path, &history, None)?;
            // A gate that compares less than it has to is quick for the wrong reason, and so is one that is
            // undecided.
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
            program.runs.push(run);
            program.alone.push(solvers_alone(&program.told)?);
        }
    }
    let medians = measured.into_iter().map(|program| print(case, program));
    let medians: Vec<Duration> = medians.collect::<anyhow::Result<_>>()?;
    if let [now, beside] = medians.as_slice() {
        println!(
            "| {}: now ÷ beside | | | | | | | | | {:.2} | | | | | |",
            case.name,
            now.as_secs_f64() / beside.as_secs_f64()
        );
    }
    Ok(())
}

/// Prints the row of one build and returns its median.
fn print(case: &Case, program: Program) -> anyhow::Result<Duration> {
    let Program {
        name,
        mut runs,
        mut alone,
        ..
    } = program;
    // Of one run each, before the lists are sorted: a run and the solvers behind it saw the same machine.
    let ratios = runs.iter().zip(&alone);
    let ratios = ratios.map(|(run, alone)| run.took.as_secs_f64() / alone.as_secs_f64());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    runs.sort_by_key(|run| run.took);
    alone.sort();
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0);
    let middle = case.runs / 2;
    let (Some(median), Some(longest)) = (runs.get(middle), runs.last()) else {
        bail!("{}: no runs", case.name)
    };
    let of_proof = |name: &str| median.proof.get(name).cloned().unwrap_or_default();
    println!(
        "| {} | {name} | {} | {} | {} | {} | {} | {} | {} | {:.2?} | {:.2?} | {} MiB | {:.2?} | {:.2} | {} |",
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
        alone.get(middle).copied().unwrap_or_default(),
        ratios.get(middle).copied().unwrap_or(f64::NAN),
        case.aim
    );
    Ok(median.took)
}

/// One cold run; with a solver other than the one on the path if `solver` names it.
fn run(program: &Path, history: &Path, solver: Option<&Path>) -> anyhow::Result<Run> {
    let printed = history.with_file_name("printed.json");
    let start = Instant::now();
    let mut command = Command::new(program);
    command
        .args(["diff", "--base", "HEAD~1", "--head", "HEAD"])
        .args(["--run-limit", "30m", "--format", "json"])
        .arg(history)
        // Nothing of the user's environment, but the path on which the solver lies.
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

/// Writes a solver that keeps in `told` what it is started with and told, and returns its path.
fn listening(told: &Path) -> anyhow::Result<PathBuf> {
    let program = told.with_extension("solver");
    let script = format!(
        // Asked for its version only, it is not part of the run and keeps nothing.
        "#!/bin/sh\ncase \"$1\" in --version) exec cvc5 --version;; esac\n\
         for one; do echo \"$one\"; done >'{0}'/$$.arguments\ntee '{0}'/$$.smt2 | cvc5 \"$@\"\n",
        told.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// Measures what the solvers of one run take for the same questions when everything they are told is ready: as many at a
/// time as there are processors, those that are told most first.
fn solvers_alone(told: &Path) -> anyhow::Result<Duration> {
    let mut scripts: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(told)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "smt2") {
            scripts.push((entry.metadata()?.len(), path));
        }
    }
    ensure!(!scripts.is_empty(), "no solver was told anything");
    // The longest last: they are popped from the end, so that no long one is left when the others are done.
    scripts.sort();
    let waiting = Mutex::new(scripts);
    let work = || -> anyhow::Result<()> {
        loop {
            let next = waiting.lock().map_err(|_| anyhow!("another failed"))?.pop();
            let Some((_, script)) = next else {
                return Ok(());
            };
            let arguments = fs::read_to_string(script.with_extension("arguments"))?;
            let ended = Command::new("cvc5")
                .args(arguments.lines())
                .stdin(fs::File::open(&script)?)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            ensure!(ended.success(), "cvc5: {ended}");
        }
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..processors()).map(|_| scope.spawn(work)).collect();
        working.into_iter().try_for_each(|one| {
            let ended = one.join();
            ended.map_err(|_| anyhow!("a thread panicked"))?
        })
    })?;
    Ok(start.elapsed())
}

/// Commits `files` and nothing else.
fn commit(top: &Path, files: &Files, first: bool) -> anyhow::Result<()> {
    if first {
        git(top, &["init", "-q", "-b", "main"], b"")?;
    }
    // As a stream for `fast-import`: thousands of files are committed without ever lying on the disk.
    let mut text =
        b"commit refs/heads/main\ncommitter t <t@example.com> 1795514400 +0000\ndata 1\nt\n"
            .to_vec();
    if !first {
        // Without this the second commit would hold the files of the first one too.
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
