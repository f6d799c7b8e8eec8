//! Recorded attempts, decided again under two policies: which answers flip, and how much people will be asked.
//!
//! Nothing but the records is read of what happened. Lines come in batches, workers decide them, and one reader of
//! their findings adds up in the order of the log: the result hangs neither on the number of processors nor, beyond
//! its caps, on the length of the log.

mod flips;
mod forecast;
mod judge;
mod lines;
mod predicted;
mod question;
mod share;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

pub use flips::{Counts, Flips, OperationFlips, Sample, User, Word};
pub use forecast::{Approver, Forecast, Load, Peak, RouteLoad};
pub use judge::{Flip, Otherwise, Seen};
pub use lines::Torn;
pub use predicted::{NotPredicted, Predicted, Surprise, Unpredicted};
pub use question::{Question, ReplayError, ReplayedPolicy};

use judge::{BatchFindings, Judge};
use lines::Batch;

/// Batches that wait for a worker, and findings that wait for their reader.
const QUEUE: usize = 4;

/// Everything that was found.
#[derive(Debug)]
pub struct Replayed {
    /// Files that were read.
    pub files: usize,
    /// What was seen on the way.
    pub seen: Seen,
    /// A last line without an end.
    pub torn: Option<Torn>,
    /// Operations that answer alike under both, whatever is asked.
    pub alike: usize,
    /// Answers that differ.
    pub flips: Flips,
    /// What people will be asked.
    pub forecast: Forecast,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Attempts so far.
    pub attempts: u64,
    /// How much of the files, in MiB.
    pub mebibytes: usize,
    /// How long the files are together, in MiB.
    pub of: usize,
}

/// Decides every attempt in the logs at `paths` (files, or folders of files) under both policies of `question`.
///
/// # Errors
/// [`ReplayError`] if a log cannot be read to its end; what was found before means nothing then.
pub fn replay(
    question: Question<'_>,
    paths: &[PathBuf],
    mut progress: impl FnMut(Done),
) -> Result<Replayed, ReplayError> {
    let files = lines::files(paths)?;
    let judge = Judge::new(question);
    let workers = thread::available_parallelism().map_or(1, |processors| processors.get().min(16));
    let mut total = Total {
        length: lines::length(&files),
        ..Total::default()
    };
    let torn = thread::scope(|scope| {
        let (mut senders, mut receivers, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..workers {
            let (send, batches) = sync_channel(QUEUE);
            let (findings, receive) = sync_channel(QUEUE);
            let judge = &judge;
            threads.push(scope.spawn(move || work(judge, &batches, &findings)));
            senders.push(send);
            receivers.push(receive);
        }
        let files = &files;
        let reader = scope.spawn(move || hand_out(files, &senders));
        let added = total.add_all(receivers, &mut progress);
        let read = reader.join().map_err(|_| ReplayError::Worker)?;
        let finished = threads.into_iter().all(|worker| worker.join().is_ok());
        let batches = added?;
        let (torn, handed_out) = read?;
        if finished && batches == handed_out {
            Ok(torn)
        } else {
            Err(ReplayError::Worker)
        }
    })?;
    let Total {
        seen,
        flips,
        requests,
        ..
    } = total;
    Ok(Replayed {
        files: files.len(),
        seen,
        torn,
        alike: judge.alike(),
        flips: flips.finish(),
        forecast: requests.forecast(question),
    })
}

/// Hands batch after batch to worker after worker. Returns a last line without an end, if there is one, and how many
/// batches there were.
fn hand_out(
    files: &[PathBuf],
    workers: &[SyncSender<Batch>],
) -> Result<(Option<Torn>, u64), ReplayError> {
    let mut handed_out = 0_u64;
    let mut next = workers.iter().cycle();
    let torn = lines::read(files, |batch| {
        handed_out = handed_out.saturating_add(1);
        // A worker that takes no more has met a line that ends the run.
        next.next().is_some_and(|worker| worker.send(batch).is_ok())
    })?;
    Ok((torn, handed_out))
}

fn work(
    judge: &Judge<'_>,
    batches: &Receiver<Batch>,
    findings: &SyncSender<Result<BatchFindings, ReplayError>>,
) {
    while let Ok(batch) = batches.recv() {
        let found = judge.batch(&batch);
        let wrong = found.is_err();
        if findings.send(found).is_err() || wrong {
            return;
        }
    }
}

/// What has been added up.
#[derive(Debug, Default)]
struct Total {
    seen: Seen,
    flips: flips::Tally,
    requests: forecast::Requests,
    bytes: u64,
    length: u64,
}

fn mebibytes(bytes: u64) -> usize {
    usize::try_from(bytes >> 20).unwrap_or(usize::MAX)
}

impl Total {
    /// Adds up the findings of all workers in the order of the batches, and returns how many batches there were.
    fn add_all(
        &mut self,
        receivers: Vec<Receiver<Result<BatchFindings, ReplayError>>>,
        progress: &mut impl FnMut(Done),
    ) -> Result<u64, ReplayError> {
        let mut batches = 0_u64;
        for receiver in receivers.iter().cycle() {
            // Batches went round, so the first worker without one had the end.
            let Ok(found) = receiver.recv() else { break };
            self.add(found?)?;
            batches = batches.saturating_add(1);
            progress(Done {
                attempts: self.seen.attempts,
                mebibytes: mebibytes(self.bytes),
                of: mebibytes(self.length),
            });
        }
        Ok(batches)
    }

    fn add(&mut self, found: BatchFindings) -> Result<(), ReplayError> {
        let BatchFindings {
            seen,
            flips,
            requests,
            bytes,
        } = found;
        self.seen.add(seen);
        self.flips.add_all(flips);
        self.requests.add(requests)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}
