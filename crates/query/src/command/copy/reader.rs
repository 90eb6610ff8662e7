//! Rows as COPY reads them, from pieces that end anywhere.

use std::borrow::Cow;
use std::ops::Range;

use types::{Datum, FormatSettings, Oid, Result, SqlError};

use super::binary::{self, Binary};
use super::fields::Field;
use super::lines::{Lines, malformed};
use super::options::{Header, Options};
use super::writer::SIGNATURE;
use crate::chunk::Chunk;

/// Most bytes that one row may take.
const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a line or a value that a context shows at most.
const SHOWN_BYTES_MAX: usize = 100;

/// A column of the data.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Oid,
    pub(super) typmod: i32,
    pub(super) has_default: bool,
}

/// Where a row comes from.
struct Place {
    line: usize,
    /// In the buffer; nothing in binary data.
    text: Range<usize>,
}

pub(super) struct Reader {
    options: Options,
    columns: Vec<Column>,
    relation: String,
    buffer: Vec<u8>,
    /// How much of `buffer` is taken already.
    taken: usize,
    lines: Lines,
    line: usize,
    header_left: bool,
    ended: bool,
    /// The rows read since [`Reader::forget`]. Their text stays in the buffer, so that errors about
    /// them can show it.
    places: Vec<Place>,
}

impl Reader {
    pub(super) fn new(options: Options, columns: Vec<Column>, relation: String) -> Reader {
        let header_left = options.header != Header::Absent || options.binary;
        Reader {
            lines: Lines::new(&options),
            options,
            columns,
            relation,
            buffer: Vec::new(),
            taken: 0,
            line: 0,
            header_left,
            ended: false,
            places: Vec::new(),
        }
    }

    /// The number of columns of the rows that are read: beside a value for each column one that
    /// says whether the column's default takes its place, if the data may ask for that.
    pub(super) fn width(&self) -> usize {
        self.columns.len() * if self.options.default.is_some() { 2 } else { 1 }
    }

    pub(super) fn feed(&mut self, data: &[u8]) {
        if self.places.is_empty() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(data);
    }

    /// Forgets where the rows came from that were read so far.
    pub(super) fn forget(&mut self) {
        self.places.clear();
    }

    /// Appends the next complete row to `rows`; with `end`, also one that lacks its line end. False if
    /// there is none.
    ///
    /// # Errors
    /// `22P04` for malformed data, and what reading values raises, with their context.
    pub(super) fn next_row(
        &mut self,
        settings: &FormatSettings,
        end: bool,
        rows: &mut Chunk,
    ) -> Result<bool> {
        if self.options.binary {
            return self.next_binary(end, rows);
        }
        loop {
            let Some(text) = self.next_line(end)? else { return Ok(false) };
            let bytes = self.buffer.get(text.clone()).unwrap_or_default();
            let line =
                types::utf8(bytes).map_err(|error| error.context(self.of_line(self.line, None)))?;
            let of_line = |error: SqlError| match error.fields().context {
                Some(_) => error,
                None => error.context(self.of_line(self.line, Some(line))),
            };
            if self.header_left {
                if self.options.header == Header::Match {
                    self.check_header(line).map_err(of_line)?;
                }
                self.header_left = false;
                continue;
            }
            rows.push_with(|row| self.fields(line, settings, row)).map_err(of_line)?;
            self.places.push(Place { line: self.line, text });
            return Ok(true);
        }
    }

    /// The context of an error about one of the rows read since [`Reader::forget`]: its line, and
    /// with `text` what stands there, or in one of the columns.
    pub(super) fn context(&self, row: usize, text: bool, column: Option<usize>) -> String {
        let Some(place) = self.places.get(row) else { return self.of_line(self.line, None) };
        if self.options.binary {
            let column = column.and_then(|at| self.columns.get(at));
            return self.of_column(place.line, column.map(|column| (column, None)));
        }
        let bytes = self.buffer.get(place.text.clone()).unwrap_or_default();
        let line = String::from_utf8_lossy(bytes);
        if let Some((at, column)) = column.and_then(|at| Some((at, self.columns.get(at)?))) {
            let field = self.options.split(&line).ok().and_then(|mut all| {
                (at < all.len()).then(|| self.forced(all.swap_remove(at), column))
            });
            return self.of_column(place.line, Some((column, field)));
        }
        self.of_line(place.line, text.then_some(&line))
    }

    fn of_line(&self, line: usize, text: Option<&str>) -> String {
        match text {
            Some(text) => format!("COPY {}, line {line}: \"{}\"", self.relation, shown(text)),
            None => format!("COPY {}, line {line}", self.relation),
        }
    }

