//! Percent encoding as SigV4 wants it: `A–Z a–z 0–9 - _ . ~` stand for themselves, every other
//! byte is `%` and two upper-case hexadecimal digits.

use std::borrow::Cow;

/// `text` encoded; borrowed where nothing had to be.
pub fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unreserved) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    encode_into(&mut encoded, text);
    Cow::Owned(encoded)
}

/// Appends `text` encoded to `out`.
pub fn encode_into(out: &mut String, text: &str) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// `text` decoded; borrowed where nothing was encoded. `+` stands for itself.
///
/// `None` if a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encodes_and_decodes() {
        for (plain, encoded) in [
            ("AZaz09-_.~", "AZaz09-_.~"),
            ("a/b+c==", "a%2Fb%2Bc%3D%3D"),
            (" é", "%20%C3%A9"),
            ("", ""),
        ] {
            assert_eq!(encode(plain), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(plain));
        }
        assert!(matches!(encode("plain"), Cow::Borrowed(_)));
        assert_eq!(decode("%2f+").as_deref(), Some("/+"));
    }

    #[test]
    fn percent_refuses_bad_escapes() {
        for text in ["%", "%2", "%G0", "%0G", "a%", "%é", "%FF", "%C3", "% 1", "%+1"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
