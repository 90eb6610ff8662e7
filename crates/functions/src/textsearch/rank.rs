//! `ts_rank` and `ts_rank_cd`.
//!
//! Source: PostgreSQL 16 `tsrank.c`.

use std::collections::BTreeMap;

use types::rare::tsquery::{Node, TsQuery};
use types::rare::tsvector::{POSITION_MAX, Position, TsVector};
use types::{Array, Datum, Result, SqlError, SqlState};

use super::matching::execute;
use crate::convert::scalars;
use crate::errors::invalid_parameter;

/// Of D, C, B and A.
const WEIGHTS: [f32; 4] = [0.1, 0.2, 0.4, 1.0];
const BY_LOG_LENGTH: i32 = 1;
const BY_LENGTH: i32 = 2;
const BY_EXTENT_DISTANCE: i32 = 4;
const BY_WORDS: i32 = 8;
const BY_LOG_WORDS: i32 = 16;
const BY_ITSELF: i32 = 32;

scalars! { pub(crate) const TABLE =
    "ts_rank_wttf"(w: &Array, v: &TsVector, q: &TsQuery, method: i32) => rank(weights(w)?, v, q, method);
    "ts_rank_wtt"(w: &Array, v: &TsVector, q: &TsQuery) => rank(weights(w)?, v, q, 0);
    "ts_rank_ttf"(v: &TsVector, q: &TsQuery, method: i32) => rank(WEIGHTS, v, q, method);
    "ts_rank_tt"(v: &TsVector, q: &TsQuery) => rank(WEIGHTS, v, q, 0);
    "ts_rankcd_wttf"(w: &Array, v: &TsVector, q: &TsQuery, method: i32) => rank_cover(weights(w)?, v, q, method);
    "ts_rankcd_wtt"(w: &Array, v: &TsVector, q: &TsQuery) => rank_cover(weights(w)?, v, q, 0);
    "ts_rankcd_ttf"(v: &TsVector, q: &TsQuery, method: i32) => rank_cover(WEIGHTS, v, q, method);
    "ts_rankcd_tt"(v: &TsVector, q: &TsQuery) => rank_cover(WEIGHTS, v, q, 0);
}

fn weights(array: &Array) -> Result<[f32; 4]> {
    let wrong = |message: &str| Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    if array.dims.len() != 1 {
        return wrong("array of weight must be one-dimensional");
    }
    if array.elements.len() < WEIGHTS.len() {
        return wrong("array of weight is too short");
    }
    let mut out = WEIGHTS;
    for (weight, given) in out.iter_mut().zip(&array.elements) {
        match given {
            Datum::Float4(given) if *given > 1.0 => {
                return Err(invalid_parameter("weight out of range"));
            }
            Datum::Float4(given) if *given >= 0.0 => *weight = *given,
            Datum::Float4(_) => {}
            _ => {
                return Err(SqlError::new(
                    SqlState::NULL_VALUE_NOT_ALLOWED,
                    "array of weight must not contain nulls",
                ));
            }
        }
    }
    Ok(out)
}

fn weight_of(weights: &[f32; 4], position: Position) -> f32 {
    weights.get(usize::from(position.weight)).copied().unwrap_or(0.1)
}

/// The words of a query in order, each once.
fn words<'q>(node: &'q Node, out: &mut Vec<&'q Node>) {
    match node {
        Node::Word { .. } => out.push(node),
        Node::Not(inner) => words(inner, out),
        Node::And(a, b) | Node::Or(a, b) | Node::Phrase(a, b, _) => {
            words(a, out);
            words(b, out);
        }
    }
}

fn unique_words(node: &Node) -> Vec<&Node> {
    let text = |node: &Node| match node {
        Node::Word { text, .. } => text.clone(),
        _ => "".into(),
    };
    let mut found = Vec::new();
    words(node, &mut found);
    found.sort_by_key(|node| text(node));
    found.dedup_by_key(|node| text(node));
    found
}

/// The positions of each lexeme that a word stands for; whatever their weights.
fn entries<'v>(vector: &'v TsVector, word: &'v Node) -> Vec<&'v [Position]> {
    let Node::Word { text, prefix, .. } = word else { return Vec::new() };
    match prefix {
        true => vector.with_prefix(text).map(|lexeme| lexeme.positions.as_slice()).collect(),
        false => vector.get(text).map(|lexeme| lexeme.positions.as_slice()).into_iter().collect(),
    }
}

