//! The artefacts of a release, written as its own programs write them: a built bundle, the log of a sidecar that was
//! asked over its socket, and what `decide` answers to the same attempts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use std::{fmt, fs};

use jiff::Timestamp;
use serde_json::{Value, json};
use stopgate::key::SigningKey;
use stopgate_client::Client;
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::decide::{LimitNow, LimitedBy, Outcome, Situation, StopsInForce, decide};
use stopgate_decide::surface::{Enforces, Evidence};
use stopgate_sidecar::config::{Config, Overrides};
use stopgate_sidecar::run::Sidecar;
use stopgate_tests::ask;
use tokio::sync::oneshot;

pub(crate) const BUNDLE: &str = "policy.stopgate";
pub(crate) const ROOT: &str = "root.dsse.json";
pub(crate) const LOG: &str = "log";

/// A small repository that changes with the language only, so that each release writes what it can.
const REPOSITORY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../policy-lang/author/tests/base"
);

/// Id, groups, operation, input: one of each kind of answer, and what records keep of each kind of input.
const ATTEMPTS: [(&str, &[&str], &str, &str); 9] = [
    (
        "read",
        &["sg-support"],
        "get_order",
        r#"{"order_id": "A-1001"}"#,
    ),
    (
        "small",
        &["sg-support"],
        "create_refund",
        r#"{"order_id": "A-1001", "amount_cents": 50000, "currency": "EUR"}"#,
    ),
    (
        "masked",
        &["sg-support", "sg-finance"],
        "create_refund",
        r#"{"order_id": "A-1001", "amount_cents": 1, "currency": "GBP", "bank_account": "GB33BUKB20201555555555"}"#,
    ),
    (
        "forbidden",
        &["sg-finance"],
        "create_refund",
        r#"{"order_id": "A-1001", "amount_cents": 100000001, "currency": "EUR"}"#,
    ),
    (
        "no-rule",
        &["sg-finance"],
        "update_note",
        r#"{"order_id": "A-1001", "note": "n"}"#,
    ),
    (
        "nobody",
        &["sg-none"],
        "get_order",
        r#"{"order_id": "A-1001"}"#,
    ),
    ("unknown", &["sg-support"], "drop_orders", "{}"),
    (
        "twice",
        &["sg-support"],
        "get_order",
        r#"{"order_id": "A-1001", "order_id": "A-1002"}"#,
    ),
    (
        "misfit",
        &["sg-support"],
        "create_refund",
        r#"{"order_id": "A-1001", "amount_cents": "50"}"#,
    ),
];

/// A Tuesday at ten.
pub(crate) fn now() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().expect("a time")
}

/// What `decide` says to every attempt, one JSON object a line behind a line that names the format.
pub(crate) struct Answers(Vec<Value>);

impl Answers {
    pub(crate) const FILE: &str = "answers.jsonl";

    pub(crate) fn of(bundle: &Bundle) -> Self {
        let answers = ATTEMPTS
            .into_iter()
            .flat_map(|(id, groups, operation, input)| {
                [Evidence::NONE, Evidence::ALL].map(|evidence| {
                    let attempt = Attempt {
                        subject: Subject {
                            issuer: ask::ISSUER.to_owned(),
                            id: "00u1ab".to_owned(),
                        },
                        profiles: bundle.profiles_of_groups(groups.iter().copied()),
                        agent: "orchestrator".to_owned(),
                        tool: "erp".to_owned(),
                        target: Target::Operation(operation.to_owned()),
                        input: Input::parse(input.as_bytes()),
                        definition: None,
                    };
                    let situation = Situation {
                        now: now(),
                        limit: LimitNow {
                            class: bundle.ceiling("dev", "erp"),
                            by: LimitedBy::Ceiling,
                        },
                        stops: StopsInForce::default(),
                        evidence,
                        enforces: Enforces::ALL,
                    };
                    let decision = decide(bundle, &attempt, &situation);
                    let answer = match decision.outcome() {
                        Outcome::Permit(_) => "permit".to_owned(),
                        Outcome::Route(needs) => {
                            let needs: Vec<String> =
                                needs.iter().map(ToString::to_string).collect();
                            format!("route {}", needs.join(" "))
                        }
                        Outcome::Reject(rejection) => format!("reject {}", rejection.reason),
                    };
                    let rules: Vec<String> = decision
                        .rules()
                        .iter()
                        .map(|rule| rule.id.to_string())
                        .collect();
                    let evidence = if evidence == Evidence::NONE {
                        "none"
                    } else {
                        "all"
                    };
                    json!({"attempt": id, "evidence": evidence, "answer": answer, "rules": rules})
                })
            });
        Self(answers.collect())
    }

