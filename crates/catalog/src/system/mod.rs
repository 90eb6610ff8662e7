//! The relations of `pg_catalog`, `information_schema` and `sys`, computed from a [`Catalog`] and
//! [`crate::builtin`].
//!
//! [`Catalog`]: crate::Catalog

pub use crate::builtin::{SystemColumn, SystemRelation, relation, relation_by_oid};
