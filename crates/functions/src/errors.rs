//! Errors that many functions raise, with PostgreSQL's texts.

use types::{SqlError, SqlState};

/// `22003`: `<type> out of range`.
#[cold]
pub(crate) fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{type_name} out of range"))
}

#[cold]
pub(crate) fn smallint_out_of_range() -> SqlError {
    out_of_range("smallint")
}

#[cold]
pub(crate) fn integer_out_of_range() -> SqlError {
    out_of_range("integer")
}

#[cold]
pub(crate) fn bigint_out_of_range() -> SqlError {
    out_of_range("bigint")
}

/// `22012`.
#[cold]
pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

/// `22003`, of floats.
#[cold]
pub(crate) fn overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

/// `22003`, of floats.
#[cold]
pub(crate) fn underflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

/// `22023` with a message.
#[cold]
pub(crate) fn invalid_parameter(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// `22008` with a message.
#[cold]
pub(crate) fn datetime_overflow(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

#[cold]
pub(crate) fn timestamp_out_of_range() -> SqlError {
    datetime_overflow("timestamp out of range")
}

#[cold]
pub(crate) fn date_out_of_range() -> SqlError {
    datetime_overflow("date out of range")
}

/// `54000`: a result beyond one gigabyte.
#[cold]
pub(crate) fn requested_length_too_large() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}
