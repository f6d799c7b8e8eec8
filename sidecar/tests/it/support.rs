//! A signed bundle, a folder for a sidecar, and the sidecar itself as the real process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use stopgate_author::compile::{Sources, compile};
use stopgate_client::{Client, Verdict, wire};
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};

/// Longest time that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ISSUER: &str = "https://sso.acme.example/";

pub(crate) struct Key {
    pair: Ed25519KeyPair,
    id: &'static str,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        Self {
            pair: Ed25519KeyPair::generate().expect("a key"),
            id,
        }
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature {
            key: self.id.to_owned(),
            bytes: self.pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A trust root in which this key does everything, until `expires`.
    pub(crate) fn root(&self, expires: &str) -> Vec<u8> {
        let role = serde_json::json!({"keys": [self.id], "threshold": 1});
        let public = BASE64.encode(self.pair.public_key().as_ref());
        let statement = serde_json::json!({
            "stopgate_root": 1, "version": 1, "expires": expires,
            "keys": {self.id: {"type": "ed25519", "public": public, "owner": "tests"}},
            "roles": {"root": role, "publisher": role},
        });
        let payload = statement.to_string().into_bytes();
        let signatures = vec![self.sign(&dsse::signed_bytes(dsse::ROOT, &payload))];
        Envelope {
            payload_type: dsse::ROOT.to_owned(),
            payload,
            signatures,
        }
        .to_bytes()
    }
}

/// How old the small policy may be.
pub(crate) const FRESHNESS: &str = "freshness: {soft: 15m, hard: 24h}\n";

/// The files of a small policy, to be changed before they are compiled.
pub(crate) struct Policy(BTreeMap<String, String>);

impl Policy {
    pub(crate) fn base() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-lang/author/tests/base");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path
                        .strip_prefix(&root)
                        .expect("inside")
                        .to_str()
                        .expect("UTF-8")
                        .to_owned();
                    files.insert(name, fs::read_to_string(&path).expect("text"));
                }
            }
        }
        // Nobody signs timestamps here, and a policy that asks for them lets nothing pass without.
        Self(files).with("stopgate.yaml", FRESHNESS, "")
    }

    pub(crate) fn with(mut self, file: &str, from: &str, to: &str) -> Self {
        let text = self.0.get_mut(file).expect("a file of the policy");
        assert!(text.contains(from), "{file} holds {from}");
        *text = text.replace(from, to);
        self
    }

    /// Without the channel that [`Place::config`] follows.
    pub(crate) fn for_another_channel(self) -> Self {
        self.with("stopgate.yaml", "dev:", "test:").with(
            "tests/erp.yaml",
            "channel: dev",
            "channel: test",
        )
    }

    pub(crate) fn build(self, key: &Key) -> Vec<u8> {
        let files = self
            .0
            .into_iter()
            .map(|(name, text)| (name, text.into_bytes()));
        let compiled = compile(Sources::new(files));
        let policy = compiled
            .policy
            .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let unsigned = stopgate_author::assemble::assemble(&policy).expect("a bundle");
        let signature = key.sign(&unsigned.signed_bytes());
        unsigned.finish(vec![signature]).expect("a file")
    }
}

/// The folder of one sidecar.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) key: Key,
}

impl Place {
    /// With a trust root and the base policy.
    pub(crate) fn new() -> Self {
        // Whatever the user's own is: a file that a group may write is nobody's to trust.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let place = Self {
            dir: tempfile::tempdir().expect("a folder"),
            key: Key::new("k1"),
        };
        fs::write(
            place.path("root.dsse.json"),
            place.key.root("2999-01-01T00:00:00Z"),
        )
        .expect("a root");
        place.publish(&Policy::base().build(&place.key));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts `bundle` in place by renaming, as publishers do.
    pub(crate) fn publish(&self, bundle: &[u8]) {
        fs::write(self.path("next"), bundle).expect("a bundle");
        fs::rename(self.path("next"), self.path("prod.stopgate")).expect("a bundle");
    }

    /// A configuration in which this process may do everything.
    pub(crate) fn config(&self) -> String {
        let dir = self.dir.path().display();
        let uid = rustix::process::getuid().as_raw();
        format!(
            r#"
channel = "dev"
state_dir = "{dir}/state"
[listen]
socket = "{dir}/sidecar.sock"
metrics = "127.0.0.1:0"
[policy]
source = "file:{dir}/prod.stopgate"
root = "{dir}/root.dsse.json"
poll = "50ms"
[log]
format = "json"
level = "debug"
[[callers]]
uid = {uid}
agent = "orchestrator"
tools = ["erp", "ghost"]
may = ["decide", "assert_subject", "assert_agent"]
enforces = ["mask", "max_rows"]
"#
        )
    }

