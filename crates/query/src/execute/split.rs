//! Splits a range of keys into parts that hold about as many keys each, without reading them: the keys
//! are taken to be spread evenly, as numbers, between the first and the last. Where they are not,
//! parts differ in size, and nothing else.

use std::ops::Bound;

use store::{Key, KeyRange};

/// `range` as consecutive parts, in key order; `first` and `last` are, about, its outermost keys.
pub(super) fn split(range: KeyRange, first: &[u8], last: &[u8], parts: usize) -> Vec<KeyRange> {
    let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let (low, high) = (leading(first, shared), leading(last, shared));
    let span = u128::from(high.saturating_sub(low));
    let mut split = Vec::new();
    let mut rest = range;
    let mut before = low;
    for number in 1..parts {
        let offset = span * number as u128 / parts.max(1) as u128;
        let at = low + u64::try_from(offset).unwrap_or(u64::MAX);
        if at == before {
            continue;
        }
        before = at;
        let mut key = first.get(..shared).unwrap_or_default().to_vec();
        key.extend(at.to_be_bytes());
        let key = Key::from(key);
        split.push(KeyRange { start: rest.start, end: Bound::Excluded(key.clone()) });
        rest = KeyRange { start: Bound::Included(key), end: rest.end };
    }
    split.push(rest);
    split
}

/// The eight bytes from `at` on, as a number.
fn leading(key: &[u8], at: usize) -> u64 {
    let bytes = key.iter().skip(at).copied().chain(std::iter::repeat(0)).take(8);
    bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::ops::RangeBounds;

    use proptest::prelude::*;

    use super::*;

    fn holds(range: &KeyRange, key: &Key) -> bool {
        (range.start.clone(), range.end.clone()).contains(key)
    }

    proptest! {
        /// Each key of a range is in exactly one part, and parts follow each other.
        #[test]
        fn parts_are_the_whole(
            mut keys in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..12), 2..40),
            parts in 1usize..20,
        ) {
            keys.sort();
            let (first, last) = (keys[0].clone(), keys[keys.len() - 1].clone());
            let range = KeyRange {
                start: Bound::Included(first.clone().into()),
                end: Bound::Included(last.clone().into()),
            };
            let parts = split(range, &first, &last, parts);
            let place = |key: &Key| parts.iter().position(|part| holds(part, key));
            let mut before = 0;
            for key in keys {
                let key = Key::from(key);
                prop_assert_eq!(parts.iter().filter(|part| holds(part, &key)).count(), 1);
                let at = place(&key).unwrap();
                prop_assert!(before <= at);
                before = at;
            }
        }
    }

    #[test]
    fn even_keys_in_even_parts() {
        let key = |n: u32| [b"table".as_slice(), &n.to_be_bytes()].concat();
        let parts = split(KeyRange::all(), &key(0), &key(100_000), 10);
        assert_eq!(parts.len(), 10);
        let count = |part: &KeyRange| (0..100_000).filter(|n| holds(part, &key(*n).into())).count();
        for part in &parts {
            let count = count(part);
            assert!((9_000..11_000).contains(&count), "{count}");
        }
    }
}
