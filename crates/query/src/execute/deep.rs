//! Futures that nest deeply, as calls of functions within functions do: each is polled, and dropped, on a
//! stack that grows.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

/// Bytes that must be left for what happens between two levels, a debug build's frames included.
const LEFT_BYTES: usize = 512 * 1024;
/// Bytes by which the stack grows.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// A future of which others like it may be part.
pub(super) struct Deep<'a, T>(Option<BoxFuture<'a, T>>);

impl<'a, T> Deep<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a) -> Deep<'a, T> {
        Deep(Some(Box::pin(future)))
    }
}

impl<T> Future for Deep<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(future) => {
                stacker::maybe_grow(LEFT_BYTES, SEGMENT_BYTES, || future.as_mut().poll(cx))
            }
            // Only while it is dropped.
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Deep<'_, T> {
    fn drop(&mut self) {
        // A statement that is cancelled drops all levels, one within the other.
        let future = self.0.take();
        stacker::maybe_grow(LEFT_BYTES, SEGMENT_BYTES, || drop(future));
    }
}
