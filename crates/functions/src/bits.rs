//! `bit` and `bit varying`.
//!
//! Source: PostgreSQL 16 `varbit.c`.

use types::rare::bits::Bits;
use types::{Datum, Rare, Result, SqlError, SqlState};

use crate::convert::scalars;
use crate::errors::{integer_out_of_range, requested_length_too_large};

/// Most bits that PostgreSQL's values have room for.
const BITS_MAX: usize = 0x3fff_ffff * 8;

scalars! { pub(crate) const TABLE =
    "bit_and"(a: &Bits, b: &Bits) => zip(a, b, "AND", |a, b| a & b)?;
    "bit_or"(a: &Bits, b: &Bits) => zip(a, b, "OR", |a, b| a | b)?;
    "bitxor"(a: &Bits, b: &Bits) => zip(a, b, "XOR", |a, b| a ^ b)?;
    "bitnot"(a: &Bits) => Bits::new(a.len(), a.bytes().iter().map(|byte| !byte).collect::<Vec<_>>());
    "bitshiftleft"(a: &Bits, n: i32) => shift(a, i64::from(n));
    "bitshiftright"(a: &Bits, n: i32) => shift(a, -i64::from(n));
    "bitcat"(a: &Bits, b: &Bits) => concatenate(a, b)?;
    "bitsubstr"(a: &Bits, start: i32, len: i32) => substring(a, start, Some(len))?;
    "bitsubstr_no_len"(a: &Bits, start: i32) => substring(a, start, None)?;
    "bitoverlay"(a: &Bits, b: &Bits, start: i32, len: i32) => overlay(a, b, start, len)?;
    "bitoverlay_no_len"(a: &Bits, b: &Bits, start: i32) => overlay(a, b, start, length(b)?)?;
    "bitposition"(a: &Bits, part: &Bits) => position(a, part)?;
    "bitlength"(a: &Bits) => length(a)?;
    "bitoctetlength"(a: &Bits) => i32::try_from(a.bytes().len()).map_err(|_| integer_out_of_range())?;
    "bit_bit_count"(a: &Bits) => a.bytes().iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>();
    "bitgetbit"(a: &Bits, at: i32) => i32::from(a.get(index(a, at)?));
    "bitsetbit"(a: &Bits, at: i32, new: i32) => {
        let at = index(a, at)?;
        if !matches!(new, 0 | 1) {
            return Err(crate::errors::invalid_parameter("new bit must be 0 or 1"));
        }
        Bits::from_bits(a.iter().enumerate().map(|(i, bit)| if i == at { new == 1 } else { bit }))
    };
    "bitfromint4"(a: i32, len: i32) => from_integer(i64::from(a), len);
    "bitfromint8"(a: i64, len: i32) => from_integer(a, len);
    "bittoint4"(a: &Bits) => {
        if a.len() > 32 {
            return Err(integer_out_of_range());
        }
        let bits = a.iter().fold(0_u32, |value, bit| value << 1 | u32::from(bit));
        bits.cast_signed()
    };
    "bittoint8"(a: &Bits) => {
        if a.len() > 64 {
            return Err(crate::errors::bigint_out_of_range());
        }
        let bits = a.iter().fold(0_u64, |value, bit| value << 1 | u64::from(bit));
        bits.cast_signed()
    };
    "bit"[_cx, _site, args] => coerce(args, types::oid::BIT);
    "varbit"[_cx, _site, args] => coerce(args, types::oid::VARBIT);
}

/// Applies a length: value, type modifier, whether the cast was written.
fn coerce(args: &[Datum], type_oid: types::Oid) -> Result<Datum> {
    match args {
        [value, Datum::Int4(typmod), Datum::Bool(explicit)] => {
            types::typmod::apply_typmod(type_oid, *typmod, value.clone(), *explicit)
        }
        args => Err(crate::convert::wrong_arity(args.len())),
    }
}

fn length(a: &Bits) -> Result<i32> {
    i32::try_from(a.len()).map_err(|_| integer_out_of_range())
}

