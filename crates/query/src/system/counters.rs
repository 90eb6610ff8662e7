//! `pg_stat_get_numscans(oid)` and its like: counters of what happens to relations and databases. None
//! are kept, so that each function gives what PostgreSQL gives where nothing has been counted yet.
//!
//! Source: PostgreSQL 16 `src/backend/utils/adt/pgstatfuncs.c`.

use catalog::builtin;
use functions::Scalar;
use types::{Datum, oid};

/// The function with this `prosrc`, if it counts for an object that is given by its OID.
pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    let of = prosrc.strip_prefix("pg_stat_get_")?;
    let proc = builtin::procs_by_name(prosrc).iter().find(|proc| proc.args == [oid::OID])?;
    // Of functions, and of checksums, there is nothing to say; of all else there are noughts.
    let of_function = of.trim_start_matches("xact_").starts_with("function_");
    Some(match proc.ret {
        _ if of_function || of == "db_checksum_failures" => |_, _, _| Ok(Datum::Null),
        oid::INT8 => |_, _, _| Ok(Datum::Int8(0)),
        oid::FLOAT8 => |_, _, _| Ok(Datum::Float8(0.0)),
        // When something happened last.
        oid::TIMESTAMPTZ => |_, _, _| Ok(Datum::Null),
        _ => return None,
    })
}
