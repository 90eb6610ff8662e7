//! The types that no column can hold: addresses, bit strings, ranges, text search, SQL/JSON paths,
//! geometry, and a few of the system's own.
//!
//! They share one variant of [`crate::Datum`] and have one module each; here is what tells them
//! apart. Text and binary of a value depend on the type too, since `inet` and `cidr`, `bit` and `bit
//! varying` share a representation.

pub mod bits;
pub mod geometry;
pub mod inet;
pub mod mac;
pub mod money;
pub mod range;
pub mod tsquery;
pub mod tsvector;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use bytes::{BufMut, BytesMut};

use self::bits::Bits;
use self::geometry::{Circle, Path, Point, Rect};
use self::inet::Inet;
use self::range::{Multirange, Range};
use self::tsquery::TsQuery;
use self::tsvector::TsVector;
use crate::jsonpath::{self, JsonPath};
use crate::reader::{Reader, utf8};
use crate::{FormatSettings, Oid, Result, SqlError, oid};

/// A value of one of these types.
#[derive(Clone, Debug)]
pub enum Rare {
    /// `inet`, `cidr`.
    Inet(Inet),
    /// `macaddr`.
    Mac([u8; 6]),
    /// `macaddr8`.
    Mac8([u8; 8]),
    /// `bit`, `bit varying`.
    Bits(Bits),
    /// A range.
    Range(Range),
    /// A multirange.
    Multirange(Multirange),
    /// `tsvector`.
    TsVector(TsVector),
    /// `tsquery`.
    TsQuery(TsQuery),
    /// `jsonpath`.
    JsonPath(JsonPath),
    /// `point`.
    Point(Point),
    /// `lseg`.
    Lseg([Point; 2]),
    /// `box`.
    Box(Rect),
    /// `path`.
    Path(Path),
    /// `polygon`.
    Polygon(Vec<Point>),
    /// `circle`.
    Circle(Circle),
    /// `pg_lsn`.
    Lsn(u64),
    /// `xid8`.
    Xid8(u64),
    /// `money`, in hundredths.
    Money(i64),
}

/// Whether a type's values are held as [`Rare`].
pub const fn is_rare(type_oid: Oid) -> bool {
    matches!(
        type_oid,
        oid::INET
            | oid::CIDR
            | oid::MACADDR
            | oid::MACADDR8
            | oid::BIT
            | oid::VARBIT
            | oid::TSVECTOR
            | oid::TSQUERY
            | oid::JSONPATH
            | oid::POINT
            | oid::LSEG
            | oid::BOX
            | oid::PATH
            | oid::POLYGON
            | oid::CIRCLE
            | oid::LINE
            | oid::PG_LSN
            | oid::XID8
            | oid::MONEY
    ) || range::subtype(type_oid).is_some()
        || range::range_of(type_oid).is_some()
}

/// DSQL has no lines, not even at run time.
///
/// # Errors
/// `0A000`.
pub fn refuse_line() -> SqlError {
    SqlError::unsupported("datatype line not supported")
}

impl Rare {
    /// A type that has this representation; the more general one of two.
    pub const fn type_oid(&self) -> Oid {
        match self {
            Rare::Inet(_) => oid::INET,
            Rare::Mac(_) => oid::MACADDR,
            Rare::Mac8(_) => oid::MACADDR8,
            Rare::Bits(_) => oid::VARBIT,
            Rare::Range(range) => range.type_oid,
            Rare::Multirange(multirange) => multirange.type_oid,
            Rare::TsVector(_) => oid::TSVECTOR,
            Rare::TsQuery(_) => oid::TSQUERY,
            Rare::JsonPath(_) => oid::JSONPATH,
            Rare::Point(_) => oid::POINT,
            Rare::Lseg(_) => oid::LSEG,
            Rare::Box(_) => oid::BOX,
            Rare::Path(_) => oid::PATH,
            Rare::Polygon(_) => oid::POLYGON,
            Rare::Circle(_) => oid::CIRCLE,
            Rare::Lsn(_) => oid::PG_LSN,
            Rare::Xid8(_) => oid::XID8,
            Rare::Money(_) => oid::MONEY,
        }
    }

