//! DDL as pure functions: a catalog and a request in, a [`Change`] or PostgreSQL's error out.
//!
//! ```text
//! request + Catalog ──► check names, privileges, limits ──► Outcome { change, notices, … }
//! ```
//!
//! Nothing here touches stored rows: what a statement means for them (an index to build, data to
//! remove) is said in the [`Outcome`] and done by the caller. Expressions are opaque SQL text.
//!
//! Must not know: parse trees, storage.

mod access_list;
mod alter;
mod comment;
mod default_privileges;
mod depend;
mod domain;
mod drop;
mod foreign_key;
mod function;
mod grant;
mod iam;
mod index;
mod limits;
mod names;
mod relation;
mod role;
mod schema;
mod sequence;
mod statistics;
mod table;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use types::{Result, Severity, SqlError, SqlState};

use crate::builtin::{self, SystemRelation};
use crate::objects::*;
use crate::privilege::{self, Target};
use crate::snapshot::{Catalog, Change, Object};

pub use alter::{
    Action, AlterTable, alter_table, finish_validation, rename_column, rename_constraint,
    validate_constraint, validation_target,
};
pub use comment::{Comment, CommentTarget, comment};
pub use default_privileges::{AlterDefaultPrivileges, alter_default_privileges};
pub use domain::{CreateDomain, DomainChange, alter_domain, create_domain, drop_domains};
pub use drop::{RelationKind, drop_relations};
pub use foreign_key::ForeignKeyDef;
pub use function::{FunctionChange, FunctionName, alter_function, create_function, drop_functions};
pub use grant::{GrantObjects, GrantPrivileges, GrantedPrivilege, grant_privileges};
pub use iam::{IamGrant, iam_grant, iam_revoke};
pub use index::{CreateIndex, ElementPart, IndexElement, create_index, finish_index};
pub use limits::{
    COLUMNS_MAX, INDEXES_MAX, KEY_COLUMNS_MAX, SCHEMAS_MAX, TABLES_MAX, check_column_type,
    check_key_type, column_typmod,
};
pub use relation::{rename_relation, set_owner, set_schema};
pub use role::{
    AlterRole, AlterRoleSettings, CreateRole, GrantRole, MembershipOptions, alter_role,
    alter_role_settings, create_role, drop_roles, grant_role, rename_role,
};
pub use schema::{CreateSchema, alter_schema_owner, create_schema, drop_schemas, rename_schema};
pub use sequence::{
    IdentityDef, OwnedByName, SequenceOptions, alter_sequence, create_sequence, own_sequence,
};
pub use statistics::{
    CreateStatistics, LikeStatistics, StatisticsChange, alter_statistics,
    check_statistics_relation, create_statistics, drop_statistics,
};
pub use table::{ColumnDef, Constraint, CreateTable, LikeIndex, create_table};
pub use view::{CreateView, ViewAction, alter_view, create_view, is_view, rename_view_column};

/// Who changes what.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The catalog as the transaction sees it.
    pub catalog: &'a Catalog,
    /// `current_role`.
    pub role: ObjectId,
    /// Schemas in which names are looked for, in order, `pg_catalog` included.
    pub search_path: &'a [ObjectId],
}

/// What a statement does.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The catalog's change; may be empty (`IF EXISTS`).
    pub change: Change,
    /// Notices and warnings, in order.
    pub notices: Vec<SqlError>,
    /// The table or index that came into being.
    pub created: Option<ObjectId>,
    /// Tables and indexes that are gone: their stored data is to be removed.
    pub dropped: Vec<ObjectId>,
}

/// A name with or without a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// The schema, if one is written.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
}

impl QualifiedName {
    /// A name without a schema.
    pub fn bare(name: impl Into<String>) -> QualifiedName {
        QualifiedName { schema: None, name: name.into() }
    }

    /// A name in a schema.
    pub fn in_schema(schema: impl Into<String>, name: impl Into<String>) -> QualifiedName {
        QualifiedName { schema: Some(schema.into()), name: name.into() }
    }
}

