//! The decision log on disk: nothing leaves before its record does.
//!
//! One thread owns the files. It takes everything that waits, writes it with one write, flushes it with one
//! `fdatasync`, and only then tells who waits; blocking I/O never runs on an async worker. What cannot be recorded is
//! an error for the one who asked, who then rejects, and is counted by the next record that can be written, a `gap`.
//!
//! A failed write is undone and tried again. A failed flush is final: what the kernel then says about the data is
//! not to be believed, so the log is dead and the process has to end ([`AuditLog::fatal`]). So is a file that somebody
//! cut, moved or replaced: what was promised is not where readers look.

mod mask_key;
mod pending;
mod recover;
mod room;
mod share;
mod storage;
mod unrecorded;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    Break, Encoded, MAX_LINE_BYTES, MaskKey, RecordBody, RecordKind, Seq, StartRecord, StopRecord,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

pub use pending::Pending;
pub use room::Room;

use pending::UnderWay;
use room::Roominess;
use share::Shares;
use storage::{Discard, Files, Storage};
use unrecorded::Unrecorded;
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
    /// Makes the options of production for the sidecar called `sidecar`: 4,096 records or 16 MiB waiting, files of 64
    /// MiB, and no caller with a share of its own.
    #[must_use]
    pub fn new(sidecar: impl Into<String>) -> Self {
        Self {
            sidecar: sidecar.into(),
            waiting_records: 4096,
            waiting_bytes: 16 * 1024 * 1024,
            file_bytes: 64 * 1024 * 1024,
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

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the state directory, the folder of the log or a file of it, under whatever path.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// What is in use.
        path: PathBuf,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is broken in a place that no crash explains. It is left as it is.
    #[error("the log in {} is broken", dir.display())]
    Broken {
        /// The folder of the log.
        dir: PathBuf,
        /// Where, and how.
        source: Box<Break>,
    },
    /// The key of the masks can be read by others, or is not a key.
    #[error("{} is not a key of 32 bytes that only its owner can read", path.display())]
    MaskKey {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes for a key.
    #[error("the system has no random bytes for the key of the masks")]
    Random,
    /// The writer's thread could not be started.
    #[error("the log's thread could not be started")]
    Thread(#[source] io::Error),
}

/// Why a record is not in the log. Whoever gets this rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The disk refused the write. It is tried again with the next record.
    #[error("the log cannot be written at the moment")]
    Unavailable,
    /// Too much waits for the disk already.
    #[error("too many records wait for the disk")]
    Overloaded,
    /// The caller has used up the bytes of record that it may cause in a second.
    #[error("this caller causes more records in a second than its share")]
    Share,
    /// The record is longer than a reader of the log would accept.
    #[error("the record is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// The log is closed or dead. Nothing will be recorded by this process any more.
    #[error("the log is closed")]
    Closed,
}

/// Why the log is dead and the process has to end. Trying again could lose what has been promised.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fatal {
    /// Data or directory could not be flushed; their state on disk is unknown.
    #[error("the log could not be flushed to the disk")]
    Flush(#[source] Arc<io::Error>),
    /// A failed write could not be undone.
    #[error("a failed write to the log could not be undone")]
    Undo(#[source] Arc<io::Error>),
    /// The file that is written is not the one, or not all of the one, that stands in the folder of the log.
    #[error("the file of the log was cut, moved or replaced")]
    Replaced(#[source] Arc<io::Error>),
    /// Every number that a record can have is used.
    #[error("the log has no number left for another record")]
    Full,
    /// The writer's thread panicked.
    #[error("the log's thread panicked")]
    Panicked,
}

/// Whether records can be written.
#[derive(Debug, Clone)]
pub enum Health {
    /// The last write, or the last attempt at one, went well.
    Writable,
    /// The last write failed. Not ready; the log tries by itself to get well.
    Unwritable,
    /// Never again.
    Dead(Fatal),
}

/// A handle of the log; clones share it.
#[derive(Debug, Clone)]
pub struct AuditLog {
    queue: SyncSender<Message>,
    shares: Shares,
    room: Arc<Roominess>,
    unrecorded: Arc<Unrecorded>,
    under_way: Arc<UnderWay>,
    health: watch::Receiver<Health>,
    mask_key: MaskKey,
    sidecar: String,
}

/// What the writer's thread is told.
#[derive(Debug)]
enum Message {
    /// Record this.
    Append(QueuedRecord),
    /// Something was counted; write the gap.
    Wake,
    /// Record this and end.
    Close(QueuedRecord),
}

/// A record on its way to the disk.
#[derive(Debug)]
struct QueuedRecord {
    record: Encoded,
    done: oneshot::Sender<Result<Seq, AuditError>>,
    _room: Option<OwnedSemaphorePermit>,
}

/// A record is in the queue: the writer takes it to the disk, whether anybody waits for it or not.
#[must_use]
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Seq, AuditError>>);

impl Receipt {
    /// Returns when the record is on the disk, or is known not to be. Dropping the future does not take the record
    /// back.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not in the log.
    pub async fn wait(self) -> Result<Seq, AuditError> {
        // Without an answer the writer has died with the record in its hands.
        self.0.await.unwrap_or(Err(AuditError::Closed))
    }
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
        let (health, seen) = watch::channel(Health::Unwritable);
        let shares = Shares::new(&callers, waiting_records, waiting_bytes);
        let (queue, messages) = sync_channel(shares.most_records());
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
            shares,
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
        let (kind, bytes) = (record.kind(), record.max_len());
        let enqueued = self.enqueue(record, bytes, caller);
        if let Err(error) = enqueued
            && kind == RecordKind::Decision
        {
            self.count(matches!(error, AuditError::Overloaded | AuditError::Share));
        }
        enqueued
    }

    fn enqueue(
        &self,
        record: Encoded,
        bytes: usize,
        caller: Option<u32>,
    ) -> Result<Receipt, AuditError> {
        if bytes > MAX_LINE_BYTES {
            return Err(AuditError::TooLong);
        }
        let room = self.shares.take(caller, bytes)?;
        let (done, answer) = oneshot::channel();
        match self.queue.try_send(Message::Append(QueuedRecord {
            record,
            done,
            _room: Some(room),
        })) {
            Ok(()) => Ok(Receipt(answer)),
            Err(TrySendError::Full(_)) => Err(AuditError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(AuditError::Closed),
        }
    }

    /// Counts an attempt that was rejected as overload before it could be decided, so that the next `gap` tells.
    pub fn shed(&self) {
        self.count(true);
    }

    fn count(&self, overloaded: bool) {
        if self.unrecorded.count(jiff::Timestamp::now(), overloaded) {
            // A full queue wakes the writer anyway, and a closed one has nobody to wake.
            let _either_way = self.queue.try_send(Message::Wake);
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
        self.under_way.end(&self.unrecorded).await;
        let record = RecordBody::Stop(StopRecord {
            sidecar: self.sidecar.clone(),
        })
        .encode();
        let (done, answer) = oneshot::channel();
        let queue = self.queue.clone();
        let close = Message::Close(QueuedRecord {
            record,
            done,
            _room: None,
        });
        // Waits while the queue is full, which no async worker may do.
        let sent = tokio::task::spawn_blocking(move || queue.send(close)).await;
        let Ok(Ok(())) = sent else {
            return Err(AuditError::Closed);
        };
        let stopped = answer.await.unwrap_or(Err(AuditError::Closed));
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
