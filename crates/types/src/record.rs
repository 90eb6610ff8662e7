//! Text of row values.

use bytes::{BufMut, BytesMut};

use crate::{FormatSettings, Record, text};

/// Appends a row value: `(1,"a b",)`.
///
/// Source: PostgreSQL 16 `record_out`.
pub fn write(record: &Record, settings: &FormatSettings, out: &mut BytesMut) {
    out.put_u8(b'(');
    let mut field = BytesMut::new();
    for (i, (_, type_oid, value)) in record.fields.iter().enumerate() {
        if i > 0 {
            out.put_u8(b',');
        }
        if value.is_null() {
            continue;
        }
        field.clear();
        text::output(value, *type_oid, settings, &mut field);
        let special =
            |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b',' | b' ' | b'\t'..=b'\r');
        if !field.is_empty() && !field.iter().any(special) {
            out.put_slice(&field);
            continue;
        }
        out.put_u8(b'"');
        for &byte in &field {
            if matches!(byte, b'"' | b'\\') {
                out.put_u8(byte);
            }
            out.put_u8(byte);
        }
        out.put_u8(b'"');
    }
    out.put_u8(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Datum, oid};

    #[test]
    fn quoting() {
        let field = |value: Datum| (std::sync::Arc::from("f"), oid::TEXT, value);
        let record = Record {
            type_oid: oid::RECORD,
            fields: vec![
                field(Datum::text("a")),
                field(Datum::Null),
                field(Datum::text("")),
                field(Datum::text("b \"c\\")),
                field(Datum::text("(x)")),
            ],
        };
        let mut out = BytesMut::new();
        write(&record, &FormatSettings::default(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), r#"(a,,"","b ""c\\","(x)")"#);
    }
}