    fn of_column(&self, line: usize, column: Option<(&Column, Option<Field<'_>>)>) -> String {
        let of_line = self.of_line(line, None);
        match column {
            None => of_line,
            Some((column, None)) => format!("{of_line}, column {}", column.name),
            Some((column, Some(Field::Text(text)))) => {
                format!("{of_line}, column {}: \"{}\"", column.name, shown(&text))
            }
            Some((column, Some(_))) => format!("{of_line}, column {}: null input", column.name),
        }
    }

    /// Where the next line is in the buffer, without its end.
    fn next_line(&mut self, end: bool) -> Result<Option<Range<usize>>> {
        if self.ended {
            self.taken = self.buffer.len();
            return Ok(None);
        }
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let line = match self.lines.next(rest, end) {
            Ok(None) if rest.len() > ROW_BYTES_MAX => Err(malformed("COPY line is too long")),
            other => other,
        };
        let Some(line) = line.map_err(|error| error.context(self.of_line(self.line + 1, None)))?
        else {
            return Ok(None);
        };
        self.ended = line.last;
        let start = self.taken;
        self.taken += line.taken;
        if line.last && line.length == 0 {
            return Ok(None);
        }
        self.line += 1 + line.inner_lines;
        Ok(Some(start..start + line.length))
    }

    /// Appends a line's values to `row`.
    fn fields(&self, line: &str, settings: &FormatSettings, row: &mut Vec<Datum>) -> Result<()> {
        if self.columns.is_empty() {
            return match line.is_empty() {
                true => Ok(()),
                false => Err(malformed("extra data after last expected column")),
            };
        }
        if self.options.is_plain(line) {
            return self.values(self.options.plain(line), settings, row);
        }
        self.values(self.options.split(line)?.into_iter(), settings, row)
    }

    fn values<'l>(
        &self,
        mut fields: impl Iterator<Item = Field<'l>> + Clone,
        settings: &FormatSettings,
        row: &mut Vec<Datum>,
    ) -> Result<()> {
        let all = fields.clone();
        let extra = || malformed("extra data after last expected column");
        let mut defaults = Vec::new();
        for column in &self.columns {
            let field = fields.next().map(|field| self.forced(field, column));
            if self.options.default.is_some() {
                defaults.push(Datum::Bool(field == Some(Field::Default)));
            }
            let value = match field {
                Some(Field::Null) => Ok(Datum::Null),
                Some(Field::Default) if column.has_default => Ok(Datum::Null),
                Some(Field::Default) => Err(malformed("unexpected default marker in COPY data")
                    .detail(format!("Column \"{}\" has no default value.", column.name))),
                Some(Field::Text(text)) => {
                    types::text::input(column.ty, column.typmod, &text, settings).map_err(|error| {
                        let field = Some(Field::Text(text));
                        error.context(self.of_column(self.line, Some((column, field))))
                    })
                }
                None => Err(malformed(format!("missing data for column \"{}\"", column.name))),
            };
            match value {
                Ok(value) => row.push(value),
                // Too many fields are an error before any value is.
                Err(_) if all.count() > self.columns.len() => return Err(extra()),
                Err(error) => return Err(error),
            }
        }
        row.extend(defaults);
        match fields.next() {
            Some(_) => Err(extra()),
            None => Ok(()),
        }
    }

    /// A field as `FORCE_NULL` and `FORCE_NOT_NULL` have it.
    fn forced<'l>(&self, field: Field<'l>, column: &Column) -> Field<'l> {
        let Options { force_null, force_not_null, null, .. } = &self.options;
        match field {
            Field::Null if force_not_null.has(&column.name) => {
                Field::Text(Cow::Owned(null.clone()))
            }
            Field::Text(text) if text == *null && force_null.has(&column.name) => Field::Null,
            field => field,
        }
    }

    /// Checks that a header names the columns.
    fn check_header(&self, line: &str) -> Result<()> {
        let fields = self.options.split(line)?;
        if fields.len() != self.columns.len() {
            return Err(malformed(format!(
                "wrong number of fields in header line: got {}, expected {}",
                fields.len(),
                self.columns.len()
            )));
        }
        for (number, (field, column)) in (1..).zip(fields.iter().zip(&self.columns)) {
            let got = match field {
                Field::Text(name) if *name == column.name => continue,
                Field::Text(name) => format!("\"{name}\""),
                Field::Null => format!("null value (\"{}\")", self.options.null),
                Field::Default => {
                    format!("\"{}\"", self.options.default.as_deref().unwrap_or_default())
                }
            };
            return Err(malformed(format!(
                "column name mismatch in header line field {number}: got {got}, expected \"{}\"",
                column.name
            )));
        }
        Ok(())
    }

    fn next_binary(&mut self, end: bool, rows: &mut Chunk) -> Result<bool> {
        if self.ended {
            let left = self.buffer.len() > self.taken;
            self.taken = self.buffer.len();
            return match left {
                true => Err(malformed("received copy data after EOF marker")
                    .context(self.of_line(self.line + 1, None))),
                false => Ok(false),
            };
        }
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
        let mut column = None;
        let row = match binary::row(&mut rest, &self.columns, &mut column) {
            Ok(Binary::Incomplete) if end && before >= 2 => {
                Err(malformed("unexpected EOF in COPY data"))
            }
            row => row,
        };
        let row = row.map_err(|error| {
            error.context(self.of_column(self.line + 1, column.map(|column| (column, None))))
        })?;
        match row {
            Binary::Row(row) => {
                rows.push(row);
                self.taken += before - rest.len();
                self.line += 1;
                self.places.push(Place { line: self.line, text: 0..0 });
                Ok(true)
            }
            Binary::End => {
                self.ended = true;
                self.taken = self.buffer.len();
                Ok(false)
            }
            // The data may end without the mark that says so, as pgx's do.
            Binary::Incomplete => Ok(false),
        }
    }
}

/// A text as a context shows it.
fn shown(text: &str) -> Cow<'_, str> {
    if text.len() <= SHOWN_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let end = (0..=SHOWN_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}...", &text[..end]))
}
