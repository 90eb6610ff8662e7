//! One version of everything that exists, immutable and shared.
//!
//! The maps are persistent trees: a new version shares all of the old one but the paths to what
//! changed, so that a schema change costs the same with ten tables and with a thousand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rpds::RedBlackTreeMapSync as Map;
use serde::{Deserialize, Serialize};

use crate::built_in_domains::built_in_domains;
use crate::builtin;
use crate::objects::*;

/// One stored object, as it is written under its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are what their names say")]
pub enum Object {
    Schema(Arc<Schema>),
    Table(Arc<Table>),
    Role(Arc<Role>),
    Sequence(Arc<Sequence>),
    View(Arc<View>),
    Function(Arc<Function>),
    Domain(Arc<Domain>),
    Statistics(Arc<Statistics>),
    DefaultGrants(Arc<DefaultGrants>),
}

/// A difference between two catalogs: what one DDL statement does.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Objects created or replaced, by OID.
    pub put: BTreeMap<ObjectId, Object>,
    /// Objects removed.
    pub removed: Vec<ObjectId>,
    /// The next OID to hand out afterwards.
    pub next_oid: ObjectId,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }

    /// This change and then `next`, which was made for the catalog with this one applied.
    pub fn then(mut self, next: Change) -> Change {
        self.put.retain(|oid, _| !next.removed.contains(oid));
        self.removed.extend(next.removed);
        self.put.extend(next.put);
        self.next_oid = self.next_oid.max(next.next_oid);
        self
    }
}

/// One version of everything that exists.
///
/// Invariants: names are unique in their name space; `next_oid` is above every OID in use. A clone
/// shares all objects.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Counts DDL commits. Plans made for one version are not used with another.
    pub version: u64,
    next_oid: ObjectId,
    schemas: Map<ObjectId, Arc<Schema>>,
    schema_names: Map<String, ObjectId>,
    roles: Map<ObjectId, Arc<Role>>,
    role_names: Map<String, ObjectId>,
    tables: Map<ObjectId, Arc<Table>>,
    sequences: Map<ObjectId, Arc<Sequence>>,
    views: Map<ObjectId, Arc<View>>,
    functions: Map<ObjectId, Arc<Function>>,
    domains: Map<ObjectId, Arc<Domain>>,
    statistics: Map<ObjectId, Arc<Statistics>>,
    default_grants: Map<ObjectId, Arc<DefaultGrants>>,
    /// Referenced table → tables that refer to it by a foreign key, by OID.
    referencing: Map<ObjectId, Vec<ObjectId>>,
    /// Index → its table.
    index_tables: Map<ObjectId, ObjectId>,
    /// Constraint → its table.
    constraint_tables: Map<ObjectId, ObjectId>,
    /// Row type, domain, or the array type over one → the table, view or domain.
    type_owners: Map<ObjectId, ObjectId>,
    /// Tables, indexes, views and sequences.
    relation_names: Names<ObjectId>,
    /// Domains, and the row types of tables and views.
    type_names: Names<ObjectId>,
    /// Functions of one name differ in their arguments.
    function_names: Names<Vec<ObjectId>>,
    statistics_names: Names<ObjectId>,
}

/// Schema → name → what it means.
#[derive(Clone, Debug)]
struct Names<V>(Map<ObjectId, Map<String, V>>);

impl<V> Names<V> {
    fn get(&self, schema: ObjectId, name: &str) -> Option<&V> {
        self.0.get(&schema)?.get(name)
    }

    fn insert(&mut self, schema: ObjectId, name: &str, value: V) {
        match self.0.get_mut(&schema) {
            Some(names) => names.insert_mut(name.to_owned(), value),
            None => self.0.insert_mut(schema, Map::new_sync().insert(name.to_owned(), value)),
        }
    }

    fn remove(&mut self, schema: ObjectId, name: &str) {
        if let Some(names) = self.0.get_mut(&schema) {
            names.remove_mut(name);
        }
    }
}

/// A type that came with a user's object: a domain, or the row type of a table or view.
#[derive(Clone, Copy, Debug)]
pub struct UserType<'a> {
    /// OID in `pg_type`.
    pub oid: ObjectId,
    /// OID of the array type over it.
    pub array_type: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: &'a str,
    /// Owner.
    pub owner: ObjectId,
    /// The domain, if it is one.
    pub domain: Option<&'a Arc<Domain>>,
    /// The table or view whose row type it is, or 0.
    pub relation: ObjectId,
}

