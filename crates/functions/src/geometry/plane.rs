//! The plane: tolerant comparison, checked arithmetic, lines through points, nearest points.

use types::Result;
use types::rare::geometry::{Point, Rect};

use crate::errors::{division_by_zero, overflow, underflow};

/// Numbers that differ by no more are equal.
pub(super) const EPSILON: f64 = 1.0e-6;

/// Two points.
pub(super) type Lseg = [Point; 2];

pub(super) fn is_zero(a: f64) -> bool {
    a.abs() <= EPSILON
}

pub(super) fn eq(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= EPSILON
}

pub(super) fn lt(a: f64, b: f64) -> bool {
    a + EPSILON < b
}

pub(super) fn le(a: f64, b: f64) -> bool {
    a <= b + EPSILON
}

pub(super) fn gt(a: f64, b: f64) -> bool {
    a > b + EPSILON
}

pub(super) fn ge(a: f64, b: f64) -> bool {
    a + EPSILON >= b
}

fn finite(result: f64, a: f64, b: f64) -> Result<f64> {
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        Err(overflow())
    } else {
        Ok(result)
    }
}

pub(super) fn add(a: f64, b: f64) -> Result<f64> {
    finite(a + b, a, b)
}

pub(super) fn sub(a: f64, b: f64) -> Result<f64> {
    finite(a - b, a, b)
}

pub(super) fn mul(a: f64, b: f64) -> Result<f64> {
    let result = finite(a * b, a, b)?;
    if result == 0.0 && a != 0.0 && b != 0.0 { Err(underflow()) } else { Ok(result) }
}

pub(super) fn div(a: f64, b: f64) -> Result<f64> {
    if b == 0.0 && !a.is_nan() {
        return Err(division_by_zero());
    }
    let result = finite(a / b, a, b)?;
    if result == 0.0 && a != 0.0 && b.is_finite() { Err(underflow()) } else { Ok(result) }
}

/// The length of the hypotenuse, as PostgreSQL computes it.
pub(super) fn hypot(x: f64, y: f64) -> Result<f64> {
    if x.is_infinite() || y.is_infinite() {
        return Ok(f64::INFINITY);
    }
    if x.is_nan() || y.is_nan() {
        return Ok(f64::NAN);
    }
    let (x, y) = (x.abs(), y.abs());
    let (x, y) = if x < y { (y, x) } else { (x, y) };
    if y == 0.0 {
        return Ok(x);
    }
    let ratio = y / x;
    let result = x * (1.0 + ratio * ratio).sqrt();
    if result.is_infinite() {
        return Err(overflow());
    }
    if result == 0.0 { Err(underflow()) } else { Ok(result) }
}

pub(super) fn same_point(a: &Point, b: &Point) -> bool {
    if a.x.is_nan() || a.y.is_nan() || b.x.is_nan() || b.y.is_nan() {
        let same = |a: f64, b: f64| types::compare::compare_floats(a, b).is_eq();
        return same(a.x, b.x) && same(a.y, b.y);
    }
    eq(a.x, b.x) && eq(a.y, b.y)
}

pub(super) fn distance(a: &Point, b: &Point) -> Result<f64> {
    hypot(sub(a.x, b.x)?, sub(a.y, b.y)?)
}

pub(super) fn point_add(a: &Point, b: &Point) -> Result<Point> {
    Ok(Point { x: add(a.x, b.x)?, y: add(a.y, b.y)? })
}

pub(super) fn point_sub(a: &Point, b: &Point) -> Result<Point> {
    Ok(Point { x: sub(a.x, b.x)?, y: sub(a.y, b.y)? })
}

pub(super) fn point_mul(a: &Point, b: &Point) -> Result<Point> {
    Ok(Point { x: sub(mul(a.x, b.x)?, mul(a.y, b.y)?)?, y: add(mul(a.x, b.y)?, mul(a.y, b.x)?)? })
}

pub(super) fn point_div(a: &Point, b: &Point) -> Result<Point> {
    let divisor = add(mul(b.x, b.x)?, mul(b.y, b.y)?)?;
    Ok(Point {
        x: div(add(mul(a.x, b.x)?, mul(a.y, b.y)?)?, divisor)?,
        y: div(sub(mul(a.y, b.x)?, mul(a.x, b.y)?)?, divisor)?,
    })
}

