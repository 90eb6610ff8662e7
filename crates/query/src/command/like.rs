//! `LIKE table` in CREATE TABLE: columns, and what else of the table is asked for.
//!
//! Source: PostgreSQL 16 `transformTableLikeClause` and `expandTableLikeClause`,
//! `src/backend/parser/parse_utilcmd.c`.

use std::sync::Arc;

use catalog::ddl::{
    ColumnDef, Constraint, IdentityDef, LikeIndex, LikeStatistics, SequenceOptions,
};
use catalog::objects::{ColumnDefault, Privilege};
use catalog::{Catalog, Table, View};
use parser::protobuf::TableLikeClause;
use types::{Oid, Result, SqlError, SqlState};

use crate::bind::required;
use crate::session::Session;

const COMMENTS: u32 = 1;
const CONSTRAINTS: u32 = 1 << 2;
const DEFAULTS: u32 = 1 << 3;
const GENERATED: u32 = 1 << 4;
const IDENTITY: u32 = 1 << 5;
const INDEXES: u32 = 1 << 6;
const STATISTICS: u32 = 1 << 7;
const STORAGE: u32 = 1 << 8;

/// What a LIKE clause brings into a table.
#[derive(Default)]
pub(super) struct Like {
    pub(super) columns: Vec<ColumnDef>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) indexes: Vec<LikeIndex>,
    pub(super) statistics: Vec<LikeStatistics>,
}

enum Model {
    Table(Arc<Table>),
    View(Arc<View>),
}

/// What a LIKE clause asks for.
///
/// # Errors
/// `42P01`, `42809`, `42501`.
pub(super) fn expand(session: &Session, source: &str, clause: &TableLikeClause) -> Result<Like> {
    let TableLikeClause { relation, options, relation_oid: _ } = clause;
    let range = required(relation.as_ref())?;
    let with = |option: u32| options & option != 0;
    let position =
        usize::try_from(range.location).map_or(0, |byte| parser::character_position(source, byte));
    let table = match find(session, &range.schemaname, &range.relname)
        .map_err(|error| error.at(position))?
    {
        Model::Table(table) => table,
        Model::View(view) => return Ok(of_view(&view, with(COMMENTS))),
    };
    crate::system::check_table_privilege(&session.cx, &table, Privilege::Select)?;
    let mut like = Like::default();
    for (_, column) in table.live_columns() {
        let mut definition = ColumnDef {
            name: column.name.clone(),
            type_oid: Oid(column.type_oid),
            typmod: column.typmod,
            not_null: column.not_null,
            default: None,
            default_names: Vec::new(),
            domain: column.domain,
            identity: None,
            generated_from: Vec::new(),
            storage: column.storage.filter(|_| with(STORAGE)),
            comment: column.comment.clone().filter(|_| with(COMMENTS)),
        };
        match &column.default {
            Some(ColumnDefault::Expression(_)) if with(DEFAULTS) => {
                definition.default.clone_from(&column.default);
                definition.default_names.clone_from(&column.default_names);
            }
            Some(ColumnDefault::Generated(_)) if with(GENERATED) => {
                definition.default.clone_from(&column.default);
                definition.default_names.clone_from(&column.default_names);
                definition.generated_from = names(&table, &column.generated_from);
            }
            _ => {}
        }
        if let Some(identity) = column.identity.filter(|_| with(IDENTITY)) {
            let options = sequence_options(&session.cx.catalog, identity.sequence);
            definition.identity = Some(IdentityDef { always: identity.always, options });
        }
        like.columns.push(definition);
    }
    if with(CONSTRAINTS) {
        for check in &table.checks {
            like.constraints.push(Constraint::Check {
                name: Some(check.name.clone()),
                expression: check.expression.clone(),
                names: check.names.clone(),
                columns: names(&table, &check.columns),
                no_inherit: check.no_inherit,
                comment: check.comment.clone().filter(|_| with(COMMENTS)),
            });
        }
    }
    if with(INDEXES) {
        for index in table.all_indexes() {
            let primary = table.primary_key.as_ref().is_some_and(|key| key.oid == index.oid);
            like.indexes.push(LikeIndex {
                table: Arc::clone(&table),
                index: index.clone(),
                primary,
                comments: with(COMMENTS),
            });
        }
    }
    if with(STATISTICS) {
        let objects = session.cx.catalog.statistics_objects();
        for object in objects.filter(|object| object.table == table.oid) {
            like.statistics.push(LikeStatistics {
                table: Arc::clone(&table),
                statistics: Arc::clone(object),
                comments: with(COMMENTS),
            });
        }
    }
    Ok(like)
}

fn find(session: &Session, schema: &str, name: &str) -> Result<Model> {
    let catalog = &session.cx.catalog;
    let schemas = match schema.is_empty() {
        true => session.cx.search_path.clone(),
        false => match catalog.schema(schema) {
            Some(schema) => vec![schema.oid],
            None => {
                let message = format!("schema \"{schema}\" does not exist");
                return Err(SqlError::new(SqlState::INVALID_SCHEMA_NAME, message));
            }
        },
    };
    for oid in schemas {
        if let Some(table) = catalog.table(oid, name) {
            return Ok(Model::Table(Arc::clone(table)));
        }
        if let Some(view) = catalog.view(oid, name) {
            return Ok(Model::View(Arc::clone(view)));
        }
        if let Some(relation) = catalog.relation_oid(oid, name) {
            let kinds = match catalog.sequence_by_oid(relation) {
                Some(_) => "sequences",
                None => "indexes",
            };
            return Err(SqlError::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("relation \"{name}\" is invalid in LIKE clause"),
            )
            .detail(format!("This operation is not supported for {kinds}.")));
        }
    }
    let shown = if schema.is_empty() { name.to_owned() } else { format!("{schema}.{name}") };
    Err(SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{shown}\" does not exist")))
}

fn of_view(view: &View, comments: bool) -> Like {
    let columns = view.columns.iter().map(|column| ColumnDef {
        name: column.name.clone(),
        type_oid: Oid(column.type_oid),
        typmod: column.typmod,
        not_null: false,
        default: None,
        default_names: Vec::new(),
        domain: None,
        identity: None,
        generated_from: Vec::new(),
        storage: None,
        comment: column.comment.clone().filter(|_| comments),
    });
    Like { columns: columns.collect(), ..Like::default() }
}

fn names(table: &Table, positions: &[usize]) -> Vec<String> {
    let columns = positions.iter().filter_map(|at| table.columns.get(*at));
    columns.map(|column| column.name.clone()).collect()
}

/// Options that make a sequence like this one.
fn sequence_options(catalog: &Catalog, sequence: u32) -> SequenceOptions {
    let Some(sequence) = catalog.sequence_by_oid(sequence) else {
        return SequenceOptions::default();
    };
    SequenceOptions {
        increment: Some(sequence.increment),
        min: Some(Some(sequence.min)),
        max: Some(Some(sequence.max)),
        start: Some(sequence.start),
        cache: Some(sequence.cache),
        cycle: Some(sequence.cycle),
        ..SequenceOptions::default()
    }
}
