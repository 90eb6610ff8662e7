//! Select lists and RETURNING: output expressions, `*`.
//!
//! Source: PostgreSQL 16 `transformTargetList`, `src/backend/parser/parse_target.c`.

use std::sync::Arc;

use parser::{Node, NodeEnum, protobuf};
use types::{Oid, Result, SqlError, SqlState};

use super::column_name::bound_column_name;
use super::query::OutputColumn;
use super::scope::{Place, lift, outputs};
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};

/// Most columns of a row.
pub(super) const COLUMNS_MAX: usize = 1664;

impl Binder<'_> {
    /// Output expressions and columns of a select list or RETURNING.
    pub(super) fn target_list(
        &mut self,
        nodes: &[Node],
        place: Place,
    ) -> Result<(Vec<Expr>, Vec<OutputColumn>)> {
        self.level()?.place = place;
        let (mut targets, mut columns) = (Vec::new(), Vec::new());
        for node in nodes {
            let Some(NodeEnum::ResTarget(target)) = &node.node else {
                return Err(SqlError::internal("unexpected target"));
            };
            let protobuf::ResTarget { name, indirection: _, val, location: _ } = target.as_ref();
            let value = required(val.as_deref())?;
            if let Some(expanded) = self.expand_star(value)? {
                for (expr, column) in expanded {
                    targets.push(expr);
                    columns.push(column);
                }
                continue;
            }
            let expr = self.expression(value)?;
            let name = match name.is_empty() {
                true => bound_column_name(value, &expr),
                false => name.clone(),
            };
            let origin = self.origin(&expr);
            let domain = self.domain_of(&expr);
            columns.push(OutputColumn { name, ty: expr.ty, typmod: expr.typmod, origin, domain });
            targets.push(expr);
        }
        Ok((targets, columns))
    }

    /// The table column that an expression is, if it is one.
    fn origin(&self, expr: &Expr) -> Option<(u32, i16)> {
        let ExprKind::Var(var) = expr.kind else { return None };
        let level = self.levels.iter().nth_back(var.level)?;
        level.relations.get(var.relation)?.columns.get(var.column)?.origin
    }

    /// `*`, `a.*`, `(row).*` where they stand for several expressions; `None` for anything else.
    pub(super) fn expand_star(&mut self, node: &Node) -> Result<Option<Vec<(Expr, OutputColumn)>>> {
        match &node.node {
            Some(NodeEnum::ColumnRef(column)) => {
                let star = column.fields.last().and_then(|field| field.node.as_ref());
                if !matches!(star, Some(NodeEnum::AStar(_))) {
                    return Ok(None);
                }
                self.expand_items(&strings(&column.fields), column.location).map(Some)
            }
            Some(NodeEnum::AIndirection(indirection)) => {
                let star = indirection.indirection.last().and_then(|step| step.node.as_ref());
                if !matches!(star, Some(NodeEnum::AStar(_))) {
                    return Ok(None);
                }
                let base = self.boxed(&indirection.arg)?;
                let steps = &indirection.indirection[..indirection.indirection.len() - 1];
                let row = self.apply_indirection(base, steps)?;
                self.expand_row(row).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn expand_items(&mut self, names: &[&str], location: i32) -> Result<Vec<(Expr, OutputColumn)>> {
        let (up, items) = match names {
            [] => {
                let items: Vec<_> =
                    self.level()?.items.iter().filter(|item| item.unqualified).cloned().collect();
                if items.is_empty() {
                    return Err(self.error(
                        SqlState::SYNTAX_ERROR,
                        "SELECT * with no tables specified is not valid",
                        location,
                    ));
                }
                (0, items)
            }
            [.., alias] => {
                let schema = self.qualifier(&names[..names.len() - 1], names, location)?;
                let found = self.item(schema, alias, location)?;
                let Some((up, item)) = found else {
                    return match self.argument_reference(names, location)? {
                        Some(argument) => self.expand_row(argument),
                        None => Err(self.missing_relation(schema, alias, location)),
                    };
                };
                (up, vec![item])
            }
        };
        let mut expanded = Vec::new();
        for item in items {
            self.note_row(&item);
            let shown = item.columns.len() - item.hidden;
            for (column, mut output) in item.columns.iter().zip(outputs(&item)).take(shown) {
                let mut expr = column.expr.clone();
                lift(&mut expr, up);
                output.domain = self.domain_of(&expr);
                expanded.push((expr.at(location), output));
            }
        }
        Ok(expanded)
    }

    /// The fields of a row value, each as an expression.
    fn expand_row(&mut self, row: Expr) -> Result<Vec<(Expr, OutputColumn)>> {
        let location = row.location;
        let fields: Vec<(Arc<str>, Expr)> = match (self.record_fields(&row), row.kind) {
            (_, ExprKind::Row { fields }) => fields,
            (Some(fields), kind) => {
                let row = Expr::typed(kind, row.ty, row.typmod);
                let field = |(at, (name, ty)): (usize, (String, Oid))| {
                    let typmod = self.field_typmod(row.ty, at);
                    let row = Box::new(row.clone());
                    (Arc::from(name), Expr::typed(ExprKind::Field { row, field: at }, ty, typmod))
                };
                fields.into_iter().enumerate().map(field).collect()
            }
            (None, _) if row.ty == types::oid::RECORD => {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    "record type has not been registered",
                ));
            }
            (None, _) => {
                return Err(SqlError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("type {} is not composite", self.type_name(row.ty)),
                ));
            }
        };
        let expand = |(name, expr): (Arc<str>, Expr)| {
            let column = OutputColumn {
                name: name.to_string(),
                ty: expr.ty,
                typmod: expr.typmod,
                origin: None,
                domain: self.domain_of(&expr),
            };
            (expr.at(location), column)
        };
        Ok(fields.into_iter().map(expand).collect())
    }
}
