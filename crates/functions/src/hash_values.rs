//! Hashes of values of any type: arrays, records, ranges, JSON and what they consist of.
//!
//! With a seed the hash has 64 bits, without one 32; composite values mix their parts' hashes, so
//! the two differ there in more than their length.
//!
//! Source: PostgreSQL 16 `arrayfuncs.c`, `rowtypes.c`, `rangetypes.c`, `jsonb_util.c`, `numeric.c`.

use types::numeric::to_base_10000;
use types::rare::range::Range;
use types::strings::trim_blanks;
use types::{Datum, Json, Numeric, Oid, Rare, Result, oid};

use crate::Site;
use crate::convert::scalars;
use crate::hash::{bytes, float, folded, span, word};

scalars! { pub(crate) const TABLE =
    "hash_array" | "hash_record" | "hash_range" | "hash_multirange" | "hash_numeric" | "jsonb_hash" | "hashinet"
        | "hashmacaddr" | "hashmacaddr8" | "hashoidvector" | "hashtid" | "pg_lsn_hash" | "hash_aclitem"
        [_cx, site](a: &Datum) => low(hash(a, argument(site), None)?);
    "hash_array_extended" | "hash_record_extended" | "hash_range_extended" | "hash_multirange_extended"
        | "hash_numeric_extended" | "jsonb_hash_extended" | "hashinetextended" | "hashmacaddrextended"
        | "hashmacaddr8extended" | "hashoidvectorextended" | "hashtidextended" | "pg_lsn_hash_extended"
        | "hash_aclitem_extended" | "timetz_hash_extended"
        [_cx, site](a: &Datum, seed: i64) => hash(a, argument(site), Some(seed))?.cast_signed();
}

/// `JB_FARRAY` and `JB_FOBJECT`.
const JSON_ARRAY: u64 = 0x4000_0000;
const JSON_OBJECT: u64 = 0x2000_0000;

fn argument(site: &Site) -> Oid {
    site.arg_types.first().copied().unwrap_or_default()
}

#[expect(clippy::cast_possible_truncation, reason = "the hash is the low half")]
fn low(hash: u64) -> i32 {
    (hash as u32).cast_signed()
}

/// Cut to the hash's length.
fn cut(hash: u64, seed: Option<i64>) -> u64 {
    if seed.is_some() { hash } else { hash & 0xffff_ffff }
}

/// One step of hashing a sequence.
fn mix(hash: u64, next: u64, seed: Option<i64>) -> u64 {
    cut((hash << 5).wrapping_sub(hash).wrapping_add(next), seed)
}

/// Both halves rotated by a bit, each in itself.
fn rotate(hash: u64, seed: Option<i64>) -> u64 {
    cut((hash << 1 & 0xffff_fffe_ffff_fffe) | (hash >> 31 & 0x1_0000_0001), seed)
}

fn hash(value: &Datum, ty: Oid, seed: Option<i64>) -> Result<u64> {
    let start = seed.unwrap_or(0);
    let plain = match value {
        Datum::Null => 0,
        Datum::Bool(value) => word(u32::from(*value), start),
        Datum::Int2(value) => word(i32::from(*value).cast_unsigned(), start),
        Datum::Int4(value) | Datum::Date(value) => word(value.cast_unsigned(), start),
        Datum::Int8(value)
        | Datum::Time(value)
        | Datum::Timestamp(value)
        | Datum::Timestamptz(value) => word(folded(*value), start),
        Datum::Oid(value) => word(*value, start),
        Datum::Float4(value) => float(f64::from(*value), start).unwrap_or(start.cast_unsigned()),
        Datum::Float8(value) => float(*value, start).unwrap_or(start.cast_unsigned()),
        Datum::Numeric(value) => numeric(value, seed),
        Datum::TimeTz(value) => {
            word(folded(value.micros), start) ^ word(value.zone.cast_unsigned(), start)
        }
        Datum::Interval(value) => word(folded(span(*value)), start),
        Datum::Uuid(value) => bytes(value, start),
        Datum::Text(text) if ty == oid::BPCHAR => bytes(trim_blanks(text).as_bytes(), start),
        Datum::Text(text) if ty == oid::CHAR => {
            let byte = types::strings::char_to_byte(text).cast_signed();
            word(i32::from(byte).cast_unsigned(), start)
        }
        Datum::Text(text) if ty == oid::TID => bytes(&row_address(text), start),
        Datum::Text(text) => bytes(text.as_bytes(), start),
        Datum::Bytea(value) => bytes(value, start),
        Datum::Jsonb(json) => {
            let is_empty = match &**json {
                Json::Array(elements) => elements.is_empty(),
                Json::Object(object) => object.is_empty(),
                _ => false,
            };
            if is_empty {
                return Ok(start.cast_unsigned());
            }
            let mut hash = 0;
            let scalar = !matches!(**json, Json::Array(_) | Json::Object(_));
            if scalar {
                // It stands in an array of one.
                hash = container(hash, JSON_ARRAY, seed);
            }
            hash_json(json, seed, &mut hash);
            hash
        }
        Datum::Array(array) if ty == oid::OIDVECTOR => {
            let mut all = Vec::new();
            for element in &array.elements {
                if let Datum::Oid(element) = element {
                    all.extend(element.to_le_bytes());
                }
            }
            bytes(&all, start)
        }
        Datum::Array(array) => {
            let mut result = 1;
            for element in &array.elements {
                result = mix(result, hash(element, array.element, seed)?, seed);
            }
            result
        }
        Datum::Record(record) => {
            let mut result = 0;
            for (_, ty, field) in &record.fields {
                result = mix(result, hash(field, *ty, seed)?, seed);
            }
            result
        }
        Datum::Rare(rare) => match &**rare {
            Rare::Inet(inet) => {
                let mut key = vec![inet.family(), inet.bits];
                key.extend(inet.address());
                bytes(&key, start)
            }
            Rare::Mac(address) => bytes(address, start),
            Rare::Mac8(address) => bytes(address, start),
            Rare::Lsn(value) | Rare::Xid8(value) => word(folded(value.cast_signed()), start),
            Rare::Range(range) => hash_range(range, seed)?,
            Rare::Multirange(multirange) => {
                let mut result = 1;
                for range in &multirange.ranges {
                    result = mix(result, hash_range(range, seed)?, seed);
                }
                result
            }
            Rare::Bits(bits) => {
                let mut key = i32::try_from(bits.len()).unwrap_or(0).to_le_bytes().to_vec();
                key.extend(bits.bytes());
                bytes(&key, start)
            }
            _ => {
                return Err(types::SqlError::new(
                    types::SqlState::UNDEFINED_FUNCTION,
                    format!(
                        "could not identify {} function for type {}",
                        if seed.is_some() { "an extended hash" } else { "a hash" },
                        types::kind::type_name(rare.type_oid())
                    ),
                ));
            }
        },
    };
    Ok(cut(plain, seed))
}

