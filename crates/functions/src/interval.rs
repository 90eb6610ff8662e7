//! `interval` arithmetic and normalisation.

use types::datetime::{
    MICROS_PER_DAY, interval_add, interval_div, interval_mul, interval_neg, interval_sub,
    justify_days, justify_hours, justify_interval, make_interval, trunc_interval,
};
use types::typmod::apply_typmod;
use types::{Datum, Interval, oid};

use crate::convert::{Time, scalars};

scalars! { pub(crate) const TABLE =
    "interval_pl"(a: Interval, b: Interval) => interval_add(a, b);
    "interval_mi"(a: Interval, b: Interval) => interval_sub(a, b);
    "interval_um"(a: Interval) => interval_neg(a);
    "interval_mul"(a: Interval, factor: f64) => interval_mul(a, factor);
    "mul_d_interval"(factor: f64, a: Interval) => interval_mul(a, factor);
    "interval_div"(a: Interval, divisor: f64) => interval_div(a, divisor);
    // An interval is always finite in PostgreSQL 16.
    "interval_finite"(_a: Interval) => true;
    "interval_justify_hours"(a: Interval) => justify_hours(a);
    "interval_justify_days"(a: Interval) => justify_days(a);
    "interval_justify_interval"(a: Interval) => justify_interval(a);
    "interval_scale"(a: &Datum, typmod: i32) => apply_typmod(oid::INTERVAL, typmod, a.clone(), true);
    "interval_trunc"(unit: &str, a: Interval) => trunc_interval(crate::date_parts::field(unit, oid::INTERVAL)?, a);
    "interval_time"(a: Interval) => Time(a.micros.rem_euclid(MICROS_PER_DAY));
    "time_interval"(a: Time) => Interval { micros: a.0, ..Interval::default() };
    "make_interval"(years: i32, months: i32, weeks: i32, days: i32, hours: i32, minutes: i32, seconds: f64) =>
        make_interval((years, months, weeks, days), (hours, minutes, seconds));
}
