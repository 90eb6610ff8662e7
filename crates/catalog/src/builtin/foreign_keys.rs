//! How the relations of `pg_catalog` refer to each other, which no constraint says.

use std::sync::LazyLock;

use types::Oid;

use super::relation;
use crate::csv;
use crate::objects::PG_CATALOG;

/// A row of `pg_get_catalog_foreign_keys()`.
#[derive(Debug)]
pub struct CatalogForeignKey {
    /// The relation that refers.
    pub relation: Oid,
    /// Its columns.
    pub columns: Vec<String>,
    /// The relation that is referred to.
    pub referenced: Oid,
    /// Its columns.
    pub referenced_columns: Vec<String>,
    /// The last column is an array of references.
    pub is_array: bool,
    /// Zero refers to nothing.
    pub is_optional: bool,
}

static ROWS: LazyLock<Vec<CatalogForeignKey>> = LazyLock::new(|| {
    let (_, records) = csv::read(include_str!("../../data/catalog_foreign_keys.csv"));
    records.iter().filter_map(read).collect()
});

/// All of them.
pub fn catalog_foreign_keys() -> &'static [CatalogForeignKey] {
    &ROWS
}

fn read(record: &csv::Record) -> Option<CatalogForeignKey> {
    let field = |at: usize| record.get(at).and_then(Option::as_deref);
    let names = |at: usize| {
        let list = field(at)?.strip_prefix('{')?.strip_suffix('}')?;
        Some(list.split(',').map(str::to_owned).collect())
    };
    Some(CatalogForeignKey {
        relation: relation(PG_CATALOG, field(0)?)?.oid,
        columns: names(1)?,
        referenced: relation(PG_CATALOG, field(2)?)?.oid,
        referenced_columns: names(3)?,
        is_array: field(4)? == "t",
        is_optional: field(5)? == "t",
    })
}
