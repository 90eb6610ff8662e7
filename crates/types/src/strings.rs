//! The text types' own rules: lengths of `varchar(n)` and `char(n)`, `name`, `"char"`.

use std::sync::Arc;

use crate::{Datum, Result, SqlError, SqlState};

/// Most bytes of a `name`.
pub const NAME_BYTES_MAX: usize = 63;

/// The prefix of `text` that fits a `name`, cut between characters.
pub fn truncate_name(text: &str) -> &str {
    truncate_bytes(text, NAME_BYTES_MAX)
}

fn truncate_bytes(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// The byte offset after `chars` characters, if there are more than that.
fn excess(text: &str, chars: usize) -> Option<usize> {
    if text.len() <= chars {
        return None;
    }
    text.char_indices().nth(chars).map(|(at, _)| at)
}

fn length(typmod: i32) -> Option<usize> {
    usize::try_from(typmod - 4).ok().filter(|_| typmod >= 4)
}

fn too_long(type_name: &str, chars: usize) -> SqlError {
    SqlError::new(
        SqlState::STRING_DATA_RIGHT_TRUNCATION,
        format!("value too long for type {type_name}({chars})"),
    )
}

/// `text` as `varchar` with `typmod` holds it. An explicit cast cuts; otherwise only blanks may go.
///
/// # Errors
/// `22001`.
pub fn varchar(text: &str, typmod: i32, explicit: bool) -> Result<&str> {
    let Some(chars) = length(typmod) else { return Ok(text) };
    let Some(end) = excess(text, chars) else { return Ok(text) };
    let (kept, rest) = text.split_at(end);
    if explicit || rest.bytes().all(|byte| byte == b' ') {
        Ok(kept)
    } else {
        Err(too_long("character varying", chars))
    }
}

/// `text` as `char` with `typmod` holds it: blank-padded to its length.
///
/// # Errors
/// `22001`.
pub fn bpchar(text: &str, typmod: i32, explicit: bool) -> Result<Arc<str>> {
    let Some(chars) = length(typmod) else { return Ok(text.into()) };
    match excess(text, chars) {
        Some(end) => {
            let (kept, rest) = text.split_at(end);
            if explicit || rest.bytes().all(|byte| byte == b' ') {
                Ok(kept.into())
            } else {
                Err(too_long("character", chars))
            }
        }
        None => {
            let missing = chars - text.chars().count();
            if missing == 0 {
                return Ok(text.into());
            }
            let mut padded = String::with_capacity(text.len() + missing);
            padded.push_str(text);
            padded.extend(std::iter::repeat_n(' ', missing));
            Ok(padded.into())
        }
    }
}

/// `text` without trailing blanks: what counts of a `bpchar`.
pub fn trim_blanks(text: &str) -> &str {
    text.trim_end_matches(' ')
}

/// Reads a `"char"`: one byte, or `\ooo` for those beyond ASCII. More is cut off.
///
/// Source: PostgreSQL 16 `charin`.
pub fn char_input(text: &str) -> Datum {
    match text.as_bytes() {
        [b'\\', a @ b'0'..=b'7', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            // A first digit above 3 loses its top bit, as in PostgreSQL.
            char_from_byte((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
        }
        [first, ..] => char_from_byte(*first),
        [] => char_from_byte(0),
    }
}

/// The `"char"` of one byte. Bytes beyond ASCII are held as they print, `\ooo`.
pub fn char_from_byte(byte: u8) -> Datum {
    match byte {
        0 => Datum::text(""),
        1..=0x7f => Datum::text(char::from(byte).to_string()),
        _ => Datum::text(format!("\\{byte:03o}")),
    }
}

/// The byte of a `"char"` as [`char_from_byte`] made it.
pub fn char_to_byte(text: &str) -> u8 {
    match text.as_bytes() {
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => {
            (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')
        }
        [first, ..] => *first,
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(varchar("abc  ", 7, false).unwrap(), "abc");
        assert_eq!(varchar("äöü", 7, false).unwrap(), "äöü");
        assert_eq!(varchar("abcd", 7, true).unwrap(), "abc");
        assert_eq!(
            varchar("abcd", 7, false).unwrap_err().message(),
            "value too long for type character varying(3)"
        );
        assert_eq!(&*bpchar("ä", 7, false).unwrap(), "ä  ");
        assert_eq!(&*bpchar("abc   ", 7, false).unwrap(), "abc");
        assert_eq!(
            bpchar("abcd", 7, false).unwrap_err().message(),
            "value too long for type character(3)"
        );
        assert_eq!(truncate_name(&"ä".repeat(40)).len(), 62);
    }

    #[test]
    fn single_byte_char() {
        assert_eq!(char_input("abc").as_str(), Some("a"));
        assert_eq!(char_input("\\377").as_str(), Some("\\377"));
        assert_eq!(char_input("ä").as_str(), Some("\\303"));
        assert_eq!(char_input("").as_str(), Some(""));
    }
}
