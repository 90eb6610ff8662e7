//! Which names are in sight, and what they mean.
//!
//!     levels: outermost query … innermost query
//!     level:  range table (relations) + items (what can be named, and from where)
//!
//! Source: PostgreSQL 16 `ParseNamespaceItem` and `src/backend/parser/parse_relation.c`.

use std::sync::Arc;

use catalog::Table;
use types::{Oid, Result, SqlState};

use super::Binder;
use super::query::{BoundAggregate, OutputColumn, Relation};
use super::window::PendingWindow;
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
    pub(super) windows: Vec<PendingWindow>,
    /// Arguments of the GROUPING calls met so far.
    pub(super) groupings: Vec<Vec<Expr>>,
    /// Window definitions: those of the WINDOW clause, then those of OVER clauses.
    pub(super) window_definitions: Vec<parser::protobuf::WindowDef>,
    /// Where the expression being bound stands.
    pub(super) place: Place,
    /// The first relation is the target of a modification.
    pub(super) modifies: bool,
    /// A join in FROM may make up rows of NULLs.
    pub(super) outer_joins: bool,
    /// Something LATERAL is being bound: the items to its left are in sight.
    pub(super) lateral_active: bool,
    /// Where the last set-returning call bound so far stands, and how many there are.
    pub(super) sets: Sets,
    /// The same for all that is written in this query, and for nothing else.
    pub(super) scope: Arc<()>,
}

/// The set-returning calls met so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sets {
    pub(super) count: usize,
    pub(super) last: i32,
}

/// Where an expression stands: some calls are refused in some places.
///
/// Source: PostgreSQL 16 `ParseExprKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Select,
    FromFunction,
    /// Around a sub-query in FROM.
    FromQuery,
    JoinOn,
    Where,
    Having,
    Filter,
    GroupBy,
    OrderBy,
    DistinctOn,
    WindowPartition,
    WindowOrder,
    WindowFrame(&'static str),
    Limit,
    Offset,
    /// VALUES of several rows, or outside of INSERT.
    Values,
    /// The only row of INSERT … VALUES.
    ValuesRow,
    Returning,
    Update,
    Check,
    ColumnDefault,
    Generated,
    IndexExpression,
    IndexPredicate,
    Statistics,
    CopyWhere,
    CycleMark,
    CallArgument,
}

impl Place {
    /// The clause's name in `… are not allowed in …` for aggregates; `None` where allowed.
    pub(super) fn refuses_aggregates(self) -> Option<&'static str> {
        Some(match self {
            Place::Select
            | Place::Having
            | Place::OrderBy
            | Place::DistinctOn
            | Place::WindowPartition
            | Place::WindowOrder => return None,
            Place::WindowFrame("RANGE") => "window RANGE",
            Place::WindowFrame("ROWS") => "window ROWS",
            Place::WindowFrame(_) => "window GROUPS",
            other => other.name(),
        })
    }

    /// The same for window functions.
    pub(super) fn refuses_windows(self) -> Option<&'static str> {
        Some(match self {
            Place::Select | Place::OrderBy | Place::DistinctOn => return None,
            Place::WindowPartition | Place::WindowOrder | Place::WindowFrame(_) => {
                "window definitions"
            }
            other => other.name(),
        })
    }

    /// The same for set-returning functions.
    pub(super) fn refuses_sets(self) -> Option<&'static str> {
        Some(match self {
            Place::Select
            | Place::OrderBy
            | Place::GroupBy
            | Place::DistinctOn
            | Place::ValuesRow
            | Place::WindowPartition
            | Place::WindowOrder
            | Place::FromFunction => return None,
            Place::WindowFrame(_) => "window definitions",
            other => other.name(),
        })
    }

    /// What sub-queries are refused in.
    pub(super) fn refuses_subqueries(self) -> Option<&'static str> {
        Some(match self {
            Place::Check => "check constraint",
            Place::ColumnDefault => "DEFAULT expression",
            Place::Generated => "column generation expression",
            Place::IndexExpression => "index expression",
            Place::IndexPredicate => "index predicate",
            Place::Statistics => "statistics expression",
            Place::CopyWhere => "COPY FROM WHERE condition",
            Place::CallArgument => "CALL argument",
            _ => return None,
        })
    }

    /// Whether it is a clause of a SELECT.
    pub(super) fn is_of_select(self) -> bool {
        matches!(
            self,
            Place::Select
                | Place::FromQuery
                | Place::JoinOn
                | Place::Where
                | Place::Having
                | Place::GroupBy
                | Place::OrderBy
                | Place::DistinctOn
                | Place::WindowPartition
                | Place::WindowOrder
        )
    }

    /// The clause's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Place::Select => "SELECT",
            Place::FromFunction => "functions in FROM",
            Place::FromQuery => "FROM clause of their own query level",
            Place::JoinOn => "JOIN conditions",
            Place::Where => "WHERE",
            Place::Having => "HAVING",
            Place::Filter => "FILTER",
            Place::GroupBy => "GROUP BY",
            Place::OrderBy => "ORDER BY",
            Place::DistinctOn => "SELECT DISTINCT ON",
            Place::WindowPartition => "window PARTITION BY",
            Place::WindowOrder => "window ORDER BY",
            Place::WindowFrame(name) => name,
            Place::Limit => "LIMIT",
            Place::Offset => "OFFSET",
            Place::Values | Place::ValuesRow => "VALUES",
            Place::Returning => "RETURNING",
            Place::Update => "UPDATE",
            Place::Check => "check constraints",
            Place::ColumnDefault => "DEFAULT expressions",
            Place::Generated => "column generation expressions",
            Place::IndexExpression => "index expressions",
            Place::IndexPredicate => "index predicates",
            Place::Statistics => "statistics expressions",
            Place::CopyWhere => "COPY FROM WHERE conditions",
            Place::CycleMark => "CYCLE",
            Place::CallArgument => "CALL arguments",
        }
    }
}

