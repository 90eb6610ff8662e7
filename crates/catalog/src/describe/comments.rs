//! Comments on objects.

use super::definition::{
    PG_AUTHID, PG_CLASS, PG_CONSTRAINT, PG_DATABASE, PG_NAMESPACE, PG_PROC, PG_STATISTIC_EXT,
    PG_TYPE, domain_check,
};
use crate::builtin;
use crate::objects::*;
use crate::snapshot::Catalog;

/// One row of `pg_description` or `pg_shdescription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `objoid`.
    pub object: ObjectId,
    /// `classoid`.
    pub class: ObjectId,
    /// `objsubid`: `attnum` of a column, else 0.
    pub column: i32,
    /// The comment.
    pub text: String,
}

/// All comments on users' objects; those on roles have class [`PG_AUTHID`].
pub fn descriptions(catalog: &Catalog) -> Vec<Description> {
    let mut all = Vec::new();
    let mut add = |object, class, column, text: &Option<String>| {
        if let Some(text) = text {
            all.push(Description { object, class, column, text: text.clone() });
        }
    };
    for schema in catalog.schemas() {
        add(schema.oid, PG_NAMESPACE, 0, &schema.comment);
    }
    for role in catalog.roles() {
        add(role.oid, PG_AUTHID, 0, &role.comment);
    }
    for table in catalog.tables() {
        add(table.oid, PG_CLASS, 0, &table.comment);
        for ((_, column), attnum) in table.columns.iter().enumerate().zip(1..) {
            add(table.oid, PG_CLASS, attnum, &column.comment);
        }
        for index in table.all_indexes() {
            add(index.oid, PG_CLASS, 0, &index.comment);
            if let Some(constraint) = index.constraint {
                add(constraint, PG_CONSTRAINT, 0, &index.constraint_comment);
            }
        }
        for check in &table.checks {
            add(check.oid, PG_CONSTRAINT, 0, &check.comment);
        }
        for key in &table.foreign_keys {
            add(key.oid, PG_CONSTRAINT, 0, &key.comment);
        }
    }
    for view in catalog.views() {
        add(view.oid, PG_CLASS, 0, &view.comment);
        for (column, attnum) in view.columns.iter().zip(1..) {
            add(view.oid, PG_CLASS, attnum, &column.comment);
        }
    }
    for sequence in catalog.sequences() {
        add(sequence.oid, PG_CLASS, 0, &sequence.comment);
    }
    for function in catalog.functions() {
        add(function.oid, PG_PROC, 0, &function.comment);
    }
    for domain in catalog.domains() {
        add(domain.oid, PG_TYPE, 0, &domain.comment);
        for check in &domain.checks {
            add(check.oid, PG_CONSTRAINT, 0, &check.comment);
        }
    }
    for statistics in catalog.statistics_objects() {
        add(statistics.oid, PG_STATISTIC_EXT, 0, &statistics.comment);
    }
    all
}

/// `obj_description(oid, catalog)`; without a catalog, any object of this OID.
pub fn obj_description(
    catalog: &Catalog,
    object: ObjectId,
    class: Option<ObjectId>,
) -> Option<String> {
    /// The catalogs that hold users' objects with comments.
    const CLASSES: &[ObjectId] =
        &[PG_CLASS, PG_CONSTRAINT, PG_NAMESPACE, PG_PROC, PG_TYPE, PG_STATISTIC_EXT, PG_AUTHID];
    match class {
        Some(class) => object_description(catalog, class, object),
        None if is_system(object) => {
            let mut rows = builtin::descriptions().iter();
            let found = rows.find(|row| row.object == object && row.column == 0);
            found.map(|row| row.text.to_owned())
        }
        None => CLASSES.iter().find_map(|class| object_description(catalog, *class, object)),
    }
}

fn object_description(catalog: &Catalog, class: ObjectId, object: ObjectId) -> Option<String> {
    let comment = match class {
        PG_CLASS => None
            .or_else(|| Some(&catalog.table_by_oid(object)?.comment))
            .or_else(|| Some(&catalog.view_by_oid(object)?.comment))
            .or_else(|| Some(&catalog.sequence_by_oid(object)?.comment))
            .or_else(|| Some(&catalog.index_by_oid(object)?.1.comment)),
        PG_CONSTRAINT => match catalog.table_by_constraint(object) {
            Some(table) => {
                let check = table.checks.iter().find(|check| check.oid == object);
                let key = table.foreign_keys.iter().find(|key| key.oid == object);
                let mut indexes = table.all_indexes();
                let index = indexes.find(|index| index.constraint == Some(object));
                check
                    .map(|check| &check.comment)
                    .or(key.map(|key| &key.comment))
                    .or(index.map(|index| &index.constraint_comment))
            }
            None => domain_check(catalog, object).map(|(_, check)| &check.comment),
        },
        PG_NAMESPACE => catalog.schema_by_oid(object).map(|schema| &schema.comment),
        PG_AUTHID => catalog.role_by_oid(object).map(|role| &role.comment),
        PG_PROC => catalog.function_by_oid(object).map(|function| &function.comment),
        PG_TYPE => catalog.domain_by_oid(object).map(|domain| &domain.comment),
        PG_STATISTIC_EXT => catalog.statistics_by_oid(object).map(|object| &object.comment),
        PG_DATABASE => {
            return (object == crate::system::POSTGRES).then(|| DATABASE_DESCRIPTION.to_owned());
        }
        _ => None,
    };
    let builtin = || builtin::description(class, object).map(str::to_owned);
    comment.cloned().flatten().or_else(builtin)
}

/// The comment on the database `postgres`.
pub const DATABASE_DESCRIPTION: &str = "default administrative connection database";

/// `col_description(table, column)`.
pub fn col_description(catalog: &Catalog, table: ObjectId, column: i32) -> Option<String> {
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    if let Some(view) = catalog.view_by_oid(table) {
        return view.columns.get(at)?.comment.clone();
    }
    catalog.table_by_oid(table)?.columns.get(at)?.comment.clone()
}
