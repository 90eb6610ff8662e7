//! What a sample shows of several columns together.
//!
//! Values of each column are numbered in their order, so that rows are compared as numbers.
//!
//! Source: PostgreSQL 16 `extended_stats.c`, `mvdistinct.c`, `dependencies.c`, `mcv.c`.

use catalog::objects::{Statistics, StatisticsKind};
use types::{Datum, Oid, compare};

use super::column::{TARGET, WIDTH_MAX, stored_width};
use crate::plan::statistics::{Combination, CommonRow, ExtendedStatistics};

/// A column or an expression, over all rows of a sample.
pub(super) struct Attribute<'a> {
    /// The column's number from 1, or −1, −2 … for expressions.
    pub(super) number: i16,
    pub(super) ty: Oid,
    pub(super) values: Vec<&'a Datum>,
}

/// Attributes with their values numbered.
struct Sample<'a> {
    attributes: &'a [Attribute<'a>],
    /// By attribute, then by row. NULL is the greatest, and equal to itself.
    numbers: Vec<Vec<u32>>,
    rows: usize,
    table_rows: f64,
}

/// Describes a sample for a statistics object; the table has `table_rows` rows. `None` if nothing is
/// to be gathered.
pub(super) fn describe(
    object: &Statistics,
    attributes: &[Attribute<'_>],
    table_rows: f64,
) -> Option<ExtendedStatistics> {
    let target = usize::try_from(object.target).unwrap_or(TARGET);
    let rows = attributes.first().map_or(0, |attribute| attribute.values.len());
    if target == 0 || rows == 0 {
        return None;
    }
    let numbers = attributes.iter().map(numbered).collect();
    let sample = Sample { attributes, numbers, rows, table_rows };
    let mut found = ExtendedStatistics {
        object: object.oid,
        attributes: attributes.iter().map(|attribute| attribute.number).collect(),
        types: attributes.iter().map(|attribute| attribute.ty).collect(),
        ..ExtendedStatistics::default()
    };
    for kind in &object.kinds {
        match kind {
            StatisticsKind::Ndistinct => found.distinct = sample.distinct(),
            StatisticsKind::Dependencies => found.dependencies = sample.dependencies(),
            StatisticsKind::MostCommon => found.common = sample.common(target),
            StatisticsKind::Expressions => {
                let expressions = attributes.iter().filter(|attribute| attribute.number < 0);
                found.expressions = expressions
                    .map(|of| super::column::describe(of.values.iter().copied(), of.ty, table_rows))
                    .collect();
            }
        }
    }
    Some(found)
}

/// The values' places in their order.
fn numbered(attribute: &Attribute<'_>) -> Vec<u32> {
    let mut order: Vec<usize> = (0..attribute.values.len()).collect();
    let compared = |a: usize, b: usize| {
        let (a, b) = (attribute.values[a], attribute.values[b]);
        match (a.is_null(), b.is_null()) {
            (false, false) => compare::compare_typed(a, b, attribute.ty),
            (a, b) => a.cmp(&b),
        }
    };
    order.sort_by(|a, b| compared(*a, *b));
    let mut numbers = vec![0; order.len()];
    let mut number = 0;
    for (at, row) in order.iter().enumerate() {
        if at > 0 && compared(order[at - 1], *row).is_ne() {
            number += 1;
        }
        numbers[*row] = number;
    }
    numbers
}

impl Sample<'_> {
    /// The different combinations of some attributes among `rows` in their order, each with its
    /// number of rows and the first of them.
    fn groups(
        &self,
        attributes: &[usize],
        rows: impl Iterator<Item = usize>,
    ) -> Vec<(Vec<u32>, usize, usize)> {
        let key = |row: usize| attributes.iter().map(|at| self.numbers[*at][row]).collect();
        let mut keys: Vec<(Vec<u32>, usize)> = rows.map(|row| (key(row), row)).collect();
        keys.sort_unstable();
        let mut groups: Vec<(Vec<u32>, usize, usize)> = Vec::new();
        for (key, row) in keys {
            match groups.last_mut() {
                Some((last, count, _)) if *last == key => *count += 1,
                _ => groups.push((key, 1, row)),
            }
        }
        groups
    }

    fn names(&self, attributes: &[usize]) -> Vec<i16> {
        attributes.iter().map(|at| self.attributes[*at].number).collect()
    }

    fn distinct(&self) -> Vec<Combination> {
        let all = self.attributes.len();
        let sets = (2..=all).flat_map(|size| sets(all, size));
        sets.map(|set| {
            let groups = self.groups(&set, 0..self.rows);
            let once = groups.iter().filter(|(_, count, _)| *count == 1).count() as f64;
            let (rows, seen) = (self.rows as f64, groups.len() as f64);
            let estimate = rows * seen / ((rows - once) + once * rows / self.table_rows);
            let number = (estimate.max(seen).min(self.table_rows) + 0.5).floor();
            Combination { attributes: self.names(&set), number }
        })
        .collect()
    }

    fn dependencies(&self) -> Vec<Combination> {
        let all = self.attributes.len();
        let mut found = Vec::new();
        for causes in (1..all).flat_map(|size| sets(all, size)) {
            for implied in (0..all).filter(|at| !causes.contains(at)) {
                let mut set = causes.clone();
                set.push(implied);
                let groups = self.groups(&set, 0..self.rows);
                // Rows whose causes come with one value only.
                let alike = groups.chunk_by(|(a, ..), (b, ..)| {
                    a.split_last().map(|(_, a)| a) == b.split_last().map(|(_, b)| b)
                });
                let supporting: usize = alike
                    .filter_map(|group| match group {
                        [(_, count, _)] => Some(*count),
                        _ => None,
                    })
                    .sum();
                if supporting > 0 {
                    let number = supporting as f64 / self.rows as f64;
                    found.push(Combination { attributes: self.names(&set), number });
                }
            }
        }
        found
    }

    fn common(&self, target: usize) -> Vec<CommonRow> {
        let is_wide = |row: usize| {
            self.attributes.iter().any(|attribute| {
                let value = attribute.values[row];
                !value.is_null() && stored_width(value, attribute.ty) > WIDTH_MAX
            })
        };
        let all: Vec<usize> = (0..self.attributes.len()).collect();
        let mut groups = self.groups(&all, (0..self.rows).filter(|row| !is_wide(*row)));
        let single: Vec<Vec<usize>> = all
            .iter()
            .map(|at| {
                let numbers = &self.numbers[*at];
                let most = numbers.iter().max().map_or(0, |most| *most as usize + 1);
                let mut counts = vec![0; most];
                for (key, count, _) in &groups {
                    counts[key[*at] as usize] += count;
                }
                counts
            })
            .collect();
        groups.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        let rows = self.rows as f64;
        let least = least_common(rows, self.table_rows);
        groups
            .iter()
            .take(target)
            .take_while(|(_, count, _)| *count as f64 >= least)
            .map(|(key, count, row)| CommonRow {
                values: self.attributes.iter().map(|of| of.values[*row].clone()).collect(),
                share: *count as f64 / rows,
                base: key
                    .iter()
                    .zip(&single)
                    .map(|(number, counts)| counts[*number as usize] as f64 / rows)
                    .product(),
            })
            .collect()
    }
}

