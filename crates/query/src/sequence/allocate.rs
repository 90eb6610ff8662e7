//! Who has which values of a sequence: the cluster's allocator and the stored state.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::Sequence;
use catalog::objects::ObjectId;
use parking_lot::Mutex;
use store::{CommitError, Write, WriteSet};
use txn::keys;
use types::{Result, SqlError, SqlState};

use crate::engine::Engine;

/// Values that are stored as given out before they are, to write once for many.
const SEQ_LOG_VALS: i64 = 32;
/// Version of the stored state.
const VERSION: u8 = 1;
/// How often a lost race for the stored state is run again.
const TRIES: usize = 100;

/// The position of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// `last_value`.
    pub(crate) last: i64,
    /// Whether it was given out: the next value is the one after it.
    pub(crate) called: bool,
}

/// The allocators of a cluster's sequences, by the number under which each is stored.
#[derive(Debug, Default)]
pub(crate) struct Allocators(Mutex<HashMap<ObjectId, Arc<tokio::sync::Mutex<Option<Allocator>>>>>);

/// What this process may give out of one sequence.
#[derive(Clone, Copy, Debug)]
struct Allocator {
    state: State,
    /// Values after `state.last` that are stored as given out already.
    logged: i64,
}

/// The outcome of taking values.
struct Taken {
    /// The first and the last value.
    first: i64,
    end: i64,
    after: Allocator,
    /// What has to be stored before the values are given out.
    store: Option<State>,
}

impl Allocators {
    fn slot(&self, storage: ObjectId) -> Arc<tokio::sync::Mutex<Option<Allocator>>> {
        Arc::clone(self.0.lock().entry(storage).or_default())
    }

    /// Takes the next values if that needs no waiting.
    pub(crate) fn try_next(&self, sequence: &Sequence) -> Option<Result<(i64, i64)>> {
        let slot = self.slot(sequence.storage);
        let mut slot = slot.try_lock().ok()?;
        let allocator = slot.as_mut()?;
        match allocator.take(sequence) {
            Err(error) => Some(Err(error)),
            Ok(Taken { store: Some(_), .. }) => None,
            Ok(Taken { first, end, after, store: None }) => {
                *allocator = after;
                Some(Ok((first, end)))
            }
        }
    }
}

impl Allocator {
    /// The next `CACHE` values, or as many as there are.
    fn take(self, sequence: &Sequence) -> Result<Taken> {
        let State { mut last, called } = self.state;
        let mut log = self.logged;
        let mut fetch = sequence.cache;
        let mut given = 0;
        let mut first = last;
        if !called {
            given += 1;
            fetch -= 1;
        }
        let store = log < fetch || !called;
        if store {
            fetch += SEQ_LOG_VALS;
            log = fetch;
        }
        let mut next = last;
        // A block of plain steps needs no loop.
        let steps = (sequence.cache - given).min(fetch);
        if let Some(end) = sequence
            .increment
            .checked_mul(fetch)
            .and_then(|distance| last.checked_add(distance))
            .filter(|end| (sequence.min..=sequence.max).contains(end))
        {
            next = end;
            if steps > 0 {
                if given == 0 {
                    first = last + sequence.increment;
                }
                last += sequence.increment * steps;
            }
            log -= steps;
            fetch = 0;
        } else {
            while fetch > 0 {
                match step(sequence, next) {
                    Some(value) => next = value,
                    None if given > 0 => break,
                    None => return Err(exhausted(sequence)),
                }
                fetch -= 1;
                if given < sequence.cache {
                    log -= 1;
                    given += 1;
                    last = next;
                    if given == 1 {
                        first = next;
                    }
                }
            }
        }
        let logged = (log - fetch).max(0);
        let after = Allocator { state: State { last, called: true }, logged };
        let store = store.then_some(State { last: next, called: true });
        Ok(Taken { first, end: last, after, store })
    }
}

/// The value after `value`; `None` at the end of a sequence without CYCLE.
fn step(sequence: &Sequence, value: i64) -> Option<i64> {
    let next = value.checked_add(sequence.increment);
    match next.filter(|next| (sequence.min..=sequence.max).contains(next)) {
        Some(next) => Some(next),
        None if !sequence.cycle => None,
        None if sequence.increment > 0 => Some(sequence.min),
        None => Some(sequence.max),
    }
}

fn exhausted(sequence: &Sequence) -> SqlError {
    let (word, bound) = match sequence.increment > 0 {
        true => ("maximum", sequence.max),
        false => ("minimum", sequence.min),
    };
    SqlError::new(
        SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
        format!("nextval: reached {word} value of sequence \"{}\" ({bound})", sequence.name),
    )
}

fn unavailable(error: impl std::fmt::Display) -> SqlError {
    SqlError::internal(format!("sequence cannot be read: {error}"))
}