    /// Ids of the attempts, in the order in which a sidecar was asked.
    pub(crate) fn attempts() -> impl Iterator<Item = &'static str> {
        ATTEMPTS.into_iter().map(|(id, ..)| id)
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", json!({"stopgate_answers": 1}))?;
        self.0.iter().try_for_each(|answer| writeln!(f, "{answer}"))
    }
}

/// Writes everything into `folder`, which is made.
pub(crate) fn write(folder: &Path) {
    let compiled = stopgate::check::check(Path::new(REPOSITORY)).expect("the repository");
    let mut policy = compiled.policy.expect("a good repository");
    // The sidecar is asked once and has no timestamps, without which a policy that states this lets nothing pass.
    policy.freshness = None;
    // Forgotten with this process: nobody can ever sign something else for this root.
    let key = SigningKey::generate().expect("a key");
    let root =
        stopgate::root::first(&key, "compat", &BTreeMap::new(), Timestamp::MAX).expect("a root");
    let built = stopgate::build::build(&policy, &[key]).expect("a bundle");
    fs::create_dir_all(folder.join(LOG)).expect("a folder");
    fs::write(folder.join(ROOT), root).expect("written");
    fs::write(folder.join(BUNDLE), built.bytes).expect("written");
    ask_a_sidecar(folder);

    let root = fs::read(folder.join(ROOT)).expect("a root");
    let root = TrustRoot::open(&root, now()).expect("a root");
    let bundle =
        Bundle::open(&fs::read(folder.join(BUNDLE)).expect("a bundle"), &root).expect("a bundle");
    fs::write(folder.join(Answers::FILE), Answers::of(&bundle).to_string()).expect("written");
}

/// Asks every attempt once and keeps the log.
fn ask_a_sidecar(folder: &Path) {
    let stage = tempfile::tempdir().expect("a folder");
    let (place, policy) = (stage.path().display(), folder.display());
    let uid = rustix::process::getuid().as_raw();
    let text = format!(
        r#"name = "compat"
channel = "dev"
state_dir = "{place}/state"
listen = {{socket = "{place}/sidecar.sock", metrics = "127.0.0.1:0"}}
policy = {{source = "file:{policy}/{BUNDLE}", root = "{policy}/{ROOT}"}}
[[callers]]
uid = {uid}
agent = "orchestrator"
tools = ["erp"]
may = ["decide", "assert_subject"]
enforces = ["mask", "max_rows"]
"#
    );
    let config = Config::parse("compat", &text, &Overrides::default()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(async {
        let sidecar = Sidecar::start(config).await.expect("a sidecar");
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(sidecar.run(async { drop(stopped.await) }));
        let client = Client::connect(&stage.path().join("sidecar.sock"))
            .await
            .expect("a connection");
        for (id, groups, operation, input) in ATTEMPTS {
            let request = ask::erp(id, groups, operation, input);
            let _answer = client.decide(request, Duration::from_secs(30)).await;
        }
        drop(stop);
        running.await.expect("no panic").expect("a good end");
    });
    for file in fs::read_dir(stage.path().join("state/log")).expect("a log") {
        let file = file.expect("a file");
        fs::copy(file.path(), folder.join(LOG).join(file.file_name())).expect("a copy");
    }
}
