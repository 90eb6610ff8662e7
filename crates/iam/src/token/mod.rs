//! Connection tokens: the PostgreSQL password is a presigned `GET` URL without its scheme.
//!
//! ```text
//!     <host>[/]?Action=DbConnect|DbConnectAdmin
//!              &X-Amz-Algorithm=AWS4-HMAC-SHA256
//!              &X-Amz-Credential=<key id>%2F<yyyymmdd>%2F<region>%2Fdsql%2Faws4_request
//!              &X-Amz-Date=<yyyymmddThhmmssZ>
//!              &X-Amz-Expires=<seconds>
//!              &X-Amz-SignedHeaders=host
//!             [&X-Amz-Security-Token=<session token>]
//!              &X-Amz-Signature=<64 lower-case hexadecimal digits>
//! ```
//!
//! Host, region, action, time and credential are bound by the signature; user, database and port
//! are not. Parameters come in any order: each SDK has its own, and the signature need not be last.

mod parse;
mod refusal;
mod verify;

pub use refusal::{Refusal, Report, ScopeFault};
pub use verify::{Expectation, verify};

use std::fmt;

use crate::sigv4::{self, Credentials, Scope, SigningKey};
use crate::{AmzTime, percent};

/// The service in a token's scope.
pub const SERVICE: &str = "dsql";
/// The longest token looked at. With temporary credentials they run to 1–2 KiB.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// One week: the longest life a presigned request may have.
pub const EXPIRES_S_MAX: u32 = 604_800;
/// The life SDKs give a token unless told otherwise.
pub const EXPIRES_S_DEFAULT: u32 = 900;
/// The user that needs [`Action::DbConnectAdmin`].
pub const ADMIN: &str = "admin";

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect as a role other than `admin`.
    DbConnect,
    /// Connect as `admin`.
    DbConnectAdmin,
}

impl Action {
    /// The action needed to connect as `user`.
    pub fn needed_by(user: &str) -> Action {
        if user == ADMIN { Action::DbConnectAdmin } else { Action::DbConnect }
    }

    /// The value of the parameter `Action`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::DbConnect => "DbConnect",
            Action::DbConnectAdmin => "DbConnectAdmin",
        }
    }

    fn parse(text: &str) -> Option<Action> {
        [Action::DbConnect, Action::DbConnectAdmin]
            .into_iter()
            .find(|action| action.as_str() == text)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a token is to say.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// The cluster's host name, without port.
    pub host: &'a str,
    /// The cluster's region.
    pub region: &'a str,
    /// What it is for.
    pub action: Action,
    /// Its life in seconds; a server accepts 1 to [`EXPIRES_S_MAX`].
    pub expires_s: u32,
    /// When its life begins.
    pub now: AmzTime,
}

/// A token, its parameters in the order in which botocore writes them.
pub fn sign(credentials: &Credentials, request: TokenRequest<'_>) -> String {
    let timestamp = request.now.to_string();
    let date = timestamp.split_once('T').map_or("", |(date, _)| date);
    let scope = Scope { date, region: request.region, service: SERVICE };
    let credential = format!("{}/{scope}", credentials.access_key_id);
    let expires = request.expires_s.to_string();
    let mut parameters = vec![
        ("Action", request.action.as_str()),
        ("X-Amz-Algorithm", sigv4::ALGORITHM),
        ("X-Amz-Credential", credential.as_str()),
        ("X-Amz-Date", timestamp.as_str()),
        ("X-Amz-Expires", expires.as_str()),
        ("X-Amz-SignedHeaders", "host"),
    ];
    if let Some(token) = &credentials.session_token {
        parameters.push(("X-Amz-Security-Token", token));
    }
    // Host names are signed in lower case, as botocore does, whatever the caller wrote.
    let host = request.host.to_ascii_lowercase();
    let query = sigv4::canonical_query(parameters.iter().copied());
    let text = sigv4::string_to_sign(&timestamp, scope, &sigv4::canonical_get(&host, &query));
    let key = SigningKey::derive(&credentials.secret_access_key, scope);

    let mut token = format!("{host}/?");
    for (name, value) in parameters {
        token.push_str(name);
        token.push('=');
        percent::encode_into(&mut token, value);
        token.push('&');
    }
    token.push_str("X-Amz-Signature=");
    token.push_str(&key.sign(&text));
    token
}
