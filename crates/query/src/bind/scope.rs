//! Which names are in sight, and what they mean.

use std::sync::Arc;

use catalog::Table;
use types::{Oid, Result, SqlState};

use super::Binder;
use super::query::{BoundAggregate, BoundWindow, OutputColumn, Relation, Source};
use crate::expr::{Expr, ExprKind, Var};

/// The scope of one query.
pub(super) struct Level {
    /// The query's range table.
    pub(super) relations: Vec<Relation>,
    /// What can be named, in FROM order.
    pub(super) items: Vec<Item>,
    /// Aggregates met so far.
    pub(super) aggregates: Vec<BoundAggregate>,
    /// Window calls met so far.
    pub(super) windows: Vec<BoundWindow>,
    /// Named windows.
    pub(super) named_windows: Vec<parser::protobuf::WindowDef>,
    /// Where the expression being bound stands.
    pub(super) place: ExprPlace,
    /// An aggregate's arguments are being bound.
    pub(super) in_aggregate: bool,
}

/// Where an expression stands: some calls are refused in some places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExprPlace {
    Select,
    From,
    JoinCondition,
    Where,
    Having,
    GroupBy,
    OrderBy,
    Window,
    Limit,
    Offset,
    Values,
    Returning,
    Update,
    TableExpression,
}

impl ExprPlace {
    /// The clause's name in `aggregate functions are not allowed in …`; `None` where allowed.
    pub(super) fn refuses_aggregates(self) -> Option<&'static str> {
        Some(match self {
            ExprPlace::Select | ExprPlace::Having | ExprPlace::OrderBy => return None,
            ExprPlace::From => "functions in FROM",
            ExprPlace::JoinCondition => "JOIN conditions",
            ExprPlace::Where => "WHERE",
            ExprPlace::GroupBy => "GROUP BY",
            ExprPlace::Window => return None,
            ExprPlace::Limit => "LIMIT",
            ExprPlace::Offset => "OFFSET",
            ExprPlace::Values => "VALUES",
            ExprPlace::Returning => "RETURNING",
            ExprPlace::Update => "UPDATE",
            ExprPlace::TableExpression => "check constraints",
        })
    }

    /// The same for window functions and set-returning functions.
    pub(super) fn refuses_windows(self) -> Option<&'static str> {
        Some(match self {
            ExprPlace::Select | ExprPlace::OrderBy => return None,
            ExprPlace::Having => "HAVING",
            ExprPlace::Window => "window definitions",
            other => return other.refuses_aggregates(),
        })
    }
}

/// Something in FROM that can be named.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The qualifier; `None` for a join's merged columns.
    pub(super) alias: Option<String>,
    /// The schema, for a table named without an alias.
    pub(super) schema: Option<String>,
    /// Columns, in order.
    pub(super) columns: Vec<ItemColumn>,
    /// `alias.column` works.
    pub(super) qualified: bool,
    /// `column` works, and `*` includes it.
    pub(super) unqualified: bool,
    /// In sight only of LATERAL items (a left sibling in the same FROM).
    pub(super) lateral_only: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ItemColumn {
    pub(super) name: String,
    pub(super) expr: Expr,
    pub(super) origin: Option<(u32, i16)>,
}

impl Level {
    pub(super) fn new(place: ExprPlace) -> Level {
        Level {
            relations: Vec::new(),
            items: Vec::new(),
            aggregates: Vec::new(),
            windows: Vec::new(),
            named_windows: Vec::new(),
            place,
            in_aggregate: false,
        }
    }

    /// Makes a table's live columns nameable, at their positions in [`Table::columns`].
    pub(super) fn add_table_columns(&mut self, table: &Arc<Table>) {
        let columns = table
            .live_columns()
            .map(|(position, column)| ItemColumn {
                name: column.name.clone(),
                expr: Expr {
                    kind: ExprKind::Var(Var { level: 0, relation: 0, column: position }),
                    ty: Oid(column.type_oid),
                    typmod: column.typmod,
                },
                origin: None,
            })
            .collect();
        self.items.push(Item {
            alias: Some(table.name.clone()),
            schema: None,
            columns,
            qualified: true,
            unqualified: true,
            lateral_only: false,
        });
    }

