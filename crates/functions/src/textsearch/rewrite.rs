//! `ts_rewrite`: parts of a query replaced by others.
//!
//! Operands of `&` and `|` are gathered into lists and sorted, so that their order and nesting do not
//! matter; a list also contains each of its sub-lists. Operands stand in PostgreSQL's order, the
//! right one first: it decides which comes first in the result.
//!
//! Source: PostgreSQL 16 `tsquery_rewrite.c`, `tsquery_util.c`.

use std::cmp::Ordering;

use types::rare::tsquery::{Node, Operator, compare_words, word_signature};

/// A query with lists of operands, being rewritten.
#[derive(Clone)]
pub(super) struct Tree {
    kind: Kind,
    /// A bit for each word that was below when the query was given: what is not among them is not
    /// looked for.
    signature: u32,
    /// It came by a replacement, in which nothing is replaced.
    new: bool,
}

#[derive(Clone)]
enum Kind {
    Word(Node),
    Operator(Operator, Vec<Tree>),
}

/// `target` in `query` replaced; an empty query if that leaves nothing.
pub(super) fn rewrite(query: &Node, target: &Node, substitute: Option<&Node>) -> Option<Node> {
    replace_in(prepare(query), target, substitute).map(binary)
}

/// A query ready to be rewritten.
pub(super) fn prepare(query: &Node) -> Tree {
    let mut tree = gather(query);
    flatten(&mut tree);
    sort(&mut tree);
    tree
}

/// One rewriting of several; what is left is not ready for another one before [`again`].
pub(super) fn replace_in(tree: Tree, target: &Node, substitute: Option<&Node>) -> Option<Tree> {
    replace(tree, &prepare(target), substitute.map(gather).as_ref())
}

/// Makes what one rewriting left ready for the next.
pub(super) fn again(tree: &mut Tree) {
    fn forget(tree: &mut Tree) {
        tree.new = false;
        if let Kind::Operator(_, operands) = &mut tree.kind {
            operands.iter_mut().for_each(forget);
        }
    }
    forget(tree);
    flatten(tree);
    sort(tree);
}

fn gather(node: &Node) -> Tree {
    let operator = |operator, operands: Vec<Tree>| Tree {
        signature: operands.iter().fold(0, |all, operand| all | operand.signature),
        kind: Kind::Operator(operator, operands),
        new: false,
    };
    match node {
        Node::Word { text, .. } => {
            Tree { kind: Kind::Word(node.clone()), signature: word_signature(text), new: false }
        }
        Node::Not(inner) => operator(Operator::Not, vec![gather(inner)]),
        Node::And(a, b) => operator(Operator::And, vec![gather(b), gather(a)]),
        Node::Or(a, b) => operator(Operator::Or, vec![gather(b), gather(a)]),
        Node::Phrase(a, b, distance) => {
            operator(Operator::Phrase(*distance), vec![gather(b), gather(a)])
        }
    }
}

/// Dissolves lists in lists of the same kind.
fn flatten(tree: &mut Tree) {
    let Kind::Operator(operator, operands) = &mut tree.kind else { return };
    operands.iter_mut().for_each(flatten);
    if !matches!(operator, Operator::And | Operator::Or) {
        return;
    }
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands.drain(..) {
        match operand.kind {
            Kind::Operator(kind, inner) if kind == *operator => flat.extend(inner),
            _ => flat.push(operand),
        }
    }
    *operands = flat;
}

fn sort(tree: &mut Tree) {
    let Kind::Operator(operator, operands) = &mut tree.kind else { return };
    operands.iter_mut().for_each(sort);
    if !matches!(operator, Operator::Phrase(_)) {
        operands.sort_by(compare);
    }
}

/// The order of two queries, where more operands come first.
fn compare(a: &Tree, b: &Tree) -> Ordering {
    match (&a.kind, &b.kind) {
        (Kind::Word(a), Kind::Word(b)) => compare_words(a, b),
        (Kind::Word(_), Kind::Operator(..)) => Ordering::Greater,
        (Kind::Operator(..), Kind::Word(_)) => Ordering::Less,
        (Kind::Operator(x, a), Kind::Operator(y, b)) => y
            .number()
            .cmp(&x.number())
            .then_with(|| b.len().cmp(&a.len()))
            .then_with(|| {
                a.iter()
                    .zip(b)
                    .map(|(a, b)| compare(a, b))
                    .find(|o| o.is_ne())
                    .unwrap_or(Ordering::Equal)
            })
            .then_with(|| y.distance().cmp(&x.distance())),
    }
}

/// The lists taken apart again, as PostgreSQL does it: the first two, then from the last on.
pub(super) fn binary(tree: Tree) -> Node {
    let (operator, operands) = match tree.kind {
        Kind::Word(node) => return node,
        Kind::Operator(operator, operands) => (operator, operands),
    };
    let mut operands = operands.into_iter().map(binary);
    let Some(first) = operands.next() else {
        // An operator without operands is dropped where it arises.
        return Node::Word { text: "".into(), weights: 0, prefix: false };
    };
    let join = |right: Node, left: Node| {
        let (left, right) = (Box::new(left), Box::new(right));
        match operator {
            Operator::Not => Node::Not(right),
            Operator::And => Node::And(left, right),
            Operator::Or => Node::Or(left, right),
            Operator::Phrase(distance) => Node::Phrase(left, right, distance),
        }
    };
    match (operator, operands.next()) {
        (Operator::Not, _) => Node::Not(Box::new(first)),
        (_, None) => first,
        (_, Some(second)) => operands.rev().fold(join(first, second), join),
    }
}

/// `target` in `tree` replaced, with the operators dropped that are left without operands.
fn replace(tree: Tree, target: &Tree, substitute: Option<&Tree>) -> Option<Tree> {
    let mut tree = replace_here(tree, target, substitute)?;
    if tree.new {
        return Some(tree);
    }
    if let Kind::Operator(operator, operands) = &mut tree.kind {
        let kept = operands.drain(..).filter_map(|operand| replace(operand, target, substitute));
        let mut kept: Vec<Tree> = kept.collect();
        match kept.len() {
            0 => return None,
            1 if *operator != Operator::Not => return kept.pop(),
            _ => *operands = kept,
        }
    }
    Some(tree)
}

fn replace_here(mut tree: Tree, target: &Tree, substitute: Option<&Tree>) -> Option<Tree> {
    if tree.new || tree.signature & target.signature != target.signature {
        return Some(tree);
    }
    let new = || substitute.map(|substitute| Tree { new: true, ..substitute.clone() });
    let (operands, wanted) = match (&mut tree.kind, &target.kind) {
        (Kind::Word(word), Kind::Word(wanted)) => {
            return if compare_words(word, wanted).is_eq() { new() } else { Some(tree) };
        }
        (Kind::Operator(x, operands), Kind::Operator(y, wanted)) if x.number() == y.number() => {
            (operands, wanted)
        }
        _ => return Some(tree),
    };
    if operands.len() == wanted.len() {
        let equal = tree.signature == target.signature && compare(&tree, target).is_eq();
        return if equal { new() } else { Some(tree) };
    }
    // Both are sorted.
    let mut rest = wanted.iter().peekable();
    let mut matched = Vec::with_capacity(operands.len());
    for operand in &*operands {
        matched.push(rest.next_if(|wanted| compare(operand, wanted).is_eq()).is_some());
    }
    if rest.peek().is_none() {
        let mut matched = matched.into_iter();
        operands.retain(|_| !matched.next().unwrap_or(false));
        operands.extend(new());
        sort(&mut tree);
    }
    Some(tree)
}
