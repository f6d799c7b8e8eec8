//! A channel of releases and the sidecars that follow it: forwards only, and no looser than reviewers let it be.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use stopgate_client::wire::{BundleRefusal, GetStatusResponse};
use stopgate_decide::record::{BundleChange, RecordBody};
use stopgate_decide::supply::{FormatOne, Release, ReleaseChange, SignOff, Signed, Unsealed};
use stopgate_decide::surface::Risk;
use stopgate_store::{
    Change, Directory, Item, Items as _, Key, Moved, Policies, StoredRelease, Write,
};
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::log::records;
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

const GUARDRAILS: &str = "rules/guardrails.cedar";

/// A rule that only takes away.
const NEVER: &str = r#"
@id("no-refunds-today") @owner("finance-risk") @review_by("2099-01-01")
@description("no refunds today")
forbid (principal, action == Stopgate::Action::"erp/create_refund", resource);
"#;

fn stage() -> anyhow::Result<Stage> {
    Stage::new(CHANNEL, Hours::Business)
}

/// Adds text to a document of the policies.
fn append(stage: &Stage, document: &str, text: &str) -> anyhow::Result<()> {
    let path = stage.policies().join(document);
    let before = fs::read_to_string(&path)?;
    Ok(fs::write(path, before + text)?)
}

async fn status(sidecar: &Sidecar<'_>) -> Option<GetStatusResponse> {
    let client = sidecar.client().await.ok()?;
    client.status(Duration::from_secs(1)).await.ok()
}

/// Waits until the sidecar has refused what it is offered for this reason.
async fn refuses(sidecar: &mut Sidecar<'_>, why: BundleRefusal) -> anyhow::Result<()> {
    let what = format!("it refuses: {why:?}");
    sidecar
        .until(&what, async |sidecar| {
            status(sidecar)
                .await
                .is_some_and(|status| status.bundle_refusal() == why)
        })
        .await
}

/// Waits until the sidecar enforces this version.
async fn enforces(sidecar: &mut Sidecar<'_>, version: i64) -> anyhow::Result<()> {
    let what = format!("version {version} is in force");
    sidecar
        .until(&what, async |sidecar| {
            status(sidecar)
                .await
                .is_some_and(|status| status.bundle_version == version)
        })
        .await
}

/// Puts what the history has of a version at the head, as somebody does who may write to the store and nothing else.
fn put_back(channel: &Channel<'_>, version: u64) -> anyhow::Result<()> {
    let store = channel.store()?;
    let history = Key::new(format!("HIST#{CHANNEL}"), format!("{version:020}"))?;
    let item = store.get(&history)?.context("it is in the history")?;
    put(channel, item)
}

fn put(channel: &Channel<'_>, head: Item) -> anyhow::Result<()> {
    let write = Write {
        key: Key::new(format!("HEAD#{CHANNEL}"), "-")?,
        condition: Vec::new(),
        change: Change::Put(head),
    };
    Ok(channel.store()?.transact(&[write])?)
}

/// Which refusals are on record.
fn refused(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let records = records(&stage.log())?;
    let reasons = records.into_iter().filter_map(|record| match record.body {
        RecordBody::Bundle(bundle) => match bundle.change {
            BundleChange::Refused { reason, .. } => Some(reason),
            BundleChange::Active => None,
        },
        RecordBody::Start(_)
        | RecordBody::Decision(_)
        | RecordBody::Gap(_)
        | RecordBody::Stop(_) => None,
    });
    Ok(reasons.collect())
}

#[tokio::test]
async fn t10_p1_version_1_is_put_back_by_hand_and_the_sidecar_refuses_it_and_says_why()
-> anyhow::Result<()> {
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    // Stricter: nobody has to sign.
    append(&stage, GUARDRAILS, NEVER)?;
    let output = channel.publish(&[])?;
    ensure!(output.status.success(), "{}", said(&output));
    enforces(&mut sidecar, 2).await?;

    put_back(&channel, 1)?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 2, "{now:?}");
    ensure!(
        sidecar
            .events()
            .contains("version 1 was offered after version 2")
    );
    ensure!(refused(&stage)? == ["rollback"], "{:?}", refused(&stage)?);

    // Nor after a restart: what was in force is noted. Nothing is decided then, and it says why.
    sidecar.terminate().await?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_digest.is_empty(), "{now:?}");

    put_back(&channel, 2)?;
    enforces(&mut sidecar, 2).await
}

