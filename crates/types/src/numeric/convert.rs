//! Conversions between [`Numeric`] and the other number types.

use super::parse::parse;
use crate::{Numeric, Result, SqlError, SqlState};

impl From<i64> for Numeric {
    fn from(unscaled: i64) -> Numeric {
        Numeric::Small { unscaled, scale: 0 }
    }
}

impl From<i32> for Numeric {
    fn from(value: i32) -> Numeric {
        Numeric::from(i64::from(value))
    }
}

impl From<i16> for Numeric {
    fn from(value: i16) -> Numeric {
        Numeric::from(i64::from(value))
    }
}

fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{type_name} out of range"))
}

impl Numeric {
    /// As `smallint`, rounded half away from zero.
    ///
    /// # Errors
    /// `22003` out of range, `0A000` for NaN and infinities.
    pub fn to_i16(&self) -> Result<i16> {
        i16::try_from(self.to_integer("smallint")?).map_err(|_| out_of_range("smallint"))
    }

    /// As `integer`, rounded half away from zero.
    ///
    /// # Errors
    /// As [`Numeric::to_i16`].
    pub fn to_i32(&self) -> Result<i32> {
        i32::try_from(self.to_integer("integer")?).map_err(|_| out_of_range("integer"))
    }

    /// As `bigint`, rounded half away from zero.
    ///
    /// # Errors
    /// As [`Numeric::to_i16`].
    pub fn to_i64(&self) -> Result<i64> {
        self.to_integer("bigint")
    }

    fn to_integer(&self, type_name: &str) -> Result<i64> {
        let unsupported = |what: &str| {
            Err(SqlError::unsupported(format!("cannot convert {what} to {type_name}")))
        };
        match self {
            Numeric::Small { unscaled, scale: 0 } => Ok(*unscaled),
            Numeric::NaN => unsupported("NaN"),
            Numeric::PosInfinity | Numeric::NegInfinity => unsupported("infinity"),
            _ => match self.round(0)? {
                Numeric::Small { unscaled, .. } => Ok(unscaled),
                _ => Err(out_of_range(type_name)),
            },
        }
    }

    /// As `double precision`: the nearest value.
    ///
    /// # Errors
    /// `22003` if the magnitude is beyond the type's.
    pub fn to_f64(&self) -> Result<f64> {
        match self {
            Numeric::NaN => Ok(f64::NAN),
            Numeric::PosInfinity => Ok(f64::INFINITY),
            Numeric::NegInfinity => Ok(f64::NEG_INFINITY),
            Numeric::Small { unscaled: 0, .. } => Ok(0.0),
            _ => {
                let text = self.to_string();
                let value: f64 = text.parse().unwrap_or(f64::NAN);
                match value.is_finite() && value != 0.0 {
                    true => Ok(value),
                    false => Err(float_range(&text, "double precision")),
                }
            }
        }
    }

    /// As `real`: the nearest value.
    ///
    /// # Errors
    /// `22003` if the magnitude is beyond the type's.
    pub fn to_f32(&self) -> Result<f32> {
        match self {
            Numeric::NaN => Ok(f32::NAN),
            Numeric::PosInfinity => Ok(f32::INFINITY),
            Numeric::NegInfinity => Ok(f32::NEG_INFINITY),
            Numeric::Small { unscaled: 0, .. } => Ok(0.0),
            _ => {
                let text = self.to_string();
                let value: f32 = text.parse().unwrap_or(f32::NAN);
                match value.is_finite() && value != 0.0 {
                    true => Ok(value),
                    false => Err(float_range(&text, "real")),
                }
            }
        }
    }

    /// From `double precision`, with 15 significant digits as PostgreSQL has it.
    ///
    /// # Errors
    /// None in practice: every `double precision` fits.
    pub fn from_f64(value: f64) -> Result<Numeric> {
        if value.is_nan() {
            Ok(Numeric::NaN)
        } else if value.is_infinite() {
            Ok(if value > 0.0 { Numeric::PosInfinity } else { Numeric::NegInfinity })
        } else {
            parse(&crate::float::general(value, 15))
        }
    }

    /// From `real`, with 6 significant digits as PostgreSQL has it.
    ///
    /// # Errors
    /// None in practice: every `real` fits.
    pub fn from_f32(value: f32) -> Result<Numeric> {
        if value.is_nan() {
            Ok(Numeric::NaN)
        } else if value.is_infinite() {
            Ok(if value > 0.0 { Numeric::PosInfinity } else { Numeric::NegInfinity })
        } else {
            parse(&crate::float::general(f64::from(value), 6))
        }
    }
}

fn float_range(text: &str, type_name: &str) -> SqlError {
    SqlError::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("\"{text}\" is out of range for type {type_name}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        assert_eq!(parse("2.5").unwrap().to_i32().unwrap(), 3);
        assert_eq!(
            parse("32768").unwrap().to_i16().unwrap_err().message(),
            "smallint out of range"
        );
        assert_eq!(
            parse("NaN").unwrap().to_i64().unwrap_err().message(),
            "cannot convert NaN to bigint"
        );
        assert_eq!(parse("-9223372036854775808").unwrap().to_i64().unwrap(), i64::MIN);
        assert!((parse("1.1").unwrap().to_f64().unwrap() - 1.1).abs() < f64::EPSILON);
        assert!(parse("1e400").unwrap().to_f64().is_err());
        assert_eq!(Numeric::from_f64(0.1 + 0.2).unwrap().to_string(), "0.3");
        assert_eq!(Numeric::from_f64(1e20).unwrap().to_string(), "100000000000000000000");
        assert_eq!(Numeric::from_f32(1.1).unwrap().to_string(), "1.1");
    }
}
