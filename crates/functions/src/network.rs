//! `inet`, `cidr`, `macaddr`, `macaddr8`.
//!
//! Source: PostgreSQL 16 `network.c`, `mac.c`, `mac8.c`.

use types::rare::inet::{self, Inet};
use types::rare::mac;
use types::{Result, SqlError, SqlState};

use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "inet_abbrev"(a: &Inet) => inet::to_text(a, false);
    "cidr_abbrev"(a: &Inet) => inet::abbreviate_cidr(a);
    "network_show"(a: &Inet) => format!("{}/{}", a.host(), a.bits);
    "network_host"(a: &Inet) => a.host();
    "network_family"(a: &Inet) => if a.v6 { 6 } else { 4 };
    "network_masklen"(a: &Inet) => i32::from(a.bits);
    "network_broadcast"(a: &Inet) => map(a, |octet, mask| octet | !mask);
    "network_network" | "inet_to_cidr"(a: &Inet) => a.network();
    "network_netmask"(a: &Inet) => Inet { bits: a.bits_max(), ..map(a, |_, mask| mask) };
    "network_hostmask"(a: &Inet) => Inet { bits: a.bits_max(), ..map(a, |_, mask| !mask) };
    "inet_set_masklen"(a: &Inet, bits: i32) => Inet { bits: mask_length(a, bits)?, ..*a };
    "cidr_set_masklen"(a: &Inet, bits: i32) => Inet { bits: mask_length(a, bits)?, ..*a }.network();
    "network_sub"(a: &Inet, b: &Inet) => a.bits > b.bits && within(a, b);
    "network_subeq"(a: &Inet, b: &Inet) => a.bits >= b.bits && within(a, b);
    "network_sup"(a: &Inet, b: &Inet) => b.bits > a.bits && within(b, a);
    "network_supeq"(a: &Inet, b: &Inet) => b.bits >= a.bits && within(b, a);
    "network_overlap"(a: &Inet, b: &Inet) => a.v6 == b.v6 && a.same_prefix(b, a.bits.min(b.bits));
    "inetnot"(a: &Inet) => map(a, |octet, _| !octet);
    "inetand"(a: &Inet, b: &Inet) => combine(a, b, "AND", |a, b| a & b)?;
    "inetor"(a: &Inet, b: &Inet) => combine(a, b, "OR", |a, b| a | b)?;
    "inetpl"(a: &Inet, n: i64) => add(a, i128::from(n))?;
    "inetmi_int8"(a: &Inet, n: i64) => add(a, i128::from(n.wrapping_neg()))?;
    "inetmi"(a: &Inet, b: &Inet) => difference(a, b)?;
    "inet_same_family"(a: &Inet, b: &Inet) => a.v6 == b.v6;
    "inet_merge"(a: &Inet, b: &Inet) => {
        if a.v6 != b.v6 {
            return Err(invalid_parameter("cannot merge addresses from different families"));
        }
        let mut bits = a.bits.min(b.bits);
        while bits > 0 && !a.same_prefix(b, bits) {
            bits -= 1;
        }
        Inet { bits, ..*a }.network()
    };
    "macaddr_not"(a: &[u8; 6]) => a.map(|byte| !byte);
    "macaddr_and"(a: &[u8; 6], b: &[u8; 6]) => zip(a, b, |a, b| a & b);
    "macaddr_or"(a: &[u8; 6], b: &[u8; 6]) => zip(a, b, |a, b| a | b);
    "macaddr_trunc"(a: &[u8; 6]) => {
        let [a, b, c, ..] = *a;
        [a, b, c, 0, 0, 0]
    };
    "macaddrtomacaddr8"(a: &[u8; 6]) => mac::widen(*a);
    "macaddr8_not"(a: &[u8; 8]) => a.map(|byte| !byte);
    "macaddr8_and"(a: &[u8; 8], b: &[u8; 8]) => zip(a, b, |a, b| a & b);
    "macaddr8_or"(a: &[u8; 8], b: &[u8; 8]) => zip(a, b, |a, b| a | b);
    "macaddr8_trunc"(a: &[u8; 8]) => {
        let [a, b, c, ..] = *a;
        [a, b, c, 0, 0, 0, 0, 0]
    };
    "macaddr8_set7bit"(a: &[u8; 8]) => {
        let mut a = *a;
        let [first, ..] = &mut a;
        *first |= 2;
        a
    };
    "macaddr8tomacaddr"(a: &[u8; 8]) => mac::narrow(*a)?;
}

fn zip<const N: usize>(a: &[u8; N], b: &[u8; N], each: impl Fn(u8, u8) -> u8) -> [u8; N] {
    let mut out = *a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = each(*out, *b);
    }
    out
}

/// Each octet of an address made from itself and that of the mask.
fn map(a: &Inet, each: impl Fn(u8, u8) -> u8) -> Inet {
    let (mask, len) = (a.mask(), a.octets_len());
    let mut out = *a;
    for (octet, mask) in out.octets.iter_mut().zip(mask).take(len) {
        *octet = each(*octet, mask);
    }
    out
}

fn mask_length(a: &Inet, bits: i32) -> Result<u8> {
    match u8::try_from(bits) {
        _ if bits == -1 => Ok(a.bits_max()),
        Ok(bits) if bits <= a.bits_max() => Ok(bits),
        _ => Err(invalid_parameter(format!("invalid mask length: {bits}"))),
    }
}

fn within(a: &Inet, b: &Inet) -> bool {
    a.v6 == b.v6 && a.same_prefix(b, b.bits)
}

fn combine(a: &Inet, b: &Inet, name: &str, each: impl Fn(u8, u8) -> u8) -> Result<Inet> {
    if a.v6 != b.v6 {
        let message = format!("cannot {name} inet values of different sizes");
        return Err(invalid_parameter(message));
    }
    Ok(Inet { v6: a.v6, bits: a.bits.max(b.bits), octets: zip(&a.octets, &b.octets, each) })
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "result is out of range")
}

/// The address as a number.
fn number(a: &Inet) -> u128 {
    let all = u128::from_be_bytes(a.octets);
    if a.v6 { all } else { all >> 96 }
}

fn add(a: &Inet, n: i128) -> Result<Inet> {
    let sum = number(a).checked_add_signed(n).ok_or_else(out_of_range)?;
    let bits = match a.v6 {
        true => sum,
        false if sum >> 32 == 0 => sum << 96,
        false => return Err(out_of_range()),
    };
    Ok(Inet { octets: bits.to_be_bytes(), ..*a })
}

fn difference(a: &Inet, b: &Inet) -> Result<i64> {
    if a.v6 != b.v6 {
        return Err(invalid_parameter("cannot subtract inet values of different sizes"));
    }
    let difference = number(a).wrapping_sub(number(b)).cast_signed();
    i64::try_from(difference).map_err(|_| out_of_range())
}