#[tokio::test]
async fn t7_p2_a_release_that_may_be_looser_takes_a_sign_off_whatever_its_publisher_says()
-> anyhow::Result<()> {
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    // The first release lets something through where nothing was.
    let output = channel.publish(&[])?;
    ensure!(output.status.code() == Some(5), "{}", said(&output));
    append(&stage, GUARDRAILS, NEVER)?;
    let first = channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;

    // The guardrail goes. The pipeline's own command asks for reviewers.
    let rules = stage.policies().join(GUARDRAILS);
    let text = fs::read_to_string(&rules)?;
    fs::write(&rules, text.replace(NEVER, ""))?;
    let output = channel.publish(&[])?;
    ensure!(output.status.code() == Some(5), "{}", said(&output));
    ensure!(
        said(&output).contains("no-refunds-today"),
        "{}",
        said(&output)
    );
    ensure!(
        channel.head()?.as_ref() == Some(&first),
        "something was published"
    );

    // Somebody who has the pipeline's key publishes it all the same, and calls it stricter.
    let loosened = stage.path("loosened.stopgate");
    let built = stage.stopgate([
        "build",
        "policies",
        "-o",
        "loosened.stopgate",
        "--key",
        "ci.key",
    ])?;
    ensure!(built.status.success(), "{}", said(&built));
    let bundle = channel.built()?;
    let policies = Policies::new(channel.store()?);
    policies.put_bundle(bundle, &fs::read(loosened)?, first.at)?;
    let before = Signed::<Release>::read_named(&first.release, first.digest)?;
    let release = Release {
        version: first.version.next().context("a version")?,
        bundle,
        base: Some(first.bundle),
        previous: Some(first.digest),
        change: ReleaseChange::Stricter,
        risk: None,
        ..before.document().clone()
    };
    let stolen = |sign_off: Option<Vec<u8>>| {
        let bytes = channel.sign(&release, &["ci"])?;
        let digest = Unsealed::new(&release)?.digest();
        let stored = StoredRelease {
            version: release.version,
            bundle,
            digest,
            release: bytes,
            sign_off,
            at: first.at,
        };
        anyhow::Ok(stored)
    };
    let moved = policies.move_head(&CHANNEL.parse()?, Some(&first), &stolen(None)?)?;
    ensure!(moved == Moved::Here);
    refuses(&mut sidecar, BundleRefusal::NotSignedOff).await?;
    ensure!(sidecar.events().contains("no-refunds-today"));
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 1, "{now:?}");
    ensure!(
        refused(&stage)? == ["not_signed_off"],
        "{:?}",
        refused(&stage)?
    );

    // With one reviewer where it takes two, and with two.
    let one = SignOff {
        format: FormatOne,
        organisation: release.organisation.clone(),
        base: release.base,
        bundle,
        risk: Risk::High,
        waivers: BTreeSet::new(),
    };
    let alone = stolen(Some(channel.sign(&one, &["ana"])?))?;
    put(&channel, head_item(&alone)?)?;
    refuses(&mut sidecar, BundleRefusal::Threshold).await?;
    let both = stolen(Some(channel.sign(&one, &["ana", "eva"])?))?;
    put(&channel, head_item(&both)?)?;
    enforces(&mut sidecar, 2).await
}

/// Returns what stands at a head with this release: written to a store of its own, and read back.
fn head_item(release: &StoredRelease) -> anyhow::Result<Item> {
    let folder = tempfile::tempdir()?;
    let store = Directory::create(folder.path().join("store"))?;
    Policies::new(store.clone()).move_head(&CHANNEL.parse()?, None, release)?;
    let key = Key::new(format!("HEAD#{CHANNEL}"), "-")?;
    store.get(&key)?.context("a head")
}

#[tokio::test]
async fn p1_a_release_of_another_channel_is_refused_and_so_is_a_touched_mark() -> anyhow::Result<()>
{
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    // The same policy, published to `pilot`, where it may let less through.
    let bundle = channel.built()?;
    let sign_off = channel.sign_off(None, bundle)?.display().to_string();
    let output = stage.stopgate([
        "publish",
        "policies",
        "--channel",
        "pilot",
        "--store",
        "dir:channels",
        "--key",
        "ci.key",
        "--sign-off",
        &sign_off,
    ])?;
    ensure!(output.status.success(), "{}", said(&output));
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    let pilot = Key::new("HEAD#pilot", "-")?;
    let item = channel.store()?.get(&pilot)?.context("a head")?;
    put(&channel, item)?;
    refuses(&mut sidecar, BundleRefusal::Channel).await?;
    sidecar.terminate().await?;

    put_back(&channel, 1)?;
    let marks = stage.path("state/marks.json");
    let text = fs::read_to_string(&marks)?;
    fs::write(&marks, text.replace("\"lowest\":1", "\"lowest\": 1"))?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Marks).await?;
    fs::write(&marks, text)?;
    enforces(&mut sidecar, 1).await
}
