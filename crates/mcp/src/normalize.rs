//! SQL text as the guard's patterns read it.
//!
//!     SELECT/**/"pg_sleep"('a -- b')  ──►  bare   SELECT pg_sleep('a -- b')
//!                                          blank  SELECT pg_sleep('')
//!
//! Comments are space, as they are for PostgreSQL; quotes around a plain identifier go. Literals that end
//! nowhere reach to the end of the text. The whole is not a lexer: what it gets wrong is refused by the
//! parser afterwards.

/// One text in two forms.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Normalized {
    /// Without comments and needless quotes.
    pub(crate) bare: String,
    /// The same with nothing in its literals.
    pub(crate) blank: String,
}

/// Both forms of `sql`.
pub(crate) fn normalize(sql: &str) -> Normalized {
    let mut out = Normalized { bare: String::new(), blank: String::new() };
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("--") {
            out.push(" ");
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            out.push(" ");
            block_comment_len(rest)
        } else if first == '\'' {
            let escapes = out.bare.ends_with(['e', 'E']) && !ends_in_name(&out.bare, 1);
            let len = quoted_len(rest, '\'', escapes);
            out.bare.push_str(&rest[..len]);
            out.blank.push_str("''");
            len
        } else if first == '"' {
            let len = quoted_len(rest, '"', false);
            let inner = rest[1..len].trim_end_matches('"');
            out.push(if !inner.is_empty() && inner.chars().all(is_word) {
                inner
            } else {
                &rest[..len]
            });
            len
        } else if first == '$'
            && !ends_in_name(&out.bare, 0)
            && let Some(tag) = dollar_tag(rest)
        {
            let end = rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len());
            out.bare.push_str(&rest[..end]);
            out.blank.push_str("''");
            end
        } else {
            out.push(&rest[..first.len_utf8()]);
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    out
}

impl Normalized {
    fn push(&mut self, text: &str) {
        self.bare.push_str(text);
        self.blank.push_str(text);
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether a name ends `back` characters before the end of `text`.
fn ends_in_name(text: &str, back: usize) -> bool {
    text.chars().rev().nth(back).is_some_and(is_word)
}

/// Bytes of the comment that `text` begins with; comments nest.
fn block_comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            match rest.chars().next() {
                Some(character) => at += character.len_utf8(),
                None => return at,
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

/// Bytes of the literal or identifier that `text` begins with, in which a quote is written twice, or
/// after a backslash if that `escapes`.
fn quoted_len(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && escapes {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The tag, `$$` or `$name$`, that `text` begins with.
fn dollar_tag(text: &str) -> Option<&str> {
    let name = text[1..].find('$')?;
    let tag = &text[..name + 2];
    let inner = &tag[1..=name];
    let is_name = inner.chars().all(is_word) && !inner.starts_with(|c: char| c.is_ascii_digit());
    is_name.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, bare: &str, blank: &str) {
        assert_eq!(normalize(sql), Normalized { bare: bare.into(), blank: blank.into() });
    }

    #[test]
    fn normalize_comments_quotes_literals() {
        check(
            "SELECT/**/\"pg_sleep\"('a -- b')",
            "SELECT pg_sleep('a -- b')",
            "SELECT pg_sleep('')",
        );
        check("a /* b /* c */ d */ e -- f\ng", "a   e  \ng", "a   e  \ng");
        check("\"a b\" \"c\"\"d\"", "\"a b\" \"c\"\"d\"", "\"a b\" \"c\"\"d\"");
        check("'it''s' x", "'it''s' x", "'' x");
        check("E'it\\'s' x", "E'it\\'s' x", "E'' x");
        check("note'it\\' x", "note'it\\' x", "note'' x");
        check("$$a;b$$ $t$ $$ $t$ $1 $2", "$$a;b$$ $t$ $$ $t$ $1 $2", "'' '' $1 $2");
        check("'never ends", "'never ends", "''");
        check("/* never ends", " ", " ");
        check("$$ never ends", "$$ never ends", "''");
        check("\"never ends", "\"never ends", "\"never ends");
        check("ä'ö'ü", "ä'ö'ü", "ä''ü");
    }
}
