//! Where lines end in the data of COPY FROM.
//!
//! Source: PostgreSQL 16 `CopyReadLineText`, `src/backend/commands/copyfromparse.c`.

use types::{Result, SqlError, SqlState};

use super::options::Options;

/// How the lines of a file end, which its first line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Newline,
    Return,
    ReturnNewline,
}

/// Finds lines, one after the other.
pub(super) struct Lines {
    csv: bool,
    quote: u8,
    /// In CSV, if it is another character than the quote.
    escape: Option<u8>,
    ending: Option<Ending>,
}

/// A line at the beginning of the data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its bytes without what ends it.
    pub(super) length: usize,
    /// Its bytes with what ends it.
    pub(super) taken: usize,
    /// Line ends inside quotes.
    pub(super) inner_lines: usize,
    /// `\.` ends it, and the data.
    pub(super) last: bool,
}

pub(super) fn malformed(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

impl Lines {
    pub(super) fn new(options: &Options) -> Lines {
        let Options { csv, quote, escape, .. } = *options;
        Lines { csv, quote, escape: Some(escape).filter(|e| csv && *e != quote), ending: None }
    }

    /// The line that `data` begins with; `None` if it is not complete. With `end`, nothing comes
    /// behind `data`.
    ///
    /// # Errors
    /// `22P04`.
    pub(super) fn next(&mut self, data: &[u8], end: bool) -> Result<Option<Line>> {
        let (mut at, mut inner_lines) = (0, 0);
        let (mut quoted, mut escaped) = (false, false);
        loop {
            if !self.csv {
                let rest = data.get(at..).unwrap_or_default();
                at += memchr::memchr3(b'\n', b'\r', b'\\', rest).unwrap_or(rest.len());
            }
            let Some(&byte) = data.get(at) else {
                let line = Line { length: data.len(), taken: data.len(), inner_lines, last: false };
                return Ok((end && !data.is_empty()).then_some(line));
            };
            if self.csv {
                if quoted && self.escape == Some(byte) {
                    escaped = !escaped;
                }
                if byte == self.quote && !escaped {
                    quoted = !quoted;
                }
                if self.escape != Some(byte) {
                    escaped = false;
                }
                let newline = self.ending == Some(Ending::Newline);
                if quoted && byte == if newline { b'\n' } else { b'\r' } {
                    inner_lines += 1;
                }
            }
            let next = data.get(at + 1).copied();
            let line =
                |taken: usize| Ok(Some(Line { length: at, taken, inner_lines, last: false }));
            match byte {
                b'\r' if !quoted => match (self.ending, next) {
                    (Some(Ending::Newline), _) => {
                        return Err(self.literal("carriage return", "\\r"));
                    }
                    (Some(Ending::Return), _) => return line(at + 1),
                    (_, Some(b'\n')) => {
                        self.ending = Some(Ending::ReturnNewline);
                        return line(at + 2);
                    }
                    (_, None) if !end => return Ok(None),
                    (Some(Ending::ReturnNewline), _) => {
                        return Err(self.literal("carriage return", "\\r"));
                    }
                    (None, _) => {
                        self.ending = Some(Ending::Return);
                        return line(at + 1);
                    }
                },
                b'\n' if !quoted => match self.ending {
                    None | Some(Ending::Newline) => {
                        self.ending = Some(Ending::Newline);
                        return line(at + 1);
                    }
                    Some(_) => return Err(self.literal("newline", "\\n")),
                },
                b'\\' if !self.csv || at == 0 => match next {
                    None if !end => return Ok(None),
                    Some(b'.') => {
                        let behind = data.get(at + 2..).unwrap_or_default();
                        match self.end_mark(behind, end)? {
                            Mark::Incomplete => return Ok(None),
                            Mark::End => {
                                let (length, taken) = (at, data.len());
                                return Ok(Some(Line { length, taken, inner_lines, last: true }));
                            }
                            Mark::Data => at += 1,
                        }
                    }
                    // In text, what is escaped ends no line.
                    Some(_) if !self.csv => at += 2,
                    _ => at += 1,
                },
                _ => at += 1,
            }
        }
    }

    /// What `\.` is, by what stands behind it.
    fn end_mark(&self, behind: &[u8], end: bool) -> Result<Mark> {
        let corrupt = || match self.csv {
            true => Ok(Mark::Data),
            false => Err(malformed("end-of-copy marker corrupt")),
        };
        let other_style =
            || Err(malformed("end-of-copy marker does not match previous newline style"));
        let mut behind = behind.iter().copied();
        let mut next = || match behind.next() {
            None if !end => None,
            next => Some(next.unwrap_or_default()),
        };
        let Some(mut byte) = next() else { return Ok(Mark::Incomplete) };
        if self.ending == Some(Ending::ReturnNewline) {
            match byte {
                b'\r' => {}
                b'\n' if !self.csv => return other_style(),
                _ => return corrupt(),
            }
            byte = match next() {
                Some(byte) => byte,
                None => return Ok(Mark::Incomplete),
            };
        }
        match (byte, self.ending) {
            (b'\n', Some(Ending::Return)) => other_style(),
            (b'\r', Some(Ending::Newline | Ending::ReturnNewline)) => other_style(),
            (b'\n' | b'\r', _) => Ok(Mark::End),
            _ => corrupt(),
        }
    }

    fn literal(&self, what: &str, escape: &str) -> SqlError {
        match self.csv {
            true => malformed(format!("unquoted {what} found in data"))
                .hint(format!("Use quoted CSV field to represent {what}.")),
            false => malformed(format!("literal {what} found in data"))
                .hint(format!("Use \"{escape}\" to represent {what}.")),
        }
    }
}

enum Mark {
    End,
    Data,
    Incomplete,
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The lines of some data that comes in pieces of `size` bytes, and the error that ends them.
    fn lines(csv: bool, data: &[u8], size: usize) -> String {
        let mut lines = Lines { csv, quote: b'"', escape: None, ending: None };
        let (mut out, mut taken, mut known) = (Vec::new(), 0, 0);
        loop {
            let end = known == data.len();
            match lines.next(&data[taken..known], end) {
                Ok(Some(line)) => {
                    if !(line.last && line.length == 0) {
                        let text = &data[taken..taken + line.length];
                        out.push(format!("{:?}", String::from_utf8_lossy(text)));
                    }
                    taken += line.taken;
                    if line.last {
                        break;
                    }
                }
                Ok(None) if end => break,
                Ok(None) => known = (known + size).min(data.len()),
                Err(error) => {
                    out.push(error.message().to_owned());
                    break;
                }
            }
        }
        out.join(", ")
    }

    #[track_caller]
    fn check(csv: bool, data: &[&str], expected: Expect) {
        let mut all = String::new();
        for data in data {
            let whole = lines(csv, data.as_bytes(), data.len());
            assert_eq!(lines(csv, data.as_bytes(), 1), whole, "{data:?} byte by byte");
            all += &format!("{data:?}: {whole}\n");
        }
        expected.assert_eq(&all);
    }

    // As PostgreSQL 16 reads them.
    const DATA: [&str; 16] = [
        "1\r\n2\r\n",
        "1\n2\r3\n",
        "1\r\n2\n",
        "1\r2\r",
        "1\r2\n",
        "1\n\\.\r\n",
        "1\n\\.x\n",
        "1\n\\.",
        "1\r\n\\.\r\n",
        "1\r\n\\.\n",
        "1\nab\\.\n2\n",
        "a\\",
        "\"a\r\nb\"\r\nc\r\n",
        "1\r2\\.\r",
        "a\\\nb\nc",
        "1\r",
    ];

    #[test]
    fn text() {
        check(
            false,
            &DATA,
            expect![[r#"
                "1\r\n2\r\n": "1", "2"
                "1\n2\r3\n": "1", literal carriage return found in data
                "1\r\n2\n": "1", literal newline found in data
                "1\r2\r": "1", "2"
                "1\r2\n": "1", literal newline found in data
                "1\n\\.\r\n": "1", end-of-copy marker does not match previous newline style
                "1\n\\.x\n": "1", end-of-copy marker corrupt
                "1\n\\.": "1", end-of-copy marker corrupt
                "1\r\n\\.\r\n": "1"
                "1\r\n\\.\n": "1", end-of-copy marker does not match previous newline style
                "1\nab\\.\n2\n": "1", "ab"
                "a\\": "a\\"
                "\"a\r\nb\"\r\nc\r\n": "\"a", "b\"", "c"
                "1\r2\\.\r": "1", "2"
                "a\\\nb\nc": "a\\\nb", "c"
                "1\r": "1"
            "#]],
        );
    }

    #[test]
    fn csv() {
        check(
            true,
            &DATA,
            expect![[r#"
                "1\r\n2\r\n": "1", "2"
                "1\n2\r3\n": "1", unquoted carriage return found in data
                "1\r\n2\n": "1", unquoted newline found in data
                "1\r2\r": "1", "2"
                "1\r2\n": "1", unquoted newline found in data
                "1\n\\.\r\n": "1", end-of-copy marker does not match previous newline style
                "1\n\\.x\n": "1", "\\.x"
                "1\n\\.": "1", "\\."
                "1\r\n\\.\r\n": "1"
                "1\r\n\\.\n": "1", unquoted newline found in data
                "1\nab\\.\n2\n": "1", "ab\\.", "2"
                "a\\": "a\\"
                "\"a\r\nb\"\r\nc\r\n": "\"a\r\nb\"", "c"
                "1\r2\\.\r": "1", "2\\."
                "a\\\nb\nc": "a\\", "b", "c"
                "1\r": "1"
            "#]],
        );
    }
}
