//! Key words, and names quoted as PostgreSQL quotes them.

use std::borrow::Cow;

use super::data::KEYWORDS;
use super::rows::{Keyword, KeywordCategory};

/// All key words, in order.
pub fn keywords() -> &'static [Keyword] {
    &KEYWORDS
}

/// The key word `word`, which must be in lower case.
pub fn keyword(word: &str) -> Option<&'static Keyword> {
    let at = KEYWORDS.binary_search_by(|keyword| keyword.word.cmp(word)).ok()?;
    KEYWORDS.get(at)
}

/// `name` as an identifier in SQL text: in double quotes only if it needs them.
///
/// Source: PostgreSQL 16 `quote_identifier`, `src/backend/utils/adt/ruleutils.c`.
pub fn quote_identifier(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let safe = name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c.is_ascii_digit())
        && keyword(name).is_none_or(|word| word.category == KeywordCategory::Unreserved);
    if safe {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// `schema.name`, both quoted where they need it.
pub fn quote_qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// `text` as a string constant in SQL text: `'it''s'`, with `E` and doubled backslashes if it
/// holds any.
///
/// Source: PostgreSQL 16 `quote_literal_cstr`, `src/backend/utils/adt/quote.c`.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted_when_needed() {
        for (name, expected) in [
            ("a_1", "a_1"),
            ("_x", "_x"),
            ("1a", "\"1a\""),
            ("A", "\"A\""),
            ("a b", "\"a b\""),
            ("a$", "\"a$\""),
            ("é", "\"é\""),
            ("", "\"\""),
            ("a\"b", "\"a\"\"b\""),
            ("select", "\"select\""),
            ("between", "\"between\""),
            ("left", "\"left\""),
            ("abort", "abort"),
            ("name", "name"),
            ("value", "value"),
        ] {
            assert_eq!(quote_identifier(name), expected);
        }
        assert_eq!(quote_qualified("public", "Order"), "public.\"Order\"");
    }

    #[test]
    fn literals_are_quoted() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b"), "E'a\\\\b'");
    }
}
