//! Transaction ids.
//!
//! No transaction has one until it asks. They serve tools that keep up with the catalog by reading what
//! is new: they remember `txid_current()`, and later ask for rows whose `xmin` is no older. How old a row
//! of the catalog is, is not recorded, so each has the newest id for its `xmin`: such a tool reads
//! more than it would have to, and misses nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use functions::{CallCx, Scalar, Site};
use types::{Datum, Rare, Result, oid};

use super::session;
use crate::engine::now_micros;

/// Ids below it are not a transaction's.
const FIRST_NORMAL: u32 = 3;

/// The newest id of a cluster's transactions. Ids are seconds since 2000, or the next ones if
/// more than one is asked for in a second: they ascend across restarts and fit into 32 bits.
#[derive(Debug)]
pub(crate) struct Xids(AtomicU64);

impl Default for Xids {
    fn default() -> Xids {
        Xids(AtomicU64::new(seconds()))
    }
}

fn seconds() -> u64 {
    u64::try_from(now_micros() / 1_000_000).unwrap_or_default()
}

impl Xids {
    /// A new id.
    fn next(&self) -> u64 {
        let ahead = |newest| Some(seconds().max(newest + 1));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, ahead);
        before.map_or(0, |before| seconds().max(before + 1))
    }

    /// The newest id, as `xid` holds it.
    pub(crate) fn newest(&self) -> u32 {
        low(self.0.load(Ordering::Relaxed))
    }
}

/// The lower half of an id.
fn low(xid: u64) -> u32 {
    let [.., a, b, c, d] = xid.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

pub(super) fn scalar(prosrc: &str) -> Option<Scalar> {
    Some(match prosrc {
        "pg_current_xact_id" => |cx, site, _| {
            let session = session(cx)?;
            let mut xid = session.xid.load(Ordering::Relaxed);
            if xid == 0 {
                xid = session.engine.xids.next();
                session.xid.store(xid, Ordering::Relaxed);
            }
            Ok(value(xid, site))
        },
        "pg_current_xact_id_if_assigned" => |cx, site, _| {
            Ok(match session(cx)?.xid.load(Ordering::Relaxed) {
                0 => Datum::Null,
                xid => value(xid, site),
            })
        },
        "xid_age" => age,
        _ => return None,
    })
}

/// An id as `xid8`, or as the `bigint` of the older functions.
fn value(xid: u64, site: &Site) -> Datum {
    match site.result_type {
        oid::INT8 => Datum::Int8(xid.cast_signed()),
        _ => Datum::rare(Rare::Xid8(xid)),
    }
}

fn age(cx: &CallCx<'_>, _: &Site, args: &[Datum]) -> Result<Datum> {
    let [Datum::Oid(xid)] = args else { return Ok(Datum::Null) };
    Ok(Datum::Int4(match *xid < FIRST_NORMAL {
        true => i32::MAX,
        false => session(cx)?.engine.xids.newest().wrapping_sub(*xid).cast_signed(),
    }))
}
