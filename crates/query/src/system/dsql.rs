//! The functions of schemas `sys` and `aws_dsql`.

use functions::{Scalar, SetReturning};
use types::{Datum, SqlError, SqlState};

use super::session;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "dsql_major_version" => |_, _, _| Ok(Datum::Int4(1)),
        "dsql_current_session_id" => |cx, _, _| Ok(Datum::text(&session(cx)?.session_id)),
        "dsql_iam_session_user" => |cx, _, _| Ok(Datum::text(&session(cx)?.principal)),
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

pub(super) fn set_returning(_prosrc: &str) -> Option<SetReturning> {
    None
}
