//! Reads on in a range while what was read is worked on: a long scan keeps two threads busy, one that
//! reads and decodes, and one that computes with the rows.
//!
//! Invariant: the task ends when its reader is dropped or the transaction ends, after the piece it
//! is about.

use std::sync::Arc;

use store::{Direction, KeyRange, Pairs};
use tokio::sync::mpsc;
use txn::SnapshotReader;
use types::Result;

use super::table_reader::TableReader;
use crate::chunk::Chunk;

/// Pairs read at once at most.
pub(super) const PAIRS_MAX: usize = 1024;
/// Bytes read at once, about, where rows are long.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// Pieces that wait to be worked on.
const PIECES_AHEAD: usize = 4;

/// How many pairs to read next, if they are like `pairs`.
pub(super) fn fit(pairs: &Pairs) -> usize {
    (PIECE_BYTES * pairs.len() / pairs.bytes().max(1)).clamp(1, PAIRS_MAX)
}

/// What was read at once.
pub(super) enum Piece {
    /// Pairs, as they are stored.
    Pairs(Pairs),
    /// The rows, decoded.
    Rows(Chunk),
}

impl Piece {
    /// Number of pairs that were read.
    pub(super) fn len(&self) -> usize {
        match self {
            Piece::Pairs(pairs) => pairs.len(),
            Piece::Rows(rows) => rows.len(),
        }
    }
}

/// The rest of a range, piece by piece.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Piece>>,
}

impl ReadAhead {
    /// Begins to read `range` as `reader` reads its table.
    pub(super) fn start(
        snapshot: SnapshotReader,
        range: KeyRange,
        direction: Direction,
        reader: Arc<TableReader>,
    ) -> ReadAhead {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        tokio::spawn(async move {
            let mut todo = Some(range);
            let mut limit = PAIRS_MAX;
            while let Some(range) = todo {
                let (piece, rest) = match snapshot.scan(&range, direction, limit).await {
                    Ok((pairs, rest)) => {
                        limit = fit(&pairs);
                        match reader.needs_rows() {
                            true => (Ok(Piece::Pairs(pairs)), rest),
                            false => (reader.decode(&pairs).map(Piece::Rows), rest),
                        }
                    }
                    Err(error) => (Err(error), None),
                };
                todo = rest.filter(|_| piece.is_ok());
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
    /// What the store raises, `XX001`, `XX002` if what is stored is malformed.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        self.pieces.recv().await.transpose()
    }
}
