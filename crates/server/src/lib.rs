//! PostgreSQL wire protocol over TLS with IAM tokens.

pub mod certificates;
