//! Reads on in a range while what was read is worked on: a long scan keeps two threads busy.
//!
//! Invariant: the task ends when its reader is dropped or the transaction ends, after the piece it
//! is about.

use store::{Direction, KeyRange, Pair};
use tokio::sync::mpsc;
use txn::SnapshotReader;
use types::Result;

/// Pairs read at once at most.
pub(super) const PAIRS_MAX: usize = 1024;
/// Bytes read at once, about, where rows are long.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Pieces that wait to be worked on.
const PIECES_AHEAD: usize = 4;

/// How many pairs to read next, if they are like `pairs`.
pub(super) fn fit(pairs: &[Pair]) -> usize {
    let bytes: usize = pairs.iter().map(|(_, value)| value.len()).sum();
    (PIECE_BYTES * pairs.len() / bytes.max(1)).clamp(1, PAIRS_MAX)
}

/// The rest of a range, piece by piece.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Vec<Pair>>>,
}

impl ReadAhead {
    /// Begins to read `range`.
    pub(super) fn start(
        snapshot: SnapshotReader,
        range: KeyRange,
        direction: Direction,
    ) -> ReadAhead {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        tokio::spawn(async move {
            let mut todo = Some(range);
            let mut limit = PAIRS_MAX;
            while let Some(range) = todo {
                let piece = snapshot.scan(&range, direction, limit).await;
                let (piece, rest) = match piece {
                    Ok((pairs, rest)) => {
                        limit = fit(&pairs);
                        (Ok(pairs), rest)
                    }
                    Err(error) => (Err(error), None),
                };
                todo = rest;
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        });
        ReadAhead { pieces }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What the store raises.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Pair>>> {
        self.pieces.recv().await.transpose()
    }
}
