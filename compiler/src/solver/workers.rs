//! Work on many operations at once: each worker has a solver of its own.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Prover, STACK, Solver};

/// What `examine` makes of each of `work`, in its order, and how many questions solvers were asked. `None` stands where
/// it did not come to its end. Zero workers stand for one a processor; `progress` is told how many of how many are done.
///
/// # Errors
/// The system gives no threads.
pub(crate) fn each<W: Sync, R: Send>(
    work: &[W],
    solver: Option<&Solver>,
    workers: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
    examine: impl Fn(&W, Option<&mut Prover>) -> R + Sync,
) -> std::io::Result<(Vec<Option<R>>, usize)> {
    let (next, done, asked) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let results: Mutex<BTreeMap<usize, R>> = Mutex::new(BTreeMap::new());
    let worker = || {
        let mut prover = solver.cloned().and_then(|solver| Prover::new(solver).ok());
        while let Some((at, one)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            work.get(at).map(|one| (at, one))
        } {
            let result = examine(one, prover.as_mut());
            if let Ok(mut results) = results.lock() {
                results.insert(at, result);
            }
            progress(
                done.fetch_add(1, Ordering::Relaxed).saturating_add(1),
                work.len(),
            );
        }
        asked.fetch_add(prover.map_or(0, |prover| prover.asked), Ordering::Relaxed);
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = if workers == 0 { processors } else { workers };
    let workers = workers.min(work.len());
    std::thread::scope(|scope| {
        let mut started = Vec::new();
        for _ in 0..workers {
            let builder = std::thread::Builder::new().stack_size(STACK);
            started.push(builder.spawn_scoped(scope, worker)?);
        }
        for worker in started {
            // A worker that panicked leaves what it was at without a result.
            let _panicked = worker.join();
        }
        Ok::<_, std::io::Error>(())
    })?;
    let mut results = results.into_inner().unwrap_or_default();
    let all = (0..work.len()).map(|at| results.remove(&at));
    Ok((all.collect(), asked.into_inner()))
}
