//! The decision log on disk: nothing leaves before its record does.
//!
//! One thread owns the files. It takes everything that waits, writes it with one write, flushes it with one
//! `fdatasync`, and only then tells who waits; blocking I/O never runs on an async worker. What cannot be recorded is
//! an error for the one who asked, who then rejects, and is counted by the next record that can be written, a `gap`.
//!
//! A failed write is undone and tried again. A failed flush is final: what the kernel then says about the data is
//! not to be believed, so the log is dead and the process has to end ([`AuditLog::fatal`]). So is a file that somebody
//! cut, moved or replaced: what was promised is not where readers look.

mod error;
mod mask_key;
mod pending;
mod queue;
mod recover;
mod room;
mod share;
mod storage;
mod unrecorded;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    Encoded, MaskKey, RecordBody, RecordKind, Seq, StartRecord, StopRecord,
};
use tokio::sync::watch;

use crate::bounds::{LOG_FILE_BYTES, WAITING_BYTES, WAITING_RECORDS};

pub use error::{AuditError, Fatal, Health, OpenError};
pub use pending::Pending;
pub use queue::Receipt;
pub use room::Room;

use queue::Queue;
use room::Roominess;
use share::Shares;
use storage::{Discard, Files, Storage};
use unrecorded::{UnderWay, Unrecorded};
use writer::{Position, Writer};

/// Folder of the log inside the state directory.
pub const LOG_DIR: &str = "log";

/// Who writes, and how much may wait or stand in one file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the sidecar, in its `start` and `stop` records.
    pub sidecar: String,
    /// Records that may wait for the disk; one more is [`AuditError::Overloaded`].
    pub waiting_records: usize,
    /// Bytes that may wait for the disk; more is [`AuditError::Overloaded`].
    pub waiting_bytes: usize,
    /// Size at which the next file begins, in bytes.
    pub file_bytes: u64,
    /// Callers by their uid, each with the bytes of record that it may cause in a second. What may wait is shared among
    /// them. Others have room for themselves and no limit in time.
    pub callers: BTreeMap<u32, u64>,
}

impl Options {
    /// Makes the options of production for the sidecar called `sidecar`, with no caller that has a share of its own.
    #[must_use]
    pub fn new(sidecar: impl Into<String>) -> Self {
        Self {
            sidecar: sidecar.into(),
            waiting_records: WAITING_RECORDS,
            waiting_bytes: WAITING_BYTES,
            file_bytes: LOG_FILE_BYTES,
            callers: BTreeMap::new(),
        }
    }
}

/// What was found when the log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// The last record that was there, with the digest of its line; `None` in a new log.
    pub last: Option<(Seq, Digest)>,
    /// Bytes after it that nobody had been told were written, and that are gone now.
    pub dropped_bytes: u64,
}

/// A handle of the log; clones share it.
#[derive(Debug, Clone)]
pub struct AuditLog {
    queue: Queue,
    room: Arc<Roominess>,
    unrecorded: Arc<Unrecorded>,
    under_way: Arc<UnderWay>,
    health: watch::Receiver<Health>,
    mask_key: MaskKey,
    sidecar: String,
}

impl AuditLog {
    /// Opens the log in `state_dir`, which is made if it is not there, and records the `start`. Blocks on the disk.
    ///
    /// One process at a time: the directory, the folder of the log in it and the file that is written are locked until
    /// the last handle is gone, the things themselves and not their names. A disk that is full is not an error: the log
    /// opens unwritable and gets well by itself.
    ///
    /// # Errors
    /// [`OpenError`]; a log that is broken anywhere but in a torn tail is not touched.
    pub fn open(state_dir: &Path, options: Options) -> Result<(Self, Recovered), OpenError> {
        // The lock before anything is read: what another process is writing must not look like a torn tail.
        let lock = recover::lock(state_dir)?;
        let mask_key = mask_key::load_or_make(state_dir)?;
        let found = recover::recover(&state_dir.join(LOG_DIR))?;
        let recovered = Recovered {
            last: found.last,
            dropped_bytes: found.dropped_bytes,
        };
        let position = Position::after(found.last, found.file_len);
        let files = Files::new(lock, found.log_dir, state_dir.join(LOG_DIR), found.file);
        let log = Self::begin(files, position, found.dropped_bytes, mask_key, options)?;
        Ok((log, recovered))
    }

    /// Makes a log that does all the work and throws the records away, to measure what the disk costs. No configuration
    /// leads here.
    ///
    /// # Errors
    /// [`OpenError`] if the machine has no thread or no random bytes for it.
    pub fn discarding(options: Options) -> Result<Self, OpenError> {
        Self::begin(
            Discard,
            Position::after(None, None),
            0,
            mask_key::random()?,
            options,
        )
    }

