//! The one thread that writes: batches, numbers, links, flushes, answers.
//!
//! Numbers and links move on only when a batch is on the disk. What is owed (the `start`, a `gap`) goes first.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    Encoded, MAX_LINE_BYTES, RecordBody, RecordKind, Seq, Stamp, no_line_before,
};
use tokio::sync::watch;

use crate::seldom::Seldom;

use super::error::{AuditError, Fatal, Health};
use super::queue::{Message, QueuedRecord};
use super::room::Roominess;
use super::storage::Storage;
use super::unrecorded::Unrecorded;

/// Most bytes of one write: as much as a crash can tear, so what recovery reads into memory. With four of the longest
/// lines, or thousands of usual ones, the flush is what costs.
pub(super) const MAX_BATCH_BYTES: usize = 4 * MAX_LINE_BYTES;

/// Room is asked for in steps of this many bytes, so that a full disk is met before a record is under way. It is one
/// batch, and a sixteenth of a file: little is reserved in vain, and the file system is asked once in thousands of
/// records.
const RESERVE: u64 = 4 * 1024 * 1024;

/// How long an unwritable log waits before it tries by itself. A disk that was freed is in use again before an operator
/// has looked, and a full one is not kept busy.
const RETRY: Duration = Duration::from_secs(1);

/// How often the room on the disk is looked at, and the file while nothing is written. A metric is scraped as often.
const LOOK: Duration = Duration::from_secs(10);

/// Where the next record goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// `None` when all numbers are used.
    next: Option<Seq>,
    prev: Digest,
    /// Bytes in the current file; `None` if there is no file yet.
    len: Option<u64>,
}

impl Position {
    /// Returns the position after the record `last`, in a file of `len` bytes. Both are `None` where there is none yet.
    pub(super) fn after(last: Option<(Seq, Digest)>, len: Option<u64>) -> Self {
        let (next, prev) = last.map_or_else(
            || (Some(Seq::FIRST), no_line_before()),
            |(seq, prev)| (seq.next(), prev),
        );
        Self { next, prev, len }
    }
}

/// Everything the thread owns. `storage` is dropped before `health`: who sees the channel closed may open the log.
pub(super) struct Writer<S> {
    storage: S,
    position: Position,
    /// Bytes of the current file that have room on the disk.
    reserved: u64,
    can_reserve: bool,
    start: Option<Encoded>,
    unrecorded: Arc<Unrecorded>,
    health: watch::Sender<Health>,
    room: Arc<Roominess>,
    looked: Option<Instant>,
    /// Refused writes: a full disk refuses every attempt, and one line says so.
    refusals: Seldom,
    file_bytes: u64,
}

/// What the queue brings.
enum Next {
    Message(Message),
    /// Nothing, for some time.
    Idle,
    /// Every handle is gone.
    End,
}

/// Why a batch is not on the disk.
enum Failure {
    /// The disk refused, and nothing of the batch is left.
    Refused,
    /// Nobody knows what is on the disk.
    Fatal(Fatal),
}

/// Tells everybody that the log is dead, unless the thread ended in good order.
struct Deathbed(Option<watch::Sender<Health>>);

impl Drop for Deathbed {
    fn drop(&mut self) {
        if let Some(health) = self.0.take() {
            health.send_replace(Health::Dead(Fatal::Panicked));
        }
    }
}

impl<S: Storage> Writer<S> {
    /// Makes a writer that goes on at `position` and owes the log the record `start`.
    pub(super) fn new(
        storage: S,
        position: Position,
        start: Encoded,
        unrecorded: Arc<Unrecorded>,
        health: watch::Sender<Health>,
        room: Arc<Roominess>,
        file_bytes: u64,
    ) -> Self {
        let reserved = position.len.unwrap_or(0);
        Self {
            storage,
            position,
            reserved,
            can_reserve: true,
            start: Some(start),
            unrecorded,
            health,
            room,
            looked: None,
            refusals: Seldom::default(),
            file_bytes,
        }
    }

