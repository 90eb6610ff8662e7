//! What is written reads back.

use bytes::BytesMut;
use proptest::prelude::*;
use types::settings::ByteaOutput;
use types::{
    DateStyle, Datum, FormatSettings, IntervalStyle, Numeric, RowReader, TimeZone, binary, compare,
    encode_row, numeric, text,
};

use crate::strategy::{TYPES, json, numeric, typed};

fn settings() -> impl Strategy<Value = FormatSettings> {
    let dates = prop::sample::select(
        &["ISO, MDY", "ISO, DMY", "SQL, DMY", "Postgres, MDY", "German, DMY"][..],
    );
    let intervals =
        prop::sample::select(&["postgres", "postgres_verbose", "sql_standard", "iso_8601"][..]);
    // A zone whose abbreviations PostgreSQL's input knows, and some without any.
    let zones = prop::sample::select(&["UTC", "America/New_York", "5.5", "-3"][..]);
    (dates, intervals, zones, any::<bool>()).prop_map(|(dates, intervals, zone, hex)| {
        FormatSettings {
            date_style: DateStyle::parse(dates, DateStyle::default()).unwrap(),
            interval_style: IntervalStyle::parse(intervals).unwrap(),
            time_zone: TimeZone::parse(zone).unwrap(),
            bytea_output: if hex { ByteaOutput::Hex } else { ByteaOutput::Escape },
            ..FormatSettings::default()
        }
    })
}

/// Whether the text of a value says all: an hour that happens twice and the offsets before there
/// were time zones do not, outside the ISO style.
fn is_exact(datum: &Datum, settings: &FormatSettings) -> bool {
    let modern = -1_000_000_000_000_000..9_000_000_000_000_000;
    let clear = |micros: &i64| {
        let infinite = *micros == i64::MAX || *micros == i64::MIN;
        let offset = settings.time_zone.offset_at(*micros);
        infinite
            || settings.time_zone.is_utc()
            || modern.contains(micros)
                && settings.time_zone.offset_at_local(micros + i64::from(offset) * 1_000_000)
                    == offset
    };
    match datum {
        Datum::Timestamptz(micros) => clear(micros),
        Datum::Array(array) => array.elements.iter().all(|element| is_exact(element, settings)),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn text_round_trip((type_oid, datum) in typed(TYPES), settings in settings()) {
        prop_assume!(is_exact(&datum, &settings));
        let shown = text::to_string(&datum, type_oid, &settings);
        let back = text::input(type_oid, -1, &shown, &settings).map_err(|e| {
            TestCaseError::fail(format!("{shown}: {e:?}"))
        })?;
        prop_assert!(compare::equal(&back, &datum), "{shown}: {back:?}");
        prop_assert_eq!(text::to_string(&back, type_oid, &settings), shown);
    }

    #[test]
    fn binary_round_trip((type_oid, datum) in typed(TYPES)) {
        let mut sent = BytesMut::new();
        binary::send(&datum, type_oid, &mut sent);
        let back = binary::receive(type_oid, -1, &sent).unwrap();
        prop_assert!(compare::equal(&back, &datum), "{back:?}");
        let mut again = BytesMut::new();
        binary::send(&back, type_oid, &mut again);
        prop_assert_eq!(again, sent);
    }

    #[test]
    fn row_round_trip(columns in prop::collection::vec((typed(TYPES), any::<bool>()), 0..12)) {
        let values: Vec<Datum> = columns
            .iter()
            .map(|((_, datum), null)| if *null { Datum::Null } else { datum.clone() })
            .collect();
        let mut bytes = Vec::new();
        encode_row(&values, &mut bytes);
        let row = RowReader::new(&bytes).unwrap();
        prop_assert_eq!(row.len(), values.len());
        for (i, value) in values.iter().enumerate().rev() {
            let type_oid = columns[i].0.0;
            let back = row.get(i, type_oid).unwrap();
            prop_assert!(compare::equal(&back, value), "{back:?} {value:?}");
        }
        prop_assert!(row.get(values.len(), types::oid::INT4).unwrap().is_null());
    }

    #[test]
    fn json_round_trip(value in json()) {
        let shown = value.to_string();
        prop_assert_eq!(types::json::parse(&shown).unwrap(), value);
        types::json::validate(&shown).unwrap();
    }

    #[test]
    fn numeric_laws(a in numeric(), b in numeric(), c in numeric()) {
        let sum = |x: &Numeric, y: &Numeric| x.add(y).unwrap();
        prop_assert_eq!(sum(&a, &b), sum(&b, &a));
        prop_assert_eq!(a.mul(&b).unwrap(), b.mul(&a).unwrap());
        if a.is_finite() && b.is_finite() && c.is_finite() {
            prop_assert_eq!(sum(&sum(&a, &b), &c), sum(&a, &sum(&b, &c)));
            prop_assert_eq!(
                a.mul(&sum(&b, &c)).unwrap(),
                sum(&a.mul(&b).unwrap(), &a.mul(&c).unwrap())
            );
            prop_assert_eq!(sum(&a, &b).sub(&b).unwrap(), a.clone());
            if !b.is_zero() {
                let quotient = a.div_trunc(&b).unwrap();
                prop_assert_eq!(sum(&quotient.mul(&b).unwrap(), &a.rem(&b).unwrap()), a.clone());
            }
            prop_assert_eq!(numeric::parse(&a.to_string()).unwrap().scale(), a.scale());
        }
    }
}
