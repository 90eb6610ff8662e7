//! Descriptions of objects, as PostgreSQL's `pg_get_…`, `…_is_visible`, `has_…_privilege` and
//! `reg…` functions give them, over a [`Catalog`] and the built-in rows.
//!
//! A function of an OID gives `None` where PostgreSQL's gives NULL: there is no such object.

mod address;
mod comments;
mod definition;
mod function;
mod has_privilege;
mod identifier;
mod object;
mod reg;
mod routine;
mod type_name;

pub use address::{ObjectAddress, pg_get_object_address};
pub use comments::*;
pub use definition::*;
pub use function::*;
pub use has_privilege::*;
pub use identifier::{parse_qualified_name, split_identifier};
pub use object::*;
pub use reg::*;
pub use routine::{Body, Definition, Parameter, Routine};
pub use type_name::*;
pub(crate) use type_name::{array_type_name, type_is_visible, type_schema_and_name};

use crate::builtin;
use crate::objects::*;
use crate::snapshot::Catalog;

/// What a stored expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// As it is: an index key, a default whose text has its type.
    Value,
    /// A condition: CHECK, an index predicate.
    Condition,
    /// To be stored in a column of this type and modifier.
    Column(types::Oid, i32),
}

/// A stored text that is to be printed.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'a> {
    /// An expression over a table's columns, with what its names mean.
    Column(&'a Table, &'a str, &'a [NamedObject], Purpose),
    /// An expression without variables: the default of an argument or of a domain.
    Value(&'a Sql, Purpose),
    /// A domain's condition over `VALUE`.
    Domain(&'a Domain, &'a Sql),
    /// The condition of a domain of `information_schema`.
    BuiltInDomain(&'a builtin::DomainCheck),
    /// The query of a view.
    View(&'a View),
    /// The body of a function that is not a string.
    Body(&'a Function, &'a Sql),
}

/// Prints stored texts as PostgreSQL does.
pub type Print<'a> = &'a (dyn Fn(Stored<'_>) -> String + 'a);

/// Whether the bare name of a relation finds the one in `schema`.
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

/// `pg_table_is_visible`.
pub fn pg_table_is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    relation: ObjectId,
) -> Option<bool> {
    let (schema, name) = relation_name(catalog, relation)?;
    Some(is_visible(catalog, search_path, schema, &name))
}

/// `pg_type_is_visible`.
pub fn pg_type_is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    of: ObjectId,
) -> Option<bool> {
    let (schema, name) = type_schema_and_name(catalog, of)?;
    Some(type_is_visible(catalog, search_path, schema, &name))
}

/// `pg_function_is_visible`.
pub fn pg_function_is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    function: ObjectId,
) -> Option<bool> {
    let routine = Routine::by_oid(catalog, function)?;
    // An overload of the same arguments in an earlier schema hides it.
    let first = search_path.iter().find(|schema| {
        Routine::named(catalog, **schema, routine.name)
            .any(|other| other.input_types() == routine.input_types())
    });
    Some(first == Some(&routine.schema))
}

/// `pg_statistics_obj_is_visible`.
pub fn pg_statistics_obj_is_visible(
    catalog: &Catalog,
    search_path: &[ObjectId],
    object: ObjectId,
) -> Option<bool> {
    let statistics = catalog.statistics_by_oid(object)?;
    let first = search_path
        .iter()
        .find(|schema| catalog.statistics_object(**schema, &statistics.name).is_some());
    Some(first == Some(&statistics.schema))
}

/// `pg_operator_is_visible`, and the same for operator classes and families, collations,
/// conversions and text-search objects: all of them are in `pg_catalog`.
pub fn pg_catalog_is_visible(search_path: &[ObjectId]) -> bool {
    search_path.contains(&PG_CATALOG)
}

/// A relation's schema and name.
pub fn relation_name(catalog: &Catalog, oid: ObjectId) -> Option<(ObjectId, String)> {
    if let Some(table) = catalog.table_by_oid(oid) {
        return Some((table.schema, table.name.clone()));
    }
    if let Some(view) = catalog.view_by_oid(oid) {
        return Some((view.schema, view.name.clone()));
    }
    if let Some(sequence) = catalog.sequence_by_oid(oid) {
        return Some((sequence.schema, sequence.name.clone()));
    }
    if let Some(relation) = builtin::relation_by_oid(types::Oid(oid)) {
        return Some((relation.schema, relation.name.to_owned()));
    }
    if let Some(index) = builtin::system_index(types::Oid(oid)) {
        return Some((PG_CATALOG, index.name.to_owned()));
    }
    let (table, index) = catalog.index_by_oid(oid)?;
    Some((table.schema, index.name.clone()))
}

/// A schema's name as an identifier; empty if it is gone.
fn schema_name(catalog: &Catalog, schema: ObjectId) -> &str {
    catalog.schema_by_oid(schema).map_or("", |schema| &schema.name)
}
