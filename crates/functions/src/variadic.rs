//! Functions of any arguments, and those that tell about their arguments.
//!
//! A `VARIADIC "any"` function gets its arguments one by one; for `f(VARIADIC array)` the caller
//! spreads the array first.

use bytes::BytesMut;
use types::{Datum, Result, memory, text};

use crate::convert::scalars;
use crate::errors::integer_out_of_range;
use crate::{CallCx, Site};

scalars! { pub(crate) const TABLE =
    "text_concat"[cx, site, args] => join(cx, site, 0, args, "");
    "text_concat_ws"[cx, site, args] => match args.split_first() {
        Some((Datum::Text(separator), values)) => join(cx, site, 1, values, separator),
        _ => Ok(Datum::Null),
    };
    "pg_typeof"[_cx, site, _args] => Datum::Oid(site.arg_types.first().map_or(0, |oid| oid.0));
    "pg_num_nulls"[_cx, _site, args] => count(args, true);
    "pg_num_nonnulls"[_cx, _site, args] => count(args, false);
    "pg_column_size"[_cx, _site, args] => args.first().filter(|a| !a.is_null()).map(column_size);
}

/// The texts of the values that are not NULL.
fn join(
    cx: &CallCx<'_>,
    site: &Site,
    skip: usize,
    values: &[Datum],
    separator: &str,
) -> Result<Datum> {
    let mut out = BytesMut::new();
    let types =
        site.arg_types.iter().skip(skip).copied().chain(std::iter::repeat(types::oid::TEXT));
    let mut first = true;
    for (value, type_oid) in values.iter().zip(types).filter(|(value, _)| !value.is_null()) {
        if !first {
            out.extend_from_slice(separator.as_bytes());
        }
        first = false;
        text::output(value, type_oid, cx.settings, &mut out);
        memory::check(out.len())?;
    }
    Ok(Datum::text(String::from_utf8_lossy(&out)))
}

fn count(args: &[Datum], nulls: bool) -> Result<i32> {
    let found = args.iter().filter(|arg| arg.is_null() == nulls).count();
    i32::try_from(found).map_err(|_| integer_out_of_range())
}

/// Bytes PostgreSQL would store, without compression.
fn column_size(value: &Datum) -> i32 {
    let short = |bytes: usize| {
        i32::try_from(if bytes < 127 { bytes + 1 } else { bytes + 4 }).unwrap_or(i32::MAX)
    };
    match value {
        Datum::Null => 0,
        Datum::Bool(_) => 1,
        Datum::Int2(_) => 2,
        Datum::Int4(_) | Datum::Oid(_) | Datum::Float4(_) | Datum::Date(_) => 4,
        Datum::Int8(_)
        | Datum::Float8(_)
        | Datum::Time(_)
        | Datum::Timestamp(_)
        | Datum::Timestamptz(_) => 8,
        Datum::TimeTz(_) => 12,
        Datum::Interval(_) | Datum::Uuid(_) => 16,
        Datum::Text(text) => short(text.len()),
        Datum::Bytea(bytes) => short(bytes.len()),
        other => short(other.heap_bytes()),
    }
}
