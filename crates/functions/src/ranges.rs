//! Ranges and multiranges.
//!
//! A range is treated as a multirange of one or no range, so each relation and operation is written
//! once.
//!
//! Source: PostgreSQL 16 `rangetypes.c`, `multirangetypes.c`.

use types::rare::range::{
    Bound, Multirange, Range, compare_bounds, is_adjacent, multirange_of, range_of,
};
use types::{Array, Datum, Rare, Result, SqlError, SqlState};

use crate::convert::{FromDatum, mismatch, scalars, wrong_arity};
use crate::errors::invalid_parameter;
use crate::{CallCx, Rows, SetReturning, Site};

/// The ranges of a range or a multirange; none of them is empty.
#[derive(Clone, Copy)]
struct Ranges<'a>(&'a [Range]);

impl<'a> FromDatum<'a> for Ranges<'a> {
    fn from_datum(datum: &'a Datum) -> Result<Self> {
        let Datum::Rare(rare) = datum else { return Err(mismatch("range", datum)) };
        match &**rare {
            Rare::Range(range) if range.is_empty() => Ok(Ranges(&[])),
            Rare::Range(range) => Ok(Ranges(std::slice::from_ref(range))),
            Rare::Multirange(multirange) => Ok(Ranges(&multirange.ranges)),
            _ => Err(mismatch("range", datum)),
        }
    }
}

impl<'a> Ranges<'a> {
    /// The outermost bounds; `None` if there is no range.
    fn ends(self) -> Option<(&'a Bound, &'a Bound)> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        Some((&first.bounds.as_ref()?.0, &last.bounds.as_ref()?.1))
    }

    /// Lower and upper bound of each range.
    fn bounds(self) -> impl Iterator<Item = (&'a Bound, &'a Bound)> {
        self.0.iter().filter_map(|range| range.bounds.as_ref()).map(|(low, high)| (low, high))
    }
}

