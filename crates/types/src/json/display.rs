//! Text of `jsonb`.

use std::fmt;

use bytes::{BufMut, BytesMut};

use super::value::Json;
use crate::numeric;

/// Appends a value as PostgreSQL prints it: a blank after each comma and colon.
pub fn display(value: &Json, out: &mut BytesMut) {
    match value {
        Json::Null => out.put_slice(b"null"),
        Json::Bool(value) => out.put_slice(if *value { b"true" } else { b"false" }),
        Json::Number(number) => numeric::display(number, out),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => {
            out.put_u8(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.put_slice(b", ");
                }
                display(item, out);
            }
            out.put_u8(b']');
        }
        Json::Object(object) => {
            out.put_u8(b'{');
            for (i, (key, item)) in object.members().iter().enumerate() {
                if i > 0 {
                    out.put_slice(b", ");
                }
                write_string(key, out);
                out.put_slice(b": ");
                display(item, out);
            }
            out.put_u8(b'}');
        }
    }
}

/// Appends a value over several lines, four blanks a level (`jsonb_pretty`).
pub fn pretty(value: &Json, out: &mut BytesMut) {
    pretty_level(value, 0, out);
}

fn pretty_level(value: &Json, level: usize, out: &mut BytesMut) {
    let line = |level: usize, out: &mut BytesMut| {
        out.put_u8(b'\n');
        out.put_bytes(b' ', level * 4);
    };
    match value {
        Json::Array(items) => {
            out.put_u8(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.put_u8(b',');
                }
                line(level + 1, out);
                pretty_level(item, level + 1, out);
            }
            line(level, out);
            out.put_u8(b']');
        }
        Json::Object(object) => {
            out.put_u8(b'{');
            for (i, (key, item)) in object.members().iter().enumerate() {
                if i > 0 {
                    out.put_u8(b',');
                }
                line(level + 1, out);
                write_string(key, out);
                out.put_slice(b": ");
                pretty_level(item, level + 1, out);
            }
            line(level, out);
            out.put_u8(b'}');
        }
        scalar => display(scalar, out),
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut BytesMut) {
    out.reserve(text.len() + 2);
    out.put_u8(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        let unicode;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0x00..=0x1f => {
                unicode = format!("\\u{byte:04x}");
                unicode.as_bytes()
            }
            _ => continue,
        };
        out.put_slice(bytes.get(start..i).unwrap_or_default());
        out.put_slice(escape);
        start = i + 1;
    }
    out.put_slice(bytes.get(start..).unwrap_or_default());
    out.put_u8(b'"');
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = BytesMut::new();
        display(self, &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
