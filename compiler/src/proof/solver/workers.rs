//! Work on many operations at once: each thread has a prover of its own.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Prover, Provers, STACK};

/// Runs `examine` on each of `work` in several threads. Returns the results in the order of `work`, with `None` where
/// one did not come to its end, and how many questions solvers were asked. Zero workers stand for one a processor;
/// `progress` is told how many of how many are done.
///
/// # Errors
/// The system gives no threads.
pub(crate) fn each<W: Sync, R: Send>(
    work: &[W],
    provers: &Provers,
    workers: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
    examine: impl Fn(&W, &mut Prover<'_>) -> R + Sync,
) -> std::io::Result<(Vec<Option<R>>, usize)> {
    let (next, done, asked) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let results: Mutex<BTreeMap<usize, R>> = Mutex::new(BTreeMap::new());
    let worker = || {
        let mut prover = provers.prover();
        while let Some((at, one)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            work.get(at).map(|one| (at, one))
        } {
            let result = examine(one, &mut prover);
            if let Ok(mut results) = results.lock() {
                results.insert(at, result);
            }
            progress(
                done.fetch_add(1, Ordering::Relaxed).saturating_add(1),
                work.len(),
            );
        }
        asked.fetch_add(prover.asked, Ordering::Relaxed);
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
