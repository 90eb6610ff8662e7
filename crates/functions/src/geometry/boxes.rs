//! Boxes.

use types::Result;
use types::rare::geometry::{Circle, Point, Rect};

use super::plane::{
    self, Lseg, bounds, distance, div, ge, gt, le, lsegs_meet, lt, mul, nearest_between,
    nearest_on_lseg, point_add, point_div, point_mul, point_sub, same_point, sides, sub,
};
use crate::convert::scalars;

scalars! { pub(crate) const TABLE =
    "box_same"(a: &Rect, b: &Rect) => same_point(&a.high, &b.high) && same_point(&a.low, &b.low);
    "box_overlap"(a: &Rect, b: &Rect) => overlap(a, b);
    "box_left"(a: &Rect, b: &Rect) => lt(a.high.x, b.low.x);
    "box_overleft"(a: &Rect, b: &Rect) => le(a.high.x, b.high.x);
    "box_right"(a: &Rect, b: &Rect) => gt(a.low.x, b.high.x);
    "box_overright"(a: &Rect, b: &Rect) => ge(a.low.x, b.low.x);
    "box_below"(a: &Rect, b: &Rect) => lt(a.high.y, b.low.y);
    "box_overbelow"(a: &Rect, b: &Rect) => le(a.high.y, b.high.y);
    "box_above"(a: &Rect, b: &Rect) => gt(a.low.y, b.high.y);
    "box_overabove"(a: &Rect, b: &Rect) => ge(a.low.y, b.low.y);
    "box_below_eq"(a: &Rect, b: &Rect) => le(a.high.y, b.low.y);
    "box_above_eq"(a: &Rect, b: &Rect) => ge(a.low.y, b.high.y);
    "box_contain"(a: &Rect, b: &Rect) => contain(a, b);
    "box_contained"(a: &Rect, b: &Rect) => contain(b, a);
    "box_contain_pt"(a: &Rect, b: &Point) => holds(a, b);
    "box_lt"(a: &Rect, b: &Rect) => lt(area(a)?, area(b)?);
    "box_le"(a: &Rect, b: &Rect) => le(area(a)?, area(b)?);
    "box_eq"(a: &Rect, b: &Rect) => plane::eq(area(a)?, area(b)?);
    "box_gt"(a: &Rect, b: &Rect) => gt(area(a)?, area(b)?);
    "box_ge"(a: &Rect, b: &Rect) => ge(area(a)?, area(b)?);
    "box_area"(a: &Rect) => area(a)?;
    "box_width"(a: &Rect) => sub(a.high.x, a.low.x)?;
    "box_height"(a: &Rect) => sub(a.high.y, a.low.y)?;
    "box_center"(a: &Rect) => center(a)?;
    "box_distance"(a: &Rect, b: &Rect) => distance(&center(a)?, &center(b)?)?;
    "box_intersect"(a: &Rect, b: &Rect) => overlap(a, b).then(|| Rect {
        high: Point { x: a.high.x.min(b.high.x), y: a.high.y.min(b.high.y) },
        low: Point { x: a.low.x.max(b.low.x), y: a.low.y.max(b.low.y) },
    });
    "boxes_bound_box"(a: &Rect, b: &Rect) => bounds(&[a.high, a.low, b.high, b.low]);
    "box_diagonal"(a: &Rect) => [a.high, a.low];
    "box_add"(a: &Rect, b: &Point) => Rect { high: point_add(&a.high, b)?, low: point_add(&a.low, b)? };
    "box_sub"(a: &Rect, b: &Point) => Rect { high: point_sub(&a.high, b)?, low: point_sub(&a.low, b)? };
    "box_mul"(a: &Rect, b: &Point) => Rect::new(point_mul(&a.high, b)?, point_mul(&a.low, b)?);
    "box_div"(a: &Rect, b: &Point) => Rect::new(point_div(&a.high, b)?, point_div(&a.low, b)?);
    "box_circle"(a: &Rect) => {
        let center = center(a)?;
        Circle { center, radius: distance(&center, &a.high)? }
    };
    "box_poly"(a: &Rect) => vec![
        a.low,
        Point { x: a.low.x, y: a.high.y },
        a.high,
        Point { x: a.high.x, y: a.low.y },
    ];
    "dist_bp"(a: &Rect, b: &Point) => nearest_to_point(a, b)?.1;
    "dist_pb"(a: &Point, b: &Rect) => nearest_to_point(b, a)?.1;
    "dist_sb"(a: &Lseg, b: &Rect) => nearest_to_lseg(b, a)?.1;
    "dist_bs"(a: &Rect, b: &Lseg) => nearest_to_lseg(a, b)?.1;
    "close_pb"(a: &Point, b: &Rect) => some(nearest_to_point(b, a)?);
    "close_sb"(a: &Lseg, b: &Rect) => some(nearest_to_lseg(b, a)?);
    "on_sb"(a: &Lseg, b: &Rect) => a.iter().all(|end| holds(b, end));
    "inter_sb"(a: &Lseg, b: &Rect) => meets(b, a)?;
}

fn some((point, distance): (Point, f64)) -> Option<Point> {
    (!distance.is_nan()).then_some(point)
}

pub(super) fn overlap(a: &Rect, b: &Rect) -> bool {
    le(a.low.x, b.high.x) && le(b.low.x, a.high.x) && le(a.low.y, b.high.y) && le(b.low.y, a.high.y)
}

pub(super) fn contain(a: &Rect, b: &Rect) -> bool {
    ge(a.high.x, b.high.x) && le(a.low.x, b.low.x) && ge(a.high.y, b.high.y) && le(a.low.y, b.low.y)
}

/// Without tolerance.
pub(super) fn holds(a: &Rect, point: &Point) -> bool {
    a.high.x >= point.x && a.low.x <= point.x && a.high.y >= point.y && a.low.y <= point.y
}

fn area(a: &Rect) -> Result<f64> {
    mul(sub(a.high.x, a.low.x)?, sub(a.high.y, a.low.y)?)
}

fn center(a: &Rect) -> Result<Point> {
    Ok(Point {
        x: div(plane::add(a.high.x, a.low.x)?, 2.0)?,
        y: div(plane::add(a.high.y, a.low.y)?, 2.0)?,
    })
}

fn nearest_to_point(a: &Rect, point: &Point) -> Result<(Point, f64)> {
    if holds(a, point) {
        return Ok((*point, 0.0));
    }
    nearest(a, |side| nearest_on_lseg(side, point))
}

fn nearest_to_lseg(a: &Rect, lseg: &Lseg) -> Result<(Point, f64)> {
    if meets(a, lseg)? {
        let (point, _) = nearest_on_lseg(lseg, &center(a)?)?;
        return Ok((point, 0.0));
    }
    nearest(a, |side| nearest_between(side, lseg))
}

/// The nearest of what the four sides give.
fn nearest(a: &Rect, of: impl Fn(&Lseg) -> Result<(Point, f64)>) -> Result<(Point, f64)> {
    let [first, rest @ ..] = sides(a);
    let mut best = of(&first)?;
    for side in rest {
        let next = of(&side)?;
        if next.1 < best.1 {
            best = next;
        }
    }
    Ok(best)
}

fn meets(a: &Rect, lseg: &Lseg) -> Result<bool> {
    if !overlap(&bounds(lseg), a) {
        return Ok(false);
    }
    if lseg.iter().any(|end| holds(a, end)) {
        return Ok(true);
    }
    for side in sides(a) {
        if lsegs_meet(&side, lseg)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
