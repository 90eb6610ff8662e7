//! AWS Signature Version 4: the parts that presigned tokens and signed HTTP requests share.
//!
//! ```text
//!     canonical request ─sha256─► string to sign ─┐
//!     secret ─► SigningKey (date, region, service)─┴─hmac─► signature
//! ```
//!
//! Source: AWS IAM user guide, "Create a signed AWS API request".

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::{digest, hmac};

use crate::percent;

/// The only algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What every scope ends in.
pub const TERMINATOR: &str = "aws4_request";
/// SHA-256 of nothing, in hexadecimal: the payload hash of a request without a body.
pub const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a client signs with. `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` (long-term) or `ASIA…` (temporary).
    pub access_key_id: String,
    /// The shared secret.
    pub secret_access_key: String,
    /// Sent along by temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// What a signing key is good for; prints as `20261001/us-east-1/dsql/aws4_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `yyyymmdd`.
    pub date: &'a str,
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// Such as `dsql`.
    pub service: &'a str,
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// The key derived from a secret for one scope.
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives the key: four HMACs, so worth keeping (see [`SigningKeyCache`]).
    pub fn derive(secret: &str, scope: Scope<'_>) -> SigningKey {
        let mut first = String::with_capacity(secret.len() + 4);
        first.push_str("AWS4");
        first.push_str(secret);
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes());
        for part in [scope.date, scope.region, scope.service, TERMINATOR] {
            let tag = hmac::sign(&key, part.as_bytes());
            key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
        }
        SigningKey(key)
    }

    /// The signature: 64 lower-case hexadecimal digits.
    pub fn sign(&self, string_to_sign: &str) -> String {
        hex(hmac::sign(&self.0, string_to_sign.as_bytes()).as_ref())
    }

    /// Whether `signature` is the signature, compared in constant time. Upper-case digits are not.
    pub fn verifies(&self, string_to_sign: &str, signature: &str) -> bool {
        unhex(signature)
            .is_some_and(|tag| hmac::verify(&self.0, string_to_sign.as_bytes(), &tag).is_ok())
    }
}

/// Remembers the signing keys last derived from one secret. Belongs to that secret and dies with it.
#[derive(Default)]
pub struct SigningKeyCache(Mutex<Vec<CachedKey>>);

struct CachedKey {
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
    key: Arc<SigningKey>,
}

impl SigningKeyCache {
    /// A token lives for a week at most, so ten days of one region and service all fit.
    const KEYS_MAX: usize = 16;

    /// The key for `scope`, derived from `secret` unless it is remembered.
    pub fn key(&self, secret: &str, scope: Scope<'_>) -> Arc<SigningKey> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().find(|cached| {
            *cached.date == *scope.date
                && *cached.region == *scope.region
                && *cached.service == *scope.service
        });
        if let Some(cached) = found {
            return Arc::clone(&cached.key);
        }
        let key = Arc::new(SigningKey::derive(secret, scope));
        if keys.len() == SigningKeyCache::KEYS_MAX {
            keys.remove(0);
        }
        keys.push(CachedKey {
            date: scope.date.into(),
            region: scope.region.into(),
            service: scope.service.into(),
            key: Arc::clone(&key),
        });
        key
    }
}

/// The query string as it is signed: `parameters` (decoded) encoded, sorted and joined.
pub fn canonical_query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded: Vec<(Cow<'a, str>, Cow<'a, str>)> = parameters
        .into_iter()
        .map(|(name, value)| (percent::encode(name), percent::encode(value)))
        .collect();
    encoded.sort_unstable();
    let mut query = String::with_capacity(
        encoded.iter().map(|(name, value)| name.len() + value.len() + 2).sum(),
    );
    for (name, value) in &encoded {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.push_str(value);
    }
    query
}

