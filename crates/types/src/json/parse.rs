//! Reading JSON.

use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::value::{Json, JsonObject};
use crate::memory::DEPTH_MAX;
use crate::{Result, SqlError, memory, numeric};

/// Reads a `jsonb`.
///
/// # Errors
/// `22P02` with detail and context as PostgreSQL gives them, `22P05` for U+0000, `22003` for a
/// number beyond `numeric`, `54000` for too many values, `54001` for nesting deeper than 1,200 levels.
pub fn parse(text: &str) -> Result<Json> {
    let mut parser = Parser::new(Lexer::new(text, true));
    parser.document()
}

/// Checks a `json`.
///
/// # Errors
/// As [`parse`], but for numbers and Unicode escapes, which `json` does not interpret.
pub fn validate(text: &str) -> Result<()> {
    let mut parser = Parser::new(Lexer::new(text, false));
    parser.document_unbuilt()
}

/// What was expected where something else stands.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    Value,
    String,
    ArrayNext,
    ObjectFirst,
    ObjectNext,
    Colon,
    End,
}

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    /// Bytes of the values read so far.
    pub(super) bytes: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(lexer: Lexer<'a>) -> Parser<'a> {
        Parser { lexer, token: Token::End, bytes: 0 }
    }

    pub(super) fn advance(&mut self) -> Result<()> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    pub(super) fn unexpected(&self, expected: Expected) -> SqlError {
        let detail = match (self.token, expected) {
            (Token::End, Expected::End) | (Token::End, _) => {
                return self.lexer.syntax_error("The input string ended unexpectedly.");
            }
            (_, Expected::Value) => "JSON value",
            (_, Expected::String) => "string",
            (_, Expected::ArrayNext) => "\",\" or \"]\"",
            (_, Expected::ObjectFirst) => "string or \"}\"",
            (_, Expected::ObjectNext) => "\",\" or \"}\"",
            (_, Expected::Colon) => "\":\"",
            (_, Expected::End) => "end of input",
        };
        let found = self.lexer.current();
        self.lexer.syntax_error(&format!("Expected {detail}, but found \"{found}\"."))
    }

    fn document(&mut self) -> Result<Json> {
        self.advance()?;
        let value = self.value(DEPTH_MAX)?;
        self.expect_end()?;
        Ok(value)
    }

    fn document_unbuilt(&mut self) -> Result<()> {
        self.advance()?;
        self.skip_value(DEPTH_MAX)?;
        self.expect_end()
    }

    pub(super) fn expect_end(&self) -> Result<()> {
        match self.token {
            Token::End => Ok(()),
            _ => Err(self.unexpected(Expected::End)),
        }
    }

    fn value(&mut self, depth: u32) -> Result<Json> {
        self.bytes += size_of::<Json>();
        memory::check(self.bytes)?;
        let value = match self.token {
            Token::Null => Json::Null,
            Token::True => Json::Bool(true),
            Token::False => Json::Bool(false),
            Token::Number => Json::Number(numeric::parse(self.lexer.current())?),
            Token::String => Json::String(Arc::from(self.lexer.string.as_str())),
            Token::ArrayStart => return self.array(deeper(depth)?),
            Token::ObjectStart => return self.object(deeper(depth)?),
            _ => return Err(self.unexpected(Expected::Value)),
        };
        self.advance()?;
        Ok(value)
    }

    fn array(&mut self, depth: u32) -> Result<Json> {
        let mut items = Vec::new();
        self.advance()?;
        if self.token != Token::ArrayEnd {
            loop {
                items.push(self.value(depth)?);
                match self.token {
                    Token::Comma => self.advance()?,
                    Token::ArrayEnd => break,
                    _ => return Err(self.unexpected(Expected::ArrayNext)),
                }
            }
        }
        self.advance()?;
        Ok(Json::Array(items))
    }

    fn object(&mut self, depth: u32) -> Result<Json> {
        let mut members = Vec::new();
        self.advance()?;
        if self.token != Token::ObjectEnd {
            if self.token != Token::String {
                return Err(self.unexpected(Expected::ObjectFirst));
            }
            loop {
                let key = self.key()?;
                members.push((key, self.value(depth)?));
                if !self.next_member()? {
                    break;
                }
            }
        }
        self.advance()?;
        Ok(Json::Object(JsonObject::from_members(members)))
    }

    /// Reads a key and its colon.
    pub(super) fn key(&mut self) -> Result<Arc<str>> {
        if self.token != Token::String {
            return Err(self.unexpected(Expected::String));
        }
        let key = Arc::from(self.lexer.string.as_str());
        self.advance()?;
        if self.token != Token::Colon {
            return Err(self.unexpected(Expected::Colon));
        }
        self.advance()?;
        Ok(key)
    }

    /// Moves over a comma; false at the closing brace.
    pub(super) fn next_member(&mut self) -> Result<bool> {
        match self.token {
            Token::Comma => self.advance().map(|()| true),
            Token::ObjectEnd => Ok(false),
            _ => Err(self.unexpected(Expected::ObjectNext)),
        }
    }

    /// Checks a value without building it.
    pub(super) fn skip_value(&mut self, depth: u32) -> Result<()> {
        match self.token {
            Token::Null | Token::True | Token::False | Token::Number | Token::String => {}
            Token::ArrayStart => {
                let depth = deeper(depth)?;
                self.advance()?;
                while self.token != Token::ArrayEnd {
                    self.skip_value(depth)?;
                    match self.token {
                        Token::Comma => {
                            self.advance()?;
                            if self.token == Token::ArrayEnd {
                                return Err(self.unexpected(Expected::Value));
                            }
                        }
                        Token::ArrayEnd => {}
                        _ => return Err(self.unexpected(Expected::ArrayNext)),
                    }
                }
            }
            Token::ObjectStart => {
                let depth = deeper(depth)?;
                self.advance()?;
                if self.token != Token::ObjectEnd {
                    if self.token != Token::String {
                        return Err(self.unexpected(Expected::ObjectFirst));
                    }
                    loop {
                        self.key()?;
                        self.skip_value(depth)?;
                        if !self.next_member()? {
                            break;
                        }
                    }
                }
            }
            _ => return Err(self.unexpected(Expected::Value)),
        }
        self.advance()
    }
}

