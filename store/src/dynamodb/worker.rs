//! The thread that talks to the service, with a runtime of its own: one for all tables of the process, for its life.
//!
//! Callers are on threads of any kind: of none, of a pool, or of another runtime, where starting a runtime and dropping
//! one would panic. So no caller ever touches this one: it hands over its work and waits for the answer as for a disk.
//! Whoever opens a table again and again finds the connections of before.

use std::pin::Pin;
use std::sync::{OnceLock, mpsc};
use std::{io, thread};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Most threads that look up names: the system's resolver cannot be ended, and may hang.
const RESOLVERS: usize = 4;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where work for the thread is put. The thread ends if nobody can put any more.
static WORKER: OnceLock<UnboundedSender<Work>> = OnceLock::new();

/// Why work has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The system starts no thread.
    #[error("no thread can be started for it")]
    Start(#[from] io::Error),
    /// The work panicked.
    #[error("the client of the service broke down")]
    BrokenDown,
}

/// Does `work` on the thread, and waits until it has ended: `work` has its own deadline.
pub(super) fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, NoAnswer> {
    let (answered, answer) = mpsc::sync_channel(1);
    let work = async move {
        // Whoever asked waits below.
        let _ = answered.send(work.await);
    };
    let broken = NoAnswer::BrokenDown;
    if worker()?.send(Box::pin(work)).is_err() {
        return Err(broken);
    }
    answer.recv().map_err(|_| broken)
}

/// Returns where work is put, and starts the thread if there is none yet.
fn worker() -> io::Result<&'static UnboundedSender<Work>> {
    if let Some(worker) = WORKER.get() {
        return Ok(worker);
    }
    let (work, todo) = unbounded_channel();
    let (ready, started) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("dynamodb".to_owned())
        .spawn(move || serve(todo, &ready))?;
    started.recv().map_err(io::Error::other)??;
    // If somebody else was faster, the thread that was just started ends again.
    Ok(WORKER.get_or_init(|| work))
}

/// Does what comes. Pieces of work run side by side, and one that panics ends alone.
fn serve(mut todo: UnboundedReceiver<Work>, ready: &mpsc::SyncSender<io::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    runtime.block_on(async {
        while let Some(work) = todo.recv().await {
            tokio::spawn(work);
        }
    });
}
