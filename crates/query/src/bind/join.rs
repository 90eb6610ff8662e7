//! Joins: conditions, NATURAL and USING with their merged columns, aliases.
//!
//! Source: PostgreSQL 16 `transformFromClauseItem`, `src/backend/parser/parse_clause.c`.

use parser::protobuf::{self, JoinType};
use types::{Result, SqlError, SqlState};

use super::query::FromItem;
use super::scope::{Item, ItemColumn, Place, Sight};
use super::{Binder, required, strings};
use crate::expr::{Expr, ExprKind};
use crate::plan::JoinKind;

impl Binder<'_> {
    pub(super) fn join(&mut self, join: &protobuf::JoinExpr) -> Result<FromItem> {
        let protobuf::JoinExpr {
            jointype,
            is_natural,
            larg,
            rarg,
            using_clause,
            join_using_alias,
            quals,
            alias,
            rtindex: _,
        } = join;
        let kind = match JoinType::from_i32(*jointype) {
            Some(JoinType::JoinLeft) => JoinKind::Left,
            Some(JoinType::JoinRight) => JoinKind::Right,
            Some(JoinType::JoinFull) => JoinKind::Full,
            _ => JoinKind::Inner,
        };
        self.level()?.outer_joins |= kind != JoinKind::Inner;
        let start = self.level()?.items.len();
        let left = self.bind_from_item(required(larg.as_deref())?)?;
        let middle = self.level()?.items.len();
        let allowed = matches!(kind, JoinKind::Inner | JoinKind::Left);
        let sight = if allowed { Sight::Lateral } else { Sight::Barred };
        self.level()?.set_sight(start, sight);
        let right = self.bind_from_item(required(rarg.as_deref())?)?;
        self.check_names(start, middle)?;
        let items = self.level()?.items.split_off(start);
        let (left_items, right_items) = items.split_at(middle - start);
        let (mut left_items, mut right_items) = (left_items.to_vec(), right_items.to_vec());

        let names: Vec<String> = if *is_natural {
            let right_names: Vec<&str> = visible(&right_items).map(|c| c.name.as_str()).collect();
            visible(&left_items)
                .filter(|column| right_names.contains(&column.name.as_str()))
                .map(|column| column.name.clone())
                .collect()
        } else {
            strings(using_clause).into_iter().map(str::to_owned).collect()
        };
        let mut on = None;
        let mut merged_items = None;
        if !names.is_empty() {
            let (condition, merged) =
                self.merge_columns(&names, kind, &left_items, &right_items)?;
            on = Some(condition);
            // `*` shows the merged columns first, then the rest of both sides.
            let mut columns = merged.clone();
            for column in visible(&left_items).chain(visible(&right_items)) {
                if !names.contains(&column.name) {
                    columns.push(column.clone());
                }
            }
            for item in left_items.iter_mut().chain(&mut right_items) {
                item.unqualified = false;
            }
            let named = join_using_alias
                .as_ref()
                .map(|alias| item(Some(alias.aliasname.clone()), merged, true, false));
            merged_items = Some((item(None, columns, false, true), named));
        }
        let level = self.level()?;
        level.items.extend(left_items);
        level.items.extend(right_items);
        if let Some((all, named)) = merged_items {
            let names = level.items.len();
            level.items.extend(named);
            level.items.push(all);
            self.check_names(start, names)?;
        }
        if let Some(quals) = quals {
            // The condition sees the two sides of this join only.
            let level = self.level()?;
            let before: Vec<Item> = level.items.drain(..start).collect();
            level.set_sight(0, Sight::Open);
            let place = std::mem::replace(&mut level.place, Place::JoinOn);
            let active = std::mem::replace(&mut level.lateral_active, false);
            let condition = self.expression(quals);
            let level = self.level()?;
            level.place = place;
            level.lateral_active = active;
            level.items.splice(0..0, before);
            on = Some(self.boolean(condition?, "JOIN/ON")?);
        }
        match alias {
            Some(alias) => self.alias_join(alias, start)?,
            None => self.level()?.items.iter_mut().skip(start).for_each(|item| item.joined = true),
        }
        Ok(FromItem::Join { kind, left: Box::new(left), right: Box::new(right), on })
    }

    /// `(… JOIN …) AS alias`: the parts are hidden behind one item.
    fn alias_join(&mut self, alias: &protobuf::Alias, start: usize) -> Result<()> {
        let parts = self.level()?.items.split_off(start);
        let mut columns: Vec<ItemColumn> = visible(&parts).cloned().collect();
        let names = strings(&alias.colnames);
        if names.len() > columns.len() {
            return Err(SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "join expression \"{}\" has {} columns available but {} columns specified",
                    alias.aliasname,
                    columns.len(),
                    names.len()
                ),
            ));
        }
        for (column, name) in columns.iter_mut().zip(names) {
            name.clone_into(&mut column.name);
        }
        let joined = item(Some(alias.aliasname.clone()), columns, true, true);
        self.level()?.items.push(joined);
        Ok(())
    }

    /// The condition of `USING (names)`, and the columns it merges.
    fn merge_columns(
        &mut self,
        names: &[String],
        kind: JoinKind,
        left: &[Item],
        right: &[Item],
    ) -> Result<(Expr, Vec<ItemColumn>)> {
        let mut pairs: Vec<(ItemColumn, ItemColumn)> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            if names[..position].contains(name) {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_COLUMN,
                    format!("column name \"{name}\" appears more than once in USING clause"),
                ));
            }
            let side = |items: &[Item], which: &str| -> Result<ItemColumn> {
                let mut found = visible(items).filter(|column| column.name == *name);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(column.clone()),
                    (Some(_), Some(_)) => Err(SqlError::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!(
                            "common column name \"{name}\" appears more than once in {which} table"
                        ),
                    )),
                    (None, _) => Err(SqlError::new(
                        SqlState::UNDEFINED_COLUMN,
                        format!(
                            "column \"{name}\" specified in USING clause does not exist in {which} \
                             table"
                        ),
                    )),
                }
            };
            pairs.push((side(left, "left")?, side(right, "right")?));
        }
        let mut conditions = Vec::new();
        for (l, r) in &pairs {
            self.note_read(l);
            self.note_read(r);
            conditions.push(self.operator(&["="], Some(l.expr.clone()), r.expr.clone(), -1)?);
        }
        let mut merged = Vec::new();
        for (name, (l, r)) in names.iter().zip(pairs) {
            let origin = if kind == JoinKind::Right { r.origin } else { l.origin };
            // Both sides in their common type; which of them is not NULL depends on the join.
            let (mut sides, ty, typmod) = self.unify(vec![l.expr, r.expr], "JOIN/USING")?;
            let expr = match kind {
                JoinKind::Right => required(sides.pop())?,
                JoinKind::Full => Expr::typed(ExprKind::Coalesce(sides), ty, typmod),
                // An inner join shows the side that needs no conversion.
                JoinKind::Inner if !matches!(sides[0].kind, ExprKind::Var(_)) => {
                    required(sides.pop())?
                }
                _ => sides.swap_remove(0),
            };
            let origin = origin.filter(|_| matches!(expr.kind, ExprKind::Var(_)));
            merged.push(ItemColumn { name: name.clone(), expr, origin });
        }
        let condition = Expr::conjunction(conditions)
            .ok_or_else(|| SqlError::internal("USING without columns"))?;
        Ok((condition, merged))
    }
}

fn item(
    alias: Option<String>,
    columns: Vec<ItemColumn>,
    qualified: bool,
    unqualified: bool,
) -> Item {
    Item {
        alias,
        schema: None,
        relation: None,
        columns,
        hidden: 0,
        qualified,
        unqualified,
        joined: false,
        sight: Sight::Open,
    }
}

/// The columns that items show to an unqualified `*`.
fn visible(items: &[Item]) -> impl Iterator<Item = &ItemColumn> {
    let shown = |item: &'_ Item| item.columns.len() - item.hidden;
    items.iter().filter(|item| item.unqualified).flat_map(move |item| &item.columns[..shown(item)])
}
