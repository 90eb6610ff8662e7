//! Circles.

use std::f64::consts::{PI, SQRT_2};

use types::rare::geometry::{Circle, Point, Rect};
use types::{Result, SqlError};

use super::plane::{
    self, add, distance, div, ge, gt, hypot, le, lt, mul, point_add, point_div, point_mul,
    point_sub, same_point, sub,
};
use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "circle_same"(a: &Circle, b: &Circle) => {
        (a.radius.is_nan() && b.radius.is_nan() || plane::eq(a.radius, b.radius))
            && same_point(&a.center, &b.center)
    };
    "circle_overlap"(a: &Circle, b: &Circle) => le(between(a, b)?, add(a.radius, b.radius)?);
    "circle_left"(a: &Circle, b: &Circle) => lt(add(a.center.x, a.radius)?, sub(b.center.x, b.radius)?);
    "circle_overleft"(a: &Circle, b: &Circle) => le(add(a.center.x, a.radius)?, add(b.center.x, b.radius)?);
    "circle_right"(a: &Circle, b: &Circle) => gt(sub(a.center.x, a.radius)?, add(b.center.x, b.radius)?);
    "circle_overright"(a: &Circle, b: &Circle) => ge(sub(a.center.x, a.radius)?, sub(b.center.x, b.radius)?);
    "circle_below"(a: &Circle, b: &Circle) => lt(add(a.center.y, a.radius)?, sub(b.center.y, b.radius)?);
    "circle_overbelow"(a: &Circle, b: &Circle) => le(add(a.center.y, a.radius)?, add(b.center.y, b.radius)?);
    "circle_above"(a: &Circle, b: &Circle) => gt(sub(a.center.y, a.radius)?, add(b.center.y, b.radius)?);
    "circle_overabove"(a: &Circle, b: &Circle) => ge(sub(a.center.y, a.radius)?, sub(b.center.y, b.radius)?);
    "circle_contain"(a: &Circle, b: &Circle) => le(between(a, b)?, sub(a.radius, b.radius)?);
    "circle_contained"(a: &Circle, b: &Circle) => le(between(a, b)?, sub(b.radius, a.radius)?);
    "circle_contain_pt"(a: &Circle, b: &Point) => distance(&a.center, b)? <= a.radius;
    "pt_contained_circle"(a: &Point, b: &Circle) => distance(&b.center, a)? <= b.radius;
    "circle_eq"(a: &Circle, b: &Circle) => plane::eq(area(a)?, area(b)?);
    "circle_ne"(a: &Circle, b: &Circle) => !plane::eq(area(a)?, area(b)?);
    "circle_lt"(a: &Circle, b: &Circle) => lt(area(a)?, area(b)?);
    "circle_le"(a: &Circle, b: &Circle) => le(area(a)?, area(b)?);
    "circle_gt"(a: &Circle, b: &Circle) => gt(area(a)?, area(b)?);
    "circle_ge"(a: &Circle, b: &Circle) => ge(area(a)?, area(b)?);
    "circle_area"(a: &Circle) => area(a)?;
    "circle_diameter"(a: &Circle) => mul(a.radius, 2.0)?;
    "circle_radius"(a: &Circle) => a.radius;
    "circle_center"(a: &Circle) => a.center;
    "circle_distance"(a: &Circle, b: &Circle) => sub(between(a, b)?, add(a.radius, b.radius)?)?.max(0.0);
    "dist_pc"(a: &Point, b: &Circle) => sub(distance(a, &b.center)?, b.radius)?.max(0.0);
    "dist_cpoint"(a: &Circle, b: &Point) => sub(distance(b, &a.center)?, a.radius)?.max(0.0);
    "circle_add_pt"(a: &Circle, b: &Point) => Circle { center: point_add(&a.center, b)?, ..*a };
    "circle_sub_pt"(a: &Circle, b: &Point) => Circle { center: point_sub(&a.center, b)?, ..*a };
    "circle_mul_pt"(a: &Circle, b: &Point) => Circle {
        center: point_mul(&a.center, b)?,
        radius: mul(a.radius, hypot(b.x, b.y)?)?,
    };
    "circle_div_pt"(a: &Circle, b: &Point) => Circle {
        center: point_div(&a.center, b)?,
        radius: div(a.radius, hypot(b.x, b.y)?)?,
    };
    "cr_circle"(center: &Point, radius: f64) => Circle { center: *center, radius };
    "circle_box"(a: &Circle) => {
        let delta = div(a.radius, SQRT_2)?;
        Rect {
            high: Point { x: add(a.center.x, delta)?, y: add(a.center.y, delta)? },
            low: Point { x: sub(a.center.x, delta)?, y: sub(a.center.y, delta)? },
        }
    };
    "circle_poly"(count: i32, a: &Circle) => polygon(a, count)?;
}

fn between(a: &Circle, b: &Circle) -> Result<f64> {
    distance(&a.center, &b.center)
}

fn area(a: &Circle) -> Result<f64> {
    mul(mul(a.radius, a.radius)?, PI)
}

fn polygon(a: &Circle, count: i32) -> Result<Vec<Point>> {
    if plane::is_zero(a.radius) {
        return Err(SqlError::unsupported("cannot convert circle with radius zero to polygon"));
    }
    if count < 2 {
        return Err(invalid_parameter("must request at least 2 points"));
    }
    let step = div(2.0 * PI, count.into())?;
    (0..count)
        .map(|i| {
            let angle = mul(step, i.into())?;
            Ok(Point {
                x: sub(a.center.x, mul(a.radius, angle.cos())?)?,
                y: add(a.center.y, mul(a.radius, angle.sin())?)?,
            })
        })
        .collect()
}
