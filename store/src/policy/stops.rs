//! The stops of a channel and their lifts, beside its releases.

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{ChannelName, StopId};
use stopgate_decide::supply::{
    MAX_DOCUMENT_BYTES, MAX_STOPS, SeenStops, StopsMoment, SupplyRefusal,
};

use super::{DOCUMENT, Moved, Policies, bytes, instant, text};
use crate::{
    Change, Condition, EachItem, Invalid, Item, Items, Key, Most, StoreError, TRANSACTION_WRITES,
    Value, Write,
};

const EXPIRES: &str = "expires";
const STOP: &str = "stop";

/// Stands behind the digest of a stop in the key of its lift. No id of a stop has it.
const LIFT: &str = "#lift";

/// How much of a channel's stops is read: those that hold, their lifts, and those that are over and still there.
const MOST: Most = Most {
    items: 4 * MAX_STOPS,
    bytes: 4 * MAX_STOPS * MAX_DOCUMENT_BYTES,
};

/// How long a stop stays in the store once it is over. Who sees it only then still learns that it was one.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What the store holds of a channel's stops: documents that nobody has verified yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredStops {
    /// The stops, by their ids.
    pub stops: Vec<Vec<u8>>,
    /// The lifts.
    pub lifts: Vec<Vec<u8>>,
    /// Items that are not as this program writes them.
    pub spoilt: Vec<String>,
}

impl StoredStops {
    /// Shows everything to `seen`, and returns why each document was refused that was.
    pub fn show(&self, seen: &mut SeenStops, at: &StopsMoment<'_>) -> Vec<SupplyRefusal> {
        let stops = self.stops.iter().map(|stop| seen.see_stop(stop, at));
        let mut refused: Vec<_> = stops.filter_map(Result::err).collect();
        let lifts = self.lifts.iter().map(|lift| seen.see_lift(lift, at));
        refused.extend(lifts.filter_map(Result::err));
        refused
    }
}

impl<S: Items> Policies<S> {
    /// Reads the stops and lifts of `channel`, but for those that have been over for a day at the instant `now`, as their
    /// items say. An item that is not as this program writes it is only named: it says nothing, and hides none of the
    /// others.
    ///
    /// # Errors
    /// [`StoreError`], also if there are more items than ever were stops: nobody knows then which there are.
    pub fn stops(&self, channel: &ChannelName, now: Timestamp) -> Result<StoredStops, StoreError> {
        let over = over_before(now);
        let mut stored = StoredStops::default();
        for (sort, item) in self.stop_items(channel)? {
            let item = match item {
                Ok(item) => item,
                Err(error) => {
                    stored.spoilt.push(error.to_string());
                    continue;
                }
            };
            if text(&item, EXPIRES).is_some_and(|expires| *expires < *over) {
                continue;
            }
            match bytes(&item, DOCUMENT) {
                Some(document) if sort.ends_with(LIFT) => stored.lifts.push(document.to_vec()),
                Some(document) => stored.stops.push(document.to_vec()),
                None => {
                    let place = format!("{} {sort}", partition(channel));
                    stored
                        .spoilt
                        .push(format!("{place} is spoilt: it has no document"));
                }
            }
        }
        Ok(stored)
    }

    fn stop_items(&self, channel: &ChannelName) -> Result<EachItem, StoreError> {
        let partition = partition(channel);
        let one_more = Most {
            items: MOST.items + 1,
            ..MOST
        };
        let found = self.0.query_each(&partition, "", one_more)?;
        if found.len() > MOST.items {
            return Err(StoreError::Spoilt {
                place: partition,
                why: format!("it has more than {} items", MOST.items),
            });
        }
        Ok(found)
    }

    /// Reads the stop called `id` of `channel`.
    ///
    /// # Errors
    /// [`StoreError`]; an item that is not as this program writes it is spoilt.
    pub fn stop(&self, channel: &ChannelName, id: &StopId) -> Result<Option<Vec<u8>>, StoreError> {
        let key = stop_key(channel, id)?;
        let Some(item) = self.0.get(&key)? else {
            return Ok(None);
        };
        let document = bytes(&item, DOCUMENT).map(<[u8]>::to_vec);
        document.map(Some).ok_or_else(|| super::spoilt(&key))
    }

    /// Puts a stop of `channel` called `id`, unless there is one with that id. `digest` names it, and it ends at `expires`.
    ///
    /// # Errors
    /// As [`Policies::move_head`].
    pub fn put_stop(
        &self,
        channel: &ChannelName,
        id: &StopId,
        document: Vec<u8>,
        (digest, expires): (Digest, Timestamp),
    ) -> Result<Moved, StoreError> {
        self.moved(&[Write {
            key: stop_key(channel, id)?,
            condition: vec![Condition::Absent],
            change: Change::Put(item(document, digest, expires)?),
        }])
    }

    /// Puts a lift of the stop of `channel` that is called `stop`, in the place of any that is there, whether or not the
    /// stop is in the store. It is of use until `expires`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn put_lift(
        &self,
        channel: &ChannelName,
        document: Vec<u8>,
        (stop, expires): (Digest, Timestamp),
    ) -> Result<(), StoreError> {
        self.0.transact(&[Write {
            key: Key::new(partition(channel), format!("{}{LIFT}", stop.hex()))?,
            condition: Vec::new(),
            change: Change::Put(item(document, stop, expires)?),
        }])
    }

    /// Takes away the stops and lifts of `channel` that have been over for a day at the instant `now`, as far as their
    /// items say so, and returns how many items that were. What somebody else changes meanwhile stays.
    ///
    /// # Errors
    /// [`StoreError`]; what was taken away until then is gone.
    pub fn tidy_stops(&self, channel: &ChannelName, now: Timestamp) -> Result<usize, StoreError> {
        let before = over_before(now);
        let partition = partition(channel);
        let found = self.stop_items(channel)?;
        let over = found.into_iter().filter_map(|(sort, item)| {
            let expires = text(&item.ok()?, EXPIRES)?.to_owned();
            (*expires < *before).then_some((sort, expires))
        });
        let mut removed = 0;
        let over: Vec<_> = over.collect();
        for some in over.chunks(TRANSACTION_WRITES) {
            let writes = some.iter().map(|(sort, expires)| {
                let unchanged = Condition::Equals(EXPIRES.to_owned(), Value::Text(expires.clone()));
                Ok(Write {
                    key: Key::new(&partition, sort)?,
                    condition: vec![unchanged],
                    change: Change::Delete,
                })
            });
            match self.moved(&writes.collect::<Result<Vec<_>, Invalid>>()?)? {
                Moved::Here => removed += some.len(),
                // Whoever was there first takes them away.
                Moved::Overtaken => {}
            }
        }
        Ok(removed)
    }
}

fn item(document: Vec<u8>, stop: Digest, expires: Timestamp) -> Result<Item, Invalid> {
    Item::new([
        (DOCUMENT, Value::Bytes(document)),
        (STOP, Value::Text(stop.to_string())),
        (EXPIRES, Value::Text(instant(expires))),
    ])
}

fn partition(channel: &ChannelName) -> String {
    format!("STOP#{channel}")
}

fn stop_key(channel: &ChannelName, id: &StopId) -> Result<Key, Invalid> {
    Key::new(partition(channel), id.as_str())
}

/// Returns the instant, as a text, before which a stop has been over for so long that nobody needs it at `now`.
fn over_before(now: Timestamp) -> String {
    instant(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN))
}
