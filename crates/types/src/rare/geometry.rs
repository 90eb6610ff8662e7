//! Points, line segments, boxes, paths, polygons and circles.
//!
//! Source: PostgreSQL 16 `geo_ops.c`.

use bytes::{BufMut, BytesMut};

use crate::int::invalid_syntax;
use crate::numeric::is_space;
use crate::reader::Reader;
use crate::{FormatSettings, Result, SqlError, SqlState, float};

/// A point in the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
}

/// A rectangle parallel to the axes.
///
/// Invariant: neither coordinate of `high` is less than that of `low`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Upper right corner.
    pub high: Point,
    /// Lower left corner.
    pub low: Point,
}

impl Rect {
    /// The box with these opposite corners.
    pub fn new(a: Point, b: Point) -> Rect {
        // NaN counts as the greatest.
        let order = |a: f64, b: f64| {
            if crate::compare::compare_floats(a, b).is_gt() { (a, b) } else { (b, a) }
        };
        let ((high_x, low_x), (high_y, low_y)) = (order(a.x, b.x), order(a.y, b.y));
        Rect { high: Point { x: high_x, y: high_y }, low: Point { x: low_x, y: low_y } }
    }
}

/// A sequence of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Whether the last point is connected with the first.
    pub closed: bool,
    /// At least one.
    pub points: Vec<Point>,
}

/// A circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// Centre.
    pub center: Point,
    /// Radius, not negative.
    pub radius: f64,
}

fn write_number(value: f64, settings: &FormatSettings, out: &mut BytesMut) {
    float::write_f64(value, settings.extra_float_digits, out);
}

/// Appends `(x,y)`.
pub(super) fn write_point(point: &Point, settings: &FormatSettings, out: &mut BytesMut) {
    out.put_u8(b'(');
    write_number(point.x, settings, out);
    out.put_u8(b',');
    write_number(point.y, settings, out);
    out.put_u8(b')');
}

/// Appends points between delimiters.
pub(super) fn write_points(
    points: &[Point],
    (open, close): (&str, &str),
    settings: &FormatSettings,
    out: &mut BytesMut,
) {
    out.put_slice(open.as_bytes());
    for (at, point) in points.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        write_point(point, settings, out);
    }
    out.put_slice(close.as_bytes());
}

pub(super) fn write_circle(circle: &Circle, settings: &FormatSettings, out: &mut BytesMut) {
    out.put_u8(b'<');
    write_point(&circle.center, settings, out);
    out.put_u8(b',');
    write_number(circle.radius, settings, out);
    out.put_u8(b'>');
}

/// Reads off the front of a text.
struct Scanner<'a> {
    type_name: &'static str,
    input: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn new(type_name: &'static str, input: &'a str) -> Scanner<'a> {
        Scanner { type_name, input, rest: input.trim_start_matches(is_space) }
    }

    fn error(&self) -> SqlError {
        invalid_syntax(self.type_name, self.input)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn finish(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    fn number(&mut self) -> Result<f64> {
        self.skip_space();
        let len = number_len(self.rest);
        if len == 0 {
            return Err(self.error());
        }
        let (number, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.skip_space();
        float::parse_f64(number)
    }

    fn point(&mut self) -> Result<Point> {
        self.skip_space();
        let delimited = self.take('(');
        let x = self.number()?;
        if !self.take(',') {
            return Err(self.error());
        }
        let y = self.number()?;
        if delimited {
            if !self.take(')') {
                return Err(self.error());
            }
            self.skip_space();
        }
        Ok(Point { x, y })
    }

    /// `count` points; whether they stood in brackets.
    fn points(&mut self, count: usize, may_be_open: bool) -> Result<(Vec<Point>, bool)> {
        let mut depth = 0;
        self.skip_space();
        let open = self.rest.starts_with('[');
        if open {
            if !may_be_open {
                return Err(self.error());
            }
            depth += 1;
            self.take('[');
        } else if let Some(inner) = self.rest.strip_prefix('(') {
            let inner = inner.trim_start_matches(is_space);
            if inner.starts_with('(') || self.rest.rfind('(') == Some(0) {
                depth += 1;
                self.rest = inner;
            }
        }
        let mut points = Vec::new();
        for _ in 0..count {
            points.push(self.point()?);
            self.take(',');
        }
        while depth > 0 {
            if !(self.take(')') || open && depth == 1 && self.take(']')) {
                return Err(self.error());
            }
            depth -= 1;
            self.skip_space();
        }
        Ok((points, open))
    }

    /// Half of the numbers that the commas separate; `None` if that is no whole number.
    fn count(&self) -> Option<usize> {
        let commas = self.input.matches(',').count();
        (commas % 2 == 1).then(|| commas.div_ceil(2))
    }
}

/// Bytes of what C's `strtod` would read.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let word = |word: &str| {
        let end = sign + word.len();
        text.get(sign..end).filter(|found| found.eq_ignore_ascii_case(word)).map(|_| end)
    };
    if let Some(end) = word("infinity").or_else(|| word("inf")).or_else(|| word("nan")) {
        return end;
    }
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// Reads a `point`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_point(text: &str) -> Result<Point> {
    let mut scanner = Scanner::new("point", text);
    let point = scanner.point()?;
    scanner.finish()?;
    Ok(point)
}

