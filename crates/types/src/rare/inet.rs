//! `inet` and `cidr`.
//!
//! Source: PostgreSQL 16 `network.c`, `src/port/inet_net_ntop.c`, `inet_net_pton.c`.

use std::cmp::Ordering;
use std::net::Ipv6Addr;

use bytes::{BufMut, BytesMut};

use crate::int::invalid_syntax;
use crate::reader::Reader;
use crate::{Result, SqlError, SqlState};

/// PostgreSQL's `PGSQL_AF_INET` and `PGSQL_AF_INET6` as sent.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

/// An address with its netmask length. A `cidr` has no bits right of the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inet {
    /// Whether it is an IPv6 address.
    pub v6: bool,
    /// Netmask length: at most 32 or 128.
    pub bits: u8,
    /// The address in network byte order; of an IPv4 address the first four bytes count, the
    /// others are 0.
    pub octets: [u8; 16],
}

impl Inet {
    /// Greatest netmask length.
    pub fn bits_max(&self) -> u8 {
        if self.v6 { 128 } else { 32 }
    }

    /// Bytes of the address.
    pub fn octets_len(&self) -> usize {
        if self.v6 { 16 } else { 4 }
    }

    /// The address's bytes.
    pub fn address(&self) -> &[u8] {
        self.octets.get(..self.octets_len()).unwrap_or_default()
    }

    /// `PGSQL_AF_INET` or `PGSQL_AF_INET6`.
    pub fn family(&self) -> u8 {
        if self.v6 { FAMILY_V6 } else { FAMILY_V4 }
    }

    /// The mask as octets, whose first `bits` bits are set.
    pub fn mask(&self) -> [u8; 16] {
        let mut mask = [0; 16];
        for (at, octet) in mask.iter_mut().enumerate() {
            let left = usize::from(self.bits).saturating_sub(at * 8).min(8);
            *octet = if left == 0 { 0 } else { 0xff << (8 - left) };
        }
        mask
    }

    /// The network: no bits right of the mask.
    #[must_use]
    pub fn network(mut self) -> Inet {
        let mask = self.mask();
        for (octet, mask) in self.octets.iter_mut().zip(mask) {
            *octet &= mask;
        }
        self
    }

    /// Whether the first `bits` bits are those of `other`.
    pub fn same_prefix(&self, other: &Inet, bits: u8) -> bool {
        let cut = |inet: &Inet| Inet { bits, ..*inet }.network().octets;
        cut(self) == cut(other)
    }

    /// The address without its mask.
    pub fn host(&self) -> String {
        if self.v6 { v6_text(&self.octets) } else { v4_text(&self.octets) }
    }
}

fn v4_text(octets: &[u8]) -> String {
    let shown: Vec<String> = octets.iter().take(4).map(u8::to_string).collect();
    shown.join(".")
}

/// The 16-bit words of an IPv6 address.
fn words(octets: &[u8; 16]) -> [u16; 8] {
    Ipv6Addr::from(*octets).segments()
}

fn v6_text(octets: &[u8; 16]) -> String {
    let words = words(octets);
    // The first of the longest runs of zeros.
    let (mut best_start, mut best_len) = (0, 0);
    let mut at = 0;
    while at < 8 {
        let len = words.iter().skip(at).take_while(|word| **word == 0).count();
        if len > best_len {
            (best_start, best_len) = (at, len);
        }
        at += len.max(1);
    }
    if best_len < 2 {
        best_len = 0;
    }
    let mut out = String::new();
    for (at, word) in words.iter().enumerate() {
        if best_len > 0 && (best_start..best_start + best_len).contains(&at) {
            if at == best_start {
                out.push(':');
            }
            continue;
        }
        if at > 0 {
            out.push(':');
        }
        let embedded = at == 6
            && best_len > 0
            && best_start == 0
            && (best_len == 6
                || best_len == 7 && words.get(7) != Some(&1)
                || best_len == 5 && words.get(5) == Some(&0xffff));
        if embedded {
            out += &v4_text(octets.get(12..).unwrap_or_default());
            return out;
        }
        out += &format!("{word:x}");
    }
    if best_len > 0 && best_start + best_len == 8 {
        out.push(':');
    }
    out
}

