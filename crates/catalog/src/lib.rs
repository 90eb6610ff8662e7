//! What exists in a cluster: schemas, tables, indexes, roles, grants; and what exists in every
//! cluster: PostgreSQL 16's built-in types, functions, operators and casts.
//!
//! A [`Catalog`] is an immutable snapshot: DDL makes a new one, a transaction keeps the one it
//! began with. [`builtin`] is constant data. [`system`] shows both as the relations of
//! `pg_catalog`, `information_schema` and `sys`.
//!
//! Must not know: parsing, execution, storage (it is given and gives plain descriptors).

mod built_in_domains;
pub mod builtin;
pub mod codec;
mod csv;
pub mod ddl;
pub mod describe;
pub mod objects;
pub mod privilege;
pub mod snapshot;
pub mod system;
mod type_kinds;

pub use built_in_domains::built_in_domains;
pub use objects::{
    Check, Column, ColumnDefault, Domain, ForeignKey, ForeignKeyAction, Function, Grant, Grants,
    IamMapping, Index, IndexKey, IndexPredicate, IndexState, KeyExpression, KeyPart, Membership,
    ObjectId, Privilege, Role, Schema, Sequence, Statistics, Storage, Table, View,
};
pub use snapshot::{Catalog, Change, Object, UserType};
