//! Orders rows; with a bound, keeps only the first of them.
//!
//! Rows stay where they were collected; what is sorted are their numbers, each beside 64 bits of
//! its first two keys that decide most comparisons without looking at the row.

use std::cmp::Ordering;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use types::{Datum, Oid, Result, oid};

use super::cx::{Charge, ExecCx};
use super::eval::inspect;
use super::run::{self, Operator, Report, wrong_node};
use super::values;
use crate::cancel::Cancel;
use crate::chunk::{CHUNK_ROWS, Chunk};
use crate::expr::ExprKind;
use crate::plan::{Node, Plan, SortKey};

/// Rows collected beyond the wanted ones before the surplus is thrown away.
const SURPLUS_ROWS: usize = 1024;
/// Rows sorted without a look at the cancel flag.
const RUN_ROWS: usize = 32 * 1024;

struct Sort {
    plan: Arc<Plan>,
    input: Box<dyn Operator>,
    stops: bool,
    sorted: Option<(Sorter, std::vec::IntoIter<u32>)>,
    charge: Option<Charge>,
}

pub(crate) fn open(
    plan: &Arc<Plan>,
    input: &Arc<Plan>,
    keys: &[SortKey],
) -> Result<Box<dyn Operator>> {
    let stops = inspect(keys.iter().map(|key| &key.expr))?.stops;
    Ok(Box::new(Sort {
        plan: Arc::clone(plan),
        input: run::open(input)?,
        stops,
        sorted: None,
        charge: None,
    }))
}

impl Operator for Sort {
    fn next<'a>(&'a mut self, cx: &'a mut ExecCx<'_>) -> BoxFuture<'a, Result<Option<Chunk>>> {
        self.run(cx).boxed()
    }

    fn report(&mut self) -> Report {
        let bytes = self.sorted.as_ref().map_or(0, |(sorter, _)| sorter.bytes);
        Report { read: 0, bytes }
    }
}

impl Sort {
    async fn run(&mut self, cx: &mut ExecCx<'_>) -> Result<Option<Chunk>> {
        let Node::Sort { keys, top, .. } = &self.plan.node else { return Err(wrong_node()) };
        let (sorter, order) = match &mut self.sorted {
            Some(sorted) => sorted,
            None => {
                let width = self.plan.types.len();
                let mut sorter = Sorter::new(keys, width);
                let mut charge = cx.charge();
                while let Some(chunk) = self.input.next(cx).await? {
                    cx.checkpoint().await?;
                    sorter.add(chunk, keys, self.stops, cx).await?;
                    if let Some(top) = *top
                        && sorter.rows.len() >= top.saturating_mul(2).max(top + SURPLUS_ROWS)
                    {
                        sorter.keep_first(top, cx.host.cancel)?;
                    }
                    charge.set(sorter.bytes)?;
                }
                self.charge = Some(charge);
                let mut order = sorter.order(cx.host.cancel)?;
                order.truncate(top.unwrap_or(usize::MAX));
                self.sorted.insert((sorter, order.into_iter()))
            }
        };
        let count = order.len().min(CHUNK_ROWS);
        if count == 0 {
            self.charge = None;
            return Ok(None);
        }
        let mut chunk = Chunk::with_capacity(self.plan.types.len(), count);
        for number in order.take(CHUNK_ROWS) {
            chunk.push(sorter.rows.take_row(number as usize));
        }
        Ok(Some(chunk))
    }
}

/// How one key compares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyOrder {
    pub(crate) ty: Oid,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl From<&SortKey> for KeyOrder {
    fn from(key: &SortKey) -> KeyOrder {
        KeyOrder { ty: key.expr.ty, descending: key.descending, nulls_first: key.nulls_first }
    }
}

