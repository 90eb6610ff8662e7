//! Session tokens: a session is not remembered, its token says it all.
//!
//! ```text
//!     base 64 of:  version 1 │ nonce: 12 │ AES-256-GCM of the session as JSON │ tag: 16
//! ```
//!
//! The key is in the directory's file: whoever can read that could sign anything anyway. A new key
//! ends all sessions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::keys::SessionFacts;
use crate::sigv4::Credentials;
use crate::{AccessKey, AmzTime, KeyStoreError, Principal, random};

const VERSION: u8 = 1;
const NONCE_LEN: usize = 12;

/// A session to be begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose it is: the user, or `assumed-role/<role>/<session>`.
    pub principal: Principal,
    /// When it begins.
    pub now: AmzTime,
    /// Its life in seconds.
    pub life_s: u32,
    /// What it is begun with.
    pub facts: SessionFacts,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    id: String,
    secret: String,
    principal: String,
    issued: AmzTime,
    expires: AmzTime,
    #[serde(flatten)]
    facts: SessionFacts,
}

/// Makes the session's access key, its session token included.
pub(super) fn seal(key: [u8; 32], session: NewSession) -> Result<AccessKey, KeyStoreError> {
    let NewSession { principal, now, life_s, facts } = session;
    let mut credentials = random::credentials("ASIA")?;
    let expires = now.plus(i64::from(life_s));
    let sealed = Sealed {
        id: credentials.access_key_id.clone(),
        secret: credentials.secret_access_key.clone(),
        principal: principal.arn().to_owned(),
        issued: now,
        expires,
        facts: facts.clone(),
    };
    let nonce = random::bytes::<NONCE_LEN>()?;
    let refused = |_| KeyStoreError::Key("session cannot be sealed".to_owned());
    let mut text = serde_json::to_vec(&sealed)
        .map_err(|_| KeyStoreError::Key("session cannot be written".to_owned()))?;
    aead(key)
        .ok_or(ring::error::Unspecified)
        .and_then(|aead| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            aead.seal_in_place_append_tag(nonce, Aad::from([VERSION]), &mut text)
        })
        .map_err(refused)?;
    let token = [&[VERSION][..], &nonce, &text].concat();
    credentials.session_token = Some(BASE64.encode(token));
    let key = AccessKey::new(credentials, principal, now)?;
    Ok(key.expiring(Some(expires)).with_session(facts))
}

/// The access key that a session token holds, if it was sealed with `key` and is `id`'s.
pub(super) fn unseal(key: [u8; 32], id: &str, token: &str) -> Option<AccessKey> {
    let bytes = BASE64.decode(token).ok()?;
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let text = aead(key)?.open_in_place(nonce, Aad::from([VERSION]), &mut sealed).ok()?;
    let Sealed { id: sealed_id, secret, principal, issued, expires, facts } =
        serde_json::from_slice(text).ok()?;
    if sealed_id != id {
        return None;
    }
    let credentials = Credentials {
        access_key_id: sealed_id,
        secret_access_key: secret,
        session_token: Some(token.to_owned()),
    };
    let key = AccessKey::new(credentials, Principal::parse(&principal).ok()?, issued).ok()?;
    Some(key.expiring(Some(expires)).with_session(facts))
}

fn aead(key: [u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
}
