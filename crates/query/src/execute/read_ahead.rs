//! Reads on in a range while what was read is worked on: a long scan keeps all processors busy.
//!
//!     range ──split──► part 0 ─┐ lane 0   scan ──► pairs ──► [look rows up] decode ─┐ in the order
//!                      part 1 ─┼┐ lane 1  scan ──► pairs ──► [look rows up] decode ─┼► of the range
//!                      part 2 ─┘│ lane 0                                            │
//!                      part 3 ──┘ lane 1           (each lane, each decoding a task) ┘
//!
//! The parts are small enough for one lane to be a part ahead of the other.
//!
//! Invariant: the tasks end when their reader is dropped or the transaction ends, after the pieces
//! they are about.

use std::sync::Arc;

use store::{Direction, KeyRange, Pairs};
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
const PIECE_BYTES: usize = 1024 * 1024;
/// Pieces of a lane that wait to be worked on.
const PIECES_AHEAD: usize = 4;
/// Pairs of a part, about: what waits in a lane.
const PART_PAIRS: usize = PIECES_AHEAD * PAIRS_MAX;
/// Parts that splitting is worth while for.
const PARTS_MIN: usize = 8;
/// Parts that a range is split into at most.
const PARTS_MAX: usize = 1 << 14;

/// How many pairs to read next, if they are like `pairs`.
pub(super) fn fit(pairs: &Pairs) -> usize {
    (PIECE_BYTES * pairs.len() / pairs.bytes().max(1)).clamp(1, PAIRS_MAX)
}

/// The rest of a range, piece by piece.
pub(super) struct ReadAhead {
    lanes: [mpsc::Receiver<Result<Step>>; 2],
    /// The lane that the current part is in.
    turn: usize,
}

/// A piece of a part; `None` at the part's end.
type Step = Option<Ahead>;

/// A piece whose rows a task makes out.
struct Ahead {
    pairs: usize,
    rows: JoinHandle<Result<Chunk>>,
}

impl Ahead {
    fn start(pairs: Pairs, reader: Arc<TableReader>, snapshot: SnapshotReader) -> Ahead {
        let count = pairs.len();
        let rows = tokio::spawn(async move { reader.read(pairs, &snapshot).await });
        Ahead { pairs: count, rows }
    }
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
            match lane.recv().await.transpose()? {
                // The part that would be next is not there.
                None => break,
                Some(None) => self.turn = 1 - self.turn,
                Some(Some(Ahead { pairs, rows })) => {
                    let cut_off = |_| SqlError::internal("reading ahead was cut off");
                    return Ok(Some((rows.await.map_err(cut_off)??, pairs)));
                }
            }
        }
        Ok(None)
    }
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
            while let Some(range) = todo {
                let step = match self.snapshot.scan(&range, self.direction, limit).await {
                    Ok((pairs, rest)) => {
                        todo = rest;
                        if pairs.is_empty() {
                            continue;
                        }
                        limit = fit(&pairs);
                        Ok(Some(Ahead::start(
                            pairs,
                            Arc::clone(&self.reader),
                            self.snapshot.clone(),
                        )))
                    }
                    Err(error) => {
                        todo = None;
                        Err(error)
                    }
                };
                let failed = step.is_err();
                if sender.send(step).await.is_err() || failed {
                    return;
                }
            }
            if sender.send(Ok(None)).await.is_err() {
                return;
            }
        }
    }
}
