//! Default privileges.

use serde::{Deserialize, Serialize};

use super::{Grant, ObjectId, Privilege};
use crate::privilege::{SEQUENCE_PRIVILEGES, TABLE_PRIVILEGES};

/// What `ALTER DEFAULT PRIVILEGES` has made of the access lists of objects to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultGrants {
    /// OID in `pg_default_acl`.
    pub oid: ObjectId,
    /// The role that creates them.
    pub role: ObjectId,
    /// The schema that they are created in: the list is added to the one for all schemas. `None`
    /// is that one, which takes the place of the list that new objects have by themselves.
    pub schema: Option<ObjectId>,
    /// What is created.
    pub kind: DefaultGrantsKind,
    /// The access list.
    pub grants: Vec<Grant>,
}

/// Kinds of objects that have default privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are what their names say")]
pub enum DefaultGrantsKind {
    /// Views too.
    Tables,
    Sequences,
    Functions,
    /// Domains.
    Types,
}

impl DefaultGrantsKind {
    /// The letter in `pg_default_acl.defaclobjtype`.
    pub const fn letter(self) -> char {
        match self {
            DefaultGrantsKind::Tables => 'r',
            DefaultGrantsKind::Sequences => 'S',
            DefaultGrantsKind::Functions => 'f',
            DefaultGrantsKind::Types => 'T',
        }
    }

    /// The privileges that exist for such objects.
    pub const fn privileges(self) -> &'static [Privilege] {
        match self {
            DefaultGrantsKind::Tables => TABLE_PRIVILEGES,
            DefaultGrantsKind::Sequences => SEQUENCE_PRIVILEGES,
            DefaultGrantsKind::Functions => &[Privilege::Execute],
            DefaultGrantsKind::Types => &[Privilege::Usage],
        }
    }

    /// Whether everybody may use such objects by themselves.
    pub const fn is_public(self) -> bool {
        matches!(self, DefaultGrantsKind::Functions | DefaultGrantsKind::Types)
    }

    /// What is granted on a new object of `owner` if nobody has said otherwise.
    pub fn builtin(self, owner: ObjectId) -> Vec<Grant> {
        let grant = |grantee| Grant {
            grantee,
            grantor: owner,
            privileges: self.privileges().iter().map(|privilege| (*privilege, false)).collect(),
        };
        let everybody = self.is_public().then(|| grant(None));
        everybody.into_iter().chain([grant(Some(owner))]).collect()
    }
}
