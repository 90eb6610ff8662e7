//! SIMILAR TO patterns as regular expressions.
//!
//! Source: PostgreSQL 16 `similar_escape_internal`, `regexp.c`.

use types::{Result, SqlError, SqlState};

use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "similar_to_escape_1"(pattern: &str) => translate(pattern, "\\");
    "similar_to_escape_2"(pattern: &str, escape: &str) => translate(pattern, escape);
    // NULL as the escape means the default one.
    "similar_escape"(pattern: Option<&str>, escape: Option<&str>) =>
        pattern.map(|pattern| translate(pattern, escape.unwrap_or("\\"))).transpose();
}

fn translate(pattern: &str, escape: &str) -> Result<String> {
    let mut escapes = escape.chars();
    let escape = match (escapes.next(), escapes.next()) {
        (escape, None) => escape,
        _ => return Err(crate::like::invalid_escape_string()),
    };
    let mut out = String::from("^(?:");
    let mut after_escape = false;
    let mut in_brackets = false;
    // Separators `escape "` seen; they divide the pattern into three parts.
    let mut separators = 0;
    for c in pattern.chars() {
        if after_escape {
            if c == '"' && !in_brackets {
                match separators {
                    0 => out.push_str("){1,1}?("),
                    1 => out.push_str("){1,1}(?:"),
                    _ => {
                        return Err(SqlError::new(
                            SqlState::INVALID_USE_OF_ESCAPE_CHARACTER,
                            "SQL regular expression may not contain more than two escape-double-quote separators",
                        ));
                    }
                }
                separators += 1;
            } else {
                out.push('\\');
                out.push(c);
            }
            after_escape = false;
        } else if Some(c) == escape {
            after_escape = true;
        } else if in_brackets {
            if c == '\\' {
                out.push('\\');
            }
            out.push(c);
            in_brackets = c != ']';
        } else {
            match c {
                '[' => {
                    out.push('[');
                    in_brackets = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