/// Two strings of one length, byte by byte.
pub(crate) fn zip(a: &Bits, b: &Bits, name: &str, each: impl Fn(u8, u8) -> u8) -> Result<Bits> {
    if a.len() != b.len() {
        return Err(SqlError::new(
            SqlState::STRING_DATA_LENGTH_MISMATCH,
            format!("cannot {name} bit strings of different sizes"),
        ));
    }
    let bytes: Vec<u8> = a.bytes().iter().zip(b.bytes()).map(|(a, b)| each(*a, *b)).collect();
    Ok(Bits::new(a.len(), bytes))
}

/// To the left if positive; zeros come in.
fn shift(a: &Bits, n: i64) -> Bits {
    let source = |at: usize| {
        let at = i64::try_from(at).ok()?.checked_add(n)?;
        usize::try_from(at).ok()
    };
    Bits::from_bits((0..a.len()).map(|at| source(at).is_some_and(|at| a.get(at))))
}

fn concatenate(a: &Bits, b: &Bits) -> Result<Bits> {
    let len = a.len() + b.len();
    if len > BITS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("bit string length exceeds the maximum allowed ({BITS_MAX})"),
        ));
    }
    Ok(Bits::from_bits(a.iter().chain(b.iter())))
}

/// From a 1-based position, which may lie before the beginning.
fn substring(a: &Bits, start: i32, len: Option<i32>) -> Result<Bits> {
    let total = i64::try_from(a.len()).unwrap_or(i64::MAX);
    let from = i64::from(start).max(1);
    let end = match len {
        None => total + 1,
        Some(len) if len < 0 => {
            // The end lies before the start only if the sum does not overflow.
            if i64::from(start) + i64::from(len) > i64::from(i32::MAX) {
                total + 1
            } else {
                return Err(SqlError::new(
                    SqlState::SUBSTRING_ERROR,
                    "negative substring length not allowed",
                ));
            }
        }
        Some(len) => (i64::from(start) + i64::from(len)).min(total + 1),
    };
    let count = usize::try_from(end - from).unwrap_or(0);
    let skip = usize::try_from(from - 1).unwrap_or(0);
    Ok(Bits::from_bits(a.iter().skip(skip).take(count)))
}

fn overlay(a: &Bits, b: &Bits, start: i32, len: i32) -> Result<Bits> {
    if start <= 0 {
        return Err(SqlError::new(
            SqlState::SUBSTRING_ERROR,
            "negative substring length not allowed",
        ));
    }
    let after = start.checked_add(len).ok_or_else(integer_out_of_range)?;
    let head = substring(a, 1, Some(start - 1))?;
    let tail = substring(a, after, None)?;
    concatenate(&concatenate(&head, b)?, &tail)
}

/// The 1-based position of `part`; 0 if it does not occur.
fn position(a: &Bits, part: &Bits) -> Result<i32> {
    if a.is_empty() || part.len() > a.len() {
        return Ok(0);
    }
    if part.is_empty() {
        return Ok(1);
    }
    let found = (0..=a.len() - part.len())
        .find(|start| part.iter().enumerate().all(|(i, bit)| a.get(start + i) == bit));
    found.map_or(Ok(0), |at| i32::try_from(at + 1).map_err(|_| integer_out_of_range()))
}

fn index(a: &Bits, at: i32) -> Result<usize> {
    usize::try_from(at).ok().filter(|at| *at < a.len()).ok_or_else(|| {
        let last = i64::try_from(a.len()).unwrap_or(i64::MAX) - 1;
        SqlError::new(
            SqlState::ARRAY_SUBSCRIPT_ERROR,
            format!("bit index {at} out of valid range (0..{last})"),
        )
    })
}

/// The low bits of a number, with its sign before them; one bit if no length is given.
fn from_integer(a: i64, len: i32) -> Result<Datum> {
    let len = usize::try_from(len).ok().filter(|len| *len > 0).unwrap_or(1);
    if len > BITS_MAX {
        return Err(requested_length_too_large());
    }
    let bits = (0..len).rev().map(|at| a >> at.min(63) & 1 == 1);
    Ok(Datum::rare(Rare::Bits(Bits::from_bits(bits))))
}
