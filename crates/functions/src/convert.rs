//! Between [`Datum`]s and the Rust values that implementations are written in, and the macro that
//! turns a table of closures into a table of [`Scalar`](crate::Scalar)s.

use std::sync::Arc;

use types::jsonpath::JsonPath;
use types::rare::bits::Bits;
use types::rare::geometry::{Circle, Path, Point, Rect};
use types::rare::inet::Inet;
use types::rare::range::{Multirange, Range};
use types::rare::tsquery::TsQuery;
use types::rare::tsvector::TsVector;
use types::{Array, Datum, Interval, Json, Numeric, Oid, Rare, Record, Result, SqlError, TimeTz};

/// Reads one argument.
pub(crate) trait FromDatum<'a>: Sized {
    fn from_datum(datum: &'a Datum) -> Result<Self>;
}

/// Makes the result.
pub(crate) trait IntoDatum {
    fn into_datum(self) -> Result<Datum>;
}

/// `"char"`: one byte. Bytes above 127 are written as `\ooo`, as the type's output does.
#[derive(Clone, Copy)]
pub(crate) struct Char(pub(crate) u8);
/// `oid` and its aliases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OidValue(pub(crate) u32);
/// `date`, in days since 2000-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(pub(crate) i32);
/// `time`, in microseconds since midnight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);
/// `timestamp`, in microseconds since 2000-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub(crate) i64);
/// `timestamptz`, in microseconds since 2000-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamptz(pub(crate) i64);
/// `uuid`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

/// The planner handed over a value of another type than the function's row in `pg_proc` says.
#[cold]
pub(crate) fn mismatch(expected: &str, found: &Datum) -> SqlError {
    SqlError::internal(format!("function argument is {found:?}, expected {expected}"))
}

/// The planner handed over another number of arguments than the function takes.
#[cold]
pub(crate) fn wrong_arity(found: usize) -> SqlError {
    SqlError::internal(format!("function called with {found} arguments"))
}

macro_rules! convert {
    ($($variant:ident($rust:ty) = $name:literal: |$value:ident| $read:expr, $write:expr;)*) => {$(
        impl<'a> FromDatum<'a> for $rust {
            #[inline]
            fn from_datum(datum: &'a Datum) -> Result<Self> {
                match datum {
                    Datum::$variant($value) => Ok($read),
                    other => Err(mismatch($name, other)),
                }
            }
        }
        impl IntoDatum for $rust {
            #[inline]
            fn into_datum(self) -> Result<Datum> {
                let $value = self;
                Ok(Datum::$variant($write))
            }
        }
    )*};
}

convert! {
    Bool(bool) = "boolean": |v| *v, v;
    Int2(i16) = "smallint": |v| *v, v;
    Int4(i32) = "integer": |v| *v, v;
    Int8(i64) = "bigint": |v| *v, v;
    Oid(OidValue) = "oid": |v| OidValue(*v), v.0;
    Float4(f32) = "real": |v| *v, v;
    Float8(f64) = "double precision": |v| *v, v;
    Date(Date) = "date": |v| Date(*v), v.0;
    Time(Time) = "time": |v| Time(*v), v.0;
    TimeTz(TimeTz) = "timetz": |v| *v, v;
    Timestamp(Timestamp) = "timestamp": |v| Timestamp(*v), v.0;
    Timestamptz(Timestamptz) = "timestamptz": |v| Timestamptz(*v), v.0;
    Interval(Interval) = "interval": |v| *v, v;
    Uuid(Uuid) = "uuid": |v| Uuid(*v), v.0;
    Numeric(Numeric) = "numeric": |v| v.clone(), v;
}

macro_rules! borrow {
    ($($variant:ident($rust:ty) = $name:literal;)*) => {$(
        impl<'a> FromDatum<'a> for &'a $rust {
            #[inline]
            fn from_datum(datum: &'a Datum) -> Result<Self> {
                match datum {
                    Datum::$variant(value) => Ok(value),
                    other => Err(mismatch($name, other)),
                }
            }
        }
    )*};
}

borrow! {
    Text(str) = "text";
    Bytea([u8]) = "bytea";
    Numeric(Numeric) = "numeric";
    Jsonb(Json) = "jsonb";
    Array(Array) = "array";
    Record(Record) = "record";
}

/// `pg_lsn`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(pub(crate) u64);
/// `xid8`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Xid8(pub(crate) u64);
/// `money`, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Money(pub(crate) i64);

/// Types behind [`Rare`], borrowed as arguments and owned as results.
macro_rules! rare {
    ($($variant:ident($rust:ty) = $name:literal;)*) => {$(
        impl<'a> FromDatum<'a> for &'a $rust {
            fn from_datum(datum: &'a Datum) -> Result<Self> {
                if let Datum::Rare(rare) = datum && let Rare::$variant(value) = &**rare {
                    return Ok(value);
                }
                Err(mismatch($name, datum))
            }
        }
        impl IntoDatum for $rust {
            fn into_datum(self) -> Result<Datum> {
                Ok(Datum::rare(Rare::$variant(self)))
            }
        }
    )*};
}

rare! {
    Inet(Inet) = "inet";
    Mac([u8; 6]) = "macaddr";
    Mac8([u8; 8]) = "macaddr8";
    Bits(Bits) = "bit";
    Range(Range) = "range";
    Multirange(Multirange) = "multirange";
    TsVector(TsVector) = "tsvector";
    TsQuery(TsQuery) = "tsquery";
    JsonPath(JsonPath) = "jsonpath";
    Point(Point) = "point";
    Lseg([Point; 2]) = "lseg";
    Box(Rect) = "box";
    Path(Path) = "path";
    Polygon(Vec<Point>) = "polygon";
    Circle(Circle) = "circle";
}

