//! A key is replaced: another joins, signs what is in force, and only then the first one leaves.

use std::fs;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use stopgate_client::wire::BundleRefusal;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::record::RecordBody;
use stopgate_decide::supply::{Release, Signed};
use stopgate_store::{Item, Policies, Value};
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::log::records;
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{GUARDRAILS, NEVER, append, enforces, refuses, status};

/// Signs which release is the newest.
const TIMESTAMP: [&str; 5] = [
    "timestamp",
    "--channel=dev",
    "--store=dir:channels",
    "--root=root.dsse.json",
    "--key=clock.key",
];

/// Makes the next root with `more` arguments, in the policy repository alone.
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
    Ok(())
}

/// Gives the root of the policy repository to the sidecar, in the place of the one that it had.
fn give(stage: &Stage) -> anyhow::Result<()> {
    let root = stage.policies().join("trust/root.dsse.json");
    // Renamed, as whoever gives a file to a process that reads it does.
    let beside = stage.path("root.new");
    fs::copy(root, &beside)?;
    Ok(fs::rename(&beside, stage.root())?)
}

/// Waits until the sidecar goes by this version of the trust root.
async fn goes_by(sidecar: &mut Sidecar<'_>, version: i64) -> anyhow::Result<()> {
    let what = format!("it goes by version {version} of the trust root");
    sidecar
        .until(&what, async |sidecar| {
            status(sidecar)
                .await
                .is_some_and(|status| status.root_version == version)
        })
        .await
}

/// Returns the versions of the roots in the log.
fn recorded_roots(stage: &Stage) -> anyhow::Result<Vec<u64>> {
    let records = records(&stage.log())?;
    let roots = records.into_iter().filter_map(|record| match record.body {
        RecordBody::Root(record) => Some(record.version),
        RecordBody::Start(_)
        | RecordBody::Bundle(_)
        | RecordBody::Decision(_)
        | RecordBody::Gap(_)
        | RecordBody::Stop(_)
        | RecordBody::Stops(_) => None,
    });
    Ok(roots.collect())
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
    let output = stage.stopgate(TIMESTAMP)?;
    ensure!(output.status.success(), "{}", said(&output));
    fs::remove_dir_all(stage.path("state"))?;
    let mut sidecar = Sidecar::start(stage).await?;
    enforces(&mut sidecar, version).await?;
    sidecar.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn p6_a_publisher_is_replaced_and_no_sidecar_is_started_again() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;

    // 1. The new key joins. Whoever publishes under the root hands it out, and what the old one signed is good as before.
    let (code, told) = publish(&stage, "ci2", &["--again"])?;
    ensure!(code == Some(8), "{told}");
    next(&stage, &["--publisher=ci2.pub"])?;
    let second = fs::read(stage.policies().join("trust/root.dsse.json"))?;
    let (code, told) = publish(&stage, "ci2", &["--plan"])?;
    ensure!(
        code == Some(0) && told.contains("nothing is written"),
        "{told}"
    );
    let (code, told) = publish(&stage, "ci2", &[])?;
    let unchanged = told.contains("unchanged") && told.contains("version 2 of the trust root");
    ensure!(code == Some(0) && unchanged, "{told}");
    goes_by(&mut sidecar, 2).await?;
    enforces(&mut sidecar, 2).await?;
    // 2. It signs what is in force, as the next version.
    again(&stage, &channel, "ci2")?;
    enforces(&mut sidecar, 3).await?;
    // 3. Only now the old one leaves.
    next(&stage, &["--leave=ci"])?;
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(code == Some(0), "{told}");
    let newest = fs::read(stage.policies().join("trust/root.dsse.json"))?;
    let root = TrustRoot::open(&newest, Timestamp::MIN)?;
    let statement = root.statement();
    ensure!(
        statement.version == 3 && statement.keys.len() == 6,
        "{statement:?}"
    );
    goes_by(&mut sidecar, 3).await?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
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
    ensure!(
        recorded_roots(&stage)? == [2, 3],
        "{:?}",
        recorded_roots(&stage)?
    );
    let now = drift(&stage)?;
    ensure!(now.contains("root dev: version 3"), "{now}");
    // 4. Whoever was away, or is new, comes from the first root to the last; so does the timestamper.
    is_served(&stage, 3).await?;
    // 5. Whoever hides the roots brings no key back to a sidecar that has seen them.
    fs::remove_dir_all(channel.store_path().join("items/ROOT"))?;
    let mut sidecar = Sidecar::start(&stage).await?;
    goes_by(&mut sidecar, 3).await?;
    enforces(&mut sidecar, 3).await?;
    sidecar.terminate().await?;
    let now = drift(&stage)?;
    ensure!(now.contains("version 2 is missing in the store"), "{now}");
    // Publishing under the root that is missing puts it there; the newest one is put there by whoever publishes next.
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(
        code == Some(0) && told.contains("and version 2 is not"),
        "{told}"
    );
    let newest = fs::read(stage.policies().join("trust/root.dsse.json"))?;
    fs::write(stage.policies().join("trust/root.dsse.json"), &second)?;
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(
        code == Some(8) && told.contains("and is there now"),
        "{told}"
    );
    fs::write(stage.policies().join("trust/root.dsse.json"), newest)?;
    let now = drift(&stage)?;
    ensure!(now.contains("same       root dev: version 3"), "{now}");
    fs::remove_dir_all(channel.store_path().join("items/ROOT"))?;
    // And without what it has kept of them, it takes nothing by an older one.
    for version in [2, 3] {
        fs::remove_file(stage.path(&format!("state/root.{version}.json")))?;
    }
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.bundle_digest.is_empty(), "{now:?}");
    Ok(())
}

