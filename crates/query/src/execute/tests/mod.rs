//! Plans made by hand, run over the in-memory store.

mod dml;
mod joins;
mod rows;
mod scans;
mod support;
