//! What a sample shows of one column.
//!
//! Source: PostgreSQL 16 `analyze.c`, `compute_scalar_stats` and `analyze_mcv_list`.

use types::{Datum, Oid, compare};

use crate::plan::statistics::ColumnStatistics;

/// Most common values and histogram bins kept: PostgreSQL's `default_statistics_target`.
pub(super) const TARGET: usize = 100;
/// Longer values are counted, not kept.
pub(super) const WIDTH_MAX: usize = 1024;

/// Describes the values that a sample has of a column, in the rows' order; the table has
/// `table_rows` rows.
pub(super) fn describe<'a>(
    values: impl Iterator<Item = &'a Datum>,
    ty: Oid,
    table_rows: f64,
) -> ColumnStatistics {
    let (mut rows, mut nulls, mut wide) = (0usize, 0usize, 0usize);
    let mut total_width = 0usize;
    let mut sorted: Vec<(&Datum, usize)> = Vec::new();
    for value in values {
        let place = rows;
        rows += 1;
        if value.is_null() {
            nulls += 1;
            continue;
        }
        let width = stored_width(value, ty);
        total_width += width;
        if width > WIDTH_MAX {
            wide += 1;
            continue;
        }
        sorted.push((value, place));
    }
    let present = rows - nulls;
    let null_share = if rows > 0 { nulls as f64 / rows as f64 } else { 0.0 };
    let width = match present {
        0 => 0,
        count => i32::try_from(total_width / count).unwrap_or(i32::MAX),
    };
    let mut found = ColumnStatistics { null_share, width, ..ColumnStatistics::default() };
    if catalog::builtin::sort_operators(ty).is_none() || present == 0 {
        return found;
    }
    sorted.sort_by(|(a, x), (b, y)| compare::compare_typed(a, b, ty).then(x.cmp(y)));
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (at, (value, _)) in sorted.iter().enumerate() {
        match groups.last_mut() {
            Some((first, count)) if compare::compare_typed(sorted[*first].0, value, ty).is_eq() => {
                *count += 1;
            }
            _ => groups.push((at, 1)),
        }
    }
    let repeated = groups.iter().filter(|(_, count)| *count > 1).count();
    found.distinct = distinct(&Counts {
        distinct: groups.len(),
        repeated,
        wide,
        present,
        null_share,
        table_rows,
    });
    let common = common_values(&groups, rows, wide, &found, table_rows);
    found.common = common
        .iter()
        .map(|(first, count)| (sorted[*first].0.clone(), *count as f64 / rows as f64))
        .collect();
    found.histogram = histogram(&sorted, &groups, &common);
    found.correlation = correlation(&sorted);
    found
}

struct Counts {
    distinct: usize,
    repeated: usize,
    wide: usize,
    present: usize,
    null_share: f64,
    table_rows: f64,
}

/// `stadistinct`, by the estimator of Haas and Stokes.
fn distinct(counts: &Counts) -> f64 {
    let Counts { distinct, repeated, wide, present, null_share, table_rows } = *counts;
    if repeated == 0 {
        // Every value was seen once: all are taken to be different.
        return -(1.0 - null_share);
    }
    let estimate = if wide == 0 && repeated == distinct {
        distinct as f64
    } else {
        let once = (distinct - repeated + wide) as f64;
        let seen = once + repeated as f64;
        let sampled = present as f64;
        let all = table_rows * (1.0 - null_share);
        if all > 0.0 {
            let estimate = sampled * seen / ((sampled - once) + once * sampled / all);
            (estimate.clamp(seen, all.max(seen)) + 0.5).floor()
        } else {
            0.0
        }
    };
    if estimate > 0.1 * table_rows { -(estimate / table_rows) } else { estimate }
}

/// The groups that are worth keeping as common values, most common first.
fn common_values(
    groups: &[(usize, usize)],
    rows: usize,
    wide: usize,
    found: &ColumnStatistics,
    table_rows: f64,
) -> Vec<(usize, usize)> {
    let mut common: Vec<(usize, usize)> =
        groups.iter().copied().filter(|(_, count)| *count > 1).collect();
    common.sort_by(|(x, a), (y, b)| b.cmp(a).then(x.cmp(y)));
    let complete = common.len() == groups.len();
    common.truncate(TARGET);
    if complete && wide == 0 && found.distinct > 0.0 && groups.len() <= TARGET {
        return common;
    }
    let sampled = rows as f64;
    if sampled >= table_rows || table_rows <= 1.0 {
        return common;
    }
    let distinct = if found.distinct < 0.0 { -found.distinct * table_rows } else { found.distinct };
    let mut count = common.len();
    let mut sum: usize = common.iter().take(count.saturating_sub(1)).map(|(_, n)| n).sum();
    while count > 0 {
        let least = common[count - 1].1 as f64;
        let mut share = (1.0 - sum as f64 / sampled - found.null_share).clamp(0.0, 1.0);
        let others = distinct - (count as f64 - 1.0);
        if others > 1.0 {
            share /= others;
        }
        let in_table = table_rows * least / sampled;
        let variance = sampled * in_table * (table_rows - in_table) * (table_rows - sampled)
            / (table_rows * table_rows * (table_rows - 1.0));
        if least > share * sampled + 2.0 * variance.max(0.0).sqrt() + 0.5 {
            break;
        }
        count -= 1;
        if count > 0 {
            sum -= common[count - 1].1;
        }
    }
    common.truncate(count);
    common
}

