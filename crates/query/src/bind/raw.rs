//! Walking over raw parse trees, for what has to be known before names are resolved.

use parser::{Node, NodeEnum, protobuf};

/// Calls `f` on each direct child of a node, in PostgreSQL's `raw_expression_tree_walker` order.
pub(super) fn for_each_child<'n>(node: &'n NodeEnum, f: &mut dyn FnMut(&'n Node)) {
    match node {
        NodeEnum::List(list) => list.items.iter().for_each(f),
        NodeEnum::ResTarget(target) => {
            target.indirection.iter().for_each(&mut *f);
            target.val.as_deref().into_iter().for_each(f);
        }
        NodeEnum::AExpr(expr) => {
            expr.lexpr.iter().chain(&expr.rexpr).for_each(|node| f(node));
        }
        NodeEnum::BoolExpr(expr) => expr.args.iter().for_each(f),
        NodeEnum::FuncCall(call) => {
            call.args.iter().chain(&call.agg_order).for_each(&mut *f);
            call.agg_filter.as_deref().into_iter().for_each(&mut *f);
            if let Some(over) = &call.over {
                window_children(over, f);
            }
        }
        NodeEnum::WindowDef(window) => window_children(window, f),
        NodeEnum::SubLink(link) => {
            link.testexpr.iter().chain(&link.subselect).for_each(|node| f(node));
        }
        NodeEnum::CaseExpr(case) => {
            case.arg.as_deref().into_iter().for_each(&mut *f);
            case.args.iter().for_each(&mut *f);
            case.defresult.as_deref().into_iter().for_each(f);
        }
        NodeEnum::CaseWhen(when) => when.expr.iter().chain(&when.result).for_each(|node| f(node)),
        NodeEnum::CoalesceExpr(expr) => expr.args.iter().for_each(f),
        NodeEnum::MinMaxExpr(expr) => expr.args.iter().for_each(f),
        NodeEnum::RowExpr(expr) => expr.args.iter().for_each(f),
        NodeEnum::AArrayExpr(expr) => expr.elements.iter().for_each(f),
        NodeEnum::AIndirection(expr) => {
            expr.arg.as_deref().into_iter().for_each(&mut *f);
            expr.indirection.iter().for_each(f);
        }
        NodeEnum::AIndices(expr) => expr.lidx.iter().chain(&expr.uidx).for_each(|node| f(node)),
        NodeEnum::TypeCast(cast) => cast.arg.as_deref().into_iter().for_each(f),
        NodeEnum::CollateClause(collate) => collate.arg.as_deref().into_iter().for_each(f),
        NodeEnum::NullTest(test) => test.arg.as_deref().into_iter().for_each(f),
        NodeEnum::BooleanTest(test) => test.arg.as_deref().into_iter().for_each(f),
        NodeEnum::NamedArgExpr(arg) => arg.arg.as_deref().into_iter().for_each(f),
        NodeEnum::SortBy(sort) => sort.node.as_deref().into_iter().for_each(f),
        NodeEnum::GroupingSet(set) => set.content.iter().for_each(f),
        NodeEnum::GroupingFunc(grouping) => grouping.args.iter().for_each(f),
        NodeEnum::MultiAssignRef(reference) => {
            reference.source.as_deref().into_iter().for_each(f);
        }
        NodeEnum::JsonObjectConstructor(json) => json.exprs.iter().for_each(f),
        NodeEnum::JsonArrayConstructor(json) => json.exprs.iter().for_each(f),
        NodeEnum::JsonArrayQueryConstructor(json) => {
            json.query.as_deref().into_iter().for_each(f);
        }
        NodeEnum::JsonKeyValue(pair) => {
            pair.key.as_deref().into_iter().for_each(&mut *f);
            if let Some(value) = &pair.value {
                value.raw_expr.as_deref().into_iter().for_each(f);
            }
        }
        NodeEnum::JsonValueExpr(value) => value.raw_expr.as_deref().into_iter().for_each(f),
        NodeEnum::JsonIsPredicate(test) => test.expr.as_deref().into_iter().for_each(f),
        NodeEnum::RangeSubselect(select) => select.subquery.as_deref().into_iter().for_each(f),
        NodeEnum::RangeFunction(function) => function.functions.iter().for_each(f),
        NodeEnum::JoinExpr(join) => {
            join.larg.iter().chain(&join.rarg).chain(&join.quals).for_each(|node| f(node));
        }
        NodeEnum::SelectStmt(select) => select_children(select, f),
        NodeEnum::InsertStmt(insert) => {
            insert.cols.iter().for_each(&mut *f);
            insert.select_stmt.as_deref().into_iter().for_each(&mut *f);
            insert.returning_list.iter().for_each(&mut *f);
            if let Some(conflict) = &insert.on_conflict_clause {
                conflict.target_list.iter().for_each(&mut *f);
                conflict.where_clause.as_deref().into_iter().for_each(f);
            }
        }
        NodeEnum::UpdateStmt(update) => {
            update.target_list.iter().chain(&update.from_clause).for_each(&mut *f);
            update.where_clause.as_deref().into_iter().for_each(&mut *f);
            update.returning_list.iter().for_each(f);
        }
        NodeEnum::DeleteStmt(delete) => {
            delete.using_clause.iter().for_each(&mut *f);
            delete.where_clause.as_deref().into_iter().for_each(&mut *f);
            delete.returning_list.iter().for_each(f);
        }
        _ => {}
    }
}

fn window_children<'n>(window: &'n protobuf::WindowDef, f: &mut dyn FnMut(&'n Node)) {
    window.partition_clause.iter().chain(&window.order_clause).for_each(&mut *f);
    window.start_offset.iter().chain(&window.end_offset).for_each(|node| f(node));
}

/// The children of a SELECT besides WITH and the sides of a set operation.
pub(super) fn select_children<'n>(select: &'n protobuf::SelectStmt, f: &mut dyn FnMut(&'n Node)) {
    let lists = select
        .distinct_clause
        .iter()
        .chain(&select.target_list)
        .chain(&select.from_clause)
        .chain(&select.group_clause);
    lists.for_each(&mut *f);
    select.where_clause.as_deref().into_iter().for_each(&mut *f);
    select.having_clause.as_deref().into_iter().for_each(&mut *f);
    let lists = select.window_clause.iter().chain(&select.values_lists).chain(&select.sort_clause);
    lists.for_each(&mut *f);
    select.limit_offset.iter().chain(&select.limit_count).for_each(|node| f(node));
}

/// The WITH clause of a statement.
pub(super) fn with_clause(node: &NodeEnum) -> Option<&protobuf::WithClause> {
    match node {
        NodeEnum::SelectStmt(select) => select.with_clause.as_ref(),
        NodeEnum::InsertStmt(insert) => insert.with_clause.as_ref(),
        NodeEnum::UpdateStmt(update) => update.with_clause.as_ref(),
        NodeEnum::DeleteStmt(delete) => delete.with_clause.as_ref(),
        _ => None,
    }
}
