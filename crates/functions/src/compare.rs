//! Comparison operators and functions of every type.
//!
//! Each family of six operators and its three-way function is one line of a table here.

use std::cmp::Ordering;

use types::kind::type_name;
use types::strings::trim_blanks;
use types::{Datum, Interval, Numeric, Result, SqlError, SqlState, TimeTz, TimeZone, compare};

use crate::CallCx;
use crate::convert::{Char, Date, OidValue, Time, Timestamp, Timestamptz, Uuid, mismatch, scalars};

/// `= <> < <= > >=` and the three-way comparison, from an expression that gives an [`Ordering`].
macro_rules! comparisons {
    (
        $table:ident: [$cx:ident]
        $($cmp:literal $eq:literal $ne:literal $lt:literal $le:literal $gt:literal $ge:literal
        |$a:ident: $at:ty, $b:ident: $bt:ty| $order:expr;)*
    ) => {
        scalars! { pub(crate) const $table = $(
            $eq[$cx]($a: $at, $b: $bt) => $order.is_eq();
            $ne[$cx]($a: $at, $b: $bt) => $order.is_ne();
            $lt[$cx]($a: $at, $b: $bt) => $order.is_lt();
            $le[$cx]($a: $at, $b: $bt) => $order.is_le();
            $gt[$cx]($a: $at, $b: $bt) => $order.is_gt();
            $ge[$cx]($a: $at, $b: $bt) => $order.is_ge();
            $cmp[$cx]($a: $at, $b: $bt) => $order as i32;
        )* }
    };
}

comparisons! { NUMBERS: [_cx]
    "btint2cmp" "int2eq" "int2ne" "int2lt" "int2le" "int2gt" "int2ge" |a: i16, b: i16| a.cmp(&b);
    "btint4cmp" "int4eq" "int4ne" "int4lt" "int4le" "int4gt" "int4ge" |a: i32, b: i32| a.cmp(&b);
    "btint8cmp" "int8eq" "int8ne" "int8lt" "int8le" "int8gt" "int8ge" |a: i64, b: i64| a.cmp(&b);
    "btint24cmp" "int24eq" "int24ne" "int24lt" "int24le" "int24gt" "int24ge" |a: i16, b: i32| i32::from(a).cmp(&b);
    "btint42cmp" "int42eq" "int42ne" "int42lt" "int42le" "int42gt" "int42ge" |a: i32, b: i16| a.cmp(&i32::from(b));
    "btint28cmp" "int28eq" "int28ne" "int28lt" "int28le" "int28gt" "int28ge" |a: i16, b: i64| i64::from(a).cmp(&b);
    "btint82cmp" "int82eq" "int82ne" "int82lt" "int82le" "int82gt" "int82ge" |a: i64, b: i16| a.cmp(&i64::from(b));
    "btint48cmp" "int48eq" "int48ne" "int48lt" "int48le" "int48gt" "int48ge" |a: i32, b: i64| i64::from(a).cmp(&b);
    "btint84cmp" "int84eq" "int84ne" "int84lt" "int84le" "int84gt" "int84ge" |a: i64, b: i32| a.cmp(&i64::from(b));
    "btfloat4cmp" "float4eq" "float4ne" "float4lt" "float4le" "float4gt" "float4ge" |a: f32, b: f32| compare::compare_floats(a.into(), b.into());
    "btfloat8cmp" "float8eq" "float8ne" "float8lt" "float8le" "float8gt" "float8ge" |a: f64, b: f64| compare::compare_floats(a, b);
    "btfloat48cmp" "float48eq" "float48ne" "float48lt" "float48le" "float48gt" "float48ge" |a: f32, b: f64| compare::compare_floats(a.into(), b);
    "btfloat84cmp" "float84eq" "float84ne" "float84lt" "float84le" "float84gt" "float84ge" |a: f64, b: f32| compare::compare_floats(a, b.into());
    "numeric_cmp" "numeric_eq" "numeric_ne" "numeric_lt" "numeric_le" "numeric_gt" "numeric_ge" |a: &Numeric, b: &Numeric| a.cmp(b);
    "btoidcmp" "oideq" "oidne" "oidlt" "oidle" "oidgt" "oidge" |a: OidValue, b: OidValue| a.cmp(&b);
    "btboolcmp" "booleq" "boolne" "boollt" "boolle" "boolgt" "boolge" |a: bool, b: bool| a.cmp(&b);
}

