//! The tokens of a path's text.
//!
//! Source: PostgreSQL 16 `jsonpath_scan.l`.

use crate::{Numeric, Result, SqlError, SqlState, numeric};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// An unquoted word that is no key word, or is used as a name.
    Word(String),
    /// A quoted string.
    String(String),
    /// `$name` or `$"name"`.
    Variable(String),
    /// A number with its text, and whether it is an integer.
    Number(Numeric, String, bool),
    /// A character or an operator.
    Symbol(&'static str),
    /// The end.
    End,
}

/// A token and the text that an error at it shows.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) near: String,
}

/// Longer ones first.
const SYMBOLS: [&str; 34] = [
    "&&", "||", "**", "<=", "==", "<>", "!=", ">=", "!", "<", ">", "?", "%", "$", ".", "[", "]",
    "{", "}", "(", ")", "|", "&", "=", "@", "#", ",", "*", ":", "-", "+", "/", "\\", "\"",
];

fn is_special(c: char) -> bool {
    "?%$.[]{}()|&!=<>@#,*:-+/".contains(c)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// What words consist of.
fn is_other(c: char) -> bool {
    !is_special(c) && !is_blank(c) && c != '\\' && c != '"'
}

/// An error as the scanner or the grammar reports it; an empty `near` is the end.
pub(super) fn error_at(message: &str, near: &str) -> SqlError {
    let place = match near {
        "" => "at end of jsonpath input".to_owned(),
        near => format!("at or near \"{near}\" of jsonpath input"),
    };
    SqlError::new(SqlState::SYNTAX_ERROR, format!("{message} {place}"))
}

/// All tokens of `text`; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme>> {
    let mut lexer = Lexer { rest: text };
    let mut tokens = Vec::new();
    loop {
        let lexeme = lexer.next()?;
        let end = lexeme.token == Token::End;
        tokens.push(lexeme);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Lexeme> {
        loop {
            self.rest = self.rest.trim_start_matches(is_blank);
            match self.rest.strip_prefix("/*") {
                Some(comment) => self.rest = after_comment(comment)?,
                None => break,
            }
        }
        let lexeme = |token: Token, near: &str| Lexeme { token, near: near.to_owned() };
        let Some(first) = self.rest.chars().next() else { return Ok(lexeme(Token::End, "")) };
        if let Some(quoted) = self.rest.strip_prefix("$\"") {
            self.rest = quoted;
            return Ok(lexeme(Token::Variable(self.quoted()?), "\""));
        }
        if first == '$'
            && let Some(tail) = self.rest.get(1..)
            && tail.starts_with(|c: char| is_other(c) || c == '\\')
        {
            self.rest = tail;
            let (name, near) = self.word()?;
            return Ok(Lexeme { token: Token::Variable(name), near });
        }
        if first == '"' {
            self.rest = self.rest.get(1..).unwrap_or_default();
            return Ok(lexeme(Token::String(self.quoted()?), "\""));
        }
        let second = self.rest.chars().nth(1);
        if first.is_ascii_digit() || first == '.' && second.is_some_and(|c| c.is_ascii_digit()) {
            return self.number();
        }
        if is_other(first) || first == '\\' {
            let (word, near) = self.word()?;
            return Ok(Lexeme { token: Token::Word(word), near });
        }
        for symbol in SYMBOLS {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                return Ok(lexeme(Token::Symbol(symbol), symbol));
            }
        }
        Err(error_at("syntax error", &first.to_string()))
    }

    /// An unquoted word, and what the scanner saw last.
    fn word(&mut self) -> Result<(String, String)> {
        let mut word = String::new();
        loop {
            let end = self.rest.find(|c| !is_other(c)).unwrap_or(self.rest.len());
            let (part, rest) = self.rest.split_at(end);
            word.push_str(part);
            self.rest = rest;
            match rest.chars().next() {
                Some('\\') => self.escape(&mut word)?,
                Some(c) if is_blank(c) => {
                    let end = rest.find(|c| !is_blank(c)).unwrap_or(rest.len());
                    return Ok((word, rest.get(..end).unwrap_or_default().to_owned()));
                }
                Some('/') if rest.starts_with("/*") => return Ok((word, "/*".to_owned())),
                _ => return Ok((word, String::new())),
            }
        }
    }

    /// The rest of a quoted string.
    fn quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\']).unwrap_or(self.rest.len());
            let (part, rest) = self.rest.split_at(end);
            text.push_str(part);
            self.rest = rest;
            match rest.chars().next() {
                Some('"') => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    return Ok(text);
                }
                Some(_) => self.escape(&mut text)?,
                None => return Err(error_at("unterminated quoted string", "")),
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, out: &mut String) -> Result<()> {
        let mut chars = self.rest.get(1..).unwrap_or_default().chars();
        let Some(c) = chars.next() else {
            return Err(error_at("unexpected end after backslash", "\\"));
        };
        let after = chars.as_str();
        out.push(match c {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => {
                let digits = after.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
                if digits < 2 {
                    let near = self.rest.get(..2 + digits).unwrap_or_default();
                    return Err(error_at("invalid hexadecimal character sequence", near));
                }
                let (hex, rest) = after.split_at(2);
                self.rest = rest;
                return self.push_code(u32::from_str_radix(hex, 16).unwrap_or(0), out);
            }
            'u' => return self.unicode(out),
            c => c,
        });
        self.rest = after;
        Ok(())
    }

    /// One or two `\uXXXX` or `\u{X…}`: two are a surrogate pair.
    fn unicode(&mut self, out: &mut String) -> Result<()> {
        let start = self.rest;
        let mut high: Option<u32> = None;
        while let Some(body) = self.rest.strip_prefix("\\u") {
            let (digits, rest) = match body.strip_prefix('{') {
                Some(inner) => {
                    let len = inner.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
                    let (digits, rest) = inner.split_at(len);
                    (digits, rest.strip_prefix('}').filter(|_| len > 0))
                }
                None => {
                    let len = body.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
                    let (digits, rest) = body.split_at(len);
                    (digits, Some(rest).filter(|_| len == 4))
                }
            };
            let Some(rest) = rest else {
                let braces = usize::from(body.starts_with('{'));
                let used = start.len() - self.rest.len() + 2 + braces + digits.len();
                let near = start.get(..used).unwrap_or_default();
                return Err(error_at("invalid Unicode escape sequence", near));
            };
            let code = u32::from_str_radix(digits, 16).unwrap_or(0);
            self.rest = rest;
            let surrogate = |detail: &str| {
                SqlError::new(
                    SqlState::INVALID_TEXT_REPRESENTATION,
                    "invalid input syntax for type jsonpath",
                )
                .detail(detail)
            };
            match (code, high) {
                (0xd800..=0xdbff, Some(_)) => {
                    return Err(surrogate(
                        "Unicode high surrogate must not follow a high surrogate.",
                    ));
                }
                (0xd800..=0xdbff, None) => high = Some(code),
                (0xdc00..=0xdfff, None) => {
                    return Err(surrogate("Unicode low surrogate must follow a high surrogate."));
                }
                (0xdc00..=0xdfff, Some(first)) => {
                    self.push_code(0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff), out)?;
                    high = None;
                }
                (_, Some(_)) => {
                    return Err(surrogate("Unicode low surrogate must follow a high surrogate."));
                }
                (code, None) => self.push_code(code, out)?,
            }
        }
        match high {
            None => Ok(()),
            Some(_) => Err(SqlError::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type jsonpath",
            )
            .detail("Unicode low surrogate must follow a high surrogate.")),
        }
    }

    fn push_code(&self, code: u32, out: &mut String) -> Result<()> {
        if code == 0 {
            return Err(SqlError::new(
                SqlState::UNTRANSLATABLE_CHARACTER,
                "unsupported Unicode escape sequence",
            )
            .detail("\\u0000 cannot be converted to text."));
        }
        match char::from_u32(code) {
            Some(c) => {
                out.push(c);
                Ok(())
            }
            None => Err(error_at("invalid Unicode escape sequence", "\\u")),
        }
    }

    fn number(&mut self) -> Result<Lexeme> {
        let text = self.rest;
        let digits = |text: &str, radix: u32| {
            // `_` between digits.
            let mut len = 0;
            let bytes = text.as_bytes();
            let is_digit =
                |at: usize| bytes.get(at).is_some_and(|byte| char::from(*byte).is_digit(radix));
            while is_digit(len) || len > 0 && bytes.get(len) == Some(&b'_') && is_digit(len + 1) {
                len += 1;
            }
            len
        };
        let at = |len: usize| text.get(len..).unwrap_or_default();
        let prefix = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => Some(16),
            [b'0', b'o' | b'O', ..] => Some(8),
            [b'0', b'b' | b'B', ..] => Some(2),
            _ => None,
        };
        let (mut len, mut integer) = (0, true);
        let based = prefix.map_or(0, |radix| {
            let digits = digits(at(2), radix);
            if digits > 0 { digits + 2 } else { 0 }
        });
        if based > 0 {
            len = based;
        } else {
            len += match text.starts_with('0') {
                true => 1,
                false => digits(text, 10),
            };
            if at(len).starts_with('.') {
                integer = false;
                len += 1;
                len += digits(at(len), 10);
            }
            if at(len).starts_with(['e', 'E']) {
                let sign = usize::from(at(len + 1).starts_with(['+', '-']));
                let exponent = digits(at(len + 1 + sign), 10);
                if exponent > 0 {
                    integer = false;
                    len += 1 + sign + exponent;
                } else if sign > 0 {
                    let near = text.get(..len + 2).unwrap_or_default();
                    return Err(error_at("invalid numeric literal", near));
                }
            }
        }
        if let Some(junk) = at(len).chars().next().filter(|c| is_other(*c)) {
            let near = text.get(..len + junk.len_utf8()).unwrap_or_default();
            // The scanner takes the longest match: `1a` is a number with junk, `1ab` a word.
            let word = text.find(|c| !is_other(c)).unwrap_or(text.len());
            if based > 0 || word > near.len() {
                let (word, near) = self.word()?;
                return Ok(Lexeme { token: Token::Word(word), near });
            }
            return Err(error_at("trailing junk after numeric literal", near));
        }
        let (literal, rest) = text.split_at(len);
        self.rest = rest;
        let value = numeric::parse(literal)?;
        Ok(Lexeme {
            token: Token::Number(value, literal.to_owned(), integer),
            near: literal.to_owned(),
        })
    }
}

fn after_comment(comment: &str) -> Result<&str> {
    match comment.split_once("*/") {
        Some((_, rest)) => Ok(rest),
        None => Err(error_at("unexpected end of comment", "")),
    }
}
