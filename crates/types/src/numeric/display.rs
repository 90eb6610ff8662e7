//! Decimal text of a [`Numeric`].

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::Numeric;

/// Appends the text PostgreSQL prints.
pub fn write(value: &Numeric, out: &mut BytesMut) {
    match value {
        Numeric::NaN => out.put_slice(b"NaN"),
        Numeric::PosInfinity => out.put_slice(b"Infinity"),
        Numeric::NegInfinity => out.put_slice(b"-Infinity"),
        Numeric::Small { unscaled, scale: 0 } => {
            out.put_slice(itoa::Buffer::new().format(*unscaled).as_bytes());
        }
        Numeric::Small { unscaled, scale } => {
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(unscaled.unsigned_abs());
            write_digits(*unscaled < 0, digits, *scale, out);
        }
        Numeric::Big(parts) => {
            let negative = parts.0.sign() == num_bigint::Sign::Minus;
            write_digits(negative, &parts.0.magnitude().to_string(), parts.1, out);
        }
    }
}

fn write_digits(negative: bool, digits: &str, scale: u16, out: &mut BytesMut) {
    let scale = usize::from(scale);
    out.reserve(digits.len() + scale + 3);
    if negative {
        out.put_u8(b'-');
    }
    if scale == 0 {
        out.put_slice(digits.as_bytes());
        return;
    }
    match digits.len().checked_sub(scale) {
        None | Some(0) => {
            out.put_slice(b"0.");
            out.put_bytes(b'0', scale - digits.len());
            out.put_slice(digits.as_bytes());
        }
        Some(point) => {
            let (integral, fraction) = digits.split_at(point);
            out.put_slice(integral.as_bytes());
            out.put_u8(b'.');
            out.put_slice(fraction.as_bytes());
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = BytesMut::new();
        write(self, &mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
