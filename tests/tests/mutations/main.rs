//! Documents, bundles and inputs that somebody spoilt, by accident or on purpose: whatever comes in, what comes out
//! is a value or a mistake, in time. Spoiling knows the structure, because noise rarely gets past the first check.
//!
//! Workers are processes, so that an abort or a hang ends one of them and not the report. `STOPGATE_MUTATIONS` and
//! `STOPGATE_SEED` change how many there are and which; `STOPGATE_MUTATION=N` makes one alone again.

#![cfg(test)]

mod bundles;
mod corpus;
mod inputs;
mod repositories;
mod spoil;
mod worker;

use std::num::NonZero;
use std::time::{Duration, Instant};

use stopgate_tests::scale;
use stopgate_tests::sidecar::GLANCE;

use worker::{Share, Worker};

/// Longest time for one of them, on a machine that does much else. Each should take milliseconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// I10: nothing that is read can end or stop the reader.
#[test]
fn i10_t4_no_mutation_panics_aborts_or_hangs() {
    if let Some(share) = Share::given() {
        return share.work();
    }
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = u64::try_from(workers).expect("a small number");
    let count = scale::mutations().expect("a number");
    // Ranges of numbers, and a number gives its seed: a failure is made again however many workers there were.
    let mut running: Vec<Worker> = (0..workers)
        .map(|at| Worker::start(at * count / workers..(at + 1) * count / workers))
        .collect();
    let mut seen: Vec<(Option<u64>, Instant)> = vec![(None, Instant::now()); running.len()];
    while running.iter_mut().any(Worker::is_running) {
        for (worker, (last, since)) in running.iter_mut().zip(&mut seen) {
            let now = worker.at();
            // A worker is stuck if its number stays the same, not if its share takes long.
            if now != *last {
                (*last, *since) = (now, Instant::now());
            }
            if worker.is_running() && since.elapsed() > DEADLINE {
                worker.kill();
                panic!(
                    "mutation {now:?} took more than {DEADLINE:?}\n{}",
                    worker.said()
                );
            }
        }
        std::thread::sleep(GLANCE);
    }
    for worker in &mut running {
        assert!(
            worker.succeeded(),
            "mutation {:?}\n{}",
            worker.at(),
            worker.said()
        );
        print!("{}", worker.summary());
    }
}

/// T9: requests are made by the catalog's types, so a schema that says otherwise is no part of the bundle.
#[test]
fn t9_a_schema_of_other_types_is_refused_whoever_signed_it() {
    let bundles = bundles::Bundles::new(&corpus::Corpus::new());
    // Unchanged it opens, so whatever is refused below is refused for its schema.
    assert!(bundles.opens_with("schema.cedarschema", str::to_owned));
    for (from, to) in [
        ("Long", "String"),
        ("String", "Bool"),
        ("?:", ":"),
        (
            "entity User in [Profile];",
            "entity User enum [\"somebody\"];",
        ),
        // It means the same to Cedar. The texts are compared byte by byte, so that nothing depends on what a text
        // means.
        ("\n", "\n\n"),
    ] {
        assert!(
            !bundles.opens_with("schema.cedarschema", |schema| schema.replacen(from, to, 1)),
            "{from} is now {to}"
        );
    }
}

#[test]
fn a_limit_of_age_that_is_out_of_bounds_is_refused_whoever_signed_it() {
    let bundles = bundles::Bundles::new(&corpus::Corpus::new());
    let opens = |freshness: &str| {
        bundles.opens_with("policy.json", |policy| {
            let with = format!(r#""freshness":{freshness},"input_bytes""#);
            let changed = policy.replacen(r#""input_bytes""#, &with, 1);
            assert_ne!(changed, policy, "the part has a member to stand before");
            changed
        })
    };
    // Within its bounds it opens, so whatever is refused below is refused for its ages.
    for fine in [r#"{"soft":900,"hard":86400}"#, r#"{"soft":1,"hard":1}"#] {
        assert!(opens(fine), "{fine}");
    }
    for refused in [
        r#"{"soft":0,"hard":86400}"#,
        r#"{"soft":-900,"hard":86400}"#,
        r#"{"soft":900,"hard":899}"#,
        r#"{"soft":900}"#,
        r#"{"soft":900,"hard":86400,"more":1}"#,
        r#""15m""#,
    ] {
        assert!(!opens(refused), "{refused}");
    }
}
