//! What a path yields: JSON values, and dates and times until they become text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use types::datetime::{MICROS_PER_SECOND, write_date, write_time};
use types::jsonpath::Comparison;
use types::{DateStyle, Json, Result, SqlError, TimeTz, compare};

use crate::CallCx;
use crate::compare::{in_zone, instant, instant_of_date};
use crate::convert::Date;

/// An item of a sequence.
#[derive(Clone, Debug)]
pub(super) enum Item<'a> {
    Json(Cow<'a, Json>),
    DateTime(DateTime),
}

/// What `.datetime()` made.
#[derive(Clone, Copy, Debug)]
pub(super) enum DateTime {
    Date(i32),
    Time(i64),
    TimeTz(TimeTz),
    Timestamp(i64),
    /// With the seconds east that it prints.
    Timestamptz(i64, i32),
}

impl DateTime {
    pub(super) const fn type_name(self) -> &'static str {
        match self {
            DateTime::Date(_) => "date",
            DateTime::Time(_) => "time without time zone",
            DateTime::TimeTz(_) => "time with time zone",
            DateTime::Timestamp(_) => "timestamp without time zone",
            DateTime::Timestamptz(..) => "timestamp with time zone",
        }
    }

    /// ISO 8601, with a `T` and full offsets.
    fn text(self) -> String {
        let mut out = bytes::BytesMut::new();
        let day = 24 * 3600 * MICROS_PER_SECOND;
        let local = |micros: i64, out: &mut bytes::BytesMut| {
            let days = i32::try_from(micros.div_euclid(day)).unwrap_or(i32::MAX);
            write_date(days, DateStyle::default(), out);
            out.extend_from_slice(b"T");
            write_time(micros.rem_euclid(day), out);
        };
        match self {
            DateTime::Date(days) => write_date(days, DateStyle::default(), &mut out),
            DateTime::Time(micros) => write_time(micros, &mut out),
            DateTime::TimeTz(value) => {
                write_time(value.micros, &mut out);
                write_offset(-value.zone, &mut out);
            }
            DateTime::Timestamp(micros) => local(micros, &mut out),
            DateTime::Timestamptz(micros, east) => {
                local(micros.saturating_add(i64::from(east) * MICROS_PER_SECOND), &mut out);
                write_offset(east, &mut out);
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn write_offset(east: i32, out: &mut bytes::BytesMut) {
    let sign = if east < 0 { '-' } else { '+' };
    let east = east.unsigned_abs();
    let (hours, minutes, seconds) = (east / 3600, east / 60 % 60, east % 60);
    out.extend_from_slice(format!("{sign}{hours:02}:{minutes:02}").as_bytes());
    if seconds > 0 {
        out.extend_from_slice(format!(":{seconds:02}").as_bytes());
    }
}

impl<'a> Item<'a> {
    pub(super) fn owned(json: Json) -> Item<'a> {
        Item::Json(Cow::Owned(json))
    }

    pub(super) fn json(&self) -> Option<&Json> {
        match self {
            Item::Json(json) => Some(json),
            Item::DateTime(_) => None,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.json(), Some(Json::Array(_)))
    }

    pub(super) fn is_container(&self) -> bool {
        matches!(self.json(), Some(Json::Array(_) | Json::Object(_)))
    }

    pub(super) fn into_json(self) -> Json {
        match self {
            Item::Json(json) => json.into_owned(),
            Item::DateTime(value) => Json::String(Arc::from(value.text())),
        }
    }

    /// The elements of an array or the values of an object; none of a scalar.
    pub(super) fn children(&self) -> Vec<Item<'a>> {
        match self {
            Item::Json(Cow::Borrowed(Json::Array(elements))) => {
                elements.iter().map(|e| Item::Json(Cow::Borrowed(e))).collect()
            }
            Item::Json(Cow::Borrowed(Json::Object(object))) => {
                object.members().iter().map(|(_, v)| Item::Json(Cow::Borrowed(v))).collect()
            }
            Item::Json(Cow::Owned(Json::Array(elements))) => {
                elements.iter().cloned().map(Item::owned).collect()
            }
            Item::Json(Cow::Owned(Json::Object(object))) => {
                object.members().iter().map(|(_, v)| Item::owned(v.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn element(&self, index: usize) -> Option<Item<'a>> {
        match self {
            Item::Json(Cow::Borrowed(Json::Array(elements))) => {
                elements.get(index).map(|e| Item::Json(Cow::Borrowed(e)))
            }
            Item::Json(Cow::Owned(Json::Array(elements))) => {
                elements.get(index).cloned().map(Item::owned)
            }
            _ => None,
        }
    }

    pub(super) fn member(&self, key: &str) -> Option<Item<'a>> {
        match self {
            Item::Json(Cow::Borrowed(Json::Object(object))) => {
                object.get(key).map(|v| Item::Json(Cow::Borrowed(v)))
            }
            Item::Json(Cow::Owned(Json::Object(object))) => {
                object.get(key).cloned().map(Item::owned)
            }
            _ => None,
        }
    }
}

/// Whether a comparison holds; `None` if the items cannot be compared.
///
/// # Errors
/// `0A000` if a time zone would have to be assumed and may not.
pub(super) fn compare_items(
    cx: &CallCx<'_>,
    tz: bool,
    operator: Comparison,
    a: &Item<'_>,
    b: &Item<'_>,
) -> Result<Option<bool>> {
    let order = match (a, b) {
        (Item::DateTime(a), Item::DateTime(b)) => match compare_datetimes(cx, tz, *a, *b)? {
            Some(order) => order,
            None => return Ok(None),
        },
        (Item::Json(a), Item::Json(b)) => match (&**a, &**b) {
            (Json::Null, Json::Null) => Ordering::Equal,
            (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
            (Json::Number(a), Json::Number(b)) => a.cmp(b),
            (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Json::Null, _) | (_, Json::Null) => {
                return Ok(Some(operator == Comparison::NotEqual));
            }
            _ => return Ok(None),
        },
        (Item::Json(json), _) | (_, Item::Json(json)) if matches!(**json, Json::Null) => {
            return Ok(Some(operator == Comparison::NotEqual));
        }
        _ => return Ok(None),
    };
    Ok(Some(match operator {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }))
}

fn compare_datetimes(
    cx: &CallCx<'_>,
    tz: bool,
    a: DateTime,
    b: DateTime,
) -> Result<Option<Ordering>> {
    let zone = &cx.settings.time_zone;
    let need_tz = |from: &str, to: &str| {
        if tz {
            return Ok(());
        }
        Err(SqlError::unsupported(format!(
            "cannot convert value from {from} to {to} without time zone usage"
        ))
        .hint("Use *_tz() function for time zone support."))
    };
    Ok(Some(match (a, b) {
        (DateTime::Date(a), DateTime::Date(b)) => a.cmp(&b),
        (DateTime::Time(a), DateTime::Time(b))
        | (DateTime::Timestamp(a), DateTime::Timestamp(b))
        | (DateTime::Timestamptz(a, _), DateTime::Timestamptz(b, _)) => a.cmp(&b),
        (DateTime::TimeTz(a), DateTime::TimeTz(b)) => {
            compare::compare(&types::Datum::TimeTz(a), &types::Datum::TimeTz(b))
        }
        (DateTime::Date(a), DateTime::Timestamp(b)) => instant_of_date(Date(a)).cmp(&instant(b)),
        (DateTime::Date(a), DateTime::Timestamptz(b, _)) => {
            need_tz("date", "timestamptz")?;
            in_zone(cx, instant_of_date(Date(a))).cmp(&instant(b))
        }
        (DateTime::Time(a), DateTime::TimeTz(b)) => {
            need_tz("time", "timetz")?;
            let now = cx.transaction_micros;
            let a = TimeTz { micros: a, zone: -zone.offset_at(now) };
            compare::compare(&types::Datum::TimeTz(a), &types::Datum::TimeTz(b))
        }
        (DateTime::Timestamp(a), DateTime::Timestamptz(b, _)) => {
            need_tz("timestamp", "timestamptz")?;
            in_zone(cx, instant(a)).cmp(&instant(b))
        }
        (DateTime::Timestamp(_), DateTime::Date(_))
        | (DateTime::Timestamptz(..), DateTime::Date(_) | DateTime::Timestamp(_))
        | (DateTime::TimeTz(_), DateTime::Time(_)) => {
            return Ok(compare_datetimes(cx, tz, b, a)?.map(Ordering::reverse));
        }
        _ => return Ok(None),
    }))
}