/// The slope of the line through two points.
pub(super) fn slope(a: &Point, b: &Point) -> Result<f64> {
    if eq(a.x, b.x) {
        return Ok(f64::INFINITY);
    }
    if eq(a.y, b.y) {
        return Ok(0.0);
    }
    div(sub(a.y, b.y)?, sub(a.x, b.x)?)
}

/// The slope of a line perpendicular to that.
pub(super) fn inverse_slope(a: &Point, b: &Point) -> Result<f64> {
    if eq(a.x, b.x) {
        return Ok(0.0);
    }
    if eq(a.y, b.y) {
        return Ok(f64::INFINITY);
    }
    div(sub(a.x, b.x)?, sub(b.y, a.y)?)
}

/// `a·x + b·y + c = 0`
pub(super) struct Line {
    a: f64,
    b: f64,
    c: f64,
}

impl Line {
    /// Through a point with a slope.
    pub(super) fn new(point: &Point, slope: f64) -> Result<Line> {
        if slope.is_infinite() {
            return Ok(Line { a: -1.0, b: 0.0, c: point.x });
        }
        if slope == 0.0 {
            return Ok(Line { a: 0.0, b: -1.0, c: point.y });
        }
        let c = sub(point.y, mul(slope, point.x)?)?;
        Ok(Line { a: slope, b: -1.0, c: c + 0.0 })
    }

    fn inverse_slope(&self) -> Result<f64> {
        if is_zero(self.a) {
            return Ok(f64::INFINITY);
        }
        if is_zero(self.b) {
            return Ok(0.0);
        }
        div(self.b, self.a)
    }

    /// Where two lines meet.
    fn meet(&self, other: &Line) -> Result<Option<Point>> {
        let (l1, l2) = if !is_zero(self.b) {
            (self, other)
        } else if !is_zero(other.b) {
            (other, self)
        } else {
            return Ok(None);
        };
        if eq(l2.a, mul(l1.a, div(l2.b, l1.b)?)?) {
            return Ok(None);
        }
        let x = div(
            sub(mul(l1.b, l2.c)?, mul(l2.b, l1.c)?)?,
            sub(mul(l1.a, l2.b)?, mul(l2.a, l1.b)?)?,
        )?;
        let y = div(-add(mul(l1.a, x)?, l1.c)?, l1.b)?;
        // No negative zeros.
        Ok(Some(Point { x: x + 0.0, y: y + 0.0 }))
    }

    /// The distance of a point; NaN if there is no perpendicular.
    fn distance(&self, point: &Point) -> Result<f64> {
        let perpendicular = Line::new(point, self.inverse_slope()?)?;
        match perpendicular.meet(self)? {
            Some(foot) => distance(&foot, point),
            None => Ok(f64::NAN),
        }
    }
}

pub(super) fn on_lseg(lseg: &Lseg, point: &Point) -> Result<bool> {
    let [a, b] = lseg;
    Ok(eq(add(distance(point, a)?, distance(point, b)?)?, distance(a, b)?))
}

/// Where a segment meets a line.
fn lseg_meets_line(lseg: &Lseg, line: &Line) -> Result<Option<Point>> {
    let [a, b] = lseg;
    let Some(point) = Line::new(a, slope(a, b)?)?.meet(line)? else { return Ok(None) };
    if !on_lseg(lseg, &point)? {
        return Ok(None);
    }
    Ok(Some(if same_point(a, &point) {
        *a
    } else if same_point(b, &point) {
        *b
    } else {
        point
    }))
}

/// Where two segments meet.
pub(super) fn lsegs_meet(first: &Lseg, second: &Lseg) -> Result<Option<Point>> {
    let [a, b] = second;
    let line = Line::new(a, slope(a, b)?)?;
    match lseg_meets_line(first, &line)? {
        Some(point) if on_lseg(second, &point)? => Ok(Some(point)),
        _ => Ok(None),
    }
}

