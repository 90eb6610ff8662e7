//! Automation of the project: `cargo run -p xtask -- <command>`.
fn main() {}
