//! What the server says. Each function appends one whole message.

use bytes::{BufMut, BytesMut};
use query::{CommandTag, CopyFormat, Field, Format, TransactionStatus};
use types::{Oid, SqlError};

/// `R` 0: the client is who it says it is.
pub fn authentication_ok(out: &mut BytesMut) {
    message(out, b'R', |out| out.put_i32(0));
}

/// `R` 3: asks for the password, which is a token.
pub fn authentication_cleartext_password(out: &mut BytesMut) {
    message(out, b'R', |out| out.put_i32(3));
}

/// `K`: what a cancel request must name.
pub fn backend_key_data(out: &mut BytesMut, process_id: u32, secret: u32) {
    message(out, b'K', |out| {
        out.put_u32(process_id);
        out.put_u32(secret);
    });
}

/// `2`.
pub fn bind_complete(out: &mut BytesMut) {
    message(out, b'2', |_| ());
}

/// `3`.
pub fn close_complete(out: &mut BytesMut) {
    message(out, b'3', |_| ());
}

/// `C`: a statement is done.
pub fn command_complete(out: &mut BytesMut, tag: &CommandTag) {
    message(out, b'C', |out| {
        out.put_slice(tag.name().as_bytes());
        if let Some(rows) = tag.rows() {
            out.put_u8(b' ');
            out.put_slice(itoa::Buffer::new().format(rows).as_bytes());
        }
        out.put_u8(0);
    });
}

/// `d`: a piece of COPY data.
pub fn copy_data(out: &mut BytesMut, data: &[u8]) {
    message(out, b'd', |out| out.put_slice(data));
}

/// `c`: the end of COPY data.
pub fn copy_done(out: &mut BytesMut) {
    message(out, b'c', |_| ());
}

/// `G`: send COPY data.
pub fn copy_in_response(out: &mut BytesMut, format: &CopyFormat) {
    message(out, b'G', |out| put_copy_format(out, format));
}

/// `H`: COPY data follows.
pub fn copy_out_response(out: &mut BytesMut, format: &CopyFormat) {
    message(out, b'H', |out| put_copy_format(out, format));
}

/// `D`: one row, whose body `encode` appends. If it fails, nothing is appended.
///
/// # Errors
/// That of `encode`.
pub fn data_row<E>(
    out: &mut BytesMut,
    encode: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.put_u8(b'D');
    out.put_i32(0);
    let encoded = encode(out);
    match encoded {
        Ok(()) => patch_length(out, start + 1),
        Err(_) => out.truncate(start),
    }
    encoded
}

/// `I`: the query string held no statement.
pub fn empty_query_response(out: &mut BytesMut) {
    message(out, b'I', |_| ());
}

/// `E`: an error, with every field that it has.
pub fn error_response(out: &mut BytesMut, error: &SqlError) {
    message(out, b'E', |out| put_report(out, error));
}

/// `v`: the newest version and the startup options that are not understood.
pub fn negotiate_protocol_version(out: &mut BytesMut, version: u32, options: &[&str]) {
    message(out, b'v', |out| {
        out.put_u32(version);
        out.put_u32(u32::try_from(options.len()).unwrap_or(u32::MAX));
        for option in options {
            put_cstr(out, option);
        }
    });
}

/// `n`: no rows will come.
pub fn no_data(out: &mut BytesMut) {
    message(out, b'n', |_| ());
}

/// `N`: a notice or warning.
pub fn notice_response(out: &mut BytesMut, notice: &SqlError) {
    message(out, b'N', |out| put_report(out, notice));
}

/// `t`: a prepared statement's parameter types.
pub fn parameter_description(out: &mut BytesMut, param_types: &[Oid]) {
    message(out, b't', |out| {
        put_count(out, param_types.len());
        for oid in param_types {
            out.put_u32(oid.0);
        }
    });
}

/// `S`: a setting that clients follow.
pub fn parameter_status(out: &mut BytesMut, name: &str, value: &str) {
    message(out, b'S', |out| {
        put_cstr(out, name);
        put_cstr(out, value);
    });
}

/// `1`.
pub fn parse_complete(out: &mut BytesMut) {
    message(out, b'1', |_| ());
}

