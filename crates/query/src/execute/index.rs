//! How rows and index entries are stored: keys and values of one table.
//!
//! Both DML and the jobs that build indexes go through here, so an index that is built beside
//! running writers ends up with what the writers would have written. The layout is specified in
//! `docs/design/tables.md`.

use bytes::Bytes;
use catalog::{Index, Table};
use store::{Key, KeyRange, Value};
use txn::keys;
use types::{
    Datum, KeyOrder, Kind, Oid, Result, RowReader, SqlError, SqlState, encode_row,
    encode_row_compressed, key,
};

use super::eval::{EvalCx, Stop, eval, passes};
use crate::plan::IndexExprs;

/// Most bytes of an index's key columns, the row key's included.
const KEY_BYTES_MAX: usize = 1_980;
/// What each key column after the first takes besides its bytes.
const KEY_COLUMN_BYTES: usize = 7;
/// Most bytes of a stored row.
const ROW_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most bytes of one column's value.
const COLUMN_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of a `varchar`.
const VARCHAR_BYTES_MAX: usize = 65_535;
/// Most bytes of a `char` or `bpchar`.
const CHAR_BYTES_MAX: usize = 4_096;
/// What a stored row of one long value has besides the value.
const ROW_OVERHEAD_BYTES: usize = 8;

const ENTRY_VERSION: u8 = 1;
/// Set in an entry's row-key length if the row key ends the entry's key and is not repeated.
const ROW_KEY_IN_KEY: u16 = 0x8000;

/// Where a key column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Position in [`Table::columns`].
    Column(usize),
    /// Number among the index's expressions.
    Computed(usize),
}

/// One column of a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyColumn {
    /// Where its value comes from.
    pub source: KeySource,
    /// Type.
    pub ty: Oid,
    /// Order.
    pub order: KeyOrder,
}

/// The keys of one index, or of a table's own rows.
#[derive(Clone, Debug)]
pub struct KeyLayout {
    /// What all keys start with.
    pub prefix: Vec<u8>,
    /// The key columns; none for rows under hidden keys.
    pub columns: Vec<KeyColumn>,
}

/// A secondary index's entries.
#[derive(Clone, Debug)]
pub struct EntryLayout {
    /// Keys.
    pub key: KeyLayout,
    /// Positions in [`Table::columns`] of what an entry's value holds.
    pub columns: Vec<usize>,
    /// Positions in [`Table::columns`] of all that the entry, or whether there is one, depends on.
    pub reads: Vec<usize>,
    unique: bool,
    nulls_not_distinct: bool,
}

/// All of a table's storage.
#[derive(Clone, Debug)]
pub struct TableLayout {
    /// The rows' own keys.
    pub row: KeyLayout,
    /// Entries of [`Table::indexes`], in order.
    pub entries: Vec<EntryLayout>,
}

/// An index entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Key.
    pub key: Key,
    /// Value.
    pub value: Value,
    /// No other row may have this key.
    pub unique: bool,
}

impl TableLayout {
    /// The storage of `table` in the cluster whose keys start with `cluster`.
    pub fn new(cluster: u32, table: &Table) -> TableLayout {
        TableLayout {
            row: row_layout(cluster, table),
            entries: table
                .indexes
                .iter()
                .map(|index| entry_layout(cluster, table, index))
                .collect(),
        }
    }
}

/// The keys of a table's rows.
pub fn row_layout(cluster: u32, table: &Table) -> KeyLayout {
    KeyLayout {
        prefix: keys::index(cluster, table.oid, keys::ROWS),
        columns: table.primary_key.as_ref().map_or_else(Vec::new, |key| key_columns(table, key)),
    }
}

/// The entries of a secondary index.
pub fn entry_layout(cluster: u32, table: &Table, index: &Index) -> EntryLayout {
    let columns = entry_columns(table, index);
    let predicate = index.predicate.iter().flat_map(|predicate| &predicate.columns);
    let mut reads = columns.clone();
    reads.extend(index.keys.iter().flat_map(catalog::IndexKey::reads).chain(predicate));
    EntryLayout {
        key: KeyLayout {
            prefix: keys::index(cluster, table.oid, index.oid),
            columns: key_columns(table, index),
        },
        columns,
        reads,
        unique: index.unique,
        nulls_not_distinct: index.nulls_not_distinct,
    }
}

