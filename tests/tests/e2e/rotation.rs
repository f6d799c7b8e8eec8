//! A key is replaced: another joins, signs what is in force, and only then the first one leaves.

use std::fs;

use anyhow::{Context as _, ensure};
use stopgate_client::wire::BundleRefusal;
use stopgate_decide::bundle::TrustRoot;
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{ROUTE, answers, enforces, refuses, status};

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

#[tokio::test]
async fn p6_a_publisher_is_replaced_and_nobody_is_stopped_meanwhile() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    sidecar.terminate().await?;
    let first = fs::read(stage.root())?;

    // 1. The new key joins. What the old one signed is good as before.
    let output = stage.stopgate(["keygen", "ci2"])?;
    ensure!(output.status.success(), "{}", said(&output));
    let (code, told) = publish(&stage, "ci2", &["--again"])?;
    ensure!(code == Some(8), "{told}");
    next(&stage, &["--publisher=ci2.pub"])?;
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    // 2. It signs what is in force, as the next version; a second time there is nothing to do.
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(code == Some(0) && told.contains("unchanged"), "{told}");
    let (code, told) = publish(&stage, "ci2", &["--again"])?;
    ensure!(code == Some(0) && told.contains("published"), "{told}");
    enforces(&mut sidecar, 2).await?;
    sidecar.terminate().await?;
    // 3. Only now the old one leaves.
    next(&stage, &["--leave=ci"])?;
    let root = TrustRoot::open(&fs::read(stage.root())?, jiff::Timestamp::MIN)?;
    let statement = root.statement();
    ensure!(
        statement.version == 3 && statement.keys.len() == 6,
        "{statement:?}"
    );
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 2, "{now:?}");
    let (code, told) = publish(&stage, "ci", &["--again"])?;
    ensure!(code == Some(8), "{told}");
    let release = stopgate_decide::supply::Signed::<stopgate_decide::supply::Release>::read(
        &channel.head()?.context("a head")?.release,
        &root,
    )?;
    let stolen = stopgate_decide::supply::Release {
        version: release.document().version.next().context("a version")?,
        previous: Some(release.digest()),
        ..release.document().clone()
    };
    channel.publish_stolen(&stolen, None)?;
    refuses(&mut sidecar, BundleRefusal::Signature).await?;
    channel.put_back(2)?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
    sidecar.terminate().await?;
    // 4. Whoever brings the first root back brings no key back.
    fs::write(stage.root(), first)?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_digest.is_empty(), "{now:?}");
    Ok(())
}
