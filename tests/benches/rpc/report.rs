//! How it was measured, in words, and what came of it, as Markdown.

use std::time::Duration;

use prost::Message as _;
use stopgate_client::wire::{DecideRequest, DecideResponse};
use stopgate_tests::bulk::PER_CELL;

use crate::disk::Disk;
use crate::load::{Load, Measured};
use crate::opa::Opa;

/// Least part of the bare service's answers that a sidecar gives without a disk.
const AIM_BARE: f64 = 0.70;
/// Least answers in a second with the log on a disk.
const AIM_PER_SECOND: f64 = 10_000.0;
/// Most times the disk's own p99.
const AIM_DISK: f64 = 3.0;
/// Least part of the same answers of OPA that a sidecar gives with the log on a disk.
const AIM_OPA: f64 = 1.0;

/// What the method names.
pub(crate) struct Method<'a> {
    pub(crate) rules: usize,
    pub(crate) rounds: u64,
    pub(crate) span: Duration,
    pub(crate) request: &'a DecideRequest,
    pub(crate) answer: &'a DecideResponse,
    pub(crate) line: usize,
    pub(crate) disk: &'a Disk,
    pub(crate) opa: Option<&'a Opa>,
    pub(crate) loads: &'a [Load],
}

/// Prints how it is measured.
pub(crate) fn method(method: &Method<'_>) {
    let Method {
        rules,
        rounds,
        span,
        request,
        answer,
        line,
        disk,
        opa,
        loads,
    } = method;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "One process on {threads} cores; each server and the callers have runtimes of their own, of {threads} threads each. \
         A Unix socket, one request of {} bytes, one answer of {} bytes.",
        request.encoded_len(),
        answer.encoded_len()
    );
    println!(
        "(a) bare: tonic's server, as it comes; it reads the same request and sends a sidecar's answer, ready made."
    );
    println!("(b) hyper: the same service on hyper's HTTP/2 alone.");
    println!(
        "(c) null sink: the sidecar, {rules} rules ({PER_CELL} and 2 guardrails in the asked cell); every record is made and chained, and thrown away."
    );
    println!(
        "(d) log: the same as (c), each record of {line} bytes on the disk before its answer."
    );
    println!(
        "(e) disk: appends of as many records as there are callers, each flushed with fdatasync, one after another, on {}.",
        disk.system()
    );
    if let Some(opa) = opa {
        println!(
            "(f) OPA, joined: OPA {}, a process of its own, the same rules in Rego that its index takes, HTTP/1.1 over a Unix socket, \
             a connection for each caller; no record, no identity, no types, profile and business time told; answers as the \
             sidecar does, compared before.",
            opa.version()
        );
        println!(
            "(g) OPA, listed: the same, but what the matching rules ask for is left to the caller to join."
        );
        println!(
            "(h) OPA, allow: only yes or no; the first rule that grants is enough, and no risk, approval or rule is told."
        );
    }
    for load in *loads {
        println!(
            "{} callers over {} connections, each asks again when it has its answer.",
            load.callers, load.connections
        );
    }
    println!(
        "{rounds} rounds, each of all these in turn; {span:?} each, after a fifth of that to warm up. A ratio is of one round; rows are medians of rounds. \
         Processor time is that of the whole process for one answer, callers included; OPA's beside that of its callers.\n"
    );
}

/// One round at one load.
pub(crate) struct Round {
    pub(crate) callers: usize,
    pub(crate) bare: Measured,
    pub(crate) hyper: Measured,
    pub(crate) discarding: Measured,
    pub(crate) recording: Measured,
    pub(crate) disk: Measured,
    pub(crate) joined: Option<Measured>,
    pub(crate) listed: Option<Measured>,
    pub(crate) allowed: Option<Measured>,
}

/// All rounds.
#[derive(Default)]
pub(crate) struct Report(Vec<Round>);

impl Report {
    pub(crate) fn push(&mut self, round: Round) {
        self.0.push(round);
    }

    fn of(&self, callers: usize, value: impl Fn(&Round) -> f64) -> Spread {
        let rounds = self.0.iter().filter(|round| round.callers == callers);
        Spread::new(rounds.map(value).collect())
    }

    /// Whether everybody who can be asked was asked: without a program, OPA is not.
    fn has(&self, pick: Pick) -> bool {
        self.0.iter().all(|round| pick(round).is_some())
    }

