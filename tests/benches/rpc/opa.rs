//! OPA, asked the same over HTTP: the rules of the sidecar's policy as Rego, in a process of its own that keeps no record.
//!
//! Whatever can be left to the caller is. OPA is told the profile and whether it is business time, so that it reads no
//! groups and no calendar; it checks no argument against a type and nobody's identity. Each rule begins with equalities
//! on tool, operation and profile, which OPA's index takes; that was the fastest of the forms that were tried (rules as
//! data, rules as objects, one set for each surface, optimised by `opa build`).

use std::collections::BTreeSet;
use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hyper::body::Body as _;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use stopgate_author::policy::{Operations, Policy, Rule, RuleKind};
use stopgate_client::wire as pb;
use stopgate_client::wire::decide_response::Result as Outcome;
use stopgate_decide::surface::{Approval, Risk, Surface};
use stopgate_tests::bulk;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::load::{self, Caller, Load, Measured};
use crate::servers::{Asked, Served};

/// How long OPA may take until it answers, for compiling its policy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Time between two looks whether it does.
const GLANCE: Duration = Duration::from_millis(50);

/// In how many parts the kernel counts a second of a process for those who look at it from outside.
const TICKS: u32 = 100;

/// What is made of the rules that match: `joined` is the sidecar's answer; `listed` leaves the joining to the caller, and
/// `allow` says nothing but yes or no.
const ANSWERS: &str = r#"
default joined := {"allow": false}

joined := {
  "allow": true,
  "risk": max([rule[2] | some rule in matching]),
  "approval": max([rule[3] | some rule in matching]),
  "user_confirmation": max([rule[4] | some rule in matching]),
  "rules": [rule[0] | some rule in matching],
} if {
  count(forbidden) == 0
  max([rule[1] | some rule in matching]) == 1
}

default listed := {"allow": false}

listed := {"allow": true, "rules": matching} if {
  count(forbidden) == 0
  some rule in matching
  rule[1] == 1
}

default allow := false

allow if {
  not blocked
  granted
}
"#;

/// What OPA is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// What the sidecar says: the join of what the matching rules ask for, and their names.
    Joined,
    /// Each matching rule with what it asks for; the caller joins.
    Listed,
    /// Whether any rule grants and none forbids: the first that is found is enough.
    Allow,
}

impl Answer {
    const fn path(self) -> &'static str {
        match self {
            Self::Joined => "/v1/data/stopgate/joined",
            Self::Listed => "/v1/data/stopgate/listed",
            Self::Allow => "/v1/data/stopgate/allow",
        }
    }
}

/// A running OPA. Dropped: killed.
pub(crate) struct Opa {
    child: Child,
    socket: PathBuf,
    version: String,
}

