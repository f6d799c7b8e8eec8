//! A key is replaced: another joins, signs what is in force, and only then the first one leaves.

use std::fs;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use stopgate_client::wire::BundleRefusal;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::supply::{Release, Signed};
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{GUARDRAILS, NEVER, append, enforces, refuses, status};

/// Makes the next root with `more` arguments, beside the policy and where the sidecar finds its own.
fn next(stage: &Stage, more: &[&str]) -> anyhow::Result<()> {
    let root = "policies/trust/root.dsse.json";
    let always = [
        "root",
        "--next",
        root,
        "--key=root.key",
        "--expires=2099-01-01T00:00:00Z",
        "-o",
        root,
    ];
    let output = stage.stopgate([&always[..], more].concat())?;
    ensure!(output.status.success(), "{}", said(&output));
    fs::copy(stage.path(root), stage.root())?;
    Ok(())
}

fn publish(stage: &Stage, key: &str, more: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
    let key = format!("--key={key}.key");
    let always = [
        "publish",
        "policies",
        "--channel",
        CHANNEL,
        "--store=dir:channels",
        &key,
    ];
    let output = stage.stopgate([&always[..], more].concat())?;
    Ok((output.status.code(), said(&output)))
}

/// Publishes what the channel has once more, signed with another key, as reviewers have agreed to.
fn again(stage: &Stage, channel: &Channel<'_>, key: &str) -> anyhow::Result<()> {
    let (code, told) = publish(stage, key, &["--again"])?;
    ensure!(code == Some(5) && told.contains("--again"), "{told}");
    let bundle = channel.built()?;
    let file = channel
        .sign_off(Some(bundle), bundle)?
        .display()
        .to_string();
    let (code, told) = publish(stage, key, &["--again", "--sign-off", &file])?;
    ensure!(code == Some(0) && told.contains("published"), "{told}");
    Ok(())
}

/// Publishes two versions, of which the second is stricter and nobody signed it off.
fn two_versions(stage: &Stage, channel: &Channel<'_>) -> anyhow::Result<()> {
    channel.publish_signed_off()?;
    append(stage, GUARDRAILS, NEVER)?;
    let (code, told) = publish(stage, "ci", &[])?;
    ensure!(code == Some(0), "{told}");
    let output = stage.stopgate(["keygen", "ci2"])?;
    ensure!(output.status.success(), "{}", said(&output));
    Ok(())
}

/// Checks that the timestamper signs for the channel, and a sidecar that has seen nothing enforces it.
async fn is_served(stage: &Stage, version: i64) -> anyhow::Result<()> {
    let timestamp = [
        "timestamp",
        "--channel=dev",
        "--store=dir:channels",
        "--root=root.dsse.json",
        "--key=clock.key",
    ];
    let output = stage.stopgate(timestamp)?;
    ensure!(output.status.success(), "{}", said(&output));
    fs::remove_dir_all(stage.path("state"))?;
    let mut sidecar = Sidecar::start(stage).await?;
    enforces(&mut sidecar, version).await?;
    sidecar.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn p6_a_publisher_is_replaced_and_nobody_is_stopped_meanwhile() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;
    sidecar.terminate().await?;
    let first = fs::read(stage.root())?;

    // 1. The new key joins. What the old one signed is good as before.
    let (code, told) = publish(&stage, "ci2", &["--again"])?;
    ensure!(code == Some(8), "{told}");
    next(&stage, &["--publisher=ci2.pub"])?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;
    // 2. It signs what is in force, as the next version; by itself there is nothing to do.
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(code == Some(0) && told.contains("unchanged"), "{told}");
    again(&stage, &channel, "ci2")?;
    enforces(&mut sidecar, 3).await?;
    sidecar.terminate().await?;
    // 3. Only now the old one leaves.
    next(&stage, &["--leave=ci"])?;
    let root = TrustRoot::open(&fs::read(stage.root())?, Timestamp::MIN)?;
    let statement = root.statement();
    ensure!(
        statement.version == 3 && statement.keys.len() == 6,
        "{statement:?}"
    );
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 3).await?;
    let (code, told) = publish(&stage, "ci", &["--again"])?;
    ensure!(code == Some(8), "{told}");
    let release = Signed::<Release>::read(&channel.head()?.context("a head")?.release, &root)?;
    let stolen = Release {
        version: release.document().version.next().context("a version")?,
        previous: Some(release.digest()),
        ..release.document().clone()
    };
    channel.publish_stolen(&stolen, None)?;
    refuses(&mut sidecar, BundleRefusal::Signature).await?;
    channel.put_back(3)?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
    sidecar.terminate().await?;
    is_served(&stage, 3).await?;
    // 4. Whoever brings the first root back brings no key back.
    fs::write(stage.root(), first)?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_digest.is_empty(), "{now:?}");
    Ok(())
}

#[tokio::test]
async fn p6_a_publisher_that_is_stolen_leaves_at_once_and_the_channel_goes_on() -> anyhow::Result<()>
{
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;
    sidecar.terminate().await?;
    next(&stage, &["--publisher=ci2.pub", "--leave=ci"])?;
    // Nothing that is at the head verifies any more, and nobody publishes behind it by accident.
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(code == Some(8), "{told}");
    again(&stage, &channel, "ci2")?;
    // Who had the version before goes on from there, and who had nothing begins there.
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 3).await?;
    sidecar.terminate().await?;
    is_served(&stage, 3).await
}
