//! Tests of sessions over a store in memory.

mod catalog_queries;
mod harness;
mod psql;
mod system_functions;
