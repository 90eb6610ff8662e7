//! Users, roles and policies, kept in `<data_dir>/iam/directory.json` beside the access keys.
//!
//! ```text
//!     access key ─► Caller: its user or role, their policies, tags ─► decide(action, resource)
//!     session token ─unseal─► access key
//! ```
//!
//! Where there are keys but no directory, as older versions left it, one is made in which the user
//! of every key is an administrator: what these keys could do they still can.
//!
//! Invariants: the file is replaced whole, under a lock, and only its owner may read it; every
//! document in it parses. A caller whom the directory does not know may do nothing.

mod caller;
mod entity;
mod error;
mod file;
mod managed;
mod names;
mod sessions;
mod store;

pub use caller::{Caller, CallerKind};
pub use entity::{Document, Entity, ManagedPolicy, PolicyVersion, Role};
pub use error::IdentityError;
pub use file::Directory;
pub use managed::ADMINISTRATOR_ACCESS;
pub use names::{check_name, check_path};
pub use sessions::NewSession;
pub use store::Identities;
