//! The matches of an expression in a text, and what PostgreSQL makes of them.

use types::{Datum, Result, memory, oid};

use super::compile::{Groups, Pattern};
use crate::CallCx;
use crate::convert::array_of;

/// A way through the matches of a text.
#[derive(Default)]
pub(super) struct Matches {
    /// Where the next search begins; beyond the text's end after the last match.
    search: usize,
    previous_end: usize,
    /// Leaves out empty matches at the text's ends or right after another match.
    divides: bool,
}

impl Matches {
    /// The matches from byte `start` on.
    pub(super) fn from(start: usize) -> Matches {
        Matches { search: start, ..Matches::default() }
    }

    /// Those between which a text is divided.
    pub(super) fn dividing() -> Matches {
        Matches { divides: true, ..Matches::default() }
    }

    /// The next match.
    ///
    /// # Errors
    /// `2201B` if the expression proves too complex.
    pub(super) fn next(&mut self, pattern: &Pattern, text: &str) -> Result<Option<Groups>> {
        while self.search <= text.len() {
            let Some(groups) = pattern.find(text, self.search)? else { break };
            let Some((from, to)) = groups.first().copied().flatten() else { break };
            let counts = !self.divides || (from < text.len() && to > self.previous_end);
            self.previous_end = to;
            self.search = if to > from { to } else { next_character(text, to) };
            if counts {
                return Ok(Some(groups));
            }
        }
        self.search = text.len() + 1;
        Ok(None)
    }
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

/// What lies between the matches: one part after the other.
pub(super) struct Parts {
    /// `None` after the last part.
    rest: Option<(Matches, usize)>,
}

impl Parts {
    pub(super) fn new() -> Parts {
        Parts { rest: Some((Matches::dividing(), 0)) }
    }

    /// The next part.
    ///
    /// # Errors
    /// As [`Matches::next`].
    pub(super) fn next<'t>(&mut self, pattern: &Pattern, text: &'t str) -> Result<Option<&'t str>> {
        let Some((matches, from)) = &mut self.rest else { return Ok(None) };
        let found = matches.next(pattern, text)?;
        let (end, next) = found.and_then(|groups| groups.first().copied().flatten()).unzip();
        let part = text.get(*from..end.unwrap_or(text.len())).unwrap_or("");
        match next {
            Some(next) => *from = next,
            None => self.rest = None,
        }
        Ok(Some(part))
    }
}

/// All of what lies between the matches.
///
/// # Errors
/// As [`Matches::next`]; `57014`; `54000` if it is too much.
pub(super) fn split(pattern: &Pattern, text: &str, cx: &CallCx<'_>) -> Result<Vec<Datum>> {
    let (mut parts, mut fields, mut bytes) = (Parts::new(), Vec::new(), 0);
    while let Some(part) = parts.next(pattern, text)? {
        cx.check_interrupts()?;
        let field = Datum::text(part);
        bytes += field.bytes();
        memory::check(bytes)?;
        fields.push(field);
    }
    Ok(fields)
}

/// Replaces match number `only`, or all if that is 0, from byte `start` on.
///
/// # Errors
/// As [`Matches::next`]; `57014`; `54000` if the result is too long.
pub(super) fn replace(
    pattern: &Pattern,
    text: &str,
    replacement: &str,
    (start, only): (usize, usize),
    cx: &CallCx<'_>,
) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut count) = (0, 0);
    let mut matches = Matches::from(start);
    while let Some(groups) = matches.next(pattern, text)? {
        cx.check_interrupts()?;
        let Some((from, to)) = groups.first().copied().flatten() else { break };
        count += 1;
        if only > 0 && count != only {
            continue;
        }
        out.push_str(text.get(copied..from).unwrap_or(""));
        expand(text, &groups, replacement, &mut out)?;
        copied = to;
        if only > 0 {
            break;
        }
    }
    out.push_str(text.get(copied..).unwrap_or(""));
    Ok(out)
}

/// `\1` … `\9` and `\&` stand for parts of the match, `\\` for a backslash.
fn expand(text: &str, groups: &Groups, replacement: &str, out: &mut String) -> Result<()> {
    let mut rest = replacement;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let index = match escape.bytes().next() {
            Some(b'&') => Some(0),
            Some(digit @ b'1'..=b'9') => Some(usize::from(digit - b'0')),
            _ => None,
        };
        match index {
            Some(index) => {
                out.push_str(part(text, groups.get(index).copied().flatten()).unwrap_or(""));
            }
            None => out.push('\\'),
        }
        // What is escaped is one byte.
        let is_escape = index.is_some() || escape.starts_with('\\');
        rest = escape.get(usize::from(is_escape)..).unwrap_or("");
        memory::check(out.len())?;
    }
    out.push_str(rest);
    memory::check(out.len())
}
