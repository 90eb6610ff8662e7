//! Built-in functions, operators, casts and aggregates.