impl Drop for Opa {
    fn drop(&mut self) {
        // One that has ended already is as gone.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Opa {
    /// Starts `program` in `folder` with the rules of `policy`, and waits until it answers.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        policy: &Policy,
        clients: &Runtime,
    ) -> anyhow::Result<Self> {
        let (file, socket) = (folder.join("policy.rego"), folder.join("opa.sock"));
        fs::write(&file, rego(policy)?)?;
        let said = Command::new(program).arg("version").output()?;
        let said = String::from_utf8(said.stdout)?;
        let version = said.lines().find_map(|line| line.strip_prefix("Version: "));
        let version = version.context("a version of OPA")?.to_owned();
        let child = Command::new(program)
            .args([
                "run",
                "--server",
                "--log-level=error",
                "--skip-version-check",
            ])
            .arg(format!("--addr=unix://{}", socket.display()))
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let mut opa = Self {
            child,
            socket,
            version,
        };
        let deadline = Instant::now() + PATIENCE;
        while clients.block_on(opa.is_healthy()).is_err() {
            if let Some(status) = opa.child.try_wait()? {
                bail!("OPA ended: {status}");
            }
            ensure!(Instant::now() < deadline, "OPA does not answer");
            std::thread::sleep(GLANCE);
        }
        Ok(opa)
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    async fn is_healthy(&self) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.socket).await?;
        connection
            .ask(Method::GET, "/health", String::new())
            .await?;
        Ok(())
    }

    /// Asks for one answer to one attempt.
    fn answer(
        &self,
        clients: &Runtime,
        asked: &Asked,
        business: bool,
        answer: Answer,
    ) -> anyhow::Result<Value> {
        let input = input(asked, business)?;
        let bytes = clients.block_on(async {
            let mut connection = Connection::open(&self.socket).await?;
            connection.ask(Method::POST, answer.path(), input).await
        })?;
        let mut said: Value = serde_json::from_slice(&bytes)?;
        Ok(said.get_mut("result").context("a result")?.take())
    }

    /// Compares what both answer to attempts of every kind, and says whether it is business time for the sidecar.
    pub(crate) fn agrees(&self, clients: &Runtime, sidecar: &Served) -> anyhow::Result<bool> {
        // A rejection has no rules and no surface to compare, so all rejections are one.
        let ours = |asked: &Asked| Told::of_sidecar(&sidecar.answer(clients, asked.request())?);
        let first = Asked::usual();
        // The guardrail raises outside business time only, so its name in an answer tells the time.
        let business = !ours(&first)?.rules.contains("guardrails/night");
        let with = |operation: &str, profile: &str, cents: u64, currency: &str| Asked {
            operation: operation.to_owned(),
            profile: profile.to_owned(),
            input: json!({"order_id": "A-7", "amount_cents": cents, "currency": currency})
                .to_string(),
        };
        // Each kind of rule matches in one of them, and two of them are refused.
        for (asked, allow) in [
            (first, true),
            (with("o0", "p0", 50_000, "EUR"), true),
            (with("o1", "p0", 60_000, "GBP"), true),
            (with("o0", "p1", 200_000, "EUR"), true),
            (with("o0", "p0", 40_000, "USD"), false),
            (with("o0", "nobody", 40_000, "EUR"), false),
        ] {
            let (one, other) = (
                ours(&asked)?,
                Told::of_opa(&self.answer(clients, &asked, business, Answer::Joined)?)?,
            );
            ensure!(one == other, "{asked:?}: {one:?}, but OPA {other:?}");
            ensure!(one.allow == allow, "{asked:?}: {one:?}");
            let listed = self.answer(clients, &asked, business, Answer::Listed)?;
            let rules = listed.get("rules").and_then(Value::as_array);
            let count = rules.map_or(0, Vec::len);
            let allowed = self.answer(clients, &asked, business, Answer::Allow)?;
            // The other two forms are held to what the sidecar said, as far as they say it.
            ensure!(
                count == one.rules.len() && allowed == Value::Bool(allow),
                "{asked:?}: {one:?}, but OPA {listed} and {allowed}"
            );
        }
        Ok(business)
    }

    /// Lets as many callers as `load` has ask for `span`, each over a connection of its own.
    pub(crate) fn run(
        &self,
        clients: &Runtime,
        load: &Load,
        (answer, business): (Answer, bool),
        span: Duration,
    ) -> anyhow::Result<Measured> {
        let input = input(&Asked::usual(), business)?;
        clients.block_on(async {
            let mut callers = Vec::new();
            for _ in 0..load.callers {
                let mut connection = Connection::open(&self.socket).await?;
                // What the first answer was, every later one has to be; it is one that was compared before.
                let wanted = connection.ask(Method::POST, answer.path(), input.clone());
                callers.push(Http {
                    wanted: wanted.await?,
                    connection,
                    path: answer.path(),
                    input: input.clone(),
                });
            }
            let processor = || Ok(load::processor_time()? + self.processor_time()?);
            load::measure(callers, span, processor).await
        })
    }

    /// Reads the processor time of its process.
    fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name stands in brackets, and may have spaces and brackets in it.
        let (_, fields) = stat.rsplit_once(") ").context("a name in brackets")?;
        // The fourteenth and the fifteenth of all, of which two stand before.
        let fields = fields.split(' ').skip(11).take(2);
        let ticks = fields.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(Duration::from_secs(ticks.into()) / TICKS)
    }
}

/// A caller of OPA.
struct Http {
    connection: Connection,
    path: &'static str,
    input: String,
    wanted: Vec<u8>,
}

impl Caller for Http {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let asked = self
            .connection
            .ask(Method::POST, self.path, self.input.clone());
        let said = asked.await?;
        ensure!(said == self.wanted, "another answer than at first");
        Ok(())
    }
}

/// A connection that stays open, one request after the other.
struct Connection(http1::SendRequest<String>);

impl Connection {
    async fn open(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> anyhow::Result<Vec<u8>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "opa")
            .header("content-type", "application/json")
            .body(body)?;
        self.0.ready().await?;
        let mut response = self.0.send_request(request).await?;
        ensure!(response.status() == StatusCode::OK, "{}", response.status());
        let mut bytes = Vec::new();
        let body = response.body_mut();
        // To the end, so that the connection can be used again.
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            if let Ok(data) = frame?.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    }
}

/// What both have to agree on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    allow: bool,
    risk: i64,
    approval: i64,
    user_confirmation: bool,
    rules: BTreeSet<String>,
}

impl Told {
    fn of_sidecar(answer: &pb::DecideResponse) -> anyhow::Result<Self> {
        match answer.result.as_ref().context("a result")? {
            Outcome::Reject(_) => return Ok(Self::default()),
            Outcome::Permit(_) | Outcome::Route(_) => (),
        }
        let surface = answer.surface.as_ref().context("a surface")?;
        Ok(Self {
            allow: true,
            risk: surface.risk.into(),
            approval: surface.approval.into(),
            user_confirmation: surface.user_confirmation,
            rules: answer.rules.iter().map(|rule| rule.rule.clone()).collect(),
        })
    }