    /// Heap bytes behind a value, roughly.
    pub fn heap_bytes(&self) -> usize {
        size_of::<Rare>()
            + match self {
                Rare::Bits(bits) => bits.bytes().len(),
                Rare::Multirange(multirange) => multirange.ranges.len() * size_of::<Range>(),
                Rare::TsVector(vector) => vector
                    .lexemes()
                    .iter()
                    .map(|lexeme| 48 + lexeme.text.len() + lexeme.positions.len() * 4)
                    .sum(),
                Rare::TsQuery(query) => query.0.as_ref().map_or(0, |node| node.count() * 64),
                Rare::Path(Path { points, .. }) | Rare::Polygon(points) => points.len() * 16,
                _ => 0,
            }
    }
}

/// Appends a value's text.
pub fn write(value: &Rare, type_oid: Oid, settings: &FormatSettings, out: &mut BytesMut) {
    match value {
        Rare::Inet(value) => out.put_slice(inet::to_text(value, type_oid == oid::CIDR).as_bytes()),
        Rare::Mac(value) => mac::write(value, out),
        Rare::Mac8(value) => mac::write(value, out),
        Rare::Bits(value) => bits::write(value, out),
        Rare::Range(value) => range::write(value, settings, out),
        Rare::Multirange(value) => range::write_multirange(value, settings, out),
        Rare::TsVector(value) => tsvector::write(value, out),
        Rare::TsQuery(value) => tsquery::write(value, out),
        Rare::JsonPath(value) => jsonpath::write(value, out),
        Rare::Point(value) => geometry::write_point(value, settings, out),
        Rare::Lseg(value) => geometry::write_points(value, ("[", "]"), settings, out),
        Rare::Box(value) => {
            geometry::write_points(&[value.high, value.low], ("", ""), settings, out);
        }
        Rare::Path(value) => {
            let delimiters = if value.closed { ("(", ")") } else { ("[", "]") };
            geometry::write_points(&value.points, delimiters, settings, out);
        }
        Rare::Polygon(value) => geometry::write_points(value, ("(", ")"), settings, out),
        Rare::Circle(value) => geometry::write_circle(value, settings, out),
        Rare::Lsn(value) => {
            out.put_slice(format!("{:X}/{:X}", value >> 32, value & 0xffff_ffff).as_bytes());
        }
        Rare::Xid8(value) => out.put_slice(value.to_string().as_bytes()),
        Rare::Money(value) => money::write(*value, out),
    }
}

/// Reads a value of a type that [`is_rare`].
///
/// # Errors
/// The type's own.
pub fn parse(type_oid: Oid, text: &str, settings: &FormatSettings) -> Result<Rare> {
    Ok(match type_oid {
        oid::INET => Rare::Inet(inet::parse(text, false)?),
        oid::CIDR => Rare::Inet(inet::parse(text, true)?),
        oid::MACADDR => Rare::Mac(mac::parse(text)?),
        oid::MACADDR8 => Rare::Mac8(mac::parse8(text)?),
        oid::BIT | oid::VARBIT => Rare::Bits(bits::parse(text)?),
        oid::TSVECTOR => Rare::TsVector(tsvector::parse(text)?),
        oid::TSQUERY => Rare::TsQuery(tsquery::parse(text)?),
        oid::JSONPATH => Rare::JsonPath(jsonpath::parse(text)?),
        oid::POINT => Rare::Point(geometry::parse_point(text)?),
        oid::LSEG => Rare::Lseg(geometry::parse_lseg(text)?),
        oid::BOX => Rare::Box(geometry::parse_box(text)?),
        oid::PATH => Rare::Path(geometry::parse_path(text)?),
        oid::POLYGON => Rare::Polygon(geometry::parse_polygon(text)?),
        oid::CIRCLE => Rare::Circle(geometry::parse_circle(text)?),
        oid::PG_LSN => Rare::Lsn(mac::parse_lsn(text)?),
        oid::XID8 => Rare::Xid8(mac::parse_xid8(text)?),
        oid::MONEY => Rare::Money(money::parse(text)?),
        range if range::subtype(range).is_some() => {
            Rare::Range(range::parse(range, text, settings)?)
        }
        multirange if range::range_of(multirange).is_some() => {
            Rare::Multirange(range::parse_multirange(multirange, text, settings)?)
        }
        _ => return Err(refuse_line()),
    })
}

