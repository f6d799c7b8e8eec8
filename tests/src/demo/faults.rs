//! Three things that go wrong while the sidecar runs, and the typed answer to each.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, prlimit};
use stopgate_client::wire::{BundleRefusal, GetStatusResponse};
use stopgate_client::{Client, Verdict};
use stopgate_decide::record::RecordBody;
use stopgate_tests::ask::{order, refund, word};
use stopgate_tests::log;
use stopgate_tests::sidecar::{GLANCE, Sidecar};
use stopgate_tests::stage::Stage;

use crate::PATIENCE;
use crate::attempts::swap;
use crate::screen::Screen;

/// Starts a program that a full disk does not kill: the kernel's signal for a file at its size limit is ignored, so
/// that the write fails as it does on a full disk.
pub(crate) const UNKILLED: [&str; 3] = ["/bin/sh", "-c", r#"trap '' XFSZ; exec "$0" "$@""#];

/// Plays the faults; gives the number of attempts that have a record in the end.
pub(crate) async fn play(stage: &Stage, screen: &Screen) -> anyhow::Result<usize> {
    screen.title("Three things go wrong");
    let sidecar = Sidecar::start_under(stage, &UNKILLED).await?;
    let client = sidecar.client().await?;
    flipped_byte(stage, &client, screen).await?;
    full_disk(&sidecar, &client, screen).await?;
    swapped_bundle(stage, &client, screen).await?;
    ensure!(
        sidecar.terminate().await?.success(),
        "the sidecar did not end well"
    );
    let records = log::records(&stage.log())?;
    let gaps = records
        .iter()
        .filter(|record| matches!(record.body, RecordBody::Gap(_)))
        .count();
    ensure!(
        gaps == 1,
        "{gaps} gap records, where the story has one full disk"
    );
    Ok(log::decisions(&records).count())
}

async fn status_when(
    client: &Client,
    done: impl Fn(&GetStatusResponse) -> bool,
) -> anyhow::Result<GetStatusResponse> {
    let start = Instant::now();
    loop {
        if let Ok(status) = client.status(PATIENCE).await
            && done(&status)
        {
            return Ok(status);
        }
        ensure!(start.elapsed() < PATIENCE, "the sidecar does not notice");
        tokio::time::sleep(GLANCE).await;
    }
}

async fn flipped_byte(stage: &Stage, client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let whole = fs::read(stage.bundle())?;
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    *flipped.get_mut(middle).context("an empty bundle")? ^= 1;
    stage.publish_bytes(&flipped)?;
    let status = status_when(client, |status| status.consecutive_failures > 0).await?;
    let refusal = BundleRefusal::try_from(status.bundle_refusal)?;
    let answer = word(&client.decide(order("f1"), PATIENCE).await);
    ensure!(answer == "permit", "after the flip: {answer}");
    let text = format!(
        "the file is refused ({}), the bundle before it decides on: {answer}",
        refusal.as_str_name()
    );
    screen.step("a flipped bit", &text, None);
    stage.publish_bytes(&whole)?;
    status_when(client, |status| status.consecutive_failures == 0).await?;
    Ok(())
}

async fn full_disk(sidecar: &Sidecar<'_>, client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let pid = sidecar.pid()?;
    let limit = |current| {
        prlimit(
            Some(pid),
            Resource::Fsize,
            Rlimit {
                current,
                maximum: None,
            },
        )
    };
    // No file may grow any more, which is what a full disk does to a log.
    limit(Some(0)).context("the file size limit")?;
    let refused = word(&client.decide(order("f2"), PATIENCE).await);
    ensure!(
        refused == "reject: audit_unavailable",
        "with a full disk: {refused}"
    );
    limit(None).context("the file size limit")?;
    let start = Instant::now();
    loop {
        let answer = word(&client.decide(order("f3"), PATIENCE).await);
        if answer == "permit" {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "with room again: {answer}");
        tokio::time::sleep(GLANCE).await;
    }
    let text = format!(
        "what cannot be recorded is not answered: {refused}; with room again a gap record says so"
    );
    screen.step("a full disk", &text, None);
    Ok(())
}

async fn swapped_bundle(stage: &Stage, client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let before = client.decide(refund("f4", 40_000), PATIENCE).await;
    let rules = stage.policies().join("rules/erp.yaml");
    let text = fs::read_to_string(&rules)?;
    ensure!(
        text.contains("50000"),
        "the policies no longer have the amount that the story changes"
    );
    fs::write(&rules, text.replace("50000", "30000"))?;
    swap(stage, client).await?;
    let after = client.decide(refund("f5", 40_000), PATIENCE).await;
    let (old, new) = (bundle(&before)?, bundle(&after)?);
    ensure!(old != new, "both answers come from one bundle");
    ensure!(
        word(&after).contains("approval:committee"),
        "after the swap: {}",
        word(&after)
    );
    screen.step(
        "a new bundle",
        &format!("before {old}  {}", word(&before)),
        None,
    );
    screen.step("", &format!("after  {new}  {}", word(&after)), None);
    Ok(())
}

/// The bundle that explains a route, shortened.
fn bundle(verdict: &Verdict) -> anyhow::Result<String> {
    let Verdict::Route(route) = verdict else {
        anyhow::bail!("no route: {}", word(verdict))
    };
    Ok(route.explanation().bundle_digest.chars().take(15).collect())
}
