//! What ANALYZE found out about tables, as planning uses it and as it is stored.
//!
//! Stored under a key of its own for each table, as JSON after a version byte; values are in
//! PostgreSQL's text format of their column's type, so that a value of a type that changed since
//! is noticed when it is read.

mod extended;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, SqlError, compare};

use self::extended::StoredExtended;
pub use self::extended::{Combination, CommonRow, ExtendedStatistics};
use super::selectivity::{comparable, equal};
use crate::analyze::Size;

/// What is known about all tables.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Changes with each table's statistics.
    pub version: u64,
    tables: BTreeMap<u32, Arc<TableStatistics>>,
}

impl Statistics {
    /// What is known about a table.
    pub fn table(&self, oid: u32) -> Option<&Arc<TableStatistics>> {
        self.tables.get(&oid)
    }

    /// These statistics with those of one table replaced.
    #[must_use]
    pub fn with(&self, oid: u32, table: TableStatistics) -> Statistics {
        let mut tables = self.tables.clone();
        tables.insert(oid, Arc::new(table));
        Statistics { version: self.version + 1, tables }
    }
}

/// What is known about a table.
#[derive(Clone, Debug, Default)]
pub struct TableStatistics {
    /// Live rows.
    pub rows: f64,
    /// By position in [`catalog::Table::columns`].
    pub columns: BTreeMap<usize, ColumnStatistics>,
    /// By statistics object.
    pub extended: Vec<ExtendedStatistics>,
    /// What rows and entries took, by index or [`txn::keys::ROWS`].
    pub(crate) sizes: Vec<(u32, Size)>,
}

/// What is known about a column, as `pg_statistic` has it.
#[derive(Clone, Debug, Default)]
pub struct ColumnStatistics {
    /// `stanullfrac`.
    pub null_share: f64,
    /// `stawidth`: average bytes of values that are not NULL.
    pub width: i32,
    /// `stadistinct`: a number, or the negated share of the rows; 0 if unknown.
    pub distinct: f64,
    /// The most common values with their shares of all rows, most common first.
    pub common: Vec<(Datum, f64)>,
    /// Bounds of groups of equally many of the other values, in order.
    pub histogram: Vec<Datum>,
    /// How far the order of the rows agrees with that of the values.
    pub correlation: Option<f64>,
}

impl ColumnStatistics {
    /// The share of a common value.
    pub(super) fn frequency(&self, value: &Datum, ty: Oid) -> Option<f64> {
        self.common.iter().find(|(known, _)| equal(known, value, ty)).map(|(_, share)| *share)
    }

    /// The shares of rows below `value` and equal to it.
    pub(super) fn below(&self, value: &Datum, ty: Oid) -> Option<(f64, f64)> {
        let (mut below, mut same, mut common) = (0.0, 0.0, 0.0);
        for (known, share) in &self.common {
            if !comparable(known, value) {
                return None;
            }
            common += share;
            match compare::compare_typed(known, value, ty) {
                std::cmp::Ordering::Less => below += share,
                std::cmp::Ordering::Equal => same += share,
                std::cmp::Ordering::Greater => {}
            }
        }
        let rest = (1.0 - common - self.null_share).max(0.0);
        if rest > 0.0 && self.histogram.len() >= 2 {
            below += rest * self.position(value, ty)?;
        } else if self.common.is_empty() {
            return None;
        } else {
            below += rest / 2.0;
        }
        Some((below, same))
    }

    /// The share of the histogram's values that lie below `value`.
    fn position(&self, value: &Datum, ty: Oid) -> Option<f64> {
        let first = self.histogram.first()?;
        if !comparable(first, value) {
            return None;
        }
        let bins = self.histogram.len() - 1;
        let at = self
            .histogram
            .partition_point(|bound| compare::compare_typed(bound, value, ty).is_lt());
        if at == 0 {
            return Some(0.0);
        }
        if at > bins {
            return Some(1.0);
        }
        let (low, high) = (&self.histogram[at - 1], &self.histogram[at]);
        let within = match (scalar(low), scalar(high), scalar(value)) {
            (Some(low), Some(high), Some(value)) if high > low => {
                ((value - low) / (high - low)).clamp(0.0, 1.0)
            }
            _ => 0.5,
        };
        Some((at as f64 - 1.0 + within) / bins as f64)
    }
}

/// A value on a scale, for its place between two others.
fn scalar(value: &Datum) -> Option<f64> {
    Some(match value {
        Datum::Bool(value) => f64::from(u8::from(*value)),
        Datum::Int2(value) => f64::from(*value),
        Datum::Int4(value) | Datum::Date(value) => f64::from(*value),
        Datum::Int8(value)
        | Datum::Time(value)
        | Datum::Timestamp(value)
        | Datum::Timestamptz(value) => *value as f64,
        Datum::Oid(value) => f64::from(*value),
        Datum::Float4(value) => f64::from(*value),
        Datum::Float8(value) => *value,
        Datum::Numeric(value) => value.to_string().parse().ok()?,
        Datum::Uuid(bytes) => leading(bytes),
        Datum::Text(text) => leading(text.as_bytes()),
        Datum::Bytea(bytes) => leading(bytes),
        _ => return None,
    })
}

fn leading(bytes: &[u8]) -> f64 {
    (0..8).fold(0.0, |sum, at| sum * 256.0 + f64::from(bytes.get(at).copied().unwrap_or(0)))
}

