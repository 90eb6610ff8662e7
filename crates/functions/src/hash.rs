//! PostgreSQL's hash functions, bit for bit: `hashtext` and its like are used to partition work.
//!
//! Source: PostgreSQL 16 `src/common/hashfn.c` (Jenkins' lookup3), `hashfunc.c`.

use types::datetime::MICROS_PER_DAY;
use types::strings::trim_blanks;
use types::{Interval, TimeTz};

use crate::convert::{Char, OidValue, Time, Timestamp, Uuid, scalars};

scalars! { pub(crate) const TABLE =
    "hashint2"(a: i16) => low(word(i32::from(a).cast_unsigned(), 0));
    "hashint4"(a: i32) => low(word(a.cast_unsigned(), 0));
    "hashint8"(a: i64) => low(word(folded(a), 0));
    "hashoid"(a: OidValue) => low(word(a.0, 0));
    "hashchar"(a: Char) => low(word(i32::from(a.0.cast_signed()).cast_unsigned(), 0));
    "hashfloat4"(a: f32) => low(float(a.into(), 0).unwrap_or(0));
    "hashfloat8"(a: f64) => low(float(a, 0).unwrap_or(0));
    "hashtext" | "hashname"(a: &str) => low(bytes(a.as_bytes(), 0));
    "hashbpchar"(a: &str) => low(bytes(trim_blanks(a).as_bytes(), 0));
    "uuid_hash"(a: Uuid) => low(bytes(&a.0, 0));
    "time_hash"(a: Time) => low(word(folded(a.0), 0));
    "timestamp_hash"(a: Timestamp) => low(word(folded(a.0), 0));
    "timetz_hash"(a: TimeTz) => low(word(folded(a.micros), 0)) ^ low(word(a.zone.cast_unsigned(), 0));
    "interval_hash"(a: Interval) => low(word(folded(span(a)), 0));
    "hashint2extended"(a: i16, seed: i64) => word(i32::from(a).cast_unsigned(), seed).cast_signed();
    "hashint4extended"(a: i32, seed: i64) => word(a.cast_unsigned(), seed).cast_signed();
    "hashint8extended"(a: i64, seed: i64) => word(folded(a), seed).cast_signed();
    "hashoidextended"(a: OidValue, seed: i64) => word(a.0, seed).cast_signed();
    "hashcharextended"(a: Char, seed: i64) => word(i32::from(a.0.cast_signed()).cast_unsigned(), seed).cast_signed();
    "hashfloat4extended"(a: f32, seed: i64) => float(a.into(), seed).map_or(seed, u64::cast_signed);
    "hashfloat8extended"(a: f64, seed: i64) => float(a, seed).map_or(seed, u64::cast_signed);
    "hashtextextended" | "hashnameextended"(a: &str, seed: i64) => bytes(a.as_bytes(), seed).cast_signed();
    "hashbpcharextended"(a: &str, seed: i64) => bytes(trim_blanks(a).as_bytes(), seed).cast_signed();
    "uuid_hash_extended"(a: Uuid, seed: i64) => bytes(&a.0, seed).cast_signed();
    "time_hash_extended"(a: Time, seed: i64) => word(folded(a.0), seed).cast_signed();
    "timestamp_hash_extended"(a: Timestamp, seed: i64) => word(folded(a.0), seed).cast_signed();
    "interval_hash_extended"(a: Interval, seed: i64) => word(folded(span(a)), seed).cast_signed();
}

/// The three words of lookup3's state.
struct State {
    a: u32,
    b: u32,
    c: u32,
}

impl State {
    fn new(len: usize, seed: i64) -> State {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let start = 0x9e37_79b9_u32.wrapping_add(len).wrapping_add(3_923_095);
        let mut state = State { a: start, b: start, c: start };
        if seed != 0 {
            let [high @ .., e, f, g, h] = seed.to_be_bytes();
            state.a = state.a.wrapping_add(u32::from_be_bytes(high));
            state.b = state.b.wrapping_add(u32::from_be_bytes([e, f, g, h]));
            state.mix();
        }
        state
    }

