//! The fields of a line, in text and in CSV format.
//!
//! Source: PostgreSQL 16 `CopyReadAttributesText`, `CopyReadAttributesCSV`.

use std::borrow::Cow;

use types::{Result, SqlError};

use super::lines::malformed;
use super::options::Options;

/// What stands for a column's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field<'l> {
    Null,
    Default,
    Text(Cow<'l, str>),
}

impl Options {
    /// Whether fields of a line are what stands between its delimiters.
    pub(super) fn is_plain(&self, line: &str) -> bool {
        let special = if self.csv { self.quote } else { b'\\' };
        memchr::memchr(special, line.as_bytes()).is_none()
    }

    /// The fields of a line, as [`Options::is_plain`] says that it is.
    pub(super) fn plain<'l>(&self, line: &'l str) -> impl Iterator<Item = Field<'l>> + Clone {
        let (null, default) = (self.null.as_str(), self.default.as_deref());
        line.split(char::from(self.delimiter)).map(move |field| match field {
            _ if field == null => Field::Null,
            _ if Some(field) == default => Field::Default,
            _ => Field::Text(Cow::Borrowed(field)),
        })
    }

    /// The fields of any line.
    ///
    /// # Errors
    /// `22P04`; `22021` if escapes make up something that is not UTF-8.
    pub(super) fn split<'l>(&self, line: &'l str) -> Result<Vec<Field<'l>>> {
        if self.csv { self.split_csv(line) } else { self.split_text(line) }
    }

    /// The field that `raw` stands for, if it has a meaning of its own.
    fn marked(&self, raw: &str) -> Option<Field<'static>> {
        match raw {
            _ if raw == self.null => Some(Field::Null),
            _ if Some(raw) == self.default.as_deref() => Some(Field::Default),
            _ => None,
        }
    }

    /// Escapes are taken out; a delimiter behind a backslash is data.
    fn split_text<'l>(&self, line: &'l str) -> Result<Vec<Field<'l>>> {
        let mut fields = Vec::new();
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let mut end = start;
            let mut escaped = false;
            while let Some(byte) = bytes.get(end).filter(|byte| **byte != self.delimiter) {
                escaped |= *byte == b'\\';
                end += if *byte == b'\\' { 2 } else { 1 };
            }
            let last = end >= bytes.len();
            // A backslash at the very end is nothing.
            let end = if end > bytes.len() { bytes.len() - 1 } else { end };
            let raw = line.get(start..end).unwrap_or_default();
            fields.push(match self.marked(raw) {
                Some(marked) => marked,
                None if escaped => Field::Text(Cow::Owned(unescape(raw)?)),
                None => Field::Text(Cow::Borrowed(raw)),
            });
            if last {
                return Ok(fields);
            }
            start = end + 1;
        }
    }

    fn split_csv<'l>(&self, line: &'l str) -> Result<Vec<Field<'l>>> {
        let mut fields = Vec::new();
        let bytes = line.as_bytes();
        let mut at = 0;
        loop {
            let start = at;
            let mut value: Vec<u8> = Vec::new();
            let mut was_quoted = false;
            let next = |at: &mut usize| {
                let byte = bytes.get(*at).copied();
                *at += usize::from(byte.is_some());
                byte
            };
            let last = loop {
                match next(&mut at) {
                    None => break true,
                    Some(byte) if byte == self.delimiter => break false,
                    Some(byte) if byte == self.quote => {
                        was_quoted = true;
                        loop {
                            let Some(byte) = next(&mut at) else {
                                return Err(malformed("unterminated CSV quoted field"));
                            };
                            let behind = bytes.get(at).copied();
                            let escapes = byte == self.escape
                                && behind.is_some_and(|b| b == self.escape || b == self.quote);
                            if escapes {
                                value.extend(next(&mut at));
                            } else if byte == self.quote {
                                break;
                            } else {
                                value.push(byte);
                            }
                        }
                    }
                    Some(byte) => value.push(byte),
                }
            };
            let raw = line.get(start..at - usize::from(!last)).unwrap_or_default();
            fields.push(match self.marked(raw) {
                Some(Field::Null) if was_quoted => Field::Text(Cow::Borrowed("")),
                Some(marked) => marked,
                // Only ASCII characters are taken out of the line: what is left is UTF-8.
                None => Field::Text(Cow::Owned(String::from_utf8(value).unwrap_or_default())),
            });
            if last {
                return Ok(fields);
            }
        }
    }
}

fn unescape(raw: &str) -> Result<String> {
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let next = match byte {
            b'\\' => bytes.next(),
            _ => None,
        };
        value.push(match next {
            None => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(digit @ b'0'..=b'7') => {
                let mut code = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = bytes.next_if(|byte| matches!(byte, b'0'..=b'7')) else {
                        break;
                    };
                    code = code * 8 + u32::from(digit - b'0');
                }
                (code & 0xff).to_le_bytes()[0]
            }
            Some(b'x') => hex(&mut bytes).unwrap_or(b'x'),
            Some(other) => other,
        });
    }
    types::utf8(&value)?;
    String::from_utf8(value).map_err(|_| SqlError::internal("checked text is not UTF-8"))
}

fn hex(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> Option<u8> {
    let mut code: Option<u8> = None;
    for _ in 0..2 {
        let digit = bytes.peek().and_then(|byte| char::from(*byte).to_digit(16));
        let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
        bytes.next();
        code = Some(code.unwrap_or(0) * 16 + digit);
    }
    code
}
