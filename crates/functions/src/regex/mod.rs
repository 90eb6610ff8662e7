//! POSIX and advanced regular expressions as PostgreSQL has them, and SIMILAR TO.
//!
//!     ARE text ──translate──► regex syntax ──compile──► leftmost start ──► longest end ──► groups
//!
//! PostgreSQL takes the longest of the leftmost matches, `regex` the first alternative: a lazy DFA
//! that follows all alternatives finds the end, unless the expression has non-greedy quantifiers;
//! then the first alternative counts. Back references and lookaround run on `fancy-regex`, which
//! also takes the first alternative.

mod compile;
mod functions;
mod matches;
mod similar;
mod translate;

use crate::SetReturning;
use crate::convert::Table;

pub(crate) const TABLES: [Table; 2] = [functions::TABLE, similar::TABLE];
pub(crate) const SETS: &[(&str, SetReturning)] = functions::SETS;
pub use functions::check_jsonpath;
pub(crate) use functions::like_regex;
