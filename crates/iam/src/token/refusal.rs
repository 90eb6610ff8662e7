//! Why a token is not accepted, and how that is told to the client.

use crate::AmzTime;
use crate::token::Action;

/// Why a token is not accepted.
///
/// Clients retry an [`Refusal::Expired`] token with a fresh one; nothing else is worth a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not have the shape of a token; says what is wrong, as the end of a sentence.
    Malformed(&'static str),
    /// This parameter is missing.
    MissingParameter(&'static str),
    /// This parameter is there twice, so nobody can say which one was meant.
    DuplicateParameter(String),
    /// `X-Amz-Algorithm` is another one, such as SigV4A.
    Algorithm,
    /// `X-Amz-SignedHeaders` is not `host`.
    SignedHeaders,
    /// The credential scope is wrong.
    Scope(ScopeFault),
    /// `X-Amz-Expires` is not a number from 1 to 604800.
    ExpiresOutOfRange,
    /// Signed further in the future than clocks may differ.
    NotYetValid {
        /// `X-Amz-Date`.
        date: AmzTime,
        /// The server's clock.
        now: AmzTime,
    },
    /// Its life is over.
    Expired {
        /// `X-Amz-Date`.
        date: AmzTime,
        /// `X-Amz-Expires`.
        expires_s: u32,
        /// The server's clock.
        now: AmzTime,
    },
    /// There is no such access key, or it is inactive.
    UnknownKey,
    /// The session token is missing, not this key's, or given though the key has none.
    SessionToken,
    /// The session that the access key belongs to is over, though the token is not.
    SessionExpired,
    /// The signature was made with another secret or over other parameters.
    Signature,
    /// Rightly signed, for a host that is not the cluster reached.
    Host(String),
    /// Rightly signed, for the other kind of user.
    WrongAction {
        /// The user named at startup.
        user: String,
        /// The token's action.
        action: Action,
    },
}

/// What is wrong with a credential scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeFault {
    /// It has not five parts, or its first is not an access key id.
    Shape,
    /// Its date is not that of `X-Amz-Date`.
    Date,
    /// Its region is not the cluster's.
    Region,
    /// Its service is not `dsql`.
    Service,
    /// It does not end in `aws4_request`.
    Terminator,
}

/// What the client reads; the server adds the session id as DETAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Primary message.
    pub message: &'static str,
    /// The reason, where it may be told.
    pub hint: Option<String>,
    /// SQLSTATE.
    pub sqlstate: &'static str,
}

impl Report {
    /// The report of every refusal by IAM, with its reason.
    pub fn access_denied(hint: Option<String>) -> Report {
        Report { message: "unable to accept connection, access denied", hint, sqlstate: "28000" }
    }
}

impl Report {
    /// The report to somebody who asks for a role that does not exist. The official connector for
    /// asyncpg expects this SQLSTATE of Aurora DSQL.
    pub fn no_such_role() -> Report {
        Report { sqlstate: "08P01", ..Report::access_denied(None) }
    }
}

impl Refusal {
    /// The refusal as the client reads it. Hints are Aurora DSQL's or AWS STS's texts where these
    /// are known, and hold nothing that the client did not send, but for the server's clock.
    pub fn report(&self) -> Report {
        Report::access_denied(Some(self.hint()))
    }

    fn hint(&self) -> String {
        match self {
            Refusal::Malformed(what) => {
                format!("The password is not an authentication token: {what}.")
            }
            Refusal::MissingParameter(name) => format!(
                "AWS query-string parameters must include '{name}'. \
                 Re-examine the query-string parameters."
            ),
            Refusal::DuplicateParameter(name) => {
                format!("The authentication token gives the parameter '{name}' twice.")
            }
            Refusal::Algorithm => {
                "Unsupported AWS 'algorithm'. Only AWS4-HMAC-SHA256 is supported.".to_owned()
            }
            Refusal::SignedHeaders => {
                "'Host' must be the only signed header of the authentication token.".to_owned()
            }
            Refusal::Scope(fault) => match fault {
                ScopeFault::Shape => {
                    "Credential must be given as \
                     '<access key>/<date>/<region>/dsql/aws4_request'."
                }
                ScopeFault::Date => "Date in Credential scope does not match that of X-Amz-Date.",
                ScopeFault::Region => "Credential should be scoped to a valid region.",
                ScopeFault::Service => "Credential should be scoped to correct service: 'dsql'.",
                ScopeFault::Terminator => {
                    "Credential should be scoped with a valid terminator: 'aws4_request'."
                }
            }
            .to_owned(),
            // As far as the official connectors' tests quote it.
            Refusal::ExpiresOutOfRange => {
                "X-Amz-Expires must be less than a week (in seconds), and at least 1.".to_owned()
            }
            Refusal::NotYetValid { date, now } => format!(
                "Signature not yet current: {date} is still later than {} ({now} + 5 min.)",
                now.plus(super::verify::SKEW_S)
            ),
            Refusal::Expired { date, expires_s, now } => {
                let begin = now.plus(-i64::from(*expires_s));
                let (life, unit) =
                    if expires_s % 60 == 0 { (expires_s / 60, "min") } else { (*expires_s, "sec") };
                format!(
                    "Signature expired: {date} is now earlier than {begin} ({now} - {life} {unit}.)"
                )
            }
            Refusal::UnknownKey | Refusal::SessionToken => {
                "The security token included in the request is invalid.".to_owned()
            }
            Refusal::SessionExpired => {
                "The security token included in the request is expired".to_owned()
            }
            Refusal::Signature => "The request signature we calculated does not match the \
                signature you provided. Check your AWS Secret Access Key and signing method. \
                Consult the service documentation for details."
                .to_owned(),
            Refusal::Host(host) => {
                format!("The authentication token is for another host: \"{host}\".")
            }
            Refusal::WrongAction { user, action } => {
                format!("Wrong user to action mapping. user: {user}, action: {action}")
            }
        }
    }
}
