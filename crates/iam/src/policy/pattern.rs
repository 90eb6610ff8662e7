//! Texts with wildcards and variables.
//!
//! | in a pattern | stands for |
//! |---|---|
//! | `*`, `?` | any text, any one character |
//! | `${aws:username}` | the value of a condition key; without one, nothing matches |
//! | `${aws:username, 'nobody'}` | the same, or else `nobody` |
//! | `${*}`, `${?}`, `${$}` | the character itself |

use super::Context;

/// A text of a policy that others are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    Any,
    One,
    Variable { key: String, default: Option<String> },
}

impl Pattern {
    /// The pattern `text`; `variables` are known since the policy version 2012-10-17.
    ///
    /// `None` for a `${` that no `}` ends.
    pub(super) fn new(text: &str, variables: bool) -> Option<Pattern> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if variables && let Some(inner) = rest.strip_prefix("${") {
                let (name, after) = inner.split_once('}')?;
                pieces.push(variable(name));
                rest = after;
                continue;
            }
            pieces.push(match next {
                '*' => Piece::Any,
                '?' => Piece::One,
                other => Piece::Char(other),
            });
            rest = &rest[next.len_utf8()..];
        }
        Some(Pattern { pieces })
    }

    /// Whether `text` matches, wildcards being wildcards.
    pub(super) fn matches(&self, text: &str, context: &Context) -> bool {
        self.resolve(context).is_some_and(|pieces| glob(&pieces, text, false))
    }

    /// The same for names of actions, in which case does not matter.
    pub(super) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        self.resolve(context).is_some_and(|pieces| glob(&pieces, text, true))
    }

    /// The same for each part between colons, as ARNs are compared: `*` does not reach beyond one,
    /// but for the sixth, which takes the rest.
    pub(super) fn matches_arn(&self, text: &str, context: &Context) -> bool {
        let Some(pieces) = self.resolve(context) else { return false };
        let mut parts = pieces.splitn(6, |piece| *piece == Glob::Char(':'));
        let mut texts = text.splitn(6, ':');
        loop {
            match (parts.next(), texts.next()) {
                (None, None) => return true,
                (Some(part), Some(text)) if glob(part, text, false) => {}
                _ => return false,
            }
        }
    }

    /// The text itself, variables replaced and wildcards left as they are.
    pub(super) fn text(&self, context: &Context) -> Option<String> {
        let pieces = self.resolve(context)?;
        let char = |piece| match piece {
            Glob::Char(char) => char,
            Glob::Any => '*',
            Glob::One => '?',
        };
        Some(pieces.into_iter().map(char).collect())
    }

    /// Whether the pattern is free of wildcards and variables.
    pub(super) fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Char(_)))
    }

    /// The pattern with the values of its variables, in which wildcards are none.
    fn resolve(&self, context: &Context) -> Option<Vec<Glob>> {
        let mut resolved = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Char(char) => resolved.push(Glob::Char(*char)),
                Piece::Any => resolved.push(Glob::Any),
                Piece::One => resolved.push(Glob::One),
                Piece::Variable { key, default } => {
                    let value = match context.get(key) {
                        Some([one]) => one.as_str(),
                        // A key of several values cannot stand in a text.
                        Some(_) => return None,
                        None => default.as_deref()?,
                    };
                    resolved.extend(value.chars().map(Glob::Char));
                }
            }
        }
        Some(resolved)
    }
}

fn variable(name: &str) -> Piece {
    match name {
        "*" | "?" | "$" => Piece::Char(name.chars().next().unwrap_or('$')),
        name => match name.split_once(',') {
            Some((key, default)) => {
                let default = default.trim();
                let plain = default.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                let default = Some(plain.unwrap_or(default).to_owned());
                Piece::Variable { key: key.trim().to_owned(), default }
            }
            None => Piece::Variable { key: name.trim().to_owned(), default: None },
        },
    }
}

/// A pattern without variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glob {
    Char(char),
    Any,
    One,
}

/// Goes back to the last `*` only, so the time is at most the product of both lengths.
fn glob(pattern: &[Glob], text: &str, ignore_case: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let equal = |a: char, b: char| a == b || (ignore_case && a.eq_ignore_ascii_case(&b));
    let (mut at, mut in_text) = (0, 0);
    // Where the last `*` stands, and up to where it takes the text.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(Glob::Any) => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(Glob::One) => {
                at += 1;
                in_text += 1;
            }
            Some(Glob::Char(char)) if equal(*char, text[in_text]) => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    in_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|piece| *piece == Glob::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_wildcards() {
        let context = Context::default().with("aws:username", "a*b");
        let check = |pattern: &str, text: &str, expected: bool| {
            let pattern = Pattern::new(pattern, true).unwrap();
            assert_eq!(pattern.matches(text, &context), expected, "{pattern:?} {text}");
        };
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything", true);
        check("a*c", "abc", true);
        check("a*c", "abcd", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*a*b*", "xxaxxbxx", true);
        check("*ab*ab", "ababab", true);
        check("a**b", "ab", true);
        check("é?", "éü", true);
        check("${aws:username}", "a*b", true);
        check("${aws:username}", "axb", false);
        check("x-${aws:username}-*", "x-a*b-1", true);
        check("${aws:userid}", "", false);
        check("${aws:userid, 'none'}", "none", true);
        check("${*}${?}${$}", "*?$", true);
        check("${*}", "x", false);
        assert!(Pattern::new("${aws:username", true).is_none());
        assert!(Pattern::new("${aws:username", false).is_some());
    }

    #[test]
    fn pattern_time_is_bounded() {
        let pattern = Pattern::new(&"*a".repeat(200), true).unwrap();
        assert!(!pattern.matches(&"a".repeat(199), &Context::default()));
        assert!(pattern.matches(&"ba".repeat(2000), &Context::default()));
    }

    #[test]
    fn pattern_arns() {
        let context = Context::default();
        let check = |pattern: &str, text: &str, expected: bool| {
            let pattern = Pattern::new(pattern, true).unwrap();
            assert_eq!(pattern.matches_arn(text, &context), expected, "{text}");
        };
        check("arn:aws:dsql:*:*:cluster/*", "arn:aws:dsql:us-east-1:1:cluster/x", true);
        check("arn:aws:dsql:*:cluster/*", "arn:aws:dsql:us-east-1:1:cluster/x", false);
        check("arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b:c", true);
        check("*", "arn:aws:iam::1:role/a", false);
    }
}
