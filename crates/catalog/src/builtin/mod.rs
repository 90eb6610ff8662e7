//! What exists in every cluster: PostgreSQL 16's types, functions, operators, casts, aggregates,
//! operator classes, key words and settings, with DSQL's additions.
//!
//! The rows are static tables that `build.rs` makes from `data/*.csv` (dumped from a PostgreSQL
//! 16 server; `sys_*.csv` and `dsql_*.csv` hold what DSQL adds), so opening them costs nothing and
//! they are not in the heap. Every lookup is a binary search.

mod data;
mod foreign_keys;
mod format_type;
mod lookup;
mod operator_class;
mod rows;
mod words;

pub use foreign_keys::{CatalogForeignKey, catalog_foreign_keys};
pub use format_type::{format_type, typmod_suffix};
pub use lookup::*;
pub use operator_class::{
    BTREE, HASH, SortOperators, base_type, base_typmod, binary_coercible, default_operator_class,
    element_type, equality_operator, hash_operator, sort_operators,
};
pub use rows::*;
pub use words::*;
