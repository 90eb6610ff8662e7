//! The functions over sequences.

use std::sync::Arc;

use ::functions::{CallCx, Scalar};
use catalog::objects::Privilege;
use catalog::privilege::{self, Target};
use catalog::{Sequence, builtin, describe};
use types::{Datum, Oid, Result, SqlError, SqlState, oid};

use super::Request;
use crate::session::SessionCx;
use crate::system::{record, session};

/// Whether a function may have to wait for the store; see [`call`].
pub(crate) fn is_sequence_function(prosrc: &str) -> bool {
    matches!(
        prosrc,
        "nextval_oid"
            | "setval_oid"
            | "setval3_oid"
            | "pg_sequence_last_value"
            | "dsql_fetch_seq_data_tuple"
    )
}

/// Calls `nextval`, `setval`, `pg_sequence_last_value` or `sys.fetch_seq_data_tuple`: its value, or what
/// it waits for.
///
/// # Errors
/// `42809`, `42501`, `25006`, `22003`, `2200H`.
pub(crate) fn call(
    prosrc: &str,
    args: &[Datum],
    cx: &CallCx<'_>,
) -> Result<Result<Datum, Request>> {
    let cx = session(cx)?;
    match (prosrc, args) {
        // The default of an identity column says with a second argument that nobody asks whether
        // the role may use the sequence.
        ("nextval_oid", [Datum::Oid(oid), rest @ ..]) => {
            let sequence = find(cx, *oid)?;
            if rest.is_empty() {
                check(cx, &sequence, &[Privilege::Usage, Privilege::Update])?;
            }
            refuse_read_only(cx, "nextval()")?;
            if let Some(value) = cx.sequences.next(&sequence) {
                return Ok(Ok(Datum::Int8(value)));
            }
            match cx.engine.sequences.try_next(&sequence) {
                Some(taken) => {
                    let (first, end) = taken?;
                    cx.sequences.take(&sequence, first, end);
                    Ok(Ok(Datum::Int8(first)))
                }
                None => Ok(Err(Request::Next(sequence))),
            }
        }
        ("pg_sequence_last_value", [Datum::Oid(oid)]) => {
            let sequence = find(cx, *oid)?;
            check(cx, &sequence, &[Privilege::Select, Privilege::Usage])?;
            Ok(Err(Request::Last(sequence)))
        }
        ("dsql_fetch_seq_data_tuple", [Datum::Oid(oid)]) => {
            let sequence = find(cx, *oid)?;
            check(cx, &sequence, &[Privilege::Select])?;
            Ok(Err(Request::Row(sequence)))
        }
        ("setval_oid", [Datum::Oid(oid), Datum::Int8(value)]) => set(cx, *oid, *value, true),
        ("setval3_oid", [Datum::Oid(oid), Datum::Int8(value), Datum::Bool(called)]) => {
            set(cx, *oid, *value, *called)
        }
        _ => Ok(Ok(Datum::Null)),
    }
}

fn set(cx: &SessionCx, oid: u32, value: i64, called: bool) -> Result<Result<Datum, Request>> {
    let sequence = find(cx, oid)?;
    check(cx, &sequence, &[Privilege::Update])?;
    refuse_read_only(cx, "setval()")?;
    let Sequence { min, max, .. } = *sequence;
    if !(min..=max).contains(&value) {
        return Err(SqlError::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "setval: value {value} is out of bounds for sequence \"{}\" ({min}..{max})",
                sequence.name
            ),
        ));
    }
    Ok(Err(Request::Set { sequence, value, called }))
}