fn deeper(depth: u32) -> Result<u32> {
    depth.checked_sub(1).filter(|depth| *depth > 0).ok_or_else(memory::too_deep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlState;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text).unwrap().to_string(), expected);
        validate(text).unwrap();
    }

    #[test]
    fn canonical_text() {
        check(
            r#" {"bb":1,"a":[1,2.50,1e3,-0],"a":{"x":null},"c":"\u00e4\ud83d\ude00\/\n"} "#,
            r#"{"a": {"x": null}, "c": "ä😀/\n", "bb": 1}"#,
        );
        check("[]", "[]");
        check("{}", "{}");
        check(r#""\u0007""#, r#""\u0007""#);
        check("123456789012345678901234567890.10", "123456789012345678901234567890.10");
        check("1.5e-3", "0.0015");
    }

    #[track_caller]
    fn error(text: &str, detail: &str, context: &str) {
        let error = parse(text).unwrap_err();
        assert_eq!(error.fields().detail.as_deref(), Some(detail), "{text}");
        assert_eq!(error.fields().context.as_deref(), Some(context), "{text}");
    }

    #[test]
    fn errors_show_the_place() {
        error("", "The input string ended unexpectedly.", "JSON data, line 1: ");
        error("{\"a\":1", "The input string ended unexpectedly.", "JSON data, line 1: {\"a\":1");
        error("{a:1}", "Token \"a\" is invalid.", "JSON data, line 1: {a...");
        error("[1,]", "Expected JSON value, but found \"]\".", "JSON data, line 1: [1,]");
        error("[1 2]", "Expected \",\" or \"]\", but found \"2\".", "JSON data, line 1: [1 2...");
        error("{\"a\" 1}", "Expected \":\", but found \"1\".", "JSON data, line 1: {\"a\" 1...");
        error("{1:2}", "Expected string or \"}\", but found \"1\".", "JSON data, line 1: {1...");
        error("{\"a\":1,}", "Expected string, but found \"}\".", "JSON data, line 1: {\"a\":1,}");
        error("1 2", "Expected end of input, but found \"2\".", "JSON data, line 1: 1 2");
        error("\"abc", "Token \"\"abc\" is invalid.", "JSON data, line 1: \"abc");
        error("01", "Token \"01\" is invalid.", "JSON data, line 1: 01");
        error("\"\\x\"", "Escape sequence \"\\x\" is invalid.", "JSON data, line 1: \"\\x...");
        error(
            "\"\\ud800\"",
            "Unicode low surrogate must follow a high surrogate.",
            "JSON data, line 1: \"\\ud800\"",
        );
        error(
            "\"\\u0000\"",
            "\\u0000 cannot be converted to text.",
            "JSON data, line 1: \"\\u0000...",
        );
        validate("\"\\u0000\\ud800\"").unwrap();
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let text = "[".repeat(100_000);
        assert_eq!(parse(&text).unwrap_err().code(), SqlState::STATEMENT_TOO_COMPLEX);
        assert_eq!(validate(&text).unwrap_err().code(), SqlState::STATEMENT_TOO_COMPLEX);
        let text = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(parse(&text).unwrap().to_string(), text);
    }
}
