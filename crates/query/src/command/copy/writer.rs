//! Rows as COPY writes them.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use catalog::Catalog;
use catalog::objects::ObjectId;
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, SqlError};

use super::options::{Header, Options};
use crate::chunk::Chunk;
use crate::session::{CopyFormat, Format};

/// What binary COPY data begins with: signature, flags, header extension length.
pub(super) const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Columns and how they are written. Whatever it gives is a message for each element.
pub(super) struct Writer {
    pub(super) options: Options,
    pub(super) types: Vec<Oid>,
    pub(super) names: Vec<String>,
    pub(super) settings: FormatSettings,
    /// Where the names that `reg…` values print as are looked up.
    pub(super) catalog: Arc<Catalog>,
    pub(super) search_path: Vec<ObjectId>,
    /// Of binary data, until something was given: PostgreSQL sends it in one message with the first
    /// row, or with the end, and clients take that message apart.
    pub(super) signature: &'static [u8],
}

impl Writer {
    pub(super) fn format(&self) -> CopyFormat {
        let format = if self.options.binary { Format::Binary } else { Format::Text };
        CopyFormat { format, columns: self.types.len() }
    }

    /// What comes before the first row.
    pub(super) fn start(&self) -> Vec<Bytes> {
        if self.options.binary || self.options.header == Header::Absent {
            return Vec::new();
        }
        let mut out = BytesMut::new();
        for (i, name) in self.names.iter().enumerate() {
            if i > 0 {
                out.put_u8(self.options.delimiter);
            }
            self.field(name.as_bytes(), false, &mut out);
        }
        out.put_u8(b'\n');
        vec![out.freeze()]
    }

    /// What comes after the last row.
    pub(super) fn end(&mut self) -> Vec<Bytes> {
        if !self.options.binary {
            return Vec::new();
        }
        let signature = std::mem::take(&mut self.signature);
        vec![[signature, &[0xff, 0xff]].concat().into()]
    }

    /// Rows, all in one allocation.
    ///
    /// # Errors
    /// `XX000` for a value that is too long.
    pub(super) fn rows(&mut self, chunk: &Chunk) -> Result<Vec<Bytes>> {
        let mut out = BytesMut::from(std::mem::take(&mut self.signature));
        let mut text = BytesMut::new();
        let mut ends = Vec::with_capacity(chunk.len());
        for row in chunk.rows() {
            self.row(row, &mut text, &mut out)?;
            ends.push(out.len());
        }
        let all = out.freeze();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Ok(starts.zip(&ends).map(|(start, end)| all.slice(start..*end)).collect())
    }

    fn row(&self, row: &[Datum], text: &mut BytesMut, out: &mut BytesMut) -> Result<()> {
        if self.options.binary {
            let count =
                i16::try_from(row.len()).map_err(|_| SqlError::internal("too many columns"))?;
            out.put_i16(count);
            for (value, ty) in row.iter().zip(&self.types) {
                if value.is_null() {
                    out.put_i32(-1);
                    continue;
                }
                let start = out.len();
                out.put_i32(0);
                crate::system::send(&self.catalog, value, *ty, out);
                let len = i32::try_from(out.len() - start - 4)
                    .map_err(|_| SqlError::internal("value too long"))?;
                out[start..start + 4].copy_from_slice(&len.to_be_bytes());
            }
            return Ok(());
        }
        let columns = self.types.iter().zip(&self.names);
        for (i, (value, (ty, name))) in row.iter().zip(columns).enumerate() {
            if i > 0 {
                out.put_u8(self.options.delimiter);
            }
            if value.is_null() {
                out.put_slice(self.options.null.as_bytes());
                continue;
            }
            text.clear();
            if crate::system::prints_names(*ty) {
                let name = crate::system::reg_output(*ty, value, &self.catalog, &self.search_path);
                text.put_slice(name.as_bytes());
            } else {
                types::text::output(value, *ty, &self.settings, text);
                types::memory::check(text.len())?;
            }
            self.field(text, self.options.force_quote.has(name), out);
        }
        out.put_u8(b'\n');
        Ok(())
    }

    fn field(&self, text: &[u8], force_quote: bool, out: &mut BytesMut) {
        let options = &self.options;
        if options.csv {
            let special = |b: &u8| {
                *b == options.delimiter || *b == options.quote || matches!(b, b'\n' | b'\r')
            };
            let quoted = force_quote
                || text == options.null.as_bytes()
                || (self.types.len() == 1 && text == b"\\.")
                || text.iter().any(special);
            if !quoted {
                return out.put_slice(text);
            }
            out.put_u8(options.quote);
            for byte in text {
                if *byte == options.quote || *byte == options.escape {
                    out.put_u8(options.escape);
                }
                out.put_u8(*byte);
            }
            return out.put_u8(options.quote);
        }
        for byte in text {
            match byte {
                b'\\' => out.put_slice(b"\\\\"),
                0x08 => out.put_slice(b"\\b"),
                0x0c => out.put_slice(b"\\f"),
                b'\n' => out.put_slice(b"\\n"),
                b'\r' => out.put_slice(b"\\r"),
                b'\t' => out.put_slice(b"\\t"),
                0x0b => out.put_slice(b"\\v"),
                byte if *byte == options.delimiter => out.put_slice(&[b'\\', *byte]),
                byte => out.put_u8(*byte),
            }
        }
    }
}
