//! How each failure of `docs/reference/fail-closed.md` is brought about, and what a caller is answered then.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use stopgate::key::SigningKey;
use stopgate_client::wire::SourceKind;
use stopgate_client::{Client, Verdict};
use stopgate_tests::ask::{order, refund, word};
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{CALLER, Hours, Stage};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::canaries::page;

/// How long a caller waits who expects none.
const SHORT: Duration = Duration::from_millis(300);

type Answer = Pin<Box<dyn Future<Output = anyhow::Result<String>>>>;

/// One row: what fails how, and how to make it so.
pub(crate) struct Scenario {
    pub(crate) part: &'static str,
    pub(crate) state: &'static str,
    bring_about: fn() -> Answer,
}

impl Scenario {
    /// Brings it about and gives the answer of an attempt that is permitted when all is well.
    pub(crate) async fn run(self) -> anyhow::Result<String> {
        (self.bring_about)().await
    }
}

macro_rules! scenarios {
    ($($part:literal, $state:literal => $bring_about:path;)*) => {
        vec![$(Scenario { part: $part, state: $state, bring_about: || Box::pin($bring_about()) },)*]
    };
}

pub(crate) fn all() -> Vec<Scenario> {
    scenarios! {
        "sidecar", "down: its process was killed" => sidecar_killed;
        "sidecar", "slow: its process is stopped" => sidecar_stopped;
        "sidecar", "wrong: something else answers on the socket, without a result" => crate::wire::answers_nothing;
        "sidecar", "wrong: something else answers with another request's permit" => crate::wire::answers_another;
        "sidecar", "ending: it was told to drain" => sidecar_drains;
        "bundle at the start", "down: there is no file" => bundle_missing;
        "bundle at the start", "slow: reading it never ends" => bundle_endless;
        "bundle at the start", "wrong: it is a pipe" => bundle_piped;
        "bundle at the start", "wrong: others may write in its folder" => bundle_exposed;
        "bundle at the start", "wrong: one bit is flipped" => bundle_flipped;
        "bundle at the start", "wrong: signed by a key of no publisher" => bundle_of_a_stranger;
        "bundle at the start", "wrong: it does not name the channel" => bundle_of_another_channel;
        "bundle later", "down: the file is gone" => bundle_vanishes;
        "bundle later", "slow: reading it never ends" => bundle_becomes_endless;
        "bundle later", "wrong: it is a pipe" => bundle_becomes_a_pipe;
        "bundle later", "wrong: others may write in its folder" => bundle_becomes_exposed;
        "bundle later", "wrong: one bit is flipped" => bundle_is_flipped;
        "trust root", "down: there is no file" => root_missing;
        "trust root", "wrong: one bit is flipped" => root_flipped;
        "trust root", "slow: reading it never ends" => root_endless;
        "trust root", "wrong: it is a pipe" => root_piped;
        "trust root later", "wrong: it is a pipe" => root_becomes_a_pipe;
        "log", "down: the disk is full" => log_full;
        "log", "slow: a flush takes long" => log_slow;
        "log", "wrong: a flush fails" => log_fails;
        "log", "wrong: its file is cut" => log_cut;
        "log", "wrong: its file is moved away" => log_moved;
        "policy", "wrong: evaluating a rule fails" => rule_fails;
        "caller", "wrong: its user is not configured" => caller_unknown;
        "caller", "wrong: it may not assert subjects" => caller_asserts;
        "caller", "wrong: it does not enforce what the policy obliges to" => caller_enforces_nothing;
    }
}

fn stage() -> anyhow::Result<Stage> {
    Stage::new("dev", Hours::Business)
}

/// A stage on which all is well: the attempt is permitted.
async fn well(stage: &Stage) -> anyhow::Result<(Sidecar<'_>, Client)> {
    let sidecar = Sidecar::start(stage).await?;
    let client = sidecar.client().await?;
    let answer = asked(&client, PATIENCE).await;
    ensure!(answer == "permit", "before the fault: {answer}");
    Ok((sidecar, client))
}

async fn asked(client: &Client, patience: Duration) -> String {
    word(&client.decide(order("asked"), patience).await)
}

/// The status of a cut connection depends on when the client notices; it is one fact.
fn cut(answer: String) -> String {
    match answer.as_str() {
        "Unavailable" | "Unknown" => "no answer: the connection is gone".to_owned(),
        _ => answer,
    }
}

