//! Text of row values.

use bytes::{BufMut, BytesMut};

use crate::{FormatSettings, Record, Result, SqlError, SqlState, memory, text};

/// Appends a row value: `(1,"a b",)`.
///
/// Source: PostgreSQL 16 `record_out`.
pub fn write(record: &Record, settings: &FormatSettings, out: &mut BytesMut) {
    let start = out.len();
    out.put_u8(b'(');
    let mut field = BytesMut::new();
    for (i, (_, type_oid, value)) in record.fields.iter().enumerate() {
        if out.len() - start > memory::STATEMENT_MAX {
            return;
        }
        if i > 0 {
            out.put_u8(b',');
        }
        if value.is_null() {
            continue;
        }
        field.clear();
        text::output(value, *type_oid, settings, &mut field);
        if field.len() > memory::STATEMENT_MAX {
            // Each level of nesting doubles the quotes: nobody takes so long a text.
            out.truncate(start);
            out.unsplit(field);
            return;
        }
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

/// The fields of the text of a row value of `width` columns; `None` are NULLs.
///
/// # Errors
/// `22P02` for a text that is no row, or one of another width.
///
/// Source: PostgreSQL 16 `record_in`.
pub fn split(text: &str, width: usize) -> Result<Vec<Option<String>>> {
    let malformed = |detail: &str| {
        let message = format!("malformed record literal: \"{text}\"");
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let mut rest = text
        .trim_start_matches(is_space)
        .strip_prefix('(')
        .ok_or_else(|| malformed("Missing left parenthesis."))?
        .chars()
        .peekable();
    let mut fields = Vec::with_capacity(width);
    for number in 0..width {
        if number > 0 && rest.next_if_eq(&',').is_none() {
            return Err(malformed("Too few columns."));
        }
        fields.push(match rest.peek() {
            Some(',' | ')') => None,
            _ => {
                let field = read_field(&mut rest);
                Some(field.ok_or_else(|| malformed("Unexpected end of input."))?)
            }
        });
    }
    if rest.next() != Some(')') {
        return Err(malformed("Too many columns."));
    }
    if !rest.all(is_space) {
        return Err(malformed("Junk after right parenthesis."));
    }
    Ok(fields)
}

/// The text of a field, up to the `,` or `)` behind it; `None` if the text ends before.
fn read_field(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut field = String::new();
    let mut quoted = false;
    loop {
        match rest.peek() {
            Some(',' | ')') if !quoted => return Some(field),
            _ => {}
        }
        match rest.next()? {
            '\\' => field.push(rest.next()?),
            '"' if !quoted => quoted = true,
            '"' if rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = false,
            c => field.push(c),
        }
    }
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