    fn mix(&mut self) {
        let State { a, b, c } = self;
        *a = a.wrapping_sub(*c) ^ c.rotate_left(4);
        *c = c.wrapping_add(*b);
        *b = b.wrapping_sub(*a) ^ a.rotate_left(6);
        *a = a.wrapping_add(*c);
        *c = c.wrapping_sub(*b) ^ b.rotate_left(8);
        *b = b.wrapping_add(*a);
        *a = a.wrapping_sub(*c) ^ c.rotate_left(16);
        *c = c.wrapping_add(*b);
        *b = b.wrapping_sub(*a) ^ a.rotate_left(19);
        *a = a.wrapping_add(*c);
        *c = c.wrapping_sub(*b) ^ b.rotate_left(4);
        *b = b.wrapping_add(*a);
    }

    /// The 64-bit hash; its low half is the 32-bit one.
    fn finish(mut self) -> u64 {
        let State { a, b, c } = &mut self;
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(14));
        *a = (*a ^ *c).wrapping_sub(c.rotate_left(11));
        *b = (*b ^ *a).wrapping_sub(a.rotate_left(25));
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(16));
        *a = (*a ^ *c).wrapping_sub(c.rotate_left(4));
        *b = (*b ^ *a).wrapping_sub(a.rotate_left(14));
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
        u64::from(self.b) << 32 | u64::from(self.c)
    }
}

pub(crate) fn bytes(key: &[u8], seed: i64) -> u64 {
    let mut state = State::new(key.len(), seed);
    let (chunks, rest) = key.as_chunks::<12>();
    for [a, b, c, d, e, f, g, h, i, j, k, l] in chunks {
        state.a = state.a.wrapping_add(u32::from_le_bytes([*a, *b, *c, *d]));
        state.b = state.b.wrapping_add(u32::from_le_bytes([*e, *f, *g, *h]));
        state.c = state.c.wrapping_add(u32::from_le_bytes([*i, *j, *k, *l]));
        state.mix();
    }
    for (index, byte) in rest.iter().enumerate() {
        let byte = u32::from(*byte);
        // The lowest byte of `c` is the length's.
        match index {
            0..4 => state.a = state.a.wrapping_add(byte << (8 * index)),
            4..8 => state.b = state.b.wrapping_add(byte << (8 * (index - 4))),
            _ => state.c = state.c.wrapping_add(byte << (8 * (index - 7))),
        }
    }
    state.finish()
}

pub(crate) fn word(key: u32, seed: i64) -> u64 {
    let mut state = State::new(4, seed);
    state.a = state.a.wrapping_add(key);
    state.finish()
}

#[expect(clippy::cast_possible_truncation, reason = "the hash is the low half")]
fn low(hash: u64) -> i32 {
    (hash as u32).cast_signed()
}

/// A `bigint` folded so that it hashes as a smaller integer of the same value does.
#[expect(clippy::cast_possible_truncation, reason = "takes the halves")]
pub(crate) fn folded(value: i64) -> u32 {
    let bits = value.cast_unsigned();
    let (high, low) = ((bits >> 32) as u32, bits as u32);
    low ^ if value >= 0 { high } else { !high }
}

/// `None` for zero, whose hash is 0 or the seed, whatever its sign.
pub(crate) fn float(value: f64, seed: i64) -> Option<u64> {
    let value = if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value };
    (value != 0.0).then(|| bytes(&value.to_le_bytes(), seed))
}

/// The interval as its order sees it, cut to 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "PostgreSQL cuts it too")]
pub(crate) fn span(a: Interval) -> i64 {
    let days = i128::from(a.months) * 30 + i128::from(a.days);
    (days * i128::from(MICROS_PER_DAY) + i128::from(a.micros)) as i64
}
