//! Reads a stored table: by its own keys or by a secondary index.
//!
//! Pieces start small and grow, so that a LIMIT above reads little and a full scan reads fast.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use store::{KeyRange, Pairs};
use txn::SnapshotReader;
use types::Result;

use super::access::{self, Access};
use super::cx::ExecCx;
use super::eval::inspect;
use super::integer_test::IntegerTest;
use super::kept_scan::{self, KeyedRows, Repeated};
use super::read_ahead::{PAIRS_MAX, ReadAhead, fit};
use super::run::{Operator, Report, wrong_node};
use super::table_reader::{TableReader, bounds, direction};
use crate::chunk::Chunk;
use crate::expr::Expr;
use crate::plan::{Node, Plan, Scan};

/// Pairs read at first when nothing is known about how many are wanted.
const FIRST_PAIRS: usize = 128;
/// Entries expected of a range that is read ahead from its start.
const LONG_ENTRIES: f64 = 4.0 * PAIRS_MAX as f64;

pub(crate) struct ScanOperator {
    plan: Arc<Plan>,
    stops: bool,
    cursor: Option<Cursor>,
    /// Rows or entries read since the last report.
    read: u64,
}

/// Where a scan stands.
struct Cursor {
    reader: Arc<TableReader>,
    /// The reader leaves out what does not pass the filter.
    filtered: bool,
    todo: VecDeque<Access>,
    /// Pairs to be read next.
    pairs: usize,
    /// What is left of the range that is being read, if it is a long one.
    ahead: Option<ReadAhead>,
}

pub(crate) fn open(plan: &Arc<Plan>, scan: &Scan) -> Result<Box<dyn Operator>> {
    let stops = inspect(scan.filter.iter().chain(access::exprs(bounds(scan))))?.stops;
    Ok(Box::new(ScanOperator { plan: Arc::clone(plan), stops, cursor: None, read: 0 }))
}

impl Operator for ScanOperator {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }

    fn is_done(&self) -> bool {
        self.cursor.as_ref().is_some_and(Cursor::is_done)
    }

    fn report(&mut self) -> Report {
        Report { read: std::mem::take(&mut self.read), bytes: 0 }
    }
}

impl ScanOperator {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let Node::Scan(scan) = &self.plan.node else { return Err(wrong_node()) };
        if self.cursor.is_none() {
            if let Some(filter) = &scan.filter
                && !cx.state.frame.is_empty()
                && let Some(rows) = kept_rows(&self.plan, scan, filter, cx).await?
            {
                cx.checkpoint().await?;
                let values = cx.eval_all(false, rows.values(), &[]).await?;
                let mut found = rows.find(&values);
                self.read += found.len() as u64;
                cx.retain(self.stops, &mut found, filter).await?;
                self.cursor = Some(Cursor::at_end(TableReader::of(scan, cx.host.cluster)?));
                return Ok((!found.is_empty()).then_some(found));
            }
            let tests = scan.filter.as_ref().and_then(|f| IntegerTest::all_of(f, &cx.eval_cx()));
            self.cursor = Some(Cursor::new(scan, tests, self.stops, cx).await?);
        }
        let Some(cursor) = &mut self.cursor else { return Ok(None) };
        while !cursor.is_done() {
            cx.checkpoint().await?;
            let (mut chunk, pairs) = cursor.read(scan, cx).await?;
            self.read += pairs as u64;
            if let Some(filter) = &scan.filter
                && !cursor.filtered
            {
                cx.retain(self.stops, &mut chunk, filter).await?;
            }
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }
}

/// The rows of a repeated scan, if they are kept or from now on are: see [`kept_scan`].
async fn kept_rows(
    plan: &Arc<Plan>,
    scan: &Scan,
    filter: &Expr,
    cx: &mut ExecCx<'_>,
) -> Result<Option<Arc<KeyedRows>>> {
    let lookup = match cx.state.kept.begin(plan, scan) {
        Repeated::Run => return Ok(None),
        Repeated::Find(rows) => return Ok(Some(rows)),
        Repeated::Keep(lookup) => lookup,
    };
    // What is the same for all values is tested now: a comparison of integers cannot fail.
    let same = filter.conjuncts().iter().filter(|c| !kept_scan::refers_to_frame(c));
    let tests = same.filter_map(|condition| IntegerTest::of(condition, &cx.eval_cx())).collect();
    let mut cursor = Cursor::new(scan, Some(tests), false, cx).await?;
    let mut rows = KeyedRows::new(plan.types.len(), lookup, cx.charge());
    while !cursor.is_done() {
        cx.checkpoint().await?;
        let (chunk, _) = cursor.read(scan, cx).await?;
        if rows.add(&chunk).is_none() {
            return Ok(cx.state.kept.keep(plan, None));
        }
    }
    Ok(cx.state.kept.keep(plan, Some(rows)))
}

