//! DSQL's limits on tables, and which types a column and a key can have.

use types::oid::*;
use types::{Oid, Result, SqlError, SqlState};

use crate::builtin::{base_type, format_type};

/// Columns of a table. The service documents 255 and accepts 256.
pub const COLUMNS_MAX: usize = 256;
/// Views of a cluster.
const VIEWS_MAX: usize = 5000;
/// Extended statistics objects of a table.
const STATISTICS_MAX: usize = 5;
/// Bytes of a view's query. The service documents 2 MiB and takes less.
const VIEW_BYTES_MAX: usize = 512 * 1000;
/// Columns in a table's lifetime, dropped ones included.
pub(super) const ATTRIBUTES_MAX: usize = 1600;
/// Indexes of a table, its primary key included.
pub const INDEXES_MAX: usize = 24;
/// Columns of a key.
pub const KEY_COLUMNS_MAX: usize = 8;
/// Schemas besides the ones that always exist.
pub const SCHEMAS_MAX: usize = 10;
/// Tables of a cluster.
pub const TABLES_MAX: usize = 1000;
/// Sequences of a cluster, those of identity columns included.
const SEQUENCES_MAX: usize = 5000;
/// Declared bytes of a key.
const KEY_BYTES_MAX: i32 = 2000;
/// Declared length of `char(n)`.
const CHAR_BYTES_MAX: i32 = 4096;
/// Declared length of `varchar(n)`.
const VARCHAR_BYTES_MAX: i32 = 65535;
/// What the type modifiers of `char` and `varchar` have on top of the length.
const VARHDRSZ: i32 = 4;
/// `numeric(18,6)`: what `numeric` without a precision means for a column.
const NUMERIC_DEFAULT: i32 = ((18 << 16) | 6) + VARHDRSZ;

/// Refuses a column type that cannot be stored, or is declared too long.
///
/// # Errors
/// `0A000` `datatype money not supported`; `54000` for a length.
pub fn check_column_type(type_oid: Oid, typmod: i32) -> Result<()> {
    let too_long = |what: &str, max: i32| {
        Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("Datatype limit greater than {max} bytes not supported for {what}"),
        ))
    };
    match base_type(type_oid) {
        BPCHAR if typmod - VARHDRSZ > CHAR_BYTES_MAX => too_long("char", CHAR_BYTES_MAX),
        VARCHAR if typmod - VARHDRSZ > VARCHAR_BYTES_MAX => too_long("varchar", VARCHAR_BYTES_MAX),
        BOOL | BYTEA | INT2 | INT4 | INT8 | FLOAT4 | FLOAT8 | NUMERIC | BPCHAR | VARCHAR | TEXT
        | DATE | TIME | TIMETZ | TIMESTAMP | TIMESTAMPTZ | INTERVAL | UUID | JSON | JSONB => Ok(()),
        _ => Err(SqlError::unsupported(format!("datatype {} not supported", type_name(type_oid)))),
    }
}

/// The modifier that a column declared with `typmod` has: `numeric` alone is `numeric(18,6)`.
pub fn column_typmod(type_oid: Oid, typmod: i32) -> i32 {
    match type_oid {
        NUMERIC if typmod < 0 => NUMERIC_DEFAULT,
        _ => typmod,
    }
}

/// Refuses a type that keys cannot be made of.
///
/// # Errors
/// `0A000` `datatype json is not supported in a key`.
pub fn check_key_type(type_oid: Oid) -> Result<()> {
    match base_type(type_oid) {
        BOOL | INT2 | INT4 | INT8 | FLOAT4 | FLOAT8 | NUMERIC | BPCHAR | VARCHAR | TEXT | DATE
        | TIME | TIMESTAMP | TIMESTAMPTZ | UUID => Ok(()),
        _ => Err(SqlError::unsupported(format!(
            "datatype {} is not supported in a key",
            type_name(type_oid)
        ))),
    }
}

/// The name in messages; `bpchar` and `bit` print as their SQL names.
fn type_name(type_oid: Oid) -> String {
    format_type(type_oid, None)
}

/// Refuses a key of too many columns, of types that cannot be in one, or declared too long.
///
/// # Errors
/// `54011`, `0A000`, `54000`.
pub(super) fn check_key(columns: &[(Oid, i32)]) -> Result<()> {
    if columns.len() > KEY_COLUMNS_MAX {
        return Err(SqlError::new(
            SqlState::TOO_MANY_COLUMNS,
            format!("more than {KEY_COLUMNS_MAX} column keys in an index are not supported"),
        ));
    }
    let mut bytes = 0;
    for (type_oid, typmod) in columns {
        check_key_type(*type_oid)?;
        bytes += declared_bytes(*type_oid, *typmod);
    }
    if bytes > KEY_BYTES_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("key size greater than {KEY_BYTES_MAX} bytes not supported"),
        ));
    }
    Ok(())
}