/// `s`: the row limit was reached.
pub fn portal_suspended(out: &mut BytesMut) {
    message(out, b's', |_| ());
}

/// `Z`: send the next query.
pub fn ready_for_query(out: &mut BytesMut, status: TransactionStatus) {
    message(out, b'Z', |out| {
        out.put_u8(match status {
            TransactionStatus::Idle => b'I',
            TransactionStatus::InBlock => b'T',
            TransactionStatus::Failed => b'E',
        });
    });
}

/// `T`: result columns. `formats` may be shorter than `fields`: the rest is text.
pub fn row_description(
    out: &mut BytesMut,
    fields: &[Field],
    formats: impl Iterator<Item = Format>,
) {
    message(out, b'T', |out| {
        put_count(out, fields.len());
        let formats = formats.chain(std::iter::repeat(Format::Text));
        for (field, format) in fields.iter().zip(formats) {
            put_cstr(out, &field.name);
            out.put_u32(field.table_oid);
            out.put_i16(field.attnum);
            out.put_u32(field.type_oid.0);
            out.put_i16(field.type_len);
            out.put_i32(field.typmod);
            out.put_i16(format_code(format));
        }
    });
}

/// Appends a message with the body that `body` appends, and its length.
fn message(out: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(tag);
    let at = out.len();
    out.put_i32(0);
    body(out);
    patch_length(out, at);
}

/// Writes the length of what has been appended since `at` at `at`.
fn patch_length(out: &mut BytesMut, at: usize) {
    // A row of 2 GiB cannot be: results are bounded by the memory of a transaction, 128 MiB.
    let len = i32::try_from(out.len() - at).unwrap_or(i32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&len.to_be_bytes());
    }
}

/// A string and its zero byte. A zero byte inside ends it, as it would in PostgreSQL.
fn put_cstr(out: &mut BytesMut, text: &str) {
    let end = text.bytes().position(|byte| byte == 0).unwrap_or(text.len());
    out.put_slice(text.as_bytes().get(..end).unwrap_or_default());
    out.put_u8(0);
}

fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
}

fn put_copy_format(out: &mut BytesMut, format: &CopyFormat) {
    let code = format_code(format.format);
    out.put_i8(if format.format == Format::Binary { 1 } else { 0 });
    put_count(out, format.columns);
    for _ in 0..format.columns {
        out.put_i16(code);
    }
}

fn put_report(out: &mut BytesMut, report: &SqlError) {
    let fields = report.fields();
    let [position, internal_position] = [fields.position, fields.internal_position]
        .map(|position| position.map(|position| position.to_string()));
    let severity = fields.severity.as_str();
    for (code, text) in [
        (b'S', Some(severity)),
        (b'V', Some(severity)),
        (b'C', Some(fields.code.as_str())),
        (b'M', Some(fields.message.as_str())),
        (b'D', fields.detail.as_deref()),
        (b'H', fields.hint.as_deref()),
        (b'P', position.as_deref()),
        (b'p', internal_position.as_deref()),
        (b'q', fields.internal_query.as_deref()),
        (b'W', fields.context.as_deref()),
        (b's', fields.schema.as_deref()),
        (b't', fields.table.as_deref()),
        (b'c', fields.column.as_deref()),
        (b'd', fields.data_type.as_deref()),
        (b'n', fields.constraint.as_deref()),
        (b'R', fields.routine),
    ] {
        if let Some(text) = text {
            out.put_u8(code);
            put_cstr(out, text);
        }
    }
    out.put_u8(0);
}

const fn format_code(format: Format) -> i16 {
    match format {
        Format::Text => 0,
        Format::Binary => 1,
    }
}

#[cfg(test)]
mod tests {
    use types::{Severity, SqlState, oid};

    use super::*;

    #[track_caller]
    fn check(encode: impl FnOnce(&mut BytesMut), expected: &[u8]) {
        let mut out = BytesMut::from(&b"before"[..]);
        encode(&mut out);
        assert_eq!(&out[6..], expected, "{:?}", out);
    }

    #[test]
    fn encode_authentication() {
        check(authentication_ok, b"R\0\0\0\x08\0\0\0\0");
        check(authentication_cleartext_password, b"R\0\0\0\x08\0\0\0\x03");
    }

