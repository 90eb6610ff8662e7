//! Rows as COPY reads them, from pieces that end anywhere.

use std::borrow::Cow;
use std::ops::Range;

use types::{Datum, FormatSettings, Oid, Result, SqlError, SqlState};

use super::options::Options;
use super::writer::SIGNATURE;
use crate::chunk::Chunk;

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

    /// Appends the next complete row to `rows`; with `end`, also one that lacks its line end. False if
    /// there is none.
    pub(super) fn next_row(
        &mut self,
        settings: &FormatSettings,
        end: bool,
        rows: &mut Chunk,
    ) -> Result<bool> {
        if self.ended {
            self.taken = self.buffer.len();
            return Ok(false);
        }
        if self.options.binary {
            return self.next_binary(end, rows);
        }
        loop {
            let Some(line) = self.next_line(end)? else { return Ok(false) };
            self.line += 1;
            if std::mem::take(&mut self.header_left) {
                continue;
            }
            let line = self.buffer.get(line).unwrap_or_default();
            if line == b"\\." {
                self.ended = true;
                return Ok(false);
            }
            let text = types::utf8(line).map_err(|error| error.context(self.context()))?;
            rows.push_with(|row| self.fields(text, settings, row))?;
            return Ok(true);
        }
    }

    fn context(&self) -> String {
        format!("COPY {}, line {}", self.relation, self.line)
    }

    /// Where the next line is in the buffer, without its end. In CSV, a line end inside quotes belongs to
    /// the line.
    fn next_line(&mut self, end: bool) -> Result<Option<Range<usize>>> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let (length, quoted) = match self.options.csv {
            true => self.csv_line(rest),
            false => (text_line(rest), false),
        };
        let (line, taken) = match length {
            Some(length) => (length, length + 1),
            None if rest.len() > ROW_BYTES_MAX => {
                return Err(malformed("COPY line is too long").context(self.context()));
            }
            None if !end || rest.is_empty() => return Ok(None),
            None if quoted => {
                self.line += 1;
                let line = String::from_utf8_lossy(rest);
                return Err(malformed("unterminated CSV quoted field")
                    .context(format!("COPY {}, line {}: \"{line}\"", self.relation, self.line)));
            }
            None => (rest.len(), rest.len()),
        };
        let line = match rest.get(..line) {
            Some([before @ .., b'\r']) => before.len(),
            _ => line,
        };
        let start = self.taken;
        self.taken += taken;
        Ok(Some(start..start + line))
    }

    /// How long the line is that `rest` begins with, if it is complete; whether it ends inside quotes.
    fn csv_line(&self, rest: &[u8]) -> (Option<usize>, bool) {
        let Options { quote, escape, .. } = self.options;
        let (mut quoted, mut escaped) = (false, false);
        for (i, byte) in rest.iter().enumerate() {
            if escaped {
                escaped = false;
            } else if quoted && *byte == escape && escape != quote {
                escaped = true;
            } else if *byte == quote {
                quoted = !quoted;
            } else if *byte == b'\n' && !quoted {
                return (Some(i), false);
            }
        }
        (None, quoted)
    }

    /// Appends a line's values to `row`.
    fn fields(&self, line: &str, settings: &FormatSettings, row: &mut Vec<Datum>) -> Result<()> {
        let Options { csv, delimiter, quote, null, .. } = &self.options;
        let special = if *csv { *quote } else { b'\\' };
        if line.as_bytes().contains(&special) || self.columns.is_empty() {
            let fields = if *csv { self.split_csv(line) } else { self.split_text(line)? };
            return self.values(line, fields.iter().map(Option::as_deref), settings, row);
        }
        // Every delimiter ends a field.
        let fields = line.split(char::from(*delimiter));
        self.values(line, fields.map(|field| (field != null).then_some(field)), settings, row)
    }

    fn values<'l>(
        &self,
        line: &str,
        mut fields: impl Iterator<Item = Option<&'l str>> + Clone,
        settings: &FormatSettings,
        row: &mut Vec<Datum>,
    ) -> Result<()> {
        let of_line = |error: SqlError| error.context(format!("{}: \"{line}\"", self.context()));
        let extra = || of_line(malformed("extra data after last expected column"));
        let all = fields.clone();
        for (name, ty, typmod) in &self.columns {
            let value = match fields.next() {
                Some(None) => Ok(Datum::Null),
                Some(Some(text)) => {
                    types::text::input(*ty, *typmod, text, settings).map_err(|error| {
                        error.context(format!("{}, column {name}: \"{text}\"", self.context()))
                    })
                }
                None => Err(of_line(malformed(format!("missing data for column \"{name}\"")))),
            };
            match value {
                Ok(value) => row.push(value),
                // Too many fields are an error before any value is.
                Err(_) if all.count() > self.columns.len() => return Err(extra()),
                Err(error) => return Err(error),
            }
        }
        match fields.next() {
            Some(_) => Err(extra()),
            None => Ok(()),
        }
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

    fn next_binary(&mut self, end: bool, rows: &mut Chunk) -> Result<bool> {
        let mut rest = &self.buffer[self.taken..];
        if self.header_left {
            if rest.len() < SIGNATURE.len() {
                return if end {
                    Err(malformed("COPY file signature not recognized"))
                } else {
                    Ok(false)
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
                rows.push(row);
                self.taken += before - rest.len();
                self.line += 1;
                Ok(true)
            }
            Binary::End => {
                self.ended = true;
                self.taken = self.buffer.len();
                Ok(false)
            }
            // The data may end without the mark that says so, as pgx's do.
            Binary::Incomplete if end && before < 2 => Ok(false),
            Binary::Incomplete if end => Err(malformed("unexpected EOF in COPY data")),
            Binary::Incomplete => Ok(false),
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

/// How long the line of text format is that `rest` begins with, if it is complete. A backslash before a line
/// end makes the line end data.
fn text_line(rest: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'\n', b'\\', rest.get(from..)?)?;
        match rest.get(at) {
            Some(b'\\') => from = at + 2,
            _ => return Some(at),
        }
    }
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
