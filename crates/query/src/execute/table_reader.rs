//! Reads a stored table by keys and key ranges, through one of its indexes, and decodes rows.
//!
//!     bounds ──► points, ranges ──► pairs ──► [entries ──► row keys ──► rows] ──► decode
//!                                   (caller)

use std::sync::Arc;

use store::{Direction, Key, Pairs, Value};
use txn::SnapshotReader;
use types::{Datum, Oid, Result, RowReader, SqlError, SqlState};

use super::access::{self, Access};
use super::cx::ExecCx;
use super::index::{self, EntryLayout, KeyLayout, Projection, StoredColumn};
use super::integer_test::IntegerTest;
use crate::chunk::Chunk;
use crate::plan::{AccessPath, KeyBounds, Scan};

#[derive(Clone, Debug)]
pub(crate) struct TableReader {
    rows: KeyLayout,
    /// The secondary index that is read, and whether its entries hold all that is wanted.
    index: Option<(EntryLayout, bool)>,
    projection: Projection,
    /// What a row has to pass, and the column that each test is about.
    tests: Vec<(StoredColumn, IntegerTest)>,
    /// The row's storage key follows its columns.
    row_key: bool,
    /// How many columns there are, the storage key among them.
    width: usize,
}

/// The bounds within which a scan reads.
pub(super) fn bounds(scan: &Scan) -> &KeyBounds {
    match &scan.path {
        AccessPath::Primary(bounds) | AccessPath::Index { bounds, .. } => bounds,
    }
}

/// The order of keys in which a scan reads.
pub(super) fn direction(scan: &Scan) -> Direction {
    match scan.backward {
        false => Direction::Forward,
        true => Direction::Backward,
    }
}

impl TableReader {
    /// The reader of what `scan` reads, in the cluster whose keys start with `cluster`; it is made
    /// once for all executions of a plan.
    ///
    /// # Errors
    /// `XX000` if the plan does not fit the table.
    pub(super) fn of(scan: &Scan, cluster: u32) -> Result<Arc<TableReader>> {
        if let Some(reader) = scan.reader.get() {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(TableReader::new(scan, cluster)?);
        Ok(Arc::clone(scan.reader.get_or_init(|| reader)))
    }

    fn new(scan: &Scan, cluster: u32) -> Result<TableReader> {
        let table = &scan.table;
        let column_type =
            |column: usize| table.columns.get(column).map_or(Oid::INVALID, |c| Oid(c.type_oid));
        let index = match &scan.path {
            AccessPath::Primary(_) => None,
            AccessPath::Index { index, covering, .. } => {
                let index = table
                    .indexes
                    .get(*index)
                    .ok_or_else(|| SqlError::internal("scan of an index that is not there"))?;
                Some((index::entry_layout(cluster, table, index), *covering))
            }
        };
        let position = |column: usize| match &index {
            Some((layout, true)) => layout.columns.iter().position(|held| *held == column),
            _ => Some(column),
        };
        let columns = scan
            .columns
            .iter()
            .map(|column| Some((position(*column)?, column_type(*column))))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| SqlError::internal("index does not cover the columns"))?;
        Ok(TableReader {
            rows: index::row_layout(cluster, table),
            index,
            projection: Projection::new(columns)?,
            tests: Vec::new(),
            row_key: scan.row_key,
            width: scan.columns.len() + usize::from(scan.row_key),
        })
    }

    /// A reader that leaves out rows which do not pass all of `tests`; they are about the columns
    /// that are read.
    ///
    /// # Errors
    /// `XX000` if one of them is not.
    pub(super) fn with_tests(&self, tests: Vec<IntegerTest>) -> Result<TableReader> {
        let columns = self.projection.columns();
        let with_column = |test: IntegerTest| Some((*columns.get(test.column)?, test));
        let tests = tests.into_iter().map(with_column).collect::<Option<_>>();
        let missing = || SqlError::internal("a test of a column that is not read");
        Ok(TableReader { tests: tests.ok_or_else(missing)?, ..self.clone() })
    }