/// From where in FROM an item may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Everywhere in the query.
    Open,
    /// To the left of what is being bound: only something LATERAL sees it.
    Lateral,
    /// As `Lateral`, but the join between them forbids it.
    Barred,
}

/// Something in FROM that can be named.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The qualifier; `None` for a join's own columns.
    pub(super) alias: Option<String>,
    /// The schema, for a table named without an alias.
    pub(super) schema: Option<String>,
    /// The range-table entry, if it is one.
    pub(super) relation: Option<usize>,
    /// Columns, in order.
    pub(super) columns: Vec<ItemColumn>,
    /// Number of columns at the end that `*` leaves out.
    pub(super) hidden: usize,
    /// `alias.column` works.
    pub(super) qualified: bool,
    /// `column` works, and `*` includes it.
    pub(super) unqualified: bool,
    /// An unnamed join shows its columns: without a qualifier they are the join's.
    pub(super) joined: bool,
    pub(super) sight: Sight,
}

#[derive(Clone, Debug)]
pub(super) struct ItemColumn {
    pub(super) name: String,
    pub(super) expr: Expr,
    pub(super) origin: Option<(u32, i16)>,
}

impl Level {
    pub(super) fn new(place: Place) -> Level {
        Level {
            relations: Vec::new(),
            items: Vec::new(),
            aggregates: Vec::new(),
            windows: Vec::new(),
            groupings: Vec::new(),
            window_definitions: Vec::new(),
            place,
            modifies: false,
            outer_joins: false,
            lateral_active: false,
            sets: Sets::default(),
            scope: Arc::new(()),
        }
    }

    /// Makes a table's live columns nameable, at their positions in [`Table::columns`].
    pub(super) fn add_table_columns(&mut self, table: &Arc<Table>) {
        let columns = table
            .live_columns()
            .map(|(position, column)| ItemColumn {
                name: column.name.clone(),
                expr: Expr::typed(
                    ExprKind::Var(Var { level: 0, relation: 0, column: position }),
                    Oid(column.type_oid),
                    column.typmod,
                ),
                origin: None,
            })
            .collect();
        self.items.push(Item {
            alias: Some(table.name.clone()),
            schema: None,
            relation: None,
            columns,
            hidden: 0,
            qualified: true,
            unqualified: true,
            joined: false,
            sight: Sight::Open,
        });
    }

    /// A relation's columns as they can be named.
    pub(super) fn item_columns(relation: &Relation, number: usize) -> Vec<ItemColumn> {
        let column = |(column, output): (usize, &OutputColumn)| ItemColumn {
            name: output.name.clone(),
            expr: Expr::typed(
                ExprKind::Var(Var { level: 0, relation: number, column }),
                output.ty,
                output.typmod,
            ),
            origin: output.origin,
        };
        relation.columns.iter().enumerate().map(column).collect()
    }

