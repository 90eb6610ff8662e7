//! The names of output columns that were given none.

use parser::{Node, NodeEnum, protobuf};

use super::strings;

/// The label of an unnamed output column.
///
/// Source: PostgreSQL 16 `FigureColname`, `src/backend/parser/parse_target.c`.
pub(crate) fn column_name(node: &Node) -> String {
    figure_name(node).map_or_else(|| "?column?".into(), |(name, _)| name)
}

/// A name with its strength: 2 from a column or function, 1 from a type or CASE.
fn figure_name(node: &Node) -> Option<(String, u8)> {
    let strong = |name: &str| Some((name.to_owned(), 2));
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(column) => strong(strings(&column.fields).last()?),
        NodeEnum::AIndirection(indirection) => match strings(&indirection.indirection).last() {
            Some(name) => strong(name),
            None => figure_name(indirection.arg.as_deref()?),
        },
        NodeEnum::FuncCall(call) => strong(strings(&call.funcname).last()?),
        NodeEnum::AExpr(expr) if expr.kind == protobuf::AExprKind::AexprNullif as i32 => {
            strong("nullif")
        }
        NodeEnum::TypeCast(cast) => {
            let inner = cast.arg.as_deref().and_then(figure_name);
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
        NodeEnum::CollateClause(collate) => figure_name(collate.arg.as_deref()?),
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
                    let name = figure_name(target.val.as_deref()?).map(|(name, _)| name);
                    Some((name.unwrap_or_else(|| "?column?".into()), 2))
                }
                _ => None,
            }
        }
        NodeEnum::CaseExpr(case) => match case.defresult.as_deref().and_then(figure_name) {
            Some((name, 2)) => Some((name, 2)),
            _ => Some(("case".into(), 1)),
        },
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
