//! Random values of every type.

use std::sync::Arc;

use proptest::prelude::*;
use types::datetime::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, MICROS_PER_DAY, TIMESTAMP_INFINITY, TIMESTAMP_MAX,
    TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
};
use types::{Array, ArrayDim, Datum, Interval, Json, JsonObject, Numeric, Oid, TimeTz, oid};

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-c ]{0,4}",
        "[ -~]{0,12}",
        any::<String>().prop_map(|s| s.replace('\0', "")),
        Just("NULL".to_owned()),
    ]
    .boxed()
}

pub(crate) fn numeric() -> BoxedStrategy<Numeric> {
    let text = (any::<bool>(), "[0-9]{1,40}", 0..40_usize).prop_map(|(negative, digits, scale)| {
        let zeros = "0".repeat((scale + 1).saturating_sub(digits.len()));
        let digits = format!("{zeros}{digits}");
        let (integral, fraction) = digits.split_at(digits.len() - scale);
        let sign = if negative { "-" } else { "" };
        types::numeric::parse(&format!("{sign}{integral}.{fraction}")).unwrap()
    });
    prop_oneof![
        4 => (-1000_i64..1000, 0_u16..4).prop_map(|(unscaled, scale)| Numeric::Small { unscaled, scale }),
        2 => (any::<i64>(), 0_u16..25).prop_map(|(unscaled, scale)| Numeric::Small { unscaled, scale }),
        3 => text,
        1 => prop_oneof![
            Just(Numeric::NaN),
            Just(Numeric::PosInfinity),
            Just(Numeric::NegInfinity)
        ],
    ]
    .boxed()
}

fn timestamp() -> BoxedStrategy<i64> {
    prop_oneof![
        4 => -2_000_000_000_000_000_i64..2_000_000_000_000_000,
        2 => TIMESTAMP_MIN..=TIMESTAMP_MAX,
        1 => Just(TIMESTAMP_INFINITY),
        1 => Just(TIMESTAMP_NEG_INFINITY),
    ]
    .boxed()
}

pub(crate) fn json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        numeric().prop_filter("JSON numbers are finite", Numeric::is_finite).prop_map(Json::Number),
        text().prop_map(|text| Json::String(text.into())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((text().prop_map(Arc::from), inner), 0..4)
                .prop_map(|members| Json::Object(JsonObject::from_members(members))),
        ]
    })
    .boxed()
}

/// Types whose values keys can hold.
pub(crate) const KEY_TYPES: &[Oid] = &[
    oid::BOOL,
    oid::INT2,
    oid::INT4,
    oid::INT8,
    oid::OID,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::NUMERIC,
    oid::DATE,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::UUID,
    oid::TEXT,
    oid::BPCHAR,
    oid::BYTEA,
];

/// All types that text and binary codecs serve.
pub(crate) const TYPES: &[Oid] = &[
    oid::BOOL,
    oid::INT2,
    oid::INT4,
    oid::INT8,
    oid::OID,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::NUMERIC,
    oid::DATE,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::UUID,
    oid::TEXT,
    oid::BPCHAR,
    oid::BYTEA,
    oid::TIMETZ,
    oid::INTERVAL,
    oid::JSONB,
    oid::INT4_ARRAY,
    oid::TEXT_ARRAY,
    oid::TIMESTAMPTZ_ARRAY,
    oid::NUMERIC_ARRAY,
    oid::BYTEA_ARRAY,
];