    /// Adds the table that a statement writes to, under the names of the view that it is written
    /// through.
    pub(super) fn add_target(
        &mut self,
        relation: &Relation,
        columns: Vec<ItemColumn>,
        schema: Option<String>,
    ) {
        self.add_relation(relation.clone(), schema);
        if let Some(item) = self.items.last_mut() {
            item.columns = columns;
        }
    }

    /// Adds a range-table entry and what it makes nameable; its number.
    pub(super) fn add_relation(&mut self, relation: Relation, schema: Option<String>) -> usize {
        let number = self.relations.len();
        let columns = Level::item_columns(&relation, number);
        self.items.push(Item {
            alias: Some(relation.alias.clone()),
            schema,
            relation: Some(number),
            columns,
            hidden: 0,
            qualified: true,
            unqualified: true,
            joined: false,
            sight: Sight::Open,
        });
        self.relations.push(relation);
        number
    }

    /// Sets from where the items from number `start` on may be named.
    pub(super) fn set_sight(&mut self, start: usize, sight: Sight) {
        self.items.iter_mut().skip(start).for_each(|item| item.sight = sight);
    }

    /// Whether an item is in sight of what is being bound.
    fn sees(&self, item: &Item) -> bool {
        item.sight == Sight::Open || self.lateral_active
    }
}

/// Raises the level of every variable that points outside `expr` by `by`.
pub(super) fn lift(expr: &mut Expr, by: usize) {
    if by > 0 {
        crate::plan::walk::outer_vars_mut(expr, 0, &mut |var| var.level += by);
    }
}

impl Binder<'_> {
    /// `column`: searched from the innermost scope outwards.
    pub(super) fn column(&mut self, name: &str, location: i32) -> Result<Option<Expr>> {
        for up in 0..self.levels.len() {
            let level = &self.levels[self.levels.len() - 1 - up];
            if let Some(mut expr) = self.column_of(level, name, location)? {
                lift(&mut expr, up);
                return Ok(Some(expr.at(location)));
            }
        }
        Ok(None)
    }

    /// `column` of one scope.
    pub(super) fn column_of(
        &self,
        level: &Level,
        name: &str,
        location: i32,
    ) -> Result<Option<Expr>> {
        let mut found = level
            .items
            .iter()
            .filter(|item| item.unqualified && level.sees(item))
            .flat_map(|item| item.columns.iter().map(move |column| (item, column)))
            .filter(|(_, column)| column.name == name);
        let Some((item, column)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(self.error(
                SqlState::AMBIGUOUS_COLUMN,
                format!("column reference \"{name}\" is ambiguous"),
                location,
            ));
        }
        self.check_sight(level, item, item.joined, location)?;
        self.note_read(column);
        Ok(Some(column.expr.clone()))
    }

    /// The item called `alias` (of `schema`, if given), with how many levels up it is.
    pub(super) fn item(
        &self,
        schema: Option<&str>,
        alias: &str,
        location: i32,
    ) -> Result<Option<(usize, Item)>> {
        for (up, level) in self.levels.iter().rev().enumerate() {
            let mut found = level.items.iter().filter(|item| {
                item.qualified
                    && level.sees(item)
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
                self.check_sight(level, item, false, location)?;
                return Ok(Some((up, item.clone())));
            }
        }
        Ok(None)
    }

    /// Fails for an item that the join between it and what is being bound bars; an unnamed join's
    /// part may stand for it.
    fn check_sight(&self, level: &Level, item: &Item, unnamed: bool, location: i32) -> Result<()> {
        if item.sight != Sight::Barred {
            return Ok(());
        }
        let alias = item
            .alias
            .clone()
            .or_else(|| level.relations.get(item.relation?).map(|relation| relation.alias.clone()))
            .filter(|_| !unnamed);
        let alias = alias.unwrap_or_else(|| "unnamed_join".into());
        let error = self.error(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!("invalid reference to FROM-clause entry for table \"{alias}\""),
            location,
        );
        let target = level.modifies && item.relation == Some(0);
        Err(if target {
            error.hint(format!(
                "There is an entry for table \"{alias}\", but it cannot be referenced from this \
                 part of the query."
            ))
        } else {
            error.detail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
        })
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
            domain: None,
        })
        .collect()
}
