//! An operator's stop: in force within seconds, whatever somebody does with the store, and lifted by those who may
//! loosen.

use std::fs;

use anyhow::{Context as _, ensure};
use stopgate_client::wire::{DecideRequest, RiskLimit};
use stopgate_decide::record::RecordBody;
use stopgate_store::{Change, Item, Items as _, Key, Value, Write};
use stopgate_tests::ask;
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::log::records;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{ROUTE, answers, enforces, put_timestamp, status, timestamp};

const STOPPED: &str = "reject: stopped";

/// Runs `stopgate stop` or `lift` for the channel in the store, with `more` arguments.
fn command(
    stage: &Stage,
    command: &[&str],
    more: &[&str],
) -> anyhow::Result<(Option<i32>, String)> {
    let always = [
        "--channel",
        CHANNEL,
        "--store",
        "dir:channels",
        "--root",
        "root.dsse.json",
    ];
    let output = stage.stopgate([command, &always, more].concat())?;
    Ok((output.status.code(), said(&output)))
}

/// Stops refunds in the channel, and calls that INC-7.
const REFUNDS: &[&str] = &[
    "--key=night.key",
    "--id=INC-7",
    "--tool=erp",
    "--operation=create_refund",
    "--reason=refunds go to one account",
];

fn stop(stage: &Stage, more: &[&str]) -> anyhow::Result<()> {
    let (code, said) = command(stage, &["stop"], more)?;
    ensure!(code == Some(0), "{said}");
    Ok(())
}

fn stop_key(id: &str) -> anyhow::Result<Key> {
    Ok(Key::new(format!("STOP#{CHANNEL}"), id)?)
}

/// Changes an item of the store, as somebody does who may write to it and has no key.
fn change(channel: &Channel<'_>, key: Key, change: Change) -> anyhow::Result<()> {
    let condition = Vec::new();
    let write = Write {
        key,
        condition,
        change,
    };
    Ok(channel.store()?.transact(&[write])?)
}

/// Takes a stop out of the store, and returns it.
fn take(channel: &Channel<'_>, id: &str) -> anyhow::Result<Item> {
    let key = stop_key(id)?;
    let item = channel.store()?.get(&key)?.context("a stop")?;
    change(channel, key, Change::Delete)?;
    Ok(item)
}

/// Returns the ids of the stops that the records tell of, one list for each record.
fn recorded(stage: &Stage) -> anyhow::Result<Vec<Vec<String>>> {
    let records = records(&stage.log())?.into_iter();
    let records = records.filter_map(|record| match record.body {
        RecordBody::Stops(record) => {
            let ids = record.stops.into_iter();
            let ids = ids.map(|stop| stop.id.map_or_else(|| "?".to_owned(), |id| id.to_string()));
            Some(ids.collect())
        }
        RecordBody::Start(_)
        | RecordBody::Bundle(_)
        | RecordBody::Decision(_)
        | RecordBody::Gap(_)
        | RecordBody::Stop(_)
        | RecordBody::Root(_) => None,
    });
    Ok(records.collect())
}

