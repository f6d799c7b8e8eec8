//! What supply costs: `cargo bench -p stopgate-tests --bench supply`. A big publication beside a bare loop over the same
//! items, a fleet of sidecars that follow a channel, policies that are swapped under load, and a store that is gone under
//! load. Everything is compared within one run; `docs/benchmarks.md` says how to read it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

mod fleet;
mod publication;
mod swap;

use std::time::Duration;

fn main() {
    publication::measure();
    swap::measure();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fleet::measure()).expect("a fleet");
}

/// Returns the time that `share` of a thousand took at most.
fn percentile(times: &mut [Duration], share: usize) -> Duration {
    times.sort();
    let at = times.len().saturating_mul(share) / 1000;
    let at = at.min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}

/// Returns how many times `than` the time is.
fn ratio(time: Duration, than: Duration) -> f64 {
    time.as_secs_f64() / than.as_secs_f64()
}
