//! The element `Condition`.
//!
//! ```text
//!     [ForAllValues:|ForAnyValue:] operator [IfExists] : { key : value or values }
//! ```
//!
//! Several operators and several keys must all be true. Of several values one must match; for the
//! negated operators none may.

use std::net::IpAddr;

use super::Context;
use super::pattern::Pattern;
use crate::AmzTime;

/// One operator on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) key: String,
    pub(super) operator: Operator,
    pub(super) set: SetOperator,
    pub(super) if_exists: bool,
    pub(super) values: Vec<Pattern>,
}

/// How a key of several values is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetOperator {
    /// Without a prefix.
    One,
    ForAllValues,
    ForAnyValue,
}

/// How values are compared, and whether the outcome is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) compare: Compare,
    pub(super) negated: bool,
}

/// How one value is compared with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator of this name, without prefix and `IfExists`.
    pub(super) fn parse(name: &str) -> Option<Operator> {
        use Order::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let (compare, negated) = match name {
            "StringEquals" => (Compare::StringEquals, false),
            "StringNotEquals" => (Compare::StringEquals, true),
            "StringEqualsIgnoreCase" => (Compare::StringEqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Compare::StringEqualsIgnoreCase, true),
            "StringLike" => (Compare::StringLike, false),
            "StringNotLike" => (Compare::StringLike, true),
            "NumericEquals" => (Compare::Numeric(Equal), false),
            "NumericNotEquals" => (Compare::Numeric(Equal), true),
            "NumericLessThan" => (Compare::Numeric(Less), false),
            "NumericLessThanEquals" => (Compare::Numeric(LessOrEqual), false),
            "NumericGreaterThan" => (Compare::Numeric(Greater), false),
            "NumericGreaterThanEquals" => (Compare::Numeric(GreaterOrEqual), false),
            "DateEquals" => (Compare::Date(Equal), false),
            "DateNotEquals" => (Compare::Date(Equal), true),
            "DateLessThan" => (Compare::Date(Less), false),
            "DateLessThanEquals" => (Compare::Date(LessOrEqual), false),
            "DateGreaterThan" => (Compare::Date(Greater), false),
            "DateGreaterThanEquals" => (Compare::Date(GreaterOrEqual), false),
            "Bool" => (Compare::Bool, false),
            "BinaryEquals" => (Compare::Binary, false),
            "IpAddress" => (Compare::Ip, false),
            "NotIpAddress" => (Compare::Ip, true),
            "ArnEquals" | "ArnLike" => (Compare::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Compare::Arn, true),
            "Null" => (Compare::Null, false),
            _ => return None,
        };
        Some(Operator { compare, negated })
    }
}

impl Condition {
    /// Whether the condition is true of a request.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let values = context.get(&self.key);
        if self.operator.compare == Compare::Null {
            let is_null = if values.is_none() { "true" } else { "false" };
            return self.values.iter().any(|wanted| {
                wanted.text(context).is_some_and(|wanted| wanted.eq_ignore_ascii_case(is_null))
            });
        }
        let Some(values) = values else {
            return match self.set {
                // Of no values every statement is true, and none is one of them.
                SetOperator::ForAllValues => true,
                SetOperator::ForAnyValue => self.if_exists,
                // What is not there is different from everything.
                SetOperator::One => self.if_exists || self.operator.negated,
            };
        };
        let satisfies = |value: &String| {
            let is_one = self
                .values
                .iter()
                .any(|wanted| self.operator.compare.holds(value, wanted, context).unwrap_or(false));
            is_one != self.operator.negated
        };
        match (self.set, self.operator.negated) {
            (SetOperator::ForAllValues, _) | (SetOperator::One, true) => {
                values.iter().all(satisfies)
            }
            (SetOperator::ForAnyValue, _) | (SetOperator::One, false) => {
                values.iter().any(satisfies)
            }
        }
    }
}

