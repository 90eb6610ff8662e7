//! Text of dates and times in every `DateStyle`.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};

use super::calendar::{
    CivilTime, DATE_INFINITY, DATE_NEG_INFINITY, MICROS_PER_SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_NEG_INFINITY, date_to_civil, julian_from_civil, timestamp_to_civil,
};
use crate::settings::{DateFormat, DateOrder, DateStyle};
use crate::{FormatSettings, TimeTz};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Appends `value` in at least `width` digits.
fn put(value: i32, width: usize, out: &mut BytesMut) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs());
    out.put_bytes(b'0', width.saturating_sub(digits.len()));
    out.put_slice(digits.as_bytes());
}

fn put_all(parts: [(i32, usize); 3], separator: u8, out: &mut BytesMut) {
    for (i, (value, width)) in parts.into_iter().enumerate() {
        if i > 0 {
            out.put_u8(separator);
        }
        put(value, width, out);
    }
}

/// The year as it prints: BC years count from 1.
fn printed_year(year: i32) -> i32 {
    if year > 0 { year } else { 1 - year }
}

fn put_era(year: i32, out: &mut BytesMut) {
    if year <= 0 {
        out.put_slice(b" BC");
    }
}

/// Appends a `date`.
pub fn write_date(date: i32, style: DateStyle, out: &mut BytesMut) {
    match date {
        DATE_INFINITY => return out.put_slice(b"infinity"),
        DATE_NEG_INFINITY => return out.put_slice(b"-infinity"),
        _ => {}
    }
    let (year, month, day) = date_to_civil(date);
    let (y, m, d) = ((printed_year(year), 4), (month, 2), (day, 2));
    match (style.format, style.order) {
        (DateFormat::Iso, _) => put_all([y, m, d], b'-', out),
        (DateFormat::Sql, DateOrder::Dmy) => put_all([d, m, y], b'/', out),
        (DateFormat::Sql, _) => put_all([m, d, y], b'/', out),
        (DateFormat::German, _) => put_all([d, m, y], b'.', out),
        (DateFormat::Postgres, DateOrder::Dmy) => put_all([d, m, y], b'-', out),
        (DateFormat::Postgres, _) => put_all([m, d, y], b'-', out),
    }
    put_era(year, out);
}

/// Appends `hh:mm:ss[.ffffff]`.
fn put_time(civil: &CivilTime, out: &mut BytesMut) {
    put_all([(civil.hour, 2), (civil.minute, 2), (civil.second, 2)], b':', out);
    put_fraction(civil.micros, out);
}

/// Appends `.ffffff` without trailing zeros; nothing for zero.
pub(super) fn put_fraction(micros: i32, out: &mut BytesMut) {
    if micros == 0 {
        return;
    }
    let (mut value, mut width) = (micros.unsigned_abs(), 6);
    while value.is_multiple_of(10) {
        value /= 10;
        width -= 1;
    }
    out.put_u8(b'.');
    put(value.cast_signed(), width, out);
}

/// Appends a numeric offset from UTC, `east` in seconds.
fn put_offset(east: i32, out: &mut BytesMut) {
    out.put_u8(if east < 0 { b'-' } else { b'+' });
    let seconds = east.abs();
    put(seconds / 3600, 2, out);
    if seconds % 3600 != 0 {
        out.put_u8(b':');
        put(seconds / 60 % 60, 2, out);
    }
    if seconds % 60 != 0 {
        out.put_u8(b':');
        put(seconds % 60, 2, out);
    }
}

/// Appends a `time`.
pub fn write_time(micros: i64, out: &mut BytesMut) {
    put_time(&CivilTime::default().with_time(micros), out);
}

/// Appends a `timetz`.
pub fn write_timetz(value: TimeTz, out: &mut BytesMut) {
    write_time(value.micros, out);
    put_offset(-value.zone, out);
}

/// Appends a `timestamp`.
pub fn write_timestamp(timestamp: i64, style: DateStyle, out: &mut BytesMut) {
    match timestamp {
        TIMESTAMP_INFINITY => out.put_slice(b"infinity"),
        TIMESTAMP_NEG_INFINITY => out.put_slice(b"-infinity"),
        _ => put_timestamp(&timestamp_to_civil(timestamp), None, style, out),
    }
}