/// A non-null value of a type.
pub(crate) fn value(type_oid: Oid) -> BoxedStrategy<Datum> {
    match type_oid {
        oid::BOOL => any::<bool>().prop_map(Datum::Bool).boxed(),
        oid::INT2 => any::<i16>().prop_map(Datum::Int2).boxed(),
        oid::INT4 => prop_oneof![any::<i32>(), -5..5_i32].prop_map(Datum::Int4).boxed(),
        oid::INT8 => prop_oneof![any::<i64>(), -5..5_i64].prop_map(Datum::Int8).boxed(),
        oid::OID => any::<u32>().prop_map(Datum::Oid).boxed(),
        oid::FLOAT4 => prop_oneof![
            any::<u32>().prop_map(f32::from_bits),
            prop::num::f32::ANY,
            Just(0.0),
            Just(-0.0)
        ]
        .prop_map(Datum::Float4)
        .boxed(),
        oid::FLOAT8 => prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            prop::num::f64::ANY,
            (-1_000_000_000_i64..1_000_000_000).prop_map(|n| n as f64 / 64.0),
            Just(0.0),
            Just(-0.0)
        ]
        .prop_map(Datum::Float8)
        .boxed(),
        oid::NUMERIC => numeric().prop_map(Datum::Numeric).boxed(),
        oid::DATE => prop_oneof![
            4 => -100_000..100_000_i32,
            1 => DATE_MIN..=DATE_MAX,
            1 => Just(DATE_INFINITY),
            1 => Just(i32::MIN)
        ]
        .prop_map(Datum::Date)
        .boxed(),
        oid::TIME => (0..=MICROS_PER_DAY).prop_map(Datum::Time).boxed(),
        oid::TIMETZ => (0..=MICROS_PER_DAY, -57_599..57_600_i32)
            .prop_map(|(micros, zone)| Datum::TimeTz(TimeTz { micros, zone }))
            .boxed(),
        oid::TIMESTAMP => timestamp().prop_map(Datum::Timestamp).boxed(),
        oid::TIMESTAMPTZ => timestamp().prop_map(Datum::Timestamptz).boxed(),
        oid::INTERVAL => prop_oneof![
            (any::<i64>(), any::<i32>(), any::<i32>()),
            (-100_000_000_000..100_000_000_000_i64, -50..50_i32, -50..50_i32)
        ]
        .prop_filter("the least value cannot be written", |(micros, days, months)| {
            *micros != i64::MIN && *days != i32::MIN && *months != i32::MIN
        })
        .prop_map(|(micros, days, months)| Datum::Interval(Interval { micros, days, months }))
        .boxed(),
        oid::UUID => any::<[u8; 16]>().prop_map(Datum::Uuid).boxed(),
        oid::BYTEA => prop_oneof![prop::collection::vec(
            prop_oneof![Just(0_u8), Just(0xff), any::<u8>()],
            0..8
        ),]
        .prop_map(Datum::bytea)
        .boxed(),
        oid::JSONB => json().prop_map(|json| Datum::Jsonb(json.into())).boxed(),
        _ => match oid::element_of(type_oid) {
            Some(element) => array(element),
            None => text().prop_map(Datum::text).boxed(),
        },
    }
}

fn array(element: Oid) -> BoxedStrategy<Datum> {
    let item = prop_oneof![1 => Just(Datum::Null), 5 => value(element)];
    (prop::collection::vec((1..4_usize, -3..4_i32), 0..3))
        .prop_flat_map(move |dims| {
            let count = if dims.is_empty() { 0 } else { dims.iter().map(|(len, _)| len).product() };
            (Just(dims), prop::collection::vec(item.clone(), count))
        })
        .prop_map(move |(dims, elements)| {
            let dims = dims.into_iter().map(|(len, lower)| ArrayDim { len, lower }).collect();
            Datum::Array(Array::new(element, dims, elements).into())
        })
        .boxed()
}

/// A type and two of its values.
pub(crate) fn pair(types: &'static [Oid]) -> BoxedStrategy<(Oid, Datum, Datum)> {
    prop::sample::select(types)
        .prop_flat_map(|type_oid| (Just(type_oid), value(type_oid), value(type_oid)))
        .boxed()
}

/// A type and one of its values.
pub(crate) fn typed(types: &'static [Oid]) -> BoxedStrategy<(Oid, Datum)> {
    prop::sample::select(types).prop_flat_map(|type_oid| (Just(type_oid), value(type_oid))).boxed()
}
