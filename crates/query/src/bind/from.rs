//! FROM: tables, WITH queries and sub-queries by name.
//!
//! Source: PostgreSQL 16 `transformFromClause`, `src/backend/parser/parse_clause.c`.

use std::sync::Arc;

use catalog::objects::{NameKind, ObjectId, Privilege};
use catalog::{Table, View};
use parser::{Node, NodeEnum, protobuf};
use types::{Oid, Result, SqlError, SqlState, oid};

use super::query::{FromItem, OutputColumn, Relation, Source};
use super::scope::{Item, Place, Sight};
use super::{Binder, CteSource, required, strings};

/// A relation that FROM can name.
pub(super) enum Found {
    Table(Arc<Table>),
    View(Arc<View>),
    /// A built-in relation of the catalog, or a sequence.
    System(Oid),
}

/// All of a table.
pub(super) fn table_source(table: &Arc<Table>) -> Source {
    let live = table.live_columns().map(|(position, _)| position).collect();
    Source::Table { table: Arc::clone(table), live }
}

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
            NodeEnum::RangeTableFunc(_) => Err(SqlError::unsupported("unsupported XML feature")
                .detail("This functionality requires the server to be built with libxml support.")),
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
        let (source, mut columns, schema, view) = match found {
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
                (source, cte.columns, None, None)
            }
            None => {
                let written = Some(schemaname.as_str()).filter(|schema| !schema.is_empty());
                let (schema, found) = self.relation(schemaname, relname, *location)?;
                let (oid, mut source, mut columns, view) = self.readable(found)?;
                self.names.record_relation(NameKind::Relation, written, relname, oid, &columns);
                let kept = self.written_columns(oid, written, relname, &mut columns);
                let name = match (kept, written) {
                    // The schema may be called otherwise by now.
                    (Some(_), Some(written)) => Some(written.to_owned()),
                    _ => self.cx.catalog.schema_by_oid(schema).map(|schema| schema.name.clone()),
                };
                if let (Some(kept), Source::Table { table: _, live }) = (kept, &mut source) {
                    live.truncate(kept);
                }
                columns.truncate(kept.unwrap_or(columns.len()));
                (source, columns, name, view)
            }
        };
        let (name, names) = alias_parts(alias.as_ref());
        let renamed = name.is_some();
        let alias = name.unwrap_or_else(|| relname.clone());
        self.rename(&alias, &mut columns, &names)?;
        let schema = if renamed { None } else { schema };
        let relation = Relation { source, alias, columns, lateral: false, view };
        Ok(Named { relation, schema, hidden })
    }

    /// What reading a relation takes: its OID, source and columns, and the view that it is.
    fn readable(
        &mut self,
        found: Found,
    ) -> Result<(ObjectId, Source, Vec<OutputColumn>, Option<ObjectId>)> {
        match found {
            Found::Table(table) => {
                crate::system::check_table_privilege(self.cx, &table, Privilege::Select)?;
                let source = table_source(&table);
                let columns = source_columns(&source)?;
                Ok((table.oid, source, columns, None))
            }
            Found::View(view) => {
                crate::system::check_view_privilege(self.cx, &view, Privilege::Select)?;
                let query = self.view_query(&view)?;
                let columns = query.columns.clone();
                Ok((view.oid, Source::Query(Arc::new(query)), columns, Some(view.oid)))
            }
            Found::System(relation) => {
                let columns = self.system_columns(relation)?;
                Ok((relation.0, Source::System(relation), columns, None))
            }
        }
    }

    /// The columns of a relation of the catalog, or of a sequence.
    fn system_columns(&self, relation: Oid) -> Result<Vec<OutputColumn>> {
        let Some(sequence) = self.cx.catalog.sequence_by_oid(relation.0) else {
            return source_columns(&Source::System(relation));
        };
        crate::system::check_sequence_privilege(self.cx, sequence, Privilege::Select)?;
        let columns = [("last_value", oid::INT8), ("log_cnt", oid::INT8), ("is_called", oid::BOOL)];
        let column = |(attnum, (name, ty)): (i16, (&str, Oid))| OutputColumn {
            name: name.to_owned(),
            ty,
            typmod: -1,
            origin: Some((relation.0, attnum)),
            domain: None,
        };
        Ok((1..).zip(columns).map(column).collect())
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
    ) -> Result<(ObjectId, Found)> {
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
        let written = Some(schema).filter(|schema| !schema.is_empty());
        if let Some(named) = self.names.stored(NameKind::Relation, written, name).next() {
            let catalog = &self.cx.catalog;
            if let Some(table) = catalog.table_by_oid(named.oid).cloned() {
                self.uses(&table);
                return Ok((table.schema, Found::Table(table)));
            }
            if let Some(view) = catalog.view_by_oid(named.oid) {
                return Ok((view.schema, Found::View(Arc::clone(view))));
            }
            if let Some(sequence) = catalog.sequence_by_oid(named.oid) {
                return Ok((sequence.schema, Found::System(Oid(sequence.oid))));
            }
        }
        let path: Vec<ObjectId> = if schema.is_empty() {
            self.search_path().to_vec()
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
                return Ok((schema, Found::Table(table)));
            }
            if let Some(view) = self.cx.catalog.view(schema, name).cloned() {
                crate::system::check_schema_usage(self.cx, schema)?;
                return Ok((schema, Found::View(view)));
            }
            if let Some(sequence) = self.cx.catalog.sequence(schema, name) {
                crate::system::check_schema_usage(self.cx, schema)?;
                return Ok((schema, Found::System(Oid(sequence.oid))));
            }
            if let Some(relation) = catalog::system::relation(schema, name) {
                return Ok((schema, Found::System(relation.oid)));
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
        let level = self.level()?;
        let place = std::mem::replace(&mut level.place, Place::FromQuery);
        let active = std::mem::replace(&mut level.lateral_active, *lateral);
        let query = self.select_statement(select);
        let level = self.level()?;
        (level.place, level.lateral_active) = (place, active);
        let query = query?;
        let mut columns = query.columns.clone();
        let (name, names) = alias_parts(alias.as_ref());
        let alias = name.clone().unwrap_or_else(|| "unnamed_subquery".into());
        self.rename(&alias, &mut columns, &names)?;
        let relation = Relation {
            source: Source::Query(Arc::new(query)),
            alias,
            columns,
            lateral: *lateral,
            view: None,
        };
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
                    domain: column.domain.map(Oid),
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
                        typmod: catalog::builtin::base_typmod(column.type_oid),
                        origin: Some((relation.oid.0, attnum)),
                        domain: None,
                    })
                })
                .collect()
        }
        Source::Query(_) | Source::Functions { .. } | Source::Cte(_) | Source::WorkTable(_) => {
            Err(SqlError::internal("source without columns of its own"))
        }
    }
}
