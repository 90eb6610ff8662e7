//! Refuses text whose parse tree would be so deep that recursion over it ends the process.
//!
//! libpg_query and everything after it recurse over the tree. A bound on its depth is read off the
//! text: within a bracket, depth grows by one for each operator or keyword since the last comma,
//! and brackets add up. The estimate is never below the true depth by more than a small factor;
//! lists (commas) and separate statements do not count.

use types::{Result, SqlError, SqlState};

/// Deepest tree let through. PostgreSQL's own limit depends on its stack (2 MB by default) and lies
/// at some thousand levels too.
const DEPTH_MAX: usize = 4_000;

/// # Errors
/// `54001` if the tree could be deeper than the limit.
pub(crate) fn check(sql: &str) -> Result<()> {
    // Shorter text has too few tokens to matter.
    if sql.len() <= DEPTH_MAX {
        return Ok(());
    }
    let bytes = sql.as_bytes();
    let mut at = 0;
    // Depth gathered in each open bracket since its last comma.
    let mut open: Vec<usize> = vec![0];
    let mut depth = 0;
    // Whether a word that follows is a name, whatever it says: after AS and after a point.
    let mut is_name = false;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let mut deeper = 0;
        let names =
            is_name && (is_word(byte) || byte.is_ascii_whitespace() || is_comment(byte, next));
        is_name = names || byte == b'.';
        match byte {
            b'\'' | b'"' => {
                let escapes = byte == b'\''
                    && at > 0
                    && matches!(bytes[at - 1], b'e' | b'E')
                    && (at < 2 || !is_word(bytes[at - 2]));
                at = skip_quoted(bytes, at, byte, escapes);
                continue;
            }
            b'-' if next == Some(b'-') => {
                at = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
                continue;
            }
            b'/' if next == Some(b'*') => {
                at = skip_comment(bytes, at);
                continue;
            }
            b'$' if !at.checked_sub(1).is_some_and(|i| is_word(bytes[i])) => {
                at = skip_dollar_quoted(bytes, at);
                continue;
            }
            b'(' | b'[' => {
                open.push(0);
                deeper = 1;
            }
            b')' | b']' if open.len() > 1 => {
                depth -= open.pop().unwrap_or(0);
            }
            b',' => {
                if let Some(here) = open.last_mut() {
                    depth -= std::mem::take(here);
                }
            }
            b';' => {
                open.truncate(1);
                open[0] = 0;
                depth = 0;
            }
            // A word: keywords nest (NOT, CASE, UNION, JOIN …). Counted at its first byte. The
            // words that make flat lists take their depth back.
            _ if is_word(byte) => {
                let end =
                    at + bytes[at..].iter().position(|b| !is_word(*b)).unwrap_or(bytes.len() - at);
                let word = &sql.as_bytes()[at..end];
                let nests = [
                    "not",
                    "union",
                    "except",
                    "intersect",
                    "join",
                    "like",
                    "ilike",
                    "is",
                    "in",
                    "between",
                    "collate",
                    "at",
                    "case",
                    "select",
                    "similar",
                    "isnull",
                    "notnull",
                    "overlaps",
                    "operator",
                ];
                if nests.iter().any(|n| word.eq_ignore_ascii_case(n.as_bytes())) {
                    deeper = 1;
                } else if ["and", "or", "when", "then", "else"]
                    .iter()
                    .any(|n| word.eq_ignore_ascii_case(n.as_bytes()))
                {
                    // a AND b AND c is one node; so is a CASE with many WHENs. Mixed chains of
                    // AND and OR do not nest either.
                    if let Some(here) = open.last_mut() {
                        depth -= std::mem::take(here);
                    }
                }
                // Elements of CREATE SCHEMA stand beside each other. The words are reserved.
                let element =
                    ["create", "grant"].iter().any(|n| word.eq_ignore_ascii_case(n.as_bytes()));
                if element && !is_name && open.len() == 1 {
                    depth -= std::mem::take(&mut open[0]);
                }
                is_name = word.eq_ignore_ascii_case(b"as");
                at = end;
                if deeper == 1 {
                    grow(&mut open, &mut depth)?;
                }
                continue;
            }
            b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%'
            | b'^' | b'&' | b'|' | b'`' | b'?' | b':' | b'.' => deeper = 1,
            _ => {}
        }
        if deeper == 1 {
            grow(&mut open, &mut depth)?;
        }
        at += 1;
    }
    Ok(())
}

fn grow(open: &mut [usize], depth: &mut usize) -> Result<()> {
    if let Some(here) = open.last_mut() {
        *here += 1;
        *depth += 1;
    }
    if *depth <= DEPTH_MAX {
        return Ok(());
    }
    Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"))
}

/// Whether a comment begins here.
fn is_comment(byte: u8, next: Option<u8>) -> bool {
    matches!((byte, next), (b'-', Some(b'-')) | (b'/', Some(b'*')))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The offset after a quoted string or identifier that starts at `at`.
fn skip_quoted(bytes: &[u8], at: usize, quote: u8, escapes: bool) -> usize {
    let mut i = at + 1;
    while let Some(&byte) = bytes.get(i) {
        match byte {
            b'\\' if escapes => i += 2,
            _ if byte == quote => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The offset after a `/* … */` comment, which may nest.
fn skip_comment(bytes: &[u8], at: usize) -> usize {
    let mut level = 0;
    let mut i = at;
    while i + 1 < bytes.len() {
        match (bytes[i], bytes[i + 1]) {
            (b'/', b'*') => {
                level += 1;
                i += 2;
            }
            (b'*', b'/') => {
                level -= 1;
                i += 2;
                if level == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The offset after `$tag$ … $tag$`, or after the `$` if it does not start one (`$1`).
fn skip_dollar_quoted(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at + 1..];
    let Some(len) = rest.iter().position(|b| !is_word(*b)) else { return at + 1 };
    if rest[len] != b'$' || rest.first().is_some_and(u8::is_ascii_digit) {
        return at + 1;
    }
    let tag = &bytes[at..at + len + 2];
    let body = at + tag.len();
    bytes[body..]
        .windows(tag.len())
        .position(|window| window == tag)
        .map_or(bytes.len(), |n| body + n + tag.len())
}
