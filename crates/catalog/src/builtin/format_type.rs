//! Type names as PostgreSQL prints them: `format_type`.

use types::Oid;

use super::lookup::type_by_oid;
use super::rows::TypeRow;
use super::words::{quote_identifier, quote_qualified};
use crate::objects::PG_CATALOG;

/// A built-in type's SQL name: `character varying(30)`, `timestamp without time zone`,
/// `integer[]`.
///
/// `typmod` `None` is SQL NULL (names the type in general: `character`); −1 is "no modifier"
/// (`bpchar`). OID 0 gives `-`, an unknown one `???`.
///
/// Source: PostgreSQL 16 `format_type_extended`, `src/backend/utils/adt/format_type.c`.
pub fn format_type(oid: Oid, typmod: Option<i32>) -> String {
    if !oid.is_valid() {
        return "-".into();
    }
    let Some(row) = type_by_oid(oid) else { return "???".into() };
    // `int2vector` and `oidvector` are stored plain and print under their own names.
    match type_by_oid(row.element) {
        Some(element) if row.is_array() && row.storage != b'p' => name_of(element, typmod) + "[]",
        _ => name_of(row, typmod),
    }
}

fn name_of(row: &TypeRow, typmod: Option<i32>) -> String {
    use types::oid::*;
    const BIT: Oid = Oid(1560);
    const VARBIT: Oid = Oid(1562);
    let suffix = || match typmod {
        Some(typmod) if typmod >= 0 => typmod_suffix(row.oid, typmod),
        _ => String::new(),
    };
    // Without a modifier these two mean something else than the SQL name does (length 1).
    let bare = typmod.is_some_and(|typmod| typmod < 0);
    let sql_name = match row.oid {
        BIT if !bare => "bit",
        BPCHAR if !bare => "character",
        BOOL => return "boolean".into(),
        FLOAT4 => return "real".into(),
        FLOAT8 => return "double precision".into(),
        INT2 => return "smallint".into(),
        INT4 => return "integer".into(),
        INT8 => return "bigint".into(),
        NUMERIC => "numeric",
        INTERVAL => "interval",
        TIME => return format!("time{} without time zone", suffix()),
        TIMETZ => return format!("time{} with time zone", suffix()),
        TIMESTAMP => return format!("timestamp{} without time zone", suffix()),
        TIMESTAMPTZ => return format!("timestamp{} with time zone", suffix()),
        VARBIT => "bit varying",
        VARCHAR => "character varying",
        _ if row.schema == PG_CATALOG => {
            return quote_identifier(row.name).into_owned() + &suffix();
        }
        _ => return quote_qualified(schema_name(row.schema), row.name) + &suffix(),
    };
    sql_name.to_owned() + &suffix()
}

fn schema_name(schema: u32) -> &'static str {
    match schema {
        crate::objects::SYS => "sys",
        crate::objects::AWS_DSQL => "aws_dsql",
        _ => "information_schema",
    }
}

/// What a type's `typmodout` function prints for `typmod`, such as `(18,6)`; for `interval` with
/// its leading blank and fields.
pub fn typmod_suffix(oid: Oid, typmod: i32) -> String {
    use types::oid::*;
    /// The length word that the modifiers of these types count in.
    const VARHDRSZ: i32 = 4;
    if typmod < 0 {
        return String::new();
    }
    match oid {
        BPCHAR | VARCHAR if typmod > VARHDRSZ => format!("({})", typmod - VARHDRSZ),
        BPCHAR | VARCHAR => String::new(),
        NUMERIC if typmod >= VARHDRSZ => {
            let packed = typmod - VARHDRSZ;
            let scale = ((packed & 0x7ff) ^ 1024) - 1024;
            format!("({},{scale})", (packed >> 16) & 0xffff)
        }
        NUMERIC => String::new(),
        INTERVAL => interval_suffix(typmod),
        _ => format!("({typmod})"),
    }
}

fn interval_suffix(typmod: i32) -> String {
    const MONTH: i32 = 1 << 1;
    const YEAR: i32 = 1 << 2;
    const DAY: i32 = 1 << 3;
    const HOUR: i32 = 1 << 10;
    const MINUTE: i32 = 1 << 11;
    const SECOND: i32 = 1 << 12;
    const ANY_PRECISION: i32 = 0xffff;
    let fields = match (typmod >> 16) & 0x7fff {
        f if f == YEAR => " year",
        f if f == MONTH => " month",
        f if f == DAY => " day",
        f if f == HOUR => " hour",
        f if f == MINUTE => " minute",
        f if f == SECOND => " second",
        f if f == YEAR | MONTH => " year to month",
        f if f == DAY | HOUR => " day to hour",
        f if f == DAY | HOUR | MINUTE => " day to minute",
        f if f == DAY | HOUR | MINUTE | SECOND => " day to second",
        f if f == HOUR | MINUTE => " hour to minute",
        f if f == HOUR | MINUTE | SECOND => " hour to second",
        f if f == MINUTE | SECOND => " minute to second",
        _ => "",
    };
    match typmod & 0xffff {
        ANY_PRECISION => fields.to_owned(),
        precision => format!("{fields}({precision})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `oid|typmod|name` for every type and many modifiers, from PostgreSQL 16.14.
    const EXPECTED: &str = include_str!("../../tests/data/format_type.txt");

    #[test]
    fn as_postgresql() {
        for line in EXPECTED.lines() {
            let mut parts = line.splitn(3, '|');
            let oid = Oid(parts.next().unwrap().parse().unwrap());
            let typmod = parts.next().unwrap().parse().ok();
            assert_eq!(format_type(oid, typmod), parts.next().unwrap(), "{line}");
        }
    }
}
