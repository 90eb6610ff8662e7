//! JSON tokens, and error reports that show where they are.
//!
//! Source: PostgreSQL 16 `src/common/jsonapi.c`.

use crate::{SqlError, SqlState};

/// A kind of token; strings keep their text in the lexer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    String,
    Number,
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    True,
    False,
    Null,
    End,
}

/// Reads tokens off a text; `start .. end` is the current one.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The value of a string token, if `unescape`.
    pub(super) string: String,
    unescape: bool,
    line: usize,
    line_start: usize,
}

type Lexed<T> = Result<T, SqlError>;

impl<'a> Lexer<'a> {
    /// A lexer over `text`. With `unescape` string values are built, and escapes that text cannot
    /// hold are errors.
    pub(super) fn new(text: &'a str, unescape: bool) -> Lexer<'a> {
        Lexer { text, start: 0, end: 0, string: String::new(), unescape, line: 1, line_start: 0 }
    }

    fn peek(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Lexed<Token> {
        let mut at = self.end;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek(at) {
            at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = at;
            }
        }
        self.start = at;
        self.end = at + 1;
        let token = match self.peek(at) {
            None => {
                self.end = at;
                return Ok(Token::End);
            }
            Some(b'{') => Token::ObjectStart,
            Some(b'}') => Token::ObjectEnd,
            Some(b'[') => Token::ArrayStart,
            Some(b']') => Token::ArrayEnd,
            Some(b',') => Token::Comma,
            Some(b':') => Token::Colon,
            Some(b'"') => return self.lex_string(),
            Some(b'-' | b'0'..=b'9') => return self.lex_number(),
            Some(_) => return self.lex_word(),
        };
        Ok(token)
    }

    fn lex_word(&mut self) -> Lexed<Token> {
        let mut at = self.start;
        while self.peek(at).is_some_and(is_word) {
            at += 1;
        }
        if at == self.start {
            // One whole character, whatever it is.
            let rest = self.text.get(at..).unwrap_or_default();
            self.end = at + rest.chars().next().map_or(0, char::len_utf8);
            return Err(self.invalid_token());
        }
        self.end = at;
        match self.current() {
            "true" => Ok(Token::True),
            "false" => Ok(Token::False),
            "null" => Ok(Token::Null),
            _ => Err(self.invalid_token()),
        }
    }

    fn lex_number(&mut self) -> Lexed<Token> {
        let mut at = self.start + usize::from(self.peek(self.start) == Some(b'-'));
        let mut bad = false;
        let digits = |lexer: &Self, mut at: usize| {
            while lexer.peek(at).is_some_and(|b| b.is_ascii_digit()) {
                at += 1;
            }
            at
        };
        match self.peek(at) {
            Some(b'0') => at += 1,
            Some(b'1'..=b'9') => at = digits(self, at),
            _ => bad = true,
        }
        if self.peek(at) == Some(b'.') {
            let end = digits(self, at + 1);
            bad |= end == at + 1;
            at = end;
        }
        if matches!(self.peek(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(at + 1), Some(b'+' | b'-')));
            let end = digits(self, at + 1 + sign);
            bad |= end == at + 1 + sign;
            at = end;
        }
        while self.peek(at).is_some_and(is_word) {
            bad = true;
            at += 1;
        }
        self.end = at.max(self.start + 1);
        if bad { Err(self.invalid_token()) } else { Ok(Token::Number) }
    }

    fn lex_string(&mut self) -> Lexed<Token> {
        self.string.clear();
        let mut at = self.start + 1;
        let mut plain = at;
        let mut high: Option<u32> = None;
        loop {
            let byte = self.peek(at);
            if high.is_some() && byte != Some(b'\\') && self.unescape {
                return Err(self.string_error(at, LONE_LOW));
            }
            match byte {
                None => {
                    self.end = at;
                    return Err(self.invalid_token());
                }
                Some(b'"') => {
                    self.keep(plain, at);
                    self.end = at + 1;
                    return Ok(Token::String);
                }
                Some(b'\\') => {
                    self.keep(plain, at);
                    at = self.escape(at, &mut high)?;
                    plain = at;
                }
                Some(byte @ 0x00..=0x1f) => {
                    let detail = format!("Character with value 0x{byte:02x} must be escaped.");
                    // It does not print, so the context stops before it.
                    self.end = at;
                    return Err(self.syntax_error(&detail));
                }
                Some(_) => at += 1,
            }
        }
    }

