//! FROM: tables, WITH queries and sub-queries by name.
//!
//! Source: PostgreSQL 16 `transformFromClause`, `src/backend/parser/parse_clause.c`.

use std::sync::Arc;

use catalog::objects::{ObjectId, Privilege};
use parser::{Node, NodeEnum, protobuf};
use types::{Oid, Result, SqlError, SqlState};

use super::query::{FromItem, OutputColumn, Relation, Source};
use super::scope::{Item, Sight};
use super::{Binder, CteSource, required, strings, unsupported};

/// A relation named in FROM.
pub(super) struct Named {
    pub(super) relation: Relation,
    /// The schema that may qualify its columns.
    pub(super) schema: Option<String>,
    /// Number of columns at the end that `*` leaves out.
    hidden: usize,
}

impl Binder<'_> {
    pub(super) fn bind_from(&mut self, nodes: &[Node]) -> Result<Vec<FromItem>> {
        let mut from = Vec::new();
        // What is there already is the target of a modification: out of sight of its sources.
        let target = self.level()?.items.len();
        self.level()?.set_sight(0, Sight::Barred);
        for node in nodes {
            let start = self.level()?.items.len();
            from.push(self.bind_from_item(node)?);
            self.check_names(0, start)?;
            self.level()?.set_sight(start, Sight::Lateral);
        }
        let level = self.level()?;
        level.set_sight(0, Sight::Open);
        debug_assert!(target <= level.items.len());
        Ok(from)
    }

    /// Fails if an item from number `middle` on has the name of one from `start` to there.
    pub(super) fn check_names(&mut self, start: usize, middle: usize) -> Result<()> {
        let items = self.level()?.items.as_slice();
        let named = |item: &&Item| item.qualified && item.alias.is_some();
        let (before, after) = items.split_at(middle);
        for item in after.iter().filter(named) {
            let clash = before.iter().skip(start).filter(named).any(|other| {
                // Two tables of one name in two schemas are told apart.
                other.alias == item.alias
                    && (other.schema.is_none()
                        || item.schema.is_none()
                        || other.schema == item.schema)
            });
            if clash {
                return Err(SqlError::new(
                    SqlState::DUPLICATE_ALIAS,
                    format!(
                        "table name \"{}\" specified more than once",
                        item.alias.as_deref().unwrap_or_default()
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn bind_from_item(&mut self, node: &Node) -> Result<FromItem> {
        self.deeper(|binder| match required(node.node.as_ref())? {
            NodeEnum::RangeVar(range) => {
                let Named { relation, schema, hidden } = binder.range_var(range)?;
                let level = binder.level()?;
                let number = level.add_relation(relation, schema);
                if let Some(item) = level.items.last_mut() {
                    item.hidden = hidden;
                }
                Ok(FromItem::Relation(number))
            }
            NodeEnum::RangeSubselect(subselect) => binder.range_subselect(subselect),
            NodeEnum::RangeFunction(function) => binder.range_function(function),
            NodeEnum::JoinExpr(join) => binder.join(join),
            NodeEnum::RangeTableSample(_) => {
                Err(SqlError::unsupported("TABLESAMPLE clause not supported"))
            }
            NodeEnum::RangeTableFunc(_) => Err(unsupported("XMLTABLE")),
            _ => Err(SqlError::internal("unexpected FROM item")),
        })
    }

    /// A table, catalog relation or WITH query by name.
    fn range_var(&mut self, range: &protobuf::RangeVar) -> Result<Named> {
        // ONLY and `*` mean the same where nothing inherits.
        let protobuf::RangeVar {
            catalogname,
            schemaname,
            relname,
            inh: _,
            relpersistence: _,
            alias,
            location,
        } = range;
        self.check_database(catalogname, schemaname, relname, *location)?;
        let found = if schemaname.is_empty() {
            self.ctes.iter().rev().find(|cte| cte.name == *relname).cloned()
        } else {
            None
        };
        let mut hidden = 0;
        let (source, mut columns, schema) = match found {
            Some(cte) => {
                if !cte.returns {
                    return Err(self.error(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        format!("WITH query \"{relname}\" does not have a RETURNING clause"),
                        *location,
                    ));
                }
                hidden = cte.hidden;
                let source = match cte.source {
                    CteSource::Cte(number) => Source::Cte(number),
                    CteSource::WorkTable(number) => Source::WorkTable(number),
                };
                (source, cte.columns, None)
            }
            None => {
                let (schema, source) = self.relation(schemaname, relname, *location)?;
                if let Source::Table { table, live: _ } = &source {
                    crate::system::check_table_privilege(self.cx, table, Privilege::Select)?;
                }
                let columns = source_columns(&source)?;
                let name = self.cx.catalog.schema_by_oid(schema).map(|schema| schema.name.clone());
                (source, columns, name)
            }
        };
        let (name, names) = alias_parts(alias.as_ref());
        let renamed = name.is_some();
        let alias = name.unwrap_or_else(|| relname.clone());
        self.rename(&alias, &mut columns, &names)?;
        let schema = if renamed { None } else { schema };
        let relation = Relation { source, alias, columns, lateral: false };
        Ok(Named { relation, schema, hidden })
    }

    pub(super) fn check_database(
        &self,
        database: &str,
        schema: &str,
        name: &str,
        location: i32,
    ) -> Result<()> {
        if database.is_empty() || database == self.cx.database {
            return Ok(());
        }
        Err(self.error(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "cross-database references are not implemented: \"{database}.{schema}.{name}\""
            ),
            location,
        ))
    }

    /// Gives columns the names of an alias.
    pub(super) fn rename(
        &self,
        alias: &str,
        columns: &mut [OutputColumn],
        names: &[&str],
    ) -> Result<()> {
        super::with::rename_columns(columns, names).map_err(|(available, specified)| {
            SqlError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "table \"{alias}\" has {available} columns available but {specified} columns \
                     specified"
                ),
            )
        })
    }

    /// Finds a stored or built-in relation, along the search path if no schema is given.
    pub(super) fn relation(
        &mut self,
        schema: &str,
        name: &str,
        location: i32,
    ) -> Result<(ObjectId, Source)> {
        let undefined = |binder: &Self| {
            let name = if schema.is_empty() { name.to_owned() } else { format!("{schema}.{name}") };
            let error = binder.error(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{name}\" does not exist"),
                location,
            );
            if !schema.is_empty() || !binder.future_ctes.contains(&name) {
                return error;
            }
            error
                .detail(format!(
                    "There is a WITH item named \"{name}\", but it cannot be referenced from this \
                     part of the query."
                ))
                .hint(
                    "Use WITH RECURSIVE, or re-order the WITH items to remove forward references.",
                )
        };
        let path: Vec<ObjectId> = if schema.is_empty() {
            self.cx.search_path.clone()
        } else {
            match self.cx.catalog.schema(schema) {
                Some(schema) => vec![schema.oid],
                None => return Err(undefined(self)),
            }
        };
        for schema in path {
            if let Some(table) = self.cx.catalog.table(schema, name).cloned() {
                crate::system::check_schema_usage(self.cx, schema)
                    .map_err(|error| error.at(self.position(location)))?;
                self.uses(&table);
                let live = table.live_columns().map(|(position, _)| position).collect();
                return Ok((schema, Source::Table { table, live }));
            }
            if let Some(relation) = catalog::system::relation(schema, name) {
                return Ok((schema, Source::System(relation.oid)));
            }
            if self.cx.catalog.relation_exists(schema, name) {
                return Err(self
                    .error(
                        SqlState::WRONG_OBJECT_TYPE,
                        format!("cannot open relation \"{name}\""),
                        location,
                    )
                    .detail("This operation is not supported for indexes."));
            }
        }
        Err(undefined(self))
    }

    fn range_subselect(&mut self, node: &protobuf::RangeSubselect) -> Result<FromItem> {
        let protobuf::RangeSubselect { lateral, subquery, alias } = node;
        let Some(NodeEnum::SelectStmt(select)) =
            subquery.as_ref().and_then(|node| node.node.as_ref())
        else {
            return Err(SqlError::internal("sub-query is not a SELECT"));
        };
        let active = std::mem::replace(&mut self.level()?.lateral_active, *lateral);
        let query = self.select_statement(select);
        self.level()?.lateral_active = active;
        let query = query?;
        let mut columns = query.columns.clone();
        let (name, names) = alias_parts(alias.as_ref());
        let alias = name.clone().unwrap_or_else(|| "unnamed_subquery".into());
        self.rename(&alias, &mut columns, &names)?;
        let relation =
            Relation { source: Source::Query(Arc::new(query)), alias, columns, lateral: *lateral };
        let number = self.level()?.add_relation(relation, None);
        if name.is_none()
            && let Some(item) = self.level()?.items.last_mut()
        {
            (item.qualified, item.alias) = (false, None);
        }
        Ok(FromItem::Relation(number))
    }
}

pub(super) fn alias_parts(alias: Option<&protobuf::Alias>) -> (Option<String>, Vec<&str>) {
    match alias {
        Some(alias) => {
            let name = Some(alias.aliasname.clone()).filter(|name| !name.is_empty());
            (name, strings(&alias.colnames))
        }
        None => (None, Vec::new()),
    }
}

/// The columns that a relation offers.
pub(super) fn source_columns(source: &Source) -> Result<Vec<OutputColumn>> {
    match source {
        Source::Table { table, live } => live
            .iter()
            .map(|position| {
                let column = &table.columns[*position];
                let attnum = i16::try_from(position + 1)
                    .map_err(|_| SqlError::internal("too many columns"))?;
                Ok(OutputColumn {
                    name: column.name.clone(),
                    ty: Oid(column.type_oid),
                    typmod: column.typmod,
                    origin: Some((table.oid, attnum)),
                })
            })
            .collect(),
        Source::System(relation) => {
            let relation = catalog::system::relation_by_oid(*relation)
                .ok_or_else(|| SqlError::internal("unknown catalog relation"))?;
            (1i16..)
                .zip(relation.columns.iter())
                .map(|(attnum, column)| {
                    Ok(OutputColumn {
                        name: column.name.to_owned(),
                        // The domains of information_schema count as their base types.
                        ty: catalog::builtin::base_type(column.type_oid),
                        typmod: -1,
                        origin: Some((relation.oid.0, attnum)),
                    })
                })
                .collect()
        }
        Source::Query(_) | Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) => {
            Err(SqlError::internal("source without columns of its own"))
        }
    }
}
