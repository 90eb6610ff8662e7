//! Access keys, SigV4 and connection tokens: who is connecting, and may they as this user.
//!
//! ```text
//!     password ──► token::verify ──► Principal   who signed it
//!                    │      │
//!                    │      └─ Refusal            why not, as the client reads it
//!                    └─ CredentialLookup          keys::AccessKeyStore: <data_dir>/iam/access-keys.json
//! ```
//!
//! Everything is computed here: no network, no store, no task. The clock is always passed in.
//! Must not know: SQL, roles of the database, the wire protocol.

pub mod keys;
pub mod percent;
pub mod principal;
pub mod private_file;
pub mod sigv4;
pub mod time;
pub mod token;

pub use keys::{AccessKey, AccessKeyStore, CredentialLookup, KeyStoreError};
pub use principal::Principal;
pub use sigv4::Credentials;
pub use time::AmzTime;
