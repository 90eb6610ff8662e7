//! Whole rows: a relation's name, or `relation.*`, as a value.
//!
//! Source: PostgreSQL 16 `makeWholeRowVar`, `src/backend/nodes/makefuncs.c`.

use std::sync::Arc;

use catalog::builtin;
use types::{Oid, oid};

use super::Binder;
use super::query::{Relation, Source};
use super::scope::{Item, ItemColumn, lift};
use crate::expr::{Expr, ExprKind};
use crate::plan::{FunctionCall, FunctionSource};

impl Binder<'_> {
    /// All columns of an item as one value: of the row type of its table, view or function, else a
    /// `record`. The row is NULL where an outer join makes it up.
    pub(super) fn whole_row(&self, up: usize, item: &Item) -> Expr {
        self.note_row(item);
        let lifted = |expr: &Expr| {
            let mut expr = expr.clone();
            lift(&mut expr, up);
            expr
        };
        let level = self.levels.iter().nth_back(up);
        let relation = level.zip(item.relation).and_then(|(level, at)| level.relations.get(at));
        if let (Some(relation), [column]) = (relation, item.columns.as_slice())
            && is_scalar_function(relation)
        {
            return lifted(&column.expr);
        }
        let ty = relation.and_then(|relation| self.row_type_of(relation));
        let named = ty.and_then(|ty| Some((ty, self.row_type_fields(ty)?)));
        let named = named.filter(|(_, fields)| fields.len() == item.columns.len());
        let (ty, names): (Oid, Vec<Arc<str>>) = match named {
            // Aliases of columns are none of the type's business.
            Some((ty, fields)) => (ty, fields.into_iter().map(|(name, ..)| name).collect()),
            None => {
                let names = item.columns.iter().map(|column| column.name.as_str().into());
                (ty.filter(|ty| is_system_row(*ty)).unwrap_or(oid::RECORD), names.collect())
            }
        };
        let values = item.columns.iter().map(|column| lifted(&column.expr));
        let row = ExprKind::Row { fields: names.into_iter().zip(values).collect() };
        let row = Expr::new(row, ty);
        let Some(relation) = relation.filter(|_| level.is_some_and(|level| level.outer_joins))
        else {
            return row;
        };
        // Only what was made up has NULL in a column that is never NULL. Where there is no such
        // column, a row of NULLs is taken for one.
        let never_null = never_null(relation, item);
        let test = never_null.map_or_else(|| row.clone(), |column| lifted(&column.expr));
        let made_up = ExprKind::IsNull { arg: Box::new(test), negated: false };
        let whens = vec![(Expr::new(made_up, oid::BOOL), Expr::null(ty))];
        Expr::new(ExprKind::Case { whens, otherwise: Box::new(row) }, ty)
    }

    fn row_type_of(&self, relation: &Relation) -> Option<Oid> {
        if let Some(view) = relation.view {
            return self.cx.catalog.view_by_oid(view).map(|view| Oid(view.row_type));
        }
        match &relation.source {
            Source::Table { table, live: _ } => Some(Oid(table.row_type)),
            Source::System(relation) => system_row(*relation),
            Source::Functions { calls, ordinality: false } => match calls.as_slice() {
                [call] => Some(result_type(call)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The row type of a relation of the catalog, if PostgreSQL ships it with one.
fn system_row(relation: Oid) -> Option<Oid> {
    let mut types = builtin::types().iter();
    types.find(|row| row.relation == relation).map(|row| row.oid)
}

fn is_system_row(ty: Oid) -> bool {
    builtin::type_by_oid(ty).is_some_and(|row| row.relation.is_valid())
}

/// The type of a value, or of each row, of a call.
fn result_type(call: &FunctionCall) -> Oid {
    match (&call.source, call.args.as_slice()) {
        (FunctionSource::Scalar(expr), _) => expr.ty,
        (FunctionSource::Set(..), [Expr { kind: ExprKind::UserCall(call), .. }]) => {
            call.result_type
        }
        (FunctionSource::Set(_, site), _) => site.result_type,
    }
}

fn is_scalar_function(relation: &Relation) -> bool {
    match &relation.source {
        Source::Functions { calls, ordinality: false } => {
            matches!(calls.as_slice(), [call] if !call.composite && call.columns == 1)
        }
        _ => false,
    }
}

/// A column of an item that is never NULL in the rows that its relation has.
pub(super) fn never_null<'i>(relation: &Relation, item: &'i Item) -> Option<&'i ItemColumn> {
    let at = match &relation.source {
        Source::Table { table, live } => {
            live.iter().position(|at| table.columns.get(*at).is_some_and(|c| c.not_null))
        }
        Source::System(oid) => {
            let columns = catalog::system::relation_by_oid(*oid)?.columns;
            columns.iter().position(|column| column.not_null)
        }
        _ => None,
    }?;
    // A view that is written through has other columns, in another order.
    item.columns
        .iter()
        .find(|column| matches!(column.expr.kind, ExprKind::Var(var) if var.column == at))
}