    /// The same, for a caller that can only hand on what users' tokens say, and with the keys of [`ISSUER`] in
    /// `jwks.json`.
    pub(crate) fn config_for_tokens(&self) -> String {
        let keys = self.path("jwks.json");
        let may = r#"may = ["decide", "assert_subject", "assert_agent"]"#;
        let config = self.config().replace(may, r#"may = ["decide"]"#);
        format!(
            "{config}[identity.\"{ISSUER}\"]\njwks = \"{}\"\n",
            keys.display()
        )
    }

    pub(crate) fn spawn(&self, config: &str) -> Child {
        fs::write(self.path("sidecar.toml"), config).expect("a configuration");
        Command::new(env!("CARGO_BIN_EXE_stopgate-sidecar"))
            .args(["--config".as_ref(), self.path("sidecar.toml").as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process")
    }

    pub(crate) fn start(&self) -> Running {
        self.start_with(&self.config())
    }

    /// Starts a sidecar and waits until it serves, ready or not.
    pub(crate) fn start_with(&self, config: &str) -> Running {
        let running = self.watch(self.spawn(config));
        eventually("it serves", || running.event("serving").is_some());
        running
    }

    /// A sidecar that was started, and everything it says.
    pub(crate) fn watch(&self, mut child: Child) -> Running {
        let events = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let written = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                written.lock().expect("a lock").push(line);
            }
        });
        Running {
            child,
            events,
            socket: self.path("sidecar.sock"),
            state: self.path("state"),
        }
    }
}

/// A sidecar that serves. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    events: Arc<Mutex<Vec<String>>>,
    pub(crate) socket: PathBuf,
    state: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Running {
    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has written to standard error.
    pub(crate) fn events(&self) -> String {
        self.events.lock().expect("a lock").join("\n")
    }

    /// The fields of the first event with this message.
    pub(crate) fn event(&self, message: &str) -> Option<Value> {
        let events = self.events.lock().expect("a lock");
        let mut events = events
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events
            .find(|event| event["fields"]["message"] == message)
            .map(|event| event["fields"].clone())
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.socket).await.expect("a connection")
    }

    pub(crate) fn channel(&self) -> tonic::transport::Endpoint {
        tonic::transport::Endpoint::from_shared(format!("unix:{}", self.socket.display()))
            .expect("an address")
    }

    /// Status and body of a probe.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.probe(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
    }

    pub(crate) fn probe(&self, request: &str) -> (u16, String) {
        let probes = self.event("serving").expect("an event")["probes"]
            .as_str()
            .expect("an address")
            .to_owned();
        let mut stream = TcpStream::connect(probes.parse::<SocketAddr>().expect("an address"))
            .expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        (status, body.to_owned())
    }

    /// One value of `/metrics`; 0 if the series is not there.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let (_, page) = self.get("/metrics");
        let value = page
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.state)
    }

    pub(crate) fn terminate(&self) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a signal");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

/// A `command` with mounts of its own, which `script` makes; nothing where nobody can mount. Only root can.
pub(crate) fn mounted(script: &str, command: &[&str]) -> Option<Command> {
    let script = format!("{script} && exec \"$@\"");
    let made = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "sh", "-c", &script, "sh"])
            .args(command);
        unshare.stdin(Stdio::null()).stdout(Stdio::null());
        unshare
    };
    let can_mount = made(&["true"]).stderr(Stdio::null()).status();
    can_mount.is_ok_and(|status| status.success()).then(|| {
        let mut command = made(command);
        command.stderr(Stdio::piped());
        command
    })
}

/// Every line of the log in `state`, in order.
pub(crate) fn records(state: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(state.join("log"))
        .expect("a log")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| fs::read_to_string(file).expect("text"))
        .collect();
    // The last line may be under way.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the process ends", || {
        status = child.try_wait().expect("a status");
        status.is_some()
    });
    status.expect("a status")
}

/// Waits until `holds`, or fails.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A request of a support analyst.
pub(crate) fn request(operation: &str, input: &str) -> wire::DecideRequest {
    let subject = wire::AssertedSubject {
        id: "00u1ab".into(),
        issuer: ISSUER.into(),
        groups: vec!["sg-support".into(), "sg-unmapped".into()],
    };
    wire::DecideRequest {
        request_id: "5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f30".into(),
        attempt: Some(wire::Attempt {
            agent: String::new(),
            tool: "erp".into(),
            input: input.as_bytes().to_vec(),
            tool_definition_digest: vec![],
            subject: Some(wire::attempt::Subject::AssertedSubject(subject)),
            target: Some(wire::attempt::Target::Operation(operation.into())),
        }),
    }
}

/// The same with its attempt changed.
pub(crate) fn request_with(change: impl FnOnce(&mut wire::Attempt)) -> wire::DecideRequest {
    let mut request = get_order();
    change(request.attempt.as_mut().expect("an attempt"));
    request
}

pub(crate) fn get_order() -> wire::DecideRequest {
    request("get_order", r#"{"order_id":"A-1001"}"#)
}

pub(crate) fn refund(amount: u32, currency: &str) -> wire::DecideRequest {
    let input = format!(
        r#"{{"order_id":"A-1001","amount_cents":{amount},"currency":"{currency}","bank_account":"PT50"}}"#
    );
    request("create_refund", &input)
}

/// A verdict in a word: `permit`, `route …`, a reason, or why there is none.
pub(crate) fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permit(_) => "permit".to_owned(),
        Verdict::Route(route) => {
            let needs: Vec<_> = route.needs().iter().map(ToString::to_string).collect();
            format!("route {}", needs.join(" "))
        }
        Verdict::No(stopgate_client::No::Rejected { reason, .. }) => reason
            .as_str_name()
            .trim_start_matches("REJECT_REASON_")
            .to_lowercase(),
        Verdict::No(stopgate_client::No::Status { code, .. }) => format!("{code:?}"),
        Verdict::No(no) => no.to_string(),
    }
}

pub(crate) async fn ask(client: &Client, request: wire::DecideRequest) -> String {
    word(&client.decide(request, PATIENCE).await)
}
