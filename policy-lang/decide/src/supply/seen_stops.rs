//! The stops of a channel that somebody has seen: each is kept until its end, whether or not it is still offered.
//!
//! Whoever may write to a store cannot end a stop by taking it away: what was seen holds on, and what a timestamp lists
//! and nobody can read stops everything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::in_force::{KnownStops, StopInForce};
use super::signed::{FormatOne, MAX_DOCUMENT_BYTES, Signed};
use super::stop::{Lift, Stop, StopLimit, read_lift, read_stop};
use super::trace::{ChannelId, SupplyRefusal};
use crate::bundle::TrustRoot;
use crate::digest::Digest;
use crate::json::{Json, Limits};
use crate::name::{ChannelName, OwnerName};

/// Most stops of one channel that are known at a time, and most lifts. One stop more stops everything.
pub const MAX_STOPS: usize = 128;

/// How long a stop is known after its end.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Most bytes of seen stops that are read back: each stop and lift as long as a document can be, written as a string,
/// in which each byte of a document takes two at most.
pub const SEEN_STOPS_BYTES: usize = 4 * MAX_STOPS * MAX_DOCUMENT_BYTES + 4096;

const LIMITS: Limits = Limits {
    bytes: SEEN_STOPS_BYTES,
    depth: 4,
    members: 8 * MAX_STOPS,
};

/// The stops and lifts of one channel that were seen. Only what verifies comes in, and only time or a lift takes a stop
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenStops {
    channel: ChannelId,
    stops: BTreeMap<Digest, SeenDocument<Stop>>,
    /// By the stop that each of them lifts.
    lifts: BTreeMap<Digest, SeenDocument<Lift>>,
    /// One that there was no room for.
    crowded_out: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenDocument<D> {
    signed: Signed<D>,
    envelope: Vec<u8>,
    first_seen: Timestamp,
}

/// When stops are looked at, and what is known then beside them.
#[derive(Debug, Clone, Copy)]
pub struct StopsMoment<'m> {
    /// The trust root.
    pub root: &'m TrustRoot,
    /// The stops that the newest timestamp lists.
    pub listed: &'m BTreeSet<Digest>,
    /// The instant.
    pub now: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "stopgate_seen_stops")]
    format: FormatOne,
    organisation: OwnerName,
    channel: ChannelName,
    stops: Vec<WrittenDocument>,
    lifts: Vec<WrittenDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDocument {
    envelope: String,
    first_seen: Timestamp,
}

/// Why seen stops cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadStops {
    /// They are not as this program writes them.
    #[error("it is not as this program writes it")]
    Invalid,
    /// They are of another channel.
    #[error("it is of another channel")]
    OtherChannel,
}

