//! From parse trees to typed trees: names, overloads and coercions are resolved here, and what is
//! not supported is refused here.

pub mod dml;
pub mod query;
