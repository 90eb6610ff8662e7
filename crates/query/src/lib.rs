//! From SQL text to rows: parse, bind, plan, execute; transactions, DDL and jobs.
//!
//!     Engine (one per cluster) ──connect──► Session (one per connection)
//!         Session: parse ─► prepare ─► bind ─► fetch … fetch ─► sync
//!
//! Must not know: the wire protocol, TLS, tokens. Where bytes come in or go out (parameters, rows,
//! COPY) they are in PostgreSQL's text and binary formats of values, not in messages.

mod analyze;
pub mod bind;
pub mod cancel;
pub mod chunk;
mod command;
pub mod endpoint;
pub mod engine;
pub mod execute;
pub mod expr;
mod function;
mod implied;
mod inlining;
pub mod job;
pub mod plan;
mod rules;
pub mod sequence;
pub mod session;
mod system;

pub use chunk::Chunk;
pub use endpoint::Endpoint;
pub use engine::{Engine, EngineConfig, STORAGE_MAX, Startup};
pub use rules::{Day, NotADay};
pub use session::{
    Canceller, CommandTag, CopyFormat, Fetched, Field, Format, Parameters, Portal, Prepared,
    Session, Statement, TransactionStatus,
};
pub use system::is_implemented;
