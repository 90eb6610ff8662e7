//! Descriptors: the stored form of every object that a user can create.
//!
//! They are stored as JSON. A field added later carries `#[serde(default)]`, so a newer binary
//! reads what an older one wrote.

mod default_grants;
mod domain;
mod function;
mod sequence;
mod sql;
mod statistics;
mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Oid;

pub use default_grants::{DefaultGrants, DefaultGrantsKind};
pub use domain::{Domain, DomainCheck};
pub use function::{Argument, ArgumentMode, Function, FunctionBody};
pub use sequence::{Identity, OwnedBy, Sequence};
pub use sql::{NameKind, NamedObject, Sql};
pub use statistics::{Statistics, StatisticsKind};
pub use view::{CheckOption, View, ViewColumn, ViewOption};

/// An object's OID in descriptors; `pg_class`, `pg_namespace` … OIDs share one counter.
pub type ObjectId = u32;

/// The role that owns everything built in; PostgreSQL's bootstrap superuser.
pub const BOOTSTRAP_ROLE: ObjectId = 10;
/// The role `admin`.
pub const ADMIN_ROLE: ObjectId = 15579;
/// The schema `pg_catalog`.
pub const PG_CATALOG: ObjectId = 11;
/// The schema `pg_toast`.
pub const PG_TOAST: ObjectId = 99;
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

/// Whether this is the OID of something that exists in every cluster and cannot be changed.
pub const fn is_system(oid: ObjectId) -> bool {
    oid < FIRST_USER_OID
}

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
    #[serde(default)]
    pub comment: Option<String>,
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
    /// Uses the privileges of the roles that it is made a member of, unless the grant says
    /// otherwise.
    pub inherit: bool,
    /// Roles that this one is a member of.
    #[serde(default)]
    pub member_of: BTreeMap<ObjectId, Membership>,
    /// IAM principals allowed to connect as this role: ARN → mapping.
    #[serde(default)]
    pub principals: BTreeMap<String, IamMapping>,
    /// `ALTER ROLE … SET`: parameters that the role's sessions begin with.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// `COMMENT ON ROLE`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// `GRANT role TO role`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// `oid` of `pg_auth_members`.
    pub oid: ObjectId,
    /// The role that granted it.
    pub grantor: ObjectId,
    /// The member may grant the membership on.
    #[serde(default)]
    pub admin: bool,
    /// The member uses the role's privileges without `SET ROLE`.
    #[serde(default = "yes")]
    pub inherit: bool,
    /// The member may become the role by `SET ROLE`.
    #[serde(default = "yes")]
    pub set: bool,
}

fn yes() -> bool {
    true
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// 0-based positions of the columns that a generation expression reads.
    #[serde(default)]
    pub generated_from: Vec<usize>,
    /// Access list of the column, beside that of the table.
    #[serde(default)]
    pub grants: Grants,
    /// What the names in `default` mean.
    #[serde(default)]
    pub default_names: Vec<NamedObject>,
    /// The domain that it was declared with; `type_oid` and `typmod` are those beneath.
    #[serde(default)]
    pub domain: Option<ObjectId>,
    /// `GENERATED … AS IDENTITY`; excludes `default`.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// `STORAGE`; `None` is the type's default.
    #[serde(default)]
    pub storage: Option<Storage>,
    /// Dropped: keeps its place in stored rows, invisible otherwise.
    #[serde(default)]
    pub dropped: bool,
    /// `COMMENT ON COLUMN`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// `STORAGE`: whether a column's values may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are SQL's")]
pub enum Storage {
    Plain,
    External,
    Extended,
    Main,
}

/// A `CHECK` constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub struct Check {
    pub oid: ObjectId,
    pub name: String,
    /// The condition, as SQL text.
    pub expression: String,
    /// 0-based positions of the columns that it reads.
    #[serde(default)]
    pub columns: Vec<usize>,
    /// What the names in `expression` mean.
    #[serde(default)]
    pub names: Vec<NamedObject>,
    pub validated: bool,
    /// `NO INHERIT`, which tells nothing where no table inherits.
    #[serde(default)]
    pub no_inherit: bool,
    #[serde(default)]
    pub comment: Option<String>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexKey {
    /// What it orders by.
    #[serde(flatten)]
    pub part: KeyPart,
    /// NULLs sort before everything else.
    #[serde(default)]
    pub nulls_first: bool,
}

/// What a key of an index orders by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPart {
    /// A column: 0-based position in [`Table::columns`].
    #[serde(rename = "column")]
    Column(usize),
    /// An expression over the row.
    #[serde(rename = "expression")]
    Expression(KeyExpression),
}

