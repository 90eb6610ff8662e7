//! Statements with a mistake in them, as people make them.

use crate::random::Random;

/// Spoils a statement.
pub(super) fn spoil(random: &mut Random, sql: &str) -> String {
    let words: Vec<(usize, &str)> = words(sql);
    if words.is_empty() {
        return sql.to_owned();
    }
    let (at, word) = *random.pick(&words);
    let replace = |with: &str| format!("{}{with}{}", &sql[..at], &sql[at + word.len()..]);
    match random.below(12) {
        0 => replace("nosuch"),
        1 => replace(&format!("{word}x")),
        2 => replace("NULL"),
        3 => replace("'abc'"),
        4 => replace("count(*)"),
        5 => replace("row_number() OVER ()"),
        6 => replace("generate_series(1, 2)"),
        7 => replace("(SELECT 1, 2)"),
        8 => replace("x1.nosuch"),
        9 => replace("ROW(1, true)"),
        10 => replace("id"),
        _ => replace("''"),
    }
}

/// Words outside of strings, with their places.
fn words(sql: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut quoted = false;
    let mut start = None;
    for (at, c) in sql.char_indices().chain([(sql.len(), ' ')]) {
        let part = c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if c == '\'' || c == '"' {
            quoted = !quoted;
        }
        match (start, part && !quoted) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                found.push((from, &sql[from..at]));
                start = None;
            }
            _ => {}
        }
    }
    found
}