/// Returns what `stopgate drift` says of the channel.
fn drift(stage: &Stage) -> anyhow::Result<String> {
    let output = stage.stopgate([
        "drift",
        "policies",
        "--channel",
        CHANNEL,
        "--store=dir:channels",
    ])?;
    Ok(said(&output))
}

#[tokio::test]
async fn p6_a_publisher_that_is_stolen_leaves_at_once_and_the_channel_goes_on() -> anyhow::Result<()>
{
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;
    next(&stage, &["--publisher=ci2.pub", "--leave=ci"])?;
    // Nothing that is at the head verifies any more, and nobody publishes behind it by accident.
    let (code, told) = publish(&stage, "ci2", &[])?;
    ensure!(code == Some(8), "{told}");
    ensure!(Policies::new(channel.store()?).root(2)?.is_none(), "{told}");
    // A sidecar that is given the root all the same goes on with what it has, for a while, and says so.
    give(&stage)?;
    goes_by(&mut sidecar, 2).await?;
    refuses(&mut sidecar, BundleRefusal::Signature).await?;
    sidecar
        .until("it is told", async |_| {
            fs::read_to_string(stage.events())
                .is_ok_and(|events| events.contains("not verified under the trust root"))
        })
        .await?;
    enforces(&mut sidecar, 2).await?;
    // Who had the version before goes on from there, and who had nothing begins there.
    again(&stage, &channel, "ci2")?;
    enforces(&mut sidecar, 3).await?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
    sidecar.terminate().await?;
    is_served(&stage, 3).await
}

/// Makes the store what it was after version 1, as somebody does who restores it from a copy.
fn restore(channel: &Channel<'_>) -> anyhow::Result<()> {
    channel.put_back(1)?;
    let history = format!("items/HIST%23{CHANNEL}/{:020}.item", 2);
    Ok(fs::remove_file(channel.store_path().join(history))?)
}

#[tokio::test]
async fn p9_a_store_that_was_restored_gets_what_it_lost_or_goes_on_from_where_a_root_says()
-> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 2).await?;
    // 1. The lost commit, published again, is the very release that it was.
    restore(&channel)?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let (code, told) = publish(&stage, "ci", &[])?;
    ensure!(code == Some(0), "{told}");
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
    // 2. Another commit in its place is another history, and nobody who had the first takes it.
    restore(&channel)?;
    append(&stage, GUARDRAILS, &NEVER.replace("today", "this-week"))?;
    let (code, told) = publish(&stage, "ci", &[])?;
    ensure!(code == Some(0), "{told}");
    refuses(&mut sidecar, BundleRefusal::History).await?;
    // 3. Unless the next root takes the lost versions back, and reviewers sign off what is there now.
    next(&stage, &["--version-of=dev=1"])?;
    again(&stage, &channel, "ci")?;
    goes_by(&mut sidecar, 2).await?;
    enforces(&mut sidecar, 3).await?;
    sidecar.terminate().await?;
    is_served(&stage, 3).await
}

