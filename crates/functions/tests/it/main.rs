//! Functions and aggregates against what PostgreSQL 16 answered.

#![cfg(test)]

mod memory;
mod reference;
