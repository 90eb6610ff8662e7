//! `inet` and `cidr`: held as their canonical text, compared and sent as addresses.
//!
//! Both are run-time types only, so a text in memory is enough; they are never stored or indexed.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};

use crate::int::invalid_syntax;
use crate::reader::Reader;
use crate::{Result, SqlError, SqlState};

/// PostgreSQL's `PGSQL_AF_INET` and `PGSQL_AF_INET6` as sent.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

/// An address with its netmask length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn bits_max(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    fn octets(&self) -> Vec<u8> {
        match self.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }

    /// Whether a bit right of the mask is set.
    fn has_host_bits(&self) -> bool {
        (usize::from(self.bits)..self.octets().len() * 8).any(|i| bit(&self.octets(), i))
    }

    fn to_text(self, cidr: bool) -> String {
        match cidr || self.bits != Network::bits_max(self.address) {
            true => format!("{}/{}", self.address, self.bits),
            false => self.address.to_string(),
        }
    }
}

fn bit(octets: &[u8], i: usize) -> bool {
    octets.get(i / 8).is_some_and(|octet| octet >> (7 - i % 8) & 1 == 1)
}

fn scan(text: &str, cidr: bool) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address = match address.parse() {
        Ok(address) => address,
        // A network may leave octets out that its mask does not cover.
        Err(_) if cidr && bits.is_some() => {
            let missing = 3_usize.checked_sub(address.matches('.').count())?;
            IpAddr::V4(format!("{address}{}", ".0".repeat(missing)).parse().ok()?)
        }
        Err(_) => return None,
    };
    let max = Network::bits_max(address);
    let bits = match bits {
        Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
        Some(_) => return None,
        None => max,
    };
    (bits <= max).then_some(Network { address, bits })
}

/// The canonical text of an `inet` or `cidr`.
///
/// # Errors
/// `22P02`.
pub fn parse(text: &str, cidr: bool) -> Result<String> {
    let name = if cidr { "cidr" } else { "inet" };
    let network = scan(text, cidr).ok_or_else(|| invalid_syntax(name, text))?;
    if cidr && network.has_host_bits() {
        let message = format!("invalid cidr value: \"{text}\"");
        return Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
            .detail("Value has bits set to right of mask."));
    }
    Ok(network.to_text(cidr))
}

/// The order of two canonical texts: family, common network bits, mask length, address.
///
/// Source: PostgreSQL 16 `network_cmp_internal`.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (Some(x), Some(y)) = (scan(a, true), scan(b, true)) else { return a.cmp(b) };
    let common = usize::from(x.bits.min(y.bits));
    let (left, right) = (x.octets(), y.octets());
    x.address
        .is_ipv6()
        .cmp(&y.address.is_ipv6())
        .then_with(|| {
            (0..common)
                .map(|i| bit(&left, i).cmp(&bit(&right, i)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        })
        .then_with(|| x.bits.cmp(&y.bits))
        .then_with(|| left.cmp(&right))
}

/// Appends family, mask length, whether it is a `cidr`, length, and address.
pub(crate) fn send(text: &str, cidr: bool, out: &mut BytesMut) {
    let Some(network) = scan(text, true) else { return };
    let octets = network.octets();
    out.put_u8(if network.address.is_ipv4() { FAMILY_V4 } else { FAMILY_V6 });
    out.put_u8(network.bits);
    out.put_u8(u8::from(cidr));
    out.put_u8(if network.address.is_ipv4() { 4 } else { 16 });
    out.put_slice(&octets);
}

/// Reads what [`send`] wrote.
///
/// # Errors
/// `22P03` if malformed, `08P01` if too short.
pub(crate) fn receive(body: &mut Reader<'_>, cidr: bool) -> Result<String> {
    let name = if cidr { "cidr" } else { "inet" };
    let bad = |what: &str| {
        SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            format!("invalid {what} in external \"{name}\" value"),
        )
    };
    let (family, bits, _, len) = (body.u8()?, body.u8()?, body.u8()?, body.u8()?);
    let address = match (family, len) {
        (FAMILY_V4, 4) => IpAddr::V4(Ipv4Addr::from(body.array::<4>()?)),
        (FAMILY_V6, 16) => IpAddr::V6(Ipv6Addr::from(body.array::<16>()?)),
        (FAMILY_V4 | FAMILY_V6, _) => return Err(bad("length")),
        _ => return Err(bad("address family")),
    };
    if bits > Network::bits_max(address) {
        return Err(bad("bits"));
    }
    let network = Network { address, bits };
    if cidr && network.has_host_bits() {
        return Err(SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            "invalid external \"cidr\" value",
        )
        .detail("Value has bits set to right of mask."));
    }
    Ok(network.to_text(cidr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_order() {
        assert_eq!(parse("192.168.1.5/24", false).unwrap(), "192.168.1.5/24");
        assert_eq!(parse("192.168.1.5/32", false).unwrap(), "192.168.1.5");
        assert_eq!(parse("10/8", true).unwrap(), "10.0.0.0/8");
        assert_eq!(parse("::FFFF:1.2.3.4", false).unwrap(), "::ffff:1.2.3.4");
        assert_eq!(
            parse("192.168.1.5/24", true).unwrap_err().message(),
            "invalid cidr value: \"192.168.1.5/24\""
        );
        assert!(parse("1.2.3", false).is_err());
        assert!(parse("1.2.3.4/33", false).is_err());
        let sorted = ["1.2.3.0/24", "1.2.3.4", "1.2.4.0/24", "10.0.0.0/8", "::1"];
        assert!(sorted.is_sorted_by(|a, b| compare(a, b).is_lt()));
    }

    #[test]
    fn wire() {
        let mut out = BytesMut::new();
        send("10.0.0.0/8", true, &mut out);
        assert_eq!(&out[..], [2, 8, 1, 4, 10, 0, 0, 0]);
        assert_eq!(receive(&mut Reader(&out), true).unwrap(), "10.0.0.0/8");
    }
}
