//! Who may connect, and what each of them may do. Nobody else can, and what is not said is not allowed.
//!
//! The configuration names the callers; nothing here knows how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stopgate_decide::name::ToolName;
use stopgate_decide::surface::Enforces;

use crate::bounds::{LEAST_RECORD_BYTES_PER_SECOND, RECORD_BYTES_PER_SECOND};

/// Callers by the uid their connections come from. Never empty.
#[derive(Debug, Clone)]
pub struct Callers(BTreeMap<u32, Arc<Caller>>);

/// A local user that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its uid, as the kernel reports it.
    pub uid: u32,
    /// Id of the agent when an attempt names none.
    pub agent: String,
    /// Tools it may ask about.
    pub tools: BTreeSet<ToolName>,
    /// What it may do.
    pub may: May,
    /// What it does with results.
    pub enforces: Enforces,
    /// Bytes of record that it may cause in a second; `None` for its part of what all may.
    pub record_bytes_per_second: Option<u64>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct May {
    /// Ask for decisions.
    pub decide: bool,
    /// Name the subject on its own word.
    pub assert_subject: bool,
    /// Name another agent than its own.
    pub assert_agent: bool,
}

impl Callers {
    /// Makes callers of those that the configuration names, of which there is one at least.
    pub(crate) const fn new(callers: BTreeMap<u32, Arc<Caller>>) -> Self {
        Self(callers)
    }

    /// Returns the caller behind a connection from `uid`, or `None` if that user is no caller.
    #[must_use]
    pub fn get(&self, uid: u32) -> Option<&Arc<Caller>> {
        self.0.get(&uid)
    }

    /// Returns how many callers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the uids of all callers.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    /// Returns the bytes of record that each caller may cause in a second, by the caller's uid.
    #[must_use]
    pub fn record_rates(&self) -> BTreeMap<u32, u64> {
        let callers = u64::try_from(self.count()).unwrap_or(u64::MAX);
        let part = RECORD_BYTES_PER_SECOND.checked_div(callers).unwrap_or(0);
        let part = part.max(LEAST_RECORD_BYTES_PER_SECOND);
        let rate = |caller: &Caller| caller.record_bytes_per_second.unwrap_or(part);
        self.0
            .iter()
            .map(|(uid, caller)| (*uid, rate(caller)))
            .collect()
    }
}
