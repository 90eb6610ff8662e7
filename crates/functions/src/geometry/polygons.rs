//! Polygons.

use types::Result;
use types::rare::geometry::{Circle, Path, Point};

use super::boxes::{contain, overlap};
use super::paths::count;
use super::plane::{
    Lseg, Place, add, bounds, distance, div, edges, lsegs_meet, nearest_between, nearest_on_lseg,
    on_lseg, place, same_point,
};
use crate::convert::scalars;

type Polygon = Vec<Point>;

scalars! { pub(crate) const TABLE =
    "poly_left"(a: &Polygon, b: &Polygon) => bounds(a).high.x < bounds(b).low.x;
    "poly_overleft"(a: &Polygon, b: &Polygon) => bounds(a).high.x <= bounds(b).high.x;
    "poly_right"(a: &Polygon, b: &Polygon) => bounds(a).low.x > bounds(b).high.x;
    "poly_overright"(a: &Polygon, b: &Polygon) => bounds(a).low.x >= bounds(b).low.x;
    "poly_below"(a: &Polygon, b: &Polygon) => bounds(a).high.y < bounds(b).low.y;
    "poly_overbelow"(a: &Polygon, b: &Polygon) => bounds(a).high.y <= bounds(b).high.y;
    "poly_above"(a: &Polygon, b: &Polygon) => bounds(a).low.y > bounds(b).high.y;
    "poly_overabove"(a: &Polygon, b: &Polygon) => bounds(a).low.y >= bounds(b).low.y;
    "poly_same"(a: &Polygon, b: &Polygon) => same(a, b);
    "poly_overlap"(a: &Polygon, b: &Polygon) => overlaps(a, b)?;
    "poly_contain"(a: &Polygon, b: &Polygon) => contains(a, b)?;
    "poly_contained"(a: &Polygon, b: &Polygon) => contains(b, a)?;
    "poly_contain_pt"(a: &Polygon, b: &Point) => place(b, a)? != Place::Outside;
    "pt_contained_poly"(a: &Point, b: &Polygon) => place(a, b)? != Place::Outside;
    "poly_npoints"(a: &Polygon) => count(a);
    "poly_box"(a: &Polygon) => bounds(a);
    "poly_path"(a: &Polygon) => Path { closed: true, points: a.clone() };
    "poly_center"(a: &Polygon) => circle(a)?.center;
    "poly_circle"(a: &Polygon) => circle(a)?;
    "poly_distance"(a: &Polygon, b: &Polygon) => {
        if overlaps(a, b)? {
            return Ok(types::Datum::Float8(0.0));
        }
        let mut least: Option<f64> = None;
        for first in edges(a) {
            for second in edges(b) {
                let (_, found) = nearest_between(&first, &second)?;
                least = Some(least.map_or(found, |least| if found < least { found } else { least }));
            }
        }
        least
    };
    "dist_ppoly"(a: &Point, b: &Polygon) => distance_to(b, a)?;
    "dist_polyp"(a: &Polygon, b: &Point) => distance_to(a, b)?;
    "dist_cpoly"(a: &Circle, b: &Polygon) => beyond(distance_to(b, &a.center)?, a.radius);
    "dist_polyc"(a: &Polygon, b: &Circle) => beyond(distance_to(a, &b.center)?, b.radius);
}

fn beyond(distance: f64, radius: f64) -> f64 {
    (distance - radius).max(0.0)
}

/// The same points in the same order, from anywhere, in either direction.
fn same(a: &[Point], b: &[Point]) -> bool {
    let len = a.len();
    if len != b.len() {
        return false;
    }
    let follows = |start: usize, forward: bool| {
        a.iter().enumerate().all(|(i, point)| {
            let at = if forward { start + i } else { start + len - i };
            b.get(at % len).is_some_and(|other| same_point(point, other))
        })
    };
    (0..len).any(|start| follows(start, true) || follows(start, false))
}

