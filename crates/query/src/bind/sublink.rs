//! Sub-queries in expressions.
//!
//! Source: PostgreSQL 16 `transformSubLink`, `src/backend/parser/parse_expr.c`.

use std::sync::Arc;

use parser::protobuf::{self, SubLinkType};
use parser::{Node, NodeEnum};
use types::{Result, SqlError, SqlState, oid};

use super::coerce::Context;
use super::query::Query;
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind, SubLink, SubLinkKind, Written};

impl Binder<'_> {
    pub(super) fn sub_link(&mut self, link: &protobuf::SubLink) -> Result<Expr> {
        let written = self.written(link.location)?;
        let mut expr = self.sub_link_of_kind(link)?;
        if let ExprKind::SubLink(link) = &mut expr.kind {
            link.written = written;
        }
        Ok(expr)
    }

    /// What is written at a byte of the text, from there to the end of its parentheses.
    pub(super) fn written(&mut self, location: i32) -> Result<Option<Written>> {
        let scope = self.level()?.scope.clone();
        let text = self.text.get_or_insert_with(|| self.source.into()).clone();
        Ok(usize::try_from(location).ok().map(|start| Written { scope, text, start }))
    }

    fn sub_link_of_kind(&mut self, link: &protobuf::SubLink) -> Result<Expr> {
        let protobuf::SubLink {
            xpr: _,
            sub_link_type,
            sub_link_id: _,
            testexpr,
            oper_name,
            subselect: _,
            location,
        } = link;
        let location = *location;
        let query = self.sub_query(link)?;
        match SubLinkType::from_i32(*sub_link_type) {
            Some(SubLinkType::ExistsSublink) => {
                Ok(sub_link(SubLinkKind::Exists, query, Vec::new(), None, oid::BOOL))
            }
            Some(SubLinkType::ExprSublink) => {
                self.require_one_column(&query, location)?;
                let column = &query.columns[0];
                let (ty, typmod) = (column.ty, column.typmod);
                let mut expr = sub_link(SubLinkKind::Scalar, query, Vec::new(), None, ty);
                expr.typmod = typmod;
                Ok(expr)
            }
            Some(SubLinkType::ArraySublink) => {
                self.require_one_column(&query, location)?;
                let column = &query.columns[0];
                let element = column.domain.unwrap_or(column.ty);
                // Arrays gather into an array of one more dimension.
                let promoted = || self.element_type(element).map(|_| element);
                let array = self.array_type(element).or_else(promoted).ok_or_else(|| {
                    self.error(
                        SqlState::UNDEFINED_OBJECT,
                        format!(
                            "could not find array type for data type {}",
                            self.type_name(element)
                        ),
                        location,
                    )
                })?;
                Ok(sub_link(SubLinkKind::Array, query, Vec::new(), None, array))
            }
            Some(kind @ (SubLinkType::AnySublink | SubLinkType::AllSublink)) => {
                let name = match strings(oper_name) {
                    name if name.is_empty() => vec!["="],
                    name => name,
                };
                let all = kind == SubLinkType::AllSublink;
                let kind = if all { SubLinkKind::All } else { SubLinkKind::Any };
                self.compare_with_query(
                    &name,
                    required(testexpr.as_deref())?,
                    kind,
                    query,
                    location,
                )
            }
            Some(
                SubLinkType::RowcompareSublink
                | SubLinkType::MultiexprSublink
                | SubLinkType::CteSublink
                | SubLinkType::Undefined,
            )
            | None => Err(SqlError::internal("sub-query of no kind")),
        }
    }

    /// `(a, b) name (SELECT …)`: a comparison with the only row of a sub-query.
    pub(super) fn row_sub_link(
        &mut self,
        name: &[&str],
        row: &Node,
        link: &protobuf::SubLink,
        location: i32,
    ) -> Result<Expr> {
        let query = self.sub_query(&protobuf::SubLink { location, ..link.clone() })?;
        self.compare_with_query(name, row, SubLinkKind::Row, query, location)
    }

    /// The sub-query of a sub-link, bound.
    pub(super) fn sub_query(&mut self, link: &protobuf::SubLink) -> Result<Arc<Query>> {
        if let Some(clause) = self.level()?.place.refuses_subqueries() {
            return Err(self.error(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cannot use subquery in {clause}"),
                link.location,
            ));
        }
        let Some(NodeEnum::SelectStmt(select)) =
            link.subselect.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("sub-query is not a SELECT"));
        };
        Ok(Arc::new(self.select_statement(select)?))
    }

    fn require_one_column(&self, query: &Query, location: i32) -> Result<()> {
        if query.columns.len() == 1 {
            return Ok(());
        }
        let message = "subquery must return only one column";
        Err(self.error(SqlState::SYNTAX_ERROR, message, location))
    }

    /// `left name ANY (query)` and its kin. The test stands over the left side's values followed by
    /// the sub-query's columns.
    fn compare_with_query(
        &mut self,
        name: &[&str],
        left: &Node,
        kind: SubLinkKind,
        query: Arc<Query>,
        location: i32,
    ) -> Result<Expr> {
        let left = match &left.node {
            Some(NodeEnum::RowExpr(row)) => self.row_expressions(&row.args)?,
            _ => vec![self.expression(left)?],
        };
        let width = left.len();
        if width != query.columns.len() {
            let message = match width < query.columns.len() {
                true => "subquery has too many columns",
                false => "subquery has too few columns",
            };
            return Err(self.error(SqlState::SYNTAX_ERROR, message, location));
        }
        // Literals on the left get their type from the operator.
        let mut settled = Vec::with_capacity(width);
        for (expr, column) in left.into_iter().zip(&query.columns) {
            settled.push(if expr.ty == oid::UNKNOWN {
                let row = self.find_operator(name, Some(oid::UNKNOWN), column.ty, location)?;
                let target = match super::polymorphic::is_polymorphic(row.left) {
                    true => column.ty,
                    false => row.left,
                };
                self.try_coerce(expr, target, Context::Implicit)?
                    .ok_or_else(|| SqlError::internal("unknown literal does not coerce"))?
            } else {
                expr
            });
        }
        let columns: Vec<Expr> = query
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| Expr::typed(ExprKind::Column(width + i), column.ty, column.typmod))
            .collect();
        let values = settled.iter().enumerate().map(|(position, expr)| {
            Expr::typed(ExprKind::Column(position), expr.ty, expr.typmod).at(expr.location)
        });
        let test = self.compare_rows(name, values.collect(), columns, location)?;
        Ok(sub_link(kind, query, settled, Some(test), oid::BOOL))
    }
}

fn sub_link(
    kind: SubLinkKind,
    query: Arc<Query>,
    left: Vec<Expr>,
    test: Option<Expr>,
    ty: types::Oid,
) -> Expr {
    Expr::new(ExprKind::SubLink(Box::new(SubLink { kind, query, left, test, written: None })), ty)
}