/// Rows of a sample that a combination must have to be told from chance.
///
/// Source: PostgreSQL 16 `get_mincount_for_mcv_list`.
fn least_common(rows: f64, table_rows: f64) -> f64 {
    let divisor = table_rows - rows + 0.04 * rows * (table_rows - 1.0);
    if divisor == 0.0 { 0.0 } else { rows * (table_rows - rows) / divisor }
}

/// All sets of `size` of the numbers below `all`, each ascending, in their order.
fn sets(all: usize, size: usize) -> Vec<Vec<usize>> {
    let mut sets = vec![Vec::new()];
    for _ in 0..size {
        let longer = |set: Vec<usize>| {
            let first = set.last().map_or(0, |last| last + 1);
            (first..all).map(move |next| {
                let mut set = set.clone();
                set.push(next);
                set
            })
        };
        sets = sets.into_iter().flat_map(longer).collect();
    }
    sets
}

#[cfg(test)]
mod tests {
    use types::oid;

    use super::*;

    #[test]
    fn columns_that_follow_from_each_other() {
        // As PostgreSQL 16 gathers over the same rows.
        let rows = 0..1000;
        let int = |f: fn(i32) -> i32| rows.clone().map(|n| Datum::Int4(f(n))).collect::<Vec<_>>();
        let columns = [int(|n| n % 100), int(|n| n % 100 / 10), int(|n| n % 7)];
        let attributes: Vec<Attribute<'_>> = (1..)
            .zip(&columns)
            .map(|(number, values)| Attribute {
                number,
                ty: oid::INT4,
                values: values.iter().collect(),
            })
            .collect();
        let object = Statistics {
            kinds: vec![
                StatisticsKind::Ndistinct,
                StatisticsKind::Dependencies,
                StatisticsKind::MostCommon,
            ],
            target: -1,
            ..Statistics::default()
        };
        let found = describe(&object, &attributes, 1000.0).unwrap();
        let distinct = r#"{"1, 2": 100, "1, 3": 700, "2, 3": 70, "1, 2, 3": 700}"#;
        assert_eq!(found.distinct_text().as_deref(), Some(distinct));
        let dependencies = r#"{"1 => 2": 1.000000, "1, 3 => 2": 1.000000}"#;
        assert_eq!(found.dependencies_text().as_deref(), Some(dependencies));
        assert_eq!(found.common.len(), 100);
        let CommonRow { share, base, .. } = &found.common[0];
        assert!((share - 0.002).abs() < 1e-9 && (base - 0.000_143).abs() < 1e-9, "{share} {base}");
    }

    #[test]
    fn sets_are_in_order() {
        assert_eq!(sets(3, 2), [[0, 1], [0, 2], [1, 2]]);
    }
}