impl KeyOrder {
    /// The order of two values, NULLs included.
    pub(crate) fn compare(&self, a: &Datum, b: &Datum) -> Ordering {
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if self.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if self.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if self.descending => values::compare(b, a, self.ty),
            (false, false) => values::compare(a, b, self.ty),
        }
    }

    /// Bits that compare as the values do, or equal.
    fn prefix(&self, value: &Datum) -> u64 {
        /// Above all values' prefixes.
        const LAST: u64 = u64::MAX;
        let narrow = |value: i32| u64::from(value.cast_unsigned() ^ 1 << 31) + 1;
        // One bit is given up for the NULLs.
        let wide = |value: i64| (value.cast_unsigned() ^ 1 << 63) >> 1;
        let leading = |bytes: &[u8]| leading(bytes) >> 1;
        let bits = match value {
            Datum::Null if self.nulls_first => return 0,
            Datum::Null => return LAST,
            Datum::Bool(value) => narrow(i32::from(*value)),
            Datum::Int2(value) => narrow(i32::from(*value)),
            Datum::Int4(value) | Datum::Date(value) => narrow(*value),
            Datum::Oid(value) => u64::from(*value) + 1,
            Datum::Int8(value)
            | Datum::Time(value)
            | Datum::Timestamp(value)
            | Datum::Timestamptz(value) => wide(*value),
            Datum::Uuid(bytes) => leading(bytes),
            Datum::Bytea(bytes) => leading(bytes),
            Datum::Text(text) if self.ty == oid::BPCHAR => {
                leading(types::strings::trim_blanks(text).as_bytes())
            }
            Datum::Text(text) => leading(text.as_bytes()),
            // Mixed or less simple: left to the full comparison.
            _ => 0,
        };
        let bits = bits.clamp(1, LAST >> 1);
        if self.descending { (LAST >> 1) + 1 - bits } else { bits }
    }

    /// Whether equal prefixes mean equal values.
    fn is_decided_by_prefix(&self) -> bool {
        matches!(self.ty, oid::BOOL | oid::INT2 | oid::INT4 | oid::DATE | oid::OID)
    }
}

/// The first eight bytes, the most significant first.
fn leading(bytes: &[u8]) -> u64 {
    let mut buffer = [0; 8];
    let len = bytes.len().min(8);
    if let (Some(to), Some(from)) = (buffer.get_mut(..len), bytes.get(..len)) {
        to.copy_from_slice(from);
    }
    u64::from_be_bytes(buffer)
}

/// Collects rows and finds their order.
pub(crate) struct Sorter {
    pub(crate) rows: Chunk,
    /// Bytes held.
    pub(crate) bytes: usize,
    orders: Vec<KeyOrder>,
    keys: Keys,
    /// Rows whose key columns come behind these are not wanted any more.
    bound: Option<Vec<Datum>>,
}

/// Where a row's sort keys are.
enum Keys {
    /// All of them are columns of the row.
    Columns(Vec<usize>),
    /// Computed, beside the rows.
    Computed(Chunk),
}

impl Sorter {
    pub(crate) fn new(keys: &[SortKey], width: usize) -> Sorter {
        let columns = keys.iter().map(|key| match key.expr.kind {
            ExprKind::Column(column) if column < width => Some(column),
            _ => None,
        });
        Sorter {
            rows: Chunk::new(width),
            bytes: 0,
            orders: keys.iter().map(KeyOrder::from).collect(),
            keys: match columns.collect() {
                Some(columns) => Keys::Columns(columns),
                None => Keys::Computed(Chunk::new(keys.len())),
            },
            bound: None,
        }
    }

