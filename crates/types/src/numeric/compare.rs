//! Order, equality and hashing by value: scale does not matter, NaN is the greatest.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;

use super::repr::{POW10, pow10};
use crate::Numeric;

impl Ord for Numeric {
    fn cmp(&self, other: &Numeric) -> Ordering {
        use Numeric::{Big, Small};
        match (self, other) {
            (Small { unscaled: a, scale: s }, Small { unscaled: b, scale: t }) => {
                compare_small(*a, *s, *b, *t)
            }
            (Small { .. } | Big(_), Small { .. } | Big(_)) => compare_big(self, other),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

fn rank(value: &Numeric) -> u8 {
    match value {
        Numeric::NegInfinity => 0,
        Numeric::Small { .. } | Numeric::Big(_) => 1,
        Numeric::PosInfinity => 2,
        Numeric::NaN => 3,
    }
}

fn compare_small(a: i64, s: u16, b: i64, t: u16) -> Ordering {
    if s == t {
        return a.cmp(&b);
    }
    if a.signum() != b.signum() || a == 0 {
        return a.cmp(&b);
    }
    let (low, high, up, flip) = if s < t { (a, b, t - s, false) } else { (b, a, s - t, true) };
    let order = match POW10.get(usize::from(up)) {
        Some(&power) => (i128::from(low) * i128::from(power)).cmp(&i128::from(high)),
        // 10^19 times anything but zero is beyond every i64.
        None => low.cmp(&0),
    };
    if flip { order.reverse() } else { order }
}

fn compare_big(a: &Numeric, b: &Numeric) -> Ordering {
    let by_sign = a.signum().cmp(&b.signum());
    if by_sign.is_ne() {
        return by_sign;
    }
    let (Some((a, s)), Some((b, t))) = (a.to_parts(), b.to_parts()) else {
        return Ordering::Equal;
    };
    match s.cmp(&t) {
        Ordering::Equal => a.cmp(&b),
        Ordering::Less => (a * pow10(u32::from(t - s))).cmp(&b),
        Ordering::Greater => a.cmp(&(b * pow10(u32::from(s - t)))),
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Numeric) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Numeric) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Numeric {}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.trimmed() {
            Numeric::Small { unscaled, scale } => (unscaled, scale).hash(state),
            Numeric::Big(parts) => (&parts.0, parts.1).hash(state),
            special => rank(&special).hash(state),
        }
    }
}

impl Numeric {
    /// The same value with the smallest scale that is exact (PostgreSQL's `trim_scale`).
    pub fn trimmed(&self) -> Numeric {
        match self {
            Numeric::Small { unscaled: 0, .. } => Numeric::ZERO,
            Numeric::Small { unscaled, scale } => {
                let (mut unscaled, mut scale) = (*unscaled, *scale);
                while scale > 0 && unscaled % 10 == 0 {
                    unscaled /= 10;
                    scale -= 1;
                }
                Numeric::Small { unscaled, scale }
            }
            Numeric::Big(parts) => {
                let text = parts.0.to_string();
                let zeros = text.bytes().rev().take_while(|&b| b == b'0').count();
                let drop = u16::try_from(zeros).unwrap_or(u16::MAX).min(parts.1);
                if drop == 0 {
                    return self.clone();
                }
                let unscaled: BigInt = &parts.0 / pow10(u32::from(drop));
                Numeric::from_big(unscaled, parts.1 - drop)
            }
            _ => self.clone(),
        }
    }
}
