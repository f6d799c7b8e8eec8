//! The demo: one day at an imaginary bank, from policy in text files to decisions that a caller cannot get around.
//!
//! Real programs in a temporary folder, no network but a Unix socket, no keys to make by hand; it exits by itself. It
//! fails where an answer is not the one that the story tells, so it is a test as well.

#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a program, whose output is its purpose"
)]

mod attempts;
mod faults;
mod gate;
mod screen;
mod supply;
mod waiver;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, REFERENCE, Stage, said};

use screen::Screen;

/// How long one answer may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let screen = Screen::new();
    screen.title("Stopgate: what may an AI agent do in the company's systems?");
    screen.progress("building the programs that play (a minute or two the first time)");
    let stage = Stage::new("dev", Hours::Business)?;
    from_text_to_bundle(&stage, &screen)?;
    let sidecar = Sidecar::start_under(&stage, &faults::UNKILLED).await?;
    screen.step(
        "sidecar",
        "decides on a Unix socket; every answer is on disk before it leaves",
        None,
    );
    attempts::play(&stage, sidecar, &screen).await?;
    let records = faults::play(&stage, &screen).await?;
    screen.title("What is left for the auditor");
    let verified = stopgate(&stage, &["log", "verify", "state/log"], &screen)?;
    ensure!(
        verified.status.success(),
        "the log does not verify: {}",
        said(&verified)
    );
    screen.say(&format!(
        "{records} attempts were answered, each has its record, and the chain of records is whole."
    ));
    gate::play(&stage, &screen)?;
    supply::play(&screen).await
}

/// The author's and the pipeline's part. The policies are tested as they are; what is built for the sidecar has the
/// calendar moved, so that the story is the same at any time of day.
fn from_text_to_bundle(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    screen.title("From text in git to a signed bundle");
    for command in [
        // The servers of the other two systems come from registries; `ci/test` asks them.
        &["lock", "erp", REFERENCE, "--check"][..],
        &["lock", "hr", REFERENCE, "--check"],
        &["check", REFERENCE],
        &["test", REFERENCE],
        &[
            "build",
            "policies",
            "-o",
            "policy.stopgate",
            "--key",
            "ci.key",
        ],
        &["verify", "policy.stopgate", "--root", "root.dsse.json"],
    ] {
        let output = stopgate(stage, command, screen)?;
        ensure!(
            output.status.success(),
            "stopgate {}: {}",
            command.join(" "),
            said(&output)
        );
    }
    Ok(())
}

/// Runs `stopgate` and shows the line that sums up what it printed: the first of an artefact, else the last.
fn stopgate(stage: &Stage, args: &[&str], screen: &Screen) -> anyhow::Result<Output> {
    let servers = stage
        .programs()
        .erp()
        .parent()
        .context("the programs have a folder")?;
    let start = Instant::now();
    let output = Command::new(stage.programs().stopgate())
        .args(args)
        .current_dir(stage.path(""))
        .env_clear()
        // Only the folder of the servers, so that nothing else on this machine is found.
        .env("PATH", servers)
        .output()
        .context("stopgate cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let artefact = matches!(args.first(), Some(&("build" | "verify")));
    let line = if artefact {
        lines.next()
    } else {
        lines.next_back()
    }
    .unwrap_or_default();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = match args {
        ["log", ..] => "log verify".to_owned(),
        ["lock", tool, ..] => format!("lock {tool}"),
        [command, ..] => (*command).to_owned(),
        [] => String::new(),
    };
    screen.step(&name, &line, Some(start.elapsed()));
    Ok(output)
}