    /// A sorter of rows whose columns are the keys, in order; further columns may follow.
    pub(crate) fn by_columns(orders: Vec<KeyOrder>, width: usize) -> Sorter {
        let columns = (0..orders.len()).collect();
        Sorter {
            rows: Chunk::new(width),
            bytes: 0,
            orders,
            keys: Keys::Columns(columns),
            bound: None,
        }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// What evaluating the keys raises.
    pub(crate) async fn add(
        &mut self,
        mut chunk: Chunk,
        keys: &[SortKey],
        stops: bool,
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        if let Keys::Computed(computed) = &mut self.keys {
            let mut charge = cx.charge();
            let exprs = keys.iter().map(|key| &key.expr);
            cx.compute(stops, exprs, &chunk, computed, &mut charge).await?;
            self.bytes += charge.bytes();
        }
        self.leave_out(&mut chunk);
        self.bytes += chunk.bytes();
        self.rows.append(chunk);
        Ok(())
    }

    /// Drops rows behind the bound, if there is one.
    fn leave_out(&self, chunk: &mut Chunk) {
        let (Keys::Columns(columns), Some(bound)) = (&self.keys, &self.bound) else { return };
        let by_keys = |row: &[Datum]| {
            let mut keys = self.orders.iter().zip(columns).zip(bound);
            let order = keys.find_map(|((order, column), bound)| {
                let order = order.compare(row.get(*column)?, bound);
                Some(order).filter(|order| order.is_ne())
            });
            order.unwrap_or(Ordering::Equal)
        };
        let ([first, ..], [column, ..], [last, ..]) =
            (self.orders.as_slice(), columns.as_slice(), bound.as_slice())
        else {
            return;
        };
        let last = first.prefix(last);
        let wanted = |row: &[Datum]| {
            let prefix = row.get(*column).map_or(last, |value| first.prefix(value));
            // Of equal rows those that came first are kept.
            prefix.cmp(&last).then_with(|| by_keys(row)) == Ordering::Less
        };
        let kept: Vec<bool> = chunk.rows().map(wanted).collect();
        chunk.retain(&kept);
    }

    /// Adds one row whose keys are its columns.
    pub(crate) fn push(&mut self, row: &[Datum]) {
        self.bytes += types::memory::of_row(row);
        self.rows.push_row(row);
    }

    fn key(&self, row: usize, key: usize) -> &Datum {
        const NULL: &Datum = &Datum::Null;
        let value = match &self.keys {
            Keys::Columns(columns) => {
                columns.get(key).and_then(|column| self.rows.row(row).get(*column))
            }
            Keys::Computed(computed) => computed.row(row).get(key),
        };
        value.unwrap_or(NULL)
    }

    /// The rows' numbers in order; equal rows stay in the order they came in.
    ///
    /// # Errors
    /// `57014`.
    pub(crate) fn order(&self, cancel: &Cancel) -> Result<Vec<u32>> {
        let count = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let Some(first) = self.orders.first() else { return Ok((0..count).collect()) };
        // The second key counts among equal first ones only.
        let second = self.orders.get(1).filter(|_| first.is_decided_by_prefix());
        let prefix = |row: u32| {
            let bits = |key: usize, order: &KeyOrder| order.prefix(self.key(row as usize, key));
            let low = second.map_or(0, |second| bits(1, second));
            (u128::from(bits(0, first)) << 64 | u128::from(low), row)
        };
        let numbers: Vec<(u128, u32)> = (0..count).map(prefix).collect();
        let decided =
            self.orders.len() <= 2 && self.orders.iter().all(KeyOrder::is_decided_by_prefix);
        let sorted = match decided {
            true => merge_sort(numbers, |a, b| a.cmp(b), cancel)?,
            false => merge_sort(
                numbers,
                |(prefix_a, a), (prefix_b, b)| {
                    prefix_a
                        .cmp(prefix_b)
                        .then_with(|| self.compare(*a as usize, *b as usize))
                        .then(a.cmp(b))
                },
                cancel,
            )?,
        };
        Ok(sorted.into_iter().map(|(_, row)| row).collect())
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let orders = self.orders.iter().enumerate();
        orders
            .map(|(key, order)| order.compare(self.key(a, key), self.key(b, key)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// Throws all but the first `count` rows away.
    fn keep_first(&mut self, count: usize, cancel: &Cancel) -> Result<()> {
        let mut order = self.order(cancel)?;
        order.truncate(count);
        let last = order.last().map(|row| *row as usize);
        self.bound =
            last.map(|row| (0..self.orders.len()).map(|k| self.key(row, k).clone()).collect());
        // In order of arrival, or equal rows would change places.
        order.sort_unstable();
        let mut kept = vec![false; self.rows.len()];
        for row in order {
            if let Some(flag) = kept.get_mut(row as usize) {
                *flag = true;
            }
        }
        self.rows.retain(&kept);
        if let Keys::Computed(computed) = &mut self.keys {
            computed.retain(&kept);
        }
        self.bytes = self.rows.bytes() + self.rows.len() * self.orders.len() * size_of::<Datum>();
        Ok(())
    }
}

/// Sorts distinct values, looking at the cancel flag between runs and while it merges them.
fn merge_sort<T: Copy>(
    mut values: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering + Copy,
    cancel: &Cancel,
) -> Result<Vec<T>> {
    for run in values.chunks_mut(RUN_ROWS) {
        run.sort_unstable_by(compare);
        cancel.check()?;
    }
    let mut width = RUN_ROWS;
    while width < values.len() {
        let mut merged = Vec::with_capacity(values.len());
        for pair in values.chunks(2 * width) {
            let (mut a, mut b) = pair.split_at(width.min(pair.len()));
            while let ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) = (a, b) {
                if compare(first_a, first_b).is_le() {
                    merged.push(*first_a);
                    a = rest_a;
                } else {
                    merged.push(*first_b);
                    b = rest_b;
                }
                if merged.len() % RUN_ROWS == 0 {
                    cancel.check()?;
                }
            }
            merged.extend_from_slice(a);
            merged.extend_from_slice(b);
        }
        values = merged;
        width *= 2;
    }
    Ok(values)
}