/// The functions that never wait.
pub(crate) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        // Evaluation takes these aside; they have an implementation so that they can be bound.
        name if is_sequence_function(name) => {
            |_, _, _| Err(SqlError::internal("sequence function called where it cannot wait"))
        }
        "currval_oid" => |cx, _, args| {
            let [Datum::Oid(oid)] = args else { return Ok(Datum::Null) };
            let cx = session(cx)?;
            let sequence = find(cx, *oid)?;
            check(cx, &sequence, &[Privilege::Select, Privilege::Usage])?;
            let value = cx.sequences.current(sequence.oid).ok_or_else(|| {
                undefined(format!(
                    "currval of sequence \"{}\" is not yet defined in this session",
                    sequence.name
                ))
            })?;
            Ok(Datum::Int8(value))
        },
        "pg_sequence_parameters" => |cx, _, args| {
            let [Datum::Oid(number)] = args else { return Ok(Datum::Null) };
            let cx = session(cx)?;
            let Some(sequence) = cx.catalog.sequence_by_oid(*number) else {
                return Err(SqlError::internal(format!(
                    "cache lookup failed for sequence {number}"
                )));
            };
            let every = [Privilege::Select, Privilege::Update, Privilege::Usage];
            check(cx, sequence, &every)?;
            let number = Datum::Int8;
            Ok(record([
                ("start_value", oid::INT8, number(sequence.start)),
                ("minimum_value", oid::INT8, number(sequence.min)),
                ("maximum_value", oid::INT8, number(sequence.max)),
                ("increment", oid::INT8, number(sequence.increment)),
                ("cycle_option", oid::BOOL, Datum::Bool(sequence.cycle)),
                ("cache_size", oid::INT8, number(sequence.cache)),
                ("data_type", oid::OID, Datum::Oid(oid::INT8.0)),
            ]))
        },
        "lastval" => |cx, _, _| {
            let cx = session(cx)?;
            let none = || undefined("lastval is not yet defined in this session".into());
            let (oid, value) = cx.sequences.last().ok_or_else(none)?;
            let sequence = cx.catalog.sequence_by_oid(oid).ok_or_else(none)?;
            check(cx, sequence, &[Privilege::Select, Privilege::Usage])?;
            Ok(Datum::Int8(value))
        },
        _ => return None,
    })
}

fn undefined(message: String) -> SqlError {
    SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

/// What `sys.fetch_seq_data_tuple` gives: the row of `SELECT * FROM sequence`.
///
/// # Errors
/// `XX000` if the store fails.
pub(super) async fn row(cx: &SessionCx, sequence: &Sequence) -> Result<Datum> {
    let [last_value, log_cnt, is_called] = relation_row(cx, sequence).await?;
    Ok(record([
        ("last_value", oid::INT8, last_value),
        ("log_cnt", oid::INT8, log_cnt),
        ("is_called", oid::BOOL, is_called),
    ]))
}

/// The row of `SELECT * FROM sequence`.
///
/// # Errors
/// `XX000` if the store fails.
pub(crate) async fn relation_row(cx: &SessionCx, sequence: &Sequence) -> Result<[Datum; 3]> {
    let (last_value, log_cnt, is_called) = cx.engine.sequence_state(sequence).await?;
    Ok([Datum::Int8(last_value), Datum::Int8(log_cnt), Datum::Bool(is_called)])
}

fn find(cx: &SessionCx, oid: u32) -> Result<Arc<Sequence>> {
    if let Some(sequence) = cx.catalog.sequence_by_oid(oid) {
        return Ok(Arc::clone(sequence));
    }
    Err(match describe::relation_name(&cx.catalog, oid) {
        Some((_, name)) => SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a sequence", builtin::quote_identifier(&name)),
        ),
        None => SqlError::internal(format!("could not open relation with OID {}", Oid(oid).0)),
    })
}

/// Fails unless the role has one of `privileges`.
fn check(cx: &SessionCx, sequence: &Sequence, privileges: &[Privilege]) -> Result<()> {
    let target = Target::Sequence(sequence);
    let has =
        |privilege: &Privilege| privilege::has_privilege(&cx.catalog, cx.role, target, *privilege);
    match privileges.iter().any(has) {
        true => Ok(()),
        false => Err(privilege::denied("sequence", &sequence.name)),
    }
}

fn refuse_read_only(cx: &SessionCx, what: &str) -> Result<()> {
    match cx.read_only {
        false => Ok(()),
        true => Err(crate::session::in_read_only_transaction(what)),
    }
}
