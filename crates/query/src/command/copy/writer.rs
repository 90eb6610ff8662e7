//! Rows as COPY writes them.

use bytes::{BufMut, Bytes, BytesMut};
use types::settings::FormatSettings;
use types::{Datum, Oid, Result, SqlError};

use super::options::Options;

/// What binary COPY data begins with: signature, flags, header extension length.
pub(super) const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

pub(super) struct Writer<'a> {
    pub(super) options: &'a Options,
    pub(super) types: &'a [Oid],
    pub(super) settings: &'a FormatSettings,
}

impl Writer<'_> {
    /// What comes before the first row.
    pub(super) fn start(&self, names: &[&str]) -> Option<Bytes> {
        if self.options.binary {
            return Some(Bytes::from_static(SIGNATURE));
        }
        if !self.options.header {
            return None;
        }
        let mut out = BytesMut::new();
        for (i, name) in names.iter().enumerate() {
            if i > 0 {
                out.put_u8(self.options.delimiter);
            }
            self.field(name.as_bytes(), &mut out);
        }
        out.put_u8(b'\n');
        Some(out.freeze())
    }

    /// What comes after the last row.
    pub(super) fn end(&self) -> Option<Bytes> {
        self.options.binary.then(|| Bytes::from_static(&[0xff, 0xff]))
    }

    pub(super) fn row(&self, row: &[Datum]) -> Result<Bytes> {
        let mut out = BytesMut::new();
        if self.options.binary {
            let count =
                i16::try_from(row.len()).map_err(|_| SqlError::internal("too many columns"))?;
            out.put_i16(count);
            for (value, ty) in row.iter().zip(self.types) {
                if value.is_null() {
                    out.put_i32(-1);
                    continue;
                }
                let start = out.len();
                out.put_i32(0);
                types::binary::send(value, *ty, &mut out);
                let len = i32::try_from(out.len() - start - 4)
                    .map_err(|_| SqlError::internal("value too long"))?;
                out[start..start + 4].copy_from_slice(&len.to_be_bytes());
            }
            return Ok(out.freeze());
        }
        let mut text = BytesMut::new();
        for (i, (value, ty)) in row.iter().zip(self.types).enumerate() {
            if i > 0 {
                out.put_u8(self.options.delimiter);
            }
            if value.is_null() {
                out.put_slice(self.options.null.as_bytes());
                continue;
            }
            text.clear();
            types::text::output(value, *ty, self.settings, &mut text);
            self.field(&text, &mut out);
        }
        out.put_u8(b'\n');
        Ok(out.freeze())
    }

    fn field(&self, text: &[u8], out: &mut BytesMut) {
        let options = self.options;
        if options.csv {
            let special = |b: &u8| {
                *b == options.delimiter || *b == options.quote || matches!(b, b'\n' | b'\r')
            };
            let quoted =
                text == options.null.as_bytes() || text == b"\\." || text.iter().any(special);
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
