//! Lengths and precisions of types.

use types::Oid;
use types::oid::*;

use crate::builtin;
use crate::system::fill::RowWriter;

/// Lengths and precisions of a type with its modifier.
///
/// Source: PostgreSQL 16 `_pg_char_max_length` and its like, `information_schema.sql`.
#[derive(Default)]
pub(super) struct Sizes {
    characters: Option<i32>,
    octets: Option<i32>,
    precision: Option<i32>,
    radix: Option<i32>,
    scale: Option<i32>,
    datetime: Option<i32>,
    interval: Option<String>,
}

impl Sizes {
    /// Sets the columns that tell them.
    pub(super) fn set(&self, row: &mut RowWriter<'_>) {
        row.set("character_maximum_length", self.characters)
            .set("character_octet_length", self.octets)
            .set("numeric_precision", self.precision)
            .set("numeric_precision_radix", self.radix)
            .set("numeric_scale", self.scale)
            .set("datetime_precision", self.datetime)
            .set("interval_type", self.interval.as_ref());
    }

    pub(super) fn of(ty: Oid, typmod: i32) -> Sizes {
        /// The length word that the modifiers of these types count in.
        const VARHDRSZ: i32 = 4;
        /// The most bytes that a UTF-8 character has.
        const CHARACTER_BYTES: i32 = 4;
        const NO_LIMIT: i32 = 1 << 30;
        const BIT: Oid = Oid(1560);
        const VARBIT: Oid = Oid(1562);
        let mut sizes = Sizes::default();
        let integer = |bits| Sizes {
            precision: Some(bits),
            radix: Some(2),
            scale: Some(0),
            ..Sizes::default()
        };
        match ty {
            BPCHAR | VARCHAR => {
                sizes.characters = (typmod != -1).then_some(typmod - VARHDRSZ);
                sizes.octets = Some(match sizes.characters {
                    Some(characters) => characters * CHARACTER_BYTES,
                    None => NO_LIMIT,
                });
            }
            TEXT => sizes.octets = Some(NO_LIMIT),
            BIT | VARBIT => sizes.characters = (typmod != -1).then_some(typmod),
            INT2 => return integer(16),
            INT4 => return integer(32),
            INT8 => return integer(64),
            NUMERIC => {
                sizes.radix = Some(10);
                if typmod != -1 {
                    sizes.precision = Some(((typmod - VARHDRSZ) >> 16) & 0xffff);
                    sizes.scale = Some((typmod - VARHDRSZ) & 0xffff);
                }
            }
            FLOAT4 => (sizes.precision, sizes.radix) = (Some(24), Some(2)),
            FLOAT8 => (sizes.precision, sizes.radix) = (Some(53), Some(2)),
            DATE => sizes.datetime = Some(0),
            TIME | TIMETZ | TIMESTAMP | TIMESTAMPTZ => {
                sizes.datetime = Some(if typmod < 0 { 6 } else { typmod });
            }
            INTERVAL => {
                let unset = typmod < 0 || typmod & 0xffff == 0xffff;
                sizes.datetime = Some(if unset { 6 } else { typmod & 0xffff });
                // ` day to second(3)`, but nothing for `(3)` alone.
                sizes.interval = builtin::typmod_suffix(ty, typmod)
                    .strip_prefix(' ')
                    .map(str::to_ascii_uppercase);
            }
            _ => {}
        }
        sizes
    }
}
