//! The options of `ts_headline`: `name = value` pairs with commas between.
//!
//! Source: PostgreSQL 16 `deserialize_deflist`, `prsd_headline`.

use types::{Result, SqlError, SqlState};

use crate::errors::invalid_parameter;

/// What a headline is to be like.
pub(super) struct Options {
    /// What stands before a word of the query.
    pub(super) start: String,
    /// What stands behind it.
    pub(super) stop: String,
    /// What stands between two fragments.
    pub(super) delimiter: String,
    /// Words that a headline has at most.
    pub(super) max_words: i32,
    /// Words that it has at least.
    pub(super) min_words: i32,
    /// Bytes of words at which it should not end.
    pub(super) short_word: i32,
    /// Number of fragments; 0 makes one headline of another kind.
    pub(super) max_fragments: i32,
    /// All of the text is the headline.
    pub(super) highlight_all: bool,
}

impl Options {
    /// # Errors
    /// `42601` for a list that is none, `22023` for unknown names and values that contradict.
    pub(super) fn parse(list: &str) -> Result<Options> {
        let mut options = Options {
            start: "<b>".into(),
            stop: "</b>".into(),
            delimiter: " ... ".into(),
            max_words: 35,
            min_words: 15,
            short_word: 3,
            max_fragments: 0,
            highlight_all: false,
        };
        for (name, value) in pairs(list)? {
            options.set(&name, value)?;
        }
        if !options.highlight_all {
            options.check()?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name.to_ascii_lowercase().as_str() {
            "maxwords" => self.max_words = types::int::parse(&value, "integer")?,
            "minwords" => self.min_words = types::int::parse(&value, "integer")?,
            "shortword" => self.short_word = types::int::parse(&value, "integer")?,
            "maxfragments" => self.max_fragments = types::int::parse(&value, "integer")?,
            "startsel" => self.start = value,
            "stopsel" => self.stop = value,
            "fragmentdelimiter" => self.delimiter = value,
            "highlightall" => {
                let yes = ["1", "on", "true", "t", "y", "yes"];
                self.highlight_all = yes.iter().any(|yes| value.eq_ignore_ascii_case(yes));
            }
            _ => {
                return Err(invalid_parameter(format!(
                    "unrecognized headline parameter: \"{name}\""
                )));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let Options { max_words, min_words, short_word, max_fragments, .. } = *self;
        let broken = [
            (min_words >= max_words, "MinWords should be less than MaxWords"),
            (min_words <= 0, "MinWords should be positive"),
            (short_word < 0, "ShortWord should be >= 0"),
            (max_fragments < 0, "MaxFragments should be >= 0"),
        ];
        match broken.iter().find(|(broken, _)| *broken) {
            Some((_, message)) => Err(invalid_parameter(*message)),
            None => Ok(()),
        }
    }
}

/// The pairs of a list. Names and values may be quoted, with doubled quotes in them.
fn pairs(list: &str) -> Result<Vec<(String, String)>> {
    let error = || {
        SqlError::new(SqlState::SYNTAX_ERROR, format!("invalid parameter list format: \"{list}\""))
    };
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let mut found = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == ',');
        if rest.is_empty() {
            return Ok(found);
        }
        let name;
        (name, rest) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner, '"').ok_or_else(error)?,
            None => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                let tail = rest.get(first..).unwrap_or_default();
                let len = tail.find(|c| is_space(c) || c == '=').ok_or_else(error)?;
                let (name, rest) = rest.split_at(first + len);
                (name.to_owned(), rest)
            }
        };
        rest = rest.trim_start_matches(is_space).strip_prefix('=').ok_or_else(error)?;
        rest = rest.trim_start_matches(is_space);
        let value;
        (value, rest) = match (rest.strip_prefix('"'), rest.strip_prefix("E'")) {
            (Some(inner), _) => quoted(inner, '"').ok_or_else(error)?,
            (_, Some(inner)) => quoted(inner, '\'').ok_or_else(error)?,
            _ => match rest.strip_prefix('\'') {
                Some(inner) => quoted(inner, '\'').ok_or_else(error)?,
                None => {
                    let first = rest.chars().next().ok_or_else(error)?.len_utf8();
                    let tail = rest.get(first..).unwrap_or_default();
                    let len = tail.find(|c| is_space(c) || c == ',').unwrap_or(tail.len());
                    let (value, rest) = rest.split_at(first + len);
                    (value.to_owned(), rest)
                }
            },
        };
        found.push((name, value));
    }
}

/// The text up to a single quote, and what comes behind it. In single quotes a backslash may stand
/// before another or before a quote.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let next = chars.as_str().chars().next();
        if c == quote {
            if next != Some(quote) {
                return Some((out, chars.as_str()));
            }
            chars.next();
        } else if quote == '\'' && c == '\\' && matches!(next, Some('\\' | '\'')) {
            out.extend(chars.next());
            continue;
        }
        out.push(c);
    }
    None
}