impl Cursor {
    /// At the end of a scan.
    fn at_end(reader: Arc<TableReader>) -> Cursor {
        Cursor { reader, filtered: true, todo: VecDeque::new(), pairs: 1, ahead: None }
    }

    /// At the start of `scan`; rows that fail one of `tests` are left out.
    async fn new(
        scan: &Scan,
        tests: Option<Vec<IntegerTest>>,
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<Cursor> {
        let mut reader = TableReader::of(scan, cx.host.cluster)?;
        let filtered = tests.is_some();
        if let Some(tests) = tests {
            reader = Arc::new(reader.with_tests(tests)?);
        }
        let mut values = Vec::new();
        for expr in access::exprs(bounds(scan)) {
            values.push(cx.eval_one(stops, expr).await?);
        }
        let mut todo = VecDeque::from(reader.accesses(bounds(scan), values)?);
        if scan.backward {
            todo.make_contiguous().reverse();
        }
        let pairs = scan.limit_hint.unwrap_or(FIRST_PAIRS).clamp(1, PAIRS_MAX);
        Ok(Cursor { reader, filtered, todo, pairs, ahead: None })
    }

    fn is_done(&self) -> bool {
        self.todo.is_empty() && self.ahead.is_none()
    }

    /// Whether all that is left is one range of entries whose rows are looked up, and a long one as
    /// far as is known: each look-up takes long enough not to wait for a second full piece.
    fn is_long(&self, scan: &Scan) -> bool {
        let at_once = scan.limit_hint.is_none() && scan.entries >= LONG_ENTRIES;
        at_once && self.reader.needs_rows() && self.ahead.is_none() && self.todo.len() == 1
    }

    /// Reads `range`, the last one, in tasks of their own.
    fn read_ahead(&mut self, scan: &Scan, snapshot: SnapshotReader, range: KeyRange) {
        let reader = Arc::clone(&self.reader);
        let ahead = ReadAhead::start(snapshot, range, direction(scan), reader, scan.entries);
        self.ahead = Some(ahead);
    }

    /// The next rows, and how many pairs were read for them.
    async fn read(&mut self, scan: &Scan, cx: &mut ExecCx<'_>) -> Result<(Chunk, usize)> {
        let direction = direction(scan);
        if self.is_long(scan)
            && let Some(snapshot) = cx.host.txn.reader()
            && let Some(Access::Range(range)) =
                self.todo.pop_front_if(|access| matches!(access, Access::Range(_)))
        {
            self.read_ahead(scan, snapshot, range);
        }
        if let Some(ahead) = &mut self.ahead {
            match ahead.next().await? {
                Some(rows) => return Ok(rows),
                None => self.ahead = None,
            }
        }
        let at = cx.at();
        if !self.reader.needs_rows()
            && self.todo.len() == 1
            && let Some(Access::Point(key)) = self.todo.front()
        {
            let value = cx.host.txn.get(key, at).await?;
            let mut rows = self.reader.rows(1);
            if let Some(value) = &value {
                self.reader.decode_row(key, value, &mut rows)?;
            }
            self.todo.clear();
            return Ok((rows, usize::from(value.is_some())));
        }
        let wanted = self.pairs;
        self.pairs = (self.pairs * 4).min(PAIRS_MAX);
        let mut pairs = Pairs::default();
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
                    match (rest, cx.host.txn.reader()) {
                        // A second full piece: there may be many more.
                        (Some(rest), Some(snapshot)) if limit == PAIRS_MAX => {
                            self.read_ahead(scan, snapshot, rest);
                        }
                        (Some(rest), _) => self.todo.push_front(Access::Range(rest)),
                        (None, _) => {}
                    }
                    match pairs.is_empty() {
                        true => pairs = found,
                        false => pairs.extend(found),
                    }
                }
            }
        }
        self.pairs = self.pairs.min(fit(pairs.len(), pairs.bytes()));
        let count = pairs.len();
        let rows = self.reader.decode(&self.reader.rows_of(pairs, cx).await?)?;
        Ok((rows, count))
    }
}