/// Appends a value's binary form.
pub(crate) fn send(value: &Rare, type_oid: Oid, out: &mut BytesMut) {
    match value {
        Rare::Inet(value) => inet::send(value, type_oid == oid::CIDR, out),
        Rare::Mac(value) => out.put_slice(value),
        Rare::Mac8(value) => out.put_slice(value),
        Rare::Bits(value) => bits::send(value, out),
        Rare::Range(value) => range::send(value, out),
        Rare::Multirange(value) => range::send_multirange(value, out),
        Rare::TsVector(value) => tsvector::send(value, out),
        Rare::TsQuery(value) => tsquery::send(value, out),
        Rare::JsonPath(value) => {
            out.put_u8(1);
            jsonpath::write(value, out);
        }
        Rare::Point(value) => geometry::send_points([value], out),
        Rare::Lseg(value) => geometry::send_points(value, out),
        Rare::Box(value) => geometry::send_points([&value.high, &value.low], out),
        Rare::Path(value) => {
            out.put_u8(u8::from(value.closed));
            geometry::send_count(&value.points, out);
            geometry::send_points(&value.points, out);
        }
        Rare::Polygon(value) => {
            geometry::send_count(value, out);
            geometry::send_points(value, out);
        }
        Rare::Circle(value) => {
            geometry::send_points([&value.center], out);
            out.put_f64(value.radius);
        }
        Rare::Lsn(value) | Rare::Xid8(value) => out.put_u64(*value),
        Rare::Money(value) => out.put_i64(*value),
    }
}

/// Reads a value's binary form.
pub(crate) fn receive(type_oid: Oid, body: &mut Reader<'_>) -> Result<Rare> {
    Ok(match type_oid {
        oid::INET => Rare::Inet(inet::receive(body, false)?),
        oid::CIDR => Rare::Inet(inet::receive(body, true)?),
        oid::MACADDR => Rare::Mac(body.array()?),
        oid::MACADDR8 => match body.0.len() {
            6 => Rare::Mac8(mac::widen(body.array()?)),
            _ => Rare::Mac8(body.array()?),
        },
        oid::BIT | oid::VARBIT => Rare::Bits(bits::receive(body)?),
        oid::TSVECTOR => Rare::TsVector(tsvector::receive(body)?),
        oid::TSQUERY => Rare::TsQuery(tsquery::receive(body)?),
        oid::JSONPATH => match body.u8()? {
            1 => Rare::JsonPath(jsonpath::parse(utf8(body.rest())?)?),
            version => {
                return Err(SqlError::internal(format!(
                    "unsupported jsonpath version number: {version}"
                )));
            }
        },
        oid::POINT => Rare::Point(geometry::receive_point(body)?),
        oid::LSEG => Rare::Lseg([geometry::receive_point(body)?, geometry::receive_point(body)?]),
        oid::BOX => {
            Rare::Box(Rect::new(geometry::receive_point(body)?, geometry::receive_point(body)?))
        }
        oid::PATH => {
            let closed = body.u8()? != 0;
            Rare::Path(Path { closed, points: geometry::receive_points(body, "path")? })
        }
        oid::POLYGON => Rare::Polygon(geometry::receive_points(body, "polygon")?),
        oid::CIRCLE => Rare::Circle(geometry::receive_circle(body)?),
        oid::PG_LSN => Rare::Lsn(body.array().map(u64::from_be_bytes)?),
        oid::XID8 => Rare::Xid8(body.array().map(u64::from_be_bytes)?),
        oid::MONEY => Rare::Money(body.i64()?),
        range if range::subtype(range).is_some() => Rare::Range(range::receive(range, body)?),
        multirange if range::range_of(multirange).is_some() => {
            Rare::Multirange(range::receive_multirange(multirange, body)?)
        }
        _ => return Err(refuse_line()),
    })
}

