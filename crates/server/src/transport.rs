//! Bytes in and out of one connection, in buffers that are there only while they hold something.
//!
//! An idle session owns no buffer: they come from a small pool of the thread that polls the session
//! and go back when the session waits. What a session says is written when the buffer has grown to
//! [`WRITE_BYTES`], and flushed once per Sync.
#![warn(clippy::indexing_slicing)]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use types::{Severity, SqlError, SqlState};

use crate::backends::{Control, Stop};
use crate::codec::backend;

/// The longest message: length field and body. Source: Aurora DSQL's quotas.
pub(crate) const MESSAGE_BYTES_MAX: usize = 10 << 20;
/// The longest message of a client that is not yet authenticated.
pub(crate) const PASSWORD_BYTES_MAX: usize = 64 << 10;
/// Replies are written when so many bytes have gathered.
const WRITE_BYTES: usize = 64 << 10;
/// The size of pooled buffers: what one TLS record holds.
const BUFFER_BYTES: usize = 16 << 10;
/// Buffers that grew beyond this are not kept.
const POOLED_BYTES_MAX: usize = 2 * WRITE_BYTES;
/// Buffers that one thread keeps.
const POOLED_MAX: usize = 16;
/// A refused client may be in the middle of sending. For this long and this much is read on, since
/// closing a socket with unread bytes makes the client's system throw the error away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// What a connection is made of: TLS over TCP, or a test's pipe.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// The sending side, and the stream itself.
pub(crate) struct Wire {
    stream: Box<dyn ByteStream>,
    /// Whole messages that are not yet written.
    pub(crate) out: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn ByteStream>) -> Wire {
        Wire { stream, out: BytesMut::new() }
    }

    /// Readies a buffer for what the next message is answered.
    fn expect_output(&mut self) {
        if self.out.capacity() == 0 {
            self.out = take();
        }
    }

    /// Writes what has gathered, if that is much.
    pub(crate) async fn relieve(&mut self) -> io::Result<()> {
        if self.out.len() >= WRITE_BYTES {
            self.stream.write_all_buf(&mut self.out).await?;
        }
        Ok(())
    }

    /// Writes everything out to the client.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all_buf(&mut self.out).await?;
        }
        give(std::mem::take(&mut self.out));
        self.stream.flush().await
    }

    /// Closes the connection in order: a client of OpenSSL takes anything else for an error.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }

    /// Sends a last error and closes the connection.
    pub(crate) async fn close_with(&mut self, error: &SqlError) {
        backend::error_response(&mut self.out, error);
        let closing = async {
            self.close().await?;
            if error.code() == SqlState::ADMIN_SHUTDOWN {
                // It was waiting for the client, so nothing is unread.
                return Ok(());
            }
            let mut scratch = take();
            let mut left = LINGER_BYTES_MAX;
            while left > 0 {
                scratch.clear();
                match self.stream.read_buf(&mut scratch).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            give(scratch);
            io::Result::Ok(())
        };
        // The client may be gone already, and nobody is left to be told.
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}

/// What waiting for the client brought.
#[derive(Debug)]
pub(crate) enum Filled {
    /// At least one more byte.
    Some,
    /// The client has closed the connection.
    End,
    /// The session is to end.
    Stop(Stop),
}

/// Who may interrupt the wait for the client.
pub(crate) struct Interrupt<'a> {
    pub(crate) control: &'a Control,
    pub(crate) in_transaction: bool,
}

/// A whole message in the input buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    body: Range<usize>,
}

/// The receiving side: bytes that are not yet used up.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buf: BytesMut,
    /// Length of the message handed out last, still at the front of `buf`.
    used: usize,
    /// How many bytes the next message needs, as far as that is known.
    wanted: usize,
}

impl Input {
    /// The next message if all of it is there. It stays in place until the next call.
    ///
    /// # Errors
    /// `08P01`, FATAL, for a message longer than `len_max`, or with an impossible length.
    pub(crate) fn next(&mut self, len_max: usize) -> Result<Option<Frame>, SqlError> {
        self.advance();
        let Some((&[tag, a, b, c, d], rest)) = self.buf.split_first_chunk() else {
            self.wanted = 5;
            return Ok(None);
        };
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if !(4..=len_max).contains(&len) {
            return Err(SqlError::new(SqlState::PROTOCOL_VIOLATION, "invalid message length")
                .severity(Severity::Fatal));
        }
        if rest.len() < len - 4 {
            self.wanted = len + 1;
            return Ok(None);
        }
        self.used = len + 1;
        Ok(Some(Frame { tag, body: 5..len + 1 }))
    }

