//! Signed HTTP requests: SigV4 in the header `Authorization`.
//!
//! ```text
//!     Authorization: AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request,
//!                    SignedHeaders=<names in order>, Signature=<64 lower-case hexadecimal digits>
//!     X-Amz-Date: 20261001T120000Z      or Date in the same form
//!     X-Amz-Security-Token: …           with temporary credentials
//! ```
//!
//! What was signed is worked out anew from the headers that the client names, the path encoded once
//! more, and the body as it came.
//!
//! Source: AWS IAM user guide, "Create a signed AWS API request".

use std::sync::Arc;

use ring::digest;

use crate::keys::SessionFault;
use crate::sigv4::{self, Scope};
use crate::{AccessKey, AmzTime, CredentialLookup, percent};

/// How far the clocks of client and server may differ.
const SKEW_S: i64 = 300;
/// What a request may have signed.
const SIGNED_HEADERS_MAX: usize = 100;

/// A request, as it came.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// Still percent-encoded.
    pub path: &'a str,
    /// Still percent-encoded, without `?`; empty if there is none.
    pub query: &'a str,
    /// Names in lower case and values, in the order in which they came.
    pub headers: &'a [(String, String)],
    /// Body.
    pub body: &'a [u8],
}

/// A request whose signature is right.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The key that signed it.
    pub key: Arc<AccessKey>,
    /// The region in the scope.
    pub region: String,
    /// The service in the scope.
    pub service: String,
}

/// Why a signature is not accepted. Each front end of AWS has its own codes for these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// There is no signature.
    Missing,
    /// It lacks a part; says which, as AWS does.
    Incomplete(String),
    /// There is no such access key, it is inactive, or its session token is another.
    UnknownKey,
    /// The session is over.
    SessionExpired,
    /// The request is older, or newer, than clocks may differ; or another secret signed it, or
    /// another request. Says which, as AWS does.
    Invalid(String),
}

impl HttpRequest<'_> {
    /// The value of a header; several are joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values =
            self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
        let first = values.next()?.clone();
        Some(values.fold(first, |joined, value| joined + "," + value))
    }

    /// Who signed the request.
    ///
    /// # Errors
    /// [`SignatureFault`], the first that is found.
    pub fn verify(
        &self,
        now: AmzTime,
        credentials: &dyn CredentialLookup,
    ) -> Result<Signed, SignatureFault> {
        let authorization = self.header("authorization").ok_or(SignatureFault::Missing)?;
        let parts = Authorization::parse(&authorization)?;
        let timestamp = self
            .header("x-amz-date")
            .or_else(|| self.header("date"))
            .ok_or_else(|| incomplete(&authorization, "'X-Amz-Date' or a 'Date' header"))?;
        let date = AmzTime::parse(&timestamp).ok_or_else(|| {
            SignatureFault::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{timestamp}'. \
                 See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        let scope = parts.scope;
        if timestamp.get(..8) != Some(scope.date) {
            return Err(SignatureFault::Invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{}', from '{timestamp}'.",
                scope.date,
                timestamp.get(..8).unwrap_or_default()
            )));
        }
        let signed: Vec<&str> = parts.signed_headers.split(';').collect();
        if !signed.contains(&"host") {
            return Err(SignatureFault::Invalid(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
                    .to_owned(),
            ));
        }
        let session_token = self.header("x-amz-security-token");
        let key = credentials
            .access_key(parts.key_id, session_token.as_deref())
            .filter(|key| key.is_active())
            .ok_or(SignatureFault::UnknownKey)?;
        match key.check_session(session_token.as_deref(), now) {
            Ok(()) => {}
            Err(SessionFault::Mismatch) => return Err(SignatureFault::UnknownKey),
            Err(SessionFault::Expired) => return Err(SignatureFault::SessionExpired),
        }
        let canonical = self.canonical(&signed)?;
        let text = sigv4::string_to_sign(&timestamp, scope, &canonical);
        if !key.signing_key(scope).verifies(&text, parts.signature) {
            return Err(SignatureFault::Invalid(
                "The request signature we calculated does not match the signature you provided. \
                 Check your AWS Secret Access Key and signing method. \
                 Consult the service documentation for details."
                    .to_owned(),
            ));
        }
        check_time(date, now)?;
        Ok(Signed { key, region: scope.region.to_owned(), service: scope.service.to_owned() })
    }

    /// The canonical request: what was signed.
    fn canonical(&self, signed: &[&str]) -> Result<String, SignatureFault> {
        let mut request = format!("{}\n", self.method);
        // Encoded once more, slashes aside.
        for (number, segment) in self.path.split('/').enumerate() {
            if number > 0 {
                request.push('/');
            }
            percent::encode_into(&mut request, segment);
        }
        request.push('\n');
        let mut parameters = Vec::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (percent::decode(name), percent::decode(value)) {
                (Some(name), Some(value)) => parameters.push((name, value)),
                _ => {
                    let text = "The query string is not percent-encoded.".to_owned();
                    return Err(SignatureFault::Incomplete(text));
                }
            }
        }
        request.push_str(&sigv4::canonical_query(
            parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())),
        ));
        request.push('\n');
        if signed.len() > SIGNED_HEADERS_MAX {
            return Err(SignatureFault::Incomplete("Too many signed headers.".to_owned()));
        }
        for name in signed {
            let value = self.header(name).unwrap_or_default();
            request.push_str(name);
            request.push(':');
            // Leading, trailing and repeated blanks do not count.
            let mut words = value.split_ascii_whitespace();
            if let Some(word) = words.next() {
                request.push_str(word);
            }
            for word in words {
                request.push(' ');
                request.push_str(word);
            }
            request.push('\n');
        }
        request.push('\n');
        request.push_str(&signed.join(";"));
        request.push('\n');
        let hash = sigv4::hex(digest::digest(&digest::SHA256, self.body).as_ref());
        // What the client says the body's hash is was signed; that it is true is seen here.
        match self.header("x-amz-content-sha256") {
            Some(claimed) if claimed != hash && signed.contains(&"x-amz-content-sha256") => {
                Err(SignatureFault::Invalid(
                    "The value of the x-amz-content-sha256 header does not match the calculated value."
                        .to_owned(),
                ))
            }
            _ => {
                request.push_str(&hash);
                Ok(request)
            }
        }
    }
}

