//! Names in text arguments: `'public."My Table"'::regclass`.

use types::{Result, SqlError, SqlState};

/// The longest identifier, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Takes an identifier off the front of `text`: folded to lower case unless quoted, cut to 63
/// bytes. `None` if none begins there.
pub fn split_identifier(text: &str) -> Option<(String, &str)> {
    let (mut name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        let end = loop {
            match chars.next()? {
                (_, '"') if chars.next_if(|(_, c)| *c == '"').is_some() => name.push('"'),
                (at, '"') => break at + 1,
                (_, c) => name.push(c),
            }
        };
        if name.is_empty() {
            return None;
        }
        (name, quoted.get(end..).unwrap_or_default())
    } else {
        let part = |c: char| c == '_' || c == '$' || c.is_alphanumeric() || !c.is_ascii();
        let end = text.find(|c| !part(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
            return None;
        }
        (name.to_ascii_lowercase(), rest)
    };
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    Some((name, rest))
}

/// The parts of a possibly qualified name: `a."B".c`.
///
/// # Errors
/// `42602` `invalid name syntax`.
pub fn parse_qualified_name(text: &str) -> Result<Vec<String>> {
    let invalid = || SqlError::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim_ascii();
    loop {
        let (name, after) = split_identifier(rest).ok_or_else(invalid)?;
        parts.push(name);
        rest = after.trim_ascii_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_ascii_start(),
            None if rest.is_empty() => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let parse = |text| parse_qualified_name(text).map_err(|error| error.message().to_owned());
        assert_eq!(parse(" Public . \"My \"\"T\" ").unwrap(), ["public", "My \"T"]);
        assert_eq!(parse("a1$é").unwrap(), ["a1$é"]);
        for bad in ["", "a.", ".a", "a b", "1a", "\"a", "\"\"", "a-b"] {
            assert_eq!(parse(bad), Err("invalid name syntax".into()), "{bad}");
        }
        assert_eq!(parse(&"é".repeat(40)).unwrap(), ["é".repeat(31)]);
    }
}
