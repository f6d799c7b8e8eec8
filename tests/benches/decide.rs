//! What a decision costs: `cargo bench -p stopgate-tests --bench decide`. The method is in `docs/benchmarks.md`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group};
use stopgate::key::SigningKey;
use stopgate_decide::attempt::Input;
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::decide::decide;
use stopgate_tests::bulk;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Set to a folder for a child of this program, which opens the bundle in it and prints what that took.
const FRESH: &str = "STOPGATE_BENCH_OPEN";

/// Fresh processes that open a bundle of one size, one after the other.
const OPENINGS: usize = 7;

fn main() {
    match std::env::var_os(FRESH) {
        Some(folder) => open_there(Path::new(&folder)),
        None => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}

fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for size in SIZES {
        // In processes of their own, before this one has opened anything.
        fresh(size);
        let (root, bytes) = rehearsed(size);
        let bundle = Bundle::open(&bytes, &root).expect("a bundle");
        let (attempt, situation) = (bulk::attempt(1), bulk::situation());
        group.bench_function(BenchmarkId::new("one profile", size), |bencher| {
            bencher.iter(|| decide(black_box(&bundle), black_box(&attempt), &situation));
        });
        // Once more without criterion, which gives means and no percentiles.
        percentiles(size, "one profile", || {
            let _ = black_box(decide(black_box(&bundle), black_box(&attempt), &situation));
        });
        // The size that the aims are for.
        if size == 10_000 {
            let three = bulk::attempt(3);
            percentiles(size, "three profiles", || {
                let _ = black_box(decide(black_box(&bundle), black_box(&three), &situation));
            });
            group.bench_function(BenchmarkId::new("three profiles", size), |bencher| {
                bencher.iter(|| decide(&bundle, black_box(&three), &situation));
            });
            group.bench_function("parse the input", |bencher| {
                bencher.iter(|| Input::parse(black_box(bulk::INPUT)))
            });
            group.bench_function(BenchmarkId::new("from text", size), |bencher| {
                bencher.iter(|| {
                    let attempt = stopgate_decide::attempt::Attempt {
                        input: Input::parse(black_box(bulk::INPUT)),
                        ..attempt.clone()
                    };
                    decide(&bundle, &attempt, &situation)
                });
            });
            let whole = Bundle::open_without_index(&bytes, &root).expect("a bundle");
            // Every rule is asked then, so one call takes as long as many.
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

/// Opens a bundle of `size` rules in fresh processes, whose heaps hold nothing yet, and prints the medians.
fn fresh(size: usize) {
    let key = SigningKey::generate().expect("a key");
    let root = stopgate::root::first(&key, "bench", &BTreeMap::new(), jiff::Timestamp::MAX);
    let built = stopgate::build::build(&bulk::policy(size), std::slice::from_ref(&key));
    let bytes = built.expect("a bundle").bytes;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("root"), root.expect("a root")).expect("a file");
    std::fs::write(folder.path().join("bundle"), &bytes).expect("a file");
    let mut found: Vec<Vec<u64>> = (0..OPENINGS).map(|_| opened(folder.path())).collect();
    let mut median = |column: usize| {
        // Sorted anew for each column: the middle run of one need not be that of another.
        found.sort_by_key(|row| row.get(column).copied());
        let middle = found.get(found.len() / 2).and_then(|row| row.get(column));
        middle.copied().unwrap_or_default()
    };
    println!(
        "open {size} rules in a fresh process, file {} KiB: {} ms, resident memory +{} KiB for the first bundle, \
         +{} KiB for the next",
        bytes.len() / 1024,
        median(0) / 1000,
        median(1),
        median(2)
    );
}

/// What one child printed.
fn opened(folder: &Path) -> Vec<u64> {
    let program = std::env::current_exe().expect("this program");
    let folder: &OsStr = folder.as_ref();
    let child = Command::new(program).env(FRESH, folder).output();
    let printed = String::from_utf8(child.expect("a child").stdout).expect("text");
    let numbers = printed.split_whitespace().map(str::parse);
    numbers.collect::<Result<_, _>>().expect("numbers")
}

/// Opens the bundle in `folder` twice and prints microseconds, and KiB that the first and the second keep.
fn open_there(folder: &Path) {
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    let root = TrustRoot::open(&read("root"), jiff::Timestamp::UNIX_EPOCH).expect("a root");
    let bytes = read("bundle");
    let before = resident();
    let start = Instant::now();
    let first = Bundle::open(&bytes, &root).expect("a bundle");
    let took = start.elapsed();
    // The index and all that opening leaves behind are in this number.
    let one = resident();
    // The second shows what a bundle takes when the heap has grown already.
    let second = Bundle::open(&bytes, &root).expect("a bundle");
    let two = resident();
    println!(
        "{} {} {}",
        took.as_micros(),
        one.saturating_sub(before),
        two.saturating_sub(one)
    );
    // Kept until here, so that nothing is freed before it is measured.
    drop((first, second));
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
fn percentiles(size: usize, who: &str, mut call: impl FnMut()) {
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
            // In thousandths.
            .get(times.len() * share / 1000)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "decide/{size} rules, {who}, single calls: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    );
}

criterion_group!(benches, sizes);
