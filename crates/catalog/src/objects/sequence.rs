//! Sequences. A sequence's value is not part of its descriptor: it changes without a schema change.

use serde::{Deserialize, Serialize};

use super::{Grants, ObjectId};

/// A sequence; its type is always `bigint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// OID in `pg_class`.
    pub oid: ObjectId,
    /// Schema.
    pub schema: ObjectId,
    /// Name.
    pub name: String,
    /// Owner.
    pub owner: ObjectId,
    /// `INCREMENT BY`; never 0.
    pub increment: i64,
    /// `MINVALUE`.
    pub min: i64,
    /// `MAXVALUE`.
    pub max: i64,
    /// `START WITH`.
    pub start: i64,
    /// `CACHE`.
    pub cache: i64,
    /// `CYCLE`.
    pub cycle: bool,
    /// Where the value is stored: a number of its own, so that `RESTART`, which takes a new one, is
    /// undone with its transaction.
    pub storage: ObjectId,
    /// The value that is given out first from `storage`.
    pub first: i64,
    /// Raised by every `ALTER SEQUENCE`: values that sessions took before are given up.
    #[serde(default)]
    pub generation: u32,
    /// The column that it goes away with.
    #[serde(default)]
    pub owned_by: Option<OwnedBy>,
    /// Access list.
    #[serde(default)]
    pub grants: Grants,
    /// `COMMENT ON SEQUENCE`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// `OWNED BY table.column`, or the column of which it is the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedBy {
    /// The table.
    pub table: ObjectId,
    /// 0-based position of the column.
    pub column: usize,
}

/// `GENERATED … AS IDENTITY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `ALWAYS` rather than `BY DEFAULT`.
    pub always: bool,
    /// The sequence.
    pub sequence: ObjectId,
}
