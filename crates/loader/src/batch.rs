//! Rows on their way from the reader to a worker.

/// A field as text, or NULL.
pub(crate) type Field = Option<String>;

/// A row, with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Counted from 1, without the header.
    pub(crate) number: u64,
    pub(crate) fields: Vec<Field>,
}

/// Rows for one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Counted from 0. The same file and batch size give the same batches.
    pub(crate) index: u64,
    pub(crate) rows: Vec<Row>,
}

/// Bytes of a batch at most: half of what a transaction takes, since a stored row is larger than its
/// text.
pub(crate) const BATCH_BYTES_MAX: usize = 5 << 20;

/// Gathers rows to batches.
pub(crate) struct Batcher {
    rows_max: usize,
    next: u64,
    rows: Vec<Row>,
    bytes: usize,
}

impl Batcher {
    pub(crate) fn new(rows_max: usize) -> Batcher {
        Batcher { rows_max, next: 0, rows: Vec::new(), bytes: 0 }
    }

    /// Adds `row`; the batch before it, if it is full.
    pub(crate) fn push(&mut self, row: Row) -> Option<Batch> {
        let bytes: usize = row.fields.iter().flatten().map(String::len).sum();
        let full = self.rows.len() == self.rows_max
            || (!self.rows.is_empty() && self.bytes + bytes > BATCH_BYTES_MAX);
        let batch = if full { self.take() } else { None };
        self.bytes += bytes;
        self.rows.push(row);
        batch
    }

    /// What is left.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.rows.is_empty() {
            return None;
        }
        let index = self.next;
        self.next += 1;
        self.bytes = 0;
        Some(Batch { index, rows: std::mem::take(&mut self.rows) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(rows_max: usize, lengths: &[usize]) -> Vec<usize> {
        let mut batcher = Batcher::new(rows_max);
        let rows = lengths.iter().zip(1..);
        let rows =
            rows.map(|(len, number)| Row { number, fields: vec![Some("x".repeat(*len)), None] });
        let mut batches: Vec<Batch> = rows.filter_map(|row| batcher.push(row)).collect();
        batches.extend(batcher.take());
        assert!(batches.iter().zip(0..).all(|(batch, index)| batch.index == index));
        batches.iter().map(|batch| batch.rows.len()).collect()
    }

    #[test]
    fn batches_by_rows_and_bytes() {
        assert_eq!(sizes(3, &[1; 7]), [3, 3, 1]);
        assert_eq!(sizes(3, &[]), [0; 0]);
        assert_eq!(sizes(10, &[3 << 20; 3]), [1, 1, 1]);
        assert_eq!(sizes(10, &[2 << 20, 2 << 20, 2 << 20, 9 << 20, 1]), [2, 1, 1, 1]);
    }
}