    /// Takes over the text between two escapes.
    fn keep(&mut self, from: usize, to: usize) {
        if self.unescape {
            self.string.push_str(self.text.get(from..to).unwrap_or_default());
        }
    }

    /// Reads the escape at `at`; returns where it ends.
    fn escape(&mut self, at: usize, high: &mut Option<u32>) -> Lexed<usize> {
        let Some(byte) = self.peek(at + 1) else {
            self.end = at + 1;
            return Err(self.invalid_token());
        };
        if byte != b'u' && high.is_some() && self.unescape {
            return Err(self.string_error(at + 1, LONE_LOW));
        }
        let simple = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = 0;
                for i in 0..4 {
                    let digit = self.peek(at + 2 + i).and_then(|b| char::from(b).to_digit(16));
                    match digit {
                        Some(digit) => code = code << 4 | digit,
                        None if self.peek(at + 2 + i).is_none() => {
                            self.end = at + 2 + i;
                            return Err(self.invalid_token());
                        }
                        None => {
                            let detail = "\"\\u\" must be followed by four hexadecimal digits.";
                            return Err(self.string_error(at + 2 + i, detail));
                        }
                    }
                }
                if self.unescape {
                    self.push_unit(at + 5, code, high)?;
                }
                return Ok(at + 6);
            }
            _ => {
                let rest = self.text.get(at + 1..).unwrap_or_default();
                let c = rest.chars().next().unwrap_or_default();
                let detail = format!("Escape sequence \"\\{c}\" is invalid.");
                return Err(self.string_error(at + 1, &detail));
            }
        };
        if self.unescape {
            self.string.push(simple);
        }
        Ok(at + 2)
    }

    /// Adds a UTF-16 unit; `last` is its last digit.
    fn push_unit(&mut self, last: usize, code: u32, high: &mut Option<u32>) -> Lexed<()> {
        let code = match (code, high.take()) {
            (0xd800..=0xdbff, None) => {
                *high = Some(code);
                return Ok(());
            }
            (0xd800..=0xdbff, Some(_)) => {
                let detail = "Unicode high surrogate must not follow a high surrogate.";
                return Err(self.string_error(last, detail));
            }
            (0xdc00..=0xdfff, Some(high)) => 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00),
            (0xdc00..=0xdfff, None) | (_, Some(_)) => {
                return Err(self.string_error(last, LONE_LOW));
            }
            (0, None) => {
                self.end = last + 1;
                return Err(self.error(
                    SqlState::UNTRANSLATABLE_CHARACTER,
                    "unsupported Unicode escape sequence",
                    "\\u0000 cannot be converted to text.",
                ));
            }
            (code, None) => code,
        };
        self.string.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    /// The text of the current token.
    pub(super) fn current(&self) -> &'a str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    fn invalid_token(&self) -> SqlError {
        self.syntax_error(&format!("Token \"{}\" is invalid.", self.current()))
    }

    /// An error inside a string, at the character at `at`.
    fn string_error(&mut self, at: usize, detail: &str) -> SqlError {
        let rest = self.text.get(at..).unwrap_or_default();
        self.end = at + rest.chars().next().map_or(0, char::len_utf8);
        self.syntax_error(detail)
    }

    /// `22P02` at the current token.
    pub(super) fn syntax_error(&self, detail: &str) -> SqlError {
        self.error(
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type json",
            detail,
        )
    }

    fn error(&self, code: SqlState, message: &str, detail: &str) -> SqlError {
        SqlError::new(code, message).detail(detail).context(self.context())
    }

    /// The line up to the current token, cut at the front if it is long.
    pub(super) fn context(&self) -> String {
        let mut start = self.line_start;
        while self.end - start >= 50 {
            start += 1;
            while !self.text.is_char_boundary(start) {
                start += 1;
            }
        }
        if start - self.line_start <= 3 {
            start = self.line_start;
        }
        let prefix = if start > self.line_start { "..." } else { "" };
        let more = self.peek(self.end).is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
        let suffix = if more && self.start < self.text.len() { "..." } else { "" };
        let excerpt = self.text.get(start..self.end).unwrap_or_default();
        format!("JSON data, line {}: {prefix}{excerpt}{suffix}", self.line)
    }
}

const LONE_LOW: &str = "Unicode low surrogate must follow a high surrogate.";

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