impl SeenStops {
    /// Makes the stops of somebody who has seen none of `channel`.
    #[must_use]
    pub const fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            stops: BTreeMap::new(),
            lifts: BTreeMap::new(),
            crowded_out: None,
        }
    }

    /// Takes note of a stop in `bytes`. One that has been over for a day says nothing any more, unless it is still listed.
    ///
    /// # Errors
    /// [`SupplyRefusal`] if it is no stop of the channel; nothing is noted then.
    pub fn see_stop(&mut self, bytes: &[u8], at: &StopsMoment<'_>) -> Result<(), SupplyRefusal> {
        let signed = read_stop(bytes, &self.channel, at.root)?;
        if Self::counts(signed.digest(), &signed, at) {
            self.add_stop(signed, bytes, at.now);
        }
        Ok(())
    }

    /// Takes note of a lift in `bytes`. Without room for it its stop goes on.
    ///
    /// # Errors
    /// As [`SeenStops::see_stop`].
    pub fn see_lift(&mut self, bytes: &[u8], at: &StopsMoment<'_>) -> Result<(), SupplyRefusal> {
        let signed = read_lift(bytes, &self.channel, at.root)?;
        self.add_lift(signed, bytes, at.now);
        Ok(())
    }

    /// Forgets what says nothing any more: stops that have been over for a day and are not listed, and lifts of stops that
    /// are neither known nor listed.
    pub fn forget(&mut self, at: &StopsMoment<'_>) {
        self.stops
            .retain(|digest, stop| Self::counts(*digest, &stop.signed, at));
        let stops = &self.stops;
        self.lifts
            .retain(|stop, _| stops.contains_key(stop) || at.listed.contains(stop));
        if self.stops.len() < MAX_STOPS {
            self.crowded_out = None;
        }
    }

    /// Returns whether a stop has to be known: not only while it holds, else one from the future would begin anew a day
    /// after it was first seen; not only until its end, else one that is listed a moment longer would be taken for one
    /// that is withheld; and a day longer than that, for a clock that goes wrong and comes back.
    fn counts(digest: Digest, stop: &Signed<Stop>, at: &StopsMoment<'_>) -> bool {
        let end = stop.document().expires.checked_add(KNOWN_AFTER);
        at.now < end.unwrap_or(Timestamp::MAX) || at.listed.contains(&digest)
    }

    fn add_stop(&mut self, signed: Signed<Stop>, bytes: &[u8], first_seen: Timestamp) {
        let digest = signed.digest();
        if self.stops.len() >= MAX_STOPS && !self.stops.contains_key(&digest) {
            self.crowded_out = Some(digest);
            return;
        }
        self.stops.entry(digest).or_insert_with(|| SeenDocument {
            signed,
            envelope: bytes.to_vec(),
            first_seen,
        });
    }

    fn add_lift(&mut self, signed: Signed<Lift>, bytes: &[u8], first_seen: Timestamp) {
        if self.lifts.len() < MAX_STOPS {
            self.lifts
                .entry(signed.document().stop)
                .or_insert_with(|| SeenDocument {
                    signed,
                    envelope: bytes.to_vec(),
                    first_seen,
                });
        }
    }

    /// Returns the stops that hold at the instant `now`: those that were seen, and one of the whole channel for each that
    /// a timestamp has `listed` and that was neither seen nor lifted.
    #[must_use]
    pub fn in_force(&self, listed: &BTreeSet<Digest>, now: Timestamp) -> Vec<StopInForce> {
        let stops: Vec<_> = self.stops.values().map(|s| s.signed.clone()).collect();
        let lifts: Vec<_> = self.lifts.values().map(|l| l.signed.clone()).collect();
        let first_seen = self.stops.iter();
        let first_seen = first_seen.map(|(digest, stop)| (*digest, stop.first_seen));
        let first_seen = first_seen.collect();
        let known = KnownStops {
            channel: &self.channel,
            stops: &stops,
            lifts: &lifts,
            first_seen: &first_seen,
        };
        let mut holding = known.in_force(now);
        let mut unread = known.withheld(listed);
        unread.extend(self.crowded_out.map(StopInForce::unreadable));
        holding.append(&mut unread);
        holding
    }

    /// Returns the digests of the stops that hold at the instant `now`, as a timestamp lists them.
    #[must_use]
    pub fn to_list(&self, now: Timestamp) -> BTreeSet<Digest> {
        let holding = self.in_force(&BTreeSet::new(), now);
        holding.iter().map(|stop| stop.digest).collect()
    }

    /// Writes what was seen in its one spelling, with a newline behind it; `None` if it cannot be written.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        fn written<D>(seen: &BTreeMap<Digest, SeenDocument<D>>) -> Option<Vec<WrittenDocument>> {
            let documents = seen.values().map(|seen| {
                Some(WrittenDocument {
                    envelope: String::from_utf8(seen.envelope.clone()).ok()?,
                    first_seen: seen.first_seen,
                })
            });
            documents.collect()
        }
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        let written = Written {
            format: FormatOne,
            organisation,
            channel,
            stops: written(&self.stops)?,
            lifts: written(&self.lifts)?,
        };
        let text = serde_json::to_vec(&written).ok()?;
        let json = Json::parse(&text, LIMITS).ok()?;
        Some(format!("{}\n", json.canonical()))
    }

    /// Verifies everything that was seen once more, under `root`, a newer one than then. What does not verify any more is
    /// left out, and told of in the second part of the answer.
    #[must_use]
    pub fn under(self, root: &TrustRoot) -> (Self, Vec<SupplyRefusal>) {
        fn documents<D>(
            seen: BTreeMap<Digest, SeenDocument<D>>,
        ) -> impl Iterator<Item = (Vec<u8>, Timestamp)> {
            let documents = seen.into_values();
            documents.map(|seen| (seen.envelope, seen.first_seen))
        }
        let Self {
            channel,
            stops,
            lifts,
            crowded_out,
        } = self;
        let mut seen = Self::new(channel);
        seen.crowded_out = crowded_out;
        seen.with_verified(documents(stops), documents(lifts), root)
    }

    /// Adds the `stops` and `lifts` that verify under `root`, each with when it was first seen, and returns why the others
    /// do not.
    fn with_verified(
        mut self,
        stops: impl Iterator<Item = (Vec<u8>, Timestamp)>,
        lifts: impl Iterator<Item = (Vec<u8>, Timestamp)>,
        root: &TrustRoot,
    ) -> (Self, Vec<SupplyRefusal>) {
        let mut left_out = Vec::new();
        for (envelope, first_seen) in stops {
            match read_stop(&envelope, &self.channel, root) {
                Ok(signed) => self.add_stop(signed, &envelope, first_seen),
                Err(why) => left_out.push(why),
            }
        }
        for (envelope, first_seen) in lifts {
            match read_lift(&envelope, &self.channel, root) {
                Ok(signed) => self.add_lift(signed, &envelope, first_seen),
                Err(why) => left_out.push(why),
            }
        }
        (self, left_out)
    }

    /// Reads what [`SeenStops::text`] wrote of `channel`. A document that does not verify under `root`, which may be a
    /// newer one than then, is left out, and told of in the second part of the answer.
    ///
    /// # Errors
    /// [`UnreadStops`]
    pub fn parse(
        bytes: &[u8],
        channel: &ChannelId,
        root: &TrustRoot,
    ) -> Result<(Self, Vec<SupplyRefusal>), UnreadStops> {
        let json = Json::parse(bytes.strip_suffix(b"\n").unwrap_or(bytes), LIMITS);
        let json = json.map_err(|_| UnreadStops::Invalid)?;
        let written: Written = serde_json::from_slice(bytes).map_err(|_| UnreadStops::Invalid)?;
        if format!("{}\n", json.canonical()).as_bytes() != bytes
            || written.stops.len() > MAX_STOPS
            || written.lifts.len() > MAX_STOPS
        {
            return Err(UnreadStops::Invalid);
        }
        if written.organisation != channel.organisation || written.channel != channel.channel {
            return Err(UnreadStops::OtherChannel);
        }
        let documents = |written: Vec<WrittenDocument>| {
            let documents = written.into_iter();
            documents.map(|written| (written.envelope.into_bytes(), written.first_seen))
        };
        let (stops, lifts) = (documents(written.stops), documents(written.lifts));
        Ok(Self::new(channel.clone()).with_verified(stops, lifts, root))
    }
}

impl StopInForce {
    /// Returns a stop of the whole channel in the place of one that nobody can read.
    #[must_use]
    pub const fn unreadable(digest: Digest) -> Self {
        Self {
            digest,
            note: None,
            tool: None,
            operation: None,
            agent: None,
            limit: StopLimit::None,
            until: None,
        }
    }
}

#[cfg(test)]
mod tests;
