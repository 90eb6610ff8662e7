//! Whether a query matches, with the positions that phrases need.
//!
//! Source: PostgreSQL 16 `TS_execute`, `TS_phrase_execute`.

use types::rare::tsquery::{Node, TsQuery};
use types::rare::tsvector::{Position, TsVector};

/// The positions of a word that a document has; `None` if it does not have it. An empty list means
/// that it has no positions.
pub(super) type Find<'f> = &'f dyn Fn(&Node) -> Option<Vec<Position>>;

/// Where an operand matches.
#[derive(Clone, Default)]
pub(super) struct Places {
    /// Of the last word of each match, in ascending order.
    pub(super) positions: Vec<u16>,
    /// They are where it does not match.
    negated: bool,
    /// How far before its last word a match begins.
    pub(super) width: u16,
}

enum Phrase {
    No,
    Yes(Places),
    /// It matches, but nobody knows where.
    Maybe,
}

/// Whether a document matches a query; an empty query matches nothing.
pub(super) fn matches(vector: &TsVector, query: &TsQuery) -> bool {
    query.0.as_ref().is_some_and(|node| execute(node, &|word| find(vector, word)))
}

/// The positions of a word in a vector, of the weights it asks for.
fn find(vector: &TsVector, word: &Node) -> Option<Vec<Position>> {
    let Node::Word { text, weights, prefix } = word else { return None };
    let mut positions = Vec::new();
    let mut found = false;
    let mut take = |lexeme: &types::rare::tsvector::Lexeme| {
        // Without positions there are no weights that could differ.
        if *weights == 0 || lexeme.positions.is_empty() {
            found = true;
            positions.extend_from_slice(&lexeme.positions);
            return;
        }
        let fits = |p: &&Position| weights >> p.weight & 1 == 1;
        let kept: Vec<Position> = lexeme.positions.iter().filter(fits).copied().collect();
        found |= !kept.is_empty();
        positions.extend(kept);
    };
    if *prefix {
        vector.with_prefix(text).for_each(&mut take);
    } else if let Some(lexeme) = vector.get(text) {
        take(lexeme);
    }
    positions.sort_by_key(|p| p.position);
    positions.dedup_by_key(|p| p.position);
    found.then_some(positions)
}

/// Whether a node matches what `find` finds.
pub(super) fn execute(node: &Node, find: Find<'_>) -> bool {
    match node {
        Node::Word { .. } => find(node).is_some(),
        Node::Not(inner) => !execute(inner, find),
        Node::And(a, b) => execute(a, find) && execute(b, find),
        Node::Or(a, b) => execute(a, find) || execute(b, find),
        Node::Phrase(..) => matches!(phrase(node, find), Phrase::Yes(_)),
    }
}

/// Where the parts of a query match that have to match together; alternatives are one part. Nothing
/// if it does not match, or by a negation only.
///
/// Source: PostgreSQL 16 `TS_execute_locations`.
pub(super) fn locations(node: &Node, find: Find<'_>) -> Vec<Places> {
    parts(node, find).unwrap_or_default()
}

fn parts(node: &Node, find: Find<'_>) -> Option<Vec<Places>> {
    match node {
        Node::Word { .. } | Node::Phrase(..) => match phrase(node, find) {
            Phrase::Yes(places) if places.negated => Some(Vec::new()),
            Phrase::Yes(places) => Some(vec![places]),
            Phrase::No | Phrase::Maybe => None,
        },
        Node::Not(inner) => match parts(inner, find) {
            None => Some(Vec::new()),
            Some(_) => None,
        },
        Node::And(a, b) => {
            let mut all = parts(a, find)?;
            all.extend(parts(b, find)?);
            Some(all)
        }
        Node::Or(a, b) => {
            let (left, right) = match (parts(a, find), parts(b, find)) {
                (None, None) => return None,
                (left, right) => (left.unwrap_or_default(), right.unwrap_or_default()),
            };
            if left.is_empty() || right.is_empty() {
                return Some(if left.is_empty() { right } else { left });
            }
            // (A & B) | (C & D) is (A | C) & (A | D) & (B | C) & (B | D).
            let every = Emit { both: true, left: true, right: true };
            let both = |a: &Places, b: &Places| Places {
                positions: output(a, 0, b, 0, every),
                negated: false,
                width: a.width.max(b.width),
            };
            Some(left.iter().flat_map(|a| right.iter().map(move |b| both(a, b))).collect())
        }
    }
}

