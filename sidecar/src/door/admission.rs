//! Who is let in: callers that the configuration names, each to places of its own, so that one who opens all it can
//! takes nobody else's. As each connection carries a bounded number of requests, its places are its share of these too.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bounds::{LEAST_CONNECTIONS, MAX_CONNECTIONS};
use crate::caller::{Caller, Callers};
use crate::metrics::{Metrics, TurnedAway};
use crate::seldom::Seldom;

/// Decides about each connection before a byte of it is read.
pub(super) struct Admission {
    callers: Callers,
    pub(super) places: Arc<Places>,
    metrics: Arc<Metrics>,
    strangers: Seldom,
    crowds: Seldom,
}

/// Every caller's places.
#[derive(Debug)]
pub struct Places {
    each: usize,
    of: BTreeMap<u32, Arc<Semaphore>>,
}

impl Admission {
    /// Makes an admission of `callers`, all of whose places are free.
    pub(super) fn new(callers: Callers, metrics: Arc<Metrics>) -> Self {
        Self {
            places: Arc::new(Places::new(callers.uids())),
            callers,
            metrics,
            strangers: Seldom::default(),
            crowds: Seldom::default(),
        }
    }

    /// Finds the caller behind `stream` and takes a place for the connection. Returns `None` if the connection has to
    /// be closed, because the user is no caller or the caller has no place left.
    pub(super) fn admit(&self, stream: &UnixStream) -> Option<(Arc<Caller>, OwnedSemaphorePermit)> {
        // 1. Who it is, as the kernel noted when the peer connected: nothing that the peer sends can change it. A peer
        // that the kernel does not know is nobody.
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        // 2. Whether the configuration names that user. The mode of the socket has kept most others out before.
        let Some(caller) = uid.and_then(|uid| self.callers.get(uid)) else {
            self.metrics.turned_away(TurnedAway::Peer);
            if let Some(passed_over) = self.strangers.tell() {
                tracing::warn!(
                    uid,
                    passed_over,
                    "connection closed: no [[callers]] table has the uid of this user"
                );
            }
            return None;
        };
        // 3. A place among the caller's own. What comes without one is closed and does not wait: a queue of connections
        // would be one more thing to fill.
        let Some(place) = self.places.take(caller.uid) else {
            self.metrics.turned_away(TurnedAway::Limit);
            if let Some(passed_over) = self.crowds.tell() {
                tracing::warn!(
                    uid,
                    passed_over,
                    "connection closed: this caller has no place left for another"
                );
            }
            return None;
        };
        Some((Arc::clone(caller), place))
    }
}

impl Places {
    /// Makes places for each of `callers`: an equal part of [`MAX_CONNECTIONS`], but at least [`LEAST_CONNECTIONS`].
    pub(super) fn new(callers: impl Iterator<Item = u32>) -> Self {
        let callers: Vec<u32> = callers.collect();
        let each = MAX_CONNECTIONS.checked_div(callers.len()).unwrap_or(0);
        let each = each.max(LEAST_CONNECTIONS);
        let place = |uid| (uid, Arc::new(Semaphore::new(each)));
        Self {
            each,
            of: callers.into_iter().map(place).collect(),
        }
    }

    /// Takes a place of the caller `uid`, which is free again when what is returned is dropped. Returns `None` if the
    /// caller has taken all of its own.
    pub(super) fn take(&self, uid: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.of.get(&uid)?).try_acquire_owned().ok()
    }

    /// Returns how many places are taken, of all callers together.
    #[must_use]
    pub fn taken(&self) -> usize {
        let free = |places: &Arc<Semaphore>| places.available_permits();
        let taken = |places| self.each.saturating_sub(free(places));
        self.of.values().map(taken).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t27_a_caller_that_takes_all_its_places_takes_nobody_elses() {
        let places = Places::new([10, 20, 30].into_iter());
        let held: Vec<_> = std::iter::from_fn(|| places.take(10)).collect();
        assert_eq!((held.len(), places.taken()), (21, 21));
        let other = places.take(20).expect("a place of its own");
        assert!(places.take(40).is_none(), "of nobody");
        drop(held);
        assert_eq!(places.taken(), 1);
        drop(other);

        let alone = Places::new([10].into_iter());
        let all = std::iter::from_fn(|| alone.take(10)).collect::<Vec<_>>();
        assert_eq!(all.len(), MAX_CONNECTIONS);
        let many = Places::new(0..1000);
        let few = std::iter::from_fn(|| many.take(999)).collect::<Vec<_>>();
        assert_eq!(few.len(), LEAST_CONNECTIONS);
    }
}
