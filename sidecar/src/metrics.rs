//! Counters for operators. Every label is a value of a closed list: no text of a caller becomes a series, and the
//! number of series is bounded whatever is asked.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use stopgate_lang::decide::{Outcome, Reason};
use stopgate_lang::name::ToolName;

use crate::follow::Refusal;
use crate::identity::Found;
use crate::identity::token::Refused;
use crate::undecided::Undecided;

/// Most tools with series of their own; the rest count as `other`.
const MAX_TOOLS: usize = 64;

/// Upper bounds of the histograms' buckets, in microseconds.
const BUCKETS_US: [u64; 14] = [
    5, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 250_000,
];

/// What an attempt got, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Permit,
    Route,
    Reject(Reason),
}

impl Answer {
    const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Permit(_) => Self::Permit,
            Outcome::Route(_) => Self::Route,
            Outcome::Reject(rejection) => Self::Reject(rejection.reason),
        }
    }
}

/// An answer that is about to leave. Dropped: it counts.
#[must_use]
#[derive(Debug)]
pub struct Answering<'a> {
    metrics: &'a Metrics,
    tool: &'a str,
    answer: Answer,
    arrived: Instant,
}

impl Answering<'_> {
    /// Another answer leaves than was decided.
    pub const fn instead(&mut self, outcome: &Outcome) {
        self.answer = Answer::of(outcome);
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.metrics
            .count(self.tool, self.answer, self.arrived.elapsed());
    }
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnedAway {
    /// Its uid is no caller's.
    Peer,
    /// There are too many connections.
    Limit,
}

/// How a token was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenCheck {
    /// It verified.
    Good(Found),
    /// It did not.
    Refused(Refused),
}

impl TokenCheck {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good(Found::Fresh) => "fresh",
            Self::Good(Found::Cached) => "cached",
            Self::Refused(refused) => refused.as_str(),
        }
    }
}

/// Everything that is counted. Shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    tools: RwLock<BTreeMap<ToolName, Arc<Counters<Answer>>>>,
    other: Arc<Counters<Answer>>,
    undecided: Counters<Undecided>,
    turned_away: Counters<TurnedAway>,
    refusals: Counters<Refusal>,
    tokens: Counters<TokenCheck>,
    decide: Histogram,
    answer: Histogram,
}

/// What is not counted but holds now.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    /// A bundle is in force.
    pub bundle: bool,
    /// Its number of rules.
    pub rules: usize,
    /// Updates that failed in a row.
    pub failures: u32,
    /// The log takes records.
    pub log_writable: bool,
    /// Attempts without a record since the start; it only grows.
    pub unrecorded: u64,
    /// Attempts are decided.
    pub ready: bool,
    /// Issuers whose keys could not be read at the last look.
    pub failing_issuers: usize,
    /// Open connections.
    pub connections: usize,
}

#[derive(Debug)]
struct Counters<L>(BTreeMap<L, AtomicU64>);

#[derive(Debug)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl<L: Ord> Counters<L> {
    fn of(labels: impl IntoIterator<Item = L>) -> Self {
        Self(
            labels
                .into_iter()
                .map(|label| (label, AtomicU64::new(0)))
                .collect(),
        )
    }

    fn count(&self, label: L) {
        if let Some(counter) = self.0.get(&label) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn values(&self) -> impl Iterator<Item = (&L, u64)> {
        self.0
            .iter()
            .map(|(label, counter)| (label, counter.load(Ordering::Relaxed)))
    }
}

impl Counters<Answer> {
    fn of_answers() -> Arc<Self> {
        let rejections = Reason::ALL.map(Answer::Reject);
        Arc::new(Self::of(
            [Answer::Permit, Answer::Route]
                .into_iter()
                .chain(rejections),
        ))
    }
}

impl Histogram {
    fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            count: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
        }
    }

    fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
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
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            tools: RwLock::new(BTreeMap::new()),
            other: Counters::of_answers(),
            undecided: Counters::of(Undecided::ALL),
            turned_away: Counters::of([TurnedAway::Peer, TurnedAway::Limit]),
            refusals: Counters::of(Refusal::ALL),
            tokens: Counters::of(
                [Found::Fresh, Found::Cached]
                    .map(TokenCheck::Good)
                    .into_iter()
                    .chain(Refused::ALL.iter().copied().map(TokenCheck::Refused)),
            ),
            decide: Histogram::new(),
            answer: Histogram::new(),
        }
    }
}

