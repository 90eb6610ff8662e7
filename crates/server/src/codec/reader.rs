//! A checked cursor over the body of one message.
#![warn(clippy::indexing_slicing)]

use types::{Oid, Result, SqlError, SqlState, utf8};

/// What is left to read of a message's body.
///
/// Every error is `08P01` with PostgreSQL's text (`pqformat.c`), unless a method says otherwise.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn u8(&mut self) -> Result<u8> {
        let (&byte, rest) =
            self.0.split_first().ok_or_else(|| violation("no data left in message"))?;
        self.0 = rest;
        Ok(byte)
    }

    /// A count: 16 bits, without sign as PostgreSQL reads it.
    ///
    /// # Errors
    /// At the end.
    pub fn count(&mut self) -> Result<usize> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    /// A 16-bit integer.
    ///
    /// # Errors
    /// At the end.
    pub fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// At the end.
    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// An object id.
    ///
    /// # Errors
    /// At the end.
    pub fn oid(&mut self) -> Result<Oid> {
        self.array().map(|bytes| Oid(u32::from_be_bytes(bytes)))
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(insufficient)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A length and that many bytes; −1 is NULL.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Ok(None),
            len => self.bytes(usize::try_from(len).map_err(|_| insufficient())?).map(Some),
        }
    }

    /// A string up to its zero byte.
    ///
    /// # Errors
    /// If there is no zero byte; `22021` if the string is not UTF-8.
    pub fn cstr(&mut self) -> Result<&'a str> {
        let end = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .ok_or_else(|| violation("invalid string in message"))?;
        let text = self.bytes(end)?;
        self.u8()?;
        utf8(text)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// The end of the message.
    ///
    /// # Errors
    /// If something is left.
    pub fn finish(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(violation("invalid message format")) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(insufficient)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

/// `08P01`: the client does not keep to the protocol.
pub(crate) fn violation(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::PROTOCOL_VIOLATION, message)
}

fn insufficient() -> SqlError {
    violation("insufficient data left in message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_takes_fields_in_order() {
        let mut reader = Reader(b"\x01\xff\xfe\x80\0\0\0\0\0\0\x19");
        assert_eq!(reader.u8().unwrap(), 1);
        assert_eq!(reader.i16().unwrap(), -2);
        assert_eq!(reader.i32().unwrap(), i32::MIN);
        assert_eq!(reader.oid().unwrap(), Oid(25));
        reader.finish().unwrap();
    }

    #[test]
    fn reader_reads_values_and_strings() {
        let mut reader = Reader(b"\0\0\0\x02ab\xff\xff\xff\xffhej\0\0\x02rest");
        assert_eq!(reader.value().unwrap(), Some(b"ab".as_slice()));
        assert_eq!(reader.value().unwrap(), None);
        assert_eq!(reader.cstr().unwrap(), "hej");
        assert_eq!(reader.count().unwrap(), 2);
        assert!(reader.finish().is_err());
        assert_eq!(reader.rest(), b"rest");
        reader.finish().unwrap();
    }

    #[test]
    fn reader_errors() {
        let check = |result: Result<()>, code: &str, message: &str| {
            let error = result.unwrap_err();
            assert_eq!((error.code().as_str(), error.message()), (code, message));
        };
        check(Reader(b"").u8().map(drop), "08P01", "no data left in message");
        check(Reader(b"\0\0\0").i32().map(drop), "08P01", "insufficient data left in message");
        check(
            Reader(b"\0\0\0\x05abc").value().map(drop),
            "08P01",
            "insufficient data left in message",
        );
        check(
            Reader(b"\xff\xff\xff\xfeabc").value().map(drop),
            "08P01",
            "insufficient data left in message",
        );
        check(Reader(b"abc").cstr().map(drop), "08P01", "invalid string in message");
        check(
            Reader(b"a\xffc\0").cstr().map(drop),
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0xff",
        );
        check(Reader(b"x").finish(), "08P01", "invalid message format");
    }
}
