//! A channel of releases and the sidecars that follow it: forwards only, and no looser than reviewers let it be.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use stopgate_client::wire::{BundleRefusal, GetStatusResponse};
use stopgate_decide::record::{BundleChange, RecordBody};
use stopgate_decide::supply::{FormatOne, SignOff, TimestampDocument};
use stopgate_decide::surface::Risk;
use stopgate_store::{Change, Item, Items as _, Key, StoredRelease, Value, Write};
use stopgate_tests::ask;
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::log::records;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage, said};

pub(crate) const GUARDRAILS: &str = "rules/guardrails.cedar";

/// A rule that only takes away.
pub(crate) const NEVER: &str = r#"
@id("no-refunds-today") @owner("finance-risk") @review_by("2099-01-01")
@description("no refunds today")
forbid (principal, action == Stopgate::Action::"erp/create_refund", resource);
"#;

fn stage() -> anyhow::Result<Stage> {
    Stage::new(CHANNEL, Hours::Business)
}

/// Adds text to a document of the policies.
pub(crate) fn append(stage: &Stage, document: &str, text: &str) -> anyhow::Result<()> {
    let path = stage.policies().join(document);
    let before = fs::read_to_string(&path)?;
    Ok(fs::write(path, before + text)?)
}

pub(crate) async fn status(sidecar: &Sidecar<'_>) -> Option<GetStatusResponse> {
    let client = sidecar.client().await.ok()?;
    client.status(Duration::from_secs(1)).await.ok()
}

/// Waits until the sidecar has refused what it is offered for this reason.
pub(crate) async fn refuses(sidecar: &mut Sidecar<'_>, why: BundleRefusal) -> anyhow::Result<()> {
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
pub(crate) async fn enforces(sidecar: &mut Sidecar<'_>, version: i64) -> anyhow::Result<()> {
    let what = format!("version {version} is in force");
    sidecar
        .until(&what, async |sidecar| {
            status(sidecar)
                .await
                .is_some_and(|status| status.bundle_version == version)
        })
        .await
}

/// Waits until exactly these refusals are on record: the status tells of one before its record is on the disk.
async fn recorded(
    sidecar: &mut Sidecar<'_>,
    stage: &Stage,
    reasons: &[&str],
) -> anyhow::Result<()> {
    let what = format!("its log has the refusals {reasons:?}");
    sidecar
        .until(&what, async |_| {
            refused(stage).is_ok_and(|found| found == reasons)
        })
        .await
}

/// Which refusals are on record.
fn refused(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let records = records(&stage.log())?;
    let reasons = records.into_iter().filter_map(|record| match record.body {
        RecordBody::Bundle(bundle) => match bundle.change {
            BundleChange::Refused { reason, .. } => Some(reason),
            BundleChange::Active { .. } => None,
        },
        RecordBody::Start(_)
        | RecordBody::Decision(_)
        | RecordBody::Gap(_)
        | RecordBody::Stop(_)
        | RecordBody::Stops(_)
        | RecordBody::Root(_) => None,
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

    channel.put_back(1)?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 2, "{now:?}");
    ensure!(
        sidecar
            .events()
            .contains("version 1 was offered after version 2")
    );
    recorded(&mut sidecar, &stage, &["rollback"]).await?;

    // Nor after a restart: what was in force is kept, and noted.
    sidecar.terminate().await?;
    let mut sidecar = Sidecar::start(&stage).await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 2, "{now:?}");
    // Where the note is left and what was kept is not, nothing is decided, and it says why.
    sidecar.terminate().await?;
    fs::remove_file(stage.path("state/verified.json"))?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_digest.is_empty(), "{now:?}");

    channel.put_back(2)?;
    enforces(&mut sidecar, 2).await
}

