//! Points, line segments, boxes, paths, polygons and circles.
//!
//! Comparisons have a tolerance, [`plane::EPSILON`]. Nothing here takes or gives a `line`.
//!
//! Source: PostgreSQL 16 `geo_ops.c`.

mod boxes;
mod circles;
mod paths;
mod plane;
mod points;
mod polygons;

use crate::convert::Table;

pub(crate) const TABLES: [Table; 5] =
    [points::TABLE, boxes::TABLE, paths::TABLE, polygons::TABLE, circles::TABLE];