fn histogram(
    sorted: &[(&Datum, usize)],
    groups: &[(usize, usize)],
    common: &[(usize, usize)],
) -> Vec<Datum> {
    let bounds = (groups.len() - common.len()).min(TARGET + 1);
    if bounds < 2 {
        return Vec::new();
    }
    let mut left_out: Vec<(usize, usize)> = common.to_vec();
    left_out.sort_unstable();
    let mut rest: Vec<&Datum> = Vec::with_capacity(sorted.len());
    let mut skip = left_out.into_iter().peekable();
    let mut at = 0;
    while at < sorted.len() {
        match skip.next_if(|(first, _)| *first == at) {
            Some((_, count)) => at += count,
            None => {
                rest.push(sorted[at].0);
                at += 1;
            }
        }
    }
    // As evenly as whole numbers allow.
    let last = rest.len() - 1;
    (0..bounds).map(|bound| rest[bound * last / (bounds - 1)].clone()).collect()
}

fn correlation(sorted: &[(&Datum, usize)]) -> Option<f64> {
    let count = sorted.len() as f64;
    if sorted.len() < 2 {
        return None;
    }
    // Places among the values that are there, for those are what is sorted.
    let mut places: Vec<usize> = sorted.iter().map(|(_, place)| *place).collect();
    places.sort_unstable();
    let products: f64 = sorted
        .iter()
        .enumerate()
        .map(|(rank, (_, place))| {
            let place = places.binary_search(place).unwrap_or(0);
            rank as f64 * place as f64
        })
        .sum();
    let sum = (count - 1.0) * count / 2.0;
    let squares = (count - 1.0) * count * (2.0 * count - 1.0) / 6.0;
    Some((count * products - sum * sum) / (count * squares - sum * sum))
}

/// The bytes that a value takes as PostgreSQL stores it.
pub(super) fn stored_width(value: &Datum, ty: Oid) -> usize {
    let short = |len: usize| if len < 127 { len + 1 } else { len + 4 };
    match value {
        Datum::Text(_) if ty == types::oid::NAME => 64,
        Datum::Text(_) if ty == types::oid::CHAR => 1,
        Datum::Text(text) => short(text.len()),
        Datum::Bytea(bytes) => short(bytes.len()),
        Datum::Numeric(number) => {
            let digits = number.to_string();
            let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
            let whole = whole.trim_start_matches('-').trim_start_matches('0');
            let groups = whole.len().div_ceil(4) + part.trim_end_matches('0').len().div_ceil(4);
            short(2 + 2 * groups)
        }
        value => {
            let len = catalog::builtin::type_by_oid(ty).map_or(-1, |row| row.len);
            usize::try_from(len).unwrap_or_else(|_| value.heap_bytes() + 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use types::oid;

    use super::*;

    fn ints(values: impl IntoIterator<Item = Option<i32>>, table_rows: f64) -> ColumnStatistics {
        let values: Vec<Datum> =
            values.into_iter().map(|value| value.map_or(Datum::Null, Datum::Int4)).collect();
        describe(values.iter(), oid::INT4, table_rows)
    }

    #[test]
    fn column_of_different_values() {
        let found = ints((1..=1000).map(Some), 1000.0);
        assert_eq!((found.distinct, found.null_share, found.width), (-1.0, 0.0, 4));
        assert!(found.common.is_empty());
        assert_eq!(found.histogram.len(), 101);
        assert_eq!(found.correlation, Some(1.0));
        let back = ints((1..=1000).rev().map(Some), 1000.0);
        assert_eq!(back.correlation, Some(-1.0));
    }

    #[test]
    fn column_of_few_values_keeps_all_of_them() {
        let found = ints((0..1000).map(|n| (n % 4 > 0).then_some(n % 4)), 1000.0);
        assert_eq!((found.distinct, found.null_share), (3.0, 0.25));
        let shares: Vec<f64> = found.common.iter().map(|(_, share)| *share).collect();
        assert_eq!(shares, [0.25, 0.25, 0.25]);
        assert!(found.histogram.is_empty());
    }

    #[test]
    fn column_sample_estimates_the_table() {
        // Ten values of a sample were seen twice, the others once.
        let sample = (0..990).chain(0..10).map(Some);
        let found = ints(sample, 1_000_000.0);
        assert!(found.distinct > 40_000.0 || found.distinct < 0.0, "{}", found.distinct);
        assert!(found.common.is_empty());
    }
}
