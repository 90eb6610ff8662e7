//! ANALYZE: reads a table, keeps a random sample of its rows, and stores what it shows.
//!
//!     rows in key order ──reservoir──► sample ──column──► ColumnStatistics ──► store, memory
//!
//! A table is also analysed by a job when many of its rows changed: statements count the rows they
//! change ([`Activity`]), and the job worker looks at the counts from time to time.

mod activity;
mod column;
mod reservoir;

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Table;
use store::{Direction, KeyRange};
use txn::{Transaction, keys};
use types::{Datum, Oid, Result, RowReader};

pub(crate) use self::activity::Activity;
use self::reservoir::Reservoir;
use crate::engine::Engine;
use crate::execute::index::{Projection, all_rows};
use crate::plan::statistics::{Statistics, TableStatistics};

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
        let (mut txn, _) = self.begin_with(crate::job::unlimited()).await?;
        let (rows, sample) = sample(&txn, self.cluster(), table).await?;
        let statistics = describe(table, rows, &sample);
        let encoded = statistics.encode(table)?;
        txn.put(keys::statistics(self.cluster(), table.oid), encoded.into());
        txn.commit().await?;
        self.activity.analyzed(table.oid, rows);
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
                statistics = statistics.with(table.oid, found);
            }
            range = rest;
        }
        self.statistics.store(Arc::new(statistics));
        Ok(())
    }
}

/// A table's number of rows, and some of them with their place in key order.
async fn sample(txn: &Transaction, cluster: u32, table: &Table) -> Result<(f64, Vec<Vec<Datum>>)> {
    let projection = Projection::all(table)?;
    let mut reservoir = Reservoir::new(SAMPLE_ROWS);
    let mut range = Some(all_rows(cluster, table));
    while let Some(piece) = range.take() {
        let (pairs, rest) = txn.scan(&piece, Direction::Forward, PIECE, txn.command()).await?;
        for (_, value) in pairs {
            reservoir.offer(value);
        }
        range = rest;
        tokio::task::yield_now().await;
    }
    let rows = reservoir.seen() as f64;
    let mut sample = Vec::new();
    for value in reservoir.into_rows() {
        let mut row = Vec::with_capacity(table.columns.len());
        projection.read(&RowReader::new(&value)?, &mut row)?;
        sample.push(row);
    }
    Ok((rows, sample))
}

fn describe(table: &Table, rows: f64, sample: &[Vec<Datum>]) -> TableStatistics {
    let mut columns = BTreeMap::new();
    if sample.is_empty() {
        return TableStatistics { rows, columns };
    }
    for (position, column) in table.live_columns() {
        let values = sample.iter().map(|row| &row[position]);
        columns.insert(position, column::describe(values, Oid(column.type_oid), rows));
    }
    TableStatistics { rows, columns }
}
