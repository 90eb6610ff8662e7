//! POSIX and advanced regular expressions as PostgreSQL has them, and SIMILAR TO.
//!
//!     ARE text ──translate──► regex syntax ──compile──► leftmost start ──► end ──dissect──► groups
//!                      └──► tree of what prefers what ─────────────────────┴──────┘
//!
//! PostgreSQL takes the longest or the shortest of the leftmost matches, and then divides it among the
//! parts, each of which prefers a length too; `regex` takes the first alternative. So lazy automata that
//! follow all alternatives find ends. Back references and lookaround run on `fancy-regex`, which also takes
//! the first alternative.

mod compile;
mod dissect;
mod functions;
mod matches;
mod similar;
mod translate;
mod tree;

use crate::SetReturning;
use crate::convert::Table;

pub(crate) const TABLES: [Table; 2] = [functions::TABLE, similar::TABLE];
pub(crate) const SETS: &[(&str, SetReturning)] = functions::SETS;
pub use functions::check_jsonpath;
pub(crate) use functions::like_regex;