/// Positions in [`Table::columns`] of what an entry holds besides the row's key: the index's key
/// columns and included columns, then those columns of the primary key that are not among them.
pub fn entry_columns(table: &Table, index: &Index) -> Vec<usize> {
    let mut columns: Vec<usize> = Vec::new();
    let primary = table.primary_key.iter().flat_map(Index::key_columns);
    for column in index.key_columns().chain(index.include.iter().copied()).chain(primary) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

fn key_columns(table: &Table, index: &Index) -> Vec<KeyColumn> {
    let mut computed = 0;
    let column = |key: &catalog::IndexKey| {
        let source = match key.column() {
            Some(column) => KeySource::Column(column),
            None => {
                computed += 1;
                KeySource::Computed(computed - 1)
            }
        };
        let order = KeyOrder { desc: false, nulls_first: key.nulls_first };
        KeyColumn { source, ty: key.value_type(table).0, order }
    };
    index.keys.iter().map(column).collect()
}

impl KeyColumn {
    /// Its value, of a row and the index's computed keys.
    fn value<'v>(&self, row: &'v [Datum], computed: &'v [Datum]) -> &'v Datum {
        let value = match self.source {
            KeySource::Column(column) => row.get(column),
            KeySource::Computed(number) => computed.get(number),
        };
        value.unwrap_or(&Datum::Null)
    }
}

impl KeyLayout {
    /// The key of `row`, which is a row of a table with a primary key.
    ///
    /// # Errors
    /// `54000` if it is too long.
    pub fn row_key(&self, row: &[Datum]) -> Result<Key> {
        let mut out = Vec::with_capacity(self.prefix.len() + self.columns.len() * 12);
        let mut size = KeySize::default();
        self.encode(row, &[], &mut out, &mut size)?;
        size.check()?;
        Ok(out.into())
    }

    /// The row key that ends with `suffix`: the other half of [`read_entry`].
    pub fn row_key_of(&self, suffix: &[u8]) -> Key {
        [self.prefix.as_slice(), suffix].concat().into()
    }

    /// The key of a row in a table without a primary key.
    pub fn hidden_key(&self, random: [u8; 16]) -> Key {
        self.row_key_of(&random)
    }

    fn encode(
        &self,
        row: &[Datum],
        computed: &[Datum],
        out: &mut Vec<u8>,
        size: &mut KeySize,
    ) -> Result<()> {
        out.extend_from_slice(&self.prefix);
        for column in &self.columns {
            let value = column.value(row, computed);
            size.add(value);
            key::encode(value, column.ty, column.order, out)?;
        }
        Ok(())
    }
}

impl EntryLayout {
    /// The entry of `row`, stored under `row_key`; `rows` is the table's row layout and `computed`
    /// the values of the index's expressions.
    ///
    /// # Errors
    /// `54000` if the key is too long.
    pub fn entry(
        &self,
        rows: &KeyLayout,
        row: &[Datum],
        computed: &[Datum],
        row_key: &[u8],
    ) -> Result<Entry> {
        let suffix = row_key.get(rows.prefix.len()..).unwrap_or_default();
        let mut out = Vec::with_capacity(self.key.prefix.len() + 32 + suffix.len());
        let mut size = KeySize::default();
        self.key.encode(row, computed, &mut out, &mut size)?;
        match rows.columns.as_slice() {
            [] => size.add(&Datum::Uuid([0; 16])),
            columns => columns.iter().for_each(|column| size.add(column.value(row, &[]))),
        }
        size.check()?;
        let has_null = || self.key.columns.iter().any(|c| c.value(row, computed).is_null());
        let unique = self.unique && (self.nulls_not_distinct || !has_null());
        let mut value = Vec::with_capacity(3 + suffix.len() + self.columns.len() * 12);
        value.push(ENTRY_VERSION);
        // A key is far below 32 KiB: its size was checked.
        let len = u16::try_from(suffix.len()).unwrap_or(u16::MAX) & !ROW_KEY_IN_KEY;
        if unique {
            value.extend_from_slice(&len.to_le_bytes());
            value.extend_from_slice(suffix);
        } else {
            out.extend_from_slice(suffix);
            value.extend_from_slice(&(len | ROW_KEY_IN_KEY).to_le_bytes());
        }
        let tuple: Vec<Datum> = self
            .columns
            .iter()
            .map(|column| row.get(*column).cloned().unwrap_or_default())
            .collect();
        encode_row(&tuple, &mut value);
        Ok(Entry { key: out.into(), value: value.into(), unique })
    }

    /// Whether a key made of values for all key columns is that of one entry.
    pub(crate) fn is_point(&self, has_null: bool) -> bool {
        self.unique && (self.nulls_not_distinct || !has_null)
    }
}

/// The entry of a row in the index at a position of [`Table::indexes`], with what the index needs
/// beside columns; `None` if its predicate leaves the row out.
///
/// # Errors
/// `54000` if the key is too long, and what the expressions raise.
pub(crate) fn entry_of(
    layout: &TableLayout,
    index: usize,
    exprs: Option<&IndexExprs>,
    row: &[Datum],
    row_key: &[u8],
    cx: &EvalCx<'_>,
) -> Result<Option<Entry>> {
    let Some(entries) = layout.entries.get(index) else { return Ok(None) };
    let computed = match exprs {
        None => Vec::new(),
        Some(exprs) => match computed(exprs, row, cx)? {
            None => return Ok(None),
            Some(computed) => computed,
        },
    };
    entries.entry(&layout.row, row, &computed, row_key).map(Some)
}

/// Values of an index's expressions over a row; `None` if its predicate leaves the row out.
///
/// # Errors
/// What the expressions raise.
pub(crate) fn computed(
    exprs: &IndexExprs,
    row: &[Datum],
    cx: &EvalCx<'_>,
) -> Result<Option<Vec<Datum>>> {
    let settle = |stop: Stop| match stop {
        Stop::Error(error) => error,
        Stop::SubPlan(_) | Stop::Sleep(_) | Stop::Sequence(_) | Stop::Function(_) => {
            SqlError::internal("index expression has to wait")
        }
    };
    // Callers go from row to row.
    cx.held.release();
    if let Some(predicate) = &exprs.predicate
        && !passes(predicate, row, cx).map_err(settle)?
    {
        return Ok(None);
    }
    exprs.keys.iter().map(|key| eval(key, row, cx).map_err(settle)).collect::<Result<_>>().map(Some)
}

/// Takes an entry apart: the row's key after the table's prefix, and a reader over
/// [`EntryLayout::columns`].
///
/// # Errors
/// `XX002` if the entry is malformed.
pub fn read_entry<'e>(entry_key: &'e [u8], value: &'e [u8]) -> Result<(&'e [u8], RowReader<'e>)> {
    let corrupt = || SqlError::new(SqlState::INDEX_CORRUPTED, "index entry is corrupt");
    let [ENTRY_VERSION, low, high, rest @ ..] = value else { return Err(corrupt()) };
    let len = u16::from_le_bytes([*low, *high]);
    let (suffix, tuple) = match len & ROW_KEY_IN_KEY {
        0 => rest.split_at_checked(len.into()).ok_or_else(corrupt)?,
        _ => {
            let len = usize::from(len & !ROW_KEY_IN_KEY);
            let start = entry_key.len().checked_sub(len).ok_or_else(corrupt)?;
            (entry_key.get(start..).ok_or_else(corrupt)?, rest)
        }
    };
    Ok((suffix, RowReader::new(tuple)?))
}

