//! `count`, `min`, `max`, `any_value`, and the aggregates over bits and booleans.

use std::cmp::Ordering;

use types::{Datum, Oid, Rare, Result, compare, oid};

use super::{Table, boxed, only};
use crate::{Accumulator, CallCx, Kernel, Site};

pub(super) const TABLE: Table = &[
    (2803, boxed::<CountRows>),
    (2147, boxed::<Count>),
    // regr_count
    (2818, boxed::<Count>),
    (6291, fold::<AnyValue>),
    // max
    (2050, extreme::<true>),
    (2115, extreme::<true>),
    (2116, extreme::<true>),
    (2117, extreme::<true>),
    (2118, extreme::<true>),
    (2119, extreme::<true>),
    (2120, extreme::<true>),
    (2122, extreme::<true>),
    (2123, extreme::<true>),
    (2124, extreme::<true>),
    (2126, extreme::<true>),
    (2127, extreme::<true>),
    (2128, extreme::<true>),
    (2129, extreme::<true>),
    (2130, extreme::<true>),
    (2125, extreme::<true>),
    (2797, extreme::<true>),
    (3564, extreme::<true>),
    (4189, extreme::<true>),
    (5099, extreme::<true>),
    (2244, extreme::<true>),
    // min
    (2051, extreme::<false>),
    (2131, extreme::<false>),
    (2132, extreme::<false>),
    (2133, extreme::<false>),
    (2134, extreme::<false>),
    (2135, extreme::<false>),
    (2136, extreme::<false>),
    (2138, extreme::<false>),
    (2139, extreme::<false>),
    (2140, extreme::<false>),
    (2142, extreme::<false>),
    (2143, extreme::<false>),
    (2144, extreme::<false>),
    (2145, extreme::<false>),
    (2146, extreme::<false>),
    (2141, extreme::<false>),
    (2798, extreme::<false>),
    (3565, extreme::<false>),
    (4190, extreme::<false>),
    (5100, extreme::<false>),
    (2245, extreme::<false>),
    // bit_and, bit_or, bit_xor
    (2236, fold::<And>),
    (2238, fold::<And>),
    (2240, fold::<And>),
    (2237, fold::<Or>),
    (2239, fold::<Or>),
    (2241, fold::<Or>),
    (6164, fold::<Xor>),
    (6165, fold::<Xor>),
    (6166, fold::<Xor>),
    (2242, fold::<And>),
    (2243, fold::<Or>),
    (6167, fold::<Xor>),
    // bool_and, every, bool_or
    (2517, fold::<And>),
    (2519, fold::<And>),
    (2518, fold::<Or>),
];

/// `count(*)`.
#[derive(Default)]
struct CountRows(i64);

impl Accumulator for CountRows {
    fn step(&mut self, _cx: &CallCx<'_>, _args: &[Datum]) -> Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(Datum::Int8(self.0))
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, _args: &[Datum]) -> Result<bool> {
        self.0 -= 1;
        Ok(true)
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::CountRows)
    }
}

/// `count(x)`, `regr_count(y, x)`: rows without a NULL.
#[derive(Default)]
struct Count(i64);

impl Accumulator for Count {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        if !args.iter().any(Datum::is_null) {
            self.0 += 1;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(Datum::Int8(self.0))
    }

    fn unstep(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<bool> {
        if !args.iter().any(Datum::is_null) {
            self.0 -= 1;
        }
        Ok(true)
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel::Count)
    }
}

/// `max` or `min` of any type.
struct Extreme<const MAX: bool> {
    type_oid: Oid,
    value: Datum,
}

fn extreme<const MAX: bool>(site: &Site) -> Box<dyn Accumulator> {
    let type_oid = site.arg_types.first().copied().unwrap_or_default();
    Box::new(Extreme::<MAX> { type_oid, value: Datum::Null })
}

impl<const MAX: bool> Accumulator for Extreme<MAX> {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if new.is_null() {
            return Ok(());
        }
        let better = if MAX { Ordering::Greater } else { Ordering::Less };
        // Of equal values that print differently the last one counts, as in PostgreSQL, but of
        // `bpchar` the first one.
        let replace = self.value.is_null()
            || if self.type_oid == oid::BPCHAR {
                compare::compare_typed(new, &self.value, oid::BPCHAR) == better
            } else {
                compare::compare(&self.value, new) != better
            };
        if replace {
            self.value = new.clone();
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.value.clone())
    }

    fn heap_bytes(&self) -> usize {
        self.value.heap_bytes()
    }

    fn kernel(&self) -> Option<Kernel> {
        let identical = matches!(
            self.type_oid,
            oid::INT2
                | oid::INT4
                | oid::INT8
                | oid::OID
                | oid::DATE
                | oid::TIME
                | oid::TIMESTAMP
                | oid::TIMESTAMPTZ
        );
        identical.then_some(if MAX { Kernel::Max } else { Kernel::Min })
    }
}

/// How two values become one; neither is NULL.
trait Merge: Send {
    fn merge(old: &Datum, new: &Datum) -> Result<Datum>;
}

/// A state that is NULL until the first value.
struct Fold<M> {
    value: Datum,
    merge: std::marker::PhantomData<M>,
}

fn fold<M: Merge + 'static>(_site: &Site) -> Box<dyn Accumulator> {
    Box::new(Fold::<M> { value: Datum::Null, merge: std::marker::PhantomData })
}

impl<M: Merge> Accumulator for Fold<M> {
    fn step(&mut self, _cx: &CallCx<'_>, args: &[Datum]) -> Result<()> {
        let new = only(args)?;
        if self.value.is_null() {
            self.value = new.clone();
        } else if !new.is_null() {
            self.value = M::merge(&self.value, new)?;
        }
        Ok(())
    }

    fn finish(&self, _cx: &CallCx<'_>) -> Result<Datum> {
        Ok(self.value.clone())
    }

    fn heap_bytes(&self) -> usize {
        self.value.heap_bytes()
    }
}

struct AnyValue;

impl Merge for AnyValue {
    fn merge(old: &Datum, _new: &Datum) -> Result<Datum> {
        Ok(old.clone())
    }
}

macro_rules! bitwise {
    ($($name:ident $op:tt $label:literal)*) => {$(
        struct $name;

        impl Merge for $name {
            fn merge(old: &Datum, new: &Datum) -> Result<Datum> {
                Ok(match (old, new) {
                    (Datum::Bool(a), Datum::Bool(b)) => Datum::Bool(*a $op *b),
                    (Datum::Int2(a), Datum::Int2(b)) => Datum::Int2(*a $op *b),
                    (Datum::Int4(a), Datum::Int4(b)) => Datum::Int4(*a $op *b),
                    (Datum::Int8(a), Datum::Int8(b)) => Datum::Int8(*a $op *b),
                    (Datum::Rare(a), Datum::Rare(b)) => match (&**a, &**b) {
                        (Rare::Bits(a), Rare::Bits(b)) => {
                            let bits = crate::bits::zip(a, b, $label, |a, b| a $op b)?;
                            Datum::rare(Rare::Bits(bits))
                        }
                        _ => old.clone(),
                    },
                    (old, _) => old.clone(),
                })
            }
        }
    )*};
}

bitwise! { And & "AND" Or | "OR" Xor ^ "XOR" }