/// The parts of the header.
struct Authorization<'a> {
    key_id: &'a str,
    scope: Scope<'a>,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Authorization<'a>, SignatureFault> {
        let (algorithm, rest) = header.split_once(' ').unwrap_or((header, ""));
        if algorithm != sigv4::ALGORITHM {
            return Err(SignatureFault::Incomplete(
                "Unsupported AWS 'algorithm'. Only AWS4-HMAC-SHA256 is supported.".to_owned(),
            ));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => signed_headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => {}
            }
        }
        let need = |value: Option<&'a str>, name: &str| {
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(header, &format!("'{name}' parameter")))
        };
        let credential = need(credential, "Credential")?;
        let (signed_headers, signature) =
            (need(signed_headers, "SignedHeaders")?, need(signature, "Signature")?);
        let malformed = || {
            SignatureFault::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term, got '{credential}'"
            ))
        };
        let mut parts = credential.split('/');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or_else(malformed);
        let key_id = next()?;
        let scope = Scope { date: next()?, region: next()?, service: next()? };
        if next()? != sigv4::TERMINATOR {
            return Err(SignatureFault::Invalid(
                "Credential should be scoped with a valid terminator: 'aws4_request'.".to_owned(),
            ));
        }
        if parts.next().is_some() {
            return Err(malformed());
        }
        Ok(Authorization { key_id, scope, signed_headers, signature })
    }
}

fn incomplete(header: &str, what: &str) -> SignatureFault {
    // The signature is no secret, but a log would have it for nothing.
    let shown = header.split("Signature=").next().unwrap_or_default();
    SignatureFault::Incomplete(format!(
        "Authorization header requires {what}. Authorization={shown}"
    ))
}

fn check_time(date: AmzTime, now: AmzTime) -> Result<(), SignatureFault> {
    let (earliest, latest) = (now.plus(-SKEW_S), now.plus(SKEW_S));
    if date < earliest {
        return Err(SignatureFault::Invalid(format!(
            "Signature expired: {date} is now earlier than {earliest} ({now} - 5 min.)"
        )));
    }
    if date > latest {
        return Err(SignatureFault::Invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 5 min.)"
        )));
    }
    Ok(())
}