/// The btree order of two values of one type. Types without one (geometry, paths) come in an order
/// that nobody can ask for.
pub fn compare(a: &Rare, b: &Rare) -> Ordering {
    match (a, b) {
        (Rare::Inet(a), Rare::Inet(b)) => a.cmp(b),
        (Rare::Mac(a), Rare::Mac(b)) => a.cmp(b),
        (Rare::Mac8(a), Rare::Mac8(b)) => a.cmp(b),
        (Rare::Bits(a), Rare::Bits(b)) => a.cmp(b),
        (Rare::Range(a), Rare::Range(b)) => a.cmp(b),
        (Rare::Multirange(a), Rare::Multirange(b)) => a.cmp(b),
        (Rare::TsVector(a), Rare::TsVector(b)) => a.cmp(b),
        (Rare::TsQuery(a), Rare::TsQuery(b)) => a.cmp(b),
        (Rare::Lsn(a), Rare::Lsn(b)) | (Rare::Xid8(a), Rare::Xid8(b)) => a.cmp(b),
        (Rare::Money(a), Rare::Money(b)) => a.cmp(b),
        _ => {
            let bytes = |value: &Rare| {
                let mut out = BytesMut::new();
                send(value, value.type_oid(), &mut out);
                out
            };
            a.type_oid().cmp(&b.type_oid()).then_with(|| bytes(a).cmp(&bytes(b)))
        }
    }
}

/// Feeds a value to a hasher so that equal values hash equally.
pub(crate) fn hash_into(value: &Rare, state: &mut impl Hasher) {
    match value {
        Rare::Inet(value) => value.hash(state),
        Rare::Mac(value) => value.hash(state),
        Rare::Mac8(value) => value.hash(state),
        Rare::Bits(value) => value.hash(state),
        Rare::Range(value) => hash_range(value, state),
        Rare::Multirange(value) => {
            for range in &value.ranges {
                hash_range(range, state);
            }
        }
        Rare::TsVector(value) => value.hash(state),
        Rare::TsQuery(value) => value.hash(state),
        Rare::Lsn(value) | Rare::Xid8(value) => value.hash(state),
        Rare::Money(value) => value.hash(state),
        other => other.type_oid().hash(state),
    }
}

fn hash_range(range: &Range, state: &mut impl Hasher) {
    let Some((lower, upper)) = &range.bounds else { return state.write_u8(0) };
    for bound in [lower, upper] {
        bound.inclusive.hash(state);
        match &bound.value {
            Some(value) => crate::compare::hash_into(value, state),
            None => state.write_u8(1),
        }
    }
}

/// The checksum that orders the words of a `tsquery`: CRC-32 with the table of the reflected
/// polynomial, shifted the other way.
///
/// Source: PostgreSQL 16 `COMP_LEGACY_CRC32`.
fn legacy_crc32(bytes: &[u8]) -> u32 {
    let entry = |index: u32| {
        (0..8).fold(index, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    let crc = bytes
        .iter()
        .fold(u32::MAX, |crc, byte| entry((crc >> 24 ^ u32::from(*byte)) & 0xff) ^ crc << 8);
    !crc
}
