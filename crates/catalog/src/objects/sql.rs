//! SQL text in descriptors, and what its names mean.
//!
//! Expressions and queries are stored as they were written. So that they go on meaning the same
//! after a rename or a move to another schema, each name is stored with the object that it meant,
//! and a relation with the names its columns had: the text is bound in the name space in which it
//! was written. The same list says what the text depends on.

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// SQL text with the meaning of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// The text.
    pub text: String,
    /// What its names mean.
    #[serde(default)]
    pub names: Vec<NamedObject>,
}

/// What a name in a text means: something that a user created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedObject {
    /// The kind of name.
    pub kind: NameKind,
    /// The schema, if it is written.
    #[serde(default)]
    pub schema: Option<String>,
    /// The name as it is written; for [`NameKind::Literal`], the literal's value.
    pub name: String,
    /// What it means.
    pub oid: ObjectId,
    /// Of a relation: attnums and the names that its columns had, in order.
    #[serde(default)]
    pub columns: Vec<(i16, String)>,
    /// Of a relation: attnums of the columns that the text refers to.
    #[serde(default)]
    pub used: Vec<i16>,
}

/// The name spaces that texts refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NameKind {
    /// A table, view or sequence.
    Relation,
    /// A domain, or a row type (whose OID it then is).
    Type,
    /// A function.
    Function,
    /// A string literal of the type `regclass`.
    Literal,
}

impl Sql {
    /// Text without names of users' objects.
    pub fn new(text: impl Into<String>) -> Sql {
        Sql { text: text.into(), names: Vec::new() }
    }
}