    /// Adds a range-table entry and what it makes nameable; its number.
    pub(super) fn add_relation(&mut self, relation: Relation, schema: Option<String>) -> usize {
        let number = self.relations.len();
        let columns = relation
            .columns
            .iter()
            .enumerate()
            .map(|(column, output)| ItemColumn {
                name: output.name.clone(),
                expr: Expr {
                    kind: ExprKind::Var(Var { level: 0, relation: number, column }),
                    ty: output.ty,
                    typmod: output.typmod,
                },
                origin: output.origin,
            })
            .collect();
        self.items.push(Item {
            alias: Some(relation.alias.clone()),
            schema,
            columns,
            qualified: true,
            unqualified: true,
            lateral_only: false,
        });
        self.relations.push(relation);
        number
    }
}

/// Raises the level of every variable that points outside `expr` by `by`.
pub(super) fn lift(expr: &mut Expr, by: usize) {
    if by == 0 {
        return;
    }
    if let ExprKind::Var(var) = &mut expr.kind {
        var.level += by;
    }
    expr.for_each_child_mut(&mut |child| lift(child, by));
}

impl Binder<'_> {
    /// `column`: searched from the innermost scope outwards.
    pub(super) fn column(&mut self, name: &str, location: i32) -> Result<Option<Expr>> {
        for up in 0..self.levels.len() {
            let level = &self.levels[self.levels.len() - 1 - up];
            let mut found = level
                .items
                .iter()
                .filter(|item| item.unqualified)
                .flat_map(|item| item.columns.iter().filter(|column| column.name == name));
            if let Some(column) = found.next() {
                if found.next().is_some() {
                    return Err(self.error(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("column reference \"{name}\" is ambiguous"),
                        location,
                    ));
                }
                let mut expr = column.expr.clone();
                lift(&mut expr, up);
                return Ok(Some(expr));
            }
        }
        Ok(None)
    }

    /// The item called `alias` (of `schema`, if given), with how many levels up it is.
    pub(super) fn item(
        &self,
        schema: Option<&str>,
        alias: &str,
        location: i32,
    ) -> Result<Option<(usize, Item)>> {
        for up in 0..self.levels.len() {
            let level = &self.levels[self.levels.len() - 1 - up];
            let mut found = level.items.iter().filter(|item| {
                item.qualified
                    && item.alias.as_deref() == Some(alias)
                    && schema.is_none_or(|schema| item.schema.as_deref() == Some(schema))
            });
            if let Some(item) = found.next() {
                if found.next().is_some() {
                    return Err(self.error(
                        SqlState::AMBIGUOUS_ALIAS,
                        format!("table reference \"{alias}\" is ambiguous"),
                        location,
                    ));
                }
                if item.lateral_only {
                    return Err(self
                        .error(
                            SqlState::UNDEFINED_TABLE,
                            format!("invalid reference to FROM-clause entry for table \"{alias}\""),
                            location,
                        )
                        .detail(format!(
                            "There is an entry for table \"{alias}\", but it cannot be referenced \
                             from this part of the query."
                        )));
                }
                return Ok(Some((up, item.clone())));
            }
        }
        Ok(None)
    }

    /// A row value of all columns of an item.
    pub(super) fn whole_row(&self, up: usize, item: &Item) -> Expr {
        let fields = item
            .columns
            .iter()
            .map(|column| {
                let mut expr = column.expr.clone();
                lift(&mut expr, up);
                (Arc::from(column.name.as_str()), expr)
            })
            .collect();
        Expr::new(ExprKind::Row { fields }, types::oid::RECORD)
    }

    /// The error for a qualifier that names nothing.
    pub(super) fn missing_relation(&self, alias: &str, location: i32) -> types::SqlError {
        let hidden = self.levels.iter().rev().flat_map(|level| &level.relations);
        let renamed = hidden.filter_map(|relation| match &relation.source {
            Source::Table { table, .. } if table.name == alias => Some(relation.alias.clone()),
            _ => None,
        });
        if let Some(renamed) = renamed.collect::<Vec<_>>().pop() {
            return self
                .error(
                    SqlState::UNDEFINED_TABLE,
                    format!("invalid reference to FROM-clause entry for table \"{alias}\""),
                    location,
                )
                .hint(format!("Perhaps you meant to reference the table alias \"{renamed}\"."));
        }
        self.error(
            SqlState::UNDEFINED_TABLE,
            format!("missing FROM-clause entry for table \"{alias}\""),
            location,
        )
    }
}

/// The columns of an item as output columns.
pub(super) fn outputs(item: &Item) -> Vec<OutputColumn> {
    item.columns
        .iter()
        .map(|column| OutputColumn {
            name: column.name.clone(),
            ty: column.expr.ty,
            typmod: column.expr.typmod,
            origin: column.origin,
        })
        .collect()
}
