//! Whether everything runs what git says, and the rows that people read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, ensure};
use stopgate_client::wire::BundleRefusal;
use stopgate_store::{Change, Item, Items as _, Value};
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{GUARDRAILS, NEVER, append, enforces, refuses, status};

/// What was looked at, and the verdict.
type Looks = Vec<(String, String)>;

#[tokio::test]
async fn drift_tells_what_is_different_from_what_nobody_could_look_at() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    enforces(&mut sidecar, 1).await?;
    let socket = format!("--sidecar={}", stage.socket().display());
    let drift = |more: &[&str]| -> anyhow::Result<(Option<i32>, Looks)> {
        let always = [
            "drift",
            "policies",
            "--channel=dev",
            "--format=json",
            "--wait=1ms",
            "--store=dir:channels",
        ];
        let output = stage.stopgate([&always[..], &[&socket], more].concat())?;
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let looks = json["looks"].as_array().context("looks")?;
        let text = |look: &serde_json::Value, name: &str| {
            look[name].as_str().unwrap_or_default().to_owned()
        };
        let looks = looks
            .iter()
            .map(|look| (text(look, "what"), text(look, "verdict")));
        Ok((output.status.code(), looks.collect()))
    };
    let verdicts = |all: &[(&str, &str)]| -> Looks {
        let all = all.iter();
        all.map(|(what, verdict)| ((*what).to_owned(), (*verdict).to_owned()))
            .collect()
    };
    let same = [
        ("git", "same"),
        ("store", "same"),
        ("root", "same"),
        ("rows", "same"),
        ("timestamp", "same"),
        ("stops", "same"),
        ("sidecar", "same"),
    ];
    let found = drift(&[])?;
    ensure!(found == (Some(0), verdicts(&same)), "{found:?}");
    let found = drift(&["--sidecar=nowhere"])?;
    let unknown = [&same[..], &[("sidecar", "unknown")]].concat();
    ensure!(found == (Some(1), verdicts(&unknown)), "{found:?}");

    // The policies have moved on, and nobody has published them; what is different is worse than what is not known.
    append(&stage, GUARDRAILS, NEVER)?;
    let found = drift(&["--sidecar=nowhere"])?;
    let moved = [&[("git", "different")][..], &unknown[1..]].concat();
    ensure!(found == (Some(7), verdicts(&moved)), "{found:?}");
    let output = channel.publish(&[])?;
    ensure!(output.status.success(), "{}", said(&output));
    enforces(&mut sidecar, 2).await?;
    let found = drift(&[])?;
    ensure!(found == (Some(0), verdicts(&same)), "{found:?}");

    // Version 1 by hand: the sidecar has refused it, and neither of the two is what git says.
    channel.put_back(1)?;
    refuses(&mut sidecar, BundleRefusal::Rollback).await?;
    let found = drift(&[])?;
    let back = [
        ("git", "different"),
        ("store", "same"),
        ("root", "same"),
        ("rows", "same"),
        ("timestamp", "same"),
        ("stops", "same"),
        ("sidecar", "different"),
    ];
    ensure!(found == (Some(7), verdicts(&back)), "{found:?}");

    // A byte of a chunk.
    channel.put_back(2)?;
    let chunks = fs::read_dir(channel.store_path().join("items"))?;
    let mut spoilt = 0;
    for folder in chunks {
        let folder = folder?;
        if folder.file_name().to_string_lossy().starts_with("CHUNK") {
            let file = folder.path().join("-.item");
            let mut bytes = fs::read(&file)?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, bytes)?;
            spoilt += 1;
        }
    }
    ensure!(spoilt > 0, "no chunk was spoilt");
    let found = drift(&[])?;
    ensure!(
        found == (Some(7), verdicts(&[("store", "different")])),
        "{found:?}"
    );
    // No store at all.
    fs::rename(channel.store_path(), stage.path("away"))?;
    let found = drift(&[])?;
    ensure!(
        found == (Some(1), verdicts(&[("store", "unknown")])),
        "{found:?}"
    );
    Ok(())
}

/// Returns a row with one attribute that says something else.
fn with(item: &Item, name: &str, value: &str) -> anyhow::Result<Item> {
    let rest = item.attributes().filter(|(other, _)| *other != name);
    let rest = rest.map(|(name, value)| (name.to_owned(), value.clone()));
    let edited = (name.to_owned(), Value::Text(value.to_owned()));
    Ok(Item::new(rest.chain([edited]))?)
}