/// An expression that an index orders by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExpression {
    /// The expression, as SQL text.
    pub text: String,
    /// 0-based positions of the columns that it reads.
    pub columns: Vec<usize>,
    /// Type of its value.
    pub type_oid: u32,
    /// Type modifier of its value; −1 for none.
    pub typmod: i32,
    /// `pg_attribute.attname` of the index's column: `lower`, `expr` …
    pub name: String,
}

/// The condition of a partial index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPredicate {
    /// The condition, as SQL text.
    pub text: String,
    /// 0-based positions of the columns that it reads.
    pub columns: Vec<usize>,
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
    /// `WHERE`: only rows for which it is true have an entry.
    #[serde(default)]
    pub predicate: Option<IndexPredicate>,
    /// Readers may use it only when `Valid`.
    pub state: IndexState,
    /// OID in `pg_constraint`, if a `UNIQUE` or `PRIMARY KEY` constraint owns it.
    #[serde(default)]
    pub constraint: Option<ObjectId>,
    /// `COMMENT ON INDEX`.
    #[serde(default)]
    pub comment: Option<String>,
    /// `COMMENT ON CONSTRAINT`, of the constraint that owns it.
    #[serde(default)]
    pub constraint_comment: Option<String>,
}

/// What happens to referencing rows when the row that they refer to goes, or changes its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignKeyAction {
    /// The change fails, at the end of the statement or of the transaction.
    #[default]
    NoAction,
    /// The change fails at the end of the statement.
    Restrict,
    /// They go, or change, too.
    Cascade,
    /// They no longer refer to anything.
    SetNull,
    /// Their columns get their defaults.
    SetDefault,
}

/// A `FOREIGN KEY` constraint, held by the referencing table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// OID in `pg_constraint`.
    pub oid: ObjectId,
    /// Name.
    pub name: String,
    /// 0-based positions of the referencing columns.
    pub columns: Vec<usize>,
    /// The referenced table (may be the same).
    pub parent: ObjectId,
    /// 0-based positions of the referenced columns, one for each of `columns`.
    pub parent_columns: Vec<usize>,
    /// The unique index of the referenced table over exactly these columns, in any order.
    pub parent_index: ObjectId,
    /// `MATCH FULL` rather than `MATCH SIMPLE`.
    #[serde(default)]
    pub match_full: bool,
    /// `ON UPDATE`.
    #[serde(default)]
    pub on_update: ForeignKeyAction,
    /// `ON DELETE`.
    #[serde(default)]
    pub on_delete: ForeignKeyAction,
    /// `ON DELETE SET NULL (…)`, `SET DEFAULT (…)`: those of `columns` that are set; none means all.
    #[serde(default)]
    pub set_columns: Vec<usize>,
    /// `DEFERRABLE`.
    #[serde(default)]
    pub deferrable: bool,
    /// `INITIALLY DEFERRED`.
    #[serde(default)]
    pub initially_deferred: bool,
    /// Every row is known to satisfy it.
    pub validated: bool,
    /// `COMMENT ON CONSTRAINT`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Privileges on the row type.
    #[serde(default)]
    pub row_type_grants: Grants,
    /// OID of the array type over the row type.
    #[serde(default)]
    pub array_type: ObjectId,
    /// Columns in `attnum` order (the first has attnum 1), dropped ones included.
    pub columns: Vec<Column>,
    /// The primary key; without one, rows have a hidden random 16-byte key.
    pub primary_key: Option<Index>,
    /// Secondary indexes.
    pub indexes: Vec<Index>,
    /// Check constraints.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Foreign keys of this table; those that refer to it are [`crate::Catalog::referencing`].
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// Access list.
    #[serde(default)]
    pub grants: Grants,
    /// `COMMENT ON TABLE`.
    #[serde(default)]
    pub comment: Option<String>,
}