#[tokio::test]
async fn p8_a_stop_holds_until_it_is_lifted_by_those_who_may_loosen() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;

    // Nobody else may stop, and the same name is not taken twice.
    for key in ["ci", "ana", "clock"] {
        let key = format!("--key={key}.key");
        let (code, said) = command(&stage, &["stop"], &[&key, "--reason=because"])?;
        ensure!(code == Some(8), "{said}");
    }
    stop(&stage, REFUNDS)?;
    let (code, said) = command(&stage, &["stop"], REFUNDS)?;
    ensure!(code == Some(2) && said.contains("--id"), "{said}");
    answers(&mut sidecar, "permit", STOPPED).await?;
    let client = sidecar.client().await?;
    let refund = client.decide(ask::refund("why", 50_000), PATIENCE).await;
    let told = format!("{refund:?}");
    ensure!(
        told.contains("INC-7") && told.contains("refunds go to one account"),
        "{told}"
    );
    let now = status(&sidecar).await.context("it answers")?;
    let [shown] = now.stops.as_slice() else {
        anyhow::bail!("{now:?}");
    };
    ensure!((shown.id.as_str(), shown.operation.as_str()) == ("INC-7", "create_refund"));
    ensure!(shown.risk_limit() == RiskLimit::None && shown.expire_time.is_some());
    ensure!(
        now.risk_limit() != RiskLimit::None,
        "it reaches refunds only"
    );

    // Somebody takes it away. It holds on, over a restart too.
    let item = take(&channel, "INC-7")?;
    sidecar.terminate().await?;
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, "permit", STOPPED).await?;
    let (code, said) = command(&stage, &["lift", "INC-7"], &["--key=ci.key"])?;
    ensure!(
        code == Some(1) && said.contains("no stop `INC-7`"),
        "{said}"
    );
    // Another stop in its place is not what anybody means to lift.
    let other = [
        "--key=night.key",
        "--id=INC-9",
        "--limit=medium",
        "--reason=all",
    ];
    stop(&stage, &other)?;
    let other = take(&channel, "INC-9")?;
    change(&channel, stop_key("INC-7")?, Change::Put(other))?;
    let (code, said) = command(&stage, &["lift", "INC-7"], &["--key=ci.key"])?;
    ensure!(code == Some(7) && said.contains("`INC-9`"), "{said}");
    change(&channel, stop_key("INC-7")?, Change::Put(item))?;

    // A reviewer and the pipeline are not enough, whoever comes first.
    let lift = |more: &[&str]| command(&stage, &["lift", "INC-7"], more);
    for keys in [&["--key=ci.key"][..], &["--key=ci.key", "--key=ana.key"]] {
        let (code, said) = lift(keys)?;
        ensure!(code == Some(5), "{said}");
    }
    let (code, said) = lift(&["--key=night.key"])?;
    ensure!(code == Some(8), "{said}");
    let (code, said) = lift(&["--key=ana.key", "-o", "ana.lift"])?;
    let missing = "0 of 1 publishers and 1 of 2 reviewers have signed";
    ensure!(code == Some(5) && said.contains(missing), "{said}");
    answers(&mut sidecar, "permit", STOPPED).await?;
    let (code, said) = lift(&["--key=eva.key", "--key=ci.key", "--signed=ana.lift"])?;
    ensure!(code == Some(0), "{said}");
    answers(&mut sidecar, "permit", ROUTE).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.stops.is_empty(), "{now:?}");
    sidecar.terminate().await?;
    let found = recorded(&stage)?;
    ensure!(
        found == [vec!["INC-7".to_owned()], vec!["INC-7".to_owned()], vec![]],
        "{found:?}"
    );
    Ok(())
}

#[tokio::test]
async fn p8_a_stop_that_a_new_sidecar_is_not_shown_stops_everything_there() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let head = channel.publish_signed_off()?;
    stop(&stage, REFUNDS)?;
    let sign = || command(&stage, &["timestamp"], &["--key=clock.key"]);
    let (code, said) = sign()?;
    ensure!(code == Some(0) && said.contains("stops      1"), "{said}");
    // It is taken away before this sidecar has ever looked; the timestamper has seen it and goes on listing it.
    let item = take(&channel, "INC-7")?;
    let (code, said) = sign()?;
    ensure!(code == Some(0) && said.contains("stops      1"), "{said}");
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, STOPPED, STOPPED).await?;
    let now = status(&sidecar).await.context("it answers")?;
    ensure!(now.risk_limit() == RiskLimit::None, "{now:?}");
    // Something else in its place is not it.
    let forged = Item::new([("document", Value::Bytes(b"{}".to_vec()))])?;
    change(&channel, stop_key("INC-7")?, Change::Put(forged))?;
    answers(&mut sidecar, STOPPED, STOPPED).await?;
    change(&channel, stop_key("INC-7")?, Change::Put(item))?;
    answers(&mut sidecar, "permit", STOPPED).await?;

    // A timestamper that was told to forget signs nothing.
    let kept = stage.path("clock.key.marks.stops");
    let text = fs::read_to_string(&kept)?;
    fs::write(&kept, text.replace("\"lifts\":[]", "\"lifts\": []"))?;
    let (code, said) = sign()?;
    ensure!(code == Some(2) && said.contains("marks.stops"), "{said}");
    fs::write(&kept, text)?;

    // The list counts also where the newest release is being withheld.
    take(&channel, "INC-7")?;
    let mut unseen = timestamp(&head, jiff::Timestamp::now())?;
    unseen.version = head.version.next().context("a version")?;
    unseen.stops = [head.bundle].into();
    put_timestamp(&channel, &unseen)?;
    answers(&mut sidecar, STOPPED, STOPPED).await
}

