//! The way of a record to the writer: room out of its caller's share, the queue, and the wait for the disk.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use stopgate_decide::record::{Encoded, MAX_LINE_BYTES, Seq};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::error::AuditError;
use super::share::Shares;

/// What the writer's thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Record this.
    Append(QueuedRecord),
    /// Something was counted; write the gap.
    Wake,
    /// Record this and end.
    Close(QueuedRecord),
}

/// A record on its way to the disk.
#[derive(Debug)]
pub(super) struct QueuedRecord {
    pub(super) record: Encoded,
    pub(super) done: oneshot::Sender<Result<Seq, AuditError>>,
    /// Given back to the caller's share when the writer is done with the record.
    _room: Option<OwnedSemaphorePermit>,
}

/// A record is in the queue: the writer takes it to the disk, whether anybody waits for it or not.
#[must_use]
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<Seq, AuditError>>);

/// The end of the queue at which records come in; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    shares: Shares,
}

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

impl Queue {
    /// Makes a queue in which callers have the room of `shares`, and the writer's end of it.
    pub(super) fn new(shares: Shares) -> (Self, Receiver<Message>) {
        // As long as all that the shares let in, so that it is only full for who has no room left anyway.
        let (sender, messages) = sync_channel(shares.most_records());
        (Self { sender, shares }, messages)
    }

    /// Puts `record`, which `caller` causes, in the queue, and waits for nothing.
    pub(super) fn enqueue(
        &self,
        record: Encoded,
        caller: Option<u32>,
    ) -> Result<Receipt, AuditError> {
        let bytes = record.max_len();
        if bytes > MAX_LINE_BYTES {
            return Err(AuditError::TooLong);
        }
        let room = self.shares.take(caller, bytes)?;
        let (record, receipt) = queued(record, Some(room));
        match self.sender.try_send(Message::Append(record)) {
            Ok(()) => Ok(receipt),
            Err(TrySendError::Full(_)) => Err(AuditError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(AuditError::Closed),
        }
    }

    /// Wakes the writer, which then sees what is owed.
    pub(super) fn wake(&self) {
        // A full queue wakes the writer anyway, and a closed one has nobody to wake.
        let _either_way = self.sender.try_send(Message::Wake);
    }

    /// Puts `stop` in the queue as the last record of the log.
    pub(super) async fn close(&self, stop: Encoded) -> Result<Receipt, AuditError> {
        let (stop, receipt) = queued(stop, None);
        let sender = self.sender.clone();
        // Waits while the queue is full, which no async worker may do.
        let sent = tokio::task::spawn_blocking(move || sender.send(Message::Close(stop))).await;
        match sent {
            Ok(Ok(())) => Ok(receipt),
            Ok(Err(_)) | Err(_) => Err(AuditError::Closed),
        }
    }
}

fn queued(record: Encoded, room: Option<OwnedSemaphorePermit>) -> (QueuedRecord, Receipt) {
    let (done, answer) = oneshot::channel();
    let queued = QueuedRecord {
        record,
        done,
        _room: room,
    };
    (queued, Receipt(answer))
}
