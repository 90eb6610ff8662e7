//! Paths.

use types::Result;
use types::rare::geometry::{Path, Point};

use super::boxes::overlap;
use super::plane::{
    Lseg, Place, add, bounds, distance, edges, eq, lsegs_meet, mul, nearest_between,
    nearest_on_lseg, place, point_add, point_div, point_mul, point_sub, sub,
};
use crate::convert::scalars;
use crate::errors::invalid_parameter;

scalars! { pub(crate) const TABLE =
    "path_area"(a: &Path) => if a.closed { Some(area(&a.points)?) } else { None };
    "path_length"(a: &Path) => {
        let mut length = 0.0;
        for [from, to] in segments(a) {
            length = add(length, distance(&from, &to)?)?;
        }
        length
    };
    "path_isclosed"(a: &Path) => a.closed;
    "path_isopen"(a: &Path) => !a.closed;
    "path_npoints"(a: &Path) => count(&a.points);
    "path_close"(a: &Path) => Path { closed: true, points: a.points.clone() };
    "path_open"(a: &Path) => Path { closed: false, points: a.points.clone() };
    "path_n_lt"(a: &Path, b: &Path) => a.points.len() < b.points.len();
    "path_n_le"(a: &Path, b: &Path) => a.points.len() <= b.points.len();
    "path_n_eq"(a: &Path, b: &Path) => a.points.len() == b.points.len();
    "path_n_gt"(a: &Path, b: &Path) => a.points.len() > b.points.len();
    "path_n_ge"(a: &Path, b: &Path) => a.points.len() >= b.points.len();
    "path_add"(a: &Path, b: &Path) => (!a.closed && !b.closed).then(|| Path {
        closed: false,
        points: a.points.iter().chain(&b.points).copied().collect(),
    });
    "path_add_pt"(a: &Path, b: &Point) => map(a, |p| point_add(p, b))?;
    "path_sub_pt"(a: &Path, b: &Point) => map(a, |p| point_sub(p, b))?;
    "path_mul_pt"(a: &Path, b: &Point) => map(a, |p| point_mul(p, b))?;
    "path_div_pt"(a: &Path, b: &Point) => map(a, |p| point_div(p, b))?;
    "path_poly"(a: &Path) => {
        if !a.closed {
            return Err(invalid_parameter("open path cannot be converted to polygon"));
        }
        a.points.clone()
    };
    "path_inter"(a: &Path, b: &Path) => meet(a, b)?;
    "path_distance"(a: &Path, b: &Path) => {
        let mut least: Option<f64> = None;
        for first in segments(a) {
            for second in segments(b) {
                let (_, found) = nearest_between(&first, &second)?;
                least = Some(least.map_or(found, |least| if found < least { found } else { least }));
            }
        }
        least
    };
    "dist_ppath"(a: &Point, b: &Path) => distance_to(b, a)?;
    "dist_pathp"(a: &Path, b: &Point) => distance_to(a, b)?;
    "on_ppath"(a: &Point, b: &Path) => {
        if b.closed {
            return Ok(types::Datum::Bool(place(a, &b.points)? != Place::Outside));
        }
        let mut on = false;
        for [from, to] in segments(b) {
            on |= eq(add(distance(a, &from)?, distance(a, &to)?)?, distance(&from, &to)?);
        }
        on
    };
}

pub(super) fn count(points: &[Point]) -> i32 {
    i32::try_from(points.len()).unwrap_or(i32::MAX)
}

/// The segments of a path; the one that closes it first.
fn segments(path: &Path) -> impl Iterator<Item = Lseg> + '_ {
    edges(&path.points).skip(usize::from(!path.closed))
}

fn map(path: &Path, each: impl Fn(&Point) -> Result<Point>) -> Result<Path> {
    Ok(Path { closed: path.closed, points: path.points.iter().map(each).collect::<Result<_>>()? })
}

fn area(points: &[Point]) -> Result<f64> {
    let mut area = 0.0;
    let next = points.iter().skip(1).chain(points.first());
    for (a, b) in points.iter().zip(next) {
        area = add(area, mul(a.x, b.y)?)?;
        area = sub(area, mul(a.y, b.x)?)?;
    }
    Ok((area / 2.0).abs())
}

fn meet(a: &Path, b: &Path) -> Result<bool> {
    if !overlap(&bounds(&a.points), &bounds(&b.points)) {
        return Ok(false);
    }
    for first in segments(a) {
        for second in segments(b) {
            if lsegs_meet(&first, &second)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn distance_to(path: &Path, point: &Point) -> Result<f64> {
    let mut least: Option<f64> = None;
    for segment in segments(path) {
        let (_, found) = nearest_on_lseg(&segment, point)?;
        least = Some(least.map_or(found, |least| if found < least { found } else { least }));
    }
    Ok(least.unwrap_or(0.0))
}
