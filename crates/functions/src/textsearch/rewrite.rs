//! `ts_rewrite`: a part of a query replaced by another.
//!
//! Operands of `&` and `|` are gathered into lists and sorted, so that their order and nesting do not
//! matter; a list also contains each of its sub-lists.
//!
//! Source: PostgreSQL 16 `tsquery_rewrite.c`, `tsquery_util.c`.

use types::rare::tsquery::{Node, compare_nodes};

/// A query with lists of operands.
#[derive(Clone)]
enum Tree {
    Leaf(Node),
    Not(Box<Tree>),
    /// `|` if true, else `&`.
    List(bool, Vec<Tree>),
    Phrase(Box<Tree>, Box<Tree>, u16),
}

/// `target` in `node` replaced; nothing if that leaves nothing.
pub(super) fn rewrite(node: &Node, target: &Node, substitute: Option<&Node>) -> Option<Node> {
    let target = gather(target);
    let substitute = substitute.map(gather);
    replace(gather(node), &target, substitute.as_ref()).map(|tree| binary(&tree))
}

fn gather(node: &Node) -> Tree {
    match node {
        Node::Word { .. } => Tree::Leaf(node.clone()),
        Node::Not(inner) => Tree::Not(Box::new(gather(inner))),
        Node::Phrase(a, b, distance) => {
            Tree::Phrase(Box::new(gather(a)), Box::new(gather(b)), *distance)
        }
        Node::And(a, b) => list(false, vec![gather(a), gather(b)]),
        Node::Or(a, b) => list(true, vec![gather(a), gather(b)]),
    }
}

/// A list in which lists of the same kind are dissolved.
fn list(or: bool, operands: Vec<Tree>) -> Tree {
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand {
            Tree::List(kind, inner) if kind == or => flat.extend(inner),
            operand => flat.push(operand),
        }
    }
    flat.sort_by(|a, b| compare_nodes(&binary(a), &binary(b)));
    Tree::List(or, flat)
}

/// The lists taken apart again, from the left.
fn binary(tree: &Tree) -> Node {
    match tree {
        Tree::Leaf(node) => node.clone(),
        Tree::Not(inner) => Node::Not(Box::new(binary(inner))),
        Tree::Phrase(a, b, distance) => {
            Node::Phrase(Box::new(binary(a)), Box::new(binary(b)), *distance)
        }
        Tree::List(or, operands) => {
            let join = |a, b| match or {
                true => Node::Or(Box::new(a), Box::new(b)),
                false => Node::And(Box::new(a), Box::new(b)),
            };
            let joined = operands.iter().map(binary).reduce(join);
            // A list has two operands at least.
            joined.unwrap_or_else(|| Node::Word { text: "".into(), weights: 0, prefix: false })
        }
    }
}

fn equal(a: &Tree, b: &Tree) -> bool {
    compare_nodes(&binary(a), &binary(b)).is_eq()
}

fn replace(tree: Tree, target: &Tree, substitute: Option<&Tree>) -> Option<Tree> {
    if equal(&tree, target) {
        return substitute.cloned();
    }
    match tree {
        Tree::Leaf(_) => Some(tree),
        Tree::Not(inner) => {
            replace(*inner, target, substitute).map(|inner| Tree::Not(Box::new(inner)))
        }
        Tree::Phrase(a, b, distance) => {
            match (replace(*a, target, substitute), replace(*b, target, substitute)) {
                (Some(a), Some(b)) => Some(Tree::Phrase(Box::new(a), Box::new(b), distance)),
                (one, other) => one.or(other),
            }
        }
        Tree::List(or, operands) => {
            let mut kept = operands;
            let mut added = None;
            if let Tree::List(kind, wanted) = target
                && *kind == or
                && kept.len() > wanted.len()
                && wanted.iter().all(|w| kept.iter().any(|k| equal(k, w)))
            {
                kept.retain(|k| !wanted.iter().any(|w| equal(k, w)));
                added = substitute.cloned();
            }
            let mut operands: Vec<Tree> =
                kept.into_iter().filter_map(|k| replace(k, target, substitute)).collect();
            operands.extend(added);
            match operands.len() {
                0 => None,
                1 => operands.pop(),
                _ => Some(list(or, operands)),
            }
        }
    }
}
