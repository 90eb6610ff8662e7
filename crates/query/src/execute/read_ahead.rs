//! Reads on in a range while what was read is worked on: a long scan keeps several threads busy.
//!
//!     scan ──► pairs ──► [look rows up] decode ──► rows, in the order of the range
//!              pairs ──► [look rows up] decode ──► …       (each a task of its own)
//!
//! Invariant: the tasks end when their reader is dropped or the transaction ends, after the pieces
//! they are about.

use std::sync::Arc;

use store::{Direction, KeyRange, Pairs};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use txn::SnapshotReader;
use types::{Result, SqlError};

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

/// The rest of a range, piece by piece.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Ahead>>,
}

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
                        (Ok(Ahead::start(pairs, Arc::clone(&reader), snapshot.clone())), rest)
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

    /// The next rows, and how many pairs were read for them; `None` at the end.
    ///
    /// # Errors
    /// What the store raises, `XX001`, `XX002` if what is stored is malformed.
    pub(super) async fn next(&mut self) -> Result<Option<(Chunk, usize)>> {
        let Some(Ahead { pairs, rows }) = self.pieces.recv().await.transpose()? else {
            return Ok(None);
        };
        let cut_off = |_| SqlError::internal("reading ahead was cut off");
        Ok(Some((rows.await.map_err(cut_off)??, pairs)))
    }
}
