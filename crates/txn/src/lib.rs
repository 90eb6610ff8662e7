//! SQL transactions over the store: overlay, limits, OCC errors.