impl Object {
    /// The object's OID.
    pub fn oid(&self) -> ObjectId {
        match self {
            Object::Schema(schema) => schema.oid,
            Object::Table(table) => table.oid,
            Object::Role(role) => role.oid,
            Object::Sequence(sequence) => sequence.oid,
            Object::View(view) => view.oid,
            Object::Function(function) => function.oid,
            Object::Domain(domain) => domain.oid,
            Object::Statistics(statistics) => statistics.oid,
            Object::DefaultGrants(defaults) => defaults.oid,
        }
    }
}

impl Catalog {
    /// The catalog of a new cluster: the built-in schemas, and the roles that always exist.
    pub fn new() -> Catalog {
        let mut catalog = Catalog {
            version: 0,
            next_oid: FIRST_USER_OID,
            schemas: Map::new_sync(),
            schema_names: Map::new_sync(),
            roles: Map::new_sync(),
            role_names: Map::new_sync(),
            tables: Map::new_sync(),
            sequences: Map::new_sync(),
            views: Map::new_sync(),
            functions: Map::new_sync(),
            domains: Map::new_sync(),
            statistics: Map::new_sync(),
            default_grants: Map::new_sync(),
            referencing: Map::new_sync(),
            index_tables: Map::new_sync(),
            constraint_tables: Map::new_sync(),
            type_owners: Map::new_sync(),
            relation_names: Names(Map::new_sync()),
            type_names: Names(Map::new_sync()),
            function_names: Names(Map::new_sync()),
            statistics_names: Names(Map::new_sync()),
        };
        for (oid, name) in [
            (PG_CATALOG, "pg_catalog"),
            (PG_TOAST, "pg_toast"),
            (PUBLIC, "public"),
            (INFORMATION_SCHEMA, "information_schema"),
            (SYS, "sys"),
            (AWS_DSQL, "aws_dsql"),
        ] {
            let owner = if oid == PUBLIC { ADMIN_ROLE } else { BOOTSTRAP_ROLE };
            let grant = |grantee, privileges: &[Privilege]| Grant {
                grantee,
                grantor: owner,
                privileges: privileges.iter().map(|privilege| (*privilege, false)).collect(),
            };
            let all = grant(Some(owner), &[Privilege::Usage, Privilege::Create]);
            let grants = match oid {
                PG_TOAST => None,
                _ => Some(vec![all, grant(None, &[Privilege::Usage])]),
            };
            let name = name.into();
            let schema = Schema { oid, name, owner, grants, comment: None };
            catalog.put(Object::Schema(Arc::new(schema)));
        }
        for row in builtin::roles() {
            catalog.put(Object::Role(Arc::new(Role {
                oid: row.oid.0,
                name: row.name.into(),
                login: row.login,
                inherit: true,
                member_of: builtin_memberships(row.oid.0),
                principals: BTreeMap::new(),
                settings: BTreeMap::new(),
                comment: None,
            })));
        }
        let admin = Role {
            oid: ADMIN_ROLE,
            name: "admin".into(),
            login: true,
            inherit: true,
            member_of: BTreeMap::new(),
            principals: BTreeMap::new(),
            settings: BTreeMap::new(),
            comment: None,
        };
        catalog.put(Object::Role(Arc::new(admin)));
        catalog
    }

    /// The OID that the next object gets.
    pub fn next_oid(&self) -> ObjectId {
        self.next_oid
    }

    /// This catalog with `change` applied and the version raised by one.
    pub fn apply(&self, change: &Change) -> Catalog {
        let mut next = self.clone();
        next.version += 1;
        for oid in &change.removed {
            next.remove(*oid);
        }
        for object in change.put.values() {
            next.remove(object.oid());
            next.put(object.clone());
        }
        next.next_oid = next.next_oid.max(change.next_oid);
        next
    }

    /// As [`Catalog::apply`], for a change that is not committed: the version is nobody else's, so
    /// that what was made for it, such as a plan, is not taken for that of what others make of this
    /// catalog.
    #[must_use]
    pub fn apply_uncommitted(&self, change: &Change) -> Catalog {
        /// Beyond the versions of what is committed.
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        Catalog { version: NEXT.fetch_add(1, Ordering::Relaxed), ..self.apply(change) }
    }

