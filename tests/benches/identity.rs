//! What it costs to know the subject: `cargo bench -p stopgate-tests --bench identity`. One whole decision of the
//! sidecar, from the request to its record in a log that is thrown away, with the subject on the caller's word, by a
//! token that was verified a moment ago, and by one that was not, turn by turn in one run. `docs/benchmarks.md` says
//! how to read it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::attempt::Target;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::surface::Enforces;
use stopgate_sidecar::audit::{AuditLog, Options};
use stopgate_sidecar::config::{Caller, ClockSkew, IssuerConfig, May};
use stopgate_sidecar::enforce::{
    AssertedSubject, Enforcer, Label, NamedSubject, Request, RequestId,
};
use stopgate_sidecar::follow::{Active, Supply};
use stopgate_sidecar::identity::{Identity, SubjectToken};
use stopgate_sidecar::metrics::Metrics;
use stopgate_sidecar::readiness::State;
use stopgate_tests::bulk;
use tokio::sync::watch;

const RULES: usize = 10_000;
const ISSUER: &str = "https://sso.example/";

/// Rounds that are measured; fewer than the sidecar remembers tokens.
const ROUNDS: usize = 4_000;
const WARM_UP: usize = 50;

/// Signs with a key of its own.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref());
        Self(key.expect("a key"))
    }

    fn jwks(&self) -> String {
        let point = self.0.public_key().as_ref();
        let half = |range| BASE64.encode(point.get(range).expect("half of a point"));
        let key =
            json!({"kty": "EC", "crv": "P-256", "kid": "k1", "x": half(1..33), "y": half(33..65)});
        json!({"keys": [key]}).to_string()
    }

    /// A token of a usual size: a dozen groups, of which one counts.
    fn token(&self, number: usize) -> String {
        let now = Timestamp::now().as_second();
        let groups: Vec<_> = (0..12).map(|at| format!("everybody-{at}")).collect();
        let groups = [groups, vec!["g-p0".to_owned()]].concat();
        let claims = json!({
            "iss": ISSUER, "aud": "stopgate", "sub": "00u1ab", "groups": groups, "jti": number.to_string(),
            "iat": now, "exp": now + 3600,
        });
        let header = json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"});
        let signed = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        format!(
            "{signed}.{}",
            BASE64.encode(signature.expect("a signature"))
        )
    }
}

fn request(subject: NamedSubject) -> Request {
    Request {
        id: RequestId::new("bench".to_owned()).expect("an id"),
        trace: None,
        subject: Some(subject),
        agent: None,
        tool: Label::new("erp".to_owned()).expect("a name"),
        target: Some(Target::Operation("o0".to_owned())),
        input: bulk::INPUT.to_vec(),
        definition: None,
    }
}

fn asserted() -> NamedSubject {
    let groups = vec!["g-p0".to_owned()];
    let subject = AssertedSubject::new(ISSUER.to_owned(), "00u1ab".to_owned(), groups);
    NamedSubject::Asserted(subject.expect("a subject"))
}

fn caller() -> Caller {
    Caller {
        uid: 0,
        agent: "orchestrator".to_owned(),
        tools: ["erp".parse().expect("a name")].into(),
        may: May {
            decide: true,
            assert_subject: true,
            assert_agent: false,
        },
        enforces: Enforces::ALL,
        record_bytes_per_second: None,
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    let issuer = Issuer::new();
    let folder = tempfile::tempdir().expect("a folder");
    let jwks = folder.path().join("jwks.json");
    fs::write(&jwks, issuer.jwks()).expect("a key set");
    let config = IssuerConfig {
        jwks,
        clock_skew: ClockSkew::DEFAULT,
    };
    let metrics = Arc::new(Metrics::default());
    let (identity, mut keys) = Identity::new(
        &BTreeMap::from([(ISSUER.to_owned(), config)]),
        Duration::MAX,
        &metrics,
    );
    // Without a look at the keys no token could be verified.
    keys.look().await;

    let (root, bytes) = stopgate::build::rehearsal(&bulk::policy(RULES)).expect("a bundle");
    let active = Active {
        bundle: Arc::new(Bundle::open(&bytes, &root).expect("a bundle")),
        release: None,
        since: Timestamp::now(),
    };
    // Senders are kept: a channel without one is closed.
    let (_supply, supplied) = watch::channel(Supply {
        active: Some(active),
        ..Supply::default()
    });
    let (_draining, told) = watch::channel(false);
    let audit = AuditLog::discarding(Options::new("bench")).expect("a log");
    let state = State {
        supply: supplied,
        log: audit.health(),
        draining: told,
    };
    let enforcer = Enforcer::new(
        "bench".to_owned(),
        "dev".parse().expect("a channel"),
        state,
        audit,
        Arc::new(identity),
        metrics,
        tokio::sync::watch::channel(std::sync::Arc::from([])).1,
    );
    let (enforcer, caller) = (Arc::new(enforcer.expect("an enforcer")), caller());

    let rounds = ROUNDS.saturating_add(WARM_UP);
    // Made before anything is measured: only verifying them is work of the sidecar.
    let tokens: Vec<String> = (0..rounds).map(|number| issuer.token(number)).collect();
    let known = issuer.token(rounds);
    let mut times: [Vec<Duration>; 3] = Default::default();
    // All three in each round, so that noise hits them alike.
    for (round, fresh) in tokens.into_iter().enumerate() {
        let subjects = [
            asserted(),
            NamedSubject::Token(SubjectToken::new(known.clone())),
            NamedSubject::Token(SubjectToken::new(fresh)),
        ];
        for (subject, times) in subjects.into_iter().zip(&mut times) {
            let request = request(subject);
            let start = Instant::now();
            let answer = enforcer.decide(&caller, request).await;
            let took = start.elapsed();
            let rules = answer.expect("a decision").decision.rules().len();
            // An attempt of somebody unknown is refused before any rule is asked, and is quicker.
            assert!(rules > 0, "somebody was not known");
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    println!("one decision, {RULES} rules, {ROUNDS} rounds, no disk");
    for (name, mut times) in ["asserted subject", "cached token", "fresh ES256 token"]
        .into_iter()
        .zip(times)
    {
        times.sort();
        let at = |share: usize| times.get(times.len() * share / 1000).copied();
        let [p50, p99, p999] = [500, 990, 999].map(|share| at(share).unwrap_or_default());
        println!("{name:<18} p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}");
    }
}