    pub(crate) fn print(&self) {
        let mut callers: Vec<usize> = self.0.iter().map(|round| round.callers).collect();
        callers.sort_unstable();
        callers.dedup();
        println!(
            "| callers | what | per second | p50 | p99 | processor |\n|---|---|---|---|---|---|"
        );
        for &callers in &callers {
            for (what, pick) in WHAT.into_iter().filter(|(_, pick)| self.has(*pick)) {
                let of = |value: fn(&Measured) -> f64| {
                    self.of(callers, |round| pick(round).map_or(f64::NAN, value))
                };
                let processor = of(|measured| measured.processor.as_secs_f64() * 1e6);
                // The disk alone has no processor time.
                let processor = match processor.median {
                    0.0 => "–".to_owned(),
                    median => microseconds(median),
                };
                println!(
                    "| {callers} | {what} | {:.0} | {} | {} | {processor} |",
                    of(|measured| measured.per_second).median,
                    microseconds(of(|measured| measured.at(500).as_secs_f64() * 1e6).median),
                    microseconds(of(|measured| measured.at(990).as_secs_f64() * 1e6).median)
                );
            }
        }
        println!(
            "\n| callers | of one round | min | median | max | aim |\n|---|---|---|---|---|---|"
        );
        for &callers in &callers {
            // Most aims are for many callers; a single one measures the way there and back.
            let many = callers > 1;
            let bare = self.of(callers, |round| {
                round.discarding.per_second / round.bare.per_second
            });
            let aim = format!("≥ {AIM_BARE:.2}");
            bare.print(
                callers,
                "null sink ÷ bare, per second",
                2,
                many.then_some(aim),
            );
            let hyper = self.of(callers, |round| {
                round.discarding.per_second / round.hyper.per_second
            });
            hyper.print(callers, "null sink ÷ hyper, per second", 2, None);
            let processor = self.of(callers, |round| {
                round.bare.processor.as_secs_f64() / round.discarding.processor.as_secs_f64()
            });
            processor.print(callers, "bare ÷ null sink, processor", 2, None);
            let rate = self.of(callers, |round| round.recording.per_second);
            let aim = format!("≥ {AIM_PER_SECOND:.0}");
            rate.print(callers, "log, per second", 0, many.then_some(aim));
            let p99 = |measured: &Measured| measured.at(990).as_secs_f64();
            // Of one round, so that both met the disk in the same state.
            let disk = self.of(callers, |round| p99(&round.recording) / p99(&round.disk));
            let aim = format!("≤ {AIM_DISK:.1}");
            disk.print(callers, "log ÷ disk, p99", 2, Some(aim));
            for (what, pick) in OPA.into_iter().filter(|(_, pick)| self.has(*pick)) {
                let opa = self.of(callers, |round| {
                    pick(round).map_or(f64::NAN, |opa| round.recording.per_second / opa.per_second)
                });
                let aim = format!("≥ {AIM_OPA:.2}");
                opa.print(callers, what, 2, many.then_some(aim));
            }
        }
    }
}

type Pick = fn(&Round) -> Option<&Measured>;

const WHAT: [(&str, Pick); 8] = [
    ("(a) bare", |round| Some(&round.bare)),
    ("(b) hyper", |round| Some(&round.hyper)),
    ("(c) null sink", |round| Some(&round.discarding)),
    ("(d) log", |round| Some(&round.recording)),
    ("(e) disk", |round| Some(&round.disk)),
    ("(f) OPA, joined", |round| round.joined.as_ref()),
    ("(g) OPA, listed", |round| round.listed.as_ref()),
    ("(h) OPA, allow", |round| round.allowed.as_ref()),
];

const OPA: [(&str, Pick); 3] = [
    ("log ÷ OPA joined, per second", |round| {
        round.joined.as_ref()
    }),
    ("log ÷ OPA listed, per second", |round| {
        round.listed.as_ref()
    }),
    ("log ÷ OPA allow, per second", |round| {
        round.allowed.as_ref()
    }),
];

fn microseconds(value: f64) -> String {
    if value < 10_000.0 {
        format!("{value:.0} µs")
    } else {
        format!("{:.1} ms", value / 1000.0)
    }
}

/// One value over all rounds.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self {
            min: at(0),
            median: at(values.len() / 2),
            max: at(values.len().saturating_sub(1)),
        }
    }

    fn print(&self, callers: usize, what: &str, digits: usize, aim: Option<String>) {
        let Self { min, median, max } = self;
        let aim = aim.unwrap_or_default();
        println!(
            "| {callers} | {what} | {min:.digits$} | {median:.digits$} | {max:.digits$} | {aim} |"
        );
    }
}
