//! Relations that are the same in every cluster, read from the CSV dumps when they are asked for.

use types::oid::*;
use types::{Datum, Oid};

use super::fill::{Rows, vector};
use crate::builtin::{SystemRelation, base_type};
use crate::csv;
use crate::objects::{BOOTSTRAP_ROLE, PG_CATALOG};

/// The dump of a relation.
fn dump(relation: &str) -> Option<&'static str> {
    macro_rules! dumps {
        ($($name:literal),* $(,)?) => {
            match relation {
                $($name => Some(include_str!(concat!("../../data/", $name, ".csv"))),)*
                _ => None,
            }
        };
    }
    dumps!(
        "pg_aggregate",
        "pg_am",
        "pg_amop",
        "pg_amproc",
        "pg_cast",
        "pg_collation",
        "pg_conversion",
        "pg_extension",
        "pg_language",
        "pg_opclass",
        "pg_operator",
        "pg_opfamily",
        "pg_range",
        "pg_tablespace",
        "pg_ts_config",
        "pg_ts_config_map",
        "pg_ts_dict",
        "pg_ts_parser",
        "pg_ts_template",
        "sql_features",
        "sql_implementation_info",
        "sql_parts",
        "sql_sizing",
    )
}

/// Adds the rows of a constant relation. A column that the dump does not have is the built-in
/// schema's, the built-in owner's, or blank.
pub(super) fn fill(relation: &'static SystemRelation, out: &mut Rows) -> bool {
    let Some(text) = dump(relation.name) else { return false };
    let (header, records) = csv::read(text);
    for record in &records {
        out.row(|row| {
            for column in relation.columns {
                let field = header.iter().position(|name| name == column.name);
                if let Some(field) = field {
                    let value = record.get(field).and_then(Option::as_deref);
                    row.set(column.name, value.map(|text| read(column.type_oid, text)));
                } else if column.name.ends_with("namespace") {
                    row.set(column.name, PG_CATALOG);
                } else if column.name.ends_with("owner") {
                    row.set(column.name, BOOTSTRAP_ROLE);
                }
            }
        });
    }
    true
}

/// The texts of one column of a constant relation.
pub(super) fn texts(relation: &str, column: &str) -> Vec<String> {
    let (header, records) = csv::read(dump(relation).unwrap_or_default());
    let Some(at) = header.iter().position(|name| name == column) else { return Vec::new() };
    records.into_iter().filter_map(|mut record| record.get_mut(at)?.take()).collect()
}

/// The name of an object of a constant relation, in the column `column`.
pub(crate) fn name(relation: &str, column: &str, oid: u32) -> Option<String> {
    let (header, records) = csv::read(dump(relation)?);
    let position = |wanted: &str| header.iter().position(|name| name == wanted);
    let (key, value) = (position("oid")?, position(column)?);
    let wanted = oid.to_string();
    let found = records.iter().find(|row| row.get(key) == Some(&Some(wanted.clone())))?;
    found.get(value)?.clone()
}

/// A value from its text; the dumps hold only what is well-formed, so anything else is NULL.
fn read(type_oid: Oid, text: &str) -> Datum {
    let list = || text.split_whitespace();
    match base_type(type_oid) {
        BOOL => Datum::Bool(text == "t"),
        INT2 => text.parse().map_or(Datum::Null, Datum::Int2),
        INT4 => text.parse().map_or(Datum::Null, Datum::Int4),
        FLOAT4 => text.parse().map_or(Datum::Null, Datum::Float4),
        OID | REGPROC => text.parse().map_or(Datum::Null, Datum::Oid),
        OIDVECTOR => vector(OID, list().map(|oid| read(OID, oid)).collect()),
        INT2VECTOR => vector(INT2, list().map(|number| read(INT2, number)).collect()),
        _ => Datum::text(text),
    }
}