impl Compare {
    /// Whether the request's `value` matches the policy's; `None` if one is not of the kind.
    fn holds(self, value: &str, wanted: &Pattern, context: &Context) -> Option<bool> {
        let text = || wanted.text(context);
        Some(match self {
            Compare::StringEquals => text()? == value,
            Compare::StringEqualsIgnoreCase => text()?.to_lowercase() == value.to_lowercase(),
            Compare::StringLike => wanted.matches(value, context),
            Compare::Arn => wanted.matches_arn(value, context),
            Compare::Numeric(order) => order.holds(number(value)?, number(&text()?)?),
            Compare::Date(order) => order.holds(seconds(value)?, seconds(&text()?)?),
            Compare::Bool => boolean(value)? == boolean(&text()?)?,
            Compare::Binary => text()?.trim_end_matches('=') == value.trim_end_matches('='),
            Compare::Ip => in_network(value.parse().ok()?, &text()?)?,
            Compare::Null => false,
        })
    }
}

impl Order {
    fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Order::Equal => a == b,
            Order::Less => a < b,
            Order::LessOrEqual => a <= b,
            Order::Greater => a > b,
            Order::GreaterOrEqual => a >= b,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// ISO 8601 in one of W3C's forms (`2026`, `2026-10`, `2026-10-01`, `2026-10-01T12:00:00Z` with
/// fractions and offsets), or seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = parts.next()?;
    let (month, day) = (parts.next().unwrap_or("01"), parts.next().unwrap_or("01"));
    let midnight = AmzTime::parse(&format!("{year}{month}{day}T000000Z"))?.unix();
    if parts.next().is_some() {
        return None;
    }
    let Some(time) = time else { return Some(midnight) };
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = (&time[..zone], &time[zone..]);
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let seconds = two_digits(hours, 23)? * 3600 + two_digits(minutes, 59)? * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let mut parts = clock.split(':');
    let hour = two_digits(parts.next()?, 23)?;
    let minute = two_digits(parts.next()?, 59)?;
    let second = parts.next().map_or(Some(0), |text| two_digits(text, 59))?;
    Some(midnight + hour * 3600 + minute * 60 + second - offset)
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= max)
}

/// Whether `address` is in `network`, an address or one with the length of its prefix.
fn in_network(address: IpAddr, network: &str) -> Option<bool> {
    let (network, bits) = match network.split_once('/') {
        Some((network, bits)) => (network, Some(bits.parse::<u32>().ok()?)),
        None => (network, None),
    };
    let network: IpAddr = network.parse().ok()?;
    Some(match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let bits = bits.unwrap_or(32);
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let bits = bits.unwrap_or(128);
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn condition_dates() {
        for (text, expected) in [
            ("1970", Some(0)),
            ("1970-01-02", Some(86_400)),
            ("2026-10", Some(1_790_812_800)),
            ("2026-10-01T12:00:00Z", Some(1_790_856_000)),
            ("2026-10-01T14:00:00.5+02:00", Some(1_790_856_000)),
            ("2026-10-01T10:00-02:00", Some(1_790_856_000)),
            ("1790856000", Some(1_790_856_000)),
            ("2026-10-01T12:00:00", None),
            ("2026-13-01", None),
            ("2026-10-01-01", None),
            ("yesterday", None),
            ("", None),
            ("é", None),
            ("2026-10-01T12:00:00+é", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn condition_networks() {
        let check = |address: &str, network: &str| in_network(address.parse().unwrap(), network);
        assert_eq!(check("10.1.2.3", "10.0.0.0/8"), Some(true));
        assert_eq!(check("11.1.2.3", "10.0.0.0/8"), Some(false));
        assert_eq!(check("11.1.2.3", "0.0.0.0/0"), Some(true));
        assert_eq!(check("10.1.2.3", "10.1.2.3"), Some(true));
        assert_eq!(check("::ffff:10.1.2.3", "10.1.2.3/32"), Some(true));
        assert_eq!(check("2001:db8::1", "2001:db8::/32"), Some(true));
        assert_eq!(check("2001:db9::1", "2001:db8::/32"), Some(false));
        assert_eq!(check("2001:db9::1", "::/0"), Some(true));
        assert_eq!(check("2001:db8::1", "10.0.0.0/8"), Some(false));
        assert_eq!(check("10.1.2.3", "10.0.0.0/33"), None);
        assert_eq!(check("10.1.2.3", "10.0.0/8"), None);
    }
}
