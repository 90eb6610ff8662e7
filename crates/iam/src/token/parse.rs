//! Takes a token apart into a host and decoded parameters.

use std::borrow::Cow;

use crate::percent;
use crate::token::{Refusal, TOKEN_BYTES_MAX};

const SIGNATURE: &str = "X-Amz-Signature";
/// What a host name may have at most (RFC 1035 allows 253), with room for a port.
const HOST_BYTES_MAX: usize = 260;
/// Tokens have seven or eight; more than these are none of ours.
const PARAMETERS_MAX: usize = 32;

/// A token taken apart; nothing is verified yet.
#[derive(Debug)]
pub(super) struct Presigned<'a> {
    /// As the client wrote it.
    pub(super) host: &'a str,
    /// What the client claims the signature to be.
    pub(super) signature: Cow<'a, str>,
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Presigned<'a> {
    /// Takes `token` apart.
    pub(super) fn parse(token: &'a str) -> Result<Presigned<'a>, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::Malformed("it is longer than 16 KiB"));
        }
        let (host, query) =
            token.split_once('?').ok_or(Refusal::Malformed("it has no query string"))?;
        let host = host.strip_suffix('/').unwrap_or(host);
        if !is_host(host) {
            return Err(Refusal::Malformed("it does not begin with a host name"));
        }
        let mut parameters = Vec::with_capacity(8);
        for pair in query.split('&') {
            if parameters.len() == PARAMETERS_MAX {
                return Err(Refusal::Malformed("it has more than 32 parameters"));
            }
            let (name, value) =
                pair.split_once('=').ok_or(Refusal::Malformed("a parameter has no value"))?;
            let decode = |text| {
                percent::decode(text).ok_or(Refusal::Malformed("a percent escape is invalid"))
            };
            parameters.push((decode(name)?, decode(value)?));
        }
        parameters.sort_unstable();
        if let Some([(name, _), _]) = parameters.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(Refusal::DuplicateParameter(name.clone().into_owned()));
        }
        let signature = parameters
            .iter()
            .position(|(name, _)| name == SIGNATURE)
            .ok_or(Refusal::MissingParameter(SIGNATURE))?;
        let (_, signature) = parameters.remove(signature);
        Ok(Presigned { host, signature, parameters })
    }

    /// The value of a parameter other than the signature.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or(Refusal::MissingParameter(name))
    }

    /// Every parameter but the signature: what is signed.
    pub(super) fn signed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// Keeps newlines and slashes, which have a meaning in what is signed, out of host names.
fn is_host(host: &str) -> bool {
    let is_host_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    !name.is_empty() && name.len() <= HOST_BYTES_MAX && name.bytes().all(is_host_byte)
}
