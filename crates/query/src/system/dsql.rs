//! The functions of schema `sys`.

use functions::{Scalar, SetReturning};
use types::{Datum, Oid, SqlError, SqlState};

use super::session;

/// What columns can be of, as `format_type` names it.
const STORABLE_TYPES: &[&str] = &[
    "bigint",
    "boolean",
    "bytea",
    "character",
    "character varying",
    "date",
    "double precision",
    "integer",
    "interval",
    "json",
    "jsonb",
    "numeric",
    "real",
    "smallint",
    "text",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "uuid",
];

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "dsql_major_version" => |_, _, _| Ok(Datum::Int4(1)),
        "dsql_current_session_id" => |cx, _, _| Ok(Datum::text(&session(cx)?.session_id)),
        "dsql_current_transaction_id" => |cx, _, _| {
            let cx = session(cx)?;
            Ok(Datum::text(crate::job::text_id(transaction_id(&cx.session_id, cx.transaction))))
        },
        "dsql_iam_session_user" => |cx, _, _| Ok(Datum::text(&session(cx)?.principal)),
        "dsql_base_type_oid" => |_, _, args| {
            Ok(match args {
                [Datum::Oid(ty)] => Datum::Oid(catalog::builtin::base_type(Oid(*ty)).0),
                _ => Datum::Null,
            })
        },
        "dsql_base32_str_to_uuid" => |_, _, args| match args {
            [Datum::Text(text)] => crate::job::parse_id(text).map(Datum::Uuid).ok_or_else(|| {
                SqlError::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "Unable to convert text to UUID",
                )
            }),
            _ => Ok(Datum::Null),
        },
        "dsql_uuid_to_base32_str" => |_, _, args| match args {
            [Datum::Uuid(id)] => Ok(Datum::text(crate::job::text_id(*id))),
            _ => Ok(Datum::Null),
        },
        _ => return None,
    })
}

/// The identifier of the transaction with a number within a session: 16 bytes, in base 32 as change
/// data capture shows them (`source.txId`).
fn transaction_id(session: &str, number: u64) -> [u8; 16] {
    /// Spreads neighbouring numbers over all bytes.
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let session = crate::job::parse_id(session).map_or(0, u128::from_be_bytes);
    session.wrapping_add(u128::from(number).wrapping_mul(ODD)).to_be_bytes()
}

pub(super) fn set_returning(prosrc: &str) -> Option<SetReturning> {
    match prosrc {
        "dsql_supported_datatypes" => {
            Some(|_, _, _| Ok(Box::new(STORABLE_TYPES.iter().map(|name| Ok(Datum::text(name))))))
        }
        _ => None,
    }
}
