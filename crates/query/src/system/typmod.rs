//! The types' modifiers as functions: `numerictypmodin('{10,2}')` and `numerictypmodout(…)`; `domain_in`,
//! `array_send`.

use bytes::BytesMut;
use catalog::builtin;
use functions::{CallCx, Scalar, Site};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::{reg, session};

/// The function with this `prosrc`.
pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "domain_in" => |cx, _, args| match args {
            [text, Datum::Oid(domain), _] => {
                let text = match text {
                    Datum::Text(text) => Some(&**text),
                    _ => None,
                };
                crate::bind::domain_input(session(cx)?, Oid(*domain), text)
            }
            _ => Ok(Datum::Null),
        },
        "array_send" => array_send,
        "bpchartypmodin" => |cx, _, args| input(cx, "bpchar", args),
        "varchartypmodin" => |cx, _, args| input(cx, "varchar", args),
        "numerictypmodin" => |cx, _, args| input(cx, "numeric", args),
        "bittypmodin" => |cx, _, args| input(cx, "pg_catalog.bit", args),
        "varbittypmodin" => |cx, _, args| input(cx, "varbit", args),
        "timetypmodin" => |cx, _, args| input(cx, "time", args),
        "timetztypmodin" => |cx, _, args| input(cx, "timetz", args),
        "timestamptypmodin" => |cx, _, args| input(cx, "timestamp", args),
        "timestamptztypmodin" => |cx, _, args| input(cx, "timestamptz", args),
        "intervaltypmodin" => |_, _, args| interval(args),
        "bpchartypmodout" => |_, _, args| output(oid::BPCHAR, args),
        "varchartypmodout" => |_, _, args| output(oid::VARCHAR, args),
        "numerictypmodout" => |_, _, args| output(oid::NUMERIC, args),
        "bittypmodout" => |_, _, args| output(oid::BIT, args),
        "varbittypmodout" => |_, _, args| output(oid::VARBIT, args),
        "timetypmodout" => {
            |_, _, args| output(oid::TIME, args).map(|text| suffixed(&text, " without time zone"))
        }
        "timetztypmodout" => {
            |_, _, args| output(oid::TIMETZ, args).map(|text| suffixed(&text, " with time zone"))
        }
        "timestamptypmodout" => |_, _, args| {
            output(oid::TIMESTAMP, args).map(|text| suffixed(&text, " without time zone"))
        },
        "timestamptztypmodout" => |_, _, args| {
            output(oid::TIMESTAMPTZ, args).map(|text| suffixed(&text, " with time zone"))
        },
        "intervaltypmodout" => |_, _, args| output(oid::INTERVAL, args),
        _ => return None,
    })
}

/// The binary form of an array, which may be over a user's type.
fn array_send(cx: &CallCx<'_>, site: &Site, args: &[Datum]) -> Result<Datum> {
    let (Some(value), Some(ty)) = (args.first(), site.arg_types.first()) else {
        return Ok(Datum::Null);
    };
    let mut out = BytesMut::new();
    match ty.0 >= catalog::objects::FIRST_USER_OID {
        true => super::send(&session(cx)?.catalog, value, *ty, &mut out),
        false => types::binary::send(value, *ty, &mut out),
    }
    Ok(Datum::Bytea(out.to_vec().into()))
}

fn suffixed(text: &Datum, suffix: &str) -> Datum {
    Datum::text(format!("{}{suffix}", text.as_str().unwrap_or("")))
}

fn output(ty: Oid, args: &[Datum]) -> Result<Datum> {
    match args {
        [Datum::Int4(typmod)] => Ok(Datum::text(builtin::typmod_suffix(ty, *typmod))),
        _ => Ok(Datum::Null),
    }
}

/// The modifiers' texts.
fn texts(args: &[Datum]) -> Result<Vec<&str>> {
    let [Datum::Array(array)] = args else { return Ok(Vec::new()) };
    let text = |element: &'_ Datum| match element {
        Datum::Null => Err(SqlError::new(
            SqlState::NULL_VALUE_NOT_ALLOWED,
            "typmod array must not contain nulls",
        )),
        _ => Ok(()),
    };
    array.elements.iter().try_for_each(text)?;
    Ok(array.elements.iter().filter_map(Datum::as_str).collect())
}

fn input(cx: &CallCx<'_>, name: &str, args: &[Datum]) -> Result<Datum> {
    let mut modifiers = Vec::new();
    for text in texts(args)? {
        modifiers.push(types::int::parse::<i32>(text, "integer")?.to_string());
    }
    let found = reg::type_ref(session(cx)?, &format!("{name}({})", modifiers.join(",")))?;
    Ok(Datum::Int4(found.typmod))
}

/// The fields' mask, and the precision.
fn interval(args: &[Datum]) -> Result<Datum> {
    let numbers = texts(args)?
        .into_iter()
        .map(|text| types::int::parse::<i32>(text, "integer"))
        .collect::<Result<Vec<_>>>()?;
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    match numbers.as_slice() {
        [fields] => Ok(Datum::Int4(fields << 16 | 0xffff)),
        [_, precision] if *precision < 0 => {
            Err(invalid(format!("INTERVAL({precision}) precision must not be negative")))
        }
        [fields, precision] => Ok(Datum::Int4(fields << 16 | (*precision).min(6))),
        _ => Err(invalid("invalid INTERVAL type modifier".into())),
    }
}