impl Engine {
    /// Takes the next values of a sequence: the first, and the last of the block.
    ///
    /// # Errors
    /// `2200H` at its end, `XX000` if the store fails.
    pub(crate) async fn next_values(&self, sequence: &Sequence) -> Result<(i64, i64)> {
        let slot = self.sequences.slot(sequence.storage);
        let mut slot = slot.lock().await;
        for _ in 0..TRIES {
            let (txn, stored) = self.stored_state(sequence).await?;
            let allocator = slot.unwrap_or(Allocator { state: stored, logged: 0 });
            let Taken { first, end, after, store } = allocator.take(sequence)?;
            match store {
                None => {
                    *slot = Some(after);
                    return Ok((first, end));
                }
                Some(state) if self.store_state(txn, sequence, state).await? => {
                    *slot = Some(after);
                    return Ok((first, end));
                }
                // Another process has moved it: what was stored decides.
                Some(_) => *slot = None,
            }
        }
        Err(SqlError::internal("sequence is contended"))
    }

    /// `setval`.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub(crate) async fn set_sequence(&self, sequence: &Sequence, state: State) -> Result<()> {
        let slot = self.sequences.slot(sequence.storage);
        let mut slot = slot.lock().await;
        for _ in 0..TRIES {
            let (txn, _) = self.stored_state(sequence).await?;
            if self.store_state(txn, sequence, state).await? {
                *slot = Some(Allocator { state, logged: 0 });
                return Ok(());
            }
        }
        Err(SqlError::internal("sequence is contended"))
    }

    /// `last_value`, `log_cnt`, `is_called`.
    ///
    /// # Errors
    /// `XX000` if the store fails.
    pub(crate) async fn sequence_state(&self, sequence: &Sequence) -> Result<(i64, i64, bool)> {
        let slot = self.sequences.slot(sequence.storage);
        let slot = slot.lock().await;
        let Allocator { state, logged } = match *slot {
            Some(allocator) => allocator,
            None => Allocator { state: self.stored_state(sequence).await?.1, logged: 0 },
        };
        Ok((state.last, logged, state.called))
    }

    async fn stored_state(
        &self,
        sequence: &Sequence,
    ) -> Result<(Box<dyn store::Transaction>, State)> {
        let txn = self.store().begin().await.map_err(unavailable)?;
        let key = keys::sequence(self.cluster(), sequence.storage);
        let state = match txn.get(&key).await.map_err(unavailable)? {
            Some(bytes) => decode(&bytes).ok_or_else(|| unavailable("its format is newer"))?,
            None => State { last: sequence.first, called: false },
        };
        Ok((txn, state))
    }

    /// Whether the state was stored; not if another process stored one meanwhile.
    async fn store_state(
        &self,
        txn: Box<dyn store::Transaction>,
        sequence: &Sequence,
        state: State,
    ) -> Result<bool> {
        let key = keys::sequence(self.cluster(), sequence.storage);
        let mut writes = WriteSet::default();
        writes.writes.insert(key, Write::Put(encode(state).into()));
        match txn.commit(writes).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// Version byte, `last` big-endian, `called`.
fn encode(state: State) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&state.last.to_be_bytes());
    bytes.push(u8::from(state.called));
    bytes
}

fn decode(bytes: &[u8]) -> Option<State> {
    let (&VERSION, rest) = bytes.split_first()? else { return None };
    let (last, called) = rest.split_at_checked(8)?;
    Some(State { last: i64::from_be_bytes(last.try_into().ok()?), called: called == [1] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(cache: i64, max: i64, cycle: bool) -> Sequence {
        Sequence { increment: 1, min: 1, max, cache, cycle, first: 1, ..Sequence::default() }
    }

    #[test]
    fn as_postgresql_logs() {
        let s = sequence(1, i64::MAX, false);
        let start = Allocator { state: State { last: 1, called: false }, logged: 0 };
        let taken = start.take(&s).unwrap();
        assert_eq!((taken.first, taken.end, taken.after.logged), (1, 1, 32));
        assert_eq!(taken.store, Some(State { last: 33, called: true }));
        let taken = taken.after.take(&s).unwrap();
        assert_eq!((taken.first, taken.end, taken.after.logged, taken.store), (2, 2, 31, None));
        let last = Allocator { state: State { last: 33, called: true }, logged: 0 };
        let taken = last.take(&s).unwrap();
        assert_eq!((taken.first, taken.after.logged), (34, 32));
        assert_eq!(taken.store, Some(State { last: 66, called: true }));
    }

    #[test]
    fn blocks_end_with_the_sequence() {
        let s = sequence(3, 5, false);
        let start = Allocator { state: State { last: 1, called: false }, logged: 0 };
        let taken = start.take(&s).unwrap();
        assert_eq!((taken.first, taken.end), (1, 3));
        let taken = taken.after.take(&s).unwrap();
        assert_eq!((taken.first, taken.end), (4, 5));
        let error = taken.after.take(&s).map(|_| ()).unwrap_err();
        assert_eq!(error.code().as_str(), "2200H");
        let s = sequence(1, 3, true);
        let last = Allocator { state: State { last: 3, called: true }, logged: 0 };
        assert_eq!(last.take(&s).unwrap().first, 1);
    }

    #[test]
    fn state_literal_bytes() {
        let state = State { last: 258, called: true };
        assert_eq!(encode(state), [1, 0, 0, 0, 0, 0, 0, 1, 2, 1]);
        assert_eq!(decode(&encode(state)), Some(state));
        assert_eq!(decode(&[2, 0]), None);
    }
}