    /// What to read for these values of the bounds' expressions.
    ///
    /// # Errors
    /// As [`access::resolve`].
    pub(super) fn accesses(&self, bounds: &KeyBounds, values: Vec<Datum>) -> Result<Vec<Access>> {
        match &self.index {
            None => access::resolve(bounds, values, &self.rows, |_| true),
            Some((layout, _)) => {
                access::resolve(bounds, values, &layout.key, |has_null| layout.is_point(has_null))
            }
        }
    }

    /// Whether pairs of the index do not hold all that is wanted: see [`TableReader::rows_of`].
    pub(super) fn needs_rows(&self) -> bool {
        matches!(self.index, Some((_, false)))
    }

    /// The rows that pairs of the index stand for, as [`TableReader::decode`] takes them.
    ///
    /// # Errors
    /// `XX002` if a row is missing.
    pub(super) async fn rows_of(&self, found: Pairs, cx: &mut ExecCx<'_>) -> Result<Pairs> {
        if !self.needs_rows() {
            return Ok(found);
        }
        let keys = self.row_keys(&found)?;
        let values = match keys.as_slice() {
            [] => Vec::new(),
            [key] => vec![cx.host.txn.get(key, cx.at()).await?],
            keys => cx.host.txn.get_many(keys, cx.at()).await?,
        };
        with_values(keys, values)
    }

    /// The wanted columns of what pairs that were found stand for, read from a snapshot.
    ///
    /// # Errors
    /// As [`TableReader::rows_of`] and [`TableReader::decode`].
    pub(super) async fn read(&self, found: Pairs, snapshot: &SnapshotReader) -> Result<Chunk> {
        if !self.needs_rows() {
            return self.decode(&found);
        }
        let keys = self.row_keys(&found)?;
        let values = snapshot.get_many(&keys).await?;
        self.decode(&with_values(keys, values)?)
    }

    /// The storage keys of the rows that pairs of the index stand for.
    fn row_keys(&self, found: &Pairs) -> Result<Vec<Key>> {
        let entries = found.iter().map(|(key, value)| index::read_entry(key, value));
        entries.map(|entry| Ok(self.rows.row_key_of(entry?.0))).collect()
    }

    /// The wanted columns of rows that pass the tests.
    ///
    /// # Errors
    /// `XX001`, `XX002` if what is stored is malformed.
    pub(super) fn decode(&self, pairs: &Pairs) -> Result<Chunk> {
        let mut rows = self.rows(pairs.len());
        for (key, value) in pairs.iter() {
            self.decode_row(key, value, &mut rows)?;
        }
        Ok(rows)
    }

    /// No rows, with room for `count`.
    pub(super) fn rows(&self, count: usize) -> Chunk {
        let room = if self.tests.is_empty() { count } else { 0 };
        Chunk::with_capacity(self.width, room)
    }

    /// Appends a row's columns, if it passes the tests.
    ///
    /// # Errors
    /// As [`TableReader::decode`].
    pub(super) fn decode_row(&self, key: &[u8], value: &[u8], rows: &mut Chunk) -> Result<()> {
        let (suffix, row) = match &self.index {
            Some((_, true)) => {
                let (suffix, row) = index::read_entry(key, value)?;
                (Some(suffix), row)
            }
            _ => (None, RowReader::new(value)?),
        };
        for (column, test) in &self.tests {
            if !test.holds(&column.read(&row)?) {
                return Ok(());
            }
        }
        rows.push_with(|out| {
            self.projection.read(&row, out)?;
            if self.row_key {
                out.push(match suffix {
                    Some(suffix) => Datum::bytea(self.rows.row_key_of(suffix)),
                    None => Datum::bytea(key),
                });
            }
            Ok(())
        })
    }
}

/// Rows by their keys, all of which must be there.
fn with_values(keys: Vec<Key>, values: Vec<Option<Value>>) -> Result<Pairs> {
    let rows = keys.into_iter().zip(values).map(|(key, value)| match value {
        Some(value) => Ok((key, value)),
        None => Err(SqlError::new(
            SqlState::INDEX_CORRUPTED,
            "index entry points to a row that is not there",
        )),
    });
    rows.collect()
}
