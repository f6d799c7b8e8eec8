//! Sidecars that follow one channel: how soon all of them enforce what was published and stopped, and what an answer takes
//! while their store is gone.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use stopgate_client::Client;
use stopgate_client::wire::GetStatusResponse;
use stopgate_tests::ask;
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

const SIDECARS: usize = 20;
const RELEASES: i64 = 10;
const POLL: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// Callers of one sidecar, and how long they ask.
const CALLERS: usize = 16;
const MEASURED: Duration = Duration::from_secs(5);

pub(crate) async fn measure() -> anyhow::Result<()> {
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let file = stage.path("sidecar.toml");
    let text = fs::read_to_string(&file)?;
    ensure!(text.contains("poll = \"50ms\""), "another poll: {text}");
    fs::write(&file, text.replace("poll = \"50ms\"", "poll = \"1s\""))?;
    channel.publish_signed_off()?;
    let others = (1..SIDECARS).map(|_| stage.beside());
    let others = others.collect::<anyhow::Result<Vec<_>>>()?;
    let mut sidecars = Vec::new();
    for stage in std::iter::once(&stage).chain(&others) {
        sidecars.push(Sidecar::start(stage).await?);
    }
    let mut clients = Vec::new();
    for sidecar in &sidecars {
        clients.push(sidecar.client().await?);
    }

    // 1. Publish, and wait until all of them enforce it.
    let mut times = Vec::new();
    for version in 2..RELEASES + 2 {
        let path = stage.policies().join("rules/guardrails.cedar");
        let before = fs::read_to_string(&path)?;
        let rule = format!(
            "\n@id(\"bench-{version}\") @owner(\"finance-risk\") @review_by(\"2099-01-01\")\n@description(\"bench\")\n\
             forbid (principal, action == Stopgate::Action::\"erp/create_refund\", resource);\n"
        );
        fs::write(&path, before + &rule)?;
        let output = channel.publish(&[])?;
        ensure!(output.status.success(), "{}", said(&output));
        times.extend(all(&clients, move |now| now.bundle_version == version).await?);
    }
    let count = times.len();
    let [p50, p99] = [500, 990].map(|share| super::percentile(&mut times, share));
    println!(
        "publish to {SIDECARS} sidecars, a poll of {POLL:?}: enforced after p50 {p50:.2?}, p99 {p99:.2?} ({count} times): {:.2} \
         polls",
        super::ratio(p99, POLL)
    );

    // 2. Stop.
    let output = channel.stop(&["--tool=erp", "--reason=bench", "--for=1h"])?;
    ensure!(output.status.success(), "{}", said(&output));
    let times = all(&clients, |now| !now.stops.is_empty()).await?;
    let last = times.into_iter().max().context("sidecars")?;
    println!("stop: in force at all {SIDECARS} sidecars after {last:.2?}");
    for sidecar in sidecars.drain(1..) {
        sidecar.terminate().await?;
    }

    // 3. The store is gone, under load; in turn with the store there, and the second time counts.
    let store = channel.store_path();
    let away = stage.path("away");
    for is_told in [false, true] {
        let (answers, there) = load(&stage).await?;
        fs::rename(&store, &away)?;
        let (_, gone) = load(&stage).await?;
        fs::rename(&away, &store)?;
        if is_told {
            println!(
                "one sidecar under {CALLERS} callers, log on disk: p99 {there:.1?} ({answers} answers), {gone:.1?} while its store \
                 is gone: {:.2} times",
                super::ratio(gone, there)
            );
        }
    }
    for sidecar in sidecars {
        sidecar.terminate().await?;
    }
    Ok(())
}

/// Waits until the status of each is as it has to be, and returns how long that took.
async fn all(
    clients: &[Client],
    holds: impl Fn(&GetStatusResponse) -> bool + Copy + Send + 'static,
) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now();
    let waiting: Vec<_> = clients
        .iter()
        .map(|client| {
            let client = client.clone();
            tokio::spawn(async move {
                while began.elapsed() < PATIENCE {
                    let now = client.status(Duration::from_secs(5)).await;
                    if now.is_ok_and(|now| holds(&now)) {
                        return Some(began.elapsed());
                    }
                    tokio::time::sleep(GLANCE).await;
                }
                None
            })
        })
        .collect();
    let mut times = Vec::new();
    for one in waiting {
        times.push(one.await?.context("a sidecar does not come to it")?);
    }
    Ok(times)
}

/// Asks without a pause, and returns how many answers there were and the p99 of what each took.
async fn load(stage: &Stage) -> anyhow::Result<(usize, Duration)> {
    let until = Instant::now() + MEASURED;
    let socket = stage.socket();
    let asking: Vec<_> = (0..CALLERS)
        .map(|_| {
            let socket = socket.clone();
            tokio::spawn(async move {
                let client = Client::connect(&socket).await?;
                let mut times = Vec::new();
                while Instant::now() < until {
                    let began = Instant::now();
                    let verdict = client
                        .decide(ask::order("bench"), Duration::from_secs(5))
                        .await;
                    times.push(began.elapsed());
                    // The stop of before rejects it: an answer like any other, by the same way.
                    ensure!(ask::word(&verdict) == "reject: stopped", "{verdict:?}");
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for one in asking {
        times.extend(one.await??);
    }
    Ok((times.len(), super::percentile(&mut times, 990)))
}
