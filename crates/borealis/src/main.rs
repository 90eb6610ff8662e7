//! The `borealis` binary.
fn main() {}