comparisons! { STRINGS: [_cx]
    "bttextcmp" "texteq" "textne" "text_lt" "text_le" "text_gt" "text_ge" |a: &str, b: &str| a.cmp(b);
    "btnamecmp" "nameeq" "namene" "namelt" "namele" "namegt" "namege" |a: &str, b: &str| a.cmp(b);
    "btnametextcmp" "nameeqtext" "namenetext" "namelttext" "nameletext" "namegttext" "namegetext" |a: &str, b: &str| a.cmp(b);
    "bttextnamecmp" "texteqname" "textnename" "textltname" "textlename" "textgtname" "textgename" |a: &str, b: &str| a.cmp(b);
    "bpcharcmp" "bpchareq" "bpcharne" "bpcharlt" "bpcharle" "bpchargt" "bpcharge" |a: &str, b: &str| trim_blanks(a).cmp(trim_blanks(b));
    "btcharcmp" "chareq" "charne" "charlt" "charle" "chargt" "charge" |a: Char, b: Char| a.0.cmp(&b.0);
    "byteacmp" "byteaeq" "byteane" "bytealt" "byteale" "byteagt" "byteage" |a: &[u8], b: &[u8]| a.cmp(b);
    "uuid_cmp" "uuid_eq" "uuid_ne" "uuid_lt" "uuid_le" "uuid_gt" "uuid_ge" |a: Uuid, b: Uuid| a.cmp(&b);
}

scalars! { pub(crate) const PATTERN =
    "text_pattern_lt"(a: &str, b: &str) => a < b;
    "text_pattern_le"(a: &str, b: &str) => a <= b;
    "text_pattern_gt"(a: &str, b: &str) => a > b;
    "text_pattern_ge"(a: &str, b: &str) => a >= b;
    "bttext_pattern_cmp"(a: &str, b: &str) => a.cmp(b) as i32;
    "bpchar_pattern_lt"(a: &str, b: &str) => trim_blanks(a) < trim_blanks(b);
    "bpchar_pattern_le"(a: &str, b: &str) => trim_blanks(a) <= trim_blanks(b);
    "bpchar_pattern_gt"(a: &str, b: &str) => trim_blanks(a) > trim_blanks(b);
    "bpchar_pattern_ge"(a: &str, b: &str) => trim_blanks(a) >= trim_blanks(b);
    "btbpchar_pattern_cmp"(a: &str, b: &str) => trim_blanks(a).cmp(trim_blanks(b)) as i32;
    "xideq" | "cideq"(a: &Datum, b: &Datum) => transaction_id(a)? == transaction_id(b)?;
    "xidneq"(a: &Datum, b: &Datum) => transaction_id(a)? != transaction_id(b)?;
}

comparisons! { DATETIMES: [cx]
    "date_cmp" "date_eq" "date_ne" "date_lt" "date_le" "date_gt" "date_ge" |a: Date, b: Date| a.cmp(&b);
    "time_cmp" "time_eq" "time_ne" "time_lt" "time_le" "time_gt" "time_ge" |a: Time, b: Time| a.cmp(&b);
    "timetz_cmp" "timetz_eq" "timetz_ne" "timetz_lt" "timetz_le" "timetz_gt" "timetz_ge" |a: TimeTz, b: TimeTz| compare_timetz(a, b);
    "interval_cmp" "interval_eq" "interval_ne" "interval_lt" "interval_le" "interval_gt" "interval_ge" |a: Interval, b: Interval| compare_interval(a, b);
    "date_cmp_timestamp" "date_eq_timestamp" "date_ne_timestamp" "date_lt_timestamp" "date_le_timestamp" "date_gt_timestamp" "date_ge_timestamp"
        |a: Date, b: Timestamp| instant_of_date(a).cmp(&instant(b.0));
    "timestamp_cmp_date" "timestamp_eq_date" "timestamp_ne_date" "timestamp_lt_date" "timestamp_le_date" "timestamp_gt_date" "timestamp_ge_date"
        |a: Timestamp, b: Date| instant(a.0).cmp(&instant_of_date(b));
    "date_cmp_timestamptz" "date_eq_timestamptz" "date_ne_timestamptz" "date_lt_timestamptz" "date_le_timestamptz" "date_gt_timestamptz" "date_ge_timestamptz"
        |a: Date, b: Timestamptz| in_zone(cx, instant_of_date(a)).cmp(&instant(b.0));
    "timestamptz_cmp_date" "timestamptz_eq_date" "timestamptz_ne_date" "timestamptz_lt_date" "timestamptz_le_date" "timestamptz_gt_date" "timestamptz_ge_date"
        |a: Timestamptz, b: Date| instant(a.0).cmp(&in_zone(cx, instant_of_date(b)));
    "timestamp_cmp_timestamptz" "timestamp_eq_timestamptz" "timestamp_ne_timestamptz" "timestamp_lt_timestamptz" "timestamp_le_timestamptz" "timestamp_gt_timestamptz" "timestamp_ge_timestamptz"
        |a: Timestamp, b: Timestamptz| in_zone(cx, instant(a.0)).cmp(&instant(b.0));
    "timestamptz_cmp_timestamp" "timestamptz_eq_timestamp" "timestamptz_ne_timestamp" "timestamptz_lt_timestamp" "timestamptz_le_timestamp" "timestamptz_gt_timestamp" "timestamptz_ge_timestamp"
        |a: Timestamptz, b: Timestamp| instant(a.0).cmp(&in_zone(cx, instant(b.0)));
    // These serve both timestamp types.
    "timestamp_cmp" "timestamp_eq" "timestamp_ne" "timestamp_lt" "timestamp_le" "timestamp_gt" "timestamp_ge"
        |a: &Datum, b: &Datum| compare::compare(a, b);
}

