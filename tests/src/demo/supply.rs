//! From merge to enforcement: a channel of releases, two sidecars that follow it, what none of them takes, and a stop.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use stopgate_client::wire::{BundleRefusal, GetStatusResponse};
use stopgate_store::{Change, Item, Value};
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::PATIENCE;
use crate::screen::Screen;

const GUARDRAILS: &str = "rules/guardrails.cedar";

/// A rule that only takes away.
const NEVER: &str = r#"
@id("no-refunds-today") @owner("finance-risk") @review_by("2099-01-01")
@description("no refunds today")
forbid (principal, action == Stopgate::Action::"erp/create_refund", resource);
"#;

/// Plays the story of one channel.
pub(crate) async fn play(screen: &Screen) -> anyhow::Result<()> {
    screen.title("From merge to enforcement");
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let rules = stage.policies().join(GUARDRAILS);
    let before = fs::read_to_string(&rules)?;
    // 1. Nobody has signed the first release off, and then two reviewers have.
    let output = channel.publish(&[])?;
    ensure!(output.status.code() == Some(5), "{}", said(&output));
    screen.step(
        "publish",
        "exit 5: the first release lets something through, so reviewers have to sign it off",
        None,
    );
    channel.publish_signed_off()?;
    let beside = stage.beside()?;
    let mut both = [
        Sidecar::start(&stage).await?,
        Sidecar::start(&beside).await?,
    ];
    enforced(&mut both, 1).await?;
    screen.step(
        "",
        "signed off by ana and eva: version 1, which two sidecars enforce",
        None,
    );
    // 2. What only takes away needs nobody.
    fs::write(&rules, format!("{before}{NEVER}"))?;
    let output = channel.publish(&[])?;
    ensure!(output.status.success(), "{}", said(&output));
    let start = Instant::now();
    enforced(&mut both, 2).await?;
    screen.step(
        "publish",
        "no refunds today: nobody can do more, so nobody signs; both enforce version 2",
        Some(start.elapsed()),
    );
    // 3. Somebody may write to the store, and has no key.
    channel.edit_row("erp/create_refund/support-analyst", |_| {
        let row = [("risk", Value::Text("low".to_owned()))];
        Ok(Change::Put(Item::new(row)?))
    })?;
    let drift = [
        "drift",
        "policies",
        "--channel",
        CHANNEL,
        "--store",
        "dir:channels",
    ];
    let output = stage.stopgate(drift)?;
    let told = said(&output);
    let row = told.lines().find_map(|line| line.split_once("rows dev: "));
    ensure!(output.status.code() == Some(7), "{told}");
    screen.step(
        "drift",
        &format!(
            "a row that people read was edited by hand, and drift names it: {}",
            row.context("a row")?.1
        ),
        None,
    );
    channel.put_back(1)?;
    refused(&mut both, BundleRefusal::Rollback).await?;
    screen.step("a thief", "puts version 1 back, with every signature it had: both refuse it (ROLLBACK) and keep version 2", None);
    channel.put_back(2)?;
    refused(&mut both, BundleRefusal::Unspecified).await?;
    // 4. Somebody has the pipeline's key too.
    fs::write(&rules, before)?;
    let release = channel.stolen()?;
    channel.publish_stolen(&release, None)?;
    refused(&mut both, BundleRefusal::NotSignedOff).await?;
    screen.step(
        "a thief",
        "with the pipeline's key publishes it without that rule, as stricter: NOT_SIGNED_OFF",
        None,
    );
    // 5. Somebody sees it at night, and may only make it stricter.
    let start = Instant::now();
    let output = channel.stop(&[
        "--tool=erp",
        "--operation=create_refund",
        "--reason=refunds go to one account",
        "--for=4h",
        "--id=INC-7",
    ])?;
    ensure!(output.status.success(), "{}", said(&output));
    until(&mut both, "refunds are stopped", |status| {
        status.stops.iter().any(|stop| stop.id == "INC-7")
    })
    .await?;
    screen.step(
        "stop",
        "refunds, by the night shift alone: both reject them from now on, for four hours at most",
        Some(start.elapsed()),
    );
    for sidecar in both {
        let ended = sidecar.terminate().await?;
        ensure!(ended.success(), "a sidecar did not end well");
    }
    Ok(())
}

/// Waits until both enforce this version.
async fn enforced(both: &mut [Sidecar<'_>], version: i64) -> anyhow::Result<()> {
    until(both, &format!("version {version} is in force"), |status| {
        status.bundle_version == version
    })
    .await
}

/// Waits until both have refused what they are offered for this reason.
async fn refused(both: &mut [Sidecar<'_>], why: BundleRefusal) -> anyhow::Result<()> {
    until(
        both,
        &format!("it is refused: {}", why.as_str_name()),
        |status| status.bundle_refusal() == why,
    )
    .await
}

async fn until(
    both: &mut [Sidecar<'_>],
    what: &str,
    done: impl Fn(&GetStatusResponse) -> bool,
) -> anyhow::Result<()> {
    for sidecar in both {
        let client = sidecar.client().await.context("a connection")?;
        sidecar
            .until(what, async |_| {
                client
                    .status(PATIENCE)
                    .await
                    .is_ok_and(|status| done(&status))
            })
            .await?;
    }
    Ok(())
}
