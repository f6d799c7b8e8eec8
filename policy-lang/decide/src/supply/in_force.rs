//! Which stops are in force: judged from documents, from when each of them was first seen, and from an instant.
//!
//! Whatever is in doubt stops. A stop from the future holds at once, and one that is known to exist and cannot be read
//! stops everything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::signed::Signed;
use super::stop::{LONGEST_STOP, Lift, Stop, StopLimit};
use super::trace::ChannelId;
use crate::digest::Digest;
use crate::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};

/// A stop that holds, as decisions take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopInForce {
    /// The document.
    pub digest: Digest,
    /// What it says to people; `None` of a stop that cannot be read.
    pub note: Option<StopNote>,
    /// The tool that it reaches; `None` for all.
    pub tool: Option<ToolName>,
    /// The operation of that tool that it reaches; `None` for all.
    pub operation: Option<OperationName>,
    /// The agent that it reaches; `None` for all.
    pub agent: Option<String>,
    /// The highest class of action that still passes.
    pub limit: StopLimit,
    /// It does not hold from this instant on; `None` as long as it is listed.
    pub until: Option<Timestamp>,
}

/// What a stop says to the people whose calls are rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopNote {
    /// What people call it.
    pub id: StopId,
    /// Why there is one, in visible characters.
    pub reason: String,
}

impl StopInForce {
    /// Returns whether the stop reaches every attempt in the channel.
    #[must_use]
    pub const fn reaches_all(&self) -> bool {
        self.tool.is_none() && self.operation.is_none() && self.agent.is_none()
    }

    /// Returns whether the stop reaches an attempt of one of `agents` at this `operation` of `tool`. Where nobody vouches for
    /// the agent it could be any, so a stop for one agent reaches it too.
    #[must_use]
    pub fn reaches(
        &self,
        tool: &ToolName,
        operation: &OperationName,
        agents: [Option<&str>; 2],
        agent_is_vouched: bool,
    ) -> bool {
        let of_tool = self.tool.as_ref().is_none_or(|named| named == tool);
        let named = self.operation.as_ref();
        let of_operation = named.is_none_or(|named| named == operation);
        let named = self.agent.as_deref();
        let is_one = |named| !agent_is_vouched || agents.contains(&Some(named));
        of_tool && of_operation && named.is_none_or(is_one)
    }
}

/// All that is known of the stops of a channel. What is of another channel counts for nothing here.
#[derive(Debug, Clone, Copy)]
pub struct KnownStops<'k> {
    /// The channel.
    pub channel: &'k ChannelId,
    /// Stops that were read. A stop stays here until its end, whether or not it is still offered.
    pub stops: &'k [Signed<Stop>],
    /// Lifts that were read.
    pub lifts: &'k [Signed<Lift>],
    /// When each stop was seen for the first time; what is not in it is seen now. An entry has to be kept as long as the
    /// stop's `expires` is to come, else a stop of ten years would begin anew every day.
    pub first_seen: &'k BTreeMap<Digest, Timestamp>,
}

impl KnownStops<'_> {
    /// Returns the stops that hold at the instant `now`, in the order of their digests. A stop holds until its `expires`,
    /// until 24 hours after it was first seen, or until it is lifted, whichever comes first.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Vec<StopInForce> {
        let lifted = self.lifted();
        let holding = self.own_stops().filter_map(|stop| {
            let until = self.until(stop, now);
            (now < until && !lifted.contains(&stop.digest())).then(|| in_force(stop, until))
        });
        let by_digest: BTreeMap<_, _> = holding.map(|stop| (stop.digest, stop)).collect();
        by_digest.into_values().collect()
    }

    /// Returns a stop of the whole channel for each of those that `listed` names, as a timestamp does, and that can
    /// neither be read nor were lifted: whoever withholds a stop gains nothing.
    #[must_use]
    pub fn withheld(&self, listed: &BTreeSet<Digest>) -> Vec<StopInForce> {
        let mut known = self.lifted();
        known.extend(self.own_stops().map(Signed::digest));
        let unreadable = listed.difference(&known);
        let unreadable = unreadable.map(|digest| StopInForce::unreadable(*digest));
        unreadable.collect()
    }

    fn own_stops(&self) -> impl Iterator<Item = &Signed<Stop>> {
        self.stops.iter().filter(|stop| {
            let said = stop.document();
            self.is_ours(&said.organisation, &said.channel)
        })
    }

    fn lifted(&self) -> BTreeSet<Digest> {
        let documents = self.lifts.iter().map(Signed::document);
        let ours = documents.filter(|lift| self.is_ours(&lift.organisation, &lift.channel));
        ours.map(|lift| lift.stop).collect()
    }

    fn is_ours(&self, organisation: &OwnerName, channel: &ChannelName) -> bool {
        self.channel.is_of(organisation, channel).is_ok()
    }

    /// Returns the end of `stop`: the instant that it says, or 24 hours after it was first seen. A signer who writes ten
    /// years gains nothing.
    fn until(&self, stop: &Signed<Stop>, now: Timestamp) -> Timestamp {
        let seen = self.first_seen.get(&stop.digest()).copied().unwrap_or(now);
        // Nothing is later than the last instant there is.
        let day_later = seen.checked_add(LONGEST_STOP).unwrap_or(Timestamp::MAX);
        stop.document().expires.min(day_later)
    }
}

fn in_force(stop: &Signed<Stop>, until: Timestamp) -> StopInForce {
    let Stop {
        format: _,
        organisation: _,
        channel: _,
        id,
        tool,
        operation,
        agent,
        limit,
        reason,
        by: _,
        issued: _,
        expires: _,
    } = stop.document();
    StopInForce {
        digest: stop.digest(),
        note: Some(StopNote {
            id: id.clone(),
            reason: reason.clone(),
        }),
        tool: tool.clone(),
        operation: operation.clone(),
        agent: agent.clone(),
        limit: *limit,
        until: Some(until),
    }
}

#[cfg(test)]
mod tests;