impl std::fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A relation found by name.
enum Found<'a> {
    Table(&'a Arc<Table>),
    Index(&'a Arc<Table>, &'a Index),
    View(&'a Arc<View>),
    Sequence(&'a Arc<Sequence>),
    System(&'static SystemRelation),
}

impl Found<'_> {
    fn kind(&self) -> RelationKind {
        match self {
            Found::Table(_) => RelationKind::Table,
            Found::Index(..) => RelationKind::Index,
            Found::View(_) => RelationKind::View,
            Found::Sequence(_) => RelationKind::Sequence,
            Found::System(relation) if relation.view => RelationKind::View,
            Found::System(_) => RelationKind::Table,
        }
    }

    fn name(&self) -> &str {
        match self {
            Found::Table(table) => &table.name,
            Found::Index(_, index) => &index.name,
            Found::View(view) => &view.name,
            Found::Sequence(sequence) => &sequence.name,
            Found::System(relation) => relation.name,
        }
    }

    fn schema_and_owner(&self) -> (ObjectId, ObjectId) {
        match self {
            Found::Table(table) | Found::Index(table, _) => (table.schema, table.owner),
            Found::View(view) => (view.schema, view.owner),
            Found::Sequence(sequence) => (sequence.schema, sequence.owner),
            Found::System(relation) => (relation.schema, BOOTSTRAP_ROLE),
        }
    }

    /// `"x" is not a table`.
    fn is_not(&self, kind: RelationKind) -> SqlError {
        SqlError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not {}", self.name(), kind.with_article()),
        )
    }
}

impl Outcome {
    fn new(cx: Cx<'_>) -> Outcome {
        let change = Change { next_oid: cx.catalog.next_oid(), ..Change::default() };
        Outcome { change, ..Outcome::default() }
    }

    /// The next free OID, taken.
    fn allocate(&mut self) -> ObjectId {
        let oid = self.change.next_oid;
        self.change.next_oid += 1;
        oid
    }

    fn put(&mut self, object: Object) {
        self.change.put.insert(object.oid(), object);
    }

    fn put_table(&mut self, table: Table) {
        self.put(Object::Table(Arc::new(table)));
    }

    /// Removes an object that has no stored data of its own.
    fn remove(&mut self, oid: ObjectId) {
        self.change.put.remove(&oid);
        if !self.change.removed.contains(&oid) {
            self.change.removed.push(oid);
        }
    }

    /// Removes a table with all its indexes.
    fn remove_table(&mut self, table: &Table) {
        self.change.put.remove(&table.oid);
        self.change.removed.push(table.oid);
        self.dropped.push(table.oid);
    }

    fn notice(&mut self, code: SqlState, message: String) {
        self.notices.push(SqlError::new(code, message).severity(Severity::Notice));
    }

    fn warning(&mut self, code: SqlState, message: String) {
        self.notices.push(SqlError::new(code, message).severity(Severity::Warning));
    }

    /// `<what> "x" does not exist, skipping`.
    fn skip_missing(&mut self, message: String) {
        self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
    }
}

impl<'a> Cx<'a> {
    /// Finds a relation of any kind.
    ///
    /// # Errors
    /// `3F000` if the schema that is written does not exist, `42501` without USAGE on it.
    fn find(self, name: &QualifiedName) -> Result<Option<Found<'a>>> {
        let Some(schema) = &name.schema else {
            let usable = self.search_path.iter().copied().filter(|oid| {
                self.catalog.schema_by_oid(*oid).is_some_and(|schema| {
                    let target = Target::Schema(schema);
                    privilege::has_privilege(self.catalog, self.role, target, Privilege::Usage)
                })
            });
            return Ok(usable.into_iter().find_map(|schema| self.find_in(schema, &name.name)));
        };
        let schema = self.schema(schema)?;
        let target = Target::Schema(schema);
        privilege::check_privilege(self.catalog, self.role, target, Privilege::Usage)?;
        Ok(self.find_in(schema.oid, &name.name))
    }

    fn find_in(self, schema: ObjectId, name: &str) -> Option<Found<'a>> {
        if let Some(table) = self.catalog.table(schema, name) {
            return Some(Found::Table(table));
        }
        if let Some((table, index)) = self.catalog.index(schema, name) {
            return Some(Found::Index(table, index));
        }
        if let Some(view) = self.catalog.view(schema, name) {
            return Some(Found::View(view));
        }
        if let Some(sequence) = self.catalog.sequence(schema, name) {
            return Some(Found::Sequence(sequence));
        }
        builtin::relation(schema, name).map(Found::System)
    }

    /// The schema called `name`.
    ///
    /// # Errors
    /// `3F000`.
    fn schema(self, name: &str) -> Result<&'a Arc<Schema>> {
        self.catalog.schema(name).ok_or_else(|| {
            SqlError::new(
                SqlState::INVALID_SCHEMA_NAME,
                format!("schema \"{name}\" does not exist"),
            )
        })
    }

    /// The role called `name`.
    ///
    /// # Errors
    /// `42704`.
    fn role(self, name: &str) -> Result<&'a Arc<Role>> {
        self.catalog.role(name).ok_or_else(|| {
            SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
        })
    }

    /// The table called `name`, for a statement that alters it.
    ///
    /// # Errors
    /// `42P01`, `3F000`; `42809` for an index; `42501` for a system relation.
    fn table(self, name: &QualifiedName) -> Result<&'a Arc<Table>> {
        match self.find(name)? {
            Some(Found::Table(table)) => Ok(table),
            Some(Found::System(relation)) => Err(system_catalog(relation)),
            Some(other) => Err(other.is_not(RelationKind::Table)),
            None => Err(no_relation(name)),
        }
    }

    /// As [`Cx::table`], for the table's owner only.
    ///
    /// # Errors
    /// `42501` as well.
    fn own_table(self, name: &QualifiedName) -> Result<&'a Arc<Table>> {
        let table = self.table(name)?;
        privilege::check_owner(self.catalog, self.role, table.owner, "table", &table.name)?;
        Ok(table)
    }

    /// The schema in which `name` is to be created, which the role may do.
    ///
    /// # Errors
    /// `3F000`, `42501`.
    fn creation_schema(self, name: &QualifiedName) -> Result<&'a Arc<Schema>> {
        let schema = match &name.schema {
            Some(schema) => self.schema(schema)?,
            None => self
                .search_path
                .iter()
                .filter(|oid| **oid != PG_CATALOG)
                .find_map(|oid| self.catalog.schema_by_oid(*oid))
                .ok_or_else(|| {
                    SqlError::new(
                        SqlState::INVALID_SCHEMA_NAME,
                        "no schema has been selected to create in",
                    )
                })?,
        };
        self.check_create(schema)?;
        Ok(schema)
    }

    /// # Errors
    /// `42501` if the role may not create in `schema`.
    fn check_create(self, schema: &Schema) -> Result<()> {
        let target = Target::Schema(schema);
        privilege::check_privilege(self.catalog, self.role, target, Privilege::Create)
    }

    /// Whether the role may declare something to be of a type.
    ///
    /// # Errors
    /// `42501`: `permission denied for type d`.
    fn check_type_usage(self, ty: ObjectId) -> Result<()> {
        match self.catalog.user_type(ty).and_then(|ty| ty.domain) {
            Some(domain) => {
                let target = Target::Domain(domain);
                let (catalog, usage) = (self.catalog, Privilege::Usage);
                match privilege::has_privilege(catalog, self.role, target, usage) {
                    true => Ok(()),
                    false => Err(privilege::denied("type", &self.display_type(domain.oid))),
                }
            }
            None => Ok(()),
        }
    }

    /// Fails unless the role owns a domain.
    ///
    /// # Errors
    /// `42501`.
    fn check_domain_owner(self, domain: &Domain) -> Result<()> {
        let name = self.display_type(domain.oid);
        privilege::check_owner(self.catalog, self.role, domain.owner, "type", &name)
    }

    /// A type's name as messages give it.
    fn display_type(self, ty: ObjectId) -> String {
        crate::describe::format_type(self.catalog, self.search_path, types::Oid(ty), None)
    }

    /// A table's name as messages give it.
    fn display(self, table: &Table) -> String {
        self.display_name(table.schema, &table.name)
    }

    /// A relation's name as messages give it: with the schema only if the bare name finds
    /// something else.
    fn display_name(self, schema: ObjectId, name: &str) -> String {
        if crate::describe::is_visible(self.catalog, self.search_path, schema, name) {
            return builtin::quote_identifier(name).into_owned();
        }
        let schema = self.catalog.schema_by_oid(schema);
        builtin::quote_qualified(schema.map_or("", |schema| &schema.name), name)
    }
}

/// Refuses the name of a type that exists for a table or view: its row type takes the name.
///
/// # Errors
/// `42710`.
fn check_type_name(cx: Cx<'_>, schema: ObjectId, name: &str) -> Result<()> {
    if cx.catalog.type_oid(schema, name).is_none() {
        return Ok(());
    }
    Err(SqlError::new(SqlState::DUPLICATE_OBJECT, format!("type \"{name}\" already exists")).hint(
        "A relation has an associated type of the same name, so you must use a name that doesn't \
         conflict with any existing type.",
    ))
}

/// DSQL's refusal to touch what exists in every cluster.
fn system_entity() -> SqlError {
    SqlError::unsupported("feature not supported on system entity")
}

/// `42501`: PostgreSQL's refusal to change a built-in relation, which nobody who can log in owns.
fn system_catalog(relation: &SystemRelation) -> SqlError {
    let kind = if relation.view { "view" } else { "table" };
    SqlError::new(
        SqlState::INSUFFICIENT_PRIVILEGE,
        format!("must be owner of {kind} {}", relation.name),
    )
}

fn no_relation(name: &QualifiedName) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}

fn relation_exists(name: &str) -> SqlError {
    SqlError::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))
}
