//! Recent versions of keys, in memory: what both engines read first.
//!
//!     directory ──► leaf [k1: v9 v7 v3] [k2: v8] …     each leaf behind its own lock,
//!               ──► leaf [k5: v4 ✝] …                  readers hold it for one leaf at a time
//!
//! Invariants: a chain's versions ascend in timestamp; what a live snapshot may see is never
//! dropped while the chain stays; keys of one leaf lie in `[start, end)`.
//!
//! Must not know: journals, files, the base.

pub(crate) mod chain;
mod directory;
mod heads;
mod leaf;
pub(crate) mod map;

pub(crate) use chain::{Chain, Live, Version};
pub(crate) use map::{Versions, Window};
