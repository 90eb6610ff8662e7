//! Keys sort as values do.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use proptest::prelude::*;
use types::{Datum, KeyOrder, Oid, compare, key};

use crate::strategy::{KEY_TYPES, TYPES, pair, typed};

fn encoded(datum: &Datum, type_oid: Oid, order: KeyOrder) -> Vec<u8> {
    let mut out = Vec::new();
    key::encode(datum, type_oid, order, &mut out).unwrap();
    out
}

fn hash(datum: &Datum, type_oid: Oid) -> u64 {
    let mut hasher = DefaultHasher::new();
    compare::hash_into_typed(datum, type_oid, &mut hasher);
    hasher.finish()
}

fn key_order() -> impl Strategy<Value = KeyOrder> {
    (any::<bool>(), any::<bool>()).prop_map(|(desc, nulls_first)| KeyOrder { desc, nulls_first })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn key_order_is_value_order((type_oid, a, b) in pair(KEY_TYPES), order in key_order()) {
        let expected = compare::compare_typed(&a, &b, type_oid);
        let expected = if order.desc { expected.reverse() } else { expected };
        let (x, y) = (encoded(&a, type_oid, order), encoded(&b, type_oid, order));
        prop_assert_eq!(x.cmp(&y), expected, "{:02x?} {:02x?}", x, y);
        // What follows in a composite key never changes the order of what differs.
        if expected.is_ne() {
            let (mut x, mut y) = (x, y);
            x.push(0xff);
            y.push(0x00);
            prop_assert_eq!(x.cmp(&y), expected);
        }
    }

    #[test]
    fn key_of_null((type_oid, a) in typed(KEY_TYPES), order in key_order()) {
        let null = encoded(&Datum::Null, type_oid, order);
        let expected = if order.nulls_first { Ordering::Less } else { Ordering::Greater };
        prop_assert_eq!(null.cmp(&encoded(&a, type_oid, order)), expected);
    }

    #[test]
    fn key_skip((type_oid, a) in typed(KEY_TYPES), order in key_order(), tail in any::<[u8; 3]>()) {
        let mut bytes = encoded(&a, type_oid, order);
        bytes.extend(tail);
        let mut rest = bytes.as_slice();
        key::skip(&mut rest).unwrap();
        prop_assert_eq!(rest, &tail);
    }

    #[test]
    fn order_is_total((type_oid, a, b) in pair(TYPES)) {
        let order = compare::compare_typed(&a, &b, type_oid);
        prop_assert_eq!(compare::compare_typed(&b, &a, type_oid), order.reverse());
        prop_assert_eq!(compare::compare_typed(&a, &a, type_oid), Ordering::Equal);
        prop_assert_eq!(compare::equal_typed(&a, &b, type_oid), order.is_eq());
        if order.is_eq() {
            prop_assert_eq!(hash(&a, type_oid), hash(&b, type_oid));
        }
    }
}