/// The short form of a `cidr`: octets that the mask does not cover are left out.
pub fn abbreviate_cidr(inet: &Inet) -> String {
    let bits = usize::from(inet.bits);
    if !inet.v6 {
        let covered = inet.network().octets;
        let shown: Vec<String> = match bits {
            0 => vec!["0".into()],
            bits => covered.iter().take(bits.div_ceil(8)).map(u8::to_string).collect(),
        };
        return format!("{}/{bits}", shown.join("."));
    }
    if bits == 0 {
        return "::/0".into();
    }
    let octets = inet.network().octets;
    let all = words(&octets);
    let count = bits.div_ceil(16).max(2);
    let (mut zero_start, mut zero_len, mut run_start, mut run_len) = (0, 0, 0, 0);
    for (at, word) in all.iter().take(count).enumerate() {
        if *word == 0 {
            if run_len == 0 {
                run_start = at;
            }
            run_len += 1;
        } else if run_len > 0 && zero_len < run_len {
            (zero_start, zero_len, run_len) = (run_start, run_len, 0);
        }
    }
    if run_len > 0 && zero_len < run_len {
        (zero_start, zero_len) = (run_start, run_len);
    }
    let byte = |at: usize| octets.get(at).copied().unwrap_or(0);
    let embedded = zero_len != count
        && zero_start == 0
        && (zero_len == 6
            || zero_len == 5 && byte(10) == 0xff && byte(11) == 0xff
            || zero_len == 7 && byte(14) != 0 && byte(15) != 1);
    let mut out = String::new();
    for (at, word) in all.iter().take(count).enumerate() {
        if zero_len > 0 && (zero_start..zero_start + zero_len).contains(&at) {
            if at == zero_start {
                out.push(':');
            }
            if at == count - 1 {
                out.push(':');
            }
        } else if embedded && at > 5 {
            out.push(if at == 6 { ':' } else { '.' });
            out += &byte(at * 2).to_string();
            // The last octet is left out if the mask does not cover it.
            if at != 7 || bits > 120 {
                out.push('.');
                out += &byte(at * 2 + 1).to_string();
            }
        } else {
            if !out.is_empty() {
                out.push(':');
            }
            out += &format!("{word:x}");
        }
    }
    format!("{out}/{bits}")
}

/// Octets and netmask of an IPv4 address; `cidr` guesses the mask from the address's class.
fn scan_v4(text: &str, cidr: bool) -> Option<Inet> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let mut given = Vec::new();
    if let Some(hex) = address.strip_prefix("0x").or_else(|| address.strip_prefix("0X"))
        && cidr
        && hex.starts_with(|c: char| c.is_ascii_hexdigit())
    {
        let digits: Option<Vec<u8>> =
            hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
        for pair in digits?.chunks(2) {
            given.push(match pair {
                [high, low] => high << 4 | low,
                [high] => high << 4,
                _ => return None,
            });
        }
    } else {
        for octet in address.split('.') {
            if octet.is_empty() || !octet.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let digits = octet.trim_start_matches('0');
            given.push(if digits.is_empty() { 0 } else { digits.parse().ok()? });
        }
    }
    if given.len() > 4 {
        return None;
    }
    let mut bits = match mask {
        Some(mask) => {
            if mask.is_empty() || !mask.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let digits = mask.trim_start_matches('0');
            Some(if digits.is_empty() { 0 } else { digits.parse::<usize>().ok()? })
        }
        None => None,
    };
    if bits.is_some_and(|bits| bits > 32) {
        return None;
    }
    if cidr {
        bits = bits.or_else(|| {
            let class = match given.first()? {
                240.. => 32,
                224.. => 8,
                192.. => 24,
                128.. => 16,
                _ => 8,
            };
            // A mask narrower than the octets given grows to cover them.
            let grown = class.max(given.len() * 8);
            Some(if grown == 8 && given.first() == Some(&224) { 4 } else { grown })
        });
    } else {
        match bits {
            None if given.len() == 4 => bits = Some(32),
            None => return None,
            // Longer than what was given of the address.
            Some(bits) if bits > 0 && (bits - 1) / 8 >= given.len() => return None,
            Some(_) => {}
        }
    }
    let mut octets = [0; 16];
    for (octet, given) in octets.iter_mut().zip(given) {
        *octet = given;
    }
    Some(Inet { v6: false, bits: u8::try_from(bits?).ok()?, octets })
}

fn scan_v6(text: &str) -> Option<Inet> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let bits = match mask {
        Some("0") => 0,
        Some(mask) if mask.starts_with('0') => return None,
        Some(mask) if mask.bytes().all(|byte| byte.is_ascii_digit()) => mask.parse().ok()?,
        Some(_) => return None,
        None => 128,
    };
    let address: Ipv6Addr = address.parse().ok()?;
    (bits <= 128).then_some(Inet { v6: true, bits, octets: address.octets() })
}

