//! Counters for operators. No text of a caller becomes a series: every label is of a closed list (`labels`), so the
//! number of series is bounded whatever is asked.
//!
//! A request counts once: as answered, as one whose caller left while its record was on its way, or as undecided.

mod counters;
mod labels;
mod page;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use counters::{Counters, Histogram};
use labels::AnswerLabel;
use stopgate_decide::decide::Outcome;
use stopgate_decide::name::ToolName;

use crate::audit::Room;
use crate::bounds::MAX_TOOLS;
use crate::follow::refusal::Refusal;
use crate::source::Sources;
use crate::undecided::Undecided;

pub use labels::{TokenCheck, TurnedAway};

/// The decisions about one tool.
#[derive(Debug)]
struct OfTool {
    answered: Counters<AnswerLabel>,
    left: Counters<AnswerLabel>,
}

impl OfTool {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answered: Counters::default(),
            left: Counters::default(),
        })
    }
}

/// A caller that waits for the record of its decision. Dropped: it left.
#[must_use]
#[derive(Debug)]
pub struct Waiting<'a> {
    metrics: &'a Metrics,
    tool: &'a str,
    answer: AnswerLabel,
    /// It has what it waited for.
    over: bool,
}

impl Waiting<'_> {
    /// Ends the wait: the record is there, or is known to be lost, and the caller is still there to hear of it.
    pub fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.metrics.tool(self.tool).left.count(self.answer);
        }
    }
}

/// Everything that is counted. Shared behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    /// How the looks at each source went.
    pub sources: Sources,
    tools: RwLock<BTreeMap<ToolName, Arc<OfTool>>>,
    other: Arc<OfTool>,
    undecided: Counters<Undecided>,
    turned_away: Counters<TurnedAway>,
    refusals: Counters<Refusal>,
    tokens: Counters<TokenCheck>,
    /// Without a label.
    kept_removals: AtomicU64,
    /// How many hold now.
    stops: AtomicU64,
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
    /// Room on the disk of the log.
    pub log_room: Option<Room>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            sources: Sources::default(),
            tools: RwLock::new(BTreeMap::new()),
            other: OfTool::new(),
            undecided: Counters::default(),
            turned_away: Counters::default(),
            refusals: Counters::default(),
            tokens: Counters::default(),
            kept_removals: AtomicU64::new(0),
            stops: AtomicU64::new(0),
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
            // Those of earlier bundles stay: a series that vanishes looks like a counter that fell.
            if known.len() < MAX_TOOLS && !known.contains_key(tool) {
                known.insert(tool.clone(), OfTool::new());
            }
        }
    }

    /// Returns the counters of `tool`, which may be any text; those of `other` if the tool has no series of its own.
    fn tool(&self, tool: &str) -> Arc<OfTool> {
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tools.get(tool).unwrap_or(&self.other))
    }

    /// Counts an answer about `tool`, which may be any text; `took` is from the request's arrival until its answer may
    /// leave.
    pub fn answered(&self, tool: &str, outcome: &Outcome, took: Duration) {
        self.tool(tool)
            .answered
            .count(AnswerLabel::from_outcome(outcome));
        self.answer.observe(took);
    }

    /// Notes that the record of `outcome` is on its way to the disk and that a caller waits for it. The caller counts
    /// as one that left if what is returned is dropped before the wait is over. Should the disk then refuse the record,
    /// the next `gap` counts it.
    pub fn waiting<'a>(&'a self, tool: &'a str, outcome: &Outcome) -> Waiting<'a> {
        Waiting {
            metrics: self,
            tool,
            answer: AnswerLabel::from_outcome(outcome),
            over: false,
        }
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

    /// Notes how many stops are in force.
    pub fn stops(&self, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.stops.store(number, Ordering::Relaxed);
    }

    /// Counts that the bundle that is kept for a start after the root's date was found removed or changed.
    pub fn kept_was_removed(&self) {
        self.kept_removals.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
