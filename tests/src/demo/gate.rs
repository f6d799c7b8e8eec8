//! Two pull requests on the bank's policies: one lowers a label, which waits until reviewers have signed it, and one
//! says the same in other words. The gate tells them apart.
//!
//! A proof needs a solver. Without one the gate is undecided about both, and says how to get it; that is the story then.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use stopgate_tests::stage::{REFERENCE, Stage, copy, said};

use crate::screen::Screen;
use crate::waiver;

const RULES: &str = "rules/erp.yaml";

/// A pull request, and what the gate has to say about it.
struct Change {
    what: &'static str,
    /// Text of [`RULES`] that stands there once.
    from: &'static str,
    to: &'static str,
    exit: i32,
    /// How the first line begins.
    verdict: &'static str,
    /// What the first sentence ends with, if somebody has to read one.
    sentence: Option<&'static str>,
}

/// The second is made on top of the first.
const CHANGES: [Change; 2] = [
    Change {
        what: "refund-large asks for the same people, only its label goes from high to medium",
        from: r#"    risk: high
    approval: committee
    require: [user_confirmation, dry_run]
    when: context.input.amount_cents > 50000"#,
        to: r#"    risk: medium
    approval: committee
    require: [user_confirmation, dry_run]
    when: context.input.amount_cents > 50000"#,
        exit: 5,
        verdict: "looser: ",
        sentence: Some(
            "before its risk was high; it still needs a committee, the user's confirmation and a dry run; no channel lets more through because of that",
        ),
    },
    Change {
        what: "refund-large says in other words when it applies",
        from: r#"context.input.amount_cents > 50000 && context.input.currency == "EUR""#,
        to: r#"context.input.currency == "EUR" && !(context.input.amount_cents <= 50000)"#,
        exit: 0,
        verdict: "same: ",
        sentence: None,
    },
];

/// Plays both pull requests.
pub(crate) fn play(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    screen.title("Somebody changes the rules");
    let clone = stage.path("clone");
    copy(Path::new(REFERENCE), &clone)?;
    waiver::trust(stage, &clone)?;
    git(&clone, &["init", "--quiet", "--initial-branch=main"])?;
    commit(&clone)?;
    let solver = has_solver();
    // The first change is judged and stays, so the second is judged against it.
    for change in &CHANGES {
        propose(&clone, change)?;
        let start = Instant::now();
        let gate = judge(stage, &clone, "HEAD~1", &[])?;
        let took = start.elapsed();
        let text = String::from_utf8_lossy(&gate.stdout);
        let told = told(change, gate.status.code(), &text, solver)
            .with_context(|| said(&gate))
            .with_context(|| format!("the gate on: {}", change.what))?;
        screen.step("pull request", change.what, None);
        screen.step("diff", told.verdict, Some(took));
        if let Some(sentence) = told.sentence {
            screen.step("", sentence, None);
        }
        screen.step("", told.exit, None);
        // What is undecided is nobody's to sign.
        if change.exit == 5 && solver {
            waiver::play(stage, &clone, screen)?;
        }
    }
    Ok(())
}

/// What a reviewer reads first.
struct Told<'t> {
    verdict: &'t str,
    /// Who can do what now, or why nobody knows.
    sentence: Option<&'t str>,
    exit: &'static str,
}

/// The first lines of the gate's answer, if it is the one that the story tells.
fn told<'t>(
    change: &Change,
    exit: Option<i32>,
    text: &'t str,
    solver: bool,
) -> anyhow::Result<Told<'t>> {
    let (expected, verdict, sentence) = if solver {
        (change.exit, change.verdict, change.sentence)
    } else {
        (6, "undecided: ", Some(stopgate::diff::INSTALL))
    };
    ensure!(
        exit == Some(expected),
        "it ends with {exit:?}, where the story says {expected}"
    );
    let first = text.lines().next().unwrap_or_default();
    ensure!(first.starts_with(verdict), "no verdict {verdict:?}");
    let find = |end| {
        let line = text.lines().find(|line: &&str| line.ends_with(end));
        line.with_context(|| format!("no line that ends with {end:?}"))
    };
    let sentence = sentence.map(find).transpose()?.map(str::trim);
    let exit = match expected {
        0 => "exit 0: it may be merged",
        5 => "exit 5: it is not merged before reviewers have signed",
        _ => "exit 6: what is not proved is not merged",
    };
    Ok(Told {
        verdict: first,
        sentence,
        exit,
    })
}

/// Makes the change, which has to be one, on top of what there is.
fn propose(clone: &Path, change: &Change) -> anyhow::Result<()> {
    let path = clone.join(RULES);
    let before = fs::read_to_string(&path)?;
    ensure!(
        before.matches(change.from).count() == 1,
        "the policies no longer have the text that the story changes: {}",
        change.from
    );
    fs::write(&path, before.replace(change.from, change.to))?;
    commit(clone)
}

/// The gate on what there is since `base`, as a pipeline asks it. A slow machine is no doubt.
pub(crate) fn judge(
    stage: &Stage,
    clone: &Path,
    base: &str,
    more: &[&str],
) -> anyhow::Result<Output> {
    let mut gate = Command::new(stage.programs().stopgate());
    gate.arg("diff")
        .arg(clone)
        .args(["--base", base, "--head", "HEAD", "--slice-limit", "60s"])
        .args(more)
        .env_clear()
        .stdin(Stdio::null());
    // The variables by which a solver is found, and no others.
    for variable in ["PATH", "CVC5"] {
        if let Some(value) = std::env::var_os(variable) {
            gate.env(variable, value);
        }
    }
    gate.output().context("stopgate cannot be started")
}

/// Whether this machine has the program that the gate asks: the demo runs without it too.
fn has_solver() -> bool {
    // As the gate looks for it.
    let solver = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into());
    let mut solver = Command::new(solver);
    solver.arg("--version").stdin(Stdio::null());
    solver.output().is_ok()
}

/// Commits everything there is.
pub(crate) fn commit(clone: &Path) -> anyhow::Result<()> {
    git(clone, &["add", "--all"])?;
    git(
        clone,
        &["commit", "--quiet", "--message", "a change of policy"],
    )
}

/// git with nothing of the user's configuration.
fn git(clone: &Path, args: &[&str]) -> anyhow::Result<()> {
    let mut git = Command::new("git");
    git.args(args)
        .current_dir(clone)
        .env_clear()
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        git.env("PATH", path);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "author")
            .env(format!("GIT_{who}_EMAIL"), "author@acme.example");
    }
    let output = git.output().context("git cannot be started")?;
    ensure!(output.status.success(), "git {args:?}: {}", said(&output));
    Ok(())
}