#[tokio::test]
async fn p6_a_reviewer_leaves_and_what_was_signed_off_stays_in_force() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let old_root = fs::read(stage.root())?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    let output = stage.stopgate(TIMESTAMP)?;
    ensure!(output.status.success(), "{}", said(&output));
    let output = stage.stopgate(["keygen", "zoe"])?;
    ensure!(output.status.success(), "{}", said(&output));
    next(&stage, &["--reviewer=zoe.pub", "--leave=ana"])?;
    let (code, told) = publish(&stage, "ci", &[])?;
    ensure!(
        code == Some(0) && told.contains("version 2 of the trust root"),
        "{told}"
    );
    goes_by(&mut sidecar, 2).await?;
    refuses(&mut sidecar, BundleRefusal::Unspecified).await?;
    enforces(&mut sidecar, 1).await?;
    let events = fs::read_to_string(stage.events())?;
    ensure!(
        !events.contains("not verified under the trust root"),
        "{events}"
    );
    // The timestamper goes on, and by no older root once it has signed under this one.
    let output = stage.stopgate(TIMESTAMP)?;
    ensure!(output.status.success(), "{}", said(&output));
    // Who comes later has nothing to stand on, so the next release is signed off.
    append(&stage, GUARDRAILS, NEVER)?;
    let (code, told) = publish(&stage, "ci", &[])?;
    ensure!(code == Some(5), "{told}");
    // Stops are signed under the newest root, also by somebody with an old copy.
    let output = channel.stop(&["--tool=erp", "--reason=odd orders", "--for=1h"])?;
    ensure!(output.status.success(), "{}", said(&output));
    sidecar
        .until("it is stopped", async |sidecar| {
            status(sidecar)
                .await
                .is_some_and(|status| !status.stops.is_empty())
        })
        .await?;
    sidecar.terminate().await?;
    // Nobody publishes under an older root than sidecars come to, and nobody signs timestamps once it is hidden.
    fs::write(stage.policies().join("trust/root.dsse.json"), old_root)?;
    let (code, told) = publish(&stage, "ci", &[])?;
    ensure!(
        code == Some(8) && told.contains("come to version 2"),
        "{told}"
    );
    fs::remove_dir_all(channel.store_path().join("items/ROOT"))?;
    let output = stage.stopgate(TIMESTAMP)?;
    ensure!(output.status.code() == Some(8), "{}", said(&output));
    Ok(())
}

#[tokio::test]
async fn p6_nothing_is_published_behind_a_head_that_no_root_vouches_for() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    two_versions(&stage, &channel)?;
    next(&stage, &["--publisher=ci2.pub", "--leave=ci"])?;
    let bundle = channel.built()?;
    let file = channel.sign_off(Some(bundle), bundle)?;
    let signed = ["--again", "--sign-off", &file.display().to_string()].map(str::to_owned);
    let signed: Vec<&str> = signed.iter().map(String::as_str).collect();
    // Somebody without a key has written another commit into the release at the head.
    let head = channel.head()?.context("a head")?;
    let forged = String::from_utf8(head.release.clone())?;
    let (_, payload) = forged.split_once("\"payload\":\"").context("a payload")?;
    let (payload, _) = payload.split_once('"').context("its end")?;
    let mut text = String::from_utf8(STANDARD.decode(payload)?)?;
    text = text.replace("files in no git repository", "files in no git repositore");
    let forged = forged.replace(payload, &STANDARD.encode(&text));
    ensure!(forged.as_bytes() != head.release, "it is another one");
    let item = Item::new([
        ("version", Value::Number(head.version.get())),
        ("bundle", Value::Text(head.bundle.to_string())),
        (
            "digest",
            Value::Text(Digest::compute(text.as_bytes()).to_string()),
        ),
        ("release", Value::Bytes(forged.into_bytes())),
        ("at", Value::Text("2026-12-01T00:00:00.000000Z".to_owned())),
    ])?;
    channel.put_head(item)?;
    let (code, told) = publish(&stage, "ci2", &signed)?;
    ensure!(code == Some(8), "{told}");
    // As it was it is one that the root before vouches for.
    channel.put_back(2)?;
    let (code, told) = publish(&stage, "ci2", &signed)?;
    ensure!(code == Some(0) && told.contains("published"), "{told}");
    Ok(())
}