/// Block, in two halves, and offset, as they lie in memory.
fn row_address(tid: &str) -> [u8; 6] {
    let (block, offset) = tid.trim_matches(['(', ')']).split_once(',').unwrap_or_default();
    let (block, offset): (u32, u16) = (block.parse().unwrap_or(0), offset.parse().unwrap_or(0));
    let [a, b, c, d] = block.to_le_bytes();
    let [e, f] = offset.to_le_bytes();
    [c, d, a, b, e, f]
}

fn numeric(value: &Numeric, seed: Option<i64>) -> u64 {
    let start = seed.unwrap_or(0);
    let Some(parts) = to_base_10000(value) else { return start.cast_unsigned() };
    if parts.digits.is_empty() {
        return cut(start.wrapping_sub(1).cast_unsigned(), seed);
    }
    let digits: Vec<u8> = parts.digits.iter().flat_map(|digit| digit.to_le_bytes()).collect();
    cut(bytes(&digits, start) ^ i64::from(parts.weight).cast_unsigned(), seed)
}

fn hash_range(range: &Range, seed: Option<i64>) -> Result<u64> {
    let (mut flags, mut ends) = (0_u32, [0, 0]);
    match &range.bounds {
        None => flags = 1,
        Some((low, high)) => {
            let [low_hash, high_hash] = &mut ends;
            for (bound, out, inclusive, infinite) in
                [(low, low_hash, 0x02, 0x08), (high, high_hash, 0x04, 0x10)]
            {
                flags |= if bound.inclusive { inclusive } else { 0 };
                match &bound.value {
                    Some(value) => *out = hash(value, Oid::INVALID, seed)?,
                    None => flags |= infinite,
                }
            }
        }
    }
    let [low, high] = ends;
    let result = cut(word(flags, seed.unwrap_or(0)), seed) ^ low;
    Ok(rotate(result, seed) ^ high)
}

fn container(hash: u64, flag: u64, seed: Option<i64>) -> u64 {
    match seed {
        Some(_) => hash ^ (flag << 32 | flag),
        None => hash ^ flag,
    }
}

fn hash_json(json: &Json, seed: Option<i64>, hash: &mut u64) {
    let start = seed.unwrap_or(0);
    let mut scalar = |value: u64| *hash = rotate(*hash, seed) ^ cut(value, seed);
    match json {
        Json::Null => scalar(start.wrapping_add(1).cast_unsigned()),
        Json::Bool(value) if start != 0 => scalar(word(u32::from(*value), start)),
        Json::Bool(true) => scalar(2),
        Json::Bool(false) => scalar(4),
        Json::Number(number) => scalar(numeric(number, seed)),
        Json::String(text) => scalar(bytes(text.as_bytes(), start)),
        Json::Array(elements) => {
            *hash = container(*hash, JSON_ARRAY, seed);
            for element in elements {
                hash_json(element, seed, hash);
            }
        }
        Json::Object(object) => {
            *hash = container(*hash, JSON_OBJECT, seed);
            for (key, value) in object.members() {
                *hash = rotate(*hash, seed) ^ cut(bytes(key.as_bytes(), start), seed);
                hash_json(value, seed, hash);
            }
        }
    }
}
