//! What exists: schemas, tables, indexes, roles; PostgreSQL 16's built-in catalogue.