    fn of_opa(said: &Value) -> anyhow::Result<Self> {
        let member = |name: &str| said.get(name).with_context(|| format!("{name} of {said}"));
        if member("allow")? == &Value::Bool(false) {
            return Ok(Self::default());
        }
        let number = |name| member(name)?.as_i64().context("a number");
        let rules = member("rules")?.as_array().context("a list")?;
        let names = rules
            .iter()
            .filter_map(|rule| rule.as_str().map(str::to_owned));
        Ok(Self {
            allow: true,
            risk: number("risk")?,
            approval: number("approval")?,
            user_confirmation: number("user_confirmation")? == 1,
            rules: names.collect(),
        })
    }
}

/// Writes an attempt as OPA is told of it.
fn input(asked: &Asked, business: bool) -> anyhow::Result<String> {
    let arguments: Value = serde_json::from_str(&asked.input)?;
    Ok(json!({"input": {
        "tool": bulk::attempt(1).tool,
        "operation": asked.operation,
        "profile": asked.profile,
        "input": arguments,
        "time": {"business": business},
    }})
    .to_string())
}

/// Writes the rules of `policy` in Rego.
fn rego(policy: &Policy) -> anyhow::Result<String> {
    let mut text = String::from("package stopgate\n\nimport rego.v1\n\n");
    for rule in &policy.rules {
        text.push_str(&written(rule).with_context(|| rule.id.to_string())?);
    }
    Ok(text + ANSWERS)
}

/// Writes one rule; what it asks for stands in its head, as numbers: whether it grants, risk, approval, confirmation.
fn written(rule: &Rule) -> anyhow::Result<String> {
    let mut body = String::new();
    // First in the body, because OPA's index looks at equalities there.
    if let Operations::Listed(operations) = &rule.scope.operations {
        let mut operations = operations.iter();
        let (tool, operation) = operations.next().context("an operation")?;
        ensure!(operations.next().is_none(), "more than one operation");
        body += &format!("  input.tool == \"{tool}\"\n  input.operation == \"{operation}\"\n");
    }
    if let Some(profiles) = &rule.scope.profiles {
        let mut profiles = profiles.iter();
        let profile = profiles.next().context("a profile")?;
        ensure!(profiles.next().is_none(), "more than one profile");
        body += &format!("  input.profile == \"{profile}\"\n");
    }
    let condition = rule.condition.as_ref().context("a condition")?.text();
    for part in condition.split(" && ") {
        body += &format!("  {}\n", expression(part)?);
    }
    // Twice: for answers that need every rule that matches, and for the one that needs any.
    let (every, any) = match &rule.kind {
        RuleKind::Grant(surface) => (matching(rule, 1, surface)?, Some("granted")),
        RuleKind::Raise(surface) => (matching(rule, 0, surface)?, None),
        RuleKind::Never(_) => (
            format!("forbidden contains \"{}\"", rule.id),
            Some("blocked"),
        ),
    };
    let heads = [Some(every.as_str()), any].into_iter().flatten();
    Ok(heads
        .map(|head| format!("{head} if {{\n{body}}}\n\n"))
        .collect())
}

fn matching(rule: &Rule, grants: u8, surface: &Surface) -> anyhow::Result<String> {
    let Surface {
        risk,
        approval,
        user_confirmation,
        dry_run,
        masks,
        max_rows,
    } = surface;
    // What Rego is not given has to be absent, or OPA would have less to do.
    ensure!(
        !dry_run && masks.is_empty() && max_rows.is_empty(),
        "more than Rego is given here"
    );
    let risk = match risk {
        Risk::Low => 1,
        Risk::Medium => 2,
        Risk::High => 3,
    };
    let approval = match approval {
        Approval::Automatic => 1,
        Approval::Supervisor => 2,
        Approval::Committee => 3,
    };
    let confirmation = u8::from(*user_confirmation);
    Ok(format!(
        "matching contains [\"{}\", {grants}, {risk}, {approval}, {confirmation}]",
        rule.id
    ))
}

/// Writes one part of a condition of the generated rules, which know five forms.
fn expression(text: &str) -> anyhow::Result<String> {
    if let Some(inner) = text.strip_prefix("!(") {
        let inner = inner.strip_suffix(')').context("a bracket")?;
        return Ok(format!("not {}", expression(inner)?));
    }
    if let Some((values, member)) = text.split_once("].contains(") {
        let values = values.strip_prefix('[').context("a list")?;
        let member = member.strip_suffix(')').context("a bracket")?;
        return Ok(format!("{} in {{{values}}}", expression(member)?));
    }
    if let Some((text, pattern)) = text.split_once(" like ") {
        let start = pattern.strip_suffix("*\"").context("a star at the end")?;
        return Ok(format!("startswith({}, {start}\")", expression(text)?));
    }
    let path = text.strip_prefix("context.").context("a path")?;
    ensure!(
        // An operator that is no form of these would be written as a path, and OPA might take it.
        !path.contains("context.") && !path.contains(['!', '(', '[']),
        "{text}"
    );
    Ok(format!("input.{path}"))
}