comparisons! { CONTAINERS: [_cx]
    "btarraycmp" "array_eq" "array_ne" "array_lt" "array_le" "array_gt" "array_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "btoidvectorcmp" "oidvectoreq" "oidvectorne" "oidvectorlt" "oidvectorle" "oidvectorgt" "oidvectorge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "btrecordcmp" "record_eq" "record_ne" "record_lt" "record_le" "record_gt" "record_ge" |a: &Datum, b: &Datum| compare_records(a, b)?;
    "jsonb_cmp" "jsonb_eq" "jsonb_ne" "jsonb_lt" "jsonb_le" "jsonb_gt" "jsonb_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
}

comparisons! { RARE: [_cx]
    "network_cmp" "network_eq" "network_ne" "network_lt" "network_le" "network_gt" "network_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "macaddr_cmp" "macaddr_eq" "macaddr_ne" "macaddr_lt" "macaddr_le" "macaddr_gt" "macaddr_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "macaddr8_cmp" "macaddr8_eq" "macaddr8_ne" "macaddr8_lt" "macaddr8_le" "macaddr8_gt" "macaddr8_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "bitcmp" "biteq" "bitne" "bitlt" "bitle" "bitgt" "bitge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "range_cmp" "range_eq" "range_ne" "range_lt" "range_le" "range_gt" "range_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "multirange_cmp" "multirange_eq" "multirange_ne" "multirange_lt" "multirange_le" "multirange_gt" "multirange_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "tsvector_cmp" "tsvector_eq" "tsvector_ne" "tsvector_lt" "tsvector_le" "tsvector_gt" "tsvector_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "tsquery_cmp" "tsquery_eq" "tsquery_ne" "tsquery_lt" "tsquery_le" "tsquery_gt" "tsquery_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "pg_lsn_cmp" "pg_lsn_eq" "pg_lsn_ne" "pg_lsn_lt" "pg_lsn_le" "pg_lsn_gt" "pg_lsn_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "xid8cmp" "xid8eq" "xid8ne" "xid8lt" "xid8le" "xid8gt" "xid8ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "cash_cmp" "cash_eq" "cash_ne" "cash_lt" "cash_le" "cash_gt" "cash_ge" |a: &Datum, b: &Datum| compare::compare(a, b);
    "bttidcmp" "tideq" "tidne" "tidlt" "tidle" "tidgt" "tidge" |a: &str, b: &str| row_address(a).cmp(&row_address(b));
    "btrecordimagecmp" "record_image_eq" "record_image_ne" "record_image_lt" "record_image_le" "record_image_gt" "record_image_ge" |a: &Datum, b: &Datum| compare_images(a, b);
}

/// The order of two rows: that of the first fields that differ.
///
/// # Errors
/// `42804` for fields of two types before these, and for rows of two lengths that are alike so far.
///
/// Source: PostgreSQL 16 `record_cmp`, `src/backend/utils/adt/rowtypes.c`.
fn compare_records(a: &Datum, b: &Datum) -> Result<Ordering> {
    let (Datum::Record(left), Datum::Record(right)) = (a, b) else {
        return Ok(compare::compare(a, b));
    };
    let fail = |message: String| Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
    let pairs = left.fields.iter().zip(&right.fields);
    for (column, ((_, ty, a), (_, other, b))) in (1..).zip(pairs) {
        if ty != other {
            let (ty, other) = (type_name(*ty), type_name(*other));
            return fail(format!(
                "cannot compare dissimilar column types {ty} and {other} at record column {column}"
            ));
        }
        let order = compare::compare_typed(a, b, *ty);
        if order.is_ne() {
            return Ok(order);
        }
    }
    if left.fields.len() != right.fields.len() {
        return fail("cannot compare record types with different numbers of columns".into());
    }
    Ok(Ordering::Equal)
}

