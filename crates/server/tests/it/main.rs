//! The server over real sockets, against a database in memory.
//!
//! `client` speaks the protocol byte by byte, to say what no driver would; `harness` has the server.
#![cfg(test)]

mod client;
mod connect;
mod copy;
mod extended;
mod fuzz;
mod harness;
mod lifecycle;
mod recent;
mod simple;