/// Asks a sidecar that is gone. A request that meets the end of its connection is cancelled, and a client says the same of
/// that as of its own deadline, which is far from over then.
async fn gone(client: &Client) -> String {
    let begun = Instant::now();
    let answer = cut(asked(client, PATIENCE).await);
    if answer == "no answer in time" && begun.elapsed() < PATIENCE / 2 {
        "no answer: the connection is gone".to_owned()
    } else {
        answer
    }
}

async fn sidecar_killed() -> anyhow::Result<String> {
    let stage = stage()?;
    let (sidecar, client) = well(&stage).await?;
    sidecar.kill().await?;
    Ok(gone(&client).await)
}

async fn sidecar_stopped() -> anyhow::Result<String> {
    let stage = stage()?;
    let (sidecar, client) = well(&stage).await?;
    // The socket stays open and nobody answers: only the caller's own deadline ends it.
    sidecar.signal(Signal::STOP)?;
    Ok(asked(&client, SHORT).await)
}

async fn sidecar_drains() -> anyhow::Result<String> {
    let stage = stage()?;
    let (sidecar, client) = well(&stage).await?;
    let status = sidecar.terminate().await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(gone(&client).await)
}

/// Starts a sidecar on a stage with a bad bundle and waits until it serves, which it does without being ready.
async fn without_bundle(stage: &Stage) -> anyhow::Result<String> {
    let mut sidecar = Sidecar::launch(stage, &[])?;
    sidecar
        .until("it serves", async |sidecar| sidecar.client().await.is_ok())
        .await?;
    let client = sidecar.client().await?;
    // It has looked, or is looking for ever: either way nothing decides.
    let status = client.status(PATIENCE).await.context("no status")?;
    ensure!(status.bundle_digest.is_empty(), "a bundle is in force");
    Ok(asked(&client, PATIENCE).await)
}

async fn bundle_missing() -> anyhow::Result<String> {
    let stage = stage()?;
    fs::remove_file(stage.bundle())?;
    without_bundle(&stage).await
}

async fn bundle_piped() -> anyhow::Result<String> {
    let stage = stage()?;
    pipe(&stage.bundle())?;
    without_bundle(&stage).await
}

async fn bundle_endless() -> anyhow::Result<String> {
    let stage = stage()?;
    let slow = endless(&stage, &stage.bundle())?;
    link_to(&stage.bundle(), &slow)?;
    let mut sidecar = under_slow_reads(&stage, &slow)?;
    sidecar
        .until("it serves", async |sidecar| sidecar.client().await.is_ok())
        .await?;
    let client = sidecar.client().await?;
    let status = client.status(PATIENCE).await.context("no status")?;
    ensure!(status.bundle_digest.is_empty(), "a bundle is in force");
    Ok(asked(&client, PATIENCE).await)
}

/// The folder that the bundle is in, and in which others may write.
fn exposed(stage: &Stage) -> anyhow::Result<std::path::PathBuf> {
    // The bundle moves there, and a link leads to it: what is checked are the folders on the whole way.
    let folder = stage.path("published");
    fs::create_dir(&folder)?;
    fs::rename(stage.bundle(), folder.join("policy.stopgate"))?;
    link_to(&stage.bundle(), &folder.join("policy.stopgate"))?;
    Ok(folder)
}

fn open_to_all(folder: &Path) -> anyhow::Result<()> {
    Ok(fs::set_permissions(
        folder,
        fs::Permissions::from_mode(0o777),
    )?)
}

async fn bundle_exposed() -> anyhow::Result<String> {
    let stage = stage()?;
    open_to_all(&exposed(&stage)?)?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    let status = sidecar.ended().await?;
    ensure!(status.code() == Some(2), "it ended with {status}");
    let events = fs::read_to_string(stage.events())?;
    ensure!(events.contains("may_be_replaced"), "{events}");
    Ok("no connection: the sidecar does not start".to_owned())
}

async fn bundle_becomes_exposed() -> anyhow::Result<String> {
    later(|stage| open_to_all(&exposed(stage)?)).await
}

async fn bundle_flipped() -> anyhow::Result<String> {
    let stage = stage()?;
    stage.publish_bytes(&flipped(&fs::read(stage.bundle())?))?;
    without_bundle(&stage).await
}

async fn bundle_of_a_stranger() -> anyhow::Result<String> {
    let stage = stage()?;
    let stranger = stage.path("ci.key");
    fs::remove_file(&stranger)?;
    // A new key under the same name: the bundle is whole and signed, and the root does not know who signed it.
    SigningKey::generate()?.write_new(&stranger)?;
    stage.publish()?;
    without_bundle(&stage).await
}

