//! All matches of an expression in a text, and what PostgreSQL makes of them.

use types::{Datum, Result, oid};

use super::compile::{Groups, Pattern};
use crate::convert::array_of;

/// Every match, from byte `start` on; only the first unless `global`.
///
/// With `split`, empty matches at the text's ends or right after another match do not count.
pub(super) fn all(
    pattern: &Pattern,
    text: &str,
    start: usize,
    global: bool,
    split: bool,
) -> Result<Vec<Groups>> {
    let mut found = Vec::new();
    let mut search = start;
    let mut previous_end = 0;
    while search <= text.len() {
        let Some(groups) = pattern.find(text, search)? else { break };
        let Some((from, to)) = groups.first().copied().flatten() else { break };
        if !split || (from < text.len() && to > previous_end) {
            found.push(groups);
        }
        previous_end = to;
        if !global {
            break;
        }
        search = if to > from { to } else { next_character(text, to) };
    }
    Ok(found)
}

/// The byte offset one character on; beyond the end at the end.
pub(super) fn next_character(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    at + rest.chars().next().map_or(1, char::len_utf8)
}

fn part(text: &str, span: Option<(usize, usize)>) -> Option<&str> {
    span.and_then(|(from, to)| text.get(from..to))
}

/// The texts of the groups, or of the whole match if there are none.
pub(super) fn texts(text: &str, groups: &Groups) -> Datum {
    let spans = if groups.len() > 1 { groups.get(1..) } else { groups.get(..) };
    let datum = |span: &Option<(usize, usize)>| part(text, *span).map_or(Datum::Null, Datum::text);
    array_of(oid::TEXT, spans.unwrap_or(&[]).iter().map(datum))
}

/// What lies between the matches.
pub(super) fn split(pattern: &Pattern, text: &str) -> Result<Vec<Datum>> {
    let mut fields = Vec::new();
    let mut from = 0;
    for groups in all(pattern, text, 0, true, true)? {
        if let Some((start, end)) = groups.first().copied().flatten() {
            fields.push(Datum::text(text.get(from..start).unwrap_or("")));
            from = end;
        }
    }
    fields.push(Datum::text(text.get(from..).unwrap_or("")));
    Ok(fields)
}

/// Replaces match number `only`, or all if that is 0, from byte `start` on.
pub(super) fn replace(
    pattern: &Pattern,
    text: &str,
    replacement: &str,
    start: usize,
    only: usize,
) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut search = start;
    let mut count = 0;
    while search <= text.len() {
        let Some(groups) = pattern.find(text, search)? else { break };
        let Some((from, to)) = groups.first().copied().flatten() else { break };
        count += 1;
        search = if to > from { to } else { next_character(text, to) };
        if only > 0 && count != only {
            continue;
        }
        out.push_str(text.get(copied..from).unwrap_or(""));
        expand(text, &groups, replacement, &mut out);
        copied = to;
        if only > 0 {
            break;
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    Ok(out)
}

/// `\1` … `\9` and `\&` stand for parts of the match, `\\` for a backslash.
fn expand(text: &str, groups: &Groups, replacement: &str, out: &mut String) {
    let mut characters = replacement.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let index = match characters.peek() {
            Some('&') => 0,
            Some('\\') => {
                characters.next();
                out.push('\\');
                continue;
            }
            Some(digit @ '1'..='9') => digit.to_digit(10).unwrap_or(0) as usize,
            _ => {
                out.push('\\');
                continue;
            }
        };
        characters.next();
        out.push_str(part(text, groups.get(index).copied().flatten()).unwrap_or(""));
    }
}
