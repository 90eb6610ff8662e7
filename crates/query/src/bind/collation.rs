//! Which collation holds where, as far as COLLATE says: two that contradict each other are an error.
//! All of them order by bytes here, so nothing else depends on them.
//!
//! Source: PostgreSQL 16 `assign_collations_walker`, `merge_collation_state`,
//! `src/backend/parser/parse_collate.c`.

use types::{Oid, Result, SqlState, oid};

use super::Binder;
use super::dml::{Action, Modify};
use super::query::{Body, FromItem, Query, Select};
use super::select::empty_select;
use crate::expr::{Expr, ExprKind};
use crate::plan::ConflictUpdate;

/// A COLLATE clause that was met.
pub(super) struct Collation {
    /// Where its expression starts.
    start: i32,
    /// Where the clause itself stands.
    location: i32,
    name: String,
}

/// Whether values of a type have a collation.
pub(super) fn is_collatable(ty: Oid) -> bool {
    let ty = catalog::builtin::element_type(ty).unwrap_or(ty);
    matches!(ty, oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::UNKNOWN)
}

/// The value below a COLLATE clause: a relabelling that changes nothing.
fn collated(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Relabel(arg) if arg.ty == expr.ty && arg.typmod == expr.typmod => Some(arg),
        _ => None,
    }
}

fn strip(expr: &mut Expr) {
    while let Some(arg) = collated(expr) {
        *expr = arg.clone();
    }
    expr.for_each_child_mut(&mut strip);
}

impl Binder<'_> {
    /// `arg COLLATE name`, marked for [`Binder::check_collations`].
    pub(super) fn collated(&mut self, arg: Expr, name: &str, location: i32) -> Expr {
        let start = arg.location;
        self.collations.push(Collation { start, location, name: name.to_owned() });
        let (ty, typmod) = (arg.ty, arg.typmod);
        Expr::typed(ExprKind::Relabel(Box::new(arg)), ty, typmod).at(start)
    }

    /// Checks the expressions of a SELECT. Conditions lose their marks: they would hide columns from
    /// indexes.
    ///
    /// # Errors
    /// `42P21` for a call over two explicit collations.
    pub(super) fn check_collations(&self, select: &mut Select) -> Result<()> {
        if self.collations.is_empty() {
            return Ok(());
        }
        for target in select.targets.iter().chain(&select.groups) {
            self.explicit(target, select)?;
        }
        let mut conditions: Vec<&Expr> = Vec::new();
        select.from.iter().for_each(|item| on_conditions(item, &mut conditions));
        conditions.extend(select.filter.iter().chain(&select.having));
        for condition in conditions {
            self.explicit(condition, select)?;
        }
        select.from.iter_mut().for_each(strip_on);
        select.filter.iter_mut().for_each(strip);
        Ok(())
    }

    /// Checks expressions that stand in no SELECT.
    ///
    /// # Errors
    /// As [`Binder::check_collations`].
    pub(super) fn check_loose_collations<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<()> {
        if self.collations.is_empty() {
            return Ok(());
        }
        let none = empty_select();
        exprs.into_iter().try_for_each(|expr| self.explicit(expr, &none).map(drop))
    }

    /// Checks the rows of VALUES, each column of which has one collation.
    ///
    /// # Errors
    /// As [`Binder::check_collations`].
    pub(super) fn check_value_collations(&self, rows: &[Vec<Expr>]) -> Result<()> {
        if self.collations.is_empty() {
            return Ok(());
        }
        let none = empty_select();
        for column in 0..rows.first().map_or(0, Vec::len) {
            let mut found = None;
            for value in rows.iter().filter_map(|row| row.get(column)) {
                self.merge(&mut found, self.explicit(value, &none)?)?;
            }
        }
        Ok(())
    }

    /// Checks what INSERT, UPDATE and DELETE compute beside their source's rows.
    ///
    /// # Errors
    /// As [`Binder::check_collations`].
    pub(super) fn check_modify_collations(&mut self, modify: &mut Modify) -> Result<()> {
        match &mut modify.source.body {
            Body::Select(select) => self.check_collations(select)?,
            Body::Values(rows) => self.check_loose_collations(rows.iter().flatten())?,
            Body::SetOperation { .. } => {}
        }
        match &modify.action {
            Action::Insert { on_conflict } => {
                let update = on_conflict.iter().filter_map(|conflict| conflict.update.as_ref());
                for ConflictUpdate { assignments, condition } in update {
                    let values = assignments.iter().map(|(_, value)| value);
                    self.check_loose_collations(values.chain(condition))?;
                }
            }
            Action::Update { assignments } => {
                self.check_loose_collations(assignments.iter().map(|(_, value)| value))?;
            }
            Action::Delete => {}
        }
        let returning = modify.returning.iter().flat_map(|(_, exprs)| exprs);
        self.check_loose_collations(returning)
    }

    /// Checks a column that two queries of a set operation have in common.
    ///
    /// # Errors
    /// As [`Binder::check_collations`].
    pub(super) fn check_column_collations(
        &self,
        left: &Query,
        right: &Query,
        column: usize,
    ) -> Result<()> {
        if self.collations.is_empty() {
            return Ok(());
        }
        let mut found = None;
        for query in [left, right] {
            if let Body::Select(select) = &query.body
                && let Some(target) = select.targets.get(column)
            {
                self.merge(&mut found, self.explicit(target, select)?)?;
            }
        }
        Ok(())
    }

    /// The explicit collation of an expression, if it has one.
    fn explicit(&self, expr: &Expr, select: &Select) -> Result<Option<&Collation>> {
        if let Some(arg) = collated(expr) {
            self.explicit(arg, select)?;
            // Of several clauses that start alike the outermost was met last.
            let marks = self.collations.iter().rev();
            return Ok(marks.into_iter().find(|mark| mark.start == expr.location));
        }
        let mut children: Vec<&Expr> = Vec::new();
        match &expr.kind {
            ExprKind::Aggregate(number) => {
                let aggregate = select.aggregates.get(*number);
                children.extend(aggregate.iter().flat_map(|aggregate| &aggregate.args));
            }
            ExprKind::Window(number) => {
                children.extend(select.windows.get(*number).iter().flat_map(|call| &call.args));
            }
            _ => expr.for_each_child(&mut |child| children.push(child)),
        }
        let mut found = None;
        for child in children {
            let explicit = self.explicit(child, select)?;
            // The fields of a row have nothing to do with each other.
            if !matches!(expr.kind, ExprKind::Row { .. }) {
                self.merge(&mut found, explicit)?;
            }
        }
        Ok(found.filter(|_| is_collatable(expr.ty)))
    }

    fn merge<'c>(
        &self,
        found: &mut Option<&'c Collation>,
        new: Option<&'c Collation>,
    ) -> Result<()> {
        match (&found, new) {
            (Some(known), Some(new)) if known.name != new.name => Err(self.error(
                SqlState::COLLATION_MISMATCH,
                format!(
                    "collation mismatch between explicit collations \"{}\" and \"{}\"",
                    known.name, new.name
                ),
                new.location,
            )),
            (None, Some(_)) => {
                *found = new;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn on_conditions<'s>(item: &'s FromItem, conditions: &mut Vec<&'s Expr>) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        on_conditions(left, conditions);
        on_conditions(right, conditions);
        conditions.extend(on);
    }
}

fn strip_on(item: &mut FromItem) {
    if let FromItem::Join { kind: _, left, right, on } = item {
        strip_on(left);
        strip_on(right);
        on.iter_mut().for_each(strip);
    }
}
