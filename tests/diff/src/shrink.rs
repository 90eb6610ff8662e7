//! Making a statement smaller as long as it still shows the same difference.
//!
//! Works on tokens, without a grammar: parts are left out or replaced, from large to small. What is
//! no statement any more fails in the same way on both servers, so it shows no difference and is not
//! kept.

/// Takes `statement` down to what `differs` still accepts, in a number of attempts.
pub fn shrink(
    statement: &str,
    attempts_max: usize,
    differs: &mut dyn FnMut(&str) -> bool,
) -> String {
    let mut tokens = tokens(statement);
    let mut attempts = 0;
    let mut try_tokens = |candidate: &[String]| {
        attempts += 1;
        attempts <= attempts_max && differs(&join(candidate))
    };
    loop {
        let before = tokens.len();
        // Groups in parentheses give way to NULL or to what stands in them.
        let mut start = 0;
        while start < tokens.len() {
            if let Some(end) = closing(&tokens, start) {
                let inner = &tokens[start + 1..end];
                let with =
                    |middle: &[String]| [&tokens[..start], middle, &tokens[end + 1..]].concat();
                let smaller = [
                    with(&[]),
                    with(&["NULL".into()]),
                    with(&["1".into()]),
                    with(inner),
                    [&tokens[..start.saturating_sub(1)], &["NULL".into()], &tokens[end + 1..]]
                        .concat(),
                ];
                if let Some(found) = smaller
                    .into_iter()
                    .find(|candidate| candidate.len() < tokens.len() && try_tokens(candidate))
                {
                    tokens = found;
                    continue;
                }
            }
            start += 1;
        }
        let mut size = tokens.len() / 2;
        while size > 0 {
            let mut start = 0;
            while start + size <= tokens.len() {
                let candidate = [&tokens[..start], &tokens[start + size..]].concat();
                if try_tokens(&candidate) {
                    tokens = candidate;
                } else {
                    start += 1.max(size / 2);
                }
            }
            size /= 2;
        }
        if tokens.len() == before {
            return join(&tokens);
        }
    }
}

/// The position of the parenthesis that closes the one at `start`.
fn closing(tokens: &[String], start: usize) -> Option<usize> {
    if tokens.get(start)? != "(" {
        return None;
    }
    let mut depth = 0;
    tokens.iter().enumerate().skip(start).find_map(|(position, token)| {
        match token.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(position)
    })
}

fn join(tokens: &[String]) -> String {
    let mut out = String::new();
    for token in tokens {
        let tight = matches!(token.as_str(), ")" | "," | "." | "::" | "[" | "]" | ";")
            || out.ends_with(['(', '.', '['])
            || out.ends_with("::")
            || (token == "(" && out.ends_with(|c: char| c.is_ascii_lowercase() || c == '_'));
        if !out.is_empty() && !tight {
            out.push(' ');
        }
        out.push_str(token);
    }
    out
}

fn tokens(statement: &str) -> Vec<String> {
    let chars: Vec<char> = statement.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        if c.is_whitespace() {
            continue;
        }
        let word = |c: &char| c.is_alphanumeric() || *c == '_';
        if c == '\'' || c == '"' {
            while chars.get(at).is_some_and(|other| *other != c) {
                at += 1;
            }
            at += 1;
        } else if c.is_ascii_digit() {
            while chars.get(at).is_some_and(|c| word(c) || *c == '.')
                || (chars.get(at) == Some(&'-') && chars[at - 1] == 'e')
            {
                at += 1;
            }
        } else if word(&c) {
            while chars.get(at).is_some_and(word) {
                at += 1;
            }
        } else if "+-*/<>=~!@#%^&|`?:".contains(c) {
            while chars.get(at).is_some_and(|c| "+-*/<>=~!@#%^&|`?:".contains(*c)) {
                at += 1;
            }
        }
        tokens.push(chars[start..at.min(chars.len())].iter().collect());
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrink_keeps_what_matters() {
        let statement = "SELECT a, (b + 1) * 2, f('x y') FROM t WHERE (a > 3 AND b IS NULL)";
        let small = shrink(statement, 1000, &mut |s| s.starts_with("SELECT") && s.contains("f("));
        assert!(small.len() < 14, "{small}");
    }

    #[test]
    fn tokens_keep_strings_and_operators_whole() {
        assert_eq!(tokens("a<=b||'x y'::text"), ["a", "<=", "b", "||", "'x y'", "::", "text"]);
    }
}