fn overlaps(a: &[Point], b: &[Point]) -> Result<bool> {
    if !overlap(&bounds(a), &bounds(b)) {
        return Ok(false);
    }
    for first in edges(a) {
        for second in edges(b) {
            if lsegs_meet(&first, &second)?.is_some() {
                return Ok(true);
            }
        }
    }
    let inside = |point: Option<&Point>, polygon: &[Point]| match point {
        Some(point) => place(point, polygon).map(|place| place != Place::Outside),
        None => Ok(false),
    };
    Ok(inside(a.first(), b)? || inside(b.first(), a)?)
}

fn contains(a: &[Point], b: &[Point]) -> Result<bool> {
    if !contain(&bounds(a), &bounds(b)) {
        return Ok(false);
    }
    for edge in edges(b) {
        if !lseg_inside(&edge, a, 0)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a segment lies in a polygon, of whose edges those before `start` are known not to cross.
fn lseg_inside(lseg: &Lseg, polygon: &[Point], start: usize) -> Result<bool> {
    let mut crossed = false;
    for (at, side) in edges(polygon).enumerate().skip(start) {
        let (first, second) = (on_lseg(&side, &lseg[0])?, on_lseg(&side, &lseg[1])?);
        if first && second {
            return Ok(true);
        }
        let inside = if first {
            touched_inside(&lseg[0], &lseg[1], &side, polygon, at + 1)?
        } else if second {
            touched_inside(&lseg[1], &lseg[0], &side, polygon, at + 1)?
        } else if let Some(point) = lsegs_meet(lseg, &side)? {
            crossed = true;
            lseg_inside(&[lseg[0], point], polygon, at + 1)?
                && lseg_inside(&[lseg[1], point], polygon, at + 1)?
        } else {
            true
        };
        if !inside {
            return Ok(false);
        }
    }
    if crossed {
        return Ok(true);
    }
    let middle = Point {
        x: div(add(lseg[0].x, lseg[1].x)?, 2.0)?,
        y: div(add(lseg[0].y, lseg[1].y)?, 2.0)?,
    };
    Ok(place(&middle, polygon)? != Place::Outside)
}

/// As [`lseg_inside`], where the end `a` of the segment lies on `side`.
fn touched_inside(
    a: &Point,
    b: &Point,
    side: &Lseg,
    polygon: &[Point],
    start: usize,
) -> Result<bool> {
    let lseg = [*a, *b];
    let rest = |from: &Point| lseg_inside(&[*b, *from], polygon, start);
    if same_point(a, &side[0]) {
        if on_lseg(&lseg, &side[1])? {
            return rest(&side[1]);
        }
    } else if same_point(a, &side[1]) {
        if on_lseg(&lseg, &side[0])? {
            return rest(&side[0]);
        }
    } else if on_lseg(&lseg, &side[0])? {
        return rest(&side[0]);
    } else if on_lseg(&lseg, &side[1])? {
        return rest(&side[1]);
    }
    Ok(true)
}

fn distance_to(polygon: &[Point], point: &Point) -> Result<f64> {
    if place(point, polygon)? != Place::Outside {
        return Ok(0.0);
    }
    let mut least = f64::INFINITY;
    for edge in edges(polygon) {
        let (_, found) = nearest_on_lseg(&edge, point)?;
        if found < least {
            least = found;
        }
    }
    Ok(least)
}

/// The mean of the points, and their mean distance from it.
#[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
fn circle(polygon: &[Point]) -> Result<Circle> {
    let count = polygon.len() as f64;
    let mut center = Point { x: 0.0, y: 0.0 };
    for point in polygon {
        center = super::plane::point_add(&center, point)?;
    }
    let center = Point { x: div(center.x, count)?, y: div(center.y, count)? };
    let mut radius = 0.0;
    for point in polygon {
        radius = add(radius, distance(point, &center)?)?;
    }
    Ok(Circle { center, radius: div(radius, count)? })
}