impl Metrics {
    /// Gives each of `tools` series of its own, as long as there is room.
    pub fn learn<'a>(&self, tools: impl IntoIterator<Item = &'a ToolName>) {
        let mut known = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        for tool in tools {
            if known.len() < MAX_TOOLS && !known.contains_key(tool) {
                known.insert(tool.clone(), Counters::of_answers());
            }
        }
    }

    /// Counts an answer about `tool`, which may be any text; `took` is from the request's arrival to its record.
    pub fn answered(&self, tool: &str, outcome: &Outcome, took: Duration) {
        self.count(tool, Answer::of(outcome), took);
    }

    /// As [`Metrics::answered`], but counted once the value returned is dropped: also when nobody waits any more for
    /// the answer to a request that arrived at `arrived`.
    pub fn answering<'a>(
        &'a self,
        tool: &'a str,
        outcome: &Outcome,
        arrived: Instant,
    ) -> Answering<'a> {
        Answering {
            metrics: self,
            tool,
            answer: Answer::of(outcome),
            arrived,
        }
    }

    fn count(&self, tool: &str, answer: Answer, took: Duration) {
        let known = self
            .tools
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tool)
            .cloned();
        known.as_ref().unwrap_or(&self.other).count(answer);
        self.answer.observe(took);
    }

    /// Notes how long the policy took.
    pub fn decided(&self, took: Duration) {
        self.decide.observe(took);
    }

    /// Counts a request without a decision.
    pub fn undecided(&self, why: Undecided) {
        self.undecided.count(why);
    }

    /// Counts a connection that was turned away.
    pub fn turned_away(&self, why: TurnedAway) {
        self.turned_away.count(why);
    }

    /// Counts an update that was refused.
    pub fn refused(&self, why: Refusal) {
        self.refusals.count(why);
    }

    /// Counts a subject's token that was judged.
    pub fn token(&self, check: TokenCheck) {
        self.tokens.count(check);
    }

    /// The Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut page = Page(String::with_capacity(8 * 1024));
        page.write(self, gauges)
            .map_or_else(|fmt::Error| String::new(), |()| page.0)
    }
}

/// A page of metrics being written.
struct Page(String);