/// The most bytes that a declaration allows; 0 for types without a declared limit, whose values
/// are checked when they are stored.
fn declared_bytes(type_oid: Oid, typmod: i32) -> i32 {
    match base_type(type_oid) {
        BOOL => 1,
        INT2 => 2,
        INT4 | FLOAT4 | DATE => 4,
        INT8 | FLOAT8 | TIME | TIMESTAMP | TIMESTAMPTZ => 8,
        UUID => 16,
        BPCHAR | VARCHAR => (typmod - VARHDRSZ).max(0),
        // 8 bytes and 2 for each 4 digits.
        NUMERIC if typmod >= VARHDRSZ => 8 + ((((typmod - VARHDRSZ) >> 16) & 0xffff) + 3) / 4 * 2,
        _ => 0,
    }
}

/// Refuses more than [`SEQUENCES_MAX`] sequences.
///
/// # Errors
/// `54000`.
pub(super) fn check_sequence_count(count: usize) -> Result<()> {
    if count > SEQUENCES_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("creating more than {SEQUENCES_MAX} sequences is not allowed"),
        ));
    }
    Ok(())
}

/// Refuses more than [`VIEWS_MAX`] views.
///
/// # Errors
/// `54000`.
pub(super) fn check_view_count(count: usize) -> Result<()> {
    if count > VIEWS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("creating more than {VIEWS_MAX} views not allowed"),
        ));
    }
    Ok(())
}

/// Refuses more than [`STATISTICS_MAX`] statistics objects.
///
/// # Errors
/// `54000`.
pub(super) fn check_statistics_count(count: usize) -> Result<()> {
    if count > STATISTICS_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("more than {STATISTICS_MAX} extended statistics per table are not allowed"),
        ));
    }
    Ok(())
}

/// Refuses a view's query that is too long.
///
/// # Errors
/// `54000`.
pub(super) fn check_view_definition(text: &str) -> Result<()> {
    if text.len() > VIEW_BYTES_MAX {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "view definition too large"));
    }
    Ok(())
}

/// Refuses more than [`INDEXES_MAX`] indexes.
///
/// # Errors
/// `54000`.
pub(super) fn check_index_count(count: usize) -> Result<()> {
    if count > INDEXES_MAX {
        return Err(SqlError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("more than {INDEXES_MAX} indexes per table are not allowed"),
        ));
    }
    Ok(())
}

/// Refuses too many columns: `live` now, `ever` with the dropped ones.
///
/// # Errors
/// `54011`.
pub(super) fn check_column_count(live: usize, ever: usize, primary_key: bool) -> Result<()> {
    let message = if live > COLUMNS_MAX && primary_key {
        format!("cannot use more than {COLUMNS_MAX} columns in an index")
    } else if live > COLUMNS_MAX {
        "tables can have at most 255 columns".to_owned()
    } else if ever > ATTRIBUTES_MAX {
        format!("tables can have at most {ATTRIBUTES_MAX} columns")
    } else {
        return Ok(());
    };
    Err(SqlError::new(SqlState::TOO_MANY_COLUMNS, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::type_by_name;

    #[test]
    fn types_that_are_refused() {
        for (name, expected) in [
            ("money", "datatype money not supported"),
            ("varbit", "datatype bit varying not supported"),
            ("bit", "datatype bit not supported"),
            ("_int4", "datatype integer[] not supported"),
            ("int4range", "datatype int4range not supported"),
            ("name", "datatype name not supported"),
        ] {
            let error = check_column_type(type_by_name(name).unwrap().oid, -1).unwrap_err();
            assert_eq!((error.message(), error.code().as_str()), (expected, "0A000"));
        }
        let error = check_key_type(JSON).unwrap_err();
        assert_eq!(error.message(), "datatype json is not supported in a key");
        let error = check_key_type(TIMETZ).unwrap_err();
        assert_eq!(error.message(), "datatype time with time zone is not supported in a key");
    }

    #[test]
    fn lengths_that_are_refused() {
        assert!(check_column_type(BPCHAR, 4096 + 4).is_ok());
        assert_eq!(
            check_column_type(BPCHAR, 4097 + 4).unwrap_err().message(),
            "Datatype limit greater than 4096 bytes not supported for char"
        );
        assert_eq!(
            check_column_type(VARCHAR, 65536 + 4).unwrap_err().message(),
            "Datatype limit greater than 65535 bytes not supported for varchar"
        );
        assert!(check_key(&[(VARCHAR, 2004)]).is_ok());
        assert_eq!(
            check_key(&[(VARCHAR, 2004), (INT4, -1)]).unwrap_err().message(),
            "key size greater than 2000 bytes not supported"
        );
        assert_eq!(column_typmod(NUMERIC, -1), 1179658);
    }
}
