//! The in-memory engine with seeded faults.
