//! `range_agg` and `range_intersect_agg`.
//!
//! Source: PostgreSQL 16 `multirangetypes.c`.

use std::sync::Arc;

use types::rare::range::{Multirange, Range};
use types::{Datum, Oid, Rare, Result};

use super::{Table, only};
use crate::ranges::{intersection, ranges_of};
use crate::{Accumulator, CallCx, Site};

pub(super) const TABLE: Table = &[
    (4301, gather),
    (6227, gather),
    (4389, |_| Box::new(Intersect(Datum::Null))),
    (4450, |_| Box::new(Intersect(Datum::Null))),
];

struct Gather {
    type_oid: Oid,
    /// `None` until a value that is not NULL.
    ranges: Option<Vec<Range>>,
}

fn gather(site: &Site) -> Box<dyn Accumulator> {
    Box::new(Gather { type_oid: site.result_type, ranges: None })
}

impl Accumulator for Gather {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if !new.is_null() {
            self.ranges.get_or_insert_default().extend(ranges_of(new)?);
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(match &self.ranges {
            None => Datum::Null,
            Some(ranges) => Datum::Rare(Arc::new(Rare::Multirange(Multirange::new(
                self.type_oid,
                ranges.clone(),
            )))),
        })
    }

    fn heap_bytes(&self) -> usize {
        self.ranges.as_ref().map_or(0, |ranges| ranges.len() * size_of::<Range>())
    }
}

struct Intersect(Datum);

impl Accumulator for Intersect {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if self.0.is_null() {
            self.0 = new.clone();
        } else if !new.is_null() {
            self.0 = intersection(&self.0, new)?;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.0.clone())
    }

    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }
}