    /// Adds a stored object, as read back when the cluster is opened.
    pub fn put(&mut self, object: Object) {
        self.next_oid = self.next_oid.max(object.oid() + 1);
        match object {
            Object::Schema(schema) => {
                self.schema_names.insert_mut(schema.name.clone(), schema.oid);
                self.schemas.insert_mut(schema.oid, schema);
            }
            Object::Role(role) => {
                self.role_names.insert_mut(role.name.clone(), role.oid);
                self.roles.insert_mut(role.oid, role);
            }
            Object::Table(table) => {
                self.relation_names.insert(table.schema, &table.name, table.oid);
                self.type_names.insert(table.schema, &table.name, table.row_type);
                self.type_owners.insert_mut(table.row_type, table.oid);
                self.type_owners.insert_mut(table.array_type, table.oid);
                for index in table.all_indexes() {
                    self.relation_names.insert(table.schema, &index.name, index.oid);
                    self.index_tables.insert_mut(index.oid, table.oid);
                }
                for constraint in constraints(&table) {
                    self.constraint_tables.insert_mut(constraint, table.oid);
                }
                for key in &table.foreign_keys {
                    let mut tables = self.referencing.get(&key.parent).cloned().unwrap_or_default();
                    if let Err(at) = tables.binary_search(&table.oid) {
                        tables.insert(at, table.oid);
                        self.referencing.insert_mut(key.parent, tables);
                    }
                }
                self.tables.insert_mut(table.oid, table);
            }
            Object::Sequence(sequence) => {
                self.relation_names.insert(sequence.schema, &sequence.name, sequence.oid);
                self.sequences.insert_mut(sequence.oid, sequence);
            }
            Object::View(view) => {
                self.relation_names.insert(view.schema, &view.name, view.oid);
                self.type_names.insert(view.schema, &view.name, view.row_type);
                self.type_owners.insert_mut(view.row_type, view.oid);
                self.type_owners.insert_mut(view.array_type, view.oid);
                self.views.insert_mut(view.oid, view);
            }
            Object::Function(function) => {
                let (schema, name) = (function.schema, &function.name);
                let mut named = self.function_names.get(schema, name).cloned().unwrap_or_default();
                named.push(function.oid);
                named.sort_unstable();
                self.function_names.insert(schema, name, named);
                self.functions.insert_mut(function.oid, function);
            }
            Object::Domain(domain) => {
                self.type_names.insert(domain.schema, &domain.name, domain.oid);
                self.type_owners.insert_mut(domain.oid, domain.oid);
                self.type_owners.insert_mut(domain.array_type, domain.oid);
                self.domains.insert_mut(domain.oid, domain);
            }
            Object::Statistics(statistics) => {
                self.statistics_names.insert(statistics.schema, &statistics.name, statistics.oid);
                self.statistics.insert_mut(statistics.oid, statistics);
            }
            Object::DefaultGrants(defaults) => {
                self.default_grants.insert_mut(defaults.oid, defaults);
            }
        }
    }

    /// Restores the counters, as read back when the cluster is opened.
    pub fn restore(&mut self, version: u64, next_oid: ObjectId) {
        self.version = version;
        self.next_oid = self.next_oid.max(next_oid);
    }

    fn remove(&mut self, oid: ObjectId) {
        if let Some(schema) = take(&mut self.schemas, oid) {
            self.schema_names.remove_mut(&schema.name);
        } else if let Some(role) = take(&mut self.roles, oid) {
            self.role_names.remove_mut(&role.name);
        } else if let Some(table) = take(&mut self.tables, oid) {
            self.relation_names.remove(table.schema, &table.name);
            self.type_names.remove(table.schema, &table.name);
            self.type_owners.remove_mut(&table.row_type);
            self.type_owners.remove_mut(&table.array_type);
            for index in table.all_indexes() {
                self.relation_names.remove(table.schema, &index.name);
                self.index_tables.remove_mut(&index.oid);
            }
            for constraint in constraints(&table) {
                self.constraint_tables.remove_mut(&constraint);
            }
            for key in &table.foreign_keys {
                if let Some(tables) = self.referencing.get_mut(&key.parent) {
                    tables.retain(|other| *other != oid);
                }
            }
        } else if let Some(sequence) = take(&mut self.sequences, oid) {
            self.relation_names.remove(sequence.schema, &sequence.name);
        } else if let Some(view) = take(&mut self.views, oid) {
            self.relation_names.remove(view.schema, &view.name);
            self.type_names.remove(view.schema, &view.name);
            self.type_owners.remove_mut(&view.row_type);
            self.type_owners.remove_mut(&view.array_type);
        } else if let Some(function) = take(&mut self.functions, oid) {
            let (schema, name) = (function.schema, &function.name);
            let mut named = self.function_names.get(schema, name).cloned().unwrap_or_default();
            named.retain(|other| *other != oid);
            match named.is_empty() {
                true => self.function_names.remove(schema, name),
                false => self.function_names.insert(schema, name, named),
            }
        } else if let Some(domain) = take(&mut self.domains, oid) {
            self.type_names.remove(domain.schema, &domain.name);
            self.type_owners.remove_mut(&domain.oid);
            self.type_owners.remove_mut(&domain.array_type);
        } else if let Some(statistics) = take(&mut self.statistics, oid) {
            self.statistics_names.remove(statistics.schema, &statistics.name);
        } else {
            self.default_grants.remove_mut(&oid);
        }
    }

