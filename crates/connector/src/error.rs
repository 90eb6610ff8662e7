//! What can go wrong, sorted by what the caller does next.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::retry::{Failure, Retryable};

/// An error of some other crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of whatever the connector does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no connection, or no result. Its text ends with what to change, where anything helps;
/// the error of the crate below, if there is one, is its source.
///
/// No variant ever holds a token or a secret key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used. Nothing was sent to anybody.
    #[error("{0}")]
    Config(String),
    /// No AWS credentials were found, or their provider failed.
    #[error(
        "no AWS credentials{}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile, sign in again \
         if the session has expired, or give a credentials provider",
        of_profile(.profile)
    )]
    Credentials {
        /// The profile that was asked for.
        profile: Option<String>,
        /// What the provider said.
        #[source]
        source: BoxError,
    },
    /// The certificate authorities cannot be read.
    #[error("cannot read certificate authorities from {}: give a PEM file of certificates", .path.display())]
    Authorities {
        /// Where from.
        path: PathBuf,
        /// Why not.
        #[source]
        source: BoxError,
    },
    /// Nobody answers there, or what answers does not speak the protocol.
    #[error("cannot reach {address}: check host, port and network, and that the cluster exists")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why not.
        #[source]
        source: BoxError,
    },
    /// The connection was not ready in time.
    #[error("{address} did not answer within {} s: check the network, or raise the connect timeout", .after.as_secs_f32())]
    Silent {
        /// Host and port.
        address: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The server's certificate was not issued by a trusted authority, or for another name.
    #[error(
        "the certificate of {host} is not trusted: check the host name, or give the server's certificate \
         authority (option sslrootcert, or PGSSLROOTCERT)"
    )]
    Untrusted {
        /// The name that the certificate should bear.
        host: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The server refused the connection; another try would be refused too.
    #[error("{0}")]
    Refused(Refusal),
    /// The server takes no connections at the moment. Another try may succeed.
    #[error("{0}")]
    Busy(Refusal),
    /// Every connection of the pool was in use for too long.
    #[error(
        "no connection of the pool became free within {} s: raise its size, or hold connections for less time",
        .after.as_secs_f32()
    )]
    PoolExhausted {
        /// How long it was waited for.
        after: Duration,
    },
    /// The pool was closed.
    #[error("the pool is closed")]
    PoolClosed,
    /// The connection broke while the transaction was being committed: it may or may not have been.
    #[error(
        "it is not known whether the transaction was committed: read what it wrote before trying again, or \
         declare it idempotent in the retry policy"
    )]
    CommitUnknown {
        /// How the connection broke.
        #[source]
        source: BoxError,
    },
    /// A statement failed in tokio-postgres.
    #[cfg(feature = "tokio-postgres")]
    #[error("{}", database_text(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// A statement failed in sqlx.
    #[cfg(feature = "sqlx")]
    #[error("{0}")]
    Sqlx(#[from] sqlx::Error),
}

impl Error {
    /// The SQLSTATE, if a server sent one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Error::Refused(refusal) | Error::Busy(refusal) => Some(&refusal.sqlstate),
            #[cfg(feature = "tokio-postgres")]
            Error::Postgres(error) => error.code().map(tokio_postgres::error::SqlState::code),
            #[cfg(feature = "sqlx")]
            Error::Sqlx(error) => crate::sqlx::sqlstate(error),
            _ => None,
        }
    }
}

impl Retryable for Error {
    fn failure(&self) -> Failure {
        match self {
            Error::Unreachable { .. }
            | Error::Silent { .. }
            | Error::Busy(_)
            | Error::PoolExhausted { .. } => Failure::NotConnected,
            #[cfg(feature = "tokio-postgres")]
            Error::Postgres(error) => error.failure(),
            #[cfg(feature = "sqlx")]
            Error::Sqlx(error) => error.failure(),
            Error::CommitUnknown { .. } => Failure::Unknown,
            Error::Config(_)
            | Error::Credentials { .. }
            | Error::Authorities { .. }
            | Error::Untrusted { .. }
            | Error::Refused(_)
            | Error::PoolClosed => Failure::Final,
        }
    }
}

/// A server's refusal of a connection, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whom it refused, and where.
    pub who: String,
    /// SQLSTATE.
    pub sqlstate: String,
    /// What the server said.
    pub message: String,
    /// Why, if it said so.
    pub hint: Option<String>,
}

impl Refusal {
    /// What to change.
    pub fn advice(&self) -> &'static str {
        let hint = self.hint.as_deref().unwrap_or_default();
        match self.sqlstate.as_str() {
            "53300" => "close connections that are not needed, or make pools smaller",
            "53400" | "57P03" => "try again later",
            "3D000" => "the only database is postgres",
            _ if hint.contains("Signature expired") => "set this machine's clock",
            _ if hint.contains("security token") => {
                "check access key and session token: they are unknown to the cluster, or have expired"
            }
            _ if hint.contains("signature") => {
                "check the secret key and the region, and that the host is this cluster's"
            }
            _ if hint.contains("not authorized") => {
                "allow dsql:DbConnectAdmin for admin, or dsql:DbConnect for other roles, in the IAM policy"
            }
            _ if hint.is_empty() => {
                "check that the role exists and that AWS IAM GRANT has given it to your IAM principal"
            }
            _ => "check user, host, region and credentials",
        }
    }
}

impl Refusal {
    /// Whether a new token would be another matter.
    pub(crate) fn is_of_expired_token(&self) -> bool {
        self.hint.as_deref().is_some_and(|hint| hint.contains("Signature expired"))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        match refusal.sqlstate.as_str() {
            "53300" | "53400" | "57P03" => Error::Busy(refusal),
            _ => Error::Refused(refusal),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused {}: {}", self.who, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        write!(f, ": {}", self.advice())
    }
}

fn of_profile(profile: &Option<String>) -> String {
    profile.as_ref().map_or_else(String::new, |name| format!(" for the profile \"{name}\""))
}

/// tokio-postgres's own text is "db error", with the server's message in the source.
#[cfg(feature = "tokio-postgres")]
fn database_text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => {
            let mut text = format!("{} ({})", database.message(), database.code().code());
            for more in [database.detail(), database.hint()].into_iter().flatten() {
                text.push_str(": ");
                text.push_str(more);
            }
            text
        }
        None => error.to_string(),
    }
}

/// Whether TLS failed because of the server's certificate.
#[cfg(any(feature = "tokio-postgres", feature = "sqlx"))]
pub(crate) fn is_certificate_error(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error leaves the error that it holds out of its chain.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let held: &(dyn StdError + 'static) = held.map_or(error, |held| held);
        if matches!(held.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        next = error.source();
    }
    false
}