/// Block and offset of a `tid`.
fn row_address(tid: &str) -> (u32, u16) {
    let inner = tid.trim_matches(['(', ')']);
    let (block, offset) = inner.split_once(',').unwrap_or_default();
    (block.parse().unwrap_or(0), offset.parse().unwrap_or(0))
}

/// The order of two records by their bytes, where PostgreSQL's depends on how it lays values out.
fn compare_images(a: &Datum, b: &Datum) -> Ordering {
    let image = |datum: &Datum| {
        let mut out = bytes::BytesMut::new();
        types::binary::send(datum, types::oid::RECORD, &mut out);
        out
    };
    compare::compare(a, b).then_with(|| image(a).cmp(&image(b)))
}

/// The greater or smaller of two values, as `max` and `min` and `GREATEST` use them.
macro_rules! larger_smaller {
    ($($larger:literal $smaller:literal;)*) => {
        scalars! { pub(crate) const LARGER_SMALLER = $(
            $larger(a: &Datum, b: &Datum) => if compare::compare(a, b).is_gt() { a.clone() } else { b.clone() };
            $smaller(a: &Datum, b: &Datum) => if compare::compare(a, b).is_lt() { a.clone() } else { b.clone() };
        )* }
    };
}

larger_smaller! {
    "text_larger" "text_smaller";
    "numeric_larger" "numeric_smaller";
    "date_larger" "date_smaller";
    "time_larger" "time_smaller";
    "timetz_larger" "timetz_smaller";
    "timestamp_larger" "timestamp_smaller";
    "interval_larger" "interval_smaller";
    "array_larger" "array_smaller";
    "network_larger" "network_smaller";
    "pg_lsn_larger" "pg_lsn_smaller";
    "xid8_larger" "xid8_smaller";
    "cashlarger" "cashsmaller";
}

scalars! { pub(crate) const BPCHAR_LARGER_SMALLER =
    "tidlarger"(a: &str, b: &str) => if row_address(a) >= row_address(b) { a } else { b };
    "tidsmaller"(a: &str, b: &str) => if row_address(a) <= row_address(b) { a } else { b };
    "bpchar_larger"(a: &str, b: &str) => if trim_blanks(a) >= trim_blanks(b) { a } else { b };
    "bpchar_smaller"(a: &str, b: &str) => if trim_blanks(a) <= trim_blanks(b) { a } else { b };
}

/// An `xid`, also given as an `integer`.
fn transaction_id(datum: &Datum) -> Result<u32> {
    match datum {
        Datum::Oid(id) => Ok(*id),
        Datum::Int4(id) => Ok(id.cast_unsigned()),
        other => Err(mismatch("xid", other)),
    }
}

fn compare_timetz(a: TimeTz, b: TimeTz) -> Ordering {
    compare::compare(&Datum::TimeTz(a), &Datum::TimeTz(b))
}

fn compare_interval(a: Interval, b: Interval) -> Ordering {
    compare::compare(&Datum::Interval(a), &Datum::Interval(b))
}

/// A timestamp as a number in which the infinities lie beyond every date.
pub(crate) fn instant(micros: i64) -> i128 {
    match micros {
        i64::MIN => i128::MIN,
        i64::MAX => i128::MAX,
        micros => micros.into(),
    }
}

/// Midnight of a date, also of those no timestamp reaches.
pub(crate) fn instant_of_date(date: Date) -> i128 {
    match date.0 {
        i32::MIN => i128::MIN,
        i32::MAX => i128::MAX,
        days => i128::from(days) * 86_400_000_000,
    }
}

/// The instant at which the session's clocks show `local`.
pub(crate) fn in_zone(cx: &CallCx<'_>, local: i128) -> i128 {
    let zone: &TimeZone = &cx.settings.time_zone;
    match i64::try_from(local) {
        Ok(micros) => local - i128::from(zone.offset_at_local(micros)) * 1_000_000,
        Err(_) => local,
    }
}
