//! Reads a stored table: by its own keys or by a secondary index.
//!
//!     bounds ──► points, ranges ──► pairs ──► [entries ──► row keys ──► rows] ──► decode, filter
//!
//! Pieces start small and grow, so that a LIMIT above reads little and a full scan reads fast.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use store::{Direction, Key, Pair};
use types::{Datum, Oid, Result, RowReader, SqlError, SqlState};

use super::access::{self, Access};
use super::cx::ExecCx;
use super::eval::{inspect, is_true};
use super::index::{self, KeyLayout, Projection};
use super::run::{Operator, wrong_node};
use crate::chunk::Chunk;
use crate::plan::{AccessPath, Node, Plan, Scan};

/// Pairs read at first when nothing is known about how many are wanted.
const FIRST_PAIRS: usize = 128;
/// Pairs read at once at most.
const PAIRS_MAX: usize = 1024;

pub(crate) struct ScanOperator {
    plan: Arc<Plan>,
    stops: bool,
    cursor: Option<Cursor>,
}

/// Where a scan stands.
struct Cursor {
    rows: KeyLayout,
    /// For a secondary index: whether its entries hold all that is wanted.
    covering: Option<bool>,
    projection: Projection,
    todo: VecDeque<Access>,
    pairs: usize,
}

pub(crate) fn open(plan: &Arc<Plan>, scan: &Scan) -> Result<Box<dyn Operator>> {
    let bounds = match &scan.path {
        AccessPath::Primary(bounds) | AccessPath::Index { bounds, .. } => bounds,
    };
    let stops = inspect(scan.filter.iter().chain(access::exprs(bounds)))?.stops;
    Ok(Box::new(ScanOperator { plan: Arc::clone(plan), stops, cursor: None }))
}

impl Operator for ScanOperator {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }
}

