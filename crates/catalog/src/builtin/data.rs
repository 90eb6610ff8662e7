//! The static tables that `build.rs` made.

use types::Oid;

use super::rows::*;

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