/// The stored form of a row: all of [`Table::columns`].
///
/// # Errors
/// `54000` if the row or one of its values is too long.
pub fn row_value(table: &Table, row: &[Datum]) -> Result<Value> {
    let mut out = Vec::with_capacity(16 + row.len() * 12);
    encode_row_compressed(row, |at| table.compresses(at), &mut out);
    if out.len() > CHAR_BYTES_MAX {
        check_column_sizes(table, row, out.len())?;
    }
    if out.len() > ROW_BYTES_MAX {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "maximum row size exceeded"));
    }
    Ok(out.into())
}

fn check_column_sizes(table: &Table, row: &[Datum], row_bytes: usize) -> Result<()> {
    for (at, (column, value)) in table.columns.iter().zip(row).enumerate() {
        let ty = Oid(column.type_oid);
        let (max, name) = match ty {
            types::oid::VARCHAR => (VARCHAR_BYTES_MAX, "varchar"),
            types::oid::BPCHAR => (CHAR_BYTES_MAX, "char"),
            _ => (COLUMN_BYTES_MAX, types::kind::type_name(ty)),
        };
        if row_bytes <= max {
            continue;
        }
        // What counts is what is stored.
        let bytes = match value {
            Datum::Bytea(bytes) => bytes.len(),
            Datum::Text(text) if text.len() <= max || !table.compresses(at) => text.len(),
            Datum::Text(_)
            | Datum::Jsonb(_)
            | Datum::Array(_)
            | Datum::Record(_)
            | Datum::Numeric(_) => {
                let mut out = Vec::new();
                let compresses = |_| table.compresses(at);
                encode_row_compressed(std::slice::from_ref(value), compresses, &mut out);
                // The row around it.
                out.len().saturating_sub(ROW_OVERHEAD_BYTES)
            }
            _ => 0,
        };
        if bytes > max {
            return Err(SqlError::new(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("datatype limit greater than {max} bytes not supported for {name}"),
            ));
        }
    }
    Ok(())
}