    #[test]
    fn encode_backend_key_data() {
        check(
            |out| backend_key_data(out, 1, 0xdead_beef),
            b"K\0\0\0\x0c\0\0\0\x01\xde\xad\xbe\xef",
        );
    }

    #[test]
    fn encode_copy() {
        let format = |format| CopyFormat { format, columns: 2 };
        check(|out| copy_in_response(out, &format(Format::Text)), b"G\0\0\0\x0b\0\0\x02\0\0\0\0");
        check(
            |out| copy_out_response(out, &format(Format::Binary)),
            b"H\0\0\0\x0b\x01\0\x02\0\x01\0\x01",
        );
        check(|out| copy_data(out, b"1\n"), b"d\0\0\0\x061\n");
        check(copy_done, b"c\0\0\0\x04");
    }

    #[test]
    fn encode_data_row() {
        let ok = |out: &mut BytesMut| {
            data_row(out, |out| {
                out.put_slice(b"\0\x01\0\0\0\x01x");
                Ok::<_, ()>(())
            })
            .unwrap();
        };
        check(ok, b"D\0\0\0\x0b\0\x01\0\0\0\x01x");
        let failing = |out: &mut BytesMut| {
            data_row(out, |out| {
                out.put_slice(b"half");
                Err(())
            })
            .unwrap_err();
        };
        check(failing, b"");
    }

    #[test]
    fn encode_error() {
        let error = SqlError::new(SqlState::UNIQUE_VIOLATION, "m\0essage")
            .severity(Severity::Fatal)
            .detail("d")
            .hint("h")
            .at(12)
            .context("w")
            .table("s", "t")
            .column("c")
            .constraint("n");
        check(
            |out| error_response(out, &error),
            b"E\0\0\0\x36SFATAL\0VFATAL\0C23505\0Mm\0Dd\0Hh\0P12\0Ww\0ss\0tt\0cc\0nn\0\0",
        );
        let notice = SqlError::new(SqlState::DUPLICATE_TABLE, "x").severity(Severity::Notice);
        check(|out| notice_response(out, &notice), b"N\0\0\0\x1fSNOTICE\0VNOTICE\0C42P07\0Mx\0\0");
    }

    #[test]
    fn encode_negotiation() {
        check(
            |out| negotiate_protocol_version(out, 196_608, &["_pq_.x"]),
            b"v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0",
        );
    }

    #[test]
    fn encode_parameters() {
        check(
            |out| parameter_description(out, &[oid::INT4, oid::TEXT]),
            b"t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19",
        );
        check(|out| parameter_status(out, "a", "b"), b"S\0\0\0\x08a\0b\0");
    }

    #[test]
    fn encode_plain() {
        check(parse_complete, b"1\0\0\0\x04");
        check(bind_complete, b"2\0\0\0\x04");
        check(close_complete, b"3\0\0\0\x04");
        check(no_data, b"n\0\0\0\x04");
        check(portal_suspended, b"s\0\0\0\x04");
        check(empty_query_response, b"I\0\0\0\x04");
        check(|out| command_complete(out, &"BEGIN".into()), b"C\0\0\0\x0aBEGIN\0");
    }

    #[test]
    fn encode_ready_for_query() {
        check(|out| ready_for_query(out, TransactionStatus::Idle), b"Z\0\0\0\x05I");
        check(|out| ready_for_query(out, TransactionStatus::InBlock), b"Z\0\0\0\x05T");
        check(|out| ready_for_query(out, TransactionStatus::Failed), b"Z\0\0\0\x05E");
    }

    #[test]
    fn encode_row_description() {
        let field = |name: &str, type_oid| Field {
            name: name.to_owned(),
            table_oid: 16_384,
            attnum: 1,
            type_oid,
            type_len: 4,
            typmod: -1,
        };
        check(
            |out| {
                row_description(
                    out,
                    &[field("a", oid::INT4), field("b", oid::OID)],
                    std::iter::once(Format::Binary),
                );
            },
            b"T\0\0\0\x2e\0\x02\
              a\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01\
              b\0\0\0\x40\0\0\x01\0\0\0\x1a\0\x04\xff\xff\xff\xff\0\0",
        );
    }
}
