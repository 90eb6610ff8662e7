//! `text` functions that take one string apart or change it. Positions count characters from 1.
//!
//! Case follows the C locale: only ASCII letters have one.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/varlena.c`, `oracle_compat.c`, `formatting.c`.

use std::borrow::Cow;

use types::strings::trim_blanks;
use types::{Result, SqlError, SqlState, memory};

use crate::convert::scalars;
use crate::errors::{integer_out_of_range, invalid_parameter, requested_length_too_large};

/// Longest value PostgreSQL can make, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 0x3fff_ffff;

scalars! { pub(crate) const TABLE =
    "textlen"(a: &str) => char_count(a);
    "bpcharlen"(a: &str) => char_count(trim_blanks(a));
    "textoctetlen" | "bpcharoctetlen"(a: &str) => length(a.len());
    "lower"(a: &str) => a.to_ascii_lowercase();
    "upper"(a: &str) => a.to_ascii_uppercase();
    "initcap"(a: &str) => initcap(a);
    "textcat"(a: &str, b: &str) => [a, b].concat();
    "text_substr"(a: &str, start: i32, count: i32) => substring(a, start, Some(count));
    "text_substr_no_len"(a: &str, start: i32) => substring(a, start, None);
    "textpos"(a: &str, needle: &str) => position(a, needle);
    "text_left"(a: &str, count: i32) => a.get(..left_end(a, count));
    "text_right"(a: &str, count: i32) => right(a, count);
    "text_reverse"(a: &str) => a.chars().rev().collect::<String>();
    "repeat"(a: &str, count: i32) => repeat(a, count);
    "lpad"(a: &str, len: i32, fill: &str) => pad(a, len, fill, true);
    "rpad"(a: &str, len: i32, fill: &str) => pad(a, len, fill, false);
    "btrim"(a: &str, set: &str) => a.trim_matches(|c| set.contains(c));
    "ltrim"(a: &str, set: &str) => a.trim_start_matches(|c| set.contains(c));
    "rtrim"(a: &str, set: &str) => a.trim_end_matches(|c| set.contains(c));
    "btrim1"(a: &str) => a.trim_matches(' ');
    "ltrim1"(a: &str) => a.trim_start_matches(' ');
    // Also the cast from bpchar to text.
    "rtrim1"(a: &str) => a.trim_end_matches(' ');
    "replace_text"(a: &str, from: &str, to: &str) => replace(a, from, to);
    "translate"(a: &str, from: &str, to: &str) => translate(a, from, to);
    "split_part"(a: &str, delimiter: &str, field: i32) => split_part(a, delimiter, field);
    "text_starts_with"(a: &str, prefix: &str) => a.starts_with(prefix);
    "textoverlay"(a: &str, new: &str, start: i32, count: i32) => overlay(a, new, start, count);
    "textoverlay_no_len"(a: &str, new: &str, start: i32) => overlay(a, new, start, char_count(new)?);
    "ascii"(a: &str) => a.chars().next().map_or(0, |c| u32::from(c).cast_signed());
    "chr"(code: i32) => chr(code);
    "to_hex32"(a: i32) => format!("{a:x}");
    "to_hex64"(a: i64) => format!("{a:x}");
    "unistr"(a: &str) => unistr(a);
}

fn length(bytes: usize) -> Result<i32> {
    i32::try_from(bytes).map_err(|_| integer_out_of_range())
}

fn char_count(text: &str) -> Result<i32> {
    length(if text.is_ascii() { text.len() } else { text.chars().count() })
}

fn initcap(text: &str) -> String {
    let mut in_word = false;
    let case = |c: char| {
        let new = if in_word { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
        in_word = c.is_ascii_alphanumeric();
        new
    };
    text.chars().map(case).collect()
}

/// `22011`.
pub(crate) fn negative_substring_length() -> SqlError {
    SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed")
}

/// The 0-based range `start ..< end` that SQL's `substring` means, cut at the front.
///
/// # Errors
/// `22011` if `count` is negative.
pub(crate) fn substring_range(start: i32, count: Option<i32>) -> Result<(usize, usize)> {
    let start = i64::from(start);
    let end = match count {
        None => i64::MAX,
        Some(count) if count < 0 => return Err(negative_substring_length()),
        Some(count) => start + i64::from(count) - 1,
    };
    let place = |value: i64| usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    Ok((place(start - 1), place(end)))
}

fn substring(text: &str, start: i32, count: Option<i32>) -> Result<&str> {
    let (from, to) = substring_range(start, count)?;
    if from >= to {
        return Ok("");
    }
    let from = char_offset(text, from);
    let rest = text.get(from..).unwrap_or("");
    if to == usize::MAX {
        return Ok(rest);
    }
    let to = char_offset(text, to);
    Ok(text.get(from..to).unwrap_or(""))
}

/// The byte offset of character `index`, or the text's end.
pub(crate) fn char_offset(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset)
}

fn position(text: &str, needle: &str) -> Result<i32> {
    match text.find(needle) {
        None => Ok(0),
        Some(offset) => Ok(char_count(text.get(..offset).unwrap_or(""))?.saturating_add(1)),
    }
}

/// The byte offset up to which `left(text, count)` reaches; a negative count leaves off the end.
fn left_end(text: &str, count: i32) -> usize {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        return char_offset(text, wanted);
    }
    match text.chars().count().checked_sub(wanted) {
        Some(keep) => char_offset(text, keep),
        None => 0,
    }
}