#[tokio::test]
async fn t9_each_row_that_was_edited_added_or_deleted_is_named_by_drift() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let drift = || {
        let drift = ["drift", "policies", "--channel=dev", "--store=dir:channels"];
        let output = stage.stopgate(drift)?;
        anyhow::Ok((output.status.code(), said(&output)))
    };
    let (code, told) = drift()?;
    ensure!(code == Some(0), "{told}");
    let refund = "erp/create_refund/support-analyst";
    channel.edit_row(refund, |row| {
        let row = row.context("a row")?;
        Ok(Change::Put(with(&row, "approval", "automatic")?))
    })?;
    channel.edit_row("erp/get_order/support-analyst", |_| Ok(Change::Delete))?;
    channel.edit_row("erp/drop_table/anybody", |_| {
        let row = Item::new([("answer", Value::Text("grant".to_owned()))])?;
        Ok(Change::Put(row))
    })?;
    let (code, told) = drift()?;
    ensure!(code == Some(7), "{told}");
    for named in [
        "erp/create_refund/support-analyst: approval is automatic, not committee",
        "erp/get_order/support-analyst is missing",
        "erp/drop_table/anybody is one too many",
    ] {
        ensure!(told.contains(named), "{named}: {told}");
    }
    // One that is no item any more hides none of the others.
    let bundle = channel.head()?.context("a head")?.bundle.hex();
    let row = format!("items/ROWS%23{bundle}/erp%2Fcancel_order%2Fsupport-lead.item");
    fs::write(channel.store_path().join(row), "edited by hand")?;
    let (code, told) = drift()?;
    let named = "erp/cancel_order/support-lead is spoilt";
    ensure!(code == Some(7) && told.contains(named), "{told}");
    // A release of the same bundle is no release, and the rows are mended all the same if somebody asks for it.
    let output = channel.publish(&[])?;
    ensure!(
        said(&output).contains("nothing is written"),
        "{}",
        said(&output)
    );
    let output = channel.publish(&["--rows"])?;
    ensure!(
        said(&output).contains("4 were something else"),
        "{}",
        said(&output)
    );
    let (code, told) = drift()?;
    ensure!(code == Some(0), "{told}");
    Ok(())
}

#[tokio::test]
async fn drift_names_a_stop_that_a_sidecar_or_the_store_does_not_have() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    channel.publish_signed_off()?;
    let mut sidecar = Sidecar::start(&stage).await?;
    let socket = format!("--sidecar={}", stage.socket().display());
    let drift = || {
        let drift = ["drift", "policies", "--channel=dev", "--store=dir:channels"];
        let output = stage.stopgate([&drift[..], &[&socket]].concat())?;
        anyhow::Ok((output.status.code(), said(&output)))
    };
    let output = channel.stop(&["--id=INC-7", "--reason=odd calls"])?;
    ensure!(output.status.success(), "{}", said(&output));
    sidecar
        .until("the stop is in force", async |sidecar| {
            let status = status(sidecar).await;
            status.is_some_and(|status| !status.stops.is_empty())
        })
        .await?;
    let (code, told) = drift()?;
    ensure!(
        code == Some(0) && told.contains("in force: INC-7"),
        "{told}"
    );
    fs::remove_file(channel.store_path().join("items/STOP%23dev/INC-7.item"))?;
    let (code, told) = drift()?;
    let named = "it enforces the stop INC-7, which the store does not have";
    ensure!(code == Some(7) && told.contains(named), "{told}");
    Ok(())
}

#[test]
fn rows_name_the_rules_that_the_matrix_names() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let head = channel.publish_signed_off()?;
    // 1. By the page that is made of the documents.
    let output = stage.stopgate(["matrix", "policies", "--format=json"])?;
    let page: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let mut by_matrix = BTreeMap::new();
    for row in page["rows"].as_array().context("rows")? {
        let names = |cell: &serde_json::Value| -> BTreeSet<String> {
            let entries = cell.as_array().into_iter().flatten();
            let rules = entries.flat_map(|entry| entry["rules"].as_array().into_iter().flatten());
            rules
                .filter_map(|rule| rule.as_str().map(str::to_owned))
                .collect()
        };
        for (profile, cell) in row["profiles"].as_object().context("profiles")? {
            let (tool, operation) = (row["tool"].as_str(), row["operation"].as_str());
            let place = format!(
                "{}/{}/{profile}",
                tool.context("a tool")?,
                operation.context("one")?
            );
            let rules = &names(&row["everybody"]) | &names(cell);
            if !rules.is_empty() {
                by_matrix.insert(place, rules);
            }
        }
    }
    // 2. By the rows that are made of the bundle.
    let partition = format!("ROWS#{}", head.bundle.hex());
    let mut rows = 0;
    for (place, item) in channel.store()?.query(&partition, "", 10_000)? {
        if place == "-" {
            continue;
        }
        rows += 1;
        let named = |name: &str| -> BTreeSet<String> {
            let rules = match item.attribute(name) {
                Some(Value::Texts(rules)) => rules.iter(),
                _ => [].iter(),
            };
            let ids = rules.filter_map(|rule| rule.split(' ').nth(1));
            ids.map(str::to_owned).collect()
        };
        let (always, conditional) = (named("rules"), named("conditional"));
        let by_documents = by_matrix.remove(&place).context("the page has it too")?;
        // A rule that excepts a profile names it in its condition, so the row has it and the page does not.
        ensure!(always.is_subset(&by_documents), "{place}: {always:?}");
        let all = &always | &conditional;
        ensure!(
            by_documents.is_subset(&all),
            "{place}: {by_documents:?}, {all:?}"
        );
    }
    ensure!(
        rows > 20 && by_matrix.is_empty(),
        "{rows} rows, without {by_matrix:?}"
    );
    Ok(())
}
