//! One look at a time, on a thread of its own, with a deadline.
//!
//! A disk that hangs hangs the thread that reads from it, and nothing ends such a thread. So a look that is still under
//! way keeps the next ones from beginning, and each of those has failed; there is never a second thread.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// Looks at one source.
#[derive(Debug)]
pub struct Looker {
    name: String,
    under_way: Arc<AtomicBool>,
}

/// Why a look came to nothing.
#[derive(Debug)]
pub enum Missed {
    /// It took longer than this.
    Deadline(Duration),
    /// The one before has not ended.
    UnderWay,
    /// It panicked.
    Panicked,
    /// There is no thread for it.
    NoThread(io::Error),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline(within) => write!(f, "the look did not end within {within:?}"),
            Self::UnderWay => f.write_str("the look before has not ended yet"),
            Self::Panicked => f.write_str("the look ended early"),
            Self::NoThread(error) => write!(f, "there is no thread for the look: {error}"),
        }
    }
}

/// The one place for a look. Dropped: free again.
struct Place(Arc<AtomicBool>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Looker {
    /// Makes a looker that has not looked yet and whose threads are called `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            under_way: Arc::default(),
        }
    }

    /// Does `work` on a thread of its own and waits for what comes of it, but not longer than `within`.
    ///
    /// # Errors
    /// [`Missed`]; what comes of the work later is dropped.
    pub async fn look<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Missed> {
        // Taken before the thread is there, so that two who look at the same time make one thread.
        if self.under_way.swap(true, Ordering::AcqRel) {
            return Err(Missed::UnderWay);
        }
        let place = Place(Arc::clone(&self.under_way));
        let (done, found) = oneshot::channel();
        let spawned = thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                let found = work();
                // Before the answer: whoever has it may look again.
                drop(place);
                let _nobody_waits = done.send(found);
            });
        if let Err(error) = spawned {
            return Err(Missed::NoThread(error));
        }
        // After the deadline the thread goes on by itself and keeps its place; only nobody waits for it any more.
        match timeout(within, found).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) => Err(Missed::Panicked),
            Err(_) => Err(Missed::Deadline(within)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn t11_a_look_that_never_ends_is_the_only_one() {
        let looker = Looker::new("look");
        let (end, ends) = mpsc::channel::<()>();
        let (gone, is_gone) = mpsc::channel::<()>();
        let endless = move || {
            let _ended = ends.recv();
            drop(gone);
        };
        let missed = looker.look(Duration::from_millis(20), endless).await;
        assert!(matches!(missed, Err(Missed::Deadline(_))), "{missed:?}");
        for _ in 0..3 {
            let missed = looker.look(LONG, || ()).await;
            assert!(matches!(missed, Err(Missed::UnderWay)), "{missed:?}");
        }
        // It ends after all: the next look is a look again.
        drop(end);
        let ended = is_gone.recv_timeout(LONG);
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
        while matches!(looker.look(LONG, || ()).await, Err(Missed::UnderWay)) {}
        assert!(matches!(looker.look(LONG, || 7).await, Ok(7)));
    }

    #[tokio::test]
    async fn a_look_that_panics_is_a_failed_one_and_makes_room() {
        let looker = Looker::new("look");
        let panics = || panic!("as it is asked to");
        let missed = looker.look::<()>(LONG, panics).await;
        assert!(matches!(missed, Err(Missed::Panicked)), "{missed:?}");
        while matches!(looker.look(LONG, || ()).await, Err(Missed::UnderWay)) {}
        assert!(looker.look(LONG, || ()).await.is_ok());
    }
}
