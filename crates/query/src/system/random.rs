//! `random`, `random_normal` and `setseed`: a session's own numbers, which a seed makes the same as
//! PostgreSQL's.
//!
//! Source: PostgreSQL 16 `float.c`, `pg_prng.c` (xoroshiro128**, seeded by splitmix64).

use std::sync::{Mutex, MutexGuard, PoisonError};

use functions::{CallCx, Scalar};
use types::{Datum, Result, SqlError, SqlState};

use super::session;

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "drandom" => |cx, _, _| Ok(Datum::Float8(numbers(cx)?.next())),
        "drandom_normal" => |cx, _, args| match args {
            [Datum::Float8(mean), Datum::Float8(deviation)] => {
                Ok(Datum::Float8(mean + deviation * numbers(cx)?.normal()))
            }
            _ => Ok(Datum::Null),
        },
        "setseed" => |cx, _, args| {
            let [Datum::Float8(seed)] = args else { return Ok(Datum::Null) };
            if !(-1.0..=1.0).contains(seed) {
                let seed = types::text::to_string(&args[0], types::oid::FLOAT8, cx.settings);
                return Err(SqlError::new(
                    SqlState::INVALID_PARAMETER_VALUE,
                    format!("setseed parameter {seed} is out of allowed range [-1,1]"),
                ));
            }
            *numbers(cx)? = Numbers::seeded(*seed);
            Ok(Datum::text(""))
        },
        _ => return None,
    })
}

fn numbers<'a>(cx: &CallCx<'a>) -> Result<MutexGuard<'a, Numbers>> {
    Ok(session(cx)?.random.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The random numbers of a session.
#[derive(Debug, Default)]
pub(crate) struct Random(Mutex<Numbers>);

#[derive(Clone, Debug)]
struct Numbers {
    state: [u64; 2],
}

impl Default for Numbers {
    fn default() -> Numbers {
        // All zeros would stay so.
        Numbers { state: [rand::random::<u64>() | 1, rand::random()] }
    }
}

impl Numbers {
    /// `seed` lies between −1 and 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "below 2⁵² either way, which PostgreSQL cuts off too"
    )]
    fn seeded(seed: f64) -> Numbers {
        let seed = ((((1_u64 << 52) - 1) as f64) * seed) as i64;
        let mut state = seed.cast_unsigned();
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        };
        Numbers { state: [next(), next()] }
    }

    fn bits(&mut self) -> u64 {
        let [first, second] = self.state;
        let mixed = first ^ second;
        self.state = [first.rotate_left(24) ^ mixed ^ mixed << 16, mixed.rotate_left(37)];
        first.wrapping_mul(5).rotate_left(7).wrapping_mul(9)
    }

    /// From 0 up to, not including, 1.
    #[expect(clippy::cast_precision_loss, reason = "52 bits")]
    fn next(&mut self) -> f64 {
        (self.bits() >> 12) as f64 / (1_u64 << 52) as f64
    }

    /// Normally distributed around 0 with deviation 1, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let (first, second) = (1.0 - self.next(), 1.0 - self.next());
        (-2.0 * first.ln()).sqrt() * (2.0 * std::f64::consts::PI * second).sin()
    }
}