#[tokio::test]
async fn a_sidecar_starts_with_what_was_in_force_while_its_store_is_away() -> anyhow::Result<()> {
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    sidecar.terminate().await?;
    let (store, away) = (channel.store_path(), stage.path("away"));
    fs::rename(&store, &away)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    refuses(&mut sidecar, BundleRefusal::SourceUnavailable).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 1, "{now:?}");
    fs::rename(&away, &store)?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await
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
    let release = channel.stolen()?;
    channel.publish_stolen(&release, None)?;
    refuses(&mut sidecar, BundleRefusal::NotSignedOff).await?;
    ensure!(sidecar.events().contains("no-refunds-today"));
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_version == 1, "{now:?}");
    recorded(&mut sidecar, &stage, &["not_signed_off"]).await?;

    // With one reviewer where it takes two, and with two.
    let both = SignOff {
        format: FormatOne,
        organisation: release.organisation.clone(),
        base: release.base,
        bundle: release.bundle,
        risk: Risk::High,
        waivers: BTreeSet::new(),
    };
    for (names, refusal) in [
        (&["ana"][..], Some(BundleRefusal::Threshold)),
        (&["ana", "eva"], None),
    ] {
        let first = channel
            .store()?
            .get(&Key::new(format!("HIST#{CHANNEL}"), format!("{:020}", 1))?)?;
        channel.put_head(first.context("the first release")?)?;
        let history = Key::new(format!("HIST#{CHANNEL}"), format!("{:020}", 2))?;
        channel.store()?.transact(&[Write {
            key: history,
            condition: Vec::new(),
            change: Change::Delete,
        }])?;
        channel.publish_stolen(&release, Some(channel.sign(&both, names)?))?;
        match refusal {
            Some(why) => refuses(&mut sidecar, why).await?,
            None => enforces(&mut sidecar, 2).await?,
        }
    }
    Ok(())
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
    channel.put_head(item)?;
    refuses(&mut sidecar, BundleRefusal::Channel).await?;
    sidecar.terminate().await?;

    channel.put_back(1)?;
    let marks = stage.path("state/marks.json");
    let text = fs::read_to_string(&marks)?;
    fs::write(&marks, text.replace("\"lowest\":1", "\"lowest\": 1"))?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Marks).await?;
    fs::write(&marks, text)?;
    enforces(&mut sidecar, 1).await
}

/// Signs that `head` is the newest release, as the timestamper whose clock says `issued`.
pub(crate) fn timestamp(
    head: &StoredRelease,
    issued: Timestamp,
) -> anyhow::Result<TimestampDocument> {
    Ok(TimestampDocument {
        format: FormatOne,
        organisation: "acme-bank".parse()?,
        channel: CHANNEL.parse()?,
        version: head.version,
        release: head.digest,
        root: 1,
        enrolments: BTreeSet::new(),
        stops: BTreeSet::new(),
        issued,
        expires: issued + SignedDuration::from_hours(1000),
    })
}

/// Puts a timestamp into the store, whatever is there.
pub(crate) fn put_timestamp(
    channel: &Channel<'_>,
    document: &TimestampDocument,
) -> anyhow::Result<()> {
    let bytes = channel.sign(document, &["clock"])?;
    let key = Key::new(format!("TIME#{CHANNEL}"), "-")?;
    let item = Item::new([
        ("document", Value::Bytes(bytes)),
        ("issued", Value::Text(document.issued.to_string())),
    ])?;
    let write = Write {
        key,
        condition: Vec::new(),
        change: Change::Put(item),
    };
    Ok(channel.store()?.transact(&[write])?)
}

/// Waits until a look-up and a small refund get these answers.
pub(crate) async fn answers(
    sidecar: &mut Sidecar<'_>,
    order: &str,
    refund: &str,
) -> anyhow::Result<()> {
    let what = format!("a look-up gets {order}, and a refund {refund}");
    sidecar
        .until(&what, async |sidecar| {
            let Ok(client) = sidecar.client().await else {
                return false;
            };
            let asked = client.decide(ask::order("a"), PATIENCE).await;
            let refunded = client.decide(ask::refund("b", 50_000), PATIENCE).await;
            ask::word(&asked) == order && ask::word(&refunded) == refund
        })
        .await
}

pub(crate) const ROUTE: &str = "route: user_confirmation, approval:supervisor";
const STALE: &str = "reject: policy_stale";

