//! Canaries in every masked field of the reference policies, and in everything that a program says: records, events
//! at debug level, answers, statuses, metrics, the command line. Whatever the policies mask tomorrow is tried too.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use stopgate_author::compile::Compiled;
use stopgate_author::policy::Operation;
use stopgate_client::wire::attempt::Target;
use stopgate_client::wire::{DecideRequest, GetStatusRequest};
use stopgate_client::{Client, Verdict};
use stopgate_decide::pointer::{Pointer, Step};
use stopgate_proto::v1::enforcement_service_client::EnforcementServiceClient;
use stopgate_tests::ask;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, REFERENCE, Stage, said};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// What must not be seen anywhere. As a number too, where the field is one.
const CANARY: &str = "kanarienvogel-7353135791";
const NUMBER: u64 = 7_353_135_791;

/// Everything that was said, each with who said it.
#[derive(Default)]
struct Heard(Vec<(String, Vec<u8>)>);

impl Heard {
    fn add(&mut self, who: impl Into<String>, what: impl Into<Vec<u8>>) {
        self.0.push((who.into(), what.into()));
    }

    fn assert_silent(&self) {
        let number = NUMBER.to_string();
        let leaks: Vec<String> = self
            .0
            .iter()
            .filter(|(_, what)| {
                let text = String::from_utf8_lossy(what);
                text.contains(CANARY) || text.contains(&number)
            })
            .map(|(who, what)| format!("{who}: {}", String::from_utf8_lossy(what)))
            .collect();
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

fn reference() -> Compiled {
    stopgate::check::check(Path::new(REFERENCE)).expect("the policies")
}

/// `value` with `leaf` where `steps` lead to, whatever has to be made on the way.
fn place(value: &mut Value, steps: &[Step], leaf: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *value = leaf.clone();
        return;
    };
    match step {
        Step::Key(name) => {
            if !value.is_object() {
                *value = json!({});
            }
            place(&mut value[name.as_str()], rest, leaf);
        }
        Step::Every => {
            let mut element = value.get(0).cloned().unwrap_or_default();
            place(&mut element, rest, leaf);
            *value = json!([element]);
        }
    }
}

/// Inputs with a canary behind `mask`: as it should be, in forms that no mask expects, and torn.
fn inputs(sample: &Value, mask: &Pointer) -> Vec<Vec<u8>> {
    let steps: Vec<Step> = mask.steps().collect();
    let leaves = [
        json!(CANARY),
        json!(NUMBER),
        json!([CANARY]),
        json!({"x": {"y": CANARY}}),
        json!({"$masked": CANARY}),
        json!([CANARY, CANARY, NUMBER]),
        json!(CANARY.repeat(3_000)),
    ];
    let mut inputs = Vec::new();
    for leaf in leaves {
        let mut input = sample.clone();
        place(&mut input, &steps, &leaf);
        inputs.push(input.to_string().into_bytes());
    }
    let whole = String::from_utf8_lossy(&inputs[0]).into_owned();
    let inside = whole.trim_start_matches('{');
    // The canary twice under one name.
    inputs.push(format!("{{{}, {inside}", inside.trim_end_matches('}')).into_bytes());
    // Torn: no brace is ever closed.
    inputs.push(whole.replace('}', "").into_bytes());
    inputs.push(format!("[{whole}]").into_bytes());
    inputs.push(format!("\"{CANARY}\"").into_bytes());
    // No UTF-8 at the end, behind a canary that is whole.
    inputs.push([whole.as_bytes(), b"\xff"].concat());
    inputs
}

/// Requests for the operation and for what is nearly the operation, by somebody with every profile and by nobody.
fn requests(
    tool: &str,
    operation: &Operation,
    name: &str,
    input: &[u8],
    groups: &[&str],
) -> Vec<DecideRequest> {
    let asked = |groups: &[&str], tool: &str, target: Target| {
        let mut request = ask::erp("canary", groups, name, "");
        let attempt = request.attempt.as_mut().expect("an attempt");
        attempt.input = input.to_vec();
        attempt.tool = tool.to_owned();
        attempt.target = Some(target);
        request
    };
    let named = || Target::Operation(name.to_owned());
    let mut all = vec![
        asked(groups, tool, named()),
        asked(&groups[..1], tool, named()),
        asked(&[], tool, named()),
        asked(groups, tool, Target::McpTool(operation.function.clone())),
        asked(
            groups,
            tool,
            Target::Operation("no-such-operation".to_owned()),
        ),
        asked(groups, "no-such-tool", named()),
    ];
    let mut malformed = asked(groups, tool, named());
    malformed.request_id = String::new();
    all.push(malformed);
    // Another definition of the tool than the pinned one.
    let mut other = asked(groups, tool, named());
    other
        .attempt
        .as_mut()
        .expect("an attempt")
        .tool_definition_digest = vec![7; 32];
    all.push(other);
    all
}

/// One page of the probes, whose address stands in the events.
pub(crate) fn page(events: &Path, path: &str) -> Vec<u8> {
    let events = std::fs::read_to_string(events).expect("events");
    let address = events
        .split("probes=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("the address of the probes");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut page = Vec::new();
    stream.read_to_end(&mut page).expect("a page");
    page
}

/// T40, I38: a masked value stays between the caller and the tool.
#[tokio::test]
async fn t40_i38_no_canary_leaves_by_any_door() {
    let compiled = reference();
    let policy = compiled.policy.as_ref().expect("the policies are good");
    let groups: Vec<&str> = policy
        .profiles
        .values()
        .flat_map(|profile| &profile.groups)
        .map(String::as_str)
        .collect();
    let tools: Vec<String> = policy.tools.keys().map(ToString::to_string).collect();

    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let caller = format!(
        "agent = \"orchestrator\"\ntools = {tools:?}\nmay = [\"decide\", \"assert_subject\"]\n\
         enforces = [\"mask\", \"max_rows\"]\n\n[log]\nlevel = \"trace\"\n"
    );
    let uid = rustix::process::getuid().as_raw();
    stage.configure("dev", uid, &caller).expect("configured");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let client = sidecar.client().await.expect("a connection");
    let address = format!("unix:{}", stage.socket().display());
    let channel = Endpoint::from_shared(address).expect("an address");
    let mut raw = EnforcementServiceClient::new(channel.connect().await.expect("a connection"));

    let mut heard = Heard::default();
    let (mut fields, mut answers) = (0, 0);
    for suite in &compiled.suites {
        let operations = &policy.tools[suite.tool.as_str()].operations;
        for (name, operation) in operations {
            let sample = suite
                .samples
                .get(name.as_str())
                .map(|sample| sample.canonical());
            let sample = sample.map_or(json!({}), |text| text.parse().expect("JSON"));
            for mask in &operation.input_mask {
                fields += 1;
                for input in inputs(&sample, mask) {
                    command_line(
                        &stage,
                        &mut heard,
                        suite.tool.as_str(),
                        name.as_str(),
                        &input,
                        fields,
                    );
                    for request in requests(
                        suite.tool.as_str(),
                        operation,
                        name.as_str(),
                        &input,
                        &groups,
                    ) {
                        answers += 1;
                        let answer = raw.decide(request).await;
                        heard.add(format!("the answer about {name}"), format!("{answer:?}"));
                    }
                }
            }
            if !operation.result_mask.is_empty() {
                let request = ask::erp("result", &groups, name.as_str(), &sample.to_string());
                fields += results(&client, &mut heard, operation, request).await;
            }
        }
    }
    assert!(
        fields > 3 && answers > 100,
        "{fields} masked fields, {answers} answers"
    );

    let astray = elsewhere(&compiled, &groups, &raw, &mut heard).await;
    assert!(
        astray > 100,
        "{astray} answers about what was sent elsewhere"
    );

    let status = raw.get_status(GetStatusRequest {}).await;
    heard.add("the status", format!("{status:?}"));
    for path in ["/metrics", "/readyz", "/livez"] {
        heard.add(path, page(&stage.events(), path));
    }
    assert!(sidecar.terminate().await.expect("an end").success());
    heard.add("the events", std::fs::read(stage.events()).expect("events"));
    let mut recorded = 0;
    for file in std::fs::read_dir(stage.log()).expect("a log") {
        let path = file.expect("a file").path();
        let verified = stage.stopgate([Path::new("log"), Path::new("verify"), &path]);
        heard.add("log verify", said(&verified.expect("stopgate")));
        let log = std::fs::read(&path).expect("a log");
        recorded += String::from_utf8_lossy(&log)
            .matches("\"kind\":\"decision\"")
            .count();
        heard.add("the log", log);
    }
    assert!(recorded > 100, "{recorded} records");
    heard.assert_silent();
}

/// Sends what one operation masks to every other operation of every tool: a masked value at the wrong place is still
/// one. How many answers there were.
async fn elsewhere(
    compiled: &Compiled,
    groups: &[&str],
    raw: &EnforcementServiceClient<Channel>,
    heard: &mut Heard,
) -> usize {
    let policy = compiled.policy.as_ref().expect("the policies are good");
    let operations = || {
        let tools = policy.tools.iter();
        tools.flat_map(|(tool, of)| of.operations.iter().map(move |(name, of)| (tool, name, of)))
    };
    let (mut asked, turns) = (JoinSet::new(), Arc::new(Semaphore::new(8)));
    for suite in &compiled.suites {
        for (name, operation) in &policy.tools[suite.tool.as_str()].operations {
            let sample = suite.samples.get(name.as_str());
            let sample = sample.map_or(json!({}), |sample| {
                sample.canonical().parse().expect("JSON")
            });
            for mask in &operation.input_mask {
                // As it should be, as a number, inside a list and inside an object: what is torn is tried above.
                for input in inputs(&sample, mask).into_iter().take(4) {
                    for (tool, other, of) in operations().filter(|(_, other, _)| *other != name) {
                        for target in [
                            Target::Operation(other.to_string()),
                            Target::McpTool(of.function.clone()),
                        ] {
                            let mut request = ask::erp("elsewhere", groups, other.as_str(), "");
                            let attempt = request.attempt.as_mut().expect("an attempt");
                            attempt.input.clone_from(&input);
                            attempt.tool = tool.to_string();
                            attempt.target = Some(target);
                            let (mut raw, turn) = (raw.clone(), Arc::clone(&turns));
                            let who = format!("{name} at {tool}/{other}");
                            asked.spawn(async move {
                                let _turn = turn.acquire().await;
                                (who, raw.decide(request).await)
                            });
                        }
                    }
                }
            }
        }
    }
    let answers = asked.join_all().await;
    for (who, answer) in &answers {
        assert!(answer.is_ok(), "{who}: {answer:?}");
        heard.add(format!("the answer about {who}"), format!("{answer:?}"));
    }
    answers.len()
}

/// What the client leaves of a result with a canary behind every mask; how many masks there were.
async fn results(
    client: &Client,
    heard: &mut Heard,
    operation: &Operation,
    request: DecideRequest,
) -> usize {
    let Verdict::Permit(permit) = client.decide(request, PATIENCE).await else {
        return 0;
    };
    for leaf in [
        json!(CANARY),
        json!(NUMBER),
        json!({"x": CANARY}),
        json!([CANARY]),
    ] {
        let mut result = json!({});
        for mask in &operation.result_mask {
            place(&mut result, &mask.steps().collect::<Vec<_>>(), &leaf);
        }
        match permit.apply(&mut result) {
            Ok(()) => heard.add("a result", result.to_string()),
            Err(error) => heard.add("a result that is not shown", format!("{error} {error:?}")),
        }
    }
    operation.result_mask.len()
}

/// What the command line says of the same input; once for each field, because each is a process.
fn command_line(
    stage: &Stage,
    heard: &mut Heard,
    tool: &str,
    operation: &str,
    input: &[u8],
    field: usize,
) {
    let file = stage.path(&format!("input-{field}.json"));
    if file.exists() {
        return;
    }
    std::fs::write(&file, input).expect("written");
    for format in ["text", "json"] {
        let policies = stage.policies();
        let explained = stage.stopgate([
            "explain",
            policies.to_str().expect("UTF-8"),
            "--tool",
            tool,
            "--operation",
            operation,
            "--profile",
            "support-analyst",
            "--input",
            &format!("@{}", file.display()),
            "--format",
            format,
        ]);
        let explained = explained.expect("stopgate");
        assert!(explained.status.success(), "{}", said(&explained));
        heard.add(format!("explain {operation}"), said(&explained));
    }
}
