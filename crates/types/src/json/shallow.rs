//! One level of a `json` text, with the members' own text untouched.

use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::parse::{Expected, Parser};
use crate::Result;
use crate::memory::DEPTH_MAX;

/// The outermost level of a `json` text; the slices are exactly what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shallow<'a> {
    /// Keys (unescaped, in order, perhaps repeated) and values.
    Object(Vec<(Arc<str>, &'a str)>),
    /// Elements.
    Array(Vec<&'a str>),
    /// A string's value.
    String(String),
    /// `null`
    Null,
    /// A number or boolean as written.
    Scalar(&'a str),
}

/// Takes the outermost level of a `json` text apart.
///
/// # Errors
/// As [`super::parse()`].
pub fn shallow(text: &str) -> Result<Shallow<'_>> {
    let mut parser = Parser::new(Lexer::new(text, true));
    parser.advance()?;
    let slice = |parser: &mut Parser<'_>| -> Result<(usize, usize)> {
        let start = parser.lexer.start;
        // The end of the value is where its last token ends, before the blanks that follow.
        let mut end = parser.lexer.end;
        let mut depth = 0_u32;
        loop {
            match parser.token {
                Token::ArrayStart | Token::ObjectStart => depth += 1,
                Token::ArrayEnd | Token::ObjectEnd => depth = depth.saturating_sub(1),
                Token::End => return Err(parser.unexpected(Expected::Value)),
                _ => {}
            }
            end = end.max(parser.lexer.end);
            parser.advance()?;
            if depth == 0 {
                return Ok((start, end));
            }
        }
    };
    // Checked as a whole first; the second pass only finds the boundaries.
    let mut checker = Parser::new(Lexer::new(text, false));
    checker.advance()?;
    checker.skip_value(DEPTH_MAX)?;
    checker.expect_end()?;
    let value = match parser.token {
        Token::ObjectStart => {
            let mut members = Vec::new();
            parser.advance()?;
            while parser.token != Token::ObjectEnd {
                let key = parser.key()?;
                let (start, end) = slice(&mut parser)?;
                members.push((key, text.get(start..end).unwrap_or_default()));
                if !parser.next_member()? {
                    break;
                }
            }
            Shallow::Object(members)
        }
        Token::ArrayStart => {
            let mut items = Vec::new();
            parser.advance()?;
            while parser.token != Token::ArrayEnd {
                let (start, end) = slice(&mut parser)?;
                items.push(text.get(start..end).unwrap_or_default());
                if parser.token == Token::Comma {
                    parser.advance()?;
                }
            }
            Shallow::Array(items)
        }
        Token::String => Shallow::String(std::mem::take(&mut parser.lexer.string)),
        Token::Null => Shallow::Null,
        _ => Shallow::Scalar(parser.lexer.current()),
    };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_as_written() {
        assert_eq!(
            shallow(r#" {"a" : [1, {"b":2} ] , "\u0061":"x"} "#).unwrap(),
            Shallow::Object(vec![("a".into(), r#"[1, {"b":2} ]"#), ("a".into(), "\"x\"")])
        );
        assert_eq!(shallow("[1 , [2,3], {}]").unwrap(), Shallow::Array(vec!["1", "[2,3]", "{}"]));
        assert_eq!(shallow(" \"a\\n\" ").unwrap(), Shallow::String("a\n".into()));
        assert_eq!(shallow("1e5").unwrap(), Shallow::Scalar("1e5"));
        assert!(shallow("[1,").is_err());
    }
}