/// How stored columns are read: their kinds, looked up once.
#[derive(Clone, Debug)]
pub struct Projection(Vec<StoredColumn>);

/// How one stored column is read.
#[derive(Clone, Copy, Debug)]
pub struct StoredColumn {
    position: usize,
    kind: Kind,
}

impl StoredColumn {
    /// The column of one row.
    ///
    /// # Errors
    /// `XX001` if the row is malformed.
    #[inline]
    pub fn read(self, row: &RowReader<'_>) -> Result<Datum> {
        row.get_kind(self.position, self.kind)
    }
}

impl Projection {
    /// Reads these columns: position in what is stored, and type.
    ///
    /// # Errors
    /// `XX000` for a type that has no stored form.
    pub fn new(columns: impl IntoIterator<Item = (usize, Oid)>) -> Result<Projection> {
        let kinds = columns.into_iter().map(|(position, ty)| match Kind::of(ty) {
            Some(kind) => Ok(StoredColumn { position, kind }),
            None => Err(SqlError::internal(format!("type {ty} has no stored form"))),
        });
        Ok(Projection(kinds.collect::<Result<_>>()?))
    }

    /// All columns of a table's rows; dropped ones read as NULL.
    ///
    /// # Errors
    /// As [`Projection::new`].
    pub fn all(table: &Table) -> Result<Projection> {
        Projection::new(table.columns.iter().enumerate().map(|(i, c)| match c.dropped {
            false => (i, Oid(c.type_oid)),
            // Beyond what any row holds, so NULL.
            true => (usize::MAX, types::oid::BOOL),
        }))
    }

    /// The columns.
    pub fn columns(&self) -> &[StoredColumn] {
        &self.0
    }

    /// Appends the columns of one row.
    ///
    /// # Errors
    /// `XX001` if the row is malformed.
    pub fn read(&self, row: &RowReader<'_>, out: &mut Vec<Datum>) -> Result<()> {
        for column in &self.0 {
            out.push(column.read(row)?);
        }
        Ok(())
    }
}

/// The range of all of a table's rows.
pub fn all_rows(cluster: u32, table: &Table) -> KeyRange {
    KeyRange::prefix(&keys::index(cluster, table.oid, keys::ROWS))
}

/// The size of a key as DSQL limits it.
#[derive(Default)]
struct KeySize {
    bytes: usize,
    columns: usize,
}

impl KeySize {
    fn add(&mut self, value: &Datum) {
        self.columns += 1;
        self.bytes += match value {
            Datum::Text(text) => text.len(),
            Datum::Bytea(bytes) => bytes.len(),
            // Fixed or short: cannot matter.
            _ => 16,
        };
    }

    fn check(&self) -> Result<()> {
        if self.bytes + self.columns.saturating_sub(1) * KEY_COLUMN_BYTES <= KEY_BYTES_MAX {
            return Ok(());
        }
        Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "key size too large"))
    }
}

