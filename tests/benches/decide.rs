//! What a decision costs: `cargo bench -p stopgate-tests --bench decide`. The method is in `docs/benchmarks.md`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use stopgate_lang::attempt::Input;
use stopgate_lang::bundle::{Bundle, TrustRoot};
use stopgate_lang::decide::decide;
use stopgate_tests::bulk;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for size in SIZES {
        let bundle = open(size);
        let (attempt, situation) = (bulk::attempt(1), bulk::situation());
        group.bench_function(BenchmarkId::new("one profile", size), |bencher| {
            bencher.iter(|| decide(black_box(&bundle), black_box(&attempt), &situation));
        });
        percentiles(size, || {
            let _ = black_box(decide(black_box(&bundle), black_box(&attempt), &situation));
        });
        if size == 10_000 {
            let three = bulk::attempt(3);
            group.bench_function(BenchmarkId::new("three profiles", size), |bencher| {
                bencher.iter(|| decide(&bundle, black_box(&three), &situation));
            });
            group.bench_function("parse the input", |bencher| {
                bencher.iter(|| Input::parse(black_box(bulk::INPUT)))
            });
            group.bench_function(BenchmarkId::new("from text", size), |bencher| {
                bencher.iter(|| {
                    let attempt = stopgate_lang::attempt::Attempt {
                        input: Input::parse(black_box(bulk::INPUT)),
                        ..attempt.clone()
                    };
                    decide(&bundle, &attempt, &situation)
                });
            });
            let (root, bytes) = rehearsed(size);
            let whole = Bundle::open_without_index(&bytes, &root).expect("a bundle");
            group.sample_size(10);
            group.bench_function(BenchmarkId::new("without the index", size), |bencher| {
                bencher.iter(|| decide(&whole, black_box(&attempt), &situation));
            });
            group.sample_size(100);
        }
    }
    group.finish();
}

/// A bundle of `size` rules and the root that it is signed for.
fn rehearsed(size: usize) -> (TrustRoot, Vec<u8>) {
    stopgate::build::rehearsal(&bulk::policy(size)).expect("a bundle")
}

/// Opens a bundle of `size` rules, as the sidecar does, and prints how long that took.
fn open(size: usize) -> Bundle {
    let (root, bytes) = rehearsed(size);
    let before = resident();
    let start = Instant::now();
    let bundle = Bundle::open(&bytes, &root).expect("a bundle");
    let took = start.elapsed();
    let grown = resident().saturating_sub(before) / 1024;
    println!(
        "open {size} rules: {took:?}, file {} KiB, resident memory +{grown} MiB",
        bytes.len() / 1024
    );
    bundle
}

/// Resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Percentiles of single calls, which criterion does not give.
fn percentiles(size: usize, mut call: impl FnMut()) {
    let mut times: Vec<Duration> = (0..20_000)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed()
        })
        .collect();
    times.sort();
    let at = |share: usize| {
        times
            .get(times.len() * share / 1000)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "decide/{size} rules, single calls: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    );
}

criterion_group!(benches, sizes);
criterion_main!(benches);
