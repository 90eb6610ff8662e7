//! Points and line segments.

use types::rare::geometry::{Point, Rect};

use super::boxes::holds;
use super::plane::{
    self, distance, div, eq, inverse_slope, lsegs_meet, nearest_between, nearest_on_lseg, on_lseg,
    point_add, point_div, point_mul, point_sub, same_point, slope,
};
use crate::convert::scalars;

type Lseg = [Point; 2];

scalars! { pub(crate) const TABLE =
    "construct_point"(x: f64, y: f64) => Point { x, y };
    "point_above"(a: &Point, b: &Point) => plane::gt(a.y, b.y);
    "point_below"(a: &Point, b: &Point) => plane::lt(a.y, b.y);
    "point_left"(a: &Point, b: &Point) => plane::lt(a.x, b.x);
    "point_right"(a: &Point, b: &Point) => plane::gt(a.x, b.x);
    "point_eq"(a: &Point, b: &Point) => same_point(a, b);
    "point_ne"(a: &Point, b: &Point) => !same_point(a, b);
    "point_vert"(a: &Point, b: &Point) => eq(a.x, b.x);
    "point_horiz"(a: &Point, b: &Point) => eq(a.y, b.y);
    "point_distance"(a: &Point, b: &Point) => distance(a, b)?;
    "point_slope"(a: &Point, b: &Point) => slope(a, b)?;
    "point_add"(a: &Point, b: &Point) => point_add(a, b)?;
    "point_sub"(a: &Point, b: &Point) => point_sub(a, b)?;
    "point_mul"(a: &Point, b: &Point) => point_mul(a, b)?;
    "point_div"(a: &Point, b: &Point) => point_div(a, b)?;
    "point_box"(a: &Point) => Rect { high: *a, low: *a };
    "points_box"(a: &Point, b: &Point) => Rect::new(*a, *b);
    "lseg_construct"(a: &Point, b: &Point) => [*a, *b];
    "lseg_center"(a: &Lseg) => middle(a)?;
    "lseg_length"(a: &Lseg) => length(a)?;
    "lseg_distance"(a: &Lseg, b: &Lseg) => nearest_between(a, b)?.1;
    "lseg_intersect"(a: &Lseg, b: &Lseg) => lsegs_meet(a, b)?.is_some();
    "lseg_interpt"(a: &Lseg, b: &Lseg) => lsegs_meet(a, b)?;
    "lseg_parallel"(a: &Lseg, b: &Lseg) => eq(slope(&a[0], &a[1])?, slope(&b[0], &b[1])?);
    "lseg_perp"(a: &Lseg, b: &Lseg) => eq(slope(&a[0], &a[1])?, inverse_slope(&b[0], &b[1])?);
    "lseg_vertical"(a: &Lseg) => eq(a[0].x, a[1].x);
    "lseg_horizontal"(a: &Lseg) => eq(a[0].y, a[1].y);
    "lseg_eq"(a: &Lseg, b: &Lseg) => same(a, b);
    "lseg_ne"(a: &Lseg, b: &Lseg) => !same(a, b);
    "lseg_lt"(a: &Lseg, b: &Lseg) => plane::lt(length(a)?, length(b)?);
    "lseg_le"(a: &Lseg, b: &Lseg) => plane::le(length(a)?, length(b)?);
    "lseg_gt"(a: &Lseg, b: &Lseg) => plane::gt(length(a)?, length(b)?);
    "lseg_ge"(a: &Lseg, b: &Lseg) => plane::ge(length(a)?, length(b)?);
    "on_ps"(a: &Point, b: &Lseg) => on_lseg(b, a)?;
    "dist_ps"(a: &Point, b: &Lseg) => nearest_on_lseg(b, a)?.1;
    "dist_sp"(a: &Lseg, b: &Point) => nearest_on_lseg(a, b)?.1;
    "close_ps"(a: &Point, b: &Lseg) => {
        let (point, distance) = nearest_on_lseg(b, a)?;
        (!distance.is_nan()).then_some(point)
    };
    "close_lseg"(a: &Lseg, b: &Lseg) => {
        if slope(&a[0], &a[1])? == slope(&b[0], &b[1])? {
            return Ok(types::Datum::Null);
        }
        let (point, distance) = nearest_between(b, a)?;
        (!distance.is_nan()).then_some(point)
    };
    "on_pb"(a: &Point, b: &Rect) => holds(b, a);
}

fn length([a, b]: &Lseg) -> types::Result<f64> {
    distance(a, b)
}

fn middle([a, b]: &Lseg) -> types::Result<Point> {
    Ok(Point { x: div(plane::add(a.x, b.x)?, 2.0)?, y: div(plane::add(a.y, b.y)?, 2.0)? })
}

fn same(a: &Lseg, b: &Lseg) -> bool {
    same_point(&a[0], &b[0]) && same_point(&a[1], &b[1])
}
