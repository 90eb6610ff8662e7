//! Sub-queries in expressions.

use std::sync::Arc;

use parser::NodeEnum;
use parser::protobuf::{self, SubLinkType};
use types::{Result, SqlError, SqlState, oid};

use super::{Binder, array_type, required, strings};
use crate::expr::{Expr, ExprKind, SubLink, SubLinkKind};

impl Binder<'_> {
    pub(super) fn sub_link(&mut self, link: &protobuf::SubLink) -> Result<Expr> {
        let protobuf::SubLink {
            xpr: _,
            sub_link_type,
            sub_link_id: _,
            testexpr,
            oper_name,
            subselect,
            location,
        } = link;
        let location = *location;
        let Some(NodeEnum::SelectStmt(select)) =
            subselect.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("sub-query is not a SELECT"));
        };
        let query = Arc::new(self.select_statement(select)?);
        let one_column = |binder: &Self| -> Result<()> {
            if query.columns.len() == 1 {
                return Ok(());
            }
            Err(binder.error(
                SqlState::SYNTAX_ERROR,
                "subquery must return only one column",
                location,
            ))
        };
        let make = |kind, left, test, ty| {
            let query = Arc::clone(&query);
            Expr::new(ExprKind::SubLink(Box::new(SubLink { kind, query, left, test })), ty)
        };
        match SubLinkType::from_i32(*sub_link_type) {
            Some(SubLinkType::ExistsSublink) => {
                Ok(make(SubLinkKind::Exists, Vec::new(), None, oid::BOOL))
            }
            Some(SubLinkType::ExprSublink) => {
                one_column(self)?;
                let column = &query.columns[0];
                let mut expr = make(SubLinkKind::Scalar, Vec::new(), None, column.ty);
                expr.typmod = column.typmod;
                Ok(expr)
            }
            Some(SubLinkType::ArraySublink) => {
                one_column(self)?;
                let element = query.columns[0].ty;
                let array = array_type(element).ok_or_else(|| {
                    self.error(
                        SqlState::UNDEFINED_OBJECT,
                        format!(
                            "could not find array type for data type {}",
                            self.type_name(element)
                        ),
                        location,
                    )
                })?;
                Ok(make(SubLinkKind::Array, Vec::new(), None, array))
            }
            Some(kind @ (SubLinkType::AnySublink | SubLinkType::AllSublink)) => {
                let node = required(testexpr.as_deref())?;
                let left = match &node.node {
                    Some(NodeEnum::RowExpr(row)) => self.expressions(&row.args)?,
                    _ => vec![self.expression(node)?],
                };
                if left.len() != query.columns.len() {
                    let message = if left.len() < query.columns.len() {
                        "subquery has too many columns"
                    } else {
                        "subquery has too few columns"
                    };
                    return Err(self.error(SqlState::SYNTAX_ERROR, message, location));
                }
                let name = strings(oper_name).last().copied().unwrap_or("=");
                let (left, test) = self.sub_link_test(name, left, &query, location)?;
                let all = kind == SubLinkType::AllSublink;
                let kind = if all { SubLinkKind::All } else { SubLinkKind::Any };
                Ok(make(kind, left, Some(test), oid::BOOL))
            }
            Some(SubLinkType::RowcompareSublink) => {
                Err(super::unsupported("row comparison with a sub-query")
                    .at(self.position(location)))
            }
            Some(
                SubLinkType::MultiexprSublink | SubLinkType::CteSublink | SubLinkType::Undefined,
            )
            | None => Err(SqlError::internal("sub-query of no kind")),
        }
    }

    /// The condition over the left side's values followed by the sub-query's columns. Literals on
    /// the left get their type from it, so the left side is returned too.
    fn sub_link_test(
        &mut self,
        name: &str,
        left: Vec<Expr>,
        query: &super::query::Query,
        location: i32,
    ) -> Result<(Vec<Expr>, Expr)> {
        let width = left.len();
        let mut settled = Vec::with_capacity(width);
        for (expr, column) in left.into_iter().zip(&query.columns) {
            settled.push(if expr.ty == oid::UNKNOWN {
                self.try_coerce(expr, column.ty, super::coerce::Context::Implicit)?
                    .ok_or_else(|| SqlError::internal("unknown literal does not coerce"))?
            } else {
                expr
            });
        }
        let pairs = settled
            .iter()
            .zip(&query.columns)
            .enumerate()
            .map(|(i, (left, column))| {
                let left = Expr { kind: ExprKind::Column(i), ty: left.ty, typmod: left.typmod };
                let right = Expr {
                    kind: ExprKind::Column(width + i),
                    ty: column.ty,
                    typmod: column.typmod,
                };
                (left, right)
            })
            .collect();
        let test = self.compare_rows_or_operator(name, pairs, location)?;
        Ok((settled, test))
    }

    fn compare_rows_or_operator(
        &mut self,
        name: &str,
        mut pairs: Vec<(Expr, Expr)>,
        location: i32,
    ) -> Result<Expr> {
        if pairs.len() == 1
            && let Some((left, right)) = pairs.pop()
        {
            return self.operator(name, Some(left), right, location);
        }
        self.compare_rows(name, pairs, location)
    }
}