/// Reads an `lseg`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_lseg(text: &str) -> Result<[Point; 2]> {
    two_points("lseg", text, true)
}

/// Reads a `box`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_box(text: &str) -> Result<Rect> {
    two_points("box", text, false).map(|[a, b]| Rect::new(a, b))
}

fn two_points(type_name: &'static str, text: &str, may_be_open: bool) -> Result<[Point; 2]> {
    let mut scanner = Scanner::new(type_name, text);
    let (points, _) = scanner.points(2, may_be_open)?;
    scanner.finish()?;
    points.try_into().map_err(|_| scanner.error())
}

/// Reads a `path`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_path(text: &str) -> Result<Path> {
    let mut scanner = Scanner::new("path", text);
    let count = scanner.count().ok_or_else(|| scanner.error())?;
    // A single parenthesis belongs to the whole.
    let outer = scanner.rest.starts_with('(') && scanner.rest.rfind('(') == Some(0);
    if outer {
        scanner.take('(');
    }
    let (points, open) = scanner.points(count, true)?;
    if outer {
        if !scanner.take(')') {
            return Err(scanner.error());
        }
        scanner.skip_space();
    }
    scanner.finish()?;
    Ok(Path { closed: !open, points })
}

/// Reads a `polygon`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_polygon(text: &str) -> Result<Vec<Point>> {
    let mut scanner = Scanner::new("polygon", text);
    let count = scanner.count().ok_or_else(|| scanner.error())?;
    let (points, _) = scanner.points(count, false)?;
    scanner.finish()?;
    Ok(points)
}

/// Reads a `circle`.
///
/// # Errors
/// `22P02`, `22003`.
pub fn parse_circle(text: &str) -> Result<Circle> {
    let mut scanner = Scanner::new("circle", text);
    let mut depth = 0;
    if scanner.take('<') {
        depth += 1;
    } else if let Some(inner) = scanner.rest.strip_prefix('(') {
        let inner = inner.trim_start_matches(is_space);
        if inner.starts_with('(') {
            depth += 1;
            scanner.rest = inner;
        }
    }
    let center = scanner.point()?;
    scanner.take(',');
    let radius = scanner.number()?;
    if radius < 0.0 {
        return Err(scanner.error());
    }
    while depth > 0 {
        if !(scanner.take(')') || depth == 1 && scanner.take('>')) {
            return Err(scanner.error());
        }
        depth -= 1;
        scanner.skip_space();
    }
    scanner.finish()?;
    Ok(Circle { center, radius })
}

pub(super) fn send_points<'a>(points: impl IntoIterator<Item = &'a Point>, out: &mut BytesMut) {
    for point in points {
        out.put_f64(point.x);
        out.put_f64(point.y);
    }
}

pub(super) fn send_count(points: &[Point], out: &mut BytesMut) {
    out.put_i32(i32::try_from(points.len()).unwrap_or(i32::MAX));
}

pub(super) fn receive_number(body: &mut Reader<'_>) -> Result<f64> {
    body.array().map(f64::from_be_bytes)
}

pub(super) fn receive_point(body: &mut Reader<'_>) -> Result<Point> {
    Ok(Point { x: receive_number(body)?, y: receive_number(body)? })
}

pub(super) fn receive_points(body: &mut Reader<'_>, name: &str) -> Result<Vec<Point>> {
    let count = body.i32()?;
    if count <= 0 {
        return Err(SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            format!("invalid number of points in external \"{name}\" value"),
        ));
    }
    (0..count).map(|_| receive_point(body)).collect()
}

pub(super) fn receive_circle(body: &mut Reader<'_>) -> Result<Circle> {
    let (center, radius) = (receive_point(body)?, receive_number(body)?);
    if radius < 0.0 {
        return Err(SqlError::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            "invalid radius in external \"circle\" value",
        ));
    }
    Ok(Circle { center, radius })
}