/// What stands for the position of a lexeme that has none.
const NOWHERE: [Position; 1] = [Position { position: POSITION_MAX - 1, weight: 0 }];

fn rank(weights: [f32; 4], vector: &TsVector, query: &TsQuery, method: i32) -> f32 {
    let Some(node) = &query.0 else { return 0.0 };
    if vector.lexemes().is_empty() {
        return 0.0;
    }
    let mut rank = match node {
        Node::And(..) | Node::Phrase(..) => rank_and(&weights, vector, node),
        _ => rank_or(&weights, vector, node),
    };
    if rank < 0.0 {
        rank = 1e-20;
    }
    let has = |bit: i32| method & bit != 0;
    let (length, count) = (length(vector), vector.lexemes().len());
    if has(BY_LOG_LENGTH) {
        rank = narrow(f64::from(rank) / (number(length + 1).ln() / 2_f64.ln()));
    }
    if has(BY_LENGTH) && length > 0 {
        rank /= narrow(number(length));
    }
    if has(BY_WORDS) {
        rank /= narrow(number(count));
    }
    if has(BY_LOG_WORDS) {
        rank = narrow(f64::from(rank) / (number(count + 1).ln() / 2_f64.ln()));
    }
    if has(BY_ITSELF) {
        rank /= rank + 1.0;
    }
    rank
}

#[expect(clippy::cast_precision_loss, reason = "numbers of words")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "ranks are real")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Words in the document, as far as their positions are known.
fn length(vector: &TsVector) -> usize {
    vector.lexemes().iter().map(|lexeme| lexeme.positions.len().max(1)).sum()
}

/// How much two words count that stand so far apart.
fn word_distance(distance: i32) -> f32 {
    if distance > 100 {
        return 1e-30;
    }
    narrow(1.0 / (1.005 + 0.05 * (f64::from(narrow(f64::from(distance))) / 1.5 - 2.0).exp()))
}

fn rank_and(weights: &[f32; 4], vector: &TsVector, node: &Node) -> f32 {
    let words = unique_words(node);
    if words.len() < 2 {
        return rank_or(weights, vector, node);
    }
    let mut rank: f32 = -1.0;
    // The last lexeme of each word before, and whether it has no positions.
    let mut before: Vec<Option<(&[Position], bool)>> = Vec::new();
    for word in &words {
        let mut current = None;
        for positions in entries(vector, word) {
            let nowhere = positions.is_empty();
            let positions = if nowhere { &NOWHERE[..] } else { positions };
            current = Some((positions, nowhere));
            for (others, others_nowhere) in before.iter().flatten() {
                for p in positions {
                    for other in *others {
                        let mut distance =
                            (i32::from(p.position) - i32::from(other.position)).abs();
                        if distance == 0 && !nowhere && !others_nowhere {
                            continue;
                        }
                        if distance == 0 {
                            distance = i32::from(POSITION_MAX) + 1;
                        }
                        let product = weight_of(weights, *p)
                            * weight_of(weights, *other)
                            * word_distance(distance);
                        let weight = narrow(f64::from(product).sqrt());
                        rank = if rank < 0.0 {
                            weight
                        } else {
                            narrow(1.0 - (1.0 - f64::from(rank)) * (1.0 - f64::from(weight)))
                        };
                    }
                }
            }
        }
        before.push(current);
    }
    rank
}

fn rank_or(weights: &[f32; 4], vector: &TsVector, node: &Node) -> f32 {
    let words = unique_words(node);
    let mut rank: f32 = 0.0;
    for word in &words {
        for positions in entries(vector, word) {
            let positions = if positions.is_empty() { &NOWHERE[..] } else { positions };
            let (mut sum, mut best, mut best_at) = (0.0_f32, -1.0_f32, 0_usize);
            for (at, position) in positions.iter().enumerate() {
                let weight = weight_of(weights, *position);
                sum += weight / narrow(number((at + 1) * (at + 1)));
                if weight > best {
                    (best, best_at) = (weight, at);
                }
            }
            let square = narrow(number((best_at + 1) * (best_at + 1)));
            rank =
                narrow(f64::from(rank) + f64::from(best + sum - best / square) / 1.644_934_066_85);
        }
    }
    if words.is_empty() { rank } else { rank / narrow(number(words.len())) }
}