async fn bundle_of_another_channel() -> anyhow::Result<String> {
    let stage = stage()?;
    // No channel of the bundle's, so the sidecar runs and has nothing to decide by.
    stage.configure("staging", rustix::process::getuid().as_raw(), CALLER)?;
    without_bundle(&stage).await
}

/// Puts something else where the bundle is and waits until the sidecar has seen it.
async fn later(replace: impl FnOnce(&Stage) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let stage = stage()?;
    let (sidecar, client) = well(&stage).await?;
    by_the_bundle_before(sidecar, client, || replace(&stage)).await
}

async fn by_the_bundle_before(
    mut sidecar: Sidecar<'_>,
    client: Client,
    replace: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    // Without the digest before, a permit by some other bundle would look the same.
    let before = client.status(PATIENCE).await?.bundle_digest;
    replace()?;
    let failed = async |_: &Sidecar<'_>| {
        let status = client.status(PATIENCE).await;
        status.is_ok_and(|status| status.consecutive_failures > 0)
    };
    sidecar.until("the bundle was refused", failed).await?;
    let verdict = client.decide(order("asked"), PATIENCE).await;
    let answer = word(&verdict);
    let explained = verdict
        .permit()
        .is_some_and(|permit| permit.explanation().bundle_digest == before);
    Ok(if explained {
        format!("{answer}, by the bundle before")
    } else {
        answer
    })
}

async fn bundle_vanishes() -> anyhow::Result<String> {
    later(|stage| Ok(fs::remove_file(stage.bundle())?)).await
}

async fn bundle_becomes_a_pipe() -> anyhow::Result<String> {
    later(|stage| pipe(&stage.bundle())).await
}

async fn bundle_becomes_endless() -> anyhow::Result<String> {
    let stage = stage()?;
    let slow = endless(&stage, &stage.bundle())?;
    let mut sidecar = under_slow_reads(&stage, &slow)?;
    sidecar
        .until("it is ready", async |sidecar| {
            let Ok(client) = sidecar.client().await else {
                return false;
            };
            asked(&client, PATIENCE).await == "permit"
        })
        .await?;
    let client = sidecar.client().await?;
    by_the_bundle_before(sidecar, client, || link_to(&stage.bundle(), &slow)).await
}

async fn bundle_is_flipped() -> anyhow::Result<String> {
    later(|stage| stage.publish_bytes(&flipped(&fs::read(stage.bundle())?))).await
}

/// Puts a pipe that nobody writes to where `file` is.
fn pipe(file: &Path) -> anyhow::Result<()> {
    fs::remove_file(file)?;
    Ok(mknodat(
        CWD,
        file,
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )?)
}

/// A copy of `file`, of which no read will end, and looks that are given up soon.
fn endless(stage: &Stage, file: &Path) -> anyhow::Result<std::path::PathBuf> {
    let config = stage.path("sidecar.toml");
    // Looks are given up after half a second here, so that the test does not wait for the real deadline.
    let text = fs::read_to_string(&config)?;
    let text = text.replace("poll = ", "deadline = \"500ms\"\npoll = ");
    fs::write(config, text)?;
    let slow = stage.path("slow");
    fs::copy(file, &slow)?;
    Ok(slow)
}

/// Puts a link to `to` where `file` is.
fn link_to(file: &Path, to: &Path) -> anyhow::Result<()> {
    // Renamed into place: the sidecar must not see a moment without a file.
    let fresh = file.with_extension("fresh");
    std::os::unix::fs::symlink(to, &fresh)?;
    Ok(fs::rename(fresh, file)?)
}

/// A sidecar that hangs where it reads from `slow`, as on a disk that is gone.
fn under_slow_reads<'a>(stage: &'a Stage, slow: &Path) -> anyhow::Result<Sidecar<'a>> {
    let output = stage.path("strace.txt");
    let output = output.to_str().context("a path in UTF-8")?;
    let slow = slow.to_str().context("a path in UTF-8")?;
    // Ten minutes in microseconds: for longer than any test runs.
    let inject = "inject=read:delay_enter=600000000";
    let wrapper = [
        "strace",
        "-f",
        "-qq",
        "-o",
        output,
        // Only reads of this one file are slow, or the sidecar would never start.
        "-P",
        slow,
        "-e",
        "trace=read",
        "-e",
        inject,
    ];
    Sidecar::launch(stage, &wrapper)
}

/// `bytes` with one bit flipped in the middle.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// Starts a sidecar that should end by itself.
async fn does_not_start(stage: &Stage) -> anyhow::Result<String> {
    let mut sidecar = Sidecar::launch(stage, &[])?;
    let status = sidecar.ended().await?;
    ensure!(!status.success(), "it ended as if all were well");
    ensure!(sidecar.client().await.is_err(), "something still listens");
    Ok("no connection: the sidecar does not start".to_owned())
}

