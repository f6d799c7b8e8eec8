//! Policies of 10,000 rules that are swapped while callers ask: what a decision takes, whether an answer mixes two of
//! them, and how much memory the swaps take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopgate_author::policy::Policy;
use stopgate_decide::attempt::Target;
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::digest::Digest;
use stopgate_decide::surface::Enforces;
use stopgate_sidecar::audit::{AuditLog, Options};
use stopgate_sidecar::config::{Caller, May};
use stopgate_sidecar::enforce::{
    AssertedSubject, Enforcer, Label, NamedSubject, Request, RequestId,
};
use stopgate_sidecar::follow::{Active, Supply};
use stopgate_sidecar::identity::Identity;
use stopgate_sidecar::metrics::Metrics;
use stopgate_sidecar::readiness::State;
use stopgate_tests::bulk;
use tokio::sync::watch;

const RULES: usize = 10_000;
const CALLERS: usize = 64;
const MEASURED: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(100);

/// Behind the ids of the rules of every other policy.
const OTHER: &str = "-b";

fn request() -> Request {
    let groups = vec!["g-p0".to_owned()];
    let subject = AssertedSubject::new("https://sso.example/".to_owned(), "u".to_owned(), groups);
    Request {
        id: RequestId::new("bench".to_owned()).expect("an id"),
        trace: None,
        subject: Some(NamedSubject::Asserted(subject.expect("a subject"))),
        agent: None,
        tool: Label::new("erp".to_owned()).expect("a name"),
        target: Some(Target::Operation("o0".to_owned())),
        input: bulk::INPUT.to_vec(),
        definition: None,
    }
}

/// Returns the same policy with other ids.
fn renamed(mut policy: Policy) -> Policy {
    for rule in &mut policy.rules {
        rule.id = format!("{}{OTHER}", rule.id).parse().expect("an id");
    }
    policy.rules.sort_by(|a, b| a.id.cmp(&b.id));
    policy
}

fn active(bundle: Arc<Bundle>) -> Supply {
    Supply {
        active: Some(Active {
            bundle,
            release: None,
            since: Timestamp::now(),
        }),
        ..Supply::default()
    }
}

/// Asks without a pause until `ends`, and returns what each answer took.
async fn ask(
    enforcer: Arc<Enforcer>,
    ends: Arc<AtomicBool>,
    [one, other]: [Digest; 2],
) -> Vec<Duration> {
    let caller = Caller {
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
    };
    let mut times = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = enforcer.decide(&caller, request()).await;
        times.push(began.elapsed());
        let answer = answer.expect("a decision");
        let rules = answer.decision.rules();
        assert!(!rules.is_empty(), "somebody was not known");
        let is_other = rules
            .iter()
            .all(|rule| rule.id.to_string().ends_with(OTHER));
        let is_one = !rules
            .iter()
            .any(|rule| rule.id.to_string().ends_with(OTHER));
        let named = answer.bundle;
        assert!(
            (named == one && is_one) || (named == other && is_other),
            "an answer of {named} mixes two policies"
        );
        tokio::task::yield_now().await;
    }
    times
}

pub(crate) fn measure() {
    let made = |policy: Policy| stopgate::build::rehearsal(&policy).expect("a bundle");
    let files = [
        made(bulk::policy(RULES)),
        made(renamed(bulk::policy(RULES))),
    ];
    let open = |(root, bytes): &(TrustRoot, Vec<u8>)| Bundle::open(bytes, root).expect("a bundle");
    // The first leaves behind what is kept for ever, so the second says what a bundle takes.
    let first = Arc::new(open(&files[0]));
    let before = resident();
    let second = Arc::new(open(&files[1]));
    let one_bundle = resident().saturating_sub(before);
    let digests = [first.digest(), second.digest()];

    let (supply, supplied) = watch::channel(active(Arc::clone(&first)));
    let (_draining, told) = watch::channel(false);
    let audit = AuditLog::discarding(Options::new("bench")).expect("a log");
    let state = State {
        supply: supplied,
        log: audit.health(),
        draining: told,
    };
    let metrics = Arc::new(Metrics::default());
    let (identity, _keys) = Identity::new(&BTreeMap::new(), Duration::MAX, &metrics);
    let enforcer = Enforcer::new(
        "bench".to_owned(),
        "dev".parse().expect("a channel"),
        state,
        audit,
        Arc::new(identity),
        metrics,
        watch::channel(Arc::from([])).1,
    );
    let enforcer = Arc::new(enforcer.expect("an enforcer"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let load = |during: &mut dyn FnMut(&AtomicBool)| {
        let ends = Arc::new(AtomicBool::new(false));
        let asked: Vec<_> = (0..CALLERS)
            .map(|_| runtime.spawn(ask(Arc::clone(&enforcer), Arc::clone(&ends), digests)))
            .collect();
        during(&ends);
        ends.store(true, Ordering::Relaxed);
        let times = asked
            .into_iter()
            .flat_map(|asked| runtime.block_on(asked).expect("it goes on"));
        let mut times: Vec<_> = times.collect();
        (times.len(), super::percentile(&mut times, 990))
    };
    let rest = |ends: &AtomicBool, mut each: Box<dyn FnMut() + '_>| {
        let until = Instant::now() + MEASURED;
        while Instant::now() < until && !ends.load(Ordering::Relaxed) {
            each();
        }
    };
    // Each is measured twice, in turn, and the second time counts: the first one warms up.
    for is_told in [false, true] {
        let steady = load(&mut |ends| rest(ends, Box::new(|| thread::sleep(BETWEEN))));
        let (mut at, mut swaps) = (0_usize, 0_u64);
        let swapped = load(&mut |ends| {
            rest(
                ends,
                Box::new(|| {
                    at = 1 - at;
                    let next = if at == 0 { &first } else { &second };
                    supply.send_replace(active(Arc::clone(next)));
                    swaps += 1;
                    thread::sleep(BETWEEN);
                }),
            );
        });
        // As a follower does it: each is opened from its file before it is swapped in, one after the other.
        let peak = Arc::new(AtomicU64::new(0));
        let base = resident().saturating_sub(one_bundle.saturating_mul(2));
        let mut opened_swaps = 0_u64;
        let opened = load(&mut |ends| {
            rest(
                ends,
                Box::new(|| {
                    at = 1 - at;
                    let next = files.get(at).map(open).expect("two");
                    peak.fetch_max(resident(), Ordering::Relaxed);
                    supply.send_replace(active(Arc::new(next)));
                    opened_swaps += 1;
                }),
            );
        });
        if !is_told {
            continue;
        }
        let bundles = |kib: u64| {
            #[expect(clippy::cast_precision_loss, reason = "some thousand")]
            let ratio = kib as f64 / one_bundle.max(1) as f64;
            ratio
        };
        println!(
            "swap {RULES} rules under {CALLERS} callers: p99 {:?} steady ({} answers), {:?} with a swap each {BETWEEN:?} \
             ({swaps} swaps): {:.2} times; {:?} while each is opened first ({opened_swaps} swaps): {:.2} times; no answer \
             mixed two",
            steady.1,
            steady.0,
            swapped.1,
            super::ratio(swapped.1, steady.1),
            opened.1,
            super::ratio(opened.1, steady.1),
        );
        println!(
            "memory while they are opened and swapped: {:.2} bundles beside the two that this program keeps ({one_bundle} KiB each)",
            bundles(peak.load(Ordering::Relaxed).saturating_sub(base)) - 2.0
        );
    }
}

/// Returns the resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