/// Reads an `inet` or `cidr`.
///
/// # Errors
/// `22P02`.
pub fn parse(text: &str, cidr: bool) -> Result<Inet> {
    let name = if cidr { "cidr" } else { "inet" };
    let scanned = if text.contains(':') { scan_v6(text) } else { scan_v4(text, cidr) };
    let inet = scanned.ok_or_else(|| invalid_syntax(name, text))?;
    if cidr && inet != inet.network() {
        let message = format!("invalid cidr value: \"{text}\"");
        return Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
            .detail("Value has bits set to right of mask."));
    }
    Ok(inet)
}

/// The text of an `inet`, or of a `cidr`, which always shows its mask.
pub fn to_text(inet: &Inet, cidr: bool) -> String {
    match cidr || inet.bits != inet.bits_max() {
        true => format!("{}/{}", inet.host(), inet.bits),
        false => inet.host(),
    }
}

/// Family, common network bits, mask length, address.
///
/// Source: PostgreSQL 16 `network_cmp_internal`.
impl Ord for Inet {
    fn cmp(&self, other: &Inet) -> Ordering {
        let bits = self.bits.min(other.bits);
        let cut = |inet: &Inet| Inet { bits, ..*inet }.network().octets;
        self.v6
            .cmp(&other.v6)
            .then_with(|| cut(self).cmp(&cut(other)))
            .then_with(|| self.bits.cmp(&other.bits))
            .then_with(|| self.octets.cmp(&other.octets))
    }
}

impl PartialOrd for Inet {
    fn partial_cmp(&self, other: &Inet) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Appends family, mask length, whether it is a `cidr`, length, and address.
pub(super) fn send(inet: &Inet, cidr: bool, out: &mut BytesMut) {
    out.put_u8(inet.family());
    out.put_u8(inet.bits);
    out.put_u8(u8::from(cidr));
    out.put_u8(if inet.v6 { 16 } else { 4 });
    out.put_slice(inet.address());
}

/// Reads what [`send`] wrote.
///
/// # Errors
/// `22P03` if malformed, `08P01` if too short.
pub(super) fn receive(body: &mut Reader<'_>, cidr: bool) -> Result<Inet> {
    let name = if cidr { "cidr" } else { "inet" };
    let bad = |what: &str| {
        SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            format!("invalid {what} in external \"{name}\" value"),
        )
    };
    let family = body.u8()?;
    let v6 = match family {
        FAMILY_V4 => false,
        FAMILY_V6 => true,
        _ => return Err(bad("address family")),
    };
    let bits = body.u8()?;
    let mut inet = Inet { v6, bits, octets: [0; 16] };
    if bits > inet.bits_max() {
        return Err(bad("bits"));
    }
    body.u8()?;
    if usize::from(body.u8()?) != inet.octets_len() {
        return Err(bad("length"));
    }
    for octet in inet.octets.iter_mut().take(if v6 { 16 } else { 4 }) {
        *octet = body.u8()?;
    }
    if cidr && inet != inet.network() {
        return Err(SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            "invalid external \"cidr\" value",
        )
        .detail("Value has bits set to right of mask."));
    }
    Ok(inet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_order() {
        let shown = |text, cidr| to_text(&parse(text, cidr).unwrap(), cidr);
        assert_eq!(shown("192.168.1.5/24", false), "192.168.1.5/24");
        assert_eq!(shown("10.1", true), "10.1.0.0/16");
        assert_eq!(shown("192.168", true), "192.168.0.0/24");
        assert_eq!(shown("::ffff:1.2.3.4", false), "::ffff:1.2.3.4");
        assert_eq!(shown("1::", false), "1::");
        assert_eq!(
            parse("192.168.1.5/24", true).unwrap_err().message(),
            "invalid cidr value: \"192.168.1.5/24\""
        );
        assert!(parse("1.2.3", false).is_err());
        assert!(parse("1.2.3.4/33", false).is_err());
        let sorted = ["1.2.3.0/24", "1.2.3.4", "1.2.4.0/24", "10.0.0.0/8", "::1"];
        assert!(sorted.map(|text| parse(text, false).unwrap()).is_sorted());
    }

    #[test]
    fn wire() {
        let mut out = BytesMut::new();
        send(&parse("10.0.0.0/8", true).unwrap(), true, &mut out);
        assert_eq!(&out[..], [2, 8, 1, 4, 10, 0, 0, 0]);
        let read = receive(&mut Reader(&out), true).unwrap();
        assert_eq!(to_text(&read, true), "10.0.0.0/8");
    }
}
