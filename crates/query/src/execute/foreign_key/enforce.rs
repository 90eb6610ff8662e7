//! The end of a statement: checks, and what cascades.

use catalog::{Catalog, ForeignKey, ForeignKeyAction, Table};
use store::Key;
use types::{Datum, Oid, Result, RowReader, SqlError, SqlState};

use super::Event;
use super::check::{Checker, tables};
use super::children::Children;
use super::reference::convert;
use crate::execute::cx::ExecCx;
use crate::execute::dml::{Target, inspect_all};
use crate::execute::eval::{EvalCx, eval};
use crate::execute::index::Projection;
use crate::expr::Expr;

/// Settles what a statement has noted.
///
/// # Errors
/// `23503`, and what cascaded changes raise.
pub(crate) async fn enforce(cx: &mut ExecCx<'_>) -> Result<()> {
    while !cx.state.events.is_empty() {
        let round = std::mem::take(&mut cx.state.events);
        let looked_up = checker(cx).look_up(&round).await?;
        for event in round {
            cx.checkpoint().await?;
            let (_, key, _) = tables(cx.host.catalog, event.key())?;
            let action = match &event {
                Event::Stored { .. } => ForeignKeyAction::NoAction,
                Event::Left { new: None, .. } => key.on_delete,
                Event::Left { new: Some(_), .. } => key.on_update,
            };
            // Only plain checks can wait.
            if action == ForeignKeyAction::NoAction && cx.host.deferred.defers(key) {
                cx.host.deferred.wait(event);
                continue;
            }
            match event {
                Event::Stored { key, row_key, values } => {
                    checker(cx).stored(key, &row_key, &values, &looked_up).await?;
                }
                Event::Left { key, old, new } => match action {
                    ForeignKeyAction::NoAction => checker(cx).left(key, &old, true).await?,
                    ForeignKeyAction::Restrict => checker(cx).left(key, &old, false).await?,
                    ForeignKeyAction::Cascade
                    | ForeignKeyAction::SetNull
                    | ForeignKeyAction::SetDefault => {
                        cascade(cx, key, &old, new.as_deref(), action).await?;
                        if action == ForeignKeyAction::SetDefault {
                            // The defaults may be the old values.
                            checker(cx).left(key, &old, true).await?;
                        }
                    }
                },
            }
        }
    }
    Ok(())
}

fn checker<'c>(cx: &'c mut ExecCx<'_>) -> Checker<'c> {
    Checker {
        txn: &mut *cx.host.txn,
        catalog: cx.host.catalog,
        cluster: cx.host.cluster,
        call: &cx.host.call,
    }
}

/// Changes or removes the rows that refer to a row.
async fn cascade(
    cx: &mut ExecCx<'_>,
    key: u32,
    old: &[Datum],
    new: Option<&[Datum]>,
    action: ForeignKeyAction,
) -> Result<()> {
    let (child, key, parent) = tables(cx.host.catalog, key)?;
    let children = Children::new(cx.host.cluster, child, key, parent)?;
    let Some(wanted) = children.wanted(old, cx.host.call.settings) else { return Ok(()) };
    let related = cx
        .plan
        .foreign_keys
        .get(child.oid)
        .ok_or_else(|| SqlError::internal("cascade to a table that was not planned for"))?;
    let stops = inspect_all(Some(&related.checks), &related.defaults)?;
    let target = Target::new(&related.table, &related.checks, stops, cx);
    let projection = Projection::all(&related.table)?;
    for (row_key, _) in children.find(cx.host.txn, &wanted, usize::MAX).await? {
        cx.checkpoint().await?;
        // What a row before this one brought about may have reached it.
        let at = cx.host.txn.command().after();
        let Some(value) = cx.host.txn.get(&row_key, at).await? else { continue };
        let mut row = Vec::new();
        projection.read(&RowReader::new(&value)?, &mut row)?;
        if !children.matches(&row, &wanted) {
            continue;
        }
        let done = match (action, new) {
            (ForeignKeyAction::Cascade, None) => target.remove(row_key, &row, cx).await,
            _ => {
                let change = Change { key, parent, new, action, defaults: &related.defaults };
                change.apply(&target, row_key, &row, cx).await
            }
        };
        done.map_err(|error| {
            error.context(format!(
                "SQL statement \"{}\"",
                statement(cx.host.catalog, child, key, new, action)
            ))
        })?;
    }
    Ok(())
}

