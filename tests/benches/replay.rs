//! What a replay costs: `cargo bench -p stopgate-tests --bench replay`. The method is in `docs/benchmarks.md`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stopgate::replay::{Question, Replayed, ReplayedPolicy, replay};
use stopgate_author::policy::{Policy, RuleKind};
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{Outcome, decide};
use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    DecisionRecord, MaskKey, Record, RecordBody, RecordedAttempt, RecordedContext, RecordedInput,
    RecordedResult, Sent, Seq, Stamp, no_line_before,
};
use stopgate_tests::bulk;

const RECORDS: u64 = 200_000;
const RULES: usize = 1_000;
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = version(bulk::policy(RULES));
    let log = write(folder.path(), &base.bundle);
    let size = log.metadata().expect("a file").len() >> 20;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{RECORDS} records of {RULES} rules, {size} MiB; {processors} processors, best of {ROUNDS} rounds"
    );
    println!("| what | seconds | attempts a second | of processor time a second |");
    println!("|---|---|---|---|");
    row("unchanged, made under the base", &base, &base, &log);
    let mut later = bulk::policy(RULES);
    // A setting that decides nothing here, but makes another digest.
    later.input_bytes = 65_535;
    let later = version(later);
    row("unchanged, made under another bundle", &later, &later, &log);
    row("every slice changed", &base, &version(changed()), &log);
}

fn version(policy: Policy) -> ReplayedPolicy {
    let bundle = stopgate::build::rehearse(&policy).expect("a bundle");
    ReplayedPolicy { policy, bundle }
}

/// Every never says something else, so that no operation is known to be alike.
fn changed() -> Policy {
    let mut policy = bulk::policy(RULES);
    for rule in &mut policy.rules {
        if let RuleKind::Never(reason) = &mut rule.kind {
            reason.push('!');
        }
    }
    policy
}

fn row(what: &str, base: &ReplayedPolicy, head: &ReplayedPolicy, log: &Path) {
    let (took, used) = (0..ROUNDS)
        .map(|_| once(base, head, log))
        // The best of all rounds: whatever disturbs a round only makes it longer.
        .min()
        .expect("a round");
    let rate = |time: Duration| RECORDS as f64 / time.as_secs_f64();
    println!(
        "| {what} | {:.2} | {:.0} | {:.0} |",
        took.as_secs_f64(),
        rate(took),
        rate(used)
    );
}

fn once(base: &ReplayedPolicy, head: &ReplayedPolicy, log: &Path) -> (Duration, Duration) {
    let question = Question {
        base,
        head,
        channel: None,
        directory: None,
    };
    let (start, before) = (Instant::now(), processor_time());
    let found: Replayed = replay(question, &[log.to_owned()], |_| {}).expect("a replay");
    assert_eq!(found.seen.attempts, RECORDS);
    // No change of these cases makes another answer, so a flip would be a mistake of the replay.
    assert_eq!((found.seen.otherwise, found.flips.counts.total), (0, 0));
    (start.elapsed(), processor_time().saturating_sub(before))
}

/// Processor time of this process, all threads together.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Writes attempts on fifteen operations, each by holders of one profile, with amounts that meet different rules.
fn write(folder: &Path, bundle: &Bundle) -> PathBuf {
    let path = folder.join("00000000000000000001.jsonl");
    let mut file = BufWriter::new(std::fs::File::create(&path).expect("a file"));
    let (mut seq, mut prev) = (Seq::FIRST, no_line_before());
    for at in 0..RECORDS {
        let record = record(bundle, at);
        let stamp = Stamp {
            seq,
            time: record.context.now,
            prev,
        };
        let body = RecordBody::Decision(Box::new(record));
        let line = Record {
            version: stopgate_decide::record::RecordVersion::CURRENT,
            stamp,
            body,
        }
        .line();
        // Without the newline, as the chain is defined.
        prev = Digest::compute(line.trim_end().as_bytes());
        seq = seq.next().expect("a place");
        file.write_all(line.as_bytes()).expect("written");
    }
    file.flush().expect("written");
    path
}

fn record(bundle: &Bundle, at: u64) -> DecisionRecord {
    let operation = format!("o{}", at % 15);
    let cents = 1_000 * (1 + at % 120);
    let input = format!(r#"{{"order_id":"A-{at}","amount_cents":{cents},"currency":"EUR"}}"#);
    let situation = bulk::situation();
    let attempt = Attempt {
        subject: Subject {
            issuer: "https://sso.example/".to_owned(),
            id: format!("u{}", at % 500),
        },
        profiles: [format!("p{}", at % 15).parse().expect("a name")].into(),
        target: Target::Operation(operation.clone()),
        input: Input::parse(input.as_bytes()),
        ..bulk::attempt(1)
    };
    let decision = decide(bundle, &attempt, &situation);
    let seen = decision.seen();
    let masks = bundle.recorded_masks("erp", &operation, seen.input_fits);
    let sent = Sent {
        input: &attempt.input,
        text: input.as_bytes(),
        tool: "erp",
        operation: Some(&operation),
        masks,
        rejected: matches!(decision.outcome(), Outcome::Reject(_)),
    };
    DecisionRecord {
        decision: format!("decisions/{at:026}"),
        request_id: format!("5b0e9a3e-6f0a-4c8e-9f2b-{at:012}"),
        trace: None,
        sidecar: "erp-7f".to_owned(),
        bundle: bundle.digest(),
        attempt: RecordedAttempt {
            subject: Some(attempt.subject.clone()),
            profiles: attempt.profiles.clone(),
            agent: attempt.agent.clone(),
            tool: attempt.tool.clone(),
            operation: Some(operation.clone()),
            function: None,
            session: None,
            input: RecordedInput::new(&sent, &MaskKey::new(&[7; 32])),
            definition: seen.definition,
        },
        context: RecordedContext {
            facts: seen.facts.clone(),
            agent: attempt.agent.clone(),
            now: situation.now,
            business: seen.business,
        },
        evidence: situation.evidence,
        limit: situation.limit,
        enforces: situation.enforces,
        surface: decision.surface().cloned(),
        result: match decision.outcome() {
            Outcome::Permit(_) => RecordedResult::Permit,
            Outcome::Route(needs) => RecordedResult::Route(needs.clone()),
            Outcome::Reject(rejection) => RecordedResult::Reject(rejection.clone()),
        },
        rules: decision
            .rules()
            .iter()
            .map(|rule| rule.id.clone())
            .collect(),
        latency_us: 41,
    }
}
