//! What of an expression decides where its groups match: its parts, and whether each takes the longest or the
//! shortest match.
//!
//! ```text
//!     a*?(b|cd)+e   ──►   a*?  ·  (  (?:b|cd){0,}  ·  (b|cd)  )  ·  e
//!                         shorter     longer          longer
//! ```
//!
//! A part that captures nothing is one [`Kind::Span`], however it is made. Parts that stand beside one another and
//! agree in what they take are one span, too: together they are as long, or as short, as they can be.
//!
//! Source: PostgreSQL 16 documentation, 9.7.3.5; `parsebranch` and `parseqatom`, `src/backend/regex/regcomp.c`.

/// Which of several matches a part takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    Longer,
    Shorter,
}

/// How often an atom is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantifier {
    pub(super) min: u32,
    /// `None` is without bound.
    pub(super) max: Option<u32>,
    /// `{m}` has none of its own.
    pub(super) prefers: Option<Preference>,
}

const ONCE: Quantifier = Quantifier { min: 1, max: Some(1), prefers: None };

/// An atom and its quantifier, as offsets in the translated text.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: usize,
    /// Where the atom ends and its quantifier begins.
    pub(super) atom_end: usize,
    pub(super) end: usize,
    pub(super) quantifier: Option<Quantifier>,
    pub(super) group: Option<Group>,
}

/// What stands in parentheses.
#[derive(Debug)]
pub(super) struct Group {
    /// The group's number, if it captures.
    pub(super) capture: Option<usize>,
    pub(super) branches: Vec<Branch>,
}

/// What stands between bars.
pub(super) type Branch = Vec<Piece>;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Tree {
    /// The part alone, in `regex`'s syntax; it can stand beside another.
    pub(super) pattern: String,
    pub(super) prefers: Option<Preference>,
    /// Whether parts of it disagree in what they prefer.
    mixed: bool,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing in it is captured.
    Span,
    Capture(usize, Box<Tree>),
    /// The first part gets what it prefers.
    Concat(Box<Tree>, Box<Tree>),
    /// The first that matches.
    Alternatives(Vec<Tree>),
    /// At most so many times, or none.
    Repeat(Box<Tree>, Option<u32>),
}

impl Tree {
    fn captures(&self) -> bool {
        !matches!(self.kind, Kind::Span)
    }

    fn disagrees(&self, with: Option<Preference>) -> bool {
        matches!((self.prefers, with), (Some(a), Some(b)) if a != b)
    }

    fn concat(self, other: Tree) -> Tree {
        let pattern = format!("{}{}", self.pattern, other.pattern);
        let mixed = self.mixed || other.mixed || self.disagrees(other.prefers);
        let prefers = self.prefers.or(other.prefers);
        let kind = if self.captures() || other.captures() {
            Kind::Concat(Box::new(self), Box::new(other))
        } else {
            Kind::Span
        };
        Tree { pattern, prefers, mixed, kind }
    }
}

/// The tree of a translated expression.
pub(super) fn tree(text: &str, branches: &[Branch]) -> Tree {
    let mut parts: Vec<Tree> = branches.iter().map(|one| branch(text, one)).collect();
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let patterns: Vec<&str> = parts.iter().map(|part| part.pattern.as_str()).collect();
    let prefers = Some(Preference::Longer);
    Tree {
        pattern: format!("(?:{})", patterns.join("|")),
        prefers,
        mixed: parts.iter().any(|part| part.mixed || part.disagrees(prefers)),
        kind: if parts.iter().any(Tree::captures) { Kind::Alternatives(parts) } else { Kind::Span },
    }
}

fn branch(text: &str, pieces: &[Piece]) -> Tree {
    let mut prefix = Tree { pattern: String::new(), prefers: None, mixed: false, kind: Kind::Span };
    for (index, piece) in pieces.iter().enumerate() {
        let part = quantified(text, piece);
        if part.captures() || part.mixed || prefix.disagrees(part.prefers) {
            let rest = pieces.get(index + 1..).unwrap_or_default();
            let rest = if rest.is_empty() { part } else { part.concat(branch(text, rest)) };
            return if prefix.pattern.is_empty() { rest } else { prefix.concat(rest) };
        }
        prefix.pattern.push_str(text.get(piece.start..piece.end).unwrap_or_default());
        prefix.prefers = prefix.prefers.or(part.prefers);
    }
    prefix
}

fn quantified(text: &str, piece: &Piece) -> Tree {
    let atom_text = text.get(piece.start..piece.atom_end).unwrap_or_default();
    let atom = match &piece.group {
        None => {
            Tree { pattern: atom_text.to_owned(), prefers: None, mixed: false, kind: Kind::Span }
        }
        Some(group) => {
            let body = tree(text, &group.branches);
            match group.capture {
                None => body,
                Some(number) => Tree {
                    pattern: atom_text.to_owned(),
                    prefers: body.prefers,
                    mixed: body.mixed,
                    kind: Kind::Capture(number, Box::new(body)),
                },
            }
        }
    };
    let Quantifier { min, max, prefers: own } = piece.quantifier.unwrap_or(ONCE);
    let prefers = own.or(atom.prefers);
    let mixed = atom.mixed || atom.disagrees(own);
    let once = min == 1 && max == Some(1);
    if once && (own.is_none() || atom.prefers.is_none() || !mixed) {
        return Tree { prefers, ..atom };
    }
    let pattern = text.get(piece.start..piece.end).unwrap_or_default().to_owned();
    if !atom.captures() || max == Some(0) {
        return Tree { pattern, prefers, mixed, kind: Kind::Span };
    }
    if min == 0 {
        return Tree { pattern, prefers, mixed, kind: Kind::Repeat(Box::new(atom), max) };
    }
    // Only the last one's groups count: all the others are a span.
    let upper = max.map_or(String::new(), |max| (max - 1).to_string());
    let others = Tree {
        pattern: format!("(?:{atom_text}){{{},{upper}}}", min - 1),
        prefers,
        mixed: false,
        kind: Kind::Span,
    };
    Tree { pattern, prefers, mixed, kind: Kind::Concat(Box::new(others), Box::new(atom)) }
}
