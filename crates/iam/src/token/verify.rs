//! Decides whether a token is valid here, now and for this user.

use std::sync::Arc;

use crate::keys::{CredentialLookup, SessionFault};
use crate::sigv4::{self, Scope};
use crate::token::parse::Presigned;
use crate::token::{Action, EXPIRES_S_MAX, Refusal, SERVICE, ScopeFault};
use crate::{AccessKey, AmzTime};

/// How far the client's clock may be ahead of ours.
pub(super) const SKEW_S: i64 = 300;

/// What a token must match.
#[derive(Clone, Copy)]
pub struct Expectation<'a> {
    /// The cluster's region.
    pub region: &'a str,
    /// The user named at startup.
    pub user: &'a str,
    /// Whether a host name, in lower case, stands for the cluster reached.
    pub host_is_cluster: &'a dyn Fn(&str) -> bool,
    /// The server's clock.
    pub now: AmzTime,
}

/// The key that signed `token`, if it is valid where, when and for whom `expected` says.
///
/// The cheap checks come first and the signature before all that would tell a stranger something.
/// Whether the principal's policies allow the action, and whether it may be this database role, is
/// not decided here. Takes about 3 µs.
///
/// # Errors
/// The first reason not to accept it.
pub fn verify(
    token: &str,
    expected: &Expectation<'_>,
    credentials: &dyn CredentialLookup,
) -> Result<Arc<AccessKey>, Refusal> {
    let presigned = Presigned::parse(token)?;
    let action = Action::parse(presigned.need("Action")?)
        .ok_or(Refusal::Malformed("its action is neither DbConnect nor DbConnectAdmin"))?;
    if presigned.need("X-Amz-Algorithm")? != sigv4::ALGORITHM {
        return Err(Refusal::Algorithm);
    }
    if presigned.need("X-Amz-SignedHeaders")? != "host" {
        return Err(Refusal::SignedHeaders);
    }
    let timestamp = presigned.need("X-Amz-Date")?;
    let date = AmzTime::parse(timestamp)
        .ok_or(Refusal::Malformed("X-Amz-Date does not have the form 20261001T120000Z"))?;
    let (key_id, scope) = scope(presigned.need("X-Amz-Credential")?, timestamp, expected.region)?;
    let expires_s = expires(presigned.need("X-Amz-Expires")?)?;
    if date > expected.now.plus(SKEW_S) {
        return Err(Refusal::NotYetValid { date, now: expected.now });
    }
    if expected.now >= date.plus(i64::from(expires_s)) {
        return Err(Refusal::Expired { date, expires_s, now: expected.now });
    }
    let session_token = presigned.get("X-Amz-Security-Token");
    let key = credentials
        .access_key(key_id, session_token)
        .filter(|key| key.is_active())
        .ok_or(Refusal::UnknownKey)?;
    match key.check_session(session_token, expected.now) {
        Ok(()) => {}
        Err(SessionFault::Mismatch) => return Err(Refusal::SessionToken),
        Err(SessionFault::Expired) => return Err(Refusal::SessionExpired),
    }
    if !is_signed(&presigned, timestamp, scope, &key) {
        return Err(Refusal::Signature);
    }
    if !(expected.host_is_cluster)(&presigned.host.to_ascii_lowercase()) {
        return Err(Refusal::Host(presigned.host.to_owned()));
    }
    if action != Action::needed_by(expected.user) {
        return Err(Refusal::WrongAction { user: expected.user.to_owned(), action });
    }
    Ok(key)
}

/// Splits a credential into access key id and scope.
fn scope<'a>(
    credential: &'a str,
    timestamp: &str,
    region: &str,
) -> Result<(&'a str, Scope<'a>), Refusal> {
    let mut parts = credential.split('/');
    let mut next = || parts.next().ok_or(Refusal::Scope(ScopeFault::Shape));
    let key_id = next()?;
    let scope = Scope { date: next()?, region: next()?, service: next()? };
    let terminator = next()?;
    let fault = if parts.next().is_some() || key_id.is_empty() {
        ScopeFault::Shape
    } else if terminator != sigv4::TERMINATOR {
        ScopeFault::Terminator
    } else if scope.service != SERVICE {
        ScopeFault::Service
    } else if timestamp.get(..8) != Some(scope.date) {
        ScopeFault::Date
    } else if scope.region != region {
        ScopeFault::Region
    } else {
        return Ok((key_id, scope));
    };
    Err(Refusal::Scope(fault))
}

fn expires(text: &str) -> Result<u32, Refusal> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds @ 1..=EXPIRES_S_MAX) if is_number => Ok(seconds),
        _ => Err(Refusal::ExpiresOutOfRange),
    }
}

fn is_signed(
    presigned: &Presigned<'_>,
    timestamp: &str,
    scope: Scope<'_>,
    key: &AccessKey,
) -> bool {
    let signing_key = key.signing_key(scope);
    let query = sigv4::canonical_query(presigned.signed());
    let verifies = |host: &str| {
        let request = sigv4::canonical_get(host, &query);
        let text = sigv4::string_to_sign(timestamp, scope, &request);
        signing_key.verifies(&text, &presigned.signature)
    };
    // Some SDKs sign the host as it was given to them, others in lower case.
    verifies(presigned.host)
        || (presigned.host.bytes().any(|byte| byte.is_ascii_uppercase())
            && verifies(&presigned.host.to_ascii_lowercase()))
}
