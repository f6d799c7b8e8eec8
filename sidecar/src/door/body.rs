//! Bodies of requests and responses with what tonic does not limit: how long a request may take to arrive, how much
//! may arrive at all, and how long a response counts as under way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::grpc::status;
use crate::bounds::{MAX_MESSAGE_BYTES, RECEIVE_DEADLINE};
use crate::metrics::Metrics;
use crate::undecided::Undecided;

/// Length of the gRPC prefix: one byte of flags, four of length.
const PREFIX: usize = 5;

/// The body of one unary request: one message, in time, of bounded length.
pub(super) struct Received {
    body: Incoming,
    metrics: Arc<Metrics>,
    deadline: Instant,
    /// Made when the body has to be waited for, which is rare.
    timer: Option<Pin<Box<Sleep>>>,
    prefix: Vec<u8>,
    bytes: usize,
}

impl Received {
    pub(super) fn new(body: Incoming, metrics: Arc<Metrics>) -> Self {
        let deadline = Instant::now() + RECEIVE_DEADLINE;
        Self {
            body,
            metrics,
            deadline,
            timer: None,
            prefix: Vec::with_capacity(PREFIX),
            bytes: 0,
        }
    }

    fn refuse(&self, why: Undecided, message: &str) -> Status {
        self.metrics.undecided(why);
        status(why, message)
    }

    /// Counts `data` and reads the length that the message announces.
    fn check(&mut self, data: &Bytes) -> Result<(), Status> {
        // The prefix may come in pieces. It is read before the message, so that one that announces too much is refused
        // by its first five bytes.
        let missing = PREFIX.saturating_sub(self.prefix.len());
        self.prefix.extend(data.iter().take(missing));
        self.bytes = self.bytes.saturating_add(data.len());
        let announced = match self.prefix.as_slice() {
            [_, length @ ..] => length.try_into().map(u32::from_be_bytes).unwrap_or(0),
            [] => 0,
        };
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        // What arrives counts too, because the announced length may be a lie.
        if announced > MAX_MESSAGE_BYTES || self.bytes > MAX_MESSAGE_BYTES.saturating_add(PREFIX) {
            return Err(self.refuse(Undecided::TooLarge, "the message is too long"));
        }
        Ok(())
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let frame = match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                // The time counts from the headers on, whatever arrives in between: drops of a message win nothing.
                let deadline = this.deadline;
                let timer = this
                    .timer
                    .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                ready!(timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(
                    this.refuse(Undecided::TooSlow, "the message did not arrive in time")
                )));
            }
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => match frame.data_ref().map_or(Ok(()), |data| this.check(data)) {
                Ok(()) => Some(Ok(frame)),
                Err(status) => Some(Err(status)),
            },
            Some(Err(error)) => Some(Err(Status::from_error(Box::new(error)))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response that holds `held` until its last frame.
pub(super) struct Held<T> {
    body: tonic::body::Body,
    _held: T,
}

impl<T> Held<T> {
    pub(super) const fn new(body: tonic::body::Body, held: T) -> Self {
        Self { body, _held: held }
    }
}

impl<T: Unpin> Body for Held<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