/// Appends a `timestamptz` in the session's time zone.
pub fn write_timestamptz(timestamp: i64, settings: &FormatSettings, out: &mut BytesMut) {
    match timestamp {
        TIMESTAMP_INFINITY => return out.put_slice(b"infinity"),
        TIMESTAMP_NEG_INFINITY => return out.put_slice(b"-infinity"),
        _ => {}
    }
    let style = settings.date_style;
    if style.format == DateFormat::Iso {
        let east = settings.time_zone.offset_at(timestamp);
        let local = timestamp.saturating_add(i64::from(east) * MICROS_PER_SECOND);
        put_timestamp(&timestamp_to_civil(local), Some((east, "")), style, out);
    } else {
        let info = settings.time_zone.info_at(timestamp);
        let local = timestamp.saturating_add(i64::from(info.east) * MICROS_PER_SECOND);
        let civil = timestamp_to_civil(local);
        put_timestamp(&civil, Some((info.east, &info.abbreviation)), style, out);
    }
}

fn put_timestamp(
    civil: &CivilTime,
    zone: Option<(i32, &str)>,
    style: DateStyle,
    out: &mut BytesMut,
) {
    let (y, m, d) = ((printed_year(civil.year), 4), (civil.month, 2), (civil.day, 2));
    match style.format {
        DateFormat::Iso => {
            put_all([y, m, d], b'-', out);
            out.put_u8(b' ');
            put_time(civil, out);
            if let Some((east, _)) = zone {
                put_offset(east, out);
            }
        }
        DateFormat::Sql | DateFormat::German => {
            match (style.format, style.order) {
                (DateFormat::German, _) => put_all([d, m, y], b'.', out),
                (_, DateOrder::Dmy) => put_all([d, m, y], b'/', out),
                _ => put_all([m, d, y], b'/', out),
            }
            out.put_u8(b' ');
            put_time(civil, out);
            put_abbreviation(zone, b"", out);
        }
        DateFormat::Postgres => {
            let julian = julian_from_civil(civil.year, civil.month, civil.day);
            let weekday = usize::try_from((julian + 1).rem_euclid(7)).unwrap_or(0);
            let index = usize::try_from(civil.month - 1).unwrap_or(0);
            let (weekday, month) =
                (DAYS.get(weekday).unwrap_or(&""), MONTHS.get(index).unwrap_or(&""));
            // Writing to a buffer cannot fail.
            let _ = match style.order {
                DateOrder::Dmy => write!(out, "{weekday} {:02} {month} ", civil.day),
                _ => write!(out, "{weekday} {month} {:02} ", civil.day),
            };
            put_time(civil, out);
            out.put_u8(b' ');
            put(y.0, 4, out);
            // The blank keeps a numeric offset from being read as part of the year.
            put_abbreviation(zone, b" ", out);
        }
    }
    put_era(civil.year, out);
}

/// Appends ` EST`, or the offset where the zone has no alphabetic abbreviation.
fn put_abbreviation(zone: Option<(i32, &str)>, before_offset: &[u8], out: &mut BytesMut) {
    let Some((east, abbreviation)) = zone else { return };
    if abbreviation.is_empty() {
        out.put_slice(before_offset);
        put_offset(east, out);
    } else {
        out.put_u8(b' ');
        out.put_slice(abbreviation.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeZone;

    fn show(timestamp: i64, style: &str, zone: Option<&str>) -> String {
        let settings = FormatSettings {
            date_style: DateStyle::parse(style, DateStyle::default()).unwrap(),
            time_zone: TimeZone::parse(zone.unwrap_or("UTC")).unwrap(),
            ..FormatSettings::default()
        };
        let mut out = BytesMut::new();
        match zone {
            Some(_) => write_timestamptz(timestamp, &settings, &mut out),
            None => write_timestamp(timestamp, settings.date_style, &mut out),
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn styles() {
        let ts = -64_369_364_000_000 + 120_000; // 1997-12-16 23:37:16.12 UTC
        assert_eq!(show(ts, "ISO", None), "1997-12-16 23:37:16.12");
        assert_eq!(show(ts, "ISO", Some("America/New_York")), "1997-12-16 18:37:16.12-05");
        assert_eq!(show(ts, "ISO", Some("5.5")), "1997-12-17 05:07:16.12+05:30");
        assert_eq!(show(ts, "SQL, DMY", Some("America/New_York")), "16/12/1997 18:37:16.12 EST");
        assert_eq!(
            show(ts, "Postgres", Some("America/New_York")),
            "Tue Dec 16 18:37:16.12 1997 EST"
        );
        assert_eq!(show(ts, "Postgres, DMY", None), "Tue 16 Dec 23:37:16.12 1997");
        assert_eq!(show(ts, "German", Some("UTC")), "16.12.1997 23:37:16.12 UTC");
        assert_eq!(show(ts, "Postgres", Some("-3")), "Tue Dec 16 20:37:16.12 1997 -03");
        assert_eq!(show(-70_000_000_000_000_000, "ISO", None), "0220-10-14 19:33:20 BC");
        assert_eq!(show(i64::MAX, "ISO", None), "infinity");
    }
}