/// A position of the document at which words of the query stand.
struct Spot<'q> {
    position: Position,
    words: Vec<&'q Node>,
}

/// The spots in order. Two lexemes at one position are two spots, one lexeme that several words of the query
/// find is one.
///
/// Source: PostgreSQL 16 `get_docrep`, `tsrank.c`.
fn spots<'q>(vector: &TsVector, node: &'q Node) -> Vec<Spot<'q>> {
    let mut all = Vec::new();
    words(node, &mut all);
    let mut spots: BTreeMap<(u16, u8, usize), Spot<'q>> = BTreeMap::new();
    for word in all {
        let Node::Word { text, weights, prefix } = word else { continue };
        let wanted = |p: &&Position| *weights == 0 || weights & 1 << p.weight != 0;
        for (index, lexeme) in vector.lexemes().iter().enumerate() {
            if lexeme.text != *text && !(*prefix && lexeme.text.starts_with(&**text)) {
                continue;
            }
            for position in lexeme.positions.iter().filter(wanted) {
                let spot = spots
                    .entry((position.position, position.weight, index))
                    .or_insert_with(|| Spot { position: *position, words: Vec::new() });
                spot.words.push(word);
            }
        }
    }
    spots.into_values().collect()
}

/// Whether the query matches some of the spots.
fn covers(node: &Node, spots: &[Spot<'_>]) -> bool {
    execute(node, &|word| {
        let at: Vec<Position> = spots
            .iter()
            .filter(|spot| spot.words.iter().any(|found| std::ptr::eq(*found, word)))
            .map(|spot| spot.position)
            .collect();
        (!at.is_empty()).then_some(at)
    })
}

fn rank_cover(weights: [f32; 4], vector: &TsVector, query: &TsQuery, method: i32) -> f32 {
    let Some(node) = &query.0 else { return 0.0 };
    let spots = spots(vector, node);
    if spots.is_empty() {
        return 0.0;
    }
    let inverse = |position: Position| 1.0 / f64::from(weight_of(&weights, position));
    let (mut rank, mut extents, mut distances, mut previous) = (0.0, 0_usize, 0.0, 0.0);
    let mut from = 0;
    while from < spots.len() {
        // The shortest run of spots from here on that covers the query.
        let rest = spots.get(from..).unwrap_or_default();
        let Some(end) =
            (0..rest.len()).find(|end| covers(node, rest.get(..=*end).unwrap_or_default()))
        else {
            break;
        };
        let window = |begin: usize| rest.get(begin..=end).unwrap_or_default();
        let Some(begin) = (0..=end).rev().find(|begin| covers(node, window(*begin))) else {
            from += 1;
            continue;
        };
        let cover = window(begin);
        let sum: f64 = cover.iter().map(|spot| inverse(spot.position)).sum();
        let (first, last) = match (cover.first(), cover.last()) {
            (Some(first), Some(last)) => {
                (i64::from(first.position.position), i64::from(last.position.position))
            }
            _ => break,
        };
        let words = i64::try_from(cover.len()).unwrap_or(i64::MAX) - 1;
        let noise = match (last - first) - words {
            noise if noise < 0 => words / 2,
            noise => noise,
        };
        rank += number(cover.len()) / sum / number(usize::try_from(1 + noise).unwrap_or(1));
        let middle = number(usize::try_from(first + last).unwrap_or(0)) / 2.0;
        if extents > 0 && middle > previous {
            distances += 1.0 / (middle - previous);
        }
        previous = middle;
        extents += 1;
        from += begin + 1;
    }
    let has = |bit: i32| method & bit != 0;
    let (length, count) = (length(vector), vector.lexemes().len());
    if has(BY_LOG_LENGTH) && count > 0 {
        rank /= number(length + 1).ln();
    }
    if has(BY_LENGTH) && length > 0 {
        rank /= number(length);
    }
    if has(BY_EXTENT_DISTANCE) && extents > 0 && distances > 0.0 {
        rank /= number(extents) / distances;
    }
    if has(BY_WORDS) && count > 0 {
        rank /= number(count);
    }
    if has(BY_LOG_WORDS) && count > 0 {
        rank /= number(count + 1).ln() / 2_f64.ln();
    }
    if has(BY_ITSELF) {
        rank /= rank + 1.0;
    }
    narrow(rank)
}