    /// Writes the start and then what the queue brings, on a thread of its own. The start is tried before this
    /// returns, so that health means something from the beginning.
    pub(super) fn start(mut self, queue: Receiver<Message>) -> io::Result<()> {
        let (tried, first_try) = std::sync::mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                let mut deathbed = Deathbed(Some(self.health.clone()));
                let mut ended = self.commit(Vec::new());
                // Nobody waiting for this is gone before it is sent.
                let _waiting = tried.send(());
                if ended.is_ok() {
                    ended = self.run(&queue);
                }
                if let Err(fatal) = ended {
                    self.health.send_replace(Health::Dead(fatal));
                }
                deathbed.0 = None;
            })?;
        // An error means that the thread is dead, which health tells.
        let _dead = first_try.recv();
        Ok(())
    }

    fn run(&mut self, queue: &Receiver<Message>) -> Result<(), Fatal> {
        loop {
            // 1. Wait for a message: for `LOOK` if all is well, for `RETRY` if something is owed or the disk refuses.
            let (mut batch, mut bytes) = (Vec::new(), 0_usize);
            let mut message = match self.wait(queue) {
                Next::Message(message) => Some(message),
                Next::Idle => None,
                Next::End => return Ok(()),
            };
            // 2. Nothing to write and nothing owed: look after the file and the disk, so that a file that was taken
            // away or a disk that fills is seen without traffic.
            if message.is_none() && self.is_well() {
                self.still_there()?;
                self.look();
                continue;
            }
            // 3. Gather what waits in the queue. Behind a close comes nothing: what was gathered
            // before it is written, then the record of the stop by itself.
            while let Some(next) = message {
                match next {
                    Message::Append(entry) => {
                        bytes = bytes.saturating_add(entry.record.max_len());
                        batch.push(entry);
                    }
                    Message::Wake => {}
                    Message::Close(stop) => {
                        self.commit(batch)?;
                        return self.commit(vec![stop]);
                    }
                }
                // A batch is full if one more record of the longest might not fit beside what is owed.
                let full = bytes.saturating_add(2 * MAX_LINE_BYTES) > MAX_BATCH_BYTES;
                message = if full { None } else { queue.try_recv().ok() };
            }
            // 4. Write the batch; see `commit`. An empty batch writes what is owed, or finds out whether the disk takes
            // data again.
            self.commit(batch)?;
            // Who just got an answer may ask again at once: on a busy machine this lets several in, who then share
            // one flush and need not wake this thread; on an idle one it costs nothing.
            std::thread::yield_now();
        }
    }

    /// Returns whether the last write went well and nothing is owed to the log.
    fn is_well(&self) -> bool {
        matches!(*self.health.borrow(), Health::Writable) && self.unrecorded.is_empty()
    }

    /// Waits for the next message: for [`LOOK`] if all is well, else for [`RETRY`].
    fn wait(&self, queue: &Receiver<Message>) -> Next {
        let patience = if self.is_well() { LOOK } else { RETRY };
        match queue.recv_timeout(patience) {
            Ok(message) => Next::Message(message),
            Err(RecvTimeoutError::Timeout) => Next::Idle,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// Looks at the room on the disk, if that was not done a moment ago.
    fn look(&mut self) {
        let now = Instant::now();
        let soon = self
            .looked
            .is_some_and(|looked| now.saturating_duration_since(looked) < LOOK);
        if !soon {
            self.looked = Some(now);
            if let Some(room) = self.storage.room() {
                self.room.note(room);
            }
        }
    }

    /// Makes sure that nobody took away what was written.
    fn still_there(&mut self) -> Result<(), Fatal> {
        match self.position.len {
            Some(len) => {
                retry(|| self.storage.verify(len)).map_err(|error| Fatal::Replaced(Arc::new(error)))
            }
            None => Ok(()),
        }
    }

    /// Brings what is owed and `batch` to the disk and answers everybody in it.
    fn commit(&mut self, batch: Vec<QueuedRecord>) -> Result<(), Fatal> {
        // 4.1. What is owed goes first: the start until it is on the disk, and the gap of attempts that were not
        // recorded. The gap is taken out of its counter, and given back if the disk refuses.
        let now = Timestamp::now();
        let gap = self.unrecorded.take();
        let owed = self
            .start
            .clone()
            .into_iter()
            .chain(gap.map(|gap| RecordBody::Gap(gap).encode()));
        // 4.2. Lines, each with the next number and the digest of the line before. They move on in a copy of the
        // position: numbers of a batch that is refused are used again.
        let mut after = self.position;
        let mut lines = String::new();
        for record in owed {
            after.write(&record, now, &mut lines)?;
        }
        let mut written = Vec::with_capacity(batch.len());
        for entry in batch {
            let seq = after.write(&entry.record, now, &mut lines)?;
            written.push((entry, seq));
        }
        // 4.3. The disk, for all lines of the batch or none; see `persist`.
        let persisted = self.persist(lines.as_bytes());
        // 4.4. The room that is left, also when the batch was refused.
        self.look();
        // 4.5. Answers, which never come before the flush.
        match persisted {
            Ok(()) => {
                // 4.5.1. On the disk: numbers and links move on, what was owed is owed no more, and everybody gets
                // their number.
                self.refusals.reset();
                (self.position.next, self.position.prev) = (after.next, after.prev);
                self.start = None;
                self.report(Health::Writable);
                for (entry, seq) in written {
                    // Who asked may have gone; the record stays.
                    let _gone = entry.done.send(Ok(seq));
                }
                Ok(())
            }
            Err(Failure::Refused) => {
                // 4.5.2. Refused, and nothing of it is left: numbers and links stay, the gap is owed again, with one
                // more attempt for each decision of the batch, and everybody hears that the log is unavailable.
                if let Some(gap) = gap {
                    self.unrecorded.add(gap);
                }
                self.report(Health::Unwritable);
                for (entry, _) in written {
                    if entry.record.kind() == RecordKind::Decision {
                        self.unrecorded.count(now, false);
                    }
                    let _gone = entry.done.send(Err(AuditError::Unavailable));
                }
                Ok(())
            }
            Err(Failure::Fatal(fatal)) => {
                // 4.5.3. The log cannot go on, and the thread ends.
                // Before anybody hears that their record is lost, everybody can know why.
                self.health.send_replace(Health::Dead(fatal.clone()));
                Err(fatal)
            }
        }
    }

    fn report(&self, health: Health) {
        let changed =
            std::mem::discriminant(&*self.health.borrow()) != std::mem::discriminant(&health);
        if changed {
            self.health.send_replace(health);
        }
    }

    /// Brings `bytes` to the disk, all of them or none.
    fn persist(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        // 4.3.1. The file: the current one if the lines fit, or a new one. An empty file takes any batch.
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let len = match self.position.len {
            Some(len) if len == 0 || len.saturating_add(size) <= self.file_bytes => len,
            Some(_) | None => self.rotate()?,
        };
        // 4.3.2. Room for the lines. With no line it asks for one byte, which tells whether a full disk has room again.
        self.reserve(len.saturating_add(size.max(1)))?;
        if bytes.is_empty() {
            return Ok(());
        }
        // 4.3.3. The lines. A write that failed half way is taken back, so that the batch is refused as a whole.
        if let Err(error) = self.write_all(bytes, len) {
            let refused = self.refused("audit log: write failed", &error);
            self.undo(len)?;
            return Err(refused);
        }
        // 4.3.4. The flush. Only now are the lines in the log.
        flush(|| self.storage.sync())?;
        // 4.3.5. The file that was written still stands where readers look for it.
        self.position.len = Some(len.saturating_add(size));
        self.still_there().map_err(Failure::Fatal)
    }

    /// Begins the next file and returns its length, which is 0.
    fn rotate(&mut self) -> Result<u64, Failure> {
        // The new file has its own name on the disk before a line is in it. If the batch is refused after this, the
        // empty file takes the next one.
        let first = self.position.next.ok_or(Failure::Fatal(Fatal::Full))?;
        retry(|| self.storage.create(first))
            .map_err(|error| self.refused("audit log: no new file", &error))?;
        flush(|| self.storage.sync_directory())?;
        (self.position.len, self.reserved) = (Some(0), 0);
        Ok(0)
    }

    /// Makes sure that the current file has room up to `len`.
    fn reserve(&mut self, len: u64) -> Result<(), Failure> {
        if !self.can_reserve || len <= self.reserved {
            return Ok(());
        }
        // In whole steps, but no further than a file may grow, unless one batch alone is longer.
        let goal = len
            .checked_next_multiple_of(RESERVE)
            .unwrap_or(len)
            .min(self.file_bytes.max(len));
        let (from, more) = (self.reserved, goal.saturating_sub(self.reserved));
        match retry(|| self.storage.preallocate(from, more)) {
            Ok(()) => self.reserved = goal,
            // A file system that cannot promise room; full disks show at the write.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.can_reserve = false,
            Err(error) => return Err(self.refused("audit log: no room", &error)),
        }
        Ok(())
    }

    /// Returns [`Failure::Refused`], and tells operators in an event called `what` why the disk refused. One line says
    /// so, and every minute one more as long as the disk refuses.
    fn refused(&self, what: &'static str, error: &io::Error) -> Failure {
        if let Some(passed_over) = self.refusals.tell() {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, passed_over, "{what}");
        }
        Failure::Refused
    }

    fn write_all(&mut self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let wrote = retry(|| self.storage.write(bytes, at))?;
            bytes = match bytes.get(wrote..) {
                Some(rest) if wrote > 0 => rest,
                Some(_) | None => return Err(io::ErrorKind::WriteZero.into()),
            };
            at = at.saturating_add(u64::try_from(wrote).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Takes back a failed write, on the disk too: a record of a batch that was answered with an error must not come
    /// back after a power cut.
    fn undo(&mut self, len: u64) -> Result<(), Failure> {
        retry(|| self.storage.truncate(len))
            .map_err(|error| Failure::Fatal(Fatal::Undo(Arc::new(error))))?;
        flush(|| self.storage.sync())?;
        // Cutting also gives back what was reserved.
        self.reserved = len;
        Ok(())
    }
}

impl Position {
    /// Appends the line of `record` to `lines` and moves on.
    fn write(
        &mut self,
        record: &Encoded,
        time: Timestamp,
        lines: &mut String,
    ) -> Result<Seq, Fatal> {
        let seq = self.next.ok_or(Fatal::Full)?;
        let stamp = Stamp {
            seq,
            time,
            prev: self.prev,
        };
        let start = lines.len();
        record.write(&stamp, lines);
        let line = lines.get(start..).unwrap_or_default();
        self.prev = Digest::compute(line.strip_suffix('\n').unwrap_or(line).as_bytes());
        self.next = seq.next();
        Ok(seq)
    }
}

/// Flushes what was written, by calling `sync`. A failure is final: a second flush may succeed although the data is
/// lost.
fn flush(sync: impl FnMut() -> io::Result<()>) -> Result<(), Failure> {
    retry(sync).map_err(|error| Failure::Fatal(Fatal::Flush(Arc::new(error))))
}

/// Repeats `call` as long as a signal interrupts it, and returns the first other answer.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}
