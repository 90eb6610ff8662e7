//! Job identifiers as clients see them: RFC 4648 base 32, lower case, without padding.

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 26 characters for 16 bytes.
pub(crate) fn text_id(id: [u8; 16]) -> String {
    let value = u128::from_be_bytes(id);
    (0..26)
        .map(|i| {
            // 26 × 5 = 130 bits: the last character has two zero bits at its end.
            let shift = 123i32 - i * 5;
            let bits = if shift >= 0 { value >> shift } else { value << -shift };
            char::from(BASE32[usize::try_from(bits & 31).unwrap_or(0)])
        })
        .collect()
}

/// The inverse of [`text_id`].
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 {
        return None;
    }
    let mut value: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let digit = BASE32.iter().position(|known| *known == byte.to_ascii_lowercase())?;
        let digit = u128::try_from(digit).ok()?;
        if i == 25 {
            value = (value << 3) | (digit >> 2);
        } else {
            value = (value << 5) | digit;
        }
    }
    Some(value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_id_round_trips() {
        assert_eq!(text_id([0xff; 16]), "77777777777777777777777774");
        for id in [[0; 16], [0xff; 16], *b"0123456789abcdef"] {
            assert_eq!(parse_id(&text_id(id)), Some(id));
        }
        assert_eq!(parse_id("not an id"), None);
        assert_eq!(parse_id("!!!!!!!!!!!!!!!!!!!!!!!!!!"), None);
    }
}
