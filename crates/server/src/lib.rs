//! PostgreSQL wire protocol over TLS with IAM tokens.