    /// The schema called `name`.
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        self.schemas.get(self.schema_names.get(name)?)
    }

    /// The schema with this OID.
    pub fn schema_by_oid(&self, oid: ObjectId) -> Option<&Arc<Schema>> {
        self.schemas.get(&oid)
    }

    /// All schemas, by OID.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.schemas.values()
    }

    /// The foreign keys that refer to a table, each with the table that has it.
    pub fn referencing(
        &self,
        parent: ObjectId,
    ) -> impl Iterator<Item = (&Arc<Table>, &ForeignKey)> {
        let tables = self.referencing.get(&parent).into_iter().flatten();
        tables.filter_map(|oid| self.tables.get(oid)).flat_map(move |table| {
            let keys = table.foreign_keys.iter().filter(move |key| key.parent == parent);
            keys.map(move |key| (table, key))
        })
    }

    /// The foreign key with this OID in `pg_constraint`, and its table.
    pub fn foreign_key(&self, oid: ObjectId) -> Option<(&Arc<Table>, &ForeignKey)> {
        self.tables
            .values()
            .find_map(|table| Some((table, table.foreign_keys.iter().find(|key| key.oid == oid)?)))
    }

    /// The table called `name` in `schema`.
    pub fn table(&self, schema: ObjectId, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(self.relation_names.get(schema, name)?)
    }

    /// The table with this OID.
    pub fn table_by_oid(&self, oid: ObjectId) -> Option<&Arc<Table>> {
        self.tables.get(&oid)
    }

    /// All tables, by OID.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// The table that has an index (the primary key's included) called `name` in `schema`.
    pub fn index(&self, schema: ObjectId, name: &str) -> Option<(&Arc<Table>, &Index)> {
        self.index_by_oid(*self.relation_names.get(schema, name)?)
    }

    /// The index (primary keys' included) with this OID, and its table.
    pub fn index_by_oid(&self, oid: ObjectId) -> Option<(&Arc<Table>, &Index)> {
        let table = self.tables.get(self.index_tables.get(&oid)?)?;
        Some((table, table.all_indexes().find(|index| index.oid == oid)?))
    }

    /// The table that a constraint belongs to.
    pub fn table_by_constraint(&self, constraint: ObjectId) -> Option<&Arc<Table>> {
        self.tables.get(self.constraint_tables.get(&constraint)?)
    }

    /// The table whose row type, or the array type over it, has this OID.
    pub fn table_by_row_type(&self, oid: ObjectId) -> Option<&Arc<Table>> {
        self.tables.get(self.type_owners.get(&oid)?)
    }

    /// Whether a relation of any kind is called `name` in `schema`.
    pub fn relation_exists(&self, schema: ObjectId, name: &str) -> bool {
        self.relation_names.get(schema, name).is_some()
    }

    /// The OID of the relation of any kind called `name` in `schema`.
    pub fn relation_oid(&self, schema: ObjectId, name: &str) -> Option<ObjectId> {
        self.relation_names.get(schema, name).copied()
    }

    /// The sequence called `name` in `schema`.
    pub fn sequence(&self, schema: ObjectId, name: &str) -> Option<&Arc<Sequence>> {
        self.sequences.get(self.relation_names.get(schema, name)?)
    }

    /// The sequence with this OID.
    pub fn sequence_by_oid(&self, oid: ObjectId) -> Option<&Arc<Sequence>> {
        self.sequences.get(&oid)
    }

    /// All sequences, by OID.
    pub fn sequences(&self) -> impl Iterator<Item = &Arc<Sequence>> {
        self.sequences.values()
    }

    /// How many sequences there are.
    pub fn sequence_count(&self) -> usize {
        self.sequences.size()
    }

    /// The view called `name` in `schema`.
    pub fn view(&self, schema: ObjectId, name: &str) -> Option<&Arc<View>> {
        self.views.get(self.relation_names.get(schema, name)?)
    }

    /// The view with this OID.
    pub fn view_by_oid(&self, oid: ObjectId) -> Option<&Arc<View>> {
        self.views.get(&oid)
    }

    /// All views, by OID.
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.views.values()
    }

    /// How many views there are.
    pub fn view_count(&self) -> usize {
        self.views.size()
    }

    /// The functions called `name` in `schema`, by OID.
    pub fn functions_named(
        &self,
        schema: ObjectId,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Function>> {
        let named = self.function_names.get(schema, name).into_iter().flatten();
        named.filter_map(|oid| self.functions.get(oid))
    }

    /// The function with this OID.
    pub fn function_by_oid(&self, oid: ObjectId) -> Option<&Arc<Function>> {
        self.functions.get(&oid)
    }

    /// All functions, by OID.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions.values()
    }

    /// The domain with this OID.
    pub fn domain_by_oid(&self, oid: ObjectId) -> Option<&Arc<Domain>> {
        self.domains.get(&oid).or_else(|| built_in_domains().get(&oid))
    }

    /// All domains that users have made, by OID.
    pub fn domains(&self) -> impl Iterator<Item = &Arc<Domain>> {
        self.domains.values()
    }

    /// The statistics object called `name` in `schema`.
    pub fn statistics_object(&self, schema: ObjectId, name: &str) -> Option<&Arc<Statistics>> {
        self.statistics.get(self.statistics_names.get(schema, name)?)
    }

    /// The statistics object with this OID.
    pub fn statistics_by_oid(&self, oid: ObjectId) -> Option<&Arc<Statistics>> {
        self.statistics.get(&oid)
    }

    /// All statistics objects, by OID.
    pub fn statistics_objects(&self) -> impl Iterator<Item = &Arc<Statistics>> {
        self.statistics.values()
    }

    /// All that `ALTER DEFAULT PRIVILEGES` has made, by OID.
    pub fn default_grants(&self) -> impl Iterator<Item = &Arc<DefaultGrants>> {
        self.default_grants.values()
    }

    /// The default privileges with this OID.
    pub fn default_grants_by_oid(&self, oid: ObjectId) -> Option<&Arc<DefaultGrants>> {
        self.default_grants.get(&oid)
    }

    /// The default privileges of objects of a kind that a role creates in a schema, or in any.
    pub fn default_grants_of(
        &self,
        role: ObjectId,
        schema: Option<ObjectId>,
        kind: DefaultGrantsKind,
    ) -> Option<&Arc<DefaultGrants>> {
        self.default_grants().find(|defaults| {
            defaults.role == role && defaults.schema == schema && defaults.kind == kind
        })
    }

    /// The type called `name` in `schema`, if a user's object brought it; not an array type.
    pub fn type_oid(&self, schema: ObjectId, name: &str) -> Option<ObjectId> {
        self.type_names.get(schema, name).copied()
    }

    /// The type with this OID, or over which the array type with this OID is.
    pub fn user_type(&self, oid: ObjectId) -> Option<UserType<'_>> {
        let owner = self.type_owners.get(&oid)?;
        if let Some(domain) = self.domains.get(owner) {
            return Some(UserType {
                oid: domain.oid,
                array_type: domain.array_type,
                schema: domain.schema,
                name: &domain.name,
                owner: domain.owner,
                domain: Some(domain),
                relation: 0,
            });
        }
        if let Some(view) = self.views.get(owner) {
            return Some(UserType {
                oid: view.row_type,
                array_type: view.array_type,
                schema: view.schema,
                name: &view.name,
                owner: view.owner,
                domain: None,
                relation: view.oid,
            });
        }
        let table = self.tables.get(owner)?;
        Some(UserType {
            oid: table.row_type,
            array_type: table.array_type,
            schema: table.schema,
            name: &table.name,
            owner: table.owner,
            domain: None,
            relation: table.oid,
        })
    }

    /// All types that came with users' objects, by the OID of the object.
    pub fn user_types(&self) -> impl Iterator<Item = UserType<'_>> {
        let is_base = |(ty, _): &(&ObjectId, &ObjectId)| {
            self.user_type(**ty).is_some_and(|found| found.oid == **ty)
        };
        self.type_owners.iter().filter(is_base).filter_map(|(ty, _)| self.user_type(*ty))
    }

    /// What the names of a stored expression mean: of a table or view, or (0) the default of a
    /// domain or of a function's argument.
    pub fn names_in(&self, relation: ObjectId, text: &str) -> &[NamedObject] {
        let of_table = self.tables.get(&relation).and_then(|table| {
            let default = table.columns.iter().find(|column| {
                matches!(&column.default,
                    Some(ColumnDefault::Expression(own) | ColumnDefault::Generated(own))
                    if own == text)
            });
            let check = table.checks.iter().find(|check| check.expression == text);
            default.map(|column| &column.default_names).or(check.map(|check| &check.names))
        });
        let is = |sql: &&Sql| sql.text == text;
        let found = of_table.or_else(|| {
            let view = self.views.get(&relation);
            let mut defaults = view.into_iter().flat_map(|view| &view.columns);
            defaults.find_map(|column| column.default.as_ref().filter(is)).map(|sql| &sql.names)
        });
        let without_relation = || {
            let domain = self.domains().find_map(|domain| domain.default.as_ref().filter(is));
            let argument = || {
                let mut arguments = self.functions().flat_map(|function| &function.arguments);
                arguments.find_map(|argument| argument.default.as_ref().filter(is))
            };
            domain.or_else(argument).map(|sql| &sql.names)
        };
        match found {
            None if crate::objects::is_system(relation) => without_relation(),
            found => found,
        }
        .map_or(&[], Vec::as_slice)
    }

    /// The type under all domains, with the modifier that they impose: itself if it is none.
    pub fn base_type(&self, oid: ObjectId, typmod: i32) -> (ObjectId, i32) {
        let (mut oid, mut typmod) = (oid, typmod);
        while let Some(domain) = self.domain_by_oid(oid) {
            oid = domain.base_type;
            typmod = domain.typmod;
        }
        (oid, typmod)
    }

    /// The role called `name`.
    pub fn role(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.get(self.role_names.get(name)?)
    }

    /// The role with this OID.
    pub fn role_by_oid(&self, oid: ObjectId) -> Option<&Arc<Role>> {
        self.roles.get(&oid)
    }

    /// All roles, by OID.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.values()
    }
}

