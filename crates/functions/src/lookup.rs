//! From names to implementations. Only planning looks here.

use std::collections::HashMap;
use std::sync::LazyLock;

use types::Oid;

use crate::convert::Table;
use crate::{NewAccumulator, Scalar, SetReturning};
use crate::{
    aggregates, arrays, bits, boolean, bytea, compare, date_parts, datetime, encoding, float,
    format, geometry, hash, hash_values, in_range, int, interval, io, json, like, math, misc,
    money, network, normalize, numeric, quote, ranges, regex, series, strings, textsearch,
    transitions, variadic,
};

/// Every family of scalar functions.
const SCALARS: &[Table] = &[
    hash::TABLE,
    in_range::INTEGERS,
    in_range::TABLE,
    misc::TABLE,
    encoding::TABLE,
    format::TABLES[0],
    format::TABLES[1],
    format::TABLES[2],
    format::TABLES[3],
    regex::TABLES[0],
    regex::TABLES[1],
    json::TABLES[0],
    json::TABLES[1],
    json::TABLES[2],
    json::TABLES[3],
    json::TABLES[4],
    json::TABLES[5],
    json::TABLES[6],
    network::TABLE,
    normalize::TABLE,
    bits::TABLE,
    ranges::TABLE,
    hash_values::TABLE,
    money::TABLE,
    transitions::TABLE,
    textsearch::TABLES[0],
    textsearch::TABLES[1],
    textsearch::TABLES[2],
    textsearch::TABLES[3],
    geometry::TABLES[0],
    geometry::TABLES[1],
    geometry::TABLES[2],
    geometry::TABLES[3],
    geometry::TABLES[4],
    io::TABLE,
    int::ARITHMETIC,
    int::ONE_WIDTH,
    int::TABLE,
    float::ARITHMETIC,
    float::CASTS,
    float::TABLE,
    numeric::TABLE,
    boolean::TABLE,
    interval::TABLE,
    strings::TABLE,
    bytea::TABLE,
    like::TABLE,
    quote::TABLE,
    variadic::TABLE,
    math::TABLE,
    datetime::TABLE,
    date_parts::TABLE,
    arrays::TABLE,
    compare::NUMBERS,
    compare::STRINGS,
    compare::PATTERN,
    compare::DATETIMES,
    compare::CONTAINERS,
    compare::RARE,
    compare::LARGER_SMALLER,
    compare::BPCHAR_LARGER_SMALLER,
];

/// Every family of set-returning functions.
const SETS: &[&[(&str, SetReturning)]] = &[
    series::TABLE,
    arrays::SETS,
    json::SETS,
    json::PATH_SETS,
    json::RECORD_SETS,
    regex::SETS,
    ranges::SETS,
    textsearch::SETS,
];

/// Every family of aggregates, by `pg_aggregate.aggfnoid`.
const AGGREGATES: &[aggregates::Table] = aggregates::TABLES;

static SCALAR_INDEX: LazyLock<HashMap<&str, Scalar>> = LazyLock::new(|| {
    let entries = SCALARS.iter().copied().flatten();
    entries.flat_map(|(names, call)| names.iter().map(|name| (*name, *call))).collect()
});

static SET_INDEX: LazyLock<HashMap<&str, SetReturning>> =
    LazyLock::new(|| SETS.iter().copied().flatten().copied().collect());

static AGGREGATE_INDEX: LazyLock<HashMap<u32, NewAccumulator>> =
    LazyLock::new(|| AGGREGATES.iter().copied().flatten().copied().collect());

/// The scalar function behind `pg_proc.prosrc`; `None` if it is not implemented.
pub fn scalar(prosrc: &str) -> Option<Scalar> {
    SCALAR_INDEX.get(prosrc).copied()
}

/// The set-returning function behind `pg_proc.prosrc`; `None` if it is not implemented.
pub fn set_returning(prosrc: &str) -> Option<SetReturning> {
    SET_INDEX.get(prosrc).copied()
}

/// The aggregate with this `pg_aggregate.aggfnoid`; `None` if it is not implemented.
pub fn aggregate(aggfnoid: Oid) -> Option<NewAccumulator> {
    AGGREGATE_INDEX.get(&aggfnoid.0).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let mut seen = HashSet::new();
        for (names, _) in SCALARS.iter().copied().flatten() {
            for name in *names {
                assert!(seen.insert(*name), "{name} is defined twice");
            }
        }
        for (name, _) in SETS.iter().copied().flatten() {
            assert!(seen.insert(*name), "{name} is defined twice");
        }
        let mut seen = HashSet::new();
        for (oid, _) in AGGREGATES.iter().copied().flatten() {
            assert!(seen.insert(*oid), "aggregate {oid} is defined twice");
        }
    }
}