/// The key after all keys that start with `prefix`; `None` if there is none.
pub(crate) fn successor(prefix: &[u8]) -> Option<Bytes> {
    match KeyRange::prefix(prefix).end {
        std::ops::Bound::Excluded(end) => Some(end),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use catalog::{IndexKey, IndexState};
    use serde_json::json;

    use super::*;

    /// `(id int, a text, n int)`, keyed by `id`, with an index over `a` including `n`.
    fn sample(unique: bool) -> Table {
        let column = |name: &str, ty: Oid| json!({ "name": name, "type_oid": ty.0, "typmod": -1, "not_null": false });
        let index = |oid: u32, column: usize, include: &[usize], unique: bool| {
            json!({
                "oid": oid, "name": "i", "keys": [{ "column": column }], "include": include,
                "unique": unique, "state": "Valid",
            })
        };
        serde_json::from_value(json!({
            "oid": 2, "schema": 2200, "name": "t", "owner": 10, "row_type": 0,
            "columns": [
                column("id", types::oid::INT4),
                column("a", types::oid::TEXT),
                column("n", types::oid::INT4),
            ],
            "primary_key": index(3, 0, &[], true),
            "indexes": [index(4, 1, &[2], unique)],
        }))
        .unwrap()
    }

    const ROW_KEY: [u8; 18] = [0, 0, 0, 1, 0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0x12, 0x80, 0, 0, 7];
    const ENTRY_KEY: [u8; 17] = [0, 0, 0, 1, 0x10, 0, 0, 0, 2, 0, 0, 0, 4, 0x15, b'x', 0, 0];
    /// `('x', 5, 7)`.
    const TUPLE: [u8; 19] = [1, 3, 0, 0, 1, 0, 5, 0, 9, 0, b'x', 5, 0, 0, 0, 7, 0, 0, 0];

    fn row(a: Datum) -> [Datum; 3] {
        [Datum::Int4(7), a, Datum::Int4(5)]
    }

    #[track_caller]
    fn check(unique_index: bool, a: Datum, key: &[u8], value: &[u8], unique: bool) {
        let layout = TableLayout::new(1, &sample(unique_index));
        let row = row(a);
        let row_key = layout.row.row_key(&row).unwrap();
        assert_eq!(row_key, ROW_KEY[..]);
        let entry = layout.entries[0].entry(&layout.row, &row, &[], &row_key).unwrap();
        assert_eq!((&entry.key[..], &entry.value[..], entry.unique), (key, value, unique));
        let (suffix, tuple) = read_entry(&entry.key, &entry.value).unwrap();
        assert_eq!(layout.row.row_key_of(suffix), row_key);
        assert!(matches!(tuple.get(2, types::oid::INT4).unwrap(), Datum::Int4(7)));
    }

    #[test]
    fn entries_literal_bytes() {
        let suffix = &ROW_KEY[ROW_KEY.len() - 5..];
        let value = [&[1, 5, 0][..], suffix, &TUPLE].concat();
        check(true, Datum::text("x"), &ENTRY_KEY, &value, true);
        let key = [&ENTRY_KEY[..], suffix].concat();
        let value = [&[1, 5, 0x80][..], &TUPLE].concat();
        check(false, Datum::text("x"), &key, &value, false);
        // NULLs are distinct, so the entry of a unique index needs the row key as well.
        let key = [&ENTRY_KEY[..13], &[0xff], suffix].concat();
        let tuple = [1, 3, 0, 0b001, 0, 0, 4, 0, 8, 0, 5, 0, 0, 0, 7, 0, 0, 0];
        let value = [&[1, 5, 0x80][..], &tuple].concat();
        check(true, Datum::Null, &key, &value, false);
    }

    #[test]
    fn corrupt_entries_are_errors() {
        for value in [&[][..], &[2, 0, 0], &[1, 5, 0, 1], &[1, 0xff, 0xff, 1], &[1, 0, 0]] {
            assert!(read_entry(&ENTRY_KEY, value).is_err(), "{value:02x?}");
        }
    }

    #[test]
    fn entry_columns_each_once() {
        let mut table = sample(false);
        table.indexes[0].keys.push(IndexKey::of_column(0));
        assert_eq!(table.indexes[0].state, IndexState::Valid);
        assert_eq!(entry_columns(&table, &table.indexes[0]), [1, 0, 2]);
    }
}
