//! The messages of PostgreSQL's protocol 3.0, to and from bytes.
//!
//! ```text
//!     every message        tag u8 · length i32 (itself included, the tag not) · body
//!     before the session   length i32 · code i32 · body          (no tag: startup, cancel, TLS)
//!
//!     from the client                                      to the client
//!     B  portal· statement· formats· values· formats      R i32 · …        Authentication…
//!     C  'S'|'P' · name·          Close                   K i32 · i32      BackendKeyData
//!     D  'S'|'P' · name·          Describe                2                BindComplete
//!     E  portal· · max_rows i32   Execute                 3                CloseComplete
//!     F  …                        FunctionCall            C tag·           CommandComplete
//!     H                           Flush                   d bytes          CopyData
//!     P  name· sql· · n · oid…    Parse                   c                CopyDone
//!     Q  sql·                     Query                   G|H i8 · n · …   Copy{In,Out}Response
//!     S                           Sync                    D n · (len · …)… DataRow
//!     X                           Terminate               I                EmptyQueryResponse
//!     d  bytes                    CopyData                E (field text·)… · 0   ErrorResponse
//!     c                           CopyDone                v i32 · n · name·…     NegotiateProtocol…
//!     f  reason·                  CopyFail                n                NoData
//!     p  text·                    Password                N as E           NoticeResponse
//!                                                         t n · oid…       ParameterDescription
//!     · after a name: a zero byte ends it                 S name· value·   ParameterStatus
//!     n: i16 count of what follows                        1                ParseComplete
//!                                                         s                PortalSuspended
//!                                                         Z I|T|E          ReadyForQuery
//!                                                         T n · (name· oid i16 oid i16 i32 i16)…
//! ```
//!
//! Invariants: a decoded message used up its bytes to the last; no input makes a decoder panic;
//! encoders append whole messages.

pub mod backend;
pub mod frontend;
pub(crate) mod reader;
pub mod startup;

pub use reader::Reader;
