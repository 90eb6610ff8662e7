//! Statements of a script for psql.

/// A statement, with the lines that follow `COPY … FROM STDIN`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) data: String,
}

/// Divides a script as psql does: at semicolons outside of quotes, comments, parentheses and
/// `BEGIN ATOMIC`. A meta-command ends a statement and is left out.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let (mut start, mut at, mut parentheses, mut blocks) = (0, 0, 0_usize, 0_usize);
    while at < text.len() {
        let rest = &text[at..];
        let word_before = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let mut next = at + rest.chars().next().map_or(1, char::len_utf8);
        match rest.as_bytes()[0] {
            _ if rest.starts_with("--") => next = at + line_end(rest),
            _ if rest.starts_with("/*") => next = at + comment_end(rest),
            b'\'' => next = at + string_end(rest, has_escapes(&text[..at])),
            b'"' => next = at + 1 + rest[1..].find('"').map_or(rest.len() - 1, |end| end + 1),
            b'$' if !word_before => next = at + dollar_end(rest),
            b'\\' if rest.starts_with("\\;") => next = at + 2,
            b'\\' => {
                add(&mut found, &text[start..at], "");
                next = at + line_end(rest);
                (start, parentheses) = (next, 0);
            }
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b';' if parentheses == 0 && blocks == 0 => {
                let sql = &text[start..at];
                let (data, length) = copy_data(sql, &text[next..]);
                add(&mut found, sql, data);
                next += length;
                start = next;
            }
            c if c.is_ascii_alphabetic() && !word_before => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                next = at + length.unwrap_or(rest.len());
                match text[at..next].to_lowercase().as_str() {
                    "begin" if next_word_is_atomic(&text[next..]) => blocks = 1,
                    "case" if blocks > 0 => blocks += 1,
                    "end" => blocks = blocks.saturating_sub(1),
                    _ => {}
                }
            }
            _ => {}
        }
        at = next;
    }
    add(&mut found, &text[start.min(text.len())..], "");
    found
}

/// A statement without the comments before it and white space around it.
pub(super) fn bare(mut sql: &str) -> &str {
    loop {
        sql = sql.trim();
        let end = match sql {
            _ if sql.starts_with("--") => line_end(sql),
            _ if sql.starts_with("/*") => comment_end(sql),
            _ => return sql,
        };
        sql = &sql[end..];
    }
}

fn add(found: &mut Vec<Statement>, sql: &str, data: &str) {
    let sql = bare(sql);
    if !sql.is_empty() {
        found.push(Statement { sql: sql.replace("\\;", ";"), data: data.to_owned() });
    }
}

fn line_end(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

fn comment_end(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn has_escapes(before: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('e' | 'E'))
        && !back.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn string_end(text: &str, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a string in dollar quotes, or of a lone dollar sign.
fn dollar_end(text: &str) -> usize {
    let Some(end) = text[1..].find(|c: char| !c.is_alphanumeric() && c != '_') else { return 1 };
    let quote = text.get(..end + 2).unwrap_or_default();
    if !quote.ends_with('$') || quote[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    let body = &text[quote.len()..];
    body.find(quote).map_or(text.len(), |end| end + 2 * quote.len())
}

fn next_word_is_atomic(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.trim_end_matches(';').eq_ignore_ascii_case("atomic")
}

/// The data of `COPY … FROM STDIN` at the beginning of `rest`, and the length of them with their end.
fn copy_data<'t>(sql: &str, rest: &'t str) -> (&'t str, usize) {
    let sql = bare(sql).to_lowercase();
    if !sql.starts_with("copy") || !sql.contains("from stdin") {
        return ("", 0);
    }
    let begin = line_end(rest) + 1;
    let Some(end) = rest.find("\n\\.") else { return ("", 0) };
    (rest.get(begin..=end).unwrap_or_default(), end + 3)
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = statements(text);
        let found: Vec<_> = found.iter().map(|s| (s.sql.as_str(), s.data.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes() {
        check(
            "-- a;\nselect ';', e'\\';', \";\", $x$;$x$, $1 /* ; /* */ ; */;\n\nselect 2;select (1;2)",
            &[
                ("select ';', e'\\';', \";\", $x$;$x$, $1 /* ; /* */ ; */", ""),
                ("select 2", ""),
                ("select (1;2)", ""),
            ],
        );
        check(
            "create function f() begin atomic select case when true then 1 end; end; select 1;",
            &[
                ("create function f() begin atomic select case when true then 1 end; end", ""),
                ("select 1", ""),
            ],
        );
    }

    #[test]
    fn meta_commands_are_left_out() {
        check(
            "\\set x 1\nselect 1 \\gset\nselect 1\\; select 2;",
            &[("select 1", ""), ("select 1; select 2", "")],
        );
    }

    #[test]
    fn copy_takes_the_lines_after_it() {
        check(
            "copy t from stdin;\n1\n2\n\\.\nselect 1;",
            &[("copy t from stdin", "1\n2\n"), ("select 1", "")],
        );
        check("copy t from stdin;\n\\.\n", &[("copy t from stdin", "")]);
    }
}
