//! The relations of `pg_catalog`, `information_schema` and `sys`, computed from a [`Catalog`], the
//! session and [`crate::builtin`].
//!
//! Every relation of PostgreSQL 16 exists with its columns. A relation of objects that cannot
//! exist (triggers, publications, …) or of counters that are not kept has no rows.
//!
//! | module | relations |
//! |---|---|
//! | `relations` | tables, indexes, columns, constraints and the views over them |
//! | `routines` | types, functions |
//! | `roles` | roles, the database, settings, time zones |
//! | `information_schema` | the schema of that name |
//! | `sys` | jobs, IAM mappings |
//! | `constant` | what is the same in every cluster, straight from `data/*.csv` |

mod constant;
mod fill;
mod information_schema;
mod relations;
mod roles;
mod routines;
mod sys;
#[cfg(test)]
mod tests;

use types::Row;

pub use crate::builtin::{SystemColumn, SystemRelation, relation, relation_by_oid, relations};
use crate::objects::*;
use crate::snapshot::Catalog;
use fill::Rows;

/// What the rows of system relations are computed from.
pub struct SystemCx<'a> {
    /// The catalog as the transaction sees it.
    pub catalog: &'a Catalog,
    /// `current_database()`.
    pub database: &'a str,
    /// `current_role`, for the relations that show only what it may use.
    pub role: ObjectId,
    /// The schemas in which names are looked for.
    pub search_path: &'a [ObjectId],
    /// The value of a setting in this session; `None` for its default.
    pub settings: &'a dyn Fn(&str) -> Option<String>,
    /// Rows of a table as the last ANALYZE estimated them; `None` before the first.
    pub row_estimate: &'a dyn Fn(ObjectId) -> Option<f32>,
    /// Background jobs.
    pub jobs: &'a [Job],
    /// Microseconds since 2000-01-01 UTC at the transaction's start.
    pub now: i64,
}

/// A row of `sys.jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// 26 characters of base 32.
    pub id: String,
    /// `submitted`, `processing`, `completed`, `failed`.
    pub status: String,
    /// Why it failed.
    pub details: Option<String>,
    /// `INDEX_BUILD`, `VALIDATE_CONSTRAINT`, `DROP`, `ANALYZE`.
    pub kind: String,
    /// The catalog of the object: 1259, `pg_class`.
    pub class: ObjectId,
    /// The object.
    pub object: ObjectId,
    /// `schema.name` of the object, while it exists.
    pub object_name: Option<String>,
    /// When it was submitted, in microseconds since 2000-01-01 UTC.
    pub start_time: i64,
    /// When it last changed, in the same unit.
    pub update_time: i64,
}

/// All rows of a system relation, with as many values as it has columns.
pub fn rows(relation: &'static SystemRelation, cx: &SystemCx<'_>) -> Vec<Row> {
    let mut out = Rows::new(relation);
    match relation.schema {
        PG_CATALOG => {
            let _ = relations::fill(relation.name, cx, &mut out)
                || routines::fill(relation.name, &mut out, cx)
                || roles::fill(relation.name, cx, &mut out)
                || constant::fill(relation, &mut out);
        }
        INFORMATION_SCHEMA => information_schema::fill(relation.name, cx, &mut out),
        _ => sys::fill(relation.name, cx, &mut out),
    }
    out.finish()
}
