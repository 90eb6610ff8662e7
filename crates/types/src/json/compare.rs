//! The btree order of `jsonb`.
//!
//! Object > array > boolean > number > string > null; containers of fewer members come first;
//! otherwise member by member. A scalar at the top counts as an array of one.
//!
//! Source: PostgreSQL 16 `compareJsonbContainers`.

use std::cmp::Ordering;

use super::value::{Json, JsonObject};

impl Ord for Json {
    /// The order of whole documents.
    fn cmp(&self, other: &Json) -> Ordering {
        match (self, other) {
            (Json::Object(a), Json::Object(b)) => compare_objects(a, b),
            (Json::Object(_), _) => Ordering::Greater,
            (_, Json::Object(_)) => Ordering::Less,
            (Json::Array(a), Json::Array(b)) => compare_arrays(a, b),
            // Lengths decide before the difference between `1` and `[1]` does.
            (Json::Array(a), _) => a.len().cmp(&1).then(Ordering::Greater),
            (_, Json::Array(b)) => 1.cmp(&b.len()).then(Ordering::Less),
            _ => compare_scalars(self, other),
        }
    }
}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Json) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of values inside containers.
fn compare_inner(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => compare_objects(a, b),
        (Json::Array(a), Json::Array(b)) => compare_arrays(a, b),
        _ => compare_scalars(a, b),
    }
}

fn compare_scalars(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => a.cmp(b),
        (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Json) -> u8 {
    match value {
        Json::Null => 0,
        Json::String(_) => 1,
        Json::Number(_) => 2,
        Json::Bool(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    }
}

fn compare_arrays(a: &[Json], b: &[Json]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| {
        let pairs = a.iter().zip(b).map(|(a, b)| compare_inner(a, b));
        pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })
}

fn compare_objects(a: &JsonObject, b: &JsonObject) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| {
        a.members()
            .iter()
            .zip(b.members())
            .map(|((k, v), (l, w))| {
                k.as_bytes().cmp(l.as_bytes()).then_with(|| compare_inner(v, w))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

#[cfg(test)]
mod tests {
    use crate::json::parse;

    #[test]
    fn postgres_order() {
        let sorted = [
            "[]",
            "null",
            "\"a\"",
            "\"b\"",
            "1",
            "1.5",
            "false",
            "true",
            "[null]",
            "[1]",
            "[[1]]",
            "[1, 2]",
            "{}",
            "{\"a\": 1}",
            "{\"a\": 2}",
            "{\"b\": 1}",
            "{\"a\": 1, \"b\": 2}",
        ];
        let values: Vec<_> = sorted.iter().map(|text| parse(text).unwrap()).collect();
        assert!(values.is_sorted(), "{values:?}");
    }
}
