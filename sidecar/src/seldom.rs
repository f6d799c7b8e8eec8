//! Events that others can cause as often as they like. The first one is told at once, later ones at most once a minute
//! with how many were passed over, so that nobody can fill the events, or hide something else among them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two lines of one event: seen while it lasts, and 1,440 lines a day at most.
const PAUSE: Duration = Duration::from_secs(60);

/// When an event was told last, and how often it was not since.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<SeldomState>);

#[derive(Debug, Default)]
struct SeldomState {
    told: Option<Instant>,
    passed_over: u64,
}

impl Seldom {
    /// Returns how many events were passed over since one was told, if the event is to be told this time; otherwise
    /// passes it over and returns `None`.
    pub(crate) fn tell(&self) -> Option<u64> {
        self.tell_at(Instant::now())
    }

    fn tell_at(&self, now: Instant) -> Option<u64> {
        // A panic of another holder leaves a state that is whole: each change is one assignment.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = state
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < PAUSE);
        if soon {
            state.passed_over = state.passed_over.saturating_add(1);
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.passed_over))
    }

    /// Makes it a long time ago that the event was told.
    #[cfg(test)]
    pub(crate) fn let_time_pass(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told = None;
    }

    /// Begins again: the next event is told, because it is the first of its kind once more.
    pub(crate) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = SeldomState::default();
    }
}

/// One event of several kinds, each of which is told for itself. Whoever names the kinds keeps their number small.
#[derive(Debug)]
pub(crate) struct SeldomEach<K>(Mutex<BTreeMap<K, Seldom>>);

impl<K> Default for SeldomEach<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> SeldomEach<K> {
    /// Decides for the event of this `kind` whether it is told this time, and returns what [`Seldom::tell`] does.
    pub(crate) fn tell(&self, kind: K) -> Option<u64> {
        let mut each = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        each.entry(kind).or_default().tell()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_then_one_a_minute_with_the_count_of_the_others() {
        let (seldom, begin) = (Seldom::default(), Instant::now());
        let at = |seconds| seldom.tell_at(begin + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(30), at(59)), (None, None, None));
        assert_eq!(at(60), Some(3));
        assert_eq!(at(61), None);
        seldom.reset();
        assert_eq!(at(62), Some(0));
    }

    #[test]
    fn no_kind_of_an_event_hides_another() {
        let each = SeldomEach::default();
        assert_eq!((each.tell(1), each.tell(1)), (Some(0), None));
        assert_eq!((each.tell(2), each.tell(1)), (Some(0), None));
    }
}
