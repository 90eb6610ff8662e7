//! What a connector tells of itself: spans, events and counters, and no secret in any of them.
//!
//! A program of its own: whether an event is heard is decided when a thread first reaches it, and
//! every thread that does so here listens.

#[cfg(test)]
mod traces;
#[cfg(test)]
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests' helpers are here, too")]
mod world;
