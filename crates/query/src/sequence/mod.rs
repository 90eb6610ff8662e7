//! Sequence values: `nextval`, `setval`, `currval`, `lastval`.
//!
//! ```text
//! nextval ──► session's block ──► cluster's allocator ──► store
//!             (CACHE values)      (SEQ_LOG_VALS ahead)    one durable write for many values
//! ```
//!
//! Values do not belong to the transaction: they are given out at once and never taken back. What
//! is stored is the last value that may have been given out, so a crash loses values but repeats
//! none. A function is evaluated without waiting, so a call that has to wait for the store stops
//! the evaluation with a [`Request`], which the operator answers.
//!
//! Source: PostgreSQL 16 `nextval_internal` and `do_setval`, `src/backend/commands/sequence.c`.

mod allocate;
mod functions;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ::functions::CallCx;
use catalog::Sequence;
use catalog::objects::ObjectId;
use types::{Datum, Result};

pub(crate) use self::allocate::{Allocators, State};
pub(crate) use self::functions::{call, is_sequence_function, relation_row, scalar};
use crate::system::session;

/// What a call that has stopped waits for.
#[derive(Clone, Debug)]
pub enum Request {
    /// The next value, and the session's next block.
    Next(std::sync::Arc<Sequence>),
    /// The last value given out, whoever asked for it.
    Last(std::sync::Arc<Sequence>),
    /// The row that reading the sequence gives.
    Row(std::sync::Arc<Sequence>),
    /// Another present value.
    Set {
        /// The sequence.
        sequence: std::sync::Arc<Sequence>,
        /// The value.
        value: i64,
        /// Whether the value counts as given out.
        called: bool,
    },
}

/// What a session knows of sequences.
#[derive(Debug, Default)]
pub(crate) struct SessionSequences(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    sequences: HashMap<ObjectId, Block>,
    /// The sequence that `lastval` is of: the last one asked in this transaction.
    last_used: Option<ObjectId>,
}

/// A session's block of one sequence's values.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    storage: ObjectId,
    generation: u32,
    /// The value given out last.
    last: i64,
    /// The last value of the block.
    end: i64,
    /// `last` was given out by `nextval` or set as such.
    valid: bool,
}

impl SessionSequences {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next value of the session's block, if anything is left of it.
    fn next(&self, sequence: &Sequence) -> Option<i64> {
        self.with(|known| {
            let block = known.sequences.get_mut(&sequence.oid)?;
            block.follow(sequence);
            if block.last == block.end {
                return None;
            }
            block.last = block.last.checked_add(sequence.increment)?;
            known.last_used = Some(sequence.oid);
            Some(block.last)
        })
    }

    /// A new block, whose first value is given out.
    fn take(&self, sequence: &Sequence, first: i64, end: i64) {
        self.with(|known| {
            let (storage, generation) = (sequence.storage, sequence.generation);
            let block = Block { storage, generation, last: first, end, valid: true };
            known.sequences.insert(sequence.oid, block);
            known.last_used = Some(sequence.oid);
        });
    }

    /// After `setval`: what is left of the block is given up.
    fn set(&self, sequence: &Sequence, value: i64, called: bool) {
        self.with(|known| {
            let block = known.sequences.entry(sequence.oid).or_default();
            block.follow(sequence);
            if called {
                (block.last, block.valid) = (value, true);
            }
            block.end = block.last;
        });
    }

    fn current(&self, sequence: ObjectId) -> Option<i64> {
        self.with(|known| {
            known.sequences.get(&sequence).filter(|block| block.valid).map(|block| block.last)
        })
    }

    /// The sequence and value that `lastval` gives.
    fn last(&self) -> Option<(ObjectId, i64)> {
        self.with(|known| {
            let oid = known.last_used?;
            Some((oid, known.sequences.get(&oid)?.last))
        })
    }

    /// The transaction is over: `lastval` is of the next one's.
    pub(crate) fn end_transaction(&self) {
        self.with(|known| known.last_used = None);
    }
}

impl Block {
    /// Gives the block up if the sequence was altered since it was taken.
    fn follow(&mut self, sequence: &Sequence) {
        if (self.storage, self.generation) != (sequence.storage, sequence.generation) {
            (self.storage, self.generation) = (sequence.storage, sequence.generation);
            self.end = self.last;
        }
    }
}

/// Answers a request: the value of the call that stopped for it.
///
/// # Errors
/// `2200H` at the sequence's end, `XX000` if the store fails.
pub(crate) async fn answer(request: Request, cx: &CallCx<'_>) -> Result<Datum> {
    let cx = session(cx)?;
    match request {
        Request::Next(sequence) => {
            let (first, end) = cx.engine.next_values(&sequence).await?;
            cx.sequences.take(&sequence, first, end);
            Ok(Datum::Int8(first))
        }
        Request::Last(sequence) => {
            let (last, _, called) = cx.engine.sequence_state(&sequence).await?;
            Ok(if called { Datum::Int8(last) } else { Datum::Null })
        }
        Request::Row(sequence) => functions::row(cx, &sequence).await,
        Request::Set { sequence, value, called } => {
            cx.engine.set_sequence(&sequence, State { last: value, called }).await?;
            cx.sequences.set(&sequence, value, called);
            Ok(Datum::Int8(value))
        }
    }
}