/// The share of pairs of rows that have equal values.
///
/// Source: PostgreSQL 16 `eqjoinsel_inner`.
pub(super) fn equal_join(
    left: &ColumnStatistics,
    right: &ColumnStatistics,
    left_distinct: f64,
    right_distinct: f64,
    ty: Oid,
) -> f64 {
    let mut matched = 0.0;
    let (mut left_matched, mut right_matched) = (0.0, 0.0);
    let mut pairs = 0.0;
    for (value, share) in &left.common {
        if let Some(other) = right.frequency(value, ty) {
            matched += share * other;
            left_matched += share;
            right_matched += other;
            pairs += 1.0;
        }
    }
    let common = |side: &ColumnStatistics| side.common.iter().map(|(_, share)| share).sum::<f64>();
    let side = |own: &ColumnStatistics,
                own_matched: f64,
                other: &ColumnStatistics,
                other_matched: f64,
                other_distinct: f64| {
        let own_common = common(own);
        let own_unmatched = (own_common - own_matched).max(0.0);
        let own_rest = (1.0 - own.null_share - own_common).max(0.0);
        let other_common = common(other);
        let other_rest = (1.0 - other.null_share - other_common).max(0.0);
        let other_unmatched = (other_common - other_matched).max(0.0);
        let mut total = matched;
        if other_distinct > other.common.len() as f64 {
            total += own_unmatched * other_rest / (other_distinct - other.common.len() as f64);
        }
        if other_distinct > pairs {
            total += own_rest * (other_rest + other_unmatched) / (other_distinct - pairs);
        }
        total
    };
    let a = side(left, left_matched, right, right_matched, right_distinct);
    let b = side(right, right_matched, left, left_matched, left_distinct);
    a.min(b).clamp(0.0, 1.0)
}

#[derive(Serialize, Deserialize)]
struct StoredTable {
    rows: f64,
    columns: Vec<StoredColumn>,
    #[serde(default)]
    extended: Vec<StoredExtended>,
    /// Index, pairs, bytes.
    #[serde(default)]
    sizes: Vec<(u32, u64, u64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredColumn {
    position: usize,
    type_oid: u32,
    null_share: f64,
    width: i32,
    distinct: f64,
    common: Vec<(String, f64)>,
    histogram: Vec<String>,
    correlation: Option<f64>,
}

impl StoredColumn {
    fn of(position: usize, ty: Oid, column: &ColumnStatistics) -> StoredColumn {
        let settings = FormatSettings::default();
        let text = |value: &Datum| types::text::to_string(value, ty, &settings);
        StoredColumn {
            position,
            type_oid: ty.0,
            null_share: column.null_share,
            width: column.width,
            distinct: column.distinct,
            common: column.common.iter().map(|(value, share)| (text(value), *share)).collect(),
            histogram: column.histogram.iter().map(text).collect(),
            correlation: column.correlation,
        }
    }

    fn read(&self) -> Result<ColumnStatistics> {
        let settings = FormatSettings::default();
        let value = |text: &String| types::text::input(Oid(self.type_oid), -1, text, &settings);
        let common = self.common.iter().map(|(text, share)| Ok((value(text)?, *share)));
        Ok(ColumnStatistics {
            null_share: self.null_share,
            width: self.width,
            distinct: self.distinct,
            common: common.collect::<Result<_>>()?,
            histogram: self.histogram.iter().map(value).collect::<Result<_>>()?,
            correlation: self.correlation,
        })
    }
}

/// The version of the stored form.
const VERSION: u8 = 1;

impl TableStatistics {
    /// The stored form.
    ///
    /// # Errors
    /// `XX000` if it cannot be written as JSON.
    pub(crate) fn encode(&self, table: &catalog::Table) -> Result<Vec<u8>> {
        let columns = self.columns.iter().filter_map(|(position, column)| {
            let ty = Oid(table.columns.get(*position)?.type_oid);
            Some(StoredColumn::of(*position, ty, column))
        });
        let sizes =
            self.sizes.iter().map(|(index, Size { pairs, bytes })| (*index, *pairs, *bytes));
        let stored = StoredTable {
            rows: self.rows,
            columns: columns.collect(),
            extended: self.extended.iter().map(StoredExtended::of).collect(),
            sizes: sizes.collect(),
        };
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, &stored)
            .map_err(|error| SqlError::internal(format!("statistics cannot be stored: {error}")))?;
        Ok(bytes)
    }

    /// Reads the stored form; columns that are of another type now are left out.
    ///
    /// # Errors
    /// `XX000` if it is unreadable.
    pub(crate) fn decode(bytes: &[u8], table: &catalog::Table) -> Result<TableStatistics> {
        let unreadable =
            |what: String| SqlError::internal(format!("statistics cannot be read: {what}"));
        let Some((&VERSION, json)) = bytes.split_first() else {
            return Err(unreadable("newer format".into()));
        };
        let stored: StoredTable =
            serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
        let mut columns = BTreeMap::new();
        for column in stored.columns {
            let same = table
                .columns
                .get(column.position)
                .is_some_and(|now| now.type_oid == column.type_oid && !now.dropped);
            if same {
                columns.insert(column.position, column.read()?);
            }
        }
        let extended = stored.extended.into_iter().map(StoredExtended::read);
        let extended = extended.collect::<Result<_>>()?;
        let sizes = stored.sizes.into_iter();
        let sizes = sizes.map(|(index, pairs, bytes)| (index, Size { pairs, bytes })).collect();
        Ok(TableStatistics { rows: stored.rows, columns, extended, sizes })
    }
}
