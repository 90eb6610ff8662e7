//! The parameterless SQL functions: `CURRENT_DATE`, `CURRENT_USER` and so on.

use std::sync::Arc;

use types::{Datum, TimeTz};

use super::EvalCx;
use crate::expr::SqlValue;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Who is connected to what.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `CURRENT_USER`.
    pub current_user: Arc<str>,
    /// `SESSION_USER`.
    pub session_user: Arc<str>,
    /// `CURRENT_CATALOG`.
    pub database: Arc<str>,
    /// `CURRENT_SCHEMA`: the first schema of the search path that exists.
    pub schema: Option<Arc<str>>,
}

/// The value of `which`; `precision` is the number of fractional digits kept, or −1 for all.
pub(super) fn sql_value(which: SqlValue, precision: i32, cx: &EvalCx<'_>) -> Datum {
    let now = cx.call.transaction_micros;
    let zone = || cx.call.settings.time_zone.offset_at(now);
    let local = || now.saturating_add(i64::from(zone()) * 1_000_000);
    match which {
        SqlValue::CurrentDate => {
            let days = local().div_euclid(MICROS_PER_DAY);
            Datum::Date(i32::try_from(days).unwrap_or(i32::MAX))
        }
        SqlValue::CurrentTime => Datum::TimeTz(TimeTz {
            micros: rounded(local().rem_euclid(MICROS_PER_DAY), precision),
            // `TimeTz::zone` counts west.
            zone: -zone(),
        }),
        SqlValue::CurrentTimestamp => Datum::Timestamptz(rounded(now, precision)),
        SqlValue::LocalTime => Datum::Time(rounded(local().rem_euclid(MICROS_PER_DAY), precision)),
        SqlValue::LocalTimestamp => Datum::Timestamp(rounded(local(), precision)),
        SqlValue::CurrentRole | SqlValue::CurrentUser => {
            Datum::Text(Arc::clone(&cx.identity.current_user))
        }
        SqlValue::SessionUser => Datum::Text(Arc::clone(&cx.identity.session_user)),
        SqlValue::CurrentCatalog => Datum::Text(Arc::clone(&cx.identity.database)),
        SqlValue::CurrentSchema => {
            cx.identity.schema.as_ref().map_or(Datum::Null, |name| Datum::Text(Arc::clone(name)))
        }
    }
}

/// `micros` rounded to `precision` fractional digits of a second, half away from zero.
fn rounded(micros: i64, precision: i32) -> i64 {
    let Ok(digits @ 0..6) = u32::try_from(precision) else {
        return micros;
    };
    let unit = 10_i64.pow(6 - digits);
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    micros.saturating_add(half) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_half_away_from_zero() {
        assert_eq!(rounded(1_500_000, 0), 2_000_000);
        assert_eq!(rounded(-1_500_000, 0), -2_000_000);
        assert_eq!(rounded(1_234_567, 3), 1_235_000);
        assert_eq!(rounded(1_234_567, 6), 1_234_567);
        assert_eq!(rounded(1_234_567, -1), 1_234_567);
    }
}
