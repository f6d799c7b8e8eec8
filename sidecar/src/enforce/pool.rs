//! Threads of our own for decisions that may take long, with places for each caller, so that nobody waits for another.
//!
//! A caller has one decision under way and a few that wait; callers take turns. What finds no place is refused at once.
//! The threads are one less than the machine has cores, so that cheap decisions, probes and status always have one.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::bounds::WAITING_DECISIONS;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Dropped, they end after what they are at; what waits then is dropped.
#[derive(Debug)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    /// Told whenever there is something to take, or nothing will come any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    /// By uid, of callers that have a place.
    of: BTreeMap<u32, Line>,
    /// Callers with something to take and nothing under way, in the order of their turns.
    turns: VecDeque<u32>,
    ended: bool,
}

/// The places of one caller.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// Taken: under way, waiting, or promised.
    places: usize,
    under_way: bool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("places", &self.places)
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}

/// A place that is taken and given back when it is dropped, which is when its work is done.
#[derive(Debug)]
pub(super) struct PoolPlace {
    shared: Arc<Shared>,
    caller: u32,
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the decisions that wait, caller by caller, until the pool ends.
    fn work(&self) {
        while let Some((caller, job)) = self.take() {
            // What a panic leaves behind is dropped: who waits for the answer hears that there is none.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("decision panicked");
            }
            // Its next one goes behind the others' turns, so that a caller with many that wait has one in each round.
            let mut lines = self.lines();
            if lines.rest(caller) {
                self.changed.notify_one();
            }
        }
    }

    fn take(&self) -> Option<(u32, Job)> {
        let mut lines = self.lines();
        loop {
            if lines.ended {
                return None;
            }
            if let Some(next) = lines.next() {
                return Some(next);
            }
            lines = self
                .changed
                .wait(lines)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lines {
    /// Returns the caller whose turn it is, and its work, which is then under way; `None` if nothing waits.
    fn next(&mut self) -> Option<(u32, Job)> {
        while let Some(caller) = self.turns.pop_front() {
            let line = self.of.entry(caller).or_default();
            if let Some(job) = line.waiting.pop_front() {
                line.under_way = true;
                return Some((caller, job));
            }
        }
        None
    }

    /// Notes that nothing of `caller` is under way any more, and returns whether the caller gets another turn.
    fn rest(&mut self, caller: u32) -> bool {
        let Some(line) = self.of.get_mut(&caller) else {
            return false;
        };
        line.under_way = false;
        let again = !line.waiting.is_empty();
        if again {
            self.turns.push_back(caller);
        } else if line.places == 0 {
            self.of.remove(&caller);
        }
        again
    }
}

impl Pool {
    /// Makes a pool and starts its threads: one less than there are cores, and at least one.
    ///
    /// # Errors
    /// The machine has no thread for it.
    pub(super) fn new() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let pool = Self(Arc::default());
        // Where there is only one core the kernel shares it out; a pool without a thread would answer nobody.
        for _ in 0..cores.saturating_sub(1).max(1) {
            let shared = Arc::clone(&pool.0);
            std::thread::Builder::new()
                .name("dear-decisions".to_owned())
                .spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Takes a place for one decision of `caller`. Returns `None` if all places of the caller are taken.
    pub(super) fn place(&self, caller: u32) -> Option<PoolPlace> {
        let mut lines = self.0.lines();
        let line = lines.of.entry(caller).or_default();
        // One more than may wait: the one under way has a place too.
        if line.places > WAITING_DECISIONS {
            return None;
        }
        line.places = line.places.saturating_add(1);
        Some(PoolPlace {
            shared: Arc::clone(&self.0),
            caller,
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut lines = self.0.lines();
            lines.ended = true;
            std::mem::take(&mut lines.of)
        };
        // Each gives its place back, for which nobody may hold the lock.
        drop(waiting);
        self.0.changed.notify_all();
    }
}

impl PoolPlace {
    /// Runs `job` when it is its caller's turn. The place is free again when `job` has run, or will never run.
    pub(super) fn run(self, job: impl FnOnce() + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        let caller = self.caller;
        let job: Job = Box::new(move || {
            job();
            drop(self);
        });
        let mut lines = shared.lines();
        if lines.ended {
            drop(lines);
            drop(job);
            return;
        }
        let line = lines.of.entry(caller).or_default();
        // A caller with something under way or waiting has its turn coming already.
        let is_turn = !line.under_way && line.waiting.is_empty();
        line.waiting.push_back(job);
        if is_turn {
            lines.turns.push_back(caller);
            shared.changed.notify_one();
        }
    }
}

impl Drop for PoolPlace {
    fn drop(&mut self) {
        let mut lines = self.shared.lines();
        if let Some(line) = lines.of.get_mut(&self.caller) {
            line.places = line.places.saturating_sub(1);
            if line.places == 0 && !line.under_way && line.waiting.is_empty() {
                lines.of.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Makes a pool of one thread, whatever the machine.
    fn one() -> Pool {
        let pool = Pool(Arc::default());
        let shared = Arc::clone(&pool.0);
        std::thread::spawn(move || shared.work());
        pool
    }

    /// Runs work of `caller` that tells its name and then goes on when what is returned says so; `None` if there is no
    /// place.
    fn held(
        pool: &Pool,
        caller: u32,
        name: &'static str,
        told: &Sender<&'static str>,
    ) -> Option<Sender<()>> {
        let (go, gone) = channel::<()>();
        let told = told.clone();
        pool.place(caller)?.run(move || {
            told.send(name).expect("somebody listens");
            let _either_way = gone.recv_timeout(PATIENCE);
        });
        Some(go)
    }

    fn next(heard: &Receiver<&'static str>) -> &'static str {
        heard.recv_timeout(PATIENCE).expect("it runs")
    }

    #[test]
    fn one_is_under_way_four_wait_and_one_more_is_refused() {
        let pool = one();
        let (told, heard) = channel();
        let held: Vec<_> = (0..=WAITING_DECISIONS)
            .map(|_| held(&pool, 7, "a", &told))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert_eq!(next(&heard), "a");
        assert!(pool.place(7).is_none(), "all places are taken");
        assert!(pool.place(8).is_some(), "of one caller only");
        drop(held);
        for _ in 0..WAITING_DECISIONS {
            assert_eq!(next(&heard), "a");
        }
    }

    #[test]
    fn callers_take_turns_and_a_panic_frees_its_place() {
        let pool = one();
        let (told, heard) = channel();
        let first = held(&pool, 1, "one", &told).expect("a place");
        assert_eq!(next(&heard), "one");
        // All of these come while the only thread is busy.
        let many: Vec<_> = (0..WAITING_DECISIONS)
            .map(|_| held(&pool, 1, "one", &told))
            .collect();
        pool.place(2)
            .expect("a place")
            .run(|| panic!("of a decision"));
        let other = held(&pool, 2, "two", &told).expect("a place");
        drop((first, many, other));
        // The second caller waits for one decision of the first at a time, not for all of them.
        let order: Vec<_> = (0..=WAITING_DECISIONS).map(|_| next(&heard)).collect();
        let two = order.iter().position(|name| *name == "two");
        assert!(two.is_some_and(|two| two <= 2), "{order:?}");
        drop(pool);
    }

    #[test]
    fn t27_a_flood_of_one_caller_delays_another_by_the_one_decision_that_is_under_way() {
        let pool = one();
        let (told, heard) = channel();
        let mut flood = VecDeque::new();
        // The first caller takes every place as soon as it is free.
        let refill = |flood: &mut VecDeque<_>| {
            let begun = std::time::Instant::now();
            while flood.len() <= WAITING_DECISIONS {
                flood.extend(held(&pool, 1, "flood", &told));
                assert!(begun.elapsed() < PATIENCE, "no place is freed");
            }
            assert!(pool.place(1).is_none(), "and never has more");
        };
        refill(&mut flood);
        assert_eq!(next(&heard), "flood");
        for _ in 0..50 {
            let other = held(&pool, 2, "other", &told).expect("a place of its own");
            drop(flood.pop_front());
            refill(&mut flood);
            // Four of the first caller have waited for longer.
            assert_eq!(next(&heard), "other");
            drop(other);
            assert_eq!(next(&heard), "flood", "nor does the other keep it out");
        }
        drop(flood);
    }

    #[test]
    fn what_waits_when_the_pool_ends_is_dropped() {
        let pool = one();
        let (told, heard) = channel();
        let first = held(&pool, 1, "one", &told).expect("a place");
        assert_eq!(next(&heard), "one");
        let (kept, dropped) = channel::<()>();
        pool.place(1).expect("a place").run(move || drop(kept));
        drop(pool);
        assert!(
            dropped.recv_timeout(PATIENCE).is_err(),
            "it never runs, and is gone"
        );
        drop(first);
    }
}