fn phrase(node: &Node, find: Find<'_>) -> Phrase {
    match node {
        Node::Word { .. } => match find(node) {
            None => Phrase::No,
            Some(positions) if positions.is_empty() => Phrase::Maybe,
            Some(positions) => {
                let positions = positions.iter().map(|p| p.position).collect();
                Phrase::Yes(Places { positions, ..Places::default() })
            }
        },
        Node::Not(inner) => match phrase(inner, find) {
            Phrase::No => Phrase::Yes(Places { negated: true, ..Places::default() }),
            Phrase::Maybe => Phrase::Maybe,
            Phrase::Yes(places) if places.positions.is_empty() => match places.negated {
                true => Phrase::No,
                false => Phrase::Maybe,
            },
            Phrase::Yes(places) => Phrase::Yes(Places { negated: !places.negated, ..places }),
        },
        Node::And(a, b) | Node::Phrase(a, b, _) => {
            let left = match phrase(a, find) {
                Phrase::No => return Phrase::No,
                left => left,
            };
            let right = match phrase(b, find) {
                Phrase::No => return Phrase::No,
                right => right,
            };
            let (Phrase::Yes(left), Phrase::Yes(right)) = (left, right) else {
                return Phrase::Maybe;
            };
            let (left_shift, right_shift, width) = match node {
                Node::Phrase(_, _, distance) => {
                    (distance + right.width, 0, distance + left.width + right.width)
                }
                _ => {
                    let width = left.width.max(right.width);
                    (width - left.width, width - right.width, width)
                }
            };
            let merge = |emit| output(&left, left_shift, &right, right_shift, emit);
            let (positions, negated) = match (left.negated, right.negated) {
                (true, true) => (merge(Emit { both: true, left: true, right: true }), true),
                (true, false) => (merge(Emit { right: true, ..Emit::default() }), false),
                (false, true) => (merge(Emit { left: true, ..Emit::default() }), false),
                (false, false) => (merge(Emit { both: true, ..Emit::default() }), false),
            };
            finish(positions, negated, width)
        }
        Node::Or(a, b) => {
            let (left, right) = (phrase(a, find), phrase(b, find));
            let (left, right) = match (left, right) {
                (Phrase::No, Phrase::No) => return Phrase::No,
                (Phrase::Maybe, _) | (_, Phrase::Maybe) => return Phrase::Maybe,
                (Phrase::Yes(left), Phrase::No) => {
                    let width = left.width;
                    (left, Places { width, ..Places::default() })
                }
                (Phrase::No, Phrase::Yes(right)) => {
                    (Places { width: right.width, ..Places::default() }, right)
                }
                (Phrase::Yes(left), Phrase::Yes(right)) => (left, right),
            };
            let width = left.width.max(right.width);
            let merge = |emit| output(&left, width - left.width, &right, width - right.width, emit);
            let (positions, negated) = match (left.negated, right.negated) {
                (true, true) => (merge(Emit { both: true, ..Emit::default() }), true),
                (true, false) => (merge(Emit { left: true, ..Emit::default() }), true),
                (false, true) => (merge(Emit { right: true, ..Emit::default() }), true),
                (false, false) => (merge(Emit { both: true, left: true, right: true }), false),
            };
            finish(positions, negated, width)
        }
    }
}

fn finish(positions: Vec<u16>, negated: bool, width: u16) -> Phrase {
    if positions.is_empty() && !negated {
        return Phrase::No;
    }
    Phrase::Yes(Places { positions, negated, width })
}

/// Which positions of two lists are wanted.
#[derive(Clone, Copy, Default)]
struct Emit {
    both: bool,
    left: bool,
    right: bool,
}

fn output(
    left: &Places,
    left_shift: u16,
    right: &Places,
    right_shift: u16,
    emit: Emit,
) -> Vec<u16> {
    let shifted = |places: &Places, shift: u16| -> Vec<u16> {
        places.positions.iter().map(|p| p.saturating_add(shift)).collect()
    };
    let (left, right) = (shifted(left, left_shift), shifted(right, right_shift));
    let mut out: Vec<u16> = Vec::new();
    for position in &left {
        let both = right.binary_search(position).is_ok();
        if both && emit.both || !both && emit.left {
            out.push(*position);
        }
    }
    if emit.right {
        out.extend(right.iter().filter(|position| left.binary_search(position).is_err()));
        out.sort_unstable();
    }
    out
}