/// The canonical request of a `GET /` that signs the header `host` only and has no body.
pub fn canonical_get(host: &str, canonical_query: &str) -> String {
    let mut request = String::with_capacity(host.len() + canonical_query.len() + 90);
    for part in ["GET\n/\n", canonical_query, "\nhost:", host, "\n\nhost\n", EMPTY_PAYLOAD] {
        request.push_str(part);
    }
    request
}

/// What the signing key is applied to; `timestamp` is the request's `X-Amz-Date`.
pub fn string_to_sign(timestamp: &str, scope: Scope<'_>, canonical_request: &str) -> String {
    let hash = digest::digest(&digest::SHA256, canonical_request.as_bytes());
    let mut text = String::with_capacity(160);
    for part in [
        ALGORITHM,
        "\n",
        timestamp,
        "\n",
        scope.date,
        "/",
        scope.region,
        "/",
        scope.service,
        "/",
        TERMINATOR,
        "\n",
    ] {
        text.push_str(part);
    }
    hex_into(&mut text, hash.as_ref());
    text
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    hex_into(&mut text, bytes);
    text
}

fn hex_into(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const HOST: &str = "foo0bar1baz2quux3quuux4abc.dsql.us-east-1.on.aws";

    /// botocore's intermediate values for an admin token of 2026-10-01 12:00 UTC.
    #[test]
    fn sigv4_intermediate_values() {
        let scope = Scope { date: "20261001", region: "us-east-1", service: "dsql" };
        let credential = format!("AKIAIOSFODNN7EXAMPLE/{scope}");
        let query = canonical_query([
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-Expires", "900"),
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Date", "20261001T120000Z"),
            ("X-Amz-Credential", credential.as_str()),
            ("Action", "DbConnectAdmin"),
        ]);
        let request = canonical_get(HOST, &query);
        let hash = digest::digest(&digest::SHA256, request.as_bytes());
        assert_eq!(
            hex(hash.as_ref()),
            "d6161b8c8cb02b43efb0e56da904f909df79c4879a2131d81076862487ff32c7"
        );
        let text = string_to_sign("20261001T120000Z", scope, &request);
        let signature = "bf5168f0bb39c0cf3c1eb2cb0dfa7a7dea7a6093caf28b20236639dad95d3ef2";
        let key = SigningKey::derive(SECRET, scope);
        assert_eq!(key.sign(&text), signature);
        assert!(key.verifies(&text, signature));
        assert!(!key.verifies(&text, &signature.to_uppercase()));
        assert!(!key.verifies(&text, &signature[1..]));

        // The signing key itself, seen through what it computes: HMAC under the documented bytes.
        let documented =
            unhex("379209621d58a0d18115577af4fdf0d9de6ce4a414ea4e1faeae78fe42353d8e").unwrap();
        let documented = SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &documented));
        assert_eq!(documented.sign("anything"), key.sign("anything"));
    }

    #[test]
    fn sigv4_cache_keeps_scopes_apart() {
        let cache = SigningKeyCache::default();
        let scopes: Vec<String> = (0..40).map(|day| format!("202610{day:02}")).collect();
        for _ in 0..2 {
            for date in &scopes {
                for service in ["dsql", "iam"] {
                    let scope = Scope { date, region: "us-east-1", service };
                    let expected = SigningKey::derive(SECRET, scope).sign("x");
                    assert_eq!(cache.key(SECRET, scope).sign("x"), expected);
                    assert_eq!(cache.key(SECRET, scope).sign("x"), expected);
                }
            }
        }
        assert_eq!(cache.0.lock().unwrap().len(), SigningKeyCache::KEYS_MAX);
    }

    #[test]
    fn sigv4_debug_hides_secrets() {
        let credentials = Credentials {
            access_key_id: "AKIAX".to_owned(),
            secret_access_key: SECRET.to_owned(),
            session_token: Some("token".to_owned()),
        };
        assert_eq!(format!("{credentials:?}"), "Credentials { access_key_id: \"AKIAX\", .. }");
    }
}