impl Default for Catalog {
    fn default() -> Catalog {
        Catalog::new()
    }
}

impl Table {
    /// The primary key's index, if any, then the secondary ones.
    pub fn all_indexes(&self) -> impl Iterator<Item = &Index> {
        self.primary_key.iter().chain(&self.indexes)
    }

    /// As [`Table::all_indexes`], to be changed.
    pub(crate) fn all_indexes_mut(&mut self) -> impl Iterator<Item = &mut Index> {
        self.primary_key.iter_mut().chain(&mut self.indexes)
    }
}

/// The memberships that PostgreSQL's predefined roles have in each other.
fn builtin_memberships(role: ObjectId) -> BTreeMap<ObjectId, Membership> {
    const PG_MONITOR: ObjectId = 3373;
    const PG_READ_ALL_SETTINGS: ObjectId = 3374;
    const PG_READ_ALL_STATS: ObjectId = 3375;
    const PG_STAT_SCAN_TABLES: ObjectId = 3377;
    if role != PG_MONITOR {
        return BTreeMap::new();
    }
    (15660..)
        .zip([PG_READ_ALL_SETTINGS, PG_READ_ALL_STATS, PG_STAT_SCAN_TABLES])
        .map(|(oid, of)| {
            let grantor = BOOTSTRAP_ROLE;
            (of, Membership { oid, grantor, admin: false, inherit: true, set: true })
        })
        .collect()
}

/// OIDs of a table's constraints.
fn constraints(table: &Table) -> impl Iterator<Item = ObjectId> {
    let keys = table.all_indexes().filter_map(|index| index.constraint);
    let checks = table.checks.iter().map(|check| check.oid);
    keys.chain(checks).chain(table.foreign_keys.iter().map(|key| key.oid))
}

/// Removes an entry and gives it.
fn take<T>(map: &mut Map<ObjectId, Arc<T>>, oid: ObjectId) -> Option<Arc<T>> {
    let value = map.get(&oid).cloned()?;
    map.remove_mut(&oid);
    Some(value)
}