/// What a cascade sets.
struct Change<'c> {
    key: &'c ForeignKey,
    parent: &'c Table,
    new: Option<&'c [Datum]>,
    action: ForeignKeyAction,
    defaults: &'c [Expr],
}

impl Change<'_> {
    async fn apply(
        &self,
        target: &Target<'_>,
        row_key: Key,
        row: &[Datum],
        cx: &mut ExecCx<'_>,
    ) -> Result<()> {
        let mut changed = None;
        cx.for_each(target.stops, 1, |cx, _| {
            let mut new = row.to_vec();
            for at in set_columns(self.key, self.new, self.action) {
                let value = match self.action {
                    ForeignKeyAction::Cascade => self.followed(*at, &target.table, cx)?,
                    ForeignKeyAction::SetDefault => match self.defaults.get(*at) {
                        Some(default) => eval(default, &[], cx)?,
                        None => Datum::Null,
                    },
                    _ => Datum::Null,
                };
                if let Some(slot) = new.get_mut(*at) {
                    *slot = value;
                }
            }
            target.complete(&mut new, cx)?;
            changed = Some(new);
            Ok(())
        })
        .await?;
        match changed {
            Some(new) => target.replace(row_key, row, &new, cx).await,
            None => Ok(()),
        }
    }

    /// The referenced row's new value, for a column that refers to it.
    fn followed(&self, at: usize, child: &Table, cx: &EvalCx<'_>) -> Result<Datum> {
        let nth = self.key.columns.iter().position(|column| *column == at).unwrap_or_default();
        let value = self.new.and_then(|new| new.get(nth)).unwrap_or(&Datum::Null);
        let theirs = self.key.parent_columns.get(nth).and_then(|at| self.parent.columns.get(*at));
        let (Some(own), Some(theirs)) = (child.columns.get(at), theirs) else {
            return Err(SqlError::internal("foreign key column is missing"));
        };
        if value.is_null() {
            return Ok(Datum::Null);
        }
        let (from, to) = (Oid(theirs.type_oid), Oid(own.type_oid));
        let value = convert(value, from, to, cx.call.settings).ok_or_else(|| {
            SqlError::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("{} out of range", catalog::builtin::format_type(to, None)),
            )
        })?;
        types::typmod::apply_typmod(to, own.typmod, value, false)
    }
}

/// The columns that a cascade sets.
fn set_columns<'k>(
    key: &'k ForeignKey,
    new: Option<&[Datum]>,
    action: ForeignKeyAction,
) -> &'k [usize] {
    match (new, action) {
        (None, ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault) => {
            key.columns_set_on_delete()
        }
        _ => &key.columns,
    }
}

/// The statement that PostgreSQL would run for a cascade, and names in its errors' context.
fn statement(
    catalog: &Catalog,
    child: &Table,
    key: &ForeignKey,
    new: Option<&[Datum]>,
    action: ForeignKeyAction,
) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let column = |at: &usize| child.columns.get(*at).map_or(String::new(), |c| quote(&c.name));
    let schema = catalog.schema_by_oid(child.schema).map_or("", |schema| &schema.name);
    let table = format!("{}.{}", quote(schema), quote(&child.name));
    let mut number = 0;
    let mut parameter = || {
        number += 1;
        format!("${number}")
    };
    let mut out = match (action, new) {
        (ForeignKeyAction::Cascade, None) => format!("DELETE FROM ONLY {table}"),
        _ => {
            let set = set_columns(key, new, action).iter().map(|at| {
                let value = match action {
                    ForeignKeyAction::Cascade => parameter(),
                    ForeignKeyAction::SetDefault => "DEFAULT".to_owned(),
                    _ => "NULL".to_owned(),
                };
                format!("{} = {value}", column(at))
            });
            format!("UPDATE ONLY {table} SET {}", set.collect::<Vec<_>>().join(", "))
        }
    };
    let conditions = key
        .columns
        .iter()
        .map(|at| format!("{} OPERATOR(pg_catalog.=) {}", parameter(), column(at)));
    out += " WHERE ";
    out += &conditions.collect::<Vec<_>>().join(" AND ");
    out
}
