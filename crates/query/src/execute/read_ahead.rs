//! Reads on in a range while what was read is worked on: a long scan keeps all processors busy.
//!
//!     range ──split──► part 0 ─┐ lane 0   scan, test, decode ──────────┐ in the order
//!                      part 1 ─┼┐ lane 1  or                           ├► of the range
//!                      part 2 ─┘│ lane 0  scan entries ──► look rows up ┘
//!                      part 3 ──┘ lane 1                   (a task for each piece)
//!
//! Each lane is a task. The parts are small enough for one lane to be a part ahead of the other.
//!
//! Invariant: the tasks end when their reader is dropped or the transaction ends, after the pieces
//! they are about.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use store::{Direction, KeyRange};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use txn::SnapshotReader;
use types::{Result, SqlError};

use super::split::split;
use super::table_reader::TableReader;
use crate::chunk::Chunk;

/// Pairs read at once at most.
pub(super) const PAIRS_MAX: usize = 1024;
/// Bytes read at once, about, where rows are long.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces of a lane that wait to be worked on: two parts.
const PIECES_AHEAD: usize = 8;
/// Pairs of a part, about.
const PART_PAIRS: usize = PIECES_AHEAD / 2 * PAIRS_MAX;
/// Parts that splitting is worth while for.
const PARTS_MIN: usize = 8;
/// Parts that a range is split into at most.
const PARTS_MAX: usize = 1 << 14;

/// How many pairs to read next, if they are as long as these.
pub(super) fn fit(pairs: usize, bytes: usize) -> usize {
    match pairs {
        0 => PAIRS_MAX,
        _ => (PIECE_BYTES * pairs / bytes.max(1)).clamp(1, PAIRS_MAX),
    }
}

/// The rest of a range, piece by piece.
pub(super) struct ReadAhead {
    lanes: [mpsc::Receiver<Result<Step>>; 2],
    /// The lane that the current part is in.
    turn: usize,
}

/// A piece of a part; `None` at the part's end.
type Step = Option<Ahead>;

/// The rows of a piece.
struct Ahead {
    /// Pairs read for them.
    pairs: usize,
    rows: Rows,
}

enum Rows {
    Read(Chunk),
    /// A task looks them up.
    Coming(JoinHandle<Result<Chunk>>),
}

impl ReadAhead {
    /// Begins to read `range`, of about `entries` pairs, as `reader` reads its table.
    pub(super) fn start(
        snapshot: SnapshotReader,
        range: KeyRange,
        direction: Direction,
        reader: Arc<TableReader>,
        entries: f64,
    ) -> ReadAhead {
        let (sender, even) = mpsc::channel(PIECES_AHEAD);
        let (other_sender, odd) = mpsc::channel(PIECES_AHEAD);
        let lane = Lane { snapshot, direction, reader };
        tokio::spawn(async move {
            let parts = match lane.parts(range, entries).await {
                Ok(parts) => parts,
                Err(error) => {
                    // Nobody may be there to hear it any more.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            let of_lane = |first: usize| parts.iter().skip(first).step_by(2).cloned().collect();
            let (own, others): (Vec<KeyRange>, Vec<KeyRange>) = (of_lane(0), of_lane(1));
            if !others.is_empty() {
                let lane = lane.clone();
                tokio::spawn(async move { lane.read(others, other_sender).await });
            }
            lane.read(own, sender).await;
        });
        ReadAhead { lanes: [even, odd], turn: 0 }
    }

    /// The next rows, and how many pairs were read for them; `None` at the end.
    ///
    /// # Errors
    /// What the store raises, `XX001`, `XX002` if what is stored is malformed.
    pub(super) async fn next(&mut self) -> Result<Option<(Chunk, usize)>> {
        while let Some(lane) = self.lanes.get_mut(self.turn) {
            let step = lane.recv().await.transpose()?;
            step_aside().await;
            match step {
                // The part that would be next is not there.
                None => break,
                Some(None) => self.turn = 1 - self.turn,
                Some(Some(Ahead { pairs, rows: Rows::Read(rows) })) => {
                    return Ok(Some((rows, pairs)));
                }
                Some(Some(Ahead { pairs, rows: Rows::Coming(rows) })) => {
                    let cut_off = |_| SqlError::internal("reading ahead was cut off");
                    return Ok(Some((rows.await.map_err(cut_off)??, pairs)));
                }
            }
        }
        Ok(None)
    }
}

/// Lets the thread run what was just woken, and other threads take this task: the runtime keeps a task
/// that is woken for the thread that woke it, and would leave another thread without work.
async fn step_aside() {
    let mut aside = false;
    poll_fn(|cx| match std::mem::replace(&mut aside, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// What reads every other part.
#[derive(Clone)]
struct Lane {
    snapshot: SnapshotReader,
    direction: Direction,
    reader: Arc<TableReader>,
}

impl Lane {
    /// The parts of a range, in the order in which they are read.
    async fn parts(&self, range: KeyRange, entries: f64) -> Result<Vec<KeyRange>> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate; not negative"
        )]
        let count = (entries as usize / PART_PAIRS).min(PARTS_MAX);
        if count < PARTS_MIN {
            return Ok(vec![range]);
        }
        let (first, _) = self.snapshot.scan(&range, Direction::Forward, 1).await?;
        let (last, _) = self.snapshot.scan(&range, Direction::Backward, 1).await?;
        let (Some((first, _)), Some((last, _))) = (first.last(), last.last()) else {
            return Ok(vec![range]);
        };
        let mut parts = split(range, first, last, count);
        if self.direction == Direction::Backward {
            parts.reverse();
        }
        Ok(parts)
    }

    async fn read(&self, parts: Vec<KeyRange>, sender: mpsc::Sender<Result<Step>>) {
        let mut limit = PAIRS_MAX;
        for part in parts {
            let mut todo = Some(part);
            while let Some(range) = todo.take() {
                let step = self.piece(&range, &mut limit).await.map(|(ahead, rest)| {
                    todo = rest;
                    ahead
                });
                let failed = step.is_err();
                if matches!(step, Ok(Ahead { pairs: 0, .. })) {
                    continue;
                }
                if sender.send(step.map(Some)).await.is_err() || failed {
                    return;
                }
                step_aside().await;
            }
            if sender.send(Ok(None)).await.is_err() {
                return;
            }
        }
    }

    /// About `limit` pairs of `range`, and the rest of it.
    async fn piece(
        &self,
        range: &KeyRange,
        limit: &mut usize,
    ) -> Result<(Ahead, Option<KeyRange>)> {
        let Lane { snapshot, direction, reader } = self;
        if reader.needs_rows() {
            let (found, rest) = snapshot.scan(range, *direction, *limit).await?;
            *limit = fit(found.len(), found.bytes());
            let pairs = found.len();
            let (reader, snapshot) = (Arc::clone(reader), snapshot.clone());
            let rows = tokio::spawn(async move { reader.read(found, &snapshot).await });
            return Ok((Ahead { pairs, rows: Rows::Coming(rows) }, rest));
        }
        let (mut pairs, mut bytes) = (0, 0);
        let mut rows = reader.rows(*limit);
        let mut decoded = Ok(());
        let mut decode = |key: &[u8], value: &[u8]| {
            pairs += 1;
            bytes += key.len() + value.len();
            if decoded.is_ok() {
                decoded = reader.decode_row(key, value, &mut rows);
            }
        };
        let rest = snapshot.visit(range, *direction, *limit, &mut decode).await?;
        decoded?;
        *limit = fit(pairs, bytes);
        Ok((Ahead { pairs, rows: Rows::Read(rows) }, rest))
    }
}
