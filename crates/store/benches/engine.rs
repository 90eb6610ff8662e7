//! Benchmarks of the engines (to come).
fn main() {}
