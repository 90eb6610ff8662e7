//! Rows as COPY reads them, from pieces that end anywhere.

use std::borrow::Cow;

use types::{Datum, Oid, Result, SqlError, SqlState};

use super::options::Options;
use super::writer::SIGNATURE;
use crate::session::SessionCx;

/// Most bytes that one row may take.
const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) struct Reader {
    options: Options,
    /// Name, type and modifier of each column of the data.
    columns: Vec<(String, Oid, i32)>,
    relation: String,
    buffer: Vec<u8>,
    /// How much of `buffer` is taken already.
    taken: usize,
    line: usize,
    header_left: bool,
    ended: bool,
}

fn malformed(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

impl Reader {
    pub(super) fn new(
        options: Options,
        columns: Vec<(String, Oid, i32)>,
        relation: String,
    ) -> Reader {
        let header_left = options.header || options.binary;
        Reader {
            options,
            columns,
            relation,
            buffer: Vec::new(),
            taken: 0,
            line: 0,
            header_left,
            ended: false,
        }
    }

    pub(super) fn feed(&mut self, data: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(data);
    }

    /// The next complete row; with `end`, also one that lacks its line end.
    pub(super) fn next_row(&mut self, cx: &SessionCx, end: bool) -> Result<Option<Vec<Datum>>> {
        if self.ended {
            self.taken = self.buffer.len();
            return Ok(None);
        }
        if self.options.binary {
            return self.next_binary(end);
        }
        loop {
            let Some(line) = self.next_line(end)? else { return Ok(None) };
            self.line += 1;
            if std::mem::take(&mut self.header_left) {
                continue;
            }
            if line == b"\\." {
                self.ended = true;
                return Ok(None);
            }
            let text = types::utf8(&line).map_err(|error| error.context(self.context()))?;
            return self.fields(text, cx).map(Some);
        }
    }

    fn context(&self) -> String {
        format!("COPY {}, line {}", self.relation, self.line)
    }

    /// A line without its end. In CSV, a line end inside quotes belongs to the line.
    fn next_line(&mut self, end: bool) -> Result<Option<Vec<u8>>> {
        let rest = &self.buffer[self.taken..];
        let mut quoted = false;
        let mut escaped = false;
        for (i, byte) in rest.iter().enumerate() {
            if self.options.csv {
                if escaped {
                    escaped = false;
                } else if quoted
                    && *byte == self.options.escape
                    && self.options.escape != self.options.quote
                {
                    escaped = true;
                } else if *byte == self.options.quote {
                    quoted = !quoted;
                }
            } else if escaped {
                escaped = false;
                // A backslash before a line end makes the line end data.
                continue;
            } else if *byte == b'\\' {
                escaped = true;
            }
            if *byte == b'\n' && !quoted {
                let mut line = rest[..i].to_vec();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                self.taken += i + 1;
                return Ok(Some(line));
            }
        }
        if rest.len() > ROW_BYTES_MAX {
            return Err(malformed("COPY line is too long").context(self.context()));
        }
        if !end || rest.is_empty() {
            return Ok(None);
        }
        if quoted {
            return Err(malformed("unterminated CSV quoted field").context(self.context()));
        }
        let mut line = rest.to_vec();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.taken = self.buffer.len();
        Ok(Some(line))
    }

    fn fields(&self, line: &str, cx: &SessionCx) -> Result<Vec<Datum>> {
        let fields = if self.options.csv { self.split_csv(line) } else { self.split_text(line)? };
        if fields.len() > self.columns.len() {
            return Err(malformed("extra data after last expected column")
                .context(format!("{}: \"{line}\"", self.context())));
        }
        let mut row = Vec::with_capacity(self.columns.len());
        for (number, (name, ty, typmod)) in self.columns.iter().enumerate() {
            let Some(field) = fields.get(number) else {
                return Err(malformed(format!("missing data for column \"{name}\""))
                    .context(format!("{}: \"{line}\"", self.context())));
            };
            row.push(match field {
                None => Datum::Null,
                Some(text) => types::text::input(*ty, *typmod, text, &cx.settings.format).map_err(
                    |error| error.context(format!("{}, column {name}: \"{text}\"", self.context())),
                )?,
            });
        }
        Ok(row)
    }

    /// Fields of a line in text format. Escapes are taken out; a delimiter behind a backslash is data.
    ///
    /// # Errors
    /// `22021` if escapes make up something that is not UTF-8.
    fn split_text<'l>(&self, line: &'l str) -> Result<Vec<Option<Cow<'l, str>>>> {
        if line.is_empty() && self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let mut fields = Vec::with_capacity(self.columns.len());
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let mut end = start;
            let mut escaped = false;
            while let Some(byte) = bytes.get(end).filter(|byte| **byte != self.options.delimiter) {
                escaped |= *byte == b'\\';
                end += if *byte == b'\\' { 2 } else { 1 };
            }
            // A backslash at the very end stands for itself.
            let end = end.min(bytes.len());
            let raw = line.get(start..end).unwrap_or_default();
            fields.push(match raw == self.options.null {
                true => None,
                false if escaped => Some(Cow::Owned(self.unescape(raw)?)),
                false => Some(Cow::Borrowed(raw)),
            });
            if end == bytes.len() {
                return Ok(fields);
            }
            start = end + 1;
        }
    }

    fn unescape(&self, raw: &str) -> Result<String> {
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
        types::utf8(&value).map_err(|error| error.context(self.context()))?;
        String::from_utf8(value).map_err(|_| SqlError::internal("checked text is not UTF-8"))
    }

    fn split_csv(&self, line: &str) -> Vec<Option<Cow<'static, str>>> {
        let mut fields = Vec::new();
        let mut value: Vec<u8> = Vec::new();
        let (mut quoted, mut was_quoted) = (false, false);
        let mut bytes = line.bytes().peekable();
        let mut finish = |value: &mut Vec<u8>, was_quoted: &mut bool| {
            // Only ASCII characters are taken out of the line: what is left is UTF-8.
            let text = String::from_utf8(std::mem::take(value)).unwrap_or_default();
            let null = !std::mem::take(was_quoted) && text == self.options.null;
            fields.push((!null).then_some(Cow::Owned(text)));
        };
        while let Some(byte) = bytes.next() {
            if quoted {
                if byte == self.options.escape
                    && bytes
                        .peek()
                        .is_some_and(|b| *b == self.options.quote || *b == self.options.escape)
                {
                    value.extend(bytes.next());
                } else if byte == self.options.quote {
                    quoted = false;
                } else {
                    value.push(byte);
                }
            } else if byte == self.options.quote {
                (quoted, was_quoted) = (true, true);
            } else if byte == self.options.delimiter {
                finish(&mut value, &mut was_quoted);
            } else {
                value.push(byte);
            }
        }
        finish(&mut value, &mut was_quoted);
        fields
    }

    fn next_binary(&mut self, end: bool) -> Result<Option<Vec<Datum>>> {
        let mut rest = &self.buffer[self.taken..];
        if self.header_left {
            if rest.len() < SIGNATURE.len() {
                return if end {
                    Err(malformed("COPY file signature not recognized"))
                } else {
                    Ok(None)
                };
            }
            let (head, after) = rest.split_at(SIGNATURE.len());
            if head[..11] != SIGNATURE[..11] {
                return Err(malformed("COPY file signature not recognized"));
            }
            self.header_left = false;
            rest = after;
            self.taken += SIGNATURE.len();
        }
        let before = rest.len();
        match binary_row(&mut rest, &self.columns)? {
            Binary::Row(row) => {
                self.taken += before - rest.len();
                self.line += 1;
                Ok(Some(row))
            }
            Binary::End => {
                self.ended = true;
                self.taken = self.buffer.len();
                Ok(None)
            }
            // The data may end without the mark that says so, as pgx's do.
            Binary::Incomplete if end && before < 2 => Ok(None),
            Binary::Incomplete if end => Err(malformed("unexpected EOF in COPY data")),
            Binary::Incomplete => Ok(None),
        }
    }
}

