//! Descriptors: the stored form of every object that a user can create.
//!
//! They are stored as JSON. A field added later carries `#[serde(default)]`, so a newer binary
//! reads what an older one wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Oid;

/// An object's OID in descriptors; `pg_class`, `pg_namespace` … OIDs share one counter.
pub type ObjectId = u32;

/// The role that owns everything built in; PostgreSQL's bootstrap superuser.
pub const BOOTSTRAP_ROLE: ObjectId = 10;
/// The role `admin`.
pub const ADMIN_ROLE: ObjectId = 15579;
/// The schema `pg_catalog`.
pub const PG_CATALOG: ObjectId = 11;
/// The schema `public`.
pub const PUBLIC: ObjectId = 2200;
/// The schema `information_schema`.
pub const INFORMATION_SCHEMA: ObjectId = 13127;
/// The schema `sys`.
pub const SYS: ObjectId = 15600;
/// The schema `aws_dsql`.
pub const AWS_DSQL: ObjectId = 15601;
/// The first OID that a user's object gets.
pub const FIRST_USER_OID: ObjectId = 26384;

/// A privilege that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
    References,
    Trigger,
    Usage,
    Create,
    Execute,
}

/// One grantor's grant of some privileges to one grantee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who may; `None` is `PUBLIC`.
    pub grantee: Option<ObjectId>,
    /// Who allowed it.
    pub grantor: ObjectId,
    /// What, and whether it may be granted on.
    pub privileges: BTreeMap<Privilege, bool>,
}

/// An access list. `None` means the object type's default (the owner may do everything).
pub type Grants = Option<Vec<Grant>>;

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Schema {
    pub oid: ObjectId,
    pub name: String,
    pub owner: ObjectId,
    #[serde(default)]
    pub grants: Grants,
}

/// A role. DSQL has no passwords: who may become a role is decided by [`Role::principals`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// OID in `pg_authid`.
    pub oid: ObjectId,
    /// Name.
    pub name: String,
    /// May start a session.
    pub login: bool,
    /// Uses the privileges of the roles that it is a member of.
    pub inherit: bool,
    /// Roles that this one is a member of, with whether it may grant the membership on.
    #[serde(default)]
    pub member_of: BTreeMap<ObjectId, bool>,
    /// IAM principals allowed to connect as this role: ARN → mapping.
    #[serde(default)]
    pub principals: BTreeMap<String, IamMapping>,
}

/// `AWS IAM GRANT role TO arn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamMapping {
    /// `iam_oid` of `sys.iam_pg_role_mappings`.
    pub oid: ObjectId,
    /// The role that granted it.
    pub grantor: ObjectId,
}

/// What fills a column that an INSERT leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnDefault {
    /// `DEFAULT expression`, as SQL text.
    Expression(String),
    /// `GENERATED ALWAYS AS (expression) STORED`, as SQL text.
    Generated(String),
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name; meaningless once dropped.
    pub name: String,
    /// `pg_attribute.atttypid`.
    pub type_oid: u32,
    /// `pg_attribute.atttypmod`; −1 for none.
    pub typmod: i32,
    /// `NOT NULL`.
    pub not_null: bool,
    /// `DEFAULT` or generation expression.
    #[serde(default)]
    pub default: Option<ColumnDefault>,
    /// Dropped: keeps its place in stored rows, invisible otherwise.
    #[serde(default)]
    pub dropped: bool,
}

/// A `CHECK` constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Check {
    pub oid: ObjectId,
    pub name: String,
    /// The condition, as SQL text.
    pub expression: String,
    pub validated: bool,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexKey {
    /// 0-based position in [`Table::columns`].
    pub column: usize,
    /// NULLs sort before everything else.
    #[serde(default)]
    pub nulls_first: bool,
}

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexState {
    /// Being built: writers keep it up to date, readers do not use it.
    Building,
    /// Complete.
    Valid,
    /// The build failed: kept up to date and, if unique, enforced, until it is dropped.
    Invalid,
}

/// An index. The primary key's index is the table itself: its entries hold whole rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// OID in `pg_class`; also the index's number in storage keys.
    pub oid: ObjectId,
    /// Name.
    pub name: String,
    /// Key columns, in order.
    pub keys: Vec<IndexKey>,
    /// 0-based positions of the columns carried along.
    #[serde(default)]
    pub include: Vec<usize>,
    /// At most one row for each key.
    pub unique: bool,
    /// NULLs count as equal for uniqueness.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// Readers may use it only when `Valid`.
    pub state: IndexState,
    /// OID in `pg_constraint`, if a `UNIQUE` or `PRIMARY KEY` constraint owns it.
    #[serde(default)]
    pub constraint: Option<ObjectId>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// OID in `pg_class`; also the table's number in storage keys.
    pub oid: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// OID of the row type in `pg_type`.
    pub row_type: ObjectId,
    /// Columns in `attnum` order (the first has attnum 1), dropped ones included.
    pub columns: Vec<Column>,
    /// The primary key; without one, rows have a hidden random 16-byte key.
    pub primary_key: Option<Index>,
    /// Secondary indexes.
    pub indexes: Vec<Index>,
    /// Check constraints.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Access list.
    #[serde(default)]
    pub grants: Grants,
}

/// Anything that stands in `pg_class` and can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A stored table.
    Table(std::sync::Arc<Table>),
    /// A built-in relation of `pg_catalog`, `information_schema`, `sys` or `aws_dsql`, by OID.
    System(Oid),
}

impl Table {
    /// Live columns with their positions.
    pub fn live_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.dropped)
    }

    /// The position of the live column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.live_columns().find(|(_, column)| column.name == name).map(|(i, _)| i)
    }
}
