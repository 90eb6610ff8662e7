//! A checked cursor over foreign bytes.

use crate::{Result, SqlError, SqlState};

/// Reads big-endian values off the front of a byte slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// `08P01` with PostgreSQL's text.
pub(crate) fn insufficient_data() -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len).ok_or_else(insufficient_data)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(insufficient_data)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// `22P03` if anything is left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.0 {
            [] => Ok(()),
            _ => Err(SqlError::new(
                SqlState::INVALID_BINARY_REPRESENTATION,
                "incorrect binary data format",
            )),
        }
    }
}

/// `bytes` as text.
///
/// # Errors
/// `22021` for anything but UTF-8, and for the byte 00, with PostgreSQL's text.
///
/// Source: PostgreSQL 16 `pg_verify_mbstr`, `report_invalid_encoding`.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    let bad = |at: usize| {
        let lead = bytes.get(at).copied().unwrap_or(0);
        let len = match lead {
            0..=0xbf => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        let shown: Vec<String> =
            bytes.iter().skip(at).take(len).map(|byte| format!("0x{byte:02x}")).collect();
        SqlError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
        )
    };
    let text = std::str::from_utf8(bytes).map_err(|error| bad(error.valid_up_to()))?;
    if !bytes.contains(&0) {
        return Ok(text);
    }
    Err(bad(bytes.iter().position(|byte| *byte == 0).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_errors_show_the_bytes() {
        assert_eq!(utf8("äß".as_bytes()).unwrap(), "äß");
        let message = |bytes| utf8(bytes).unwrap_err().message().to_owned();
        assert_eq!(message(b"a\xff"), "invalid byte sequence for encoding \"UTF8\": 0xff");
        assert_eq!(
            message(b"\xe2(\xa1"),
            "invalid byte sequence for encoding \"UTF8\": 0xe2 0x28 0xa1"
        );
        assert_eq!(message(b"a\0"), "invalid byte sequence for encoding \"UTF8\": 0x00");
    }
}