impl Page {
    fn write(&mut self, metrics: &Metrics, gauges: &Gauges) -> fmt::Result {
        self.head(
            "stopgate_answers_total",
            "counter",
            "Attempts by tool and answer.",
        )?;
        let tools = metrics.tools.read().unwrap_or_else(PoisonError::into_inner);
        for (tool, counters) in tools.iter() {
            self.answers(tool.as_str(), counters)?;
        }
        self.answers("other", &metrics.other)?;
        self.head(
            "stopgate_undecided_total",
            "counter",
            "Requests without a decision, by reason.",
        )?;
        for (why, value) in metrics.undecided.values() {
            writeln!(
                self.0,
                "stopgate_undecided_total{{reason=\"{}\"}} {value}",
                why.as_str()
            )?;
        }
        self.head(
            "stopgate_connections_turned_away_total",
            "counter",
            "Connections turned away, by reason.",
        )?;
        for (why, value) in metrics.turned_away.values() {
            let why = match why {
                TurnedAway::Peer => "peer",
                TurnedAway::Limit => "limit",
            };
            writeln!(
                self.0,
                "stopgate_connections_turned_away_total{{reason=\"{why}\"}} {value}"
            )?;
        }
        self.head(
            "stopgate_bundle_refusals_total",
            "counter",
            "Updates that were refused, by reason.",
        )?;
        for (why, value) in metrics.refusals.values() {
            writeln!(
                self.0,
                "stopgate_bundle_refusals_total{{reason=\"{}\"}} {value}",
                why.as_str()
            )?;
        }
        self.head(
            "stopgate_tokens_total",
            "counter",
            "Tokens of subjects, by what came of them.",
        )?;
        for (check, value) in metrics.tokens.values().filter(|(_, value)| *value > 0) {
            writeln!(
                self.0,
                "stopgate_tokens_total{{result=\"{}\"}} {value}",
                check.as_str()
            )?;
        }
        self.histogram(
            "stopgate_decide_seconds",
            "Time the policy took.",
            &metrics.decide,
        )?;
        self.histogram(
            "stopgate_answer_seconds",
            "Time from the request to its durable record.",
            &metrics.answer,
        )?;
        self.head(
            "stopgate_unrecorded_total",
            "counter",
            "Attempts without a record; a gap record counts them.",
        )?;
        writeln!(self.0, "stopgate_unrecorded_total {}", gauges.unrecorded)?;
        self.gauges(gauges)
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn answers(&mut self, tool: &str, counters: &Counters<Answer>) -> fmt::Result {
        for (answer, value) in counters.values().filter(|(_, value)| *value > 0) {
            let (answer, reason) = match answer {
                Answer::Permit => ("permit", ""),
                Answer::Route => ("route", ""),
                Answer::Reject(reason) => ("reject", reason.as_str()),
            };
            let labels = format!("tool=\"{tool}\",answer=\"{answer}\",reason=\"{reason}\"");
            writeln!(self.0, "stopgate_answers_total{{{labels}}} {value}")?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        self.head(name, "histogram", help)?;
        let mut below = 0_u64;
        for (bound, bucket) in BUCKETS_US.iter().zip(&histogram.buckets) {
            below = below.saturating_add(bucket.load(Ordering::Relaxed));
            let bound = Duration::from_micros(*bound).as_secs_f64();
            writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {below}")?;
        }
        let count = histogram.count.load(Ordering::Relaxed).max(below);
        let sum = Duration::from_micros(histogram.sum_us.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(
            self.0,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        )
    }

    fn gauges(&mut self, gauges: &Gauges) -> fmt::Result {
        let Gauges {
            bundle,
            rules,
            failures,
            log_writable,
            unrecorded: _,
            ready,
            failing_issuers,
            connections,
        } = *gauges;
        for (name, help, value) in [
            (
                "stopgate_ready",
                "1 while attempts are decided.",
                u64::from(ready),
            ),
            (
                "stopgate_bundle_active",
                "1 while a verified bundle is in force.",
                u64::from(bundle),
            ),
            (
                "stopgate_bundle_rules",
                "Rules in force.",
                u64::try_from(rules).unwrap_or(u64::MAX),
            ),
            (
                "stopgate_bundle_failures",
                "Updates that failed in a row.",
                u64::from(failures),
            ),
            (
                "stopgate_log_writable",
                "1 while the decision log takes records.",
                u64::from(log_writable),
            ),
            (
                "stopgate_failing_issuers",
                "Issuers whose keys could not be read at the last look.",
                u64::try_from(failing_issuers).unwrap_or(u64::MAX),
            ),
            (
                "stopgate_connections",
                "Open connections.",
                u64::try_from(connections).unwrap_or(u64::MAX),
            ),
        ] {
            self.head(name, "gauge", help)?;
            writeln!(self.0, "{name} {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stopgate_lang::decide::Rejection;

    fn page(metrics: &Metrics) -> String {
        metrics.render(&Gauges {
            bundle: true,
            rules: 3,
            failures: 0,
            log_writable: true,
            unrecorded: 0,
            ready: true,
            failing_issuers: 0,
            connections: 1,
        })
    }

    fn unknown_tool() -> Outcome {
        Outcome::Reject(Rejection::new(Reason::UnknownTool, ""))
    }

    #[test]
    fn t41_names_of_callers_make_no_series() {
        let metrics = Metrics::default();
        let tool = ToolName::new("erp").expect("a name");
        metrics.learn([&tool]);
        metrics.answered("erp", &unknown_tool(), Duration::ZERO);
        metrics.answered("x", &unknown_tool(), Duration::ZERO);
        let series = page(&metrics).lines().count();
        for number in 0..100_000_u32 {
            metrics.answered(
                &format!("tool-{number}"),
                &unknown_tool(),
                Duration::from_micros(u64::from(number)),
            );
        }
        let after = page(&metrics);
        assert_eq!(after.lines().count(), series);
        let others = "stopgate_answers_total{tool=\"other\",answer=\"reject\",reason=\"unknown_tool\"} 100001";
        assert!(after.contains(others), "{after}");
    }

    #[test]
    fn t41_tools_of_the_policy_are_bounded_too() {
        let metrics = Metrics::default();
        let tools: Vec<_> = (0..10_000)
            .map(|n| ToolName::new(&format!("tool-{n}")).expect("a name"))
            .collect();
        metrics.learn(&tools);
        for tool in &tools {
            for reason in Reason::ALL {
                let outcome = Outcome::Reject(Rejection::new(reason, ""));
                metrics.answered(tool.as_str(), &outcome, Duration::ZERO);
            }
        }
        assert!(page(&metrics).lines().count() < 2_000);
    }

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        for micros in [1, 7, 7, 1_000_000] {
            metrics.decided(Duration::from_micros(micros));
        }
        let page = page(&metrics);
        for line in [
            "stopgate_decide_seconds_bucket{le=\"0.000005\"} 1",
            "stopgate_decide_seconds_bucket{le=\"0.00001\"} 3",
            "stopgate_decide_seconds_bucket{le=\"0.25\"} 3",
            "stopgate_decide_seconds_bucket{le=\"+Inf\"} 4",
            "stopgate_decide_seconds_count 4",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
        }
    }
}
