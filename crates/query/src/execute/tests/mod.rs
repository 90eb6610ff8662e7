//! Plans made by hand, run over the in-memory store.

mod dml;
mod expressions;
mod joins;
mod more;
mod ordered;
mod rows;
mod scans;
mod speed;
mod support;
