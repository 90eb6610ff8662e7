//! The statements that DSQL adds to PostgreSQL's grammar, recognised on the token stream.

use std::sync::Arc;

use pg_query::protobuf::{ScanToken, Token};
use types::{Result, SqlError, SqlState};

use crate::{Statement, StatementKind, character_position, parse_postgres};

/// Whether the text could hold one of DSQL's statements: a quick look that may say yes too often.
pub(crate) fn may_contain(sql: &str) -> bool {
    [b"async" as &[u8], b"aws", b"statistics"].iter().any(|word| contains_word(sql, word))
}

fn contains_word(sql: &str, word: &[u8]) -> bool {
    sql.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Parses a query string that may hold DSQL's statements.
pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>> {
    // A text that does not even scan gets its error from the parser, which knows the position.
    let Ok(scan) = pg_query::scan(sql) else {
        return parse_postgres(sql, Arc::from(sql), &[]);
    };
    let source: Arc<str> = Arc::from(sql);
    let words: Vec<Word> = scan
        .tokens
        .iter()
        .filter(|token| !matches!(token.token(), Token::SqlComment | Token::CComment))
        .map(|token| Word::new(sql, token))
        .collect();

    // What belongs to DSQL is blanked out before PostgreSQL's grammar sees the text.
    let mut blanked = sql.as_bytes().to_vec();
    let mut asynchronous = Vec::new();
    let mut grants = Vec::new();
    for statement in words.split(|word| word.token == Token::Ascii59) {
        match statement {
            [aws, iam, rest @ ..] if aws.is("aws") && iam.is("iam") => {
                grants.push(iam_grant(&source, statement, rest)?);
                let (Some(first), Some(last)) = (statement.first(), statement.last()) else {
                    continue;
                };
                blanked[first.start..last.end].fill(b' ');
            }
            _ => {
                if let Some(word) = async_word(statement) {
                    blanked[word.start..word.end].fill(b' ');
                    asynchronous.push(word.start);
                } else if let Some(word) = default_target(statement) {
                    blanked[word.start..word.end].fill(b' ');
                    blanked[word.start..word.start + 2].copy_from_slice(b"-1");
                }
            }
        }
    }
    let blanked = String::from_utf8(blanked)
        .map_err(|_| SqlError::internal("blanking a word broke the text's encoding"))?;
    let mut statements = parse_postgres(&blanked, source, &asynchronous)?;
    statements.extend(grants);
    statements.sort_by_key(|statement| statement.range.start);
    Ok(statements)
}

/// The byte at which `RETURN` or `BEGIN ATOMIC` stands outside of parentheses.
pub(crate) fn sql_body_start(sql: &str) -> Option<usize> {
    let scan = pg_query::scan(sql).ok()?;
    let words: Vec<Word> = scan.tokens.iter().map(|token| Word::new(sql, token)).collect();
    let mut depth = 0usize;
    for (at, word) in words.iter().enumerate() {
        match word.token {
            Token::Ascii40 => depth += 1,
            Token::Ascii41 => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if word.is("return") => return Some(word.start),
            _ if word.is("begin") && words.get(at + 1).is_some_and(|next| next.is("atomic")) => {
                return Some(word.start);
            }
            _ => {}
        }
    }
    None
}

/// The words up to the end of the first parentheses.
pub(crate) fn parenthesis(sql: &str) -> Option<Vec<&str>> {
    let scan = pg_query::scan(sql).ok()?;
    let mut words = Vec::new();
    let mut depth = 0usize;
    for token in &scan.tokens {
        let word = Word::new(sql, token);
        match word.token {
            Token::SqlComment | Token::CComment => continue,
            Token::Ascii40 => depth += 1,
            Token::Ascii41 => depth = depth.checked_sub(1)?,
            _ => {}
        }
        words.push(word.text);
        if word.token == Token::Ascii41 && depth == 0 {
            return Some(words);
        }
    }
    None
}

/// The word `ASYNC` directly after `CREATE [UNIQUE] INDEX` or `ALTER TABLE`, unquoted.
fn async_word<'a>(statement: &'a [Word<'a>]) -> Option<&'a Word<'a>> {
    let word = match statement {
        [create, index, word, ..] if create.is("create") && index.is("index") => word,
        [create, unique, index, word, ..]
            if create.is("create") && unique.is("unique") && index.is("index") =>
        {
            word
        }
        [alter, table, word, ..] if alter.is("alter") && table.is("table") => word,
        _ => return None,
    };
    word.is("async").then_some(word)
}

/// The word `DEFAULT` of `ALTER STATISTICS … SET STATISTICS DEFAULT`, which PostgreSQL 16 writes −1.
fn default_target<'a>(statement: &'a [Word<'a>]) -> Option<&'a Word<'a>> {
    match statement {
        [alter, object, .., set, statistics, word]
            if alter.is("alter")
                && object.is("statistics")
                && set.is("set")
                && statistics.is("statistics") =>
        {
            Some(word).filter(|word| word.is("default"))
        }
        _ => None,
    }
}

fn iam_grant(sql: &Arc<str>, statement: &[Word<'_>], rest: &[Word<'_>]) -> Result<Statement> {
    let mut words = rest.iter();
    let mut next = || words.next().ok_or_else(|| end_of_input(sql));
    let verb = next()?;
    let (revoke, preposition) = match () {
        () if verb.is("grant") => (false, "to"),
        () if verb.is("revoke") => (true, "from"),
        () => return Err(verb.unexpected(sql)),
    };
    let role = next()?;
    let role = role.identifier().ok_or_else(|| role.unexpected(sql))?;
    let word = next()?;
    if !word.is(preposition) {
        return Err(word.unexpected(sql));
    }
    let arn = next()?;
    let arn = arn.string().ok_or_else(|| arn.unexpected(sql))?;
    if let Some(extra) = words.next() {
        return Err(extra.unexpected(sql));
    }
    let start = statement.first().map_or(0, |word| word.start);
    let end = statement.last().map_or(start, |word| word.end);
    Ok(Statement {
        kind: StatementKind::IamGrant { role, arn, revoke },
        source: Arc::clone(sql),
        range: start..end,
    })
}

fn end_of_input(sql: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, "syntax error at end of input")
        .at(character_position(sql, sql.len()))
}

/// A token with its text.
struct Word<'a> {
    token: Token,
    text: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Word<'a> {
    fn new(sql: &'a str, token: &ScanToken) -> Word<'a> {
        let start = usize::try_from(token.start).unwrap_or(0);
        let end = usize::try_from(token.end).unwrap_or(0);
        Word { token: token.token(), text: sql.get(start..end).unwrap_or_default(), start, end }
    }

    /// Whether this is `word`, unquoted.
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// The name, if this can be one: folded to lower case unless quoted, cut at 63 bytes.
    fn identifier(&self) -> Option<String> {
        let mut name = match self.text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None if self.text.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                self.text.to_ascii_lowercase()
            }
            None => return None,
        };
        while name.len() > 63 {
            name.pop();
        }
        Some(name)
    }

    fn string(&self) -> Option<String> {
        let body = self.text.strip_prefix('\'')?.strip_suffix('\'')?;
        (self.token == Token::Sconst).then(|| body.replace("''", "'"))
    }

    fn unexpected(&self, sql: &str) -> SqlError {
        SqlError::new(
            SqlState::SYNTAX_ERROR,
            format!("syntax error at or near \"{}\"", self.text.trim_matches('"')),
        )
        .at(character_position(sql, self.start))
    }
}