/// Types behind [`Rare`] that are numbers.
macro_rules! rare_numbers {
    ($($variant:ident($rust:ident) = $name:literal;)*) => {$(
        impl<'a> FromDatum<'a> for $rust {
            fn from_datum(datum: &'a Datum) -> Result<Self> {
                if let Datum::Rare(rare) = datum && let Rare::$variant(value) = &**rare {
                    return Ok($rust(*value));
                }
                Err(mismatch($name, datum))
            }
        }
        impl IntoDatum for $rust {
            fn into_datum(self) -> Result<Datum> {
                Ok(Datum::rare(Rare::$variant(self.0)))
            }
        }
    )*};
}

rare_numbers! {
    Lsn(Lsn) = "pg_lsn";
    Xid8(Xid8) = "xid8";
    Money(Money) = "money";
}

impl<'a> FromDatum<'a> for &'a Datum {
    #[inline]
    fn from_datum(datum: &'a Datum) -> Result<Self> {
        Ok(datum)
    }
}

impl<'a, T: FromDatum<'a>> FromDatum<'a> for Option<T> {
    #[inline]
    fn from_datum(datum: &'a Datum) -> Result<Self> {
        match datum {
            Datum::Null => Ok(None),
            datum => T::from_datum(datum).map(Some),
        }
    }
}

impl<'a> FromDatum<'a> for Char {
    #[inline]
    fn from_datum(datum: &'a Datum) -> Result<Self> {
        match datum {
            Datum::Text(text) => Ok(Char(types::strings::char_to_byte(text))),
            other => Err(mismatch("\"char\"", other)),
        }
    }
}

impl IntoDatum for Char {
    fn into_datum(self) -> Result<Datum> {
        Ok(types::strings::char_from_byte(self.0))
    }
}

impl IntoDatum for Datum {
    #[inline]
    fn into_datum(self) -> Result<Datum> {
        Ok(self)
    }
}

impl IntoDatum for () {
    /// `void` prints as an empty string.
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::text(""))
    }
}

impl IntoDatum for &str {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Text(Arc::from(self)))
    }
}

impl IntoDatum for String {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Text(Arc::from(self)))
    }
}

impl IntoDatum for std::borrow::Cow<'_, str> {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Text(Arc::from(self)))
    }
}

impl IntoDatum for &[u8] {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Bytea(Arc::from(self)))
    }
}

impl IntoDatum for Vec<u8> {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Bytea(Arc::from(self)))
    }
}

impl IntoDatum for Array {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Array(Arc::new(self)))
    }
}

impl IntoDatum for Json {
    fn into_datum(self) -> Result<Datum> {
        Ok(Datum::Jsonb(Arc::new(self)))
    }
}

impl<T: IntoDatum> IntoDatum for Option<T> {
    #[inline]
    fn into_datum(self) -> Result<Datum> {
        match self {
            Some(value) => value.into_datum(),
            None => Ok(Datum::Null),
        }
    }
}

impl<T: IntoDatum> IntoDatum for Result<T> {
    #[inline]
    fn into_datum(self) -> Result<Datum> {
        self?.into_datum()
    }
}

/// An array of type `element[]` with the default lower bound.
pub(crate) fn array_of(element: Oid, elements: impl IntoIterator<Item = Datum>) -> Datum {
    Datum::Array(Arc::new(Array::from_elements(element, elements.into_iter().collect())))
}

/// One family's implementations: the `pg_proc.prosrc` names of each, and the function.
pub(crate) type Table = &'static [(&'static [&'static str], crate::Scalar)];

/// Defines a [`Table`]. In brackets, the names under which the body sees the call's context, its
/// site and all of its arguments; in parentheses, the arguments it takes, with their Rust types.
/// Without parentheses the function takes any number.
///
/// ```ignore
/// scalars! { pub(crate) const TABLE =
///     "int4pl"(a: i32, b: i32) => a.checked_add(b).ok_or_else(integer_out_of_range);
///     "now"[cx]() => Timestamptz(cx.transaction_micros);
///     "text_concat"[cx, site, args] => concat(cx, site, args);
/// }
/// ```
macro_rules! scalars {
    (
        $(#[$meta:meta])* pub(crate) const $table:ident =
        $(
            $($name:literal)|+ $([$cx:ident $(, $site:ident $(, $all:ident)?)?])?
            $(($($arg:ident : $ty:ty),* $(,)?))? => $body:expr;
        )*
    ) => {
        $(#[$meta])*
        pub(crate) const $table: $crate::convert::Table = &[$(
            (&[$($name),+], {
                fn call(
                    _cx: &$crate::CallCx<'_>,
                    _site: &$crate::Site,
                    _args: &[types::Datum],
                ) -> types::Result<types::Datum> {
                    $(let $cx = _cx; let _ = $cx; $(let $site = _site; $(let $all = _args;)?)?)?
                    $(
                        let [$($arg),*] = _args else {
                            return Err($crate::convert::wrong_arity(_args.len()));
                        };
                        $(let $arg = <$ty as $crate::convert::FromDatum<'_>>::from_datum($arg)?;)*
                    )?
                    $crate::convert::IntoDatum::into_datum($body)
                }
                call
            }),
        )*];
    };
}

pub(crate) use scalars;
