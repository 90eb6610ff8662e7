//! Where expressions start in the text.
//!
//! Source: PostgreSQL 16 `exprLocation`, `src/backend/nodes/nodeFuncs.c`.

use parser::{Node, NodeEnum};

/// The leftmost of two locations; −1 is unknown.
fn leftmost(a: i32, b: i32) -> i32 {
    match (a, b) {
        (-1, known) | (known, -1) => known,
        (a, b) => a.min(b),
    }
}

fn of_boxed(node: &Option<Box<Node>>) -> i32 {
    node.as_deref().map_or(-1, node_location)
}

/// The first location among nodes.
pub(super) fn list_location(nodes: &[Node]) -> i32 {
    nodes.iter().map(node_location).find(|location| *location >= 0).unwrap_or(-1)
}

/// Where a raw parse node starts in the text, or −1.
pub(super) fn node_location(node: &Node) -> i32 {
    let Some(node) = &node.node else { return -1 };
    match node {
        NodeEnum::ColumnRef(node) => node.location,
        NodeEnum::AConst(node) => node.location,
        NodeEnum::ParamRef(node) => node.location,
        NodeEnum::FuncCall(node) => leftmost(node.location, list_location(&node.args)),
        NodeEnum::SubLink(node) => leftmost(of_boxed(&node.testexpr), node.location),
        NodeEnum::CaseExpr(node) => node.location,
        NodeEnum::CoalesceExpr(node) => node.location,
        NodeEnum::MinMaxExpr(node) => node.location,
        NodeEnum::RowExpr(node) => node.location,
        NodeEnum::AArrayExpr(node) => node.location,
        NodeEnum::AIndirection(node) => of_boxed(&node.arg),
        NodeEnum::TypeCast(node) => {
            let name = node.type_name.as_ref().map_or(-1, |name| name.location);
            // `int '1'` is the constant where the constant stands.
            match node.arg.as_deref().and_then(|arg| arg.node.as_ref()) {
                Some(NodeEnum::AConst(constant)) => constant.location,
                _ => leftmost(of_boxed(&node.arg), leftmost(name, node.location)),
            }
        }
        NodeEnum::CollateClause(node) => leftmost(of_boxed(&node.arg), node.location),
        NodeEnum::AExpr(node) => leftmost(node.location, of_boxed(&node.lexpr)),
        NodeEnum::BoolExpr(node) => leftmost(node.location, list_location(&node.args)),
        NodeEnum::SetToDefault(node) => node.location,
        NodeEnum::NullTest(node) => leftmost(node.location, of_boxed(&node.arg)),
        NodeEnum::BooleanTest(node) => leftmost(node.location, of_boxed(&node.arg)),
        NodeEnum::SqlvalueFunction(node) => node.location,
        NodeEnum::GroupingFunc(node) => node.location,
        NodeEnum::NamedArgExpr(node) => leftmost(node.location, of_boxed(&node.arg)),
        NodeEnum::SortBy(node) => of_boxed(&node.node),
        NodeEnum::ResTarget(node) => node.location,
        NodeEnum::List(list) => list_location(&list.items),
        NodeEnum::TypeName(node) => node.location,
        NodeEnum::ColumnDef(node) => node.location,
        NodeEnum::JsonObjectConstructor(node) => node.location,
        NodeEnum::JsonArrayConstructor(node) => node.location,
        NodeEnum::JsonArrayQueryConstructor(node) => node.location,
        NodeEnum::JsonObjectAgg(node) => node.constructor.as_ref().map_or(-1, |c| c.location),
        NodeEnum::JsonArrayAgg(node) => node.constructor.as_ref().map_or(-1, |c| c.location),
        NodeEnum::JsonIsPredicate(node) => leftmost(node.location, of_boxed(&node.expr)),
        _ => -1,
    }
}