fn right(text: &str, count: i32) -> &str {
    match count.checked_neg() {
        Some(0) => "",
        Some(left) => text.get(left_end(text, left)..).unwrap_or(""),
        // PostgreSQL's own negation wraps here.
        None => text,
    }
}

fn repeat(text: &str, count: i32) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(0);
    match text.len().checked_mul(count) {
        Some(bytes) if bytes < TEXT_BYTES_MAX => {
            memory::check(bytes)?;
            Ok(text.repeat(count))
        }
        _ => Err(requested_length_too_large()),
    }
}

fn pad(text: &str, len: i32, fill: &str, on_left: bool) -> Result<String> {
    let len = usize::try_from(len).unwrap_or(0);
    if !fill.is_empty() && len.saturating_mul(4) > TEXT_BYTES_MAX {
        return Err(requested_length_too_large());
    }
    let kept = text.get(..char_offset(text, len)).unwrap_or("");
    let missing = if fill.is_empty() { 0 } else { len.saturating_sub(kept.chars().count()) };
    memory::check(kept.len() + missing)?;
    let padding = fill.chars().cycle().take(missing);
    let mut out = String::with_capacity(kept.len() + missing);
    if on_left {
        out.extend(padding);
        out.push_str(kept);
    } else {
        out.push_str(kept);
        out.extend(padding);
    }
    Ok(out)
}

fn replace<'a>(text: &'a str, from: &str, to: &str) -> Result<Cow<'a, str>> {
    if from.is_empty() || text.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    let found = text.matches(from).count();
    let bytes = text.len() + found.saturating_mul(to.len());
    if bytes > TEXT_BYTES_MAX {
        return Err(requested_length_too_large());
    }
    memory::check(bytes)?;
    Ok(if found == 0 { Cow::Borrowed(text) } else { Cow::Owned(text.replace(from, to)) })
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to = to.chars().map(Some).chain(std::iter::repeat(None));
    // Of a character that is there twice the first counts.
    let pairs: Vec<(char, Option<char>)> = from.chars().zip(to).collect();
    let new = |c: char| pairs.iter().find(|(old, _)| *old == c).map_or(Some(c), |(_, new)| *new);
    text.chars().filter_map(new).collect()
}

fn split_part<'a>(text: &'a str, delimiter: &str, field: i32) -> Result<&'a str> {
    if field == 0 {
        return Err(invalid_parameter("field position must not be zero"));
    }
    if text.is_empty() {
        return Ok("");
    }
    if delimiter.is_empty() {
        return Ok(if matches!(field, 1 | -1) { text } else { "" });
    }
    let index = usize::try_from(field.unsigned_abs() - 1).unwrap_or(usize::MAX);
    if field > 0 {
        return Ok(text.split(delimiter).nth(index).unwrap_or(""));
    }
    // Split forwards even when counting from the end: overlapping delimiters are found so.
    let fields: Vec<&str> = text.split(delimiter).collect();
    Ok(fields.iter().rev().nth(index).copied().unwrap_or(""))
}

fn overlay(text: &str, new: &str, start: i32, count: i32) -> Result<String> {
    if start <= 0 {
        return Err(negative_substring_length());
    }
    let after = start.checked_add(count).ok_or_else(integer_out_of_range)?;
    let head = substring(text, 1, Some(start - 1))?;
    let tail = substring(text, after, None)?;
    Ok([head, new, tail].concat())
}

fn chr(code: i32) -> Result<String> {
    let limit = |message: String| Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    match code {
        ..0 => Err(invalid_parameter("character number must be positive")),
        0 => limit("null character not permitted".into()),
        code => match char::from_u32(code.cast_unsigned()) {
            Some(c) => Ok(c.to_string()),
            None if code > 0x10_ffff => {
                limit(format!("requested character too large for encoding: {code}"))
            }
            None => limit(format!("requested character not valid for encoding: {code}")),
        },
    }
}

/// Replaces `\XXXX`, `\+XXXXXX`, `\uXXXX`, `\UXXXXXXXX` and `\\`.
fn unistr(text: &str) -> Result<String> {
    let invalid = || {
        SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
            .hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
    };
    let pair = || SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    while let Some(c) = rest.chars().next() {
        let escape = if c == '\\' { rest.get(1..).unwrap_or("") } else { "" };
        if c != '\\' || escape.starts_with('\\') {
            if high.is_some() {
                return Err(pair());
            }
            out.push(c);
            rest = rest.get(if c == '\\' { 2 } else { c.len_utf8() }..).unwrap_or("");
            continue;
        }
        let (skip, digits) = match escape.as_bytes().first() {
            Some(b'+') => (1, 6),
            Some(b'u') => (1, 4),
            Some(b'U') => (1, 8),
            _ => (0, 4),
        };
        let hex = escape.get(skip..skip + digits).ok_or_else(invalid)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let code = u32::from_str_radix(hex, 16).map_err(|_| invalid())?;
        if code == 0 || code > 0x10_ffff {
            return Err(invalid_parameter(format!("invalid Unicode code point: {code:04X}")));
        }
        let code = match (high.take(), code) {
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high & 0x3ff) << 10) + (code & 0x3ff),
            (Some(_), _) | (None, 0xdc00..=0xdfff) => return Err(pair()),
            (None, 0xd800..=0xdbff) => {
                high = Some(code);
                rest = escape.get(skip + digits..).unwrap_or("");
                continue;
            }
            (None, code) => code,
        };
        out.push(char::from_u32(code).ok_or_else(pair)?);
        rest = escape.get(skip + digits..).unwrap_or("");
    }
    if high.is_some() { Err(pair()) } else { Ok(out) }
}