#[tokio::test]
async fn a_stop_that_is_in_no_store_any_more_is_lifted_by_its_digest_and_put_back_from_a_copy()
-> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    stop(&stage, &[REFUNDS, &["-o", "INC-7.stop"]].concat())?;
    answers(&mut sidecar, "permit", STOPPED).await?;
    take(&channel, "INC-7")?;
    let (code, said) = command(&stage, &["stop"], &["--document=INC-7.stop"])?;
    ensure!(code == Some(0) && said.contains("INC-7"), "{said}");
    take(&channel, "INC-7")?;
    let now = status(&sidecar).await.context("it answers")?;
    let digest = format!("--digest={}", now.stops.first().context("a stop")?.digest);
    let keys = ["--key=ci.key", "--key=ana.key", "--key=eva.key"];
    let (code, said) = command(&stage, &["lift", &digest], &keys)?;
    ensure!(code == Some(0), "{said}");
    answers(&mut sidecar, "permit", ROUTE).await
}

#[tokio::test]
async fn something_can_be_stopped_whatever_is_wrong_with_the_store() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    // The head is spoilt, and beside the stops lies what is no item, and one that is broken.
    stop(
        &stage,
        &[
            "--key=night.key",
            "--id=broken",
            "--limit=medium",
            "--reason=odd",
        ],
    )?;
    let items = channel.store_path().join("items");
    fs::write(items.join("HEAD%23dev/-.item"), "spoilt")?;
    let folder = items.join("STOP%23dev");
    fs::write(folder.join("INC-7.item~"), "a copy of an editor")?;
    let broken = fs::read_to_string(folder.join("broken.item"))?;
    fs::write(
        folder.join("broken.item"),
        broken.replace("document", "documen?"),
    )?;
    let (code, said) = command(&stage, &["stop"], REFUNDS)?;
    ensure!(code == Some(8) && said.contains("--organisation"), "{said}");
    let mistyped = [
        "--organisation=acme-bank",
        "--key=night.key",
        "--tool=epr",
        "--reason=odd",
    ];
    let (code, said) = command(&stage, &["stop"], &mistyped)?;
    ensure!(code == Some(0), "{said}");
    stop(&stage, &[REFUNDS, &["--organisation=acme-bank"]].concat())?;
    answers(&mut sidecar, "permit", STOPPED).await?;
    // Where sidecars cannot see it, nobody is told that it is stopped.
    for number in 0..513 {
        fs::write(folder.join(format!("{number}~")), "")?;
    }
    let more = [
        "--organisation=acme-bank",
        "--key=night.key",
        "--id=more",
        "--reason=odd",
    ];
    let (code, said) = command(&stage, &["stop"], &more)?;
    ensure!(
        code == Some(7) && said.contains("sidecars cannot see it"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn p18_a_stop_for_an_agent_reaches_whoever_may_be_it() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    stop(
        &stage,
        &[
            "--key=night.key",
            "--agent=refund-bot",
            "--limit=read_only",
            "--reason=odd calls",
        ],
    )?;
    let mut sidecar = Sidecar::start(&stage).await?;
    let as_agent = |agent: &str| -> DecideRequest {
        let mut request = ask::refund(agent, 50_000);
        request.attempt.as_mut().expect("an attempt").agent = agent.to_owned();
        request
    };
    // This caller may name any agent, so any other name could be that one. What is only read passes.
    answers(&mut sidecar, "permit", STOPPED).await?;
    let client = sidecar.client().await?;
    for agent in ["refund-bot", "orchestrator", "somebody-else"] {
        let verdict = client.decide(as_agent(agent), PATIENCE).await;
        assert_eq!(ask::word(&verdict), STOPPED, "{agent}");
    }
    sidecar.terminate().await?;
    // A caller that can name none but its own is known to be another one.
    let file = stage.path("sidecar.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, text.replace(", \"assert_agent\"", ""))?;
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    stop(
        &stage,
        &[
            "--key=night.key",
            "--agent=orchestrator",
            "--reason=odd calls",
        ],
    )?;
    answers(&mut sidecar, STOPPED, STOPPED).await
}

