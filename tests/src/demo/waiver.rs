//! Reviewers sign what the gate has stopped, and it lets exactly that pass: not with one signature where two are asked.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use stopgate_tests::stage::{Stage, said};

use crate::gate::{commit, judge};
use crate::screen::Screen;

const WAIVER: &str = "waivers/2026-014.yaml";
/// As many as the bank asks for where the risk is high.
const REVIEWERS: [&str; 2] = ["ana", "eva"];

/// Puts a trust root that lists both reviewers into the policies, before there is anything to be signed.
pub(crate) fn trust(stage: &Stage, clone: &Path) -> anyhow::Result<()> {
    for name in ["root", "ana", "eva"] {
        run(stage, &["keygen", name])?;
    }
    let root = clone.join("trust/root.dsse.json");
    let root = root.to_str().context("a path in UTF-8")?;
    let reviewers = REVIEWERS.map(|name| format!("--reviewer={name}.pub"));
    let [ana, eva] = &reviewers;
    run(stage, &["root", "--key=root.key", ana, eva, "-o", root])?;
    Ok(())
}

/// Signs what the last commit loosens, one reviewer after the other, each time asking the gate.
pub(crate) fn play(stage: &Stage, clone: &Path, screen: &Screen) -> anyhow::Result<()> {
    let found = judge(stage, clone, "HEAD~1", &["--format", "json"])?;
    let found = serde_json::from_slice(&found.stdout).with_context(|| said(&found))?;
    fs::create_dir(clone.join("waivers"))?;
    fs::write(clone.join(WAIVER), waiver(&found)?)?;
    // What is signed is a commit.
    commit(clone)?;
    let stories = [
        (
            5,
            "has 1 of 2 reviewers' signatures: ",
            "exit 5: one more has to sign",
        ),
        (
            0,
            "operations: 1 looser (1 waived)",
            "exit 0: it may be merged",
        ),
    ];
    for (at, (reviewer, (exit, line, end))) in REVIEWERS.iter().zip(stories).enumerate() {
        // Counted back over the commits in between: the waiver's own, and one for each signature.
        sign(stage, clone, reviewer, &format!("HEAD~{}", at + 2))?;
        commit(clone)?;
        screen.step("sign", &format!("{reviewer} signs {WAIVER}"), None);
        let start = Instant::now();
        let gate = judge(stage, clone, &format!("HEAD~{}", at + 3), &[])?;
        let text = String::from_utf8_lossy(&gate.stdout);
        ensure!(
            gate.status.code() == Some(exit)
                && text.lines().any(|one| one.trim().starts_with(line)),
            "after {reviewer} signed, where the story says {exit} and {line:?}: {}",
            said(&gate)
        );
        screen.step("diff", line.trim_end_matches(": "), Some(start.elapsed()));
        screen.step("", end, None);
    }
    Ok(())
}

/// The waiver that the gate drafts, under the story's name and with a reason.
fn waiver(found: &Value) -> anyhow::Result<String> {
    let draft = found.pointer("/to_sign/waiver").and_then(Value::as_str);
    let draft = draft.with_context(|| format!("no waiver is drafted in {found}"))?;
    let line = |line: &str| match line.split(' ').next() {
        Some("waiver:") => "waiver: 2026-014\n".to_owned(),
        Some("reason:") => "reason: The new charter for customers.\n".to_owned(),
        _ => format!("{line}\n"),
    };
    Ok(draft.lines().map(line).collect())
}

/// A reviewer reads what is shown about the change from `base`, and agrees to its digest.
fn sign(stage: &Stage, clone: &Path, reviewer: &str, base: &str) -> anyhow::Result<()> {
    let file = clone.join(WAIVER);
    let file = file.to_str().context("a path in UTF-8")?;
    let key = format!("--key={reviewer}.key");
    let command = ["sign", file, "--waiver", "--base", base, &key];
    let shown = stage.stopgate(command)?;
    let text = said(&shown);
    let digest = text.lines().find_map(|line| line.strip_prefix("digest "));
    let digest = digest.with_context(|| format!("no digest is shown: {text}"))?;
    run(stage, &[&command[..], &["--yes", digest.trim()]].concat())
}

fn run(stage: &Stage, args: &[&str]) -> anyhow::Result<()> {
    let output = stage.stopgate(args)?;
    ensure!(
        output.status.success(),
        "stopgate {}: {}",
        args.join(" "),
        said(&output)
    );
    Ok(())
}
