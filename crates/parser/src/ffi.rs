//! The C library's parser, called directly: the `pg_query` crate keeps only an error's message,
//! and clients need its position too.

use std::ffi::{CStr, CString, c_char, c_int};

use pg_query::protobuf;
use prost::Message;
use types::{Result, SqlError, SqlState};

#[repr(C)]
struct PgQueryError {
    message: *mut c_char,
    funcname: *mut c_char,
    filename: *mut c_char,
    lineno: c_int,
    cursorpos: c_int,
    context: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobuf {
    len: usize,
    data: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobufParseResult {
    parse_tree: PgQueryProtobuf,
    stderr_buffer: *mut c_char,
    error: *mut PgQueryError,
}

// Source: libpg_query's pg_query.h, which the `pg_query` crate compiles and links.
unsafe extern "C" {
    fn pg_query_parse_protobuf(input: *const c_char) -> PgQueryProtobufParseResult;
    fn pg_query_free_protobuf_parse_result(result: PgQueryProtobufParseResult);
}

/// # Errors
/// `42601` with the position that PostgreSQL reports.
pub(crate) fn parse(sql: &str) -> Result<protobuf::ParseResult> {
    let input = CString::new(sql).map_err(|_| SqlError::internal("text with a zero byte"))?;
    // SAFETY: `input` is a NUL-terminated string that outlives the call.
    let result = unsafe { pg_query_parse_protobuf(input.as_ptr()) };
    let parsed = if result.error.is_null() {
        // SAFETY: without an error, `parse_tree` describes `len` initialised bytes, which stay
        // valid until the result is freed below.
        let bytes = unsafe {
            std::slice::from_raw_parts(result.parse_tree.data.cast::<u8>(), result.parse_tree.len)
        };
        protobuf::ParseResult::decode(bytes)
            .map_err(|error| SqlError::internal(format!("parse tree does not decode: {error}")))
    } else {
        // SAFETY: `error` is not null and points to an error that stays valid until it is freed.
        let error = unsafe { &*result.error };
        // SAFETY: an error's message is a NUL-terminated string.
        let message = unsafe { CStr::from_ptr(error.message) }.to_string_lossy().into_owned();
        // SAFETY: so is the name of the function that raised it.
        let raised_by = unsafe { CStr::from_ptr(error.funcname) };
        let report = if message != "invalid Unicode escape" {
            SqlError::new(sqlstate(&message), message)
        } else if raised_by == c"core_yylex" {
            // In E'…'; otherwise in U&'…' or U&"…".
            SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, message)
                .hint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX.")
        } else {
            SqlError::new(sqlstate(&message), message)
                .hint("Unicode escapes must be \\XXXX or \\+XXXXXX.")
        };
        Err(match usize::try_from(error.cursorpos) {
            Ok(position) if position > 0 => report.at(position),
            _ => report,
        })
    };
    // SAFETY: the result is freed once, and nothing borrowed from it is alive.
    unsafe { pg_query_free_protobuf_parse_result(result) };
    parsed
}

/// The grammar raises few errors other than syntax errors; the library does not pass their codes.
fn sqlstate(message: &str) -> SqlState {
    if message.contains("not supported")
        || message.contains("not yet supported")
        || message.contains("not implemented")
        || message.contains("not yet implemented")
        || message.contains("cannot be marked")
        || message.ends_with("cannot include schema elements")
        || message.contains("is only supported for")
    {
        SqlState::FEATURE_NOT_SUPPORTED
    } else if message.starts_with("stack depth limit") || message.starts_with("memory exhausted") {
        SqlState::STATEMENT_TOO_COMPLEX
    } else if message.starts_with("invalid byte sequence") {
        SqlState::CHARACTER_NOT_IN_REPERTOIRE
    } else if message.starts_with("precision for type float")
        || message.starts_with("unrecognized JSON encoding")
    {
        SqlState::INVALID_PARAMETER_VALUE
    } else if message.ends_with("cannot be used as a role name here") {
        SqlState::RESERVED_NAME
    } else if message.starts_with("frame start") || message.starts_with("frame end") {
        SqlState::WINDOWING_ERROR
    } else {
        SqlState::SYNTAX_ERROR
    }
}

/// # Errors
/// `XX000` if the library cannot print the tree.
pub(crate) fn deparse_expression(node: &protobuf::Node) -> Result<String> {
    let target =
        protobuf::ResTarget { val: Some(Box::new(node.clone())), ..protobuf::ResTarget::default() };
    let target = protobuf::Node { node: Some(pg_query::NodeEnum::ResTarget(Box::new(target))) };
    // The library knows no undefined values: it aborts on them in debug builds.
    let select = protobuf::SelectStmt {
        target_list: vec![target],
        limit_option: protobuf::LimitOption::Default.into(),
        op: protobuf::SetOperation::SetopNone.into(),
        ..protobuf::SelectStmt::default()
    };
    let statement = protobuf::Node { node: Some(pg_query::NodeEnum::SelectStmt(Box::new(select))) };
    let text = deparse_statement(&statement)?;
    Ok(text.strip_prefix("SELECT ").unwrap_or(&text).to_owned())
}

/// # Errors
/// `XX000` if the library cannot print the tree.
pub(crate) fn deparse_statement(statement: &protobuf::Node) -> Result<String> {
    let stmt = Some(Box::new(statement.clone()));
    let raw = protobuf::RawStmt { stmt, stmt_location: 0, stmt_len: 0 };
    let tree = protobuf::ParseResult { version: 160_001, stmts: vec![raw] };
    pg_query::deparse(&tree)
        .map_err(|error| SqlError::internal(format!("statement cannot be printed: {error}")))
}
