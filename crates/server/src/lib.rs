//! PostgreSQL wire protocol over TLS with IAM tokens.

pub mod certificates;
//!
//! ```text
//!     accept ─► negotiate ─► TLS ─► startup ─► route ─► token ─► session ─► … ─► end
//!               SSLRequest          packet     SNI or   iam      one loop, one state
//!               or direct                      option            machine, query::Session
//! ```
//!
//! Must not know: what SQL means. Query strings go to `query`, rows come back encoded.

pub mod codec;
