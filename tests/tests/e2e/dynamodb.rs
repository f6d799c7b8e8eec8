//! A channel in a table: the programs as they come, and Amazon's own DynamoDB for one machine.

#[path = "../../../store/tests/dynamodb/engine.rs"]
mod engine;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};

use anyhow::ensure;
use engine::Engine;
use stopgate_client::wire::BundleRefusal;
use stopgate_tests::channel::{CHANNEL, Channel};
use stopgate_tests::sidecar::Sidecar;
use stopgate_tests::stage::{Hours, Stage, said};

use crate::supply::{GUARDRAILS, NEVER, append, enforces, refuses, status};

const TABLE: &str = "stopgate-policy";
const STORE: &str = "--store=dynamodb:stopgate-policy";

/// Makes the table, as the guide says. The service takes any signature.
fn create_table(port: u16) -> anyhow::Result<()> {
    let key = |name: &str| format!(r#"{{"AttributeName":"{name}","AttributeType":"S"}}"#);
    let part =
        |name: &str, kind: &str| format!(r#"{{"AttributeName":"{name}","KeyType":"{kind}"}}"#);
    let body = format!(
        r#"{{"TableName":"{TABLE}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{},{}],"KeySchema":[{},{}]}}"#,
        key("pk"),
        key("sk"),
        part("pk", "HASH"),
        part("sk", "RANGE"),
    );
    let length = body.len();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.CreateTable\r\nContent-Length: {length}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20261201/eu-central-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=00\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_channel_in_a_table_is_published_followed_stopped_and_compared() -> anyhow::Result<()> {
    let engine = Engine::start();
    create_table(engine.port)?;
    let environment = [
        format!("AWS_ENDPOINT_URL=http://127.0.0.1:{}", engine.port),
        "AWS_REGION=eu-central-1".to_owned(),
        "AWS_ACCESS_KEY_ID=test".to_owned(),
        "AWS_SECRET_ACCESS_KEY=test".to_owned(),
    ];
    let stage = Stage::new(CHANNEL, Hours::Business)?;
    let channel = Channel::new(&stage)?;
    let run = |args: &[&str]| -> anyhow::Result<Output> {
        let variables = environment.iter().filter_map(|one| one.split_once('='));
        let mut command = Command::new(stage.programs().stopgate());
        command.args(args).current_dir(stage.path("")).env_clear();
        Ok(command.envs(variables).output()?)
    };
    let well = |args: &[&str]| -> anyhow::Result<String> {
        let output = run(args)?;
        ensure!(output.status.success(), "{args:?}: {}", said(&output));
        Ok(said(&output))
    };
    let file = stage.path("sidecar.toml");
    let text = fs::read_to_string(&file)?;
    let folder = format!("dir:{}", channel.store_path().display());
    ensure!(text.contains(&folder), "{text}");
    fs::write(&file, text.replace(&folder, &format!("dynamodb:{TABLE}")))?;

    // 1. Published and followed.
    let sign_off = channel.sign_off(None, channel.built()?)?;
    let sign_off = sign_off.display().to_string();
    let publish = [
        "publish",
        "policies",
        "--channel",
        CHANNEL,
        STORE,
        "--key=ci.key",
    ];
    let told = well(&[&publish[..], &["--sign-off", &sign_off]].concat())?;
    ensure!(told.contains("published"), "{told}");
    let mut wrapper = vec!["/usr/bin/env"];
    wrapper.extend(environment.iter().map(String::as_str));
    let mut sidecar = Sidecar::launch(&stage, &wrapper)?;
    sidecar.listening().await?;
    enforces(&mut sidecar, 1).await?;
    append(&stage, GUARDRAILS, NEVER)?;
    well(&publish)?;
    enforces(&mut sidecar, 2).await?;
    let told = well(&publish)?;
    ensure!(told.contains("unchanged"), "{told}");

    // 2. Stopped, listed and lifted by time alone; everything is the same to whoever compares.
    let of = ["--channel", CHANNEL, STORE, "--root=root.dsse.json"];
    let stop = [
        &["stop"],
        &of[..],
        &["--key=night.key", "--id=INC-7", "--tool=erp"],
    ]
    .concat();
    well(&[&stop[..], &["--reason=odd orders", "--for=1h"]].concat())?;
    sidecar
        .until("the stop is in force", async |sidecar| {
            let status = status(sidecar).await;
            status.is_some_and(|status| status.stops.iter().any(|stop| stop.id == "INC-7"))
        })
        .await?;
    well(&[&["timestamp"], &of[..], &["--key=clock.key"]].concat())?;
    let socket = format!("--sidecar={}", stage.socket().display());
    let told = well(&["drift", "policies", "--channel", CHANNEL, STORE, &socket])?;
    ensure!(told.contains("INC-7"), "{told}");
    let told = well(&[&["status"], &of[..], &[&socket]].concat())?;
    ensure!(!told.contains("different"), "{told}");

    // 3. Without the service nothing ends, and nobody publishes.
    drop(engine);
    refuses(&mut sidecar, BundleRefusal::SourceUnavailable).await?;
    let now = status(&sidecar).await;
    ensure!(now.is_some_and(|now| now.bundle_version == 2), "it stays");
    let output = run(&publish)?;
    ensure!(output.status.code() == Some(1), "{}", said(&output));
    sidecar.terminate().await?;
    Ok(())
}
