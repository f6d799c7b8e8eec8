//! The page of metrics in the Prometheus text format, version 0.0.4: every metric with its name, its labels and its
//! help. It only reads.

use std::fmt::{self, Write as _};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::counters::{Counters, Histogram};
use super::labels::{self, AnswerLabel, MetricLabel, OTHER_TOOL};
use super::{Gauges, Metrics, OfTool};
use crate::source::{Looked, Sources};

impl Metrics {
    /// Returns everything that is counted, and `gauges`, in the Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut page = Page(String::with_capacity(8 * 1024));
        page.write(self, gauges)
            .map_or_else(|fmt::Error| String::new(), |()| page.0)
    }
}

/// A value of a source.
type OfSource = fn(&Looked) -> u64;

/// A page being written.
struct Page(String);

impl Page {
    fn write(&mut self, metrics: &Metrics, gauges: &Gauges) -> fmt::Result {
        self.decisions(
            "stopgate_answers_total",
            "Attempts by tool and answer.",
            metrics,
            |tool| &tool.answered,
        )?;
        self.decisions(
            "stopgate_callers_left_total",
            "Decisions handed to the log whose caller left before the answer, by tool and answer.",
            metrics,
            |tool| &tool.left,
        )?;
        self.counters(
            "stopgate_undecided_total",
            "Requests without a decision, by reason.",
            metrics.undecided.values(),
        )?;
        self.counters(
            "stopgate_connections_turned_away_total",
            "Connections turned away, by reason.",
            metrics.turned_away.values(),
        )?;
        self.counters(
            "stopgate_bundle_refusals_total",
            "Updates that were refused, by reason.",
            metrics.refusals.values(),
        )?;
        // The many ways to refuse a token are not worth a line of zero each to who sends none.
        self.counters(
            "stopgate_tokens_total",
            "Tokens of subjects, by what came of them.",
            metrics.tokens.values().filter(|(_, value)| *value > 0),
        )?;
        self.counter(
            "stopgate_kept_bundle_removals_total",
            "Looks that found the bundle kept for a start after the root's date removed or changed.",
            metrics.kept_removals.load(Ordering::Relaxed),
        )?;
        self.gauge(
            "stopgate_stops",
            "Stops in force.",
            metrics.stops.load(Ordering::Relaxed),
        )?;
        self.histogram(
            "stopgate_decide_seconds",
            "Time from the first byte that is looked at until the policy's answer; processor time where it is over budget.",
            &metrics.decide,
        )?;
        self.histogram(
            "stopgate_answer_seconds",
            "Time from the request until its answer may leave.",
            &metrics.answer,
        )?;
        self.counter(
            "stopgate_unrecorded_total",
            "Attempts without a record; a gap record counts them.",
            gauges.unrecorded,
        )?;
        self.gauges(gauges)?;
        self.sources(&metrics.sources)
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    /// Writes the counters that `of` takes from every tool; those at 0 are left out.
    fn decisions(
        &mut self,
        name: &str,
        help: &str,
        metrics: &Metrics,
        of: impl Fn(&OfTool) -> &Counters<AnswerLabel>,
    ) -> fmt::Result {
        self.head(name, "counter", help)?;
        let tools = metrics.tools.read().unwrap_or_else(PoisonError::into_inner);
        let known = tools.iter().map(|(name, tool)| (name.as_str(), tool));
        for (tool, counters) in known.chain([(OTHER_TOOL, &metrics.other)]) {
            // Two counters of seventeen answers for each tool are mostly zeros.
            for (answer, value) in of(counters).values().filter(|(_, value)| *value > 0) {
                let answer = answer.label();
                writeln!(self.0, "{name}{{tool=\"{tool}\",{answer}}} {value}")?;
            }
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (impl MetricLabel, u64)>,
    ) -> fmt::Result {
        self.head(name, "counter", help)?;
        for (value, count) in values {
            writeln!(self.0, "{name}{{{}}} {count}", value.label())?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.head(name, "counter", help)?;
        writeln!(self.0, "{name} {value}")
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        self.head(name, "histogram", help)?;
        let mut below = 0;
        for (bound, cumulative) in histogram.cumulative() {
            below = cumulative;
            let bound = bound.as_secs_f64();
            writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {below}")?;
        }
        // Counted after the buckets: what came in between is in none of them.
        let count = histogram.count().max(below);
        let sum = histogram.sum().as_secs_f64();
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
            log_room,
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
            self.gauge(name, help, value)?;
        }
        // Nothing is better than a number that nobody has seen: an alarm on a full disk must not begin with one.
        let Some(room) = log_room else {
            return Ok(());
        };
        self.gauge(
            "stopgate_log_disk_free_bytes",
            "Bytes that the disk of the decision log can still take.",
            room.free,
        )?;
        self.gauge(
            "stopgate_log_disk_size_bytes",
            "Bytes of the disk of the decision log.",
            room.size,
        )?;
        self.gauge(
            "stopgate_log_disk_low",
            "1 while the disk of the decision log is nearly full.",
            u64::from(room.is_low()),
        )
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.head(name, "gauge", help)?;
        writeln!(self.0, "{name} {value}")
    }

    /// Writes how the looks at each source went.
    fn sources(&mut self, sources: &Sources) -> fmt::Result {
        let looked = sources.looked();
        let values: [(&str, &str, OfSource); 3] = [
            (
                "stopgate_last_successful_look_timestamp_seconds",
                "When a source was last looked at and found as it has to be; 0 for never.",
                |looked| {
                    let at = looked.last_success.map_or(0, Timestamp::as_second);
                    u64::try_from(at).unwrap_or(0)
                },
            ),
            (
                "stopgate_failed_looks",
                "Looks at a source that failed since the last successful one.",
                |looked| u64::from(looked.failures),
            ),
            (
                "stopgate_unusable_keys",
                "Keys of a set that cannot be used and are passed over.",
                |looked| u64::try_from(looked.unusable_keys).unwrap_or(u64::MAX),
            ),
        ];
        for (name, help, value) in values {
            self.head(name, "gauge", help)?;
            for (source, looked) in &looked {
                let (labels, value) = (labels::of_source(source), value(looked));
                writeln!(self.0, "{name}{{{labels}}} {value}")?;
            }
        }
        let (expires, soon) = sources.root_expiry();
        let expires = expires.map_or(0, Timestamp::as_second);
        for (name, help, value) in [
            (
                "stopgate_root_expires_timestamp_seconds",
                "When the trust root expires; 0 as long as there is none.",
                u64::try_from(expires).unwrap_or(0),
            ),
            (
                "stopgate_root_expires_soon",
                "1 from 30 days before the trust root expires.",
                u64::from(soon),
            ),
            (
                "stopgate_bundle_kept",
                "1 while the bundle in force is kept for a start after the root's date.",
                u64::from(sources.is_kept()),
            ),
        ] {
            self.head(name, "gauge", help)?;
            writeln!(self.0, "{name} {value}")?;
        }
        Ok(())
    }
}
