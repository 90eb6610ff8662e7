//! The built-in window functions, by `pg_proc.prosrc`.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/windowfuncs.c`.

use types::{Datum, Result, SqlError, SqlState};

use super::Partition;
use super::frame::Frames;
use crate::chunk::Chunk;

/// Whether [`compute`] knows a function.
pub(crate) fn is_window_function(name: &str) -> bool {
    matches!(
        name,
        "window_row_number"
            | "window_rank"
            | "window_dense_rank"
            | "window_percent_rank"
            | "window_cume_dist"
            | "window_ntile"
            | "window_lag"
            | "window_lag_with_offset"
            | "window_lag_with_offset_and_default"
            | "window_lead"
            | "window_lead_with_offset"
            | "window_lead_with_offset_and_default"
            | "window_first_value"
            | "window_last_value"
            | "window_nth_value"
    )
}

/// The value of the function called `name` for each row; `args` are its arguments, row by row.
///
/// # Errors
/// `22014`, `22016` for an argument out of range, `0A000` for a function that is not known.
pub(super) fn compute(
    name: &str,
    args: &Chunk,
    partition: &Partition,
    frames: &Frames<'_>,
) -> Result<Vec<Datum>> {
    let rows = 0..partition.rows.len();
    let count = partition.rows.len();
    match name {
        "window_row_number" => Ok(rows.map(|row| bigint(row + 1)).collect()),
        "window_rank" => Ok(rows.map(|row| bigint(partition.peers(row).0 + 1)).collect()),
        "window_dense_rank" => Ok(rows.map(|row| bigint(dense_rank(partition, row))).collect()),
        "window_percent_rank" => Ok(rows
            .map(|row| match count {
                1 => Datum::Float8(0.0),
                _ => ratio(partition.peers(row).0, count - 1),
            })
            .collect()),
        "window_cume_dist" => Ok(rows.map(|row| ratio(partition.peers(row).1, count)).collect()),
        "window_ntile" => ntile(args, count),
        "window_lag" | "window_lag_with_offset" | "window_lag_with_offset_and_default" => {
            Ok(rows.map(|row| shifted(args, row, -1)).collect())
        }
        "window_lead" | "window_lead_with_offset" | "window_lead_with_offset_and_default" => {
            Ok(rows.map(|row| shifted(args, row, 1)).collect())
        }
        "window_first_value" => rows
            .map(|row| {
                let pieces = frames.pieces(row)?;
                Ok(pieces.first().map_or(Datum::Null, |piece| arg(args, piece.start, 0)))
            })
            .collect(),
        "window_last_value" => rows
            .map(|row| {
                let pieces = frames.pieces(row)?;
                Ok(pieces.last().map_or(Datum::Null, |piece| arg(args, piece.end - 1, 0)))
            })
            .collect(),
        "window_nth_value" => rows.map(|row| nth_value(args, row, frames)).collect(),
        other => Err(SqlError::unsupported(format!("window function {other} is not supported"))),
    }
}

fn bigint(number: usize) -> Datum {
    Datum::Int8(i64::try_from(number).unwrap_or(i64::MAX))
}

fn dense_rank(partition: &Partition, row: usize) -> usize {
    partition.group_of.get(row).map_or(0, |group| group + 1)
}

#[expect(clippy::cast_precision_loss, reason = "a partition in memory has far below 2^52 rows")]
fn ratio(part: usize, whole: usize) -> Datum {
    Datum::Float8(part as f64 / whole as f64)
}

fn arg(args: &Chunk, row: usize, position: usize) -> Datum {
    args.row(row).get(position).cloned().unwrap_or_default()
}

/// The argument is taken of the first row, as PostgreSQL does.
fn ntile(args: &Chunk, count: usize) -> Result<Vec<Datum>> {
    let buckets = match arg(args, 0, 0) {
        Datum::Int4(buckets) => buckets,
        _ => return Ok(vec![Datum::Null; count]),
    };
    let Some(buckets) = usize::try_from(buckets).ok().filter(|buckets| *buckets > 0) else {
        return Err(SqlError::new(
            SqlState::INVALID_ARGUMENT_FOR_NTILE,
            "argument of ntile must be greater than zero",
        ));
    };
    // The first buckets take one row more, until the remainder is used up.
    let (size, longer) = (count / buckets, count % buckets);
    let bucket = |row: usize| match row / (size + 1) {
        bucket if bucket < longer => bucket,
        _ => longer + (row - longer * (size + 1)) / size.max(1),
    };
    let number = |row| Datum::Int4(i32::try_from(bucket(row) + 1).unwrap_or(i32::MAX));
    Ok((0..count).map(number).collect())
}

/// `lag` (`direction` −1) and `lead` (1): value, offset, default.
fn shifted(args: &Chunk, row: usize, direction: i64) -> Datum {
    let offset = match args.row(row).get(1) {
        None => 1,
        Some(Datum::Int4(offset)) => i64::from(*offset),
        Some(_) => return Datum::Null,
    };
    let target = i64::try_from(row).unwrap_or(i64::MAX).saturating_add(direction * offset);
    match usize::try_from(target) {
        Ok(target) if target < args.len() => arg(args, target, 0),
        _ => arg(args, row, 2),
    }
}

fn nth_value(args: &Chunk, row: usize, frames: &Frames<'_>) -> Result<Datum> {
    let mut left = match args.row(row).get(1) {
        Some(Datum::Int4(nth)) if *nth > 0 => usize::try_from(*nth - 1).unwrap_or(usize::MAX),
        Some(Datum::Int4(_)) => {
            return Err(SqlError::new(
                SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE,
                "argument of nth_value must be greater than zero",
            ));
        }
        _ => return Ok(Datum::Null),
    };
    for piece in frames.pieces(row)? {
        match left.checked_sub(piece.len()) {
            Some(rest) => left = rest,
            None => return Ok(arg(args, piece.start + left, 0)),
        }
    }
    Ok(Datum::Null)
}
