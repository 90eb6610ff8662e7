//! Descriptions of objects, as PostgreSQL's `pg_get_…` and `…_is_visible` functions give them.

use crate::builtin;
use crate::objects::*;
use crate::snapshot::Catalog;

/// Whether the bare name of a relation finds the one in `schema`: `pg_table_is_visible`.
pub fn is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    schema: ObjectId,
    name: &str,
) -> bool {
    search_path
        .iter()
        .find(|oid| {
            catalog.relation_exists(**oid, name) || builtin::relation(**oid, name).is_some()
        })
        .is_some_and(|oid| *oid == schema)
}