async fn root_missing() -> anyhow::Result<String> {
    let stage = stage()?;
    fs::remove_file(stage.root())?;
    does_not_start(&stage).await
}

async fn root_piped() -> anyhow::Result<String> {
    let stage = stage()?;
    pipe(&stage.root())?;
    does_not_start(&stage).await
}

async fn root_endless() -> anyhow::Result<String> {
    let stage = stage()?;
    let slow = endless(&stage, &stage.root())?;
    link_to(&stage.root(), &slow)?;
    let mut sidecar = under_slow_reads(&stage, &slow)?;
    let gave_up = async |_: &Sidecar<'_>| {
        let events = fs::read_to_string(stage.events()).unwrap_or_default();
        events.contains("there is no trust root")
    };
    sidecar.until("it gave up", gave_up).await?;
    ensure!(sidecar.client().await.is_err(), "something still listens");
    Ok("no connection: the sidecar does not start".to_owned())
}

async fn root_becomes_a_pipe() -> anyhow::Result<String> {
    let stage = stage()?;
    let (mut sidecar, client) = well(&stage).await?;
    pipe(&stage.root())?;
    let told = async |_: &Sidecar<'_>| {
        let Ok(status) = client.status(PATIENCE).await else {
            return false;
        };
        let mut sources = status.sources.iter();
        sources.any(|it| it.kind() == SourceKind::Root && it.consecutive_failures > 0)
    };
    sidecar.until("it is told", told).await?;
    Ok(asked(&client, PATIENCE).await)
}

async fn root_flipped() -> anyhow::Result<String> {
    let stage = stage()?;
    fs::write(stage.root(), flipped(&fs::read(stage.root())?))?;
    does_not_start(&stage).await
}

/// A sidecar whose system calls fail as `inject` says, once it is ready.
async fn under_strace<'a>(
    stage: &'a Stage,
    calls: &str,
    inject: &str,
) -> anyhow::Result<Sidecar<'a>> {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={inject}"));
    let output = stage.path("strace.txt");
    let output = output.to_str().context("a path in UTF-8")?;
    let wrapper = [
        "strace", "-f", "-qq", "-o", output, "-e", &trace, "-e", &inject,
    ];
    Sidecar::start_under(stage, &wrapper).await
}

/// Asks until the answer is no permit any more, and gives that answer.
async fn first_other(client: &Client, patience: Duration) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = asked(client, patience).await;
        if answer != "permit" {
            return Ok(answer);
        }
        ensure!(Instant::now() < deadline, "the fault has no effect");
    }
}

/// Writes that succeed before the fault sets in: enough for the records of the start.
const HEALTHY: &str = "8+";

async fn log_full() -> anyhow::Result<String> {
    let stage = stage()?;
    let sidecar = under_strace(
        &stage,
        "pwrite64",
        &format!("pwrite64:error=ENOSPC:when={HEALTHY}"),
    )
    .await?;
    let client = sidecar.client().await?;
    let answer = first_other(&client, PATIENCE).await?;
    for _ in 0..20 {
        ensure!(asked(&client, PATIENCE).await == answer, "it got well");
    }
    // Every attempt is refused, and one line says why.
    let events = fs::read_to_string(stage.events())?;
    let lines = events.matches("audit log: write failed").count();
    ensure!(lines == 1, "{lines} lines of it: {events}");
    Ok(answer)
}

