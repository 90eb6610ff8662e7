//! `tsquery`: made of text, combined, applied.
//!
//! Source: PostgreSQL 16 `to_tsany.c`, `tsquery.c`, `tsquery_op.c`, `tsquery_rewrite.c`.

use types::rare::tsquery::{DISTANCE_MAX, Node, TsQuery, check_nodes, parse_with, write_single};
use types::rare::tsvector::TsVector;
use types::{Array, Datum, Result};

use super::matching::matches;
use super::rewrite::{again, binary, prepare, replace_in, rewrite};
use super::vectors::words;
use crate::convert::{FromDatum, OidValue, scalars};
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "to_tsquery"(text: &str) => to_tsquery(text)?;
    "to_tsquery_byid"(_config: OidValue, text: &str) => to_tsquery(text)?;
    "plainto_tsquery"(text: &str) => joined(text, &and)?;
    "plainto_tsquery_byid"(_config: OidValue, text: &str) => joined(text, &and)?;
    "phraseto_tsquery"(text: &str) => joined(text, &phrase)?;
    "phraseto_tsquery_byid"(_config: OidValue, text: &str) => joined(text, &phrase)?;
    "websearch_to_tsquery"(text: &str) => websearch(text)?;
    "websearch_to_tsquery_byid"(_config: OidValue, text: &str) => websearch(text)?;
    "ts_match_vq"(a: &TsVector, b: &TsQuery) => matches(a, b);
    "ts_match_qv"(a: &TsQuery, b: &TsVector) => matches(b, a);
    "ts_match_tq"(a: &str, b: &TsQuery) => matches(&vector(a)?, b);
    "ts_match_tt"(a: &str, b: &str) => matches(&vector(a)?, &joined(b, &and)?);
    "tsquery_and"(a: &TsQuery, b: &TsQuery) => combine(a, b, Node::And);
    "tsquery_or"(a: &TsQuery, b: &TsQuery) => combine(a, b, Node::Or);
    "tsquery_phrase"(a: &TsQuery, b: &TsQuery) => combine(a, b, |a, b| Node::Phrase(a, b, 1));
    "tsquery_phrase_distance"(a: &TsQuery, b: &TsQuery, distance: i32) => {
        let Some(distance) = u16::try_from(distance).ok().filter(|d| *d <= DISTANCE_MAX) else {
            return Err(invalid_parameter(format!(
                "distance in phrase operator must be an integer value between zero and {DISTANCE_MAX} inclusive"
            )));
        };
        combine(a, b, |a, b| Node::Phrase(a, b, distance))
    };
    "tsquery_not"(a: &TsQuery) => TsQuery(a.0.clone().map(|node| Node::Not(Box::new(node))));
    "tsquery_numnode"(a: &TsQuery) => i32::try_from(a.0.as_ref().map_or(0, Node::count)).unwrap_or(i32::MAX);
    "tsquerytree"(a: &TsQuery) => match &a.0 {
        None => String::new(),
        Some(node) => match without_not(node) {
            None => "T".to_owned(),
            Some(node) => {
                let mut out = bytes::BytesMut::new();
                write_single(&node, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        },
    };
    "tsquery_rewrite"(query: &TsQuery, target: &TsQuery, substitute: &TsQuery) => match (&query.0, &target.0) {
        (Some(node), Some(target)) => TsQuery(rewrite(node, target, substitute.0.as_ref())),
        _ => query.clone(),
    };
    "tsquery_rewrite_query"(query: &TsQuery, rows: &Array) => rewrite_by_rows(query, rows)?;
    "tsq_mcontains"(a: &TsQuery, b: &TsQuery) => contains(a, b);
    "tsq_mcontained"(a: &TsQuery, b: &TsQuery) => contains(b, a);
}

/// One rewriting after the other: each row is a target and its substitute.
fn rewrite_by_rows(query: &TsQuery, rows: &Array) -> Result<TsQuery> {
    let Some(node) = &query.0 else { return Ok(query.clone()) };
    let mut tree = Some(prepare(node));
    for row in &rows.elements {
        let Datum::Record(row) = row else { continue };
        let mut fields =
            row.fields.iter().map(|(_, _, value)| <Option<&TsQuery>>::from_datum(value));
        let (target, substitute) = (fields.next().transpose()?, fields.next().transpose()?);
        let (Some(Some(target)), Some(Some(substitute))) = (target, substitute) else { continue };
        let Some(target) = &target.0 else { continue };
        tree = tree.and_then(|tree| replace_in(tree, target, substitute.0.as_ref()));
        tree.iter_mut().for_each(again);
    }
    Ok(TsQuery(tree.map(binary)))
}

fn vector(text: &str) -> Result<TsVector> {
    let lexemes = words(text, 0)?.0.into_iter().map(|(word, _)| types::rare::tsvector::Lexeme {
        text: word.into(),
        positions: Vec::new(),
    });
    TsVector::new(lexemes.collect())
}

fn and(a: Node, b: Node) -> Node {
    Node::And(Box::new(a), Box::new(b))
}

fn phrase(a: Node, b: Node) -> Node {
    Node::Phrase(Box::new(a), Box::new(b), 1)
}

/// The words of a text, joined from the left.
fn join(
    text: &str,
    weights: u8,
    prefix: bool,
    join: &dyn Fn(Node, Node) -> Node,
) -> Result<Option<Node>> {
    let node = |(word, _): (String, usize)| Node::Word { text: word.into(), weights, prefix };
    let words = words(text, 0)?.0;
    check_nodes(words.len() * 2)?;
    Ok(words.into_iter().map(node).reduce(join))
}

fn joined(text: &str, with: &dyn Fn(Node, Node) -> Node) -> Result<TsQuery> {
    Ok(TsQuery(join(text, 0, false, with)?))
}

fn to_tsquery(text: &str) -> Result<TsQuery> {
    parse_with(text, &|word, weights, prefix| join(word, weights, prefix, &phrase))
}

/// What people type into search fields: `"a phrase"`, `or`, `-not`; nothing is an error.
fn websearch(text: &str) -> Result<TsQuery> {
    // Alternatives of conjunctions.
    let mut alternatives: Vec<Vec<Node>> = vec![Vec::new()];
    let mut rest = text;
    let mut negated = false;
    let mut after_operand = false;
    // Of operands; each has an operator.
    let mut nodes = 0;
    loop {
        nodes += 2;
        check_nodes(nodes)?;
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(first) = rest.chars().next() else { break };
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        if after_operand && is_or(rest) {
            alternatives.push(Vec::new());
            rest = rest.get(2..).unwrap_or_default();
            after_operand = false;
            continue;
        }
        match first {
            '-' => {
                negated = !negated;
                rest = tail;
                after_operand = false;
                continue;
            }
            '"' => {
                let (quoted, after) = tail.split_once('"').unwrap_or((tail, ""));
                push(&mut alternatives, join(quoted, 0, false, &phrase)?, &mut negated);
                rest = after;
            }
            '!' | '&' | '|' | '(' | ')' | ':' => {
                rest = tail;
                continue;
            }
            _ => {
                let ends = |c: char| {
                    c.is_ascii_whitespace() || matches!(c, '"' | '!' | '&' | '|' | '(' | ')' | ':')
                };
                let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                push(&mut alternatives, join(word, 0, false, &phrase)?, &mut negated);
                rest = after;
            }
        }
        after_operand = true;
    }
    let conjunctions = alternatives.into_iter().filter_map(|nodes| nodes.into_iter().reduce(and));
    Ok(TsQuery(conjunctions.reduce(|a, b| Node::Or(Box::new(a), Box::new(b)))))
}

fn push(alternatives: &mut [Vec<Node>], node: Option<Node>, negated: &mut bool) {
    let negate = std::mem::take(negated);
    if let (Some(node), Some(last)) = (node, alternatives.last_mut()) {
        last.push(if negate { Node::Not(Box::new(node)) } else { node });
    }
}

/// Whether `or` stands at the front as a word of its own, with something behind it.
fn is_or(rest: &str) -> bool {
    let Some(word) = rest.get(..2) else { return false };
    let after = rest.get(2..).unwrap_or_default();
    word.eq_ignore_ascii_case("or")
        && !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_'))
        && !after.trim_matches(|c: char| c.is_ascii_whitespace()).is_empty()
}

fn combine(a: &TsQuery, b: &TsQuery, with: impl Fn(Box<Node>, Box<Node>) -> Node) -> TsQuery {
    match (&a.0, &b.0) {
        (Some(x), Some(y)) => TsQuery(Some(with(Box::new(x.clone()), Box::new(y.clone())))),
        (None, _) => b.clone(),
        (_, None) => a.clone(),
    }
}

/// The part of a query that an index can answer: without negations.
fn without_not(node: &Node) -> Option<Node> {
    match node {
        Node::Word { .. } => Some(node.clone()),
        Node::Not(_) => None,
        Node::Or(a, b) => Some(Node::Or(without_not(a)?.into(), without_not(b)?.into())),
        Node::And(a, b) | Node::Phrase(a, b, _) => match (without_not(a), without_not(b)) {
            (Some(a), Some(b)) => Some(match node {
                Node::Phrase(_, _, distance) => Node::Phrase(a.into(), b.into(), *distance),
                _ => Node::And(a.into(), b.into()),
            }),
            (one, other) => one.or(other),
        },
    }
}

/// Whether all words of `b` occur in `a`.
fn contains(a: &TsQuery, b: &TsQuery) -> bool {
    fn words<'n>(node: &'n Node, out: &mut Vec<&'n str>) {
        match node {
            Node::Word { text, .. } => out.push(text),
            Node::Not(inner) => words(inner, out),
            Node::And(a, b) | Node::Or(a, b) | Node::Phrase(a, b, _) => {
                words(a, out);
                words(b, out);
            }
        }
    }
    let (mut all, mut wanted) = (Vec::new(), Vec::new());
    if let Some(node) = &a.0 {
        words(node, &mut all);
    }
    if let Some(node) = &b.0 {
        words(node, &mut wanted);
    }
    wanted.iter().all(|word| all.contains(word))
}
