//! ANALYZE: reads a table, keeps a random sample of its rows, and stores what it shows.
//!
//!     rows in key order ──reservoir──► sample ──column──► ColumnStatistics ──► store, memory
//!
//! A table is also analysed by a job when many of its rows changed: statements count the rows they
//! change ([`Activity`]), and the job worker looks at the counts from time to time.

mod activity;
mod column;
mod extended;
mod reservoir;
mod sizes;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use catalog::{Catalog, Table};
use store::{Direction, KeyRange};
use txn::{Transaction, keys};
use types::{Datum, Oid, Result, RowReader};

pub(crate) use self::activity::Activity;
use self::extended::Attribute;
use self::reservoir::Reservoir;
use self::sizes::{OPENING_PAIRS, measure};
pub(crate) use self::sizes::{Size, Sizes};
use crate::engine::Engine;
use crate::execute::index::{Projection, all_rows, computed};
use crate::expr::Expr;
use crate::job::offline::Offline;
use crate::plan::IndexExprs;
use crate::plan::statistics::{ExtendedStatistics, Statistics, TableStatistics};

/// Rows sampled: 300 for each of PostgreSQL's default of 100 histogram bins.
const SAMPLE_ROWS: usize = 30_000;
/// Rows read at once.
const PIECE: usize = 1_000;

impl Engine {
    /// Analyses a table; its statistics are used by everybody who plans from now on.
    ///
    /// # Errors
    /// `XX000` if the store is unavailable; what reading rows raises.
    pub(crate) async fn analyze(self: &Arc<Self>, table: &Arc<Table>) -> Result<()> {
        let (mut txn, catalog) = self.begin_with(crate::job::unlimited()).await?;
        let (size, sample) = sample(&txn, self.cluster(), table).await?;
        let rows = size.pairs as f64;
        let entries = entries(self.cluster(), table);
        let (entries, _) = measure(&txn, table, entries, u64::MAX).await?;
        let mut statistics = describe(table, rows, &sample);
        statistics.extended = describe_together(self, &catalog, table, rows, &sample)?;
        statistics.sizes = [(keys::ROWS, size)].into_iter().chain(entries).collect();
        let encoded = statistics.encode(table)?;
        txn.put(keys::statistics(self.cluster(), table.oid), encoded.into());
        txn.commit().await?;
        self.activity.analyzed(table.oid, rows);
        self.sizes.measured(table.oid, &statistics.sizes);
        self.statistics.rcu(|known| known.with(table.oid, statistics.clone()));
        Ok(())
    }

    /// Reads the stored statistics of the tables that exist.
    ///
    /// # Errors
    /// `XX000` if the store cannot be read.
    pub(crate) async fn load_statistics(&self) -> Result<()> {
        let (txn, catalog) = self.begin().await?;
        let mut statistics = Statistics::default();
        let mut range = Some(KeyRange::prefix(&keys::all_statistics(self.cluster())));
        while let Some(piece) = range.take() {
            let (pairs, rest) = txn.scan(&piece, Direction::Forward, PIECE, txn.command()).await?;
            for (key, value) in pairs {
                let oid = key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
                let Some(table) = oid.and_then(|oid| catalog.table_by_oid(oid)) else { continue };
                let found = TableStatistics::decode(&value, table)?;
                self.activity.analyzed(table.oid, found.rows);
                self.sizes.measured(table.oid, &found.sizes);
                statistics = statistics.with(table.oid, found);
            }
            range = rest;
        }
        for table in catalog.tables() {
            if statistics.table(table.oid).is_none_or(|known| known.sizes.is_empty()) {
                let range = KeyRange::prefix(&keys::table(self.cluster(), table.oid));
                let (sizes, complete) = measure(&txn, table, range, OPENING_PAIRS).await?;
                self.sizes.measured(table.oid, &sizes.into_iter().collect::<Vec<_>>());
                if !complete {
                    // So it is measured soon.
                    self.activity.changed(table.oid, OPENING_PAIRS);
                }
            }
        }
        self.statistics.store(Arc::new(statistics));
        Ok(())
    }
}

/// Where the entries of a table's indexes are: behind its rows.
fn entries(cluster: u32, table: &Table) -> KeyRange {
    let first = keys::index(cluster, table.oid, keys::ROWS + 1);
    let all = KeyRange::prefix(&keys::table(cluster, table.oid));
    KeyRange { start: Bound::Included(first.into()), end: all.end }
}

/// What a table's rows take, and some of them in key order.
async fn sample(txn: &Transaction, cluster: u32, table: &Table) -> Result<(Size, Vec<Vec<Datum>>)> {
    let projection = Projection::all(table)?;
    let mut reservoir = Reservoir::new(SAMPLE_ROWS);
    let mut size = Size::default();
    let mut range = Some(all_rows(cluster, table));
    while let Some(piece) = range.take() {
        let (pairs, rest) = txn.scan(&piece, Direction::Forward, PIECE, txn.command()).await?;
        for (key, value) in pairs {
            size.add(&key, &value);
            reservoir.offer(value);
        }
        range = rest;
        tokio::task::yield_now().await;
    }
    let mut sample = Vec::new();
    for value in reservoir.into_rows() {
        let mut row = Vec::with_capacity(table.columns.len());
        projection.read(&RowReader::new(&value)?, &mut row)?;
        sample.push(row);
    }
    Ok((size, sample))
}

fn describe(table: &Table, rows: f64, sample: &[Vec<Datum>]) -> TableStatistics {
    let mut columns = BTreeMap::new();
    if sample.is_empty() {
        return TableStatistics { rows, columns, ..TableStatistics::default() };
    }
    for (position, column) in table.live_columns() {
        let values = sample.iter().map(|row| &row[position]);
        columns.insert(position, column::describe(values, Oid(column.type_oid), rows));
    }
    TableStatistics { rows, columns, ..TableStatistics::default() }
}

/// What a sample shows for the statistics objects of a table.
///
/// # Errors
/// What the objects' expressions raise.
fn describe_together(
    engine: &Arc<Engine>,
    catalog: &Arc<Catalog>,
    table: &Arc<Table>,
    rows: f64,
    sample: &[Vec<Datum>],
) -> Result<Vec<ExtendedStatistics>> {
    let objects = catalog.statistics_objects().filter(|object| object.table == table.oid);
    let objects: Vec<_> = objects.collect();
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let offline = Offline::new(engine, catalog);
    let mut found = Vec::new();
    for object in objects {
        let exprs = object.expressions.iter().map(|sql| offline.expression(table, sql));
        let exprs = IndexExprs { keys: exprs.collect::<Result<_>>()?, predicate: None };
        let computed = offline.with(|cx| {
            sample.iter().map(|row| computed(&exprs, row, cx)).collect::<Result<Vec<_>>>()
        })?;
        let column = |at: &usize| {
            let column = table.columns.get(*at)?;
            Some(Attribute {
                number: i16::try_from(at + 1).ok()?,
                ty: Oid(column.type_oid),
                values: sample.iter().filter_map(|row| row.get(*at)).collect(),
            })
        };
        let expression = |(at, expr): (usize, &Expr)| Attribute {
            number: i16::try_from(at).map_or(i16::MIN, |at| -1 - at),
            ty: expr.ty,
            values: computed.iter().flatten().filter_map(|values| values.get(at)).collect(),
        };
        let columns = object.columns.iter().filter_map(column);
        let attributes: Vec<_> =
            columns.chain(exprs.keys.iter().enumerate().map(expression)).collect();
        found.extend(extended::describe(object, &attributes, rows));
    }
    Ok(found)
}
