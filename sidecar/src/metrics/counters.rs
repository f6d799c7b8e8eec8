//! What counts: a counter for each label of a closed list, and a histogram of durations.
//!
//! It knows neither what the labels are nor how anything is shown.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::labels::MetricLabel;

/// Upper bounds of the histograms' buckets, in microseconds: from what a decision takes to the budget, and what a slow
/// disk makes of it.
const BUCKETS_US: [u64; 14] = [
    5, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 250_000,
];

/// A counter for each label there is.
#[derive(Debug)]
pub(super) struct Counters<L>(BTreeMap<L, AtomicU64>);

/// How often something took how long.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl<L: MetricLabel> Default for Counters<L> {
    /// Makes a counter at 0 for each value that the label has. No other value can be counted.
    fn default() -> Self {
        Self(L::all().map(|label| (label, AtomicU64::new(0))).collect())
    }
}

impl<L: MetricLabel> Counters<L> {
    pub(super) fn count(&self, label: L) {
        if let Some(counter) = self.0.get(&label) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns every label and its value, in the order of the labels.
    pub(super) fn values(&self) -> impl Iterator<Item = (L, u64)> {
        self.0
            .iter()
            .map(|(label, counter)| (*label, counter.load(Ordering::Relaxed)))
    }
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            count: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // In the one bucket that it belongs to; they are added up when the page is written, which is seldom.
        if let Some((_, bucket)) = BUCKETS_US
            .iter()
            .zip(&self.buckets)
            .find(|(bound, _)| took <= **bound)
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took, Ordering::Relaxed);
    }

    /// Returns every bound of a bucket, and how many durations were at most so long.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        let buckets = BUCKETS_US.iter().zip(&self.buckets);
        buckets.scan(0_u64, |below, (bound, bucket)| {
            *below = below.saturating_add(bucket.load(Ordering::Relaxed));
            Some((Duration::from_micros(*bound), *below))
        })
    }

    /// Returns how many durations there were.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns how long all durations were together.
    pub(super) fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed))
    }
}
