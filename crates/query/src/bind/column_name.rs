//! The names of output columns that were given none.

use parser::{Node, NodeEnum, protobuf};

use super::strings;
use crate::expr::{Expr, ExprKind};

/// The label of an unnamed output column.
///
/// Source: PostgreSQL 16 `FigureColname`, `src/backend/parser/parse_target.c`.
pub(crate) fn column_name(node: &Node) -> String {
    name_or_none(figure_name(node, &|_| None))
}

/// As [`column_name`], of an expression that is bound: a scalar sub-query has its column's name.
pub(super) fn bound_column_name(node: &Node, expr: &Expr) -> String {
    name_or_none(figure_name(node, &|link| query_column(expr, link)))
}

fn name_or_none(name: Option<(String, u8)>) -> String {
    name.map_or_else(|| "?column?".into(), |(name, _)| name)
}

/// The name of the only column of a sub-query in `expr`.
fn query_column(expr: &Expr, written: &protobuf::SubLink) -> Option<String> {
    if let ExprKind::SubLink(link) = &expr.kind
        && let Some(at) = &link.written
        && usize::try_from(written.location) == Ok(at.start)
    {
        return link.query.columns.first().map(|column| column.name.clone());
    }
    let mut found = None;
    expr.for_each_child(&mut |child| {
        if found.is_none() {
            found = query_column(child, written);
        }
    });
    found
}

/// Finds out the name of a scalar sub-query's column.
type Bound<'a> = &'a dyn Fn(&protobuf::SubLink) -> Option<String>;

/// A name with its strength: 2 from a column or function, 1 from a type or CASE.
fn figure_name(node: &Node, bound: Bound<'_>) -> Option<(String, u8)> {
    let strong = |name: &str| Some((name.to_owned(), 2));
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strong(strings(&column.fields).last()?),
        NodeEnum::AIndirection(indirection) => match strings(&indirection.indirection).last() {
            Some(name) => strong(name),
            None => figure_name(indirection.arg.as_deref()?, bound),
        },
        NodeEnum::FuncCall(call) => strong(strings(&call.funcname).last()?),
        NodeEnum::AExpr(expr) if expr.kind == protobuf::AExprKind::AexprNullif as i32 => {
            strong("nullif")
        }
        NodeEnum::TypeCast(cast) => {
            let inner = cast.arg.as_deref().and_then(|arg| figure_name(arg, bound));
            match inner {
                Some((name, 2)) => Some((name, 2)),
                inner => match cast
                    .type_name
                    .as_ref()
                    .and_then(|t| strings(&t.names).last().map(|s| (*s).to_owned()))
                {
                    Some(name) => Some((name, 1)),
                    None => inner,
                },
            }
        }
        NodeEnum::CollateClause(collate) => figure_name(collate.arg.as_deref()?, bound),
        NodeEnum::GroupingFunc(_) => strong("grouping"),
        NodeEnum::JsonObjectConstructor(_) => strong("json_object"),
        NodeEnum::JsonArrayConstructor(_) | NodeEnum::JsonArrayQueryConstructor(_) => {
            strong("json_array")
        }
        NodeEnum::JsonObjectAgg(_) => strong("json_objectagg"),
        NodeEnum::JsonArrayAgg(_) => strong("json_arrayagg"),
        NodeEnum::SubLink(link) => {
            use protobuf::SubLinkType as T;
            match T::from_i32(link.sub_link_type) {
                Some(T::ExistsSublink) => strong("exists"),
                Some(T::ArraySublink) => strong("array"),
                Some(T::ExprSublink) => {
                    if let Some(name) = bound(link) {
                        return strong(&name);
                    }
                    let NodeEnum::SelectStmt(select) = link.subselect.as_ref()?.node.as_ref()?
                    else {
                        return None;
                    };
                    let mut select = select.as_ref();
                    while let Some(left) = select.larg.as_deref() {
                        select = left;
                    }
                    if !select.values_lists.is_empty() {
                        return strong("column1");
                    }
                    let NodeEnum::ResTarget(target) = select.target_list.first()?.node.as_ref()?
                    else {
                        return None;
                    };
                    if !target.name.is_empty() {
                        return strong(&target.name);
                    }
                    let name = figure_name(target.val.as_deref()?, bound).map(|(name, _)| name);
                    Some((name.unwrap_or_else(|| "?column?".into()), 2))
                }
                _ => None,
            }
        }
        NodeEnum::CaseExpr(case) => {
            match case.defresult.as_deref().and_then(|result| figure_name(result, bound)) {
                Some((name, 2)) => Some((name, 2)),
                _ => Some(("case".into(), 1)),
            }
        }
        NodeEnum::AArrayExpr(_) => strong("array"),
        NodeEnum::RowExpr(_) => strong("row"),
        NodeEnum::CoalesceExpr(_) => strong("coalesce"),
        NodeEnum::MinMaxExpr(minmax) => {
            strong(if minmax.op == protobuf::MinMaxOp::IsLeast as i32 {
                "least"
            } else {
                "greatest"
            })
        }
        NodeEnum::SqlvalueFunction(function) => {
            use protobuf::SqlValueFunctionOp as Op;
            strong(match Op::from_i32(function.op)? {
                Op::SvfopCurrentDate => "current_date",
                Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
                Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
                Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
                Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
                Op::SvfopCurrentRole => "current_role",
                Op::SvfopCurrentUser => "current_user",
                Op::SvfopUser => "user",
                Op::SvfopSessionUser => "session_user",
                Op::SvfopCurrentCatalog => "current_catalog",
                Op::SvfopCurrentSchema => "current_schema",
                Op::SqlvalueFunctionOpUndefined => return None,
            })
        }
        _ => None,
    }
}