impl ScanOperator {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let Node::Scan(scan) = &self.plan.node else { return Err(wrong_node()) };
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            None => {
                let cursor = Cursor::new(scan, self.stops, cx).await?;
                self.cursor.insert(cursor)
            }
        };
        while !cursor.todo.is_empty() {
            cx.checkpoint().await?;
            let pairs = cursor.read(scan, cx).await?;
            let chunk = cursor.decode(scan, self.plan.types.len(), self.stops, pairs, cx).await?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

impl Cursor {
    async fn new(scan: &Scan, stops: bool, cx: &mut ExecCx<'_>) -> Result<Cursor> {
        let table = &scan.table;
        let rows = index::row_layout(cx.host.cluster, table);
        let column_type =
            |column: usize| table.columns.get(column).map_or(Oid::INVALID, |c| Oid(c.type_oid));
        let (accesses, covering, projection) = match &scan.path {
            AccessPath::Primary(bounds) => {
                let accesses = access::resolve(bounds, &rows, stops, |_| true, cx).await?;
                let columns = scan.columns.iter().map(|column| (*column, column_type(*column)));
                (accesses, None, Projection::new(columns)?)
            }
            AccessPath::Index { index, bounds, covering } => {
                let index = table
                    .indexes
                    .get(*index)
                    .ok_or_else(|| SqlError::internal("scan of an index that is not there"))?;
                let layout = index::entry_layout(cx.host.cluster, table, index);
                let is_point = |has_null| layout.is_point(has_null);
                let accesses = access::resolve(bounds, &layout.key, stops, is_point, cx).await?;
                let position = |column: usize| match covering {
                    true => layout.columns.iter().position(|held| *held == column),
                    false => Some(column),
                };
                let columns = scan
                    .columns
                    .iter()
                    .map(|column| Some((position(*column)?, column_type(*column))))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| SqlError::internal("index does not cover the columns"))?;
                (accesses, Some(*covering), Projection::new(columns)?)
            }
        };
        let mut todo = VecDeque::from(accesses);
        if scan.backward {
            todo.make_contiguous().reverse();
        }
        let pairs = scan.limit_hint.unwrap_or(FIRST_PAIRS).clamp(1, PAIRS_MAX);
        Ok(Cursor { rows, covering, projection, todo, pairs })
    }

    /// The next rows, by their keys. For a covering index, entries by theirs.
    async fn read(&mut self, scan: &Scan, cx: &mut ExecCx<'_>) -> Result<Vec<Pair>> {
        let direction = match scan.backward {
            false => Direction::Forward,
            true => Direction::Backward,
        };
        let at = cx.at();
        let wanted = self.pairs;
        self.pairs = (self.pairs * 4).min(PAIRS_MAX);
        let mut pairs = Vec::new();
        while pairs.len() < wanted
            && let Some(access) = self.todo.pop_front()
        {
            match access {
                Access::Point(key) if !matches!(self.todo.front(), Some(Access::Point(_))) => {
                    let value = cx.host.txn.get(&key, at).await?;
                    pairs.extend(value.map(|value| (key, value)));
                }
                Access::Point(key) => {
                    let mut keys = vec![key];
                    while keys.len() < wanted
                        && let Some(Access::Point(key)) =
                            self.todo.pop_front_if(|access| matches!(access, Access::Point(_)))
                    {
                        keys.push(key);
                    }
                    let values = cx.host.txn.get_many(&keys, at).await?;
                    pairs.extend(
                        keys.into_iter().zip(values).filter_map(|(key, v)| Some((key, v?))),
                    );
                }
                Access::Range(range) => {
                    let limit = wanted - pairs.len();
                    let (found, rest) = cx.host.txn.scan(&range, direction, limit, at).await?;
                    if let Some(rest) = rest {
                        self.todo.push_front(Access::Range(rest));
                    }
                    match pairs.is_empty() {
                        true => pairs = found,
                        false => pairs.extend(found),
                    }
                }
            }
        }
        match self.covering {
            Some(false) => self.look_up(&pairs, cx).await,
            Some(true) | None => Ok(pairs),
        }
    }

    /// The rows that index entries point to.
    async fn look_up(&self, entries: &[Pair], cx: &mut ExecCx<'_>) -> Result<Vec<Pair>> {
        let mut keys: Vec<Key> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            keys.push(self.rows.row_key_of(index::read_entry(key, value)?.0));
        }
        let values = match keys.as_slice() {
            [] => Vec::new(),
            [key] => vec![cx.host.txn.get(key, cx.at()).await?],
            keys => cx.host.txn.get_many(keys, cx.at()).await?,
        };
        let rows = keys.into_iter().zip(values).map(|(key, value)| match value {
            Some(value) => Ok((key, value)),
            None => Err(SqlError::new(
                SqlState::INDEX_CORRUPTED,
                "index entry points to a row that is not there",
            )),
        });
        rows.collect()
    }

    async fn decode(
        &self,
        scan: &Scan,
        width: usize,
        stops: bool,
        pairs: Vec<Pair>,
        cx: &mut ExecCx<'_>,
    ) -> Result<Chunk> {
        let mut chunk = Chunk::with_capacity(width, pairs.len());
        let covering = self.covering == Some(true);
        cx.for_each(stops, pairs.len(), |cx, index| {
            let Some((key, value)) = pairs.get(index) else { return Ok(()) };
            chunk.push_with(|out| -> Result<()> {
                if !covering {
                    self.projection.read(&RowReader::new(value)?, out)?;
                    out.extend(scan.row_key.then(|| Datum::bytea(key)));
                    return Ok(());
                }
                let (suffix, tuple) = index::read_entry(key, value)?;
                self.projection.read(&tuple, out)?;
                out.extend(scan.row_key.then(|| Datum::bytea(self.rows.row_key_of(suffix))));
                Ok(())
            })?;
            if let Some(filter) = &scan.filter {
                let last = chunk.len() - 1;
                let kept = is_true(filter, chunk.row(last), cx);
                if !matches!(kept, Ok(true)) {
                    chunk.truncate(last);
                }
                kept?;
            }
            Ok(())
        })
        .await?;
        Ok(chunk)
    }
}