#[tokio::test]
async fn what_nobody_signed_stops_nothing_and_is_told() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    // A stop of another channel, and nothing at all.
    stop(&stage, REFUNDS)?;
    let item = take(&channel, "INC-7")?;
    change(
        &channel,
        Key::new("STOP#pilot", "INC-7")?,
        Change::Put(item),
    )?;
    for (id, document) in [("junk", b"{}".as_slice()), ("junk#lift", b"")] {
        let item = Item::new([("document", Value::Bytes(document.to_vec()))])?;
        change(&channel, stop_key(id)?, Change::Put(item))?;
    }
    let what = "it says that these are none";
    sidecar
        .until(what, async |sidecar| {
            sidecar
                .events()
                .contains("stops of the channel not all read")
        })
        .await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    // What it kept and nobody can read stops everything, until somebody has looked at it.
    sidecar.terminate().await?;
    let kept = stage.path("state/stops.json");
    fs::write(&kept, "{}\n")?;
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, STOPPED, STOPPED).await?;
    fs::remove_file(&kept)?;
    answers(&mut sidecar, "permit", ROUTE).await
}

#[tokio::test]
async fn sidecars_that_follow_a_file_find_stops_beside_it() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let file = stage.path("sidecar.toml");
    let text = fs::read_to_string(&file)?;
    let store = format!("dir:{}", channel.store_path().display());
    fs::write(
        &file,
        text.replace(&store, &format!("file:{}", stage.bundle().display())),
    )?;
    let built = ["build", "policies", "--key=ci.key", "-o"];
    let bundle = stage.bundle().display().to_string();
    let output = stage.stopgate([&built[..], &[&bundle]].concat())?;
    ensure!(output.status.success(), "{}", said(&output));
    let mut sidecar = Sidecar::start(&stage).await?;
    answers(&mut sidecar, "permit", ROUTE).await?;
    fs::create_dir(format!("{bundle}.stops"))?;
    let place = [
        "--channel=dev",
        "--organisation=acme-bank",
        "--root=root.dsse.json",
    ];
    let (stop, lift) = (
        format!("{bundle}.stops/7.stop"),
        format!("{bundle}.stops/7.lift"),
    );
    let output = stage.stopgate([&["stop", "-o", &stop][..], &place, REFUNDS].concat())?;
    ensure!(output.status.success(), "{}", said(&output));
    answers(&mut sidecar, "permit", STOPPED).await?;
    let keys = ["--key=ci.key", "--key=ana.key", "--key=eva.key"];
    let now = status(&sidecar).await.context("it answers")?;
    let digest = &now.stops.first().context("a stop")?.digest;
    let lift = ["lift", "--digest", digest, "-o", &lift];
    let output = stage.stopgate([&lift[..], &place, &keys].concat())?;
    ensure!(output.status.success(), "{}", said(&output));
    answers(&mut sidecar, "permit", ROUTE).await
}
