//! Hypothetical-set aggregates: the rank that a row would have among the others.
//!
//! A row's arguments are the hypothetical row, the aggregated row, and how rows are ordered: two
//! bits for each key, whether it descends and whether NULLs come first. Rows come in order.
//!
//! Source: PostgreSQL 16 `hypothetical_rank_common`, `src/backend/utils/adt/orderedsetaggs.c`.

use std::cmp::Ordering;

use types::{Datum, Oid, Result, compare};

use super::Table;
use crate::convert::wrong_arity;
use crate::{Accumulator, CallCx, Site};

pub(super) const TABLE: Table = &[
    (3986, |site| new(site, |c| Datum::Int8(c.less + 1))),
    (3988, |site| new(site, |c| ratio(c.less, c.rows))),
    (3990, |site| new(site, |c| ratio(c.less + c.equal + 1, c.rows + 1))),
    (3992, |site| new(site, |c| Datum::Int8(c.groups + 1))),
];

/// What was counted.
#[derive(Default)]
struct Counts {
    rows: i64,
    /// Rows before the hypothetical one.
    less: i64,
    /// Its peers.
    equal: i64,
    /// Groups of peers before it.
    groups: i64,
}

struct Hypothetical {
    types: Box<[Oid]>,
    counts: Counts,
    previous: Vec<Datum>,
    result: fn(&Counts) -> Datum,
}

fn new(site: &Site, result: fn(&Counts) -> Datum) -> Box<dyn Accumulator> {
    Box::new(Hypothetical {
        types: site.arg_types.clone(),
        counts: Counts::default(),
        previous: Vec::new(),
        result,
    })
}

#[expect(clippy::cast_precision_loss, reason = "row numbers, as in PostgreSQL")]
fn ratio(part: i64, whole: i64) -> Datum {
    Datum::Float8(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

impl Accumulator for Hypothetical {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let Some((Datum::Int4(directions), values)) = args.split_last() else {
            return Err(wrong_arity(args.len()));
        };
        let (hypothetical, row) = values.split_at(values.len() / 2);
        let order = self.compare(row, hypothetical, *directions);
        self.counts.rows += 1;
        match order {
            Ordering::Less => {
                self.counts.less += 1;
                let peers = !self.previous.is_empty()
                    && self.compare(row, &self.previous, *directions).is_eq();
                if !peers {
                    self.counts.groups += 1;
                }
                self.previous = row.to_vec();
            }
            Ordering::Equal => self.counts.equal += 1,
            Ordering::Greater => {}
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok((self.result)(&self.counts))
    }
}

impl Hypothetical {
    fn compare(&self, a: &[Datum], b: &[Datum], directions: i32) -> Ordering {
        let keys = a.iter().zip(b).enumerate();
        keys.map(|(at, (a, b))| {
            let bits = directions >> (2 * at).min(30);
            let (descending, nulls_first) = (bits & 1 != 0, bits & 2 != 0);
            match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) if nulls_first => Ordering::Less,
                (true, false) => Ordering::Greater,
                (false, true) if nulls_first => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => {
                    let ty = self.types.get(at).copied().unwrap_or_default();
                    let order = compare::compare_typed(a, b, ty);
                    if descending { order.reverse() } else { order }
                }
            }
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
    }
}