    /// The body of the message handed out last.
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        self.buf.get(frame.body.clone()).unwrap_or_default()
    }

    /// The next `len` bytes if they are there. They stay in place until the next call.
    pub(crate) fn take(&mut self, len: usize) -> Option<&[u8]> {
        self.advance();
        self.wanted = len;
        let taken = self.buf.get(..len)?;
        self.used = len;
        Some(taken)
    }

    /// Waits for more bytes. Cancel-safe: what has come stays.
    pub(crate) async fn fill(
        &mut self,
        wire: &mut Wire,
        interrupt: Option<Interrupt<'_>>,
    ) -> io::Result<Filled> {
        poll_fn(|cx| {
            if let Some(interrupt) = &interrupt
                && let Some(stop) = interrupt.control.poll_stop(cx, interrupt.in_transaction)
            {
                return Poll::Ready(Ok(Filled::Stop(stop)));
            }
            if self.buf.capacity() == 0 {
                self.buf = take();
            }
            // A length is only a claim: room for a long message is made as its bytes come.
            let room = self.wanted.saturating_sub(self.buf.len()).clamp(1, BUFFER_BYTES);
            self.buf.reserve(room);
            match pin!(wire.stream.read_buf(&mut self.buf)).poll(cx) {
                Poll::Ready(Ok(0)) => Poll::Ready(Ok(Filled::End)),
                Poll::Ready(Ok(_)) => {
                    wire.expect_output();
                    Poll::Ready(Ok(Filled::Some))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    if self.buf.is_empty() {
                        give(std::mem::take(&mut self.buf));
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn advance(&mut self) {
        self.buf.advance(self.used);
        self.used = 0;
    }
}

thread_local! {
    static POOL: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer.
fn take() -> BytesMut {
    let pooled = POOL.with_borrow_mut(Vec::pop);
    pooled.unwrap_or_else(|| BytesMut::with_capacity(BUFFER_BYTES))
}

/// Takes a buffer back, if it is worth keeping.
fn give(mut buf: BytesMut) {
    if buf.capacity() == 0 {
        return;
    }
    buf.clear();
    // Takes back the room of what was read from the front.
    if buf.try_reclaim(BUFFER_BYTES) && buf.capacity() <= POOLED_BYTES_MAX {
        POOL.with_borrow_mut(|pool| {
            if pool.len() < POOLED_MAX {
                pool.push(buf);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input { buf: BytesMut::from(bytes), ..Input::default() }
    }

    #[test]
    fn input_takes_messages_apart() {
        let mut input = input(b"S\0\0\0\x04Q\0\0\0\x06x\0Q\0\0\0\x05");
        let frame = input.next(100).unwrap().unwrap();
        assert_eq!((frame.tag, input.body(&frame)), (b'S', b"".as_slice()));
        let frame = input.next(100).unwrap().unwrap();
        assert_eq!((frame.tag, input.body(&frame)), (b'Q', b"x\0".as_slice()));
        assert_eq!(input.next(100).unwrap(), None);
        assert_eq!(input.wanted, 6);
        input.buf.extend_from_slice(b"\0");
        let frame = input.next(100).unwrap().unwrap();
        assert_eq!((frame.tag, input.body(&frame)), (b'Q', b"\0".as_slice()));
        assert_eq!(input.next(100).unwrap(), None);
    }

    #[test]
    fn input_refuses_lengths() {
        for bytes in [b"Q\0\0\0\x03", b"Q\0\0\0\x65", b"Q\xff\xff\xff\xff"] {
            let error = input(bytes).next(100).unwrap_err();
            assert_eq!(error.message(), "invalid message length");
            assert_eq!(error.fields().severity, Severity::Fatal);
        }
        assert_eq!(input(b"Q\0\0\0\x64").next(100).unwrap(), None);
    }

    #[test]
    fn input_takes_bytes() {
        let mut input = input(b"abcdef");
        assert_eq!(input.take(4).unwrap(), b"abcd");
        assert_eq!(input.take(3), None);
        assert_eq!(input.take(2).unwrap(), b"ef");
    }

    #[tokio::test]
    async fn idle_input_holds_no_buffer() {
        let (client, server) = tokio::io::duplex(1 << 20);
        let mut client = client;
        let mut wire = Wire::new(Box::new(server));
        let mut input = Input::default();
        for _ in 0..3 {
            let fill = input.fill(&mut wire, None);
            assert!(futures::poll!(pin!(fill)).is_pending());
            assert_eq!(input.buf.capacity(), 0);
            client.write_all(b"S\0\0\0\x04").await.unwrap();
            assert!(matches!(input.fill(&mut wire, None).await.unwrap(), Filled::Some));
            assert!(input.next(100).unwrap().is_some());
            assert!(input.next(100).unwrap().is_none());
        }
        drop(client);
        assert!(matches!(input.fill(&mut wire, None).await.unwrap(), Filled::End));
    }
}
