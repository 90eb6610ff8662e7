//! LIKE and ILIKE, and the rewriting of patterns with another escape character.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/like_match.c`, `like.c`.

use types::{Result, SqlError, SqlState};

use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "textlike" | "namelike"(a: &str, pattern: &str) => matches(a.as_bytes(), pattern.as_bytes());
    "textnlike" | "namenlike"(a: &str, pattern: &str) => matches(a.as_bytes(), pattern.as_bytes()).map(|m| !m);
    "bytealike"(a: &[u8], pattern: &[u8]) => matches_bytes(a, pattern);
    "byteanlike"(a: &[u8], pattern: &[u8]) => matches_bytes(a, pattern).map(|m| !m);
    "texticlike" | "nameiclike"(a: &str, pattern: &str) => matches_any_case(a, pattern);
    "texticnlike" | "nameicnlike"(a: &str, pattern: &str) => matches_any_case(a, pattern).map(|m| !m);
    "like_escape"(pattern: &str, escape: &str) => like_escape(pattern, escape);
    "like_escape_bytea"(pattern: &[u8], escape: &[u8]) => like_escape_bytes(pattern, escape);
}

fn ends_with_escape() -> SqlError {
    SqlError::new(
        SqlState::INVALID_ESCAPE_SEQUENCE,
        "LIKE pattern must not end with escape character",
    )
}

/// Matches UTF-8 text: `_` takes a character. ILIKE folds both sides first.
pub(crate) fn matches(text: &[u8], pattern: &[u8]) -> Result<bool> {
    run(text, pattern, true)
}

fn matches_bytes(text: &[u8], pattern: &[u8]) -> Result<bool> {
    run(text, pattern, false)
}

fn matches_any_case(text: &str, pattern: &str) -> Result<bool> {
    matches(text.to_ascii_lowercase().as_bytes(), pattern.to_ascii_lowercase().as_bytes())
}

/// Length of the character at the front.
fn step(text: &[u8], utf8: bool) -> usize {
    match text.first() {
        None => 0,
        Some(_) if !utf8 => 1,
        Some(_) => 1 + text.iter().skip(1).take_while(|byte| **byte & 0xc0 == 0x80).count(),
    }
}

/// Greedy search that backs up to the last `%` only, which suffices for LIKE and keeps the time
/// within the product of the lengths.
fn run(text: &[u8], pattern: &[u8], utf8: bool) -> Result<bool> {
    let (mut at, mut wanted) = (0, 0);
    // Pattern position after the last `%`, and where in the text its remainder was last tried.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = text.get(at..).unwrap_or(&[]);
        let matched = match pattern.get(wanted..).unwrap_or(&[]) {
            [b'%', ..] => {
                wanted += 1;
                retry = Some((wanted, at));
                continue;
            }
            // PostgreSQL looks at the escape only once it gets there.
            [b'\\'] if !rest.is_empty() => return Err(ends_with_escape()),
            [b'_', ..] if !rest.is_empty() => Some((step(rest, utf8), 1)),
            [b'\\', literal, ..] if rest.first() == Some(literal) => Some((1, 2)),
            [b'\\', ..] => None,
            [literal, ..] if rest.first() == Some(literal) => Some((1, 1)),
            [] if rest.is_empty() => return Ok(true),
            _ => None,
        };
        if let Some((text_len, pattern_len)) = matched {
            at += text_len;
            wanted += pattern_len;
            continue;
        }
        match retry {
            Some((after, tried)) if tried < text.len() => {
                let next = tried + step(text.get(tried..).unwrap_or(&[]), utf8);
                retry = Some((after, next));
                (at, wanted) = (next, after);
            }
            _ => return Ok(false),
        }
    }
}

/// The pattern with `escape` replaced by the backslash.
fn like_escape(pattern: &str, escape: &str) -> Result<String> {
    let mut characters = escape.chars();
    let escape = match (characters.next(), characters.next()) {
        // No escape character: backslashes are themselves.
        (None, _) => return Ok(pattern.replace('\\', "\\\\")),
        (Some(escape), None) => escape,
        _ => return Err(invalid_escape_string()),
    };
    if escape == '\\' {
        return Ok(pattern.to_owned());
    }
    let mut out = String::with_capacity(pattern.len());
    let mut after_escape = false;
    for c in pattern.chars() {
        if c == escape && !after_escape {
            out.push('\\');
            after_escape = true;
        } else if c == '\\' {
            out.push('\\');
            if !after_escape {
                out.push('\\');
            }
            after_escape = false;
        } else {
            out.push(c);
            after_escape = false;
        }
    }
    Ok(out)
}

fn like_escape_bytes(pattern: &[u8], escape: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(pattern.len());
    let escape = match escape {
        [] => None,
        [b'\\'] => return Ok(pattern.to_vec()),
        [escape] => Some(*escape),
        _ => return Err(invalid_escape_string()),
    };
    let mut after_escape = false;
    for byte in pattern {
        if Some(*byte) == escape && !after_escape {
            out.push(b'\\');
            after_escape = true;
            continue;
        }
        if *byte == b'\\' && !after_escape {
            out.push(b'\\');
        }
        out.push(*byte);
        after_escape = false;
    }
    Ok(out)
}

/// `22025`.
pub(crate) fn invalid_escape_string() -> SqlError {
    SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
        .hint("Escape string must be empty or one character.")
}
