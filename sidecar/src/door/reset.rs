//! Requests that HTTP/2 itself refuses, before any code of ours sees them: they show in what is sent, as a stream that is
//! reset for a protocol error. Their cause is nearly always the `:authority` that gRPC's C core makes of the path of a
//! Unix socket, and nobody would guess that from what the client prints.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Length of a frame's head: three bytes of length, kind, flags, four of stream.
const HEAD: usize = 9;

/// The kind of a frame that resets a stream.
const RST_STREAM: u8 = 3;

/// The code of a protocol error, as the frame carries it.
const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];

/// Length of such a frame.
const RST_LENGTH: usize = 4;

/// A connection whose frames are looked at as they are sent.
pub(super) struct Watched<C, F> {
    connection: C,
    frames: Frames,
    refused: F,
}

/// Frames being sent, of which only heads and codes of resets are kept.
#[derive(Default)]
struct Frames {
    /// The head, and what has to be seen of the payload, as far as they were sent.
    seen: Vec<u8>,
    /// Bytes of the payload that are still to come and do not matter.
    skipped: usize,
}

impl<C, F: FnMut()> Watched<C, F> {
    /// Makes of `connection` one whose sent frames are looked at; `refused` is called for each stream that is reset for
    /// a protocol error.
    pub(super) fn new(connection: C, refused: F) -> Self {
        Self {
            connection,
            frames: Frames::default(),
            refused,
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        for _ in 0..self.frames.resets(bytes) {
            (self.refused)();
        }
    }
}

impl Frames {
    /// Returns how many streams are reset for a protocol error in `bytes`, which continue what was sent before.
    fn resets(&mut self, mut bytes: &[u8]) -> usize {
        let mut resets = 0_usize;
        loop {
            // What is left of a payload that does not matter goes first; then comes the head of the next frame.
            let skipped = self.skipped.min(bytes.len());
            self.skipped = self.skipped.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = self.needed().saturating_sub(self.seen.len());
            if bytes.is_empty() {
                return resets;
            }
            let taken = missing.min(bytes.len());
            let (taken, rest) = bytes.split_at_checked(taken).unwrap_or((bytes, &[]));
            self.seen.extend_from_slice(taken);
            bytes = rest;
            // With the head it is known whether more is needed; what is not there yet comes with a later write.
            if self.seen.len() < self.needed() {
                continue;
            }
            if self.is_reset() {
                let code = self.seen.get(HEAD..);
                resets = resets.saturating_add(usize::from(code == Some(&PROTOCOL_ERROR[..])));
            } else {
                self.skipped = self.length();
            }
            self.seen.clear();
        }
    }

    /// Returns how many bytes of this frame have to be seen: its head, and the code too if the frame is a reset.
    fn needed(&self) -> usize {
        if self.is_reset() {
            HEAD.saturating_add(RST_LENGTH)
        } else {
            HEAD
        }
    }

    fn is_reset(&self) -> bool {
        self.seen.get(3) == Some(&RST_STREAM) && self.length() == RST_LENGTH
    }

    fn length(&self) -> usize {
        match self.seen.get(..3) {
            Some(&[high, middle, low]) => {
                let length = u32::from_be_bytes([0, high, middle, low]);
                usize::try_from(length).unwrap_or(usize::MAX)
            }
            Some(_) | None => 0,
        }
    }
}

impl<C: Read + Unpin, F: Unpin> Read for Watched<C, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_read(cx, buffer)
    }
}

impl<C: Write + Unpin, F: FnMut() + Unpin> Write for Watched<C, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.connection).poll_write(cx, bytes))?;
        this.sent(bytes.get(..count).unwrap_or(bytes));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // Only what was taken was sent; the rest is written again and would be seen twice.
        let count = ready!(Pin::new(&mut this.connection).poll_write_vectored(cx, parts))?;
        let mut left = count;
        for part in parts {
            let sent = part.get(..left).unwrap_or(part);
            this.sent(sent);
            left = left.saturating_sub(sent.len());
        }
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0, 0, length, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn resets_for_protocol_errors_are_seen_however_the_bytes_are_cut() {
        let sent = [
            frame(4, &[0; 12]),
            frame(RST_STREAM, &PROTOCOL_ERROR),
            // A payload that looks like one, and another error.
            frame(0, &frame(RST_STREAM, &PROTOCOL_ERROR)),
            frame(RST_STREAM, &[0, 0, 0, 7]),
            frame(4, &[]),
            frame(RST_STREAM, &PROTOCOL_ERROR),
            frame(0, &[3; 40]),
        ]
        .concat();
        for size in 1..=sent.len() {
            let mut frames = Frames::default();
            let seen = sent.chunks(size).map(|bytes| frames.resets(bytes));
            assert_eq!(seen.sum::<usize>(), 2, "in pieces of {size}");
        }
    }
}
