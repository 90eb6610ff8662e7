//! Domains.

use serde::{Deserialize, Serialize};

use super::{Grants, ObjectId, Sql};

/// A domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// OID in `pg_type`.
    pub oid: ObjectId,
    /// OID of the array type over it.
    pub array_type: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// The type it is over; may be a domain itself.
    pub base_type: u32,
    /// `pg_type.typtypmod`.
    pub typmod: i32,
    /// `NOT NULL`.
    #[serde(default)]
    pub not_null: bool,
    /// `DEFAULT`.
    #[serde(default)]
    pub default: Option<Sql>,
    /// `CHECK` constraints, sorted by name, in which order they are checked.
    #[serde(default)]
    pub checks: Vec<DomainCheck>,
    /// Access list; the default lets everybody use it.
    #[serde(default)]
    pub grants: Grants,
    /// `COMMENT ON DOMAIN`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A `CHECK` constraint of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainCheck {
    /// OID in `pg_constraint`.
    pub oid: ObjectId,
    /// Name.
    pub name: String,
    /// The condition, over `VALUE`.
    pub expression: Sql,
    /// Known to hold for all stored values.
    pub validated: bool,
    /// `COMMENT ON CONSTRAINT … ON DOMAIN`.
    #[serde(default)]
    pub comment: Option<String>,
}
