//! The journal: what makes a commit durable.
//!
//!     journal-…07 [header][record][record]…   closed
//!     journal-…08 [header][record]…0000…      active: one write and one fdatasync a group
//!     journal-…09 [0000…]                     prepared, becomes active when 08 is full
//!
//! The byte layout is in `docs/design/store.md`. Records never span segments. A segment's header is
//! written when it becomes active and says where its predecessor ends, so an unreadable record is
//! either the torn tail of the last segment or corruption, and replay can tell which.
//!
//! Must not know: conflicts, snapshots, the base.

pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod segment;
mod spare;
mod writer;

pub(crate) use spare::Spares;
pub(crate) use writer::{Journal, Segments};