    fn begin(
        storage: impl Storage,
        position: Position,
        dropped_bytes: u64,
        mask_key: MaskKey,
        options: Options,
    ) -> Result<Self, OpenError> {
        let Options {
            sidecar,
            waiting_records,
            waiting_bytes,
            file_bytes,
            callers,
        } = options;
        let start = RecordBody::Start(StartRecord {
            sidecar: sidecar.clone(),
            software: concat!("stopgate-sidecar ", env!("CARGO_PKG_VERSION")).to_owned(),
            mask_key: mask_key.id(),
            dropped_bytes,
        });
        let unrecorded = Arc::new(Unrecorded::default());
        // Not writable until the `start` is on the disk, which the writer tries before this returns.
        let (health, seen) = watch::channel(Health::Unwritable);
        let shares = Shares::new(&callers, waiting_records, waiting_bytes);
        let (queue, messages) = Queue::new(shares);
        let room = Arc::new(Roominess::default());
        let writer = Writer::new(
            storage,
            position,
            start.encode(),
            Arc::clone(&unrecorded),
            health,
            Arc::clone(&room),
            file_bytes,
        );
        writer.start(messages).map_err(OpenError::Thread)?;
        Ok(Self {
            queue,
            room,
            unrecorded,
            under_way: Arc::new(UnderWay::default()),
            health: seen,
            mask_key,
            sidecar,
        })
    }

    /// Records `body`; after `Ok` the record is on the disk. Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not in the log. A decision is then counted for the next `gap`.
    pub async fn append(&self, body: &RecordBody) -> Result<Seq, AuditError> {
        self.enqueue_or_count(body.encode(), None)?.wait().await
    }

    /// Puts `record`, which `caller` causes, in the queue. A decision that cannot be put there is counted for the next
    /// `gap`.
    fn enqueue_or_count(
        &self,
        record: Encoded,
        caller: Option<u32>,
    ) -> Result<Receipt, AuditError> {
        let kind = record.kind();
        let enqueued = self.queue.enqueue(record, caller);
        if let Err(error) = enqueued
            && kind == RecordKind::Decision
        {
            self.count(matches!(error, AuditError::Overloaded | AuditError::Share));
        }
        enqueued
    }

    /// Counts an attempt that was rejected as overload before it could be decided, so that the next `gap` tells.
    pub fn shed(&self) {
        self.count(true);
    }

    fn count(&self, overloaded: bool) {
        // The first of a gap wakes the writer, which then writes it without waiting for another record.
        if self.unrecorded.count(jiff::Timestamp::now(), overloaded) {
            self.queue.wake();
        }
    }

    /// Returns how many attempts left no record since the log was opened.
    #[must_use]
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.total()
    }

    /// Returns the room that the writer last saw on the disk, or `None` if the writer has seen none.
    #[must_use]
    pub fn room(&self) -> Option<Room> {
        self.room.now()
    }

    /// Records the `stop` after everything that waits and is under way, and ends the log. Decisions that take too long
    /// are counted before the `stop`. Later appends are [`AuditError::Closed`].
    ///
    /// # Errors
    /// [`AuditError`] if the `stop` is not in the log; it is ended all the same.
    pub async fn close(&self) -> Result<Seq, AuditError> {
        // No decision begins from here on. What ends in time is in the queue before the `stop`, the rest in a gap.
        self.under_way.end(&self.unrecorded).await;
        let record = RecordBody::Stop(StopRecord {
            sidecar: self.sidecar.clone(),
        })
        .encode();
        let stopped = self.queue.close(record).await?.wait().await;
        // The writer keeps its end of the channel until it has let go of the files and the lock.
        let mut health = self.health.clone();
        while health.changed().await.is_ok() {}
        stopped
    }

    /// Returns a watch of whether records can be written, now and whenever that changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Returns whether the last write went well.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(*self.health.borrow(), Health::Writable)
    }

    /// Returns when the log has died; the process must end then. Never returns otherwise.
    pub async fn fatal(&self) -> Fatal {
        let mut health = self.health.clone();
        loop {
            if let Health::Dead(fatal) = &*health.borrow_and_update() {
                return fatal.clone();
            }
            if health.changed().await.is_err() {
                // Closed in good order.
                return std::future::pending().await;
            }
        }
    }

    /// Returns the key that masked values are digested with.
    #[must_use]
    pub const fn mask_key(&self) -> &MaskKey {
        &self.mask_key
    }
}

#[cfg(test)]
pub(crate) mod tests;
