//! Functions that describe objects: `pg_get_indexdef`, `format_type`, visibility, privileges.

use functions::Scalar;

pub(super) fn scalar(_prosrc: &str) -> Option<Scalar> {
    None
}
