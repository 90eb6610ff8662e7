//! What operators ask of single values, in one place.

use bytes::BytesMut;
use catalog::builtin::{ProcRow, Volatility};
use types::{Datum, FormatSettings, Numeric, Oid, Result, oid};

pub(crate) use types::compare::compare_typed as compare;

/// Whether a function may give another result when it is called again with the same arguments.
pub(super) fn is_volatile(proc: &ProcRow) -> bool {
    proc.volatility == Volatility::Volatile
}

/// A cast by the output function of `from` and the input function of `to`.
///
/// # Errors
/// What the input function raises.
pub(crate) fn coerce_via_io(
    value: &Datum,
    from: Oid,
    to: Oid,
    settings: &FormatSettings,
) -> Result<Datum> {
    match (value, to) {
        (Datum::Null, _) => return Ok(Datum::Null),
        (Datum::Text(_), oid::TEXT | oid::VARCHAR) if from != oid::CHAR => {
            return Ok(value.clone());
        }
        _ => {}
    }
    let mut text = BytesMut::new();
    types::text::output(value, from, settings, &mut text);
    let text = types::utf8(&text)?;
    match to {
        oid::TEXT | oid::VARCHAR | oid::BPCHAR => Ok(Datum::text(text)),
        _ => {
            let value = types::text::input(to, -1, text, settings)?;
            functions::check_jsonpath(&value)?;
            Ok(value)
        }
    }
}

/// A value as a column or cast of the type with this modifier holds it.
///
/// # Errors
/// `22001`, `22003`.
pub(crate) fn apply_typmod(
    value: Datum,
    type_oid: Oid,
    typmod: i32,
    explicit: bool,
) -> Result<Datum> {
    types::typmod::apply_typmod(type_oid, typmod, value, explicit)
}

/// Whether two values cannot be told apart: unlike SQL equality, 1.0 and 1.00 differ.
pub(crate) fn identical(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Numeric(x), Datum::Numeric(y)) => same_scale(x, y) && types::compare::equal(a, b),
        (Datum::Float4(x), Datum::Float4(y)) => x.to_bits() == y.to_bits(),
        (Datum::Float8(x), Datum::Float8(y)) => x.to_bits() == y.to_bits(),
        (Datum::Interval(x), Datum::Interval(y)) => x == y,
        (Datum::TimeTz(x), Datum::TimeTz(y)) => x == y,
        (Datum::Array(x), Datum::Array(y)) => {
            x.dims == y.dims && all_identical(&x.elements, &y.elements)
        }
        (Datum::Record(x), Datum::Record(y)) => {
            x.fields.len() == y.fields.len()
                && x.fields.iter().zip(&y.fields).all(|(x, y)| identical(&x.2, &y.2))
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && types::compare::equal(a, b),
    }
}

/// [`identical`], value by value.
pub(crate) fn all_identical(a: &[Datum], b: &[Datum]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b))
}

fn same_scale(a: &Numeric, b: &Numeric) -> bool {
    a.scale() == b.scale()
}