scalars! { pub(crate) const TABLE =
    "range_constructor2"[_cx, site](low: &Datum, high: &Datum) => construct(site, low, high, (true, false));
    "range_constructor3"[_cx, site](low: &Datum, high: &Datum, flags: Option<&str>) => {
        construct(site, low, high, bound_flags(flags)?)
    };
    "int4range_canonical" | "int8range_canonical" | "daterange_canonical"(range: &Range) => range.clone();
    "multirange_constructor0"[_cx, site]() => Multirange { type_oid: site.result_type, ranges: Vec::new() };
    "multirange_constructor1"[_cx, site](range: &Range) => {
        Multirange::new(multirange_type(site, range), vec![range.clone()])
    };
    "multirange_constructor2"[_cx, site](ranges: &Array) => gather(site, ranges)?;
    "range_lower" | "multirange_lower"(a: Ranges<'_>) => a.ends().and_then(|(low, _)| low.value.clone());
    "range_upper" | "multirange_upper"(a: Ranges<'_>) => a.ends().and_then(|(_, high)| high.value.clone());
    "range_empty" | "multirange_empty"(a: Ranges<'_>) => a.0.is_empty();
    "range_lower_inc" | "multirange_lower_inc"(a: Ranges<'_>) => a.ends().is_some_and(|(low, _)| low.inclusive);
    "range_upper_inc" | "multirange_upper_inc"(a: Ranges<'_>) => a.ends().is_some_and(|(_, high)| high.inclusive);
    "range_lower_inf" | "multirange_lower_inf"(a: Ranges<'_>) => a.ends().is_some_and(|(low, _)| low.value.is_none());
    "range_upper_inf" | "multirange_upper_inf"(a: Ranges<'_>) => a.ends().is_some_and(|(_, high)| high.value.is_none());
    "range_overlaps" | "range_overlaps_multirange" | "multirange_overlaps_range" | "multirange_overlaps_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => overlaps(a, b);
    "range_contains" | "range_contains_multirange" | "multirange_contains_range" | "multirange_contains_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => contains(a, b);
    "range_contained_by" | "multirange_contained_by_range" | "range_contained_by_multirange"
        | "multirange_contained_by_multirange"(a: Ranges<'_>, b: Ranges<'_>) => contains(b, a);
    "range_contains_elem" | "multirange_contains_elem"(a: Ranges<'_>, element: &Datum) => contains_element(a, element);
    "elem_contained_by_range" | "elem_contained_by_multirange"(element: &Datum, a: Ranges<'_>) => contains_element(a, element);
    "range_adjacent" | "range_adjacent_multirange" | "multirange_adjacent_range" | "multirange_adjacent_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => adjacent(a, b);
    "range_before" | "range_before_multirange" | "multirange_before_range" | "multirange_before_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => before(a, b);
    "range_after" | "range_after_multirange" | "multirange_after_range" | "multirange_after_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => before(b, a);
    "range_overleft" | "range_overleft_multirange" | "multirange_overleft_range" | "multirange_overleft_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => match (a.ends(), b.ends()) {
            (Some((_, high)), Some((_, other))) => compare_bounds(high, other).is_le(),
            _ => false,
        };
    "range_overright" | "range_overright_multirange" | "multirange_overright_range" | "multirange_overright_multirange"
        (a: Ranges<'_>, b: Ranges<'_>) => match (a.ends(), b.ends()) {
            (Some((low, _)), Some((other, _))) => compare_bounds(low, other).is_ge(),
            _ => false,
        };
    "range_union"(a: &Range, b: &Range) => union(a, b, true)?;
    "range_merge"(a: &Range, b: &Range) => union(a, b, false)?;
    "range_merge_from_multirange"(a: &Multirange) => {
        let range_type = range_of(a.type_oid).unwrap_or_default();
        match Ranges(&a.ranges).ends() {
            Some((low, high)) => Range::new(range_type, low.clone(), high.clone())?,
            None => Range::empty(range_type),
        }
    };
    "range_intersect" | "range_intersect_agg_transfn"(a: &Range, b: &Range) => intersect(a, b)?;
    "range_minus"(a: &Range, b: &Range) => minus(a, b)?;
    "multirange_union"(a: &Multirange, b: &Multirange) => {
        Multirange::new(a.type_oid, a.ranges.iter().chain(&b.ranges).cloned().collect())
    };
    "multirange_minus"(a: &Multirange, b: &Multirange) => multirange_minus(a, b)?;
    "multirange_intersect" | "multirange_intersect_agg_transfn"(a: &Multirange, b: &Multirange) => {
        multirange_intersect(a, b)?
    };
}

pub(crate) const SETS: &[(&str, SetReturning)] = &[("multirange_unnest", unnest)];

fn unnest(_cx: &CallCx<'_>, _site: &Site, args: &[Datum]) -> Result<Rows> {
    let [multirange] = args else { return Err(wrong_arity(args.len())) };
    let multirange = <&Multirange>::from_datum(multirange)?;
    let ranges: Vec<Range> = multirange.ranges.clone();
    Ok(Box::new(ranges.into_iter().map(|range| Ok(Datum::rare(Rare::Range(range))))))
}

fn construct(
    site: &Site,
    low: &Datum,
    high: &Datum,
    (low_inclusive, high_inclusive): (bool, bool),
) -> Result<Range> {
    let value = |datum: &Datum| (!datum.is_null()).then(|| datum.clone());
    Range::new(
        site.result_type,
        Bound::lower(value(low), low_inclusive),
        Bound::upper(value(high), high_inclusive),
    )
}

/// Which bounds `[]`, `[)`, `(]`, `()` include.
fn bound_flags(flags: Option<&str>) -> Result<(bool, bool)> {
    match flags {
        Some("[]") => Ok((true, true)),
        Some("[)") => Ok((true, false)),
        Some("(]") => Ok((false, true)),
        Some("()") => Ok((false, false)),
        Some(_) => Err(SqlError::new(SqlState::SYNTAX_ERROR, "invalid range bound flags")
            .hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\".")),
        None => Err(SqlError::new(
            SqlState::DATA_EXCEPTION,
            "range constructor flags argument must not be null",
        )),
    }
}

fn multirange_type(site: &Site, range: &Range) -> types::Oid {
    match range_of(site.result_type) {
        Some(_) => site.result_type,
        None => multirange_of(range.type_oid).unwrap_or_default(),
    }
}

fn gather(site: &Site, ranges: &Array) -> Result<Multirange> {
    if ranges.dims.len() > 1 {
        return Err(SqlError::new(
            SqlState::CARDINALITY_VIOLATION,
            "multiranges cannot be constructed from multidimensional arrays",
        ));
    }
    let mut gathered = Vec::with_capacity(ranges.elements.len());
    for element in &ranges.elements {
        match Option::<&Range>::from_datum(element)? {
            Some(range) => gathered.push(range.clone()),
            None => {
                return Err(SqlError::new(
                    SqlState::NULL_VALUE_NOT_ALLOWED,
                    "multirange values cannot contain null members",
                ));
            }
        }
    }
    Ok(Multirange::new(site.result_type, gathered))
}

fn pair_overlaps((low, high): (&Bound, &Bound), (low2, high2): (&Bound, &Bound)) -> bool {
    compare_bounds(low, high2).is_le() && compare_bounds(low2, high).is_le()
}

fn overlaps(a: Ranges<'_>, b: Ranges<'_>) -> bool {
    a.bounds().any(|a| b.bounds().any(|b| pair_overlaps(a, b)))
}

fn contains(a: Ranges<'_>, b: Ranges<'_>) -> bool {
    b.bounds().all(|(low2, high2)| {
        a.bounds().any(|(low, high)| {
            compare_bounds(low, low2).is_le() && compare_bounds(high, high2).is_ge()
        })
    })
}

fn contains_element(a: Ranges<'_>, element: &Datum) -> bool {
    let compare = types::compare::compare;
    a.bounds().any(|(low, high)| {
        let above = low.value.as_ref().is_none_or(|value| {
            let order = compare(value, element);
            order.is_lt() || low.inclusive && order.is_eq()
        });
        let below = high.value.as_ref().is_none_or(|value| {
            let order = compare(value, element);
            order.is_gt() || high.inclusive && order.is_eq()
        });
        above && below
    })
}

fn adjacent(a: Ranges<'_>, b: Ranges<'_>) -> bool {
    match (a.ends(), b.ends()) {
        (Some((low, high)), Some((low2, high2))) => {
            is_adjacent(high, low2) || is_adjacent(high2, low)
        }
        _ => false,
    }
}

fn before(a: Ranges<'_>, b: Ranges<'_>) -> bool {
    match (a.ends(), b.ends()) {
        (Some((_, high)), Some((low, _))) => compare_bounds(high, low).is_lt(),
        _ => false,
    }
}

fn not_contiguous(what: &str) -> SqlError {
    SqlError::new(
        SqlState::DATA_EXCEPTION,
        format!("result of range {what} would not be contiguous"),
    )
}

fn union(a: &Range, b: &Range, strict: bool) -> Result<Range> {
    let (Some((low, high)), Some((low2, high2))) = (&a.bounds, &b.bounds) else {
        return Ok(if a.is_empty() { b.clone() } else { a.clone() });
    };
    let touch = pair_overlaps((low, high), (low2, high2))
        || is_adjacent(high, low2)
        || is_adjacent(high2, low);
    if strict && !touch {
        return Err(not_contiguous("union"));
    }
    let low = if compare_bounds(low, low2).is_lt() { low } else { low2 };
    let high = if compare_bounds(high, high2).is_gt() { high } else { high2 };
    Range::new(a.type_oid, low.clone(), high.clone())
}

fn intersect(a: &Range, b: &Range) -> Result<Range> {
    let (Some((low, high)), Some((low2, high2))) = (&a.bounds, &b.bounds) else {
        return Ok(Range::empty(a.type_oid));
    };
    if !pair_overlaps((low, high), (low2, high2)) {
        return Ok(Range::empty(a.type_oid));
    }
    let low = if compare_bounds(low, low2).is_ge() { low } else { low2 };
    let high = if compare_bounds(high, high2).is_le() { high } else { high2 };
    Range::new(a.type_oid, low.clone(), high.clone())
}

/// What is left of `a` below and above `b`.
fn cut(a: &Range, b: &Range) -> Result<(Option<Range>, Option<Range>)> {
    let (Some((low, high)), Some((low2, high2))) = (&a.bounds, &b.bounds) else {
        return Ok((Some(a.clone()), None));
    };
    if !pair_overlaps((low, high), (low2, high2)) {
        return Ok((Some(a.clone()), None));
    }
    let below = match compare_bounds(low, low2).is_lt() {
        true => Some(Range::new(a.type_oid, low.clone(), low2.inverted())?),
        false => None,
    };
    let above = match compare_bounds(high, high2).is_gt() {
        true => Some(Range::new(a.type_oid, high2.inverted(), high.clone())?),
        false => None,
    };
    Ok((below, above))
}

fn minus(a: &Range, b: &Range) -> Result<Range> {
    match cut(a, b)? {
        (Some(_), Some(_)) => Err(not_contiguous("difference")),
        (Some(range), None) | (None, Some(range)) => Ok(range),
        (None, None) => Ok(Range::empty(a.type_oid)),
    }
}

fn multirange_minus(a: &Multirange, b: &Multirange) -> Result<Multirange> {
    let mut left = a.ranges.clone();
    for range in &b.ranges {
        let mut next = Vec::with_capacity(left.len() + 1);
        for piece in &left {
            let (below, above) = cut(piece, range)?;
            next.extend(below);
            next.extend(above);
        }
        left = next;
    }
    Ok(Multirange::new(a.type_oid, left))
}

fn multirange_intersect(a: &Multirange, b: &Multirange) -> Result<Multirange> {
    let mut common = Vec::new();
    // Both are sorted: whichever ends first cannot meet anything further.
    let (mut left, mut right) = (a.ranges.iter().peekable(), b.ranges.iter().peekable());
    while let (Some(x), Some(y)) = (left.peek(), right.peek()) {
        common.push(intersect(x, y)?);
        let ends = |range: &Range| range.bounds.as_ref().map(|(_, high)| high.clone());
        match (ends(x), ends(y)) {
            (Some(x), Some(y)) if compare_bounds(&x, &y).is_le() => left.next(),
            _ => right.next(),
        };
    }
    Ok(Multirange::new(a.type_oid, common))
}

/// The range or multirange that `range_agg` gathers from.
pub(crate) fn ranges_of(datum: &Datum) -> Result<Vec<Range>> {
    Ranges::from_datum(datum).map(|ranges| ranges.0.to_vec())
}

/// The intersection of two values of one type.
pub(crate) fn intersection(a: &Datum, b: &Datum) -> Result<Datum> {
    let (Datum::Rare(x), Datum::Rare(y)) = (a, b) else { return Err(mismatch("range", a)) };
    match (&**x, &**y) {
        (Rare::Range(a), Rare::Range(b)) => intersect(a, b).map(|r| Datum::rare(Rare::Range(r))),
        (Rare::Multirange(a), Rare::Multirange(b)) => {
            multirange_intersect(a, b).map(|m| Datum::rare(Rare::Multirange(m)))
        }
        _ => Err(invalid_parameter("range_intersect_agg must be called with a range")),
    }
}