/// The point of a segment nearest to `point`, and its distance.
pub(super) fn nearest_on_lseg(lseg: &Lseg, point: &Point) -> Result<(Point, f64)> {
    let [a, b] = lseg;
    let perpendicular = Line::new(point, inverse_slope(a, b)?)?;
    let nearest = match lseg_meets_line(lseg, &perpendicular)? {
        Some(foot) => foot,
        None if perpendicular.distance(a)? < perpendicular.distance(b)? => *a,
        None => *b,
    };
    Ok((nearest, distance(&nearest, point)?))
}

/// The point of `on` nearest to `to`, and its distance.
pub(super) fn nearest_between(on: &Lseg, to: &Lseg) -> Result<(Point, f64)> {
    if let Some(point) = lsegs_meet(on, to)? {
        return Ok((point, 0.0));
    }
    let mut best = nearest_on_lseg(on, &to[0])?;
    let other = nearest_on_lseg(on, &to[1])?;
    if other.1 < best.1 {
        best = other;
    }
    for end in on {
        let (_, distance) = nearest_on_lseg(to, end)?;
        if distance < best.1 {
            best = (*end, distance);
        }
    }
    Ok(best)
}

/// The sides of a box.
pub(super) fn sides(rect: &Rect) -> [Lseg; 4] {
    let upper_left = Point { x: rect.low.x, y: rect.high.y };
    let lower_right = Point { x: rect.high.x, y: rect.low.y };
    [
        [rect.low, upper_left],
        [rect.high, upper_left],
        [rect.low, lower_right],
        [rect.high, lower_right],
    ]
}

/// The sides of a polygon, the one that closes it first.
pub(super) fn edges(points: &[Point]) -> impl Iterator<Item = Lseg> + '_ {
    let before = points.last().into_iter().chain(points);
    before.zip(points).map(|(a, b)| [*a, *b])
}

/// The smallest box around points.
pub(super) fn bounds(points: &[Point]) -> Rect {
    let first = points.first().copied().unwrap_or(Point { x: 0.0, y: 0.0 });
    points.iter().fold(Rect { high: first, low: first }, |rect, point| Rect {
        high: Point { x: rect.high.x.max(point.x), y: rect.high.y.max(point.y) },
        low: Point { x: rect.low.x.min(point.x), y: rect.low.y.min(point.y) },
    })
}

/// Where a point lies with respect to a polygon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Outside,
    Inside,
    OnEdge,
}

pub(super) fn place(point: &Point, polygon: &[Point]) -> Result<Place> {
    let mut crossings = 0;
    for [a, b] in edges(polygon) {
        let (previous, current) = (point_sub(&a, point)?, point_sub(&b, point)?);
        match crossing(current, previous)? {
            Some(count) => crossings += count,
            None => return Ok(Place::OnEdge),
        }
    }
    Ok(if crossings == 0 { Place::Outside } else { Place::Inside })
}

/// How an edge crosses the positive x axis; `None` if it goes through the origin.
fn crossing(Point { x, y }: Point, previous: Point) -> Result<Option<i32>> {
    let (before_x, before_y) = (previous.x, previous.y);
    if is_zero(y) {
        if is_zero(x) {
            return Ok(None);
        }
        if gt(x, 0.0) {
            if is_zero(before_y) {
                return Ok(gt(before_x, 0.0).then_some(0));
            }
            return Ok(Some(if lt(before_y, 0.0) { 1 } else { -1 }));
        }
        if is_zero(before_y) {
            return Ok(lt(before_x, 0.0).then_some(0));
        }
        return Ok(Some(0));
    }
    let sign = if gt(y, 0.0) { 1 } else { -1 };
    if is_zero(before_y) {
        return Ok(Some(if lt(before_x, 0.0) { 0 } else { sign }));
    }
    if sign < 0 && lt(before_y, 0.0) || sign > 0 && gt(before_y, 0.0) {
        return Ok(Some(0));
    }
    if ge(x, 0.0) && gt(before_x, 0.0) {
        return Ok(Some(2 * sign));
    }
    if lt(x, 0.0) && le(before_x, 0.0) {
        return Ok(Some(0));
    }
    let z = sub(mul(sub(x, before_x)?, y)?, mul(sub(y, before_y)?, x)?)?;
    if is_zero(z) {
        return Ok(None);
    }
    if sign < 0 && lt(z, 0.0) || sign > 0 && gt(z, 0.0) {
        return Ok(Some(0));
    }
    Ok(Some(2 * sign))
}
