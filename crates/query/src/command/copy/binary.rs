//! Rows in COPY's binary format.
//!
//! Source: PostgreSQL 16 `NextCopyFrom`, `CopyReadBinaryAttribute`.

use types::{Datum, Result};

use super::lines::malformed;
use super::reader::Column;

pub(super) enum Binary {
    Row(Vec<Datum>),
    End,
    Incomplete,
}

/// Takes the row that `rest` begins with. `at` is set to the column that is being read.
///
/// # Errors
/// `22P04`, and what receiving a value raises.
pub(super) fn row<'c>(
    rest: &mut &[u8],
    columns: &'c [Column],
    at: &mut Option<&'c Column>,
) -> Result<Binary> {
    let mut data = *rest;
    let Some(count) = take::<2>(&mut data) else { return Ok(Binary::Incomplete) };
    let count = i16::from_be_bytes(count);
    if count == -1 {
        return match data.is_empty() {
            true => Ok(Binary::End),
            false => Err(malformed("received copy data after EOF marker")),
        };
    }
    if usize::try_from(count) != Ok(columns.len()) {
        return Err(malformed(format!("row field count is {count}, expected {}", columns.len())));
    }
    let mut row = Vec::with_capacity(columns.len());
    for column in columns {
        *at = Some(column);
        let Some(len) = take::<4>(&mut data) else { return Ok(Binary::Incomplete) };
        let len = i32::from_be_bytes(len);
        if len == -1 {
            row.push(Datum::Null);
            continue;
        }
        let Ok(len) = usize::try_from(len) else {
            return Err(malformed("invalid field size"));
        };
        let Some((value, after)) = data.split_at_checked(len) else {
            return Ok(Binary::Incomplete);
        };
        data = after;
        row.push(types::binary::receive(column.ty, column.typmod, value)?);
    }
    *rest = data;
    Ok(Binary::Row(row))
}

fn take<const N: usize>(at: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = at.split_first_chunk::<N>()?;
    *at = rest;
    Some(*head)
}