async fn log_slow() -> anyhow::Result<String> {
    let stage = stage()?;
    // Two seconds, which is longer than this caller waits.
    let inject = format!("fdatasync:delay_enter=2000000:when={HEALTHY}");
    let mut sidecar = under_strace(&stage, "fdatasync", &inject).await?;
    let answer = first_other(&sidecar.client().await?, SHORT).await?;
    // The caller is gone and its record is not: it counts as that, and as no answer.
    sidecar
        .until("the caller is seen to have left", async |_| {
            let page = page(&stage.events(), "/metrics");
            String::from_utf8_lossy(&page)
                .contains(r#"stopgate_callers_left_total{tool="erp",answer="permit",reason=""} 1"#)
        })
        .await?;
    Ok(answer)
}

async fn log_fails() -> anyhow::Result<String> {
    let stage = stage()?;
    let mut sidecar = under_strace(
        &stage,
        "fdatasync",
        &format!("fdatasync:error=EIO:when={HEALTHY}"),
    )
    .await?;
    let answer = first_other(&sidecar.client().await?, PATIENCE).await?;
    the_end(&mut sidecar, answer).await
}

async fn log_cut() -> anyhow::Result<String> {
    let stage = stage()?;
    let (mut sidecar, client) = well(&stage).await?;
    let file = fs::OpenOptions::new().write(true).open(written(&stage)?)?;
    // The sidecar still has it open, and would go on where it ended.
    file.set_len(100)?;
    let answer = asked(&client, PATIENCE).await;
    the_end(&mut sidecar, answer).await
}

async fn log_moved() -> anyhow::Result<String> {
    let stage = stage()?;
    let (mut sidecar, client) = well(&stage).await?;
    // The open file can still be written, but nobody would find what is written there.
    fs::rename(written(&stage)?, stage.path("taken"))?;
    let answer = asked(&client, PATIENCE).await;
    the_end(&mut sidecar, answer).await
}

/// The one file of the log.
fn written(stage: &Stage) -> anyhow::Result<std::path::PathBuf> {
    let file = fs::read_dir(stage.log())?.next().context("a file")??;
    Ok(file.path())
}

/// The sidecar ends because its log is lost, with or without the answer that was about to leave.
async fn the_end(sidecar: &mut Sidecar<'_>, answer: String) -> anyhow::Result<String> {
    let status = sidecar.ended().await?;
    ensure!(status.code() == Some(74), "it ended with {status}");
    let answer = cut(answer);
    // The answer races with the end of the process; both are safe.
    ensure!(
        [
            "reject: audit_unavailable",
            "no answer: the connection is gone"
        ]
        .contains(&answer.as_str()),
        "{answer}"
    );
    Ok("reject: audit_unavailable or no answer, and the sidecar ends".to_owned())
}

async fn rule_fails() -> anyhow::Result<String> {
    let stage = stage()?;
    let rules = stage.policies().join("rules/guardrails.cedar");
    let mut text = fs::read_to_string(&rules)?;
    // Valid by its types; overflows for every amount above one.
    text.push_str(
        r#"
@id("overflow") @owner("tests") @review_by("2027-03-31")
forbid (principal, action == Stopgate::Action::"erp/create_refund", resource)
when { context.input.amount_cents * 9223372036854775807 < 0 };
"#,
    );
    fs::write(rules, text)?;
    stage.publish()?;
    // `order` is another operation, so it says that all is well but the one rule.
    let (_sidecar, client) = well(&stage).await?;
    Ok(word(
        &client.decide(refund("overflow", 100), PATIENCE).await,
    ))
}

async fn caller_unknown() -> anyhow::Result<String> {
    let stage = stage()?;
    // One of no caller that is configured; whose it is does not matter.
    let nobody = rustix::process::getuid().as_raw() + 1;
    stage.configure("dev", nobody, CALLER)?;
    let mut sidecar = Sidecar::launch(&stage, &[])?;
    sidecar.listening().await?;
    let mode = fs::metadata(stage.socket())?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the socket's mode is {mode:o}");
    // Connecting is the kernel's business; the sidecar hangs up on whoever it does not know.
    let mut peer = UnixStream::connect(stage.socket()).await?;
    let said = timeout(PATIENCE, peer.read_to_end(&mut Vec::new())).await;
    match said.context("the sidecar does not hang up")? {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error.into()),
        Ok(length @ 1..) => bail!("the sidecar said {length} bytes"),
        Ok(0) | Err(_) => {}
    }
    // A client that connects anew as often as it is cut off may do so until its deadline.
    let answer = match sidecar.client().await {
        Ok(client) => cut(asked(&client, SHORT).await),
        Err(_) => cut("Unavailable".to_owned()),
    };
    Ok(match answer.as_str() {
        "no answer in time" => "no answer: the connection is gone".to_owned(),
        _ => answer,
    })
}

async fn caller_asserts() -> anyhow::Result<String> {
    with_caller(&CALLER.replace(r#""assert_subject", "#, "")).await
}

async fn caller_enforces_nothing() -> anyhow::Result<String> {
    with_caller(&CALLER.replace(r#""mask", "max_rows""#, "")).await
}

async fn with_caller(caller: &str) -> anyhow::Result<String> {
    ensure!(caller != CALLER, "nothing was taken away");
    let stage = stage()?;
    stage.configure("dev", rustix::process::getuid().as_raw(), caller)?;
    let sidecar = Sidecar::start(&stage).await?;
    let verdict: Verdict = sidecar
        .client()
        .await?
        .decide(order("asked"), PATIENCE)
        .await;
    Ok(word(&verdict))
}
