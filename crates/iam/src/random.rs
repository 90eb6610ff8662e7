//! Ids and secrets that nobody can guess.

use ring::rand::{SecureRandom, SystemRandom};

use crate::KeyStoreError;
use crate::sigv4::Credentials;

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], KeyStoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyStoreError::Random)?;
    Ok(bytes)
}

/// `prefix` and 17 random base-32 digits, as IAM's unique ids are.
pub(crate) fn unique_id(prefix: &str) -> Result<String, KeyStoreError> {
    Ok(prefix.chars().chain(bytes::<17>()?.into_iter().map(base32)).collect())
}

/// An access key without a session token: `prefix` and 16 random base-32 digits; 40 random base-64
/// digits.
pub(crate) fn credentials(prefix: &str) -> Result<Credentials, KeyStoreError> {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let base64 = |byte: u8| char::from(BASE64[usize::from(byte & 63)]);
    Ok(Credentials {
        access_key_id: prefix.chars().chain(bytes::<16>()?.into_iter().map(base32)).collect(),
        secret_access_key: bytes::<40>()?.into_iter().map(base64).collect(),
        session_token: None,
    })
}

fn base32(byte: u8) -> char {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char::from(BASE32[usize::from(byte & 31)])
}