impl Role {
    /// Whether it is the bootstrap superuser. No client can be: `admin` is not.
    pub fn is_superuser(&self) -> bool {
        self.oid == BOOTSTRAP_ROLE
    }

    /// Whether it may create, change and grant roles.
    pub fn may_create_roles(&self) -> bool {
        matches!(self.oid, BOOTSTRAP_ROLE | ADMIN_ROLE)
    }
}

impl Storage {
    /// The letter that `pg_attribute.attstorage` holds.
    pub const fn letter(self) -> char {
        match self {
            Storage::Plain => 'p',
            Storage::External => 'e',
            Storage::Extended => 'x',
            Storage::Main => 'm',
        }
    }
}

impl IndexKey {
    /// A column in the default order.
    pub fn of_column(column: usize) -> IndexKey {
        IndexKey { part: KeyPart::Column(column), nulls_first: false }
    }

    /// The column that it orders by, unless it is an expression.
    pub fn column(&self) -> Option<usize> {
        match &self.part {
            KeyPart::Column(column) => Some(*column),
            KeyPart::Expression(_) => None,
        }
    }

    /// The expression that it orders by, unless it is a column.
    pub fn expression(&self) -> Option<&KeyExpression> {
        match &self.part {
            KeyPart::Column(_) => None,
            KeyPart::Expression(expression) => Some(expression),
        }
    }

    /// The columns that decide it.
    pub fn reads(&self) -> &[usize] {
        match &self.part {
            KeyPart::Column(column) => std::slice::from_ref(column),
            KeyPart::Expression(expression) => &expression.columns,
        }
    }

    /// Type and modifier of its values, in an index of `table`.
    pub fn value_type(&self, table: &Table) -> (Oid, i32) {
        match &self.part {
            KeyPart::Column(column) => table
                .columns
                .get(*column)
                .map_or((Oid::INVALID, -1), |column| (Oid(column.type_oid), column.typmod)),
            KeyPart::Expression(expression) => (Oid(expression.type_oid), expression.typmod),
        }
    }
}

impl Index {
    /// Whether it is over columns only and has an entry for every row.
    pub fn is_plain(&self) -> bool {
        self.predicate.is_none() && self.keys.iter().all(|key| key.column().is_some())
    }

    /// Whether it makes its columns *key columns*: an update of one conflicts with whoever relies on
    /// the row's key.
    pub fn is_key(&self) -> bool {
        self.unique && self.is_plain()
    }

    /// The columns that it orders by, in order; without expressions.
    pub fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.keys.iter().filter_map(IndexKey::column)
    }

    /// Whether its entries depend on a column.
    pub fn reads(&self, column: usize) -> bool {
        self.keys.iter().any(|key| key.reads().contains(&column))
            || self.include.contains(&column)
            || self.predicate.as_ref().is_some_and(|p| p.columns.contains(&column))
    }
}

impl ForeignKey {
    /// The columns that `ON DELETE SET NULL` and `SET DEFAULT` set.
    pub fn columns_set_on_delete(&self) -> &[usize] {
        if self.set_columns.is_empty() { &self.columns } else { &self.set_columns }
    }
}

impl Table {
    /// Live columns with their positions.
    pub fn live_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.dropped)
    }

    /// Whether long values of the column at a position are compressed (lz4): texts and documents
    /// outside of keys, unless `STORAGE` says otherwise.
    pub fn compresses(&self, at: usize) -> bool {
        use types::oid::{BPCHAR, JSON, JSONB, TEXT, VARCHAR};
        let Some(column) = self.columns.get(at) else { return false };
        matches!(Oid(column.type_oid), TEXT | VARCHAR | BPCHAR | JSON | JSONB)
            && !matches!(column.storage, Some(Storage::Plain | Storage::External))
            && !column.dropped
            && !self.all_indexes().flat_map(Index::key_columns).any(|key| key == at)
    }

    /// The position of the live column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.live_columns().find(|(_, column)| column.name == name).map(|(i, _)| i)
    }
}
