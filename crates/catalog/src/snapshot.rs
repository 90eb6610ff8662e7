//! One version of everything that exists, immutable and shared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::builtin;
use crate::objects::*;

/// One stored object, as it is written under its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are what their names say")]
pub enum Object {
    Schema(Arc<Schema>),
    Table(Arc<Table>),
    Role(Arc<Role>),
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
    schemas: BTreeMap<ObjectId, Arc<Schema>>,
    schema_names: BTreeMap<String, ObjectId>,
    tables: BTreeMap<ObjectId, Arc<Table>>,
    /// (schema, relation name) → table: tables and indexes share one name space.
    relation_names: BTreeMap<(ObjectId, String), ObjectId>,
    /// Referenced table → tables that refer to it by a foreign key.
    referencing: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    roles: BTreeMap<ObjectId, Arc<Role>>,
    role_names: BTreeMap<String, ObjectId>,
}

impl Object {
    /// The object's OID.
    pub fn oid(&self) -> ObjectId {
        match self {
            Object::Schema(schema) => schema.oid,
            Object::Table(table) => table.oid,
            Object::Role(role) => role.oid,
        }
    }
}

impl Catalog {
    /// The catalog of a new cluster: the built-in schemas, and the roles that always exist.
    pub fn new() -> Catalog {
        let mut catalog = Catalog {
            version: 0,
            next_oid: FIRST_USER_OID,
            schemas: BTreeMap::new(),
            schema_names: BTreeMap::new(),
            tables: BTreeMap::new(),
            relation_names: BTreeMap::new(),
            referencing: BTreeMap::new(),
            roles: BTreeMap::new(),
            role_names: BTreeMap::new(),
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

    /// Adds a stored object, as read back when the cluster is opened.
    pub fn put(&mut self, object: Object) {
        self.next_oid = self.next_oid.max(object.oid() + 1);
        match object {
            Object::Schema(schema) => {
                self.schema_names.insert(schema.name.clone(), schema.oid);
                self.schemas.insert(schema.oid, schema);
            }
            Object::Table(table) => {
                for name in relation_names(&table) {
                    self.relation_names.insert((table.schema, name), table.oid);
                }
                for key in &table.foreign_keys {
                    self.referencing.entry(key.parent).or_default().insert(table.oid);
                }
                self.tables.insert(table.oid, table);
            }
            Object::Role(role) => {
                self.role_names.insert(role.name.clone(), role.oid);
                self.roles.insert(role.oid, role);
            }
        }
    }

    /// Restores the counters, as read back when the cluster is opened.
    pub fn restore(&mut self, version: u64, next_oid: ObjectId) {
        self.version = version;
        self.next_oid = self.next_oid.max(next_oid);
    }

    fn remove(&mut self, oid: ObjectId) {
        if let Some(schema) = self.schemas.remove(&oid) {
            self.schema_names.remove(&schema.name);
        }
        if let Some(table) = self.tables.remove(&oid) {
            for name in relation_names(&table) {
                self.relation_names.remove(&(table.schema, name));
            }
            for key in &table.foreign_keys {
                if let Some(tables) = self.referencing.get_mut(&key.parent) {
                    tables.remove(&oid);
                }
            }
        }
        if let Some(role) = self.roles.remove(&oid) {
            self.role_names.remove(&role.name);
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
        let table = self.tables.get(self.relation_names.get(&(schema, name.to_owned()))?)?;
        (table.name == name).then_some(table)
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
        let table = self.tables.get(self.relation_names.get(&(schema, name.to_owned()))?)?;
        let index = table.all_indexes().find(|index| index.name == name)?;
        Some((table, index))
    }

    /// The index (primary keys' included) with this OID, and its table.
    pub fn index_by_oid(&self, oid: ObjectId) -> Option<(&Arc<Table>, &Index)> {
        self.tables
            .values()
            .find_map(|table| Some((table, table.all_indexes().find(|index| index.oid == oid)?)))
    }

    /// The table whose row type, or the array type over it, has this OID.
    pub fn table_by_row_type(&self, oid: ObjectId) -> Option<&Arc<Table>> {
        self.tables.values().find(|table| table.row_type == oid || table.array_type == oid)
    }

    /// Whether a relation of any kind is called `name` in `schema`.
    pub fn relation_exists(&self, schema: ObjectId, name: &str) -> bool {
        self.relation_names.contains_key(&(schema, name.to_owned()))
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

fn relation_names(table: &Table) -> impl Iterator<Item = String> {
    std::iter::once(table.name.clone()).chain(table.all_indexes().map(|index| index.name.clone()))
}
