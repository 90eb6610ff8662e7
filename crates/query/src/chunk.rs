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
    pub const fn new(width: usize) -> Chunk {
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

    /// Appends a copy of `row`.
    ///
    /// # Panics
    /// If `row` is of another width: that is a bug in an operator.
    pub fn push_row(&mut self, row: &[Datum]) {
        self.push_joined(row, &[]);
    }

    /// Appends a row that is made of two: what a join gives.
    ///
    /// # Panics
    /// As [`Chunk::push_row`].
    pub fn push_joined(&mut self, left: &[Datum], right: &[Datum]) {
        self.values.extend_from_slice(left);
        self.values.extend_from_slice(right);
        self.rows += 1;
        assert_eq!(self.values.len(), self.rows * self.width, "row of another width");
    }

    /// Appends one row whose values `fill` pushes; if it fails, nothing is appended.
    ///
    /// # Errors
    /// What `fill` raises.
    ///
    /// # Panics
    /// If `fill` does not push exactly `width` values: that is a bug in an operator.
    pub fn push_with<E>(
        &mut self,
        fill: impl FnOnce(&mut Vec<Datum>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Err(error) = fill(&mut self.values) {
            self.values.truncate(self.rows * self.width);
            return Err(error);
        }
        self.rows += 1;
        assert_eq!(self.values.len(), self.rows * self.width, "row of another width");
        Ok(())
    }

    /// Takes all rows out of `other`, which is of the same width.
    pub fn append(&mut self, mut other: Chunk) {
        debug_assert_eq!(self.width, other.width);
        if self.rows == 0 {
            *self = other;
        } else {
            self.rows += other.rows;
            self.values.append(&mut other.values);
        }
    }

    /// Takes the rows from `at` on out.
    pub fn split_off(&mut self, at: usize) -> Chunk {
        let at = at.min(self.rows);
        let values = self.values.split_off(at * self.width);
        let rows = self.rows - at;
        self.rows = at;
        Chunk { width: self.width, rows, values }
    }

    /// The row at `index`.
    pub fn row(&self, index: usize) -> &[Datum] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// The row at `index`, to be changed.
    pub fn row_mut(&mut self, index: usize) -> &mut [Datum] {
        &mut self.values[index * self.width..(index + 1) * self.width]
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

    /// Keeps the rows whose flag is set; there is one flag for each row.
    pub fn retain(&mut self, flags: &[bool]) {
        if flags.iter().all(|kept| *kept) {
            return;
        }
        let mut kept = 0;
        for (index, _) in flags.iter().enumerate().filter(|(_, kept)| **kept) {
            if kept != index {
                for column in 0..self.width {
                    self.values.swap(kept * self.width + column, index * self.width + column);
                }
            }
            kept += 1;
        }
        self.truncate(kept);
    }

    /// Moves a row's values out, leaving NULLs.
    pub fn take_row(&mut self, index: usize) -> impl Iterator<Item = Datum> {
        self.values[index * self.width..(index + 1) * self.width].iter_mut().map(std::mem::take)
    }

    /// Moves all values out, row after row.
    pub fn into_values(self) -> Vec<Datum> {
        self.values
    }

    /// Removes the first `rows` rows.
    pub fn drop_front(&mut self, rows: usize) {
        let rows = rows.min(self.rows);
        self.rows -= rows;
        self.values.drain(..rows * self.width);
    }
}
