//! A batch of rows: the unit that operators hand on.

use types::Datum;

/// How many rows an operator aims to put into one chunk.
pub const CHUNK_ROWS: usize = 512;

/// Rows of one width, stored row after row in one allocation.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    width: usize,
    rows: usize,
    values: Vec<Datum>,
}

impl Chunk {
    /// An empty chunk of rows with `width` columns.
    pub fn new(width: usize) -> Chunk {
        Chunk { width, rows: 0, values: Vec::new() }
    }

    /// As [`Chunk::new`], with room for `rows` rows.
    pub fn with_capacity(width: usize, rows: usize) -> Chunk {
        Chunk { width, rows: 0, values: Vec::with_capacity(width * rows) }
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends a row.
    ///
    /// # Panics
    /// If `row` does not yield exactly `width` values: that is a bug in an operator.
    pub fn push(&mut self, row: impl IntoIterator<Item = Datum>) {
        self.values.extend(row);
        self.rows += 1;
        assert_eq!(self.values.len(), self.rows * self.width, "row of another width");
    }

    /// The row at `index`.
    pub fn row(&self, index: usize) -> &[Datum] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[Datum]> {
        (0..self.rows).map(|index| self.row(index))
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.rows {
            self.rows = rows;
            self.values.truncate(rows * self.width);
        }
    }

    /// Removes the first `rows` rows.
    pub fn drop_front(&mut self, rows: usize) {
        let rows = rows.min(self.rows);
        self.rows -= rows;
        self.values.drain(..rows * self.width);
    }
}