#[tokio::test]
async fn t11_p11_a_channel_that_is_frozen_lets_less_and_less_through() -> anyhow::Result<()> {
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    append(
        &stage,
        "stopgate.yaml",
        "freshness: {soft: 15m, hard: 24h}\n",
    )?;
    let head = channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    // Nothing says that this is the newest.
    refuses(&mut sidecar, BundleRefusal::Timestamp).await?;
    answers(&mut sidecar, STALE, STALE).await?;

    let now = Timestamp::now();
    let hours = SignedDuration::from_hours;
    let long_ago = timestamp(&head, now - hours(25))?;
    put_timestamp(&channel, &long_ago)?;
    answers(&mut sidecar, STALE, STALE).await?;
    let lately = timestamp(&head, now - hours(1))?;
    put_timestamp(&channel, &lately)?;
    answers(&mut sidecar, "permit", STALE).await?;
    let sign = || {
        stage.stopgate([
            "timestamp",
            "--channel",
            CHANNEL,
            "--store",
            "dir:channels",
            "--root",
            "root.dsse.json",
            "--key",
            "clock.key",
        ])
    };
    let signed = sign()?;
    ensure!(signed.status.success(), "{}", said(&signed));
    answers(&mut sidecar, "permit", ROUTE).await?;

    // An older one is put back: it is refused, and what is known stays known.
    put_timestamp(&channel, &lately)?;
    refuses(&mut sidecar, BundleRefusal::Timestamp).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    // Over a restart too, where nothing is known but what was noted: what is refused proves nothing.
    sidecar.terminate().await?;
    let mut sidecar = Sidecar::start(&stage).await?;
    refuses(&mut sidecar, BundleRefusal::Timestamp).await?;
    answers(&mut sidecar, STALE, STALE).await?;

    // A newer release is there, and the head is kept from this sidecar: its timestamp makes nothing newer.
    let withheld = TimestampDocument {
        version: head.version.next().context("a version")?,
        ..timestamp(&head, Timestamp::now())?
    };
    put_timestamp(&channel, &withheld)?;
    let what = "it says that a newer release is withheld";
    let withheld = "a newer one is withheld";
    sidecar
        .until(what, async |sidecar| sidecar.events().contains(withheld))
        .await?;
    answers(&mut sidecar, STALE, STALE).await?;
    // Whoever signs takes the store for what it is, until it shows something older than before.
    let signed = sign()?;
    ensure!(signed.status.success(), "{}", said(&signed));
    answers(&mut sidecar, "permit", ROUTE).await
}

#[tokio::test]
async fn p9_a_timestamper_signs_for_nothing_older_than_before() -> anyhow::Result<()> {
    let stage = stage()?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    append(&stage, GUARDRAILS, NEVER)?;
    let output = channel.publish(&[])?;
    ensure!(output.status.success(), "{}", said(&output));
    let sign = |key: &str| {
        let key = format!("--key={key}.key");
        stage.stopgate([
            "timestamp",
            "--channel=dev",
            "--store=dir:channels",
            "--root=root.dsse.json",
            &key,
        ])
    };
    // Not with a key that may sign something else.
    let output = sign("ci")?;
    ensure!(output.status.code() == Some(8), "{}", said(&output));
    let output = sign("clock")?;
    ensure!(output.status.success(), "{}", said(&output));
    let kept = fs::read(channel.store_path().join("items/TIME%23dev/-.item"))?;
    channel.put_back(1)?;
    let output = sign("clock")?;
    ensure!(output.status.code() == Some(8), "{}", said(&output));
    ensure!(
        said(&output).contains("version 1 was offered after version 2"),
        "{}",
        said(&output)
    );
    let after = fs::read(channel.store_path().join("items/TIME%23dev/-.item"))?;
    ensure!(after == kept, "a timestamp was put");
    // What was signed for is known from a file that nobody may touch.
    let marks = stage.path("clock.key.marks");
    let text = fs::read_to_string(&marks)?;
    fs::write(&marks, text.replace("\"lowest\":2", "\"lowest\": 1"))?;
    let output = sign("clock")?;
    ensure!(output.status.code() == Some(2), "{}", said(&output));
    Ok(())
}
