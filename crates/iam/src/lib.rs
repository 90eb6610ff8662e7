//! Who there is, what they may do, and how a request proves whose it is.
//!
//! ```text
//!     password ──► token::verify ─┐                    ┌─► directory::Caller ──► policy::decide
//!     HTTP request ──► http ────────┴─► AccessKey ───────┘   user or role,          Allowed | why not
//!                      │                                   policies, tags
//!                      └─ keys::CredentialLookup:  <data_dir>/iam/access-keys.json, directory.json,
//!                         or the session token, which is sealed
//! ```
//!
//! Everything is computed here: no network, no task. The clock is always passed in.
//! Must not know: SQL, roles of the database, the wire protocol, HTTP.

pub mod directory;
pub mod http;
pub mod keys;
pub mod percent;
pub mod policy;
pub mod principal;
pub mod private_file;
mod random;
mod shared_file;
pub mod sigv4;
pub mod time;
pub mod token;
pub mod trail;

pub use directory::{Caller, Identities};
pub use keys::{AccessKey, AccessKeyStore, CredentialLookup, KeyStoreError};
pub use principal::Principal;
pub use sigv4::Credentials;
pub use time::AmzTime;
pub use trail::Trail;