enum Binary {
    Row(Vec<Datum>),
    End,
    Incomplete,
}

fn binary_row(rest: &mut &[u8], columns: &[(String, Oid, i32)]) -> Result<Binary> {
    let mut at = *rest;
    let Some(count) = take::<2>(&mut at) else { return Ok(Binary::Incomplete) };
    let count = i16::from_be_bytes(count);
    if count == -1 {
        return Ok(Binary::End);
    }
    if usize::try_from(count) != Ok(columns.len()) {
        return Err(malformed(format!("row field count is {count}, expected {}", columns.len())));
    }
    let mut row = Vec::with_capacity(columns.len());
    for (_, ty, typmod) in columns {
        let Some(len) = take::<4>(&mut at) else { return Ok(Binary::Incomplete) };
        let len = i32::from_be_bytes(len);
        if len == -1 {
            row.push(Datum::Null);
            continue;
        }
        let Ok(len) = usize::try_from(len) else {
            return Err(malformed("invalid field size"));
        };
        let Some((value, after)) = at.split_at_checked(len) else {
            return Ok(Binary::Incomplete);
        };
        at = after;
        row.push(types::binary::receive(*ty, *typmod, value)?);
    }
    *rest = at;
    Ok(Binary::Row(row))
}

fn take<const N: usize>(at: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = at.split_first_chunk::<N>()?;
    *at = rest;
    Some(*head)
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
