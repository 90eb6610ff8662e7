//! Taking a consistent copy of a store, and filling an empty one from it; on any engine.
//!
//! Must not know: how copies are stored or sent.

use futures::stream::{self, Stream, StreamExt as _};

use crate::{
    BoxError, CommitError, Direction, Key, KeyRange, Pairs, Store, StoreError, Transaction, Write,
    WriteSet,
};

/// An export yields chunks of about this many bytes …
const CHUNK_BYTES: usize = 1 << 20;
/// … and of no more pairs than this.
const CHUNK_PAIRS_MAX: usize = 4096;
/// An import commits this many bytes at a time.
const COMMIT_BYTES: usize = 1 << 20;
/// An import commits no more pairs at a time than this.
const COMMIT_PAIRS_MAX: usize = 10_000;

/// An import failed. What was committed before stays: start again with an empty store.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store already holds something.
    #[error("the store to import into is not empty")]
    NotEmpty,
    /// The copy could not be read.
    #[error("the copy cannot be read")]
    Source(#[source] BoxError),
    /// The store could not be read.
    #[error("the store cannot be read")]
    Read(#[from] StoreError),
    /// A batch was not committed.
    #[error("a batch of the import was not committed")]
    Commit(#[from] CommitError),
}

/// All pairs of the transaction's snapshot in key order, in chunks. The snapshot is kept alive by
/// the transaction, so the copy is of one instant however long it takes.
pub fn export(txn: &dyn Transaction) -> impl Stream<Item = Result<Pairs, StoreError>> + Send + '_ {
    let start = Some((KeyRange::all(), CHUNK_PAIRS_MAX / 16));
    stream::try_unfold(start, move |rest| async move {
        let Some((range, pairs_max)) = rest else { return Ok(None) };
        let chunk = txn.scan(&range, Direction::Forward, pairs_max).await?;
        let Some((last, _)) = chunk.last() else { return Ok(None) };
        let last = Key::copy_from_slice(last);
        let rest = (chunk.len() == pairs_max).then(|| {
            // The next chunk should come out right if its pairs are like these.
            let pairs = CHUNK_BYTES / (chunk.bytes() / chunk.len()).max(1);
            (range.after(last, Direction::Forward), pairs.clamp(1, CHUNK_PAIRS_MAX))
        });
        Ok(Some((chunk, rest)))
    })
}

/// Puts all `chunks` into `store`, which must be empty; returns the number of pairs. An import is
/// many commits, so nobody else should use the store before it has ended.
///
/// # Errors
/// See [`ImportError`].
pub async fn import(
    store: &dyn Store,
    chunks: impl Stream<Item = Result<Pairs, BoxError>> + Send,
) -> Result<u64, ImportError> {
    let probe = store.begin().await?;
    if !probe.scan(&KeyRange::all(), Direction::Forward, 1).await?.is_empty() {
        return Err(ImportError::NotEmpty);
    }
    drop(probe);
    let mut chunks = std::pin::pin!(chunks);
    let mut batch = WriteSet::default();
    let mut bytes = 0;
    let mut pairs = 0;
    while let Some(chunk) = chunks.next().await {
        for (key, value) in chunk.map_err(ImportError::Source)? {
            bytes += key.len() + value.len();
            pairs += 1;
            batch.writes.insert(key, Write::Put(value));
            if bytes >= COMMIT_BYTES || batch.writes.len() >= COMMIT_PAIRS_MAX {
                store.begin().await?.commit(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
    }
    store.begin().await?.commit(batch).await?;
    Ok(pairs)
}
