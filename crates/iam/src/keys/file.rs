//! The key file's format.

use serde::{Deserialize, Serialize};

use crate::shared_file::json_fault;
use crate::sigv4::Credentials;
use crate::{AccessKey, AmzTime, Principal};

const VERSION: u32 = 1;

/// Read first, so that a file of a later version is named as such.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

// Unknown fields are refused: writing the file back would lose them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    secret: String,
    session_token: Option<String>,
    expires: Option<String>,
    principal: String,
    active: bool,
    created: String,
}

/// The file's bytes for `keys`.
pub(super) fn encode<'a>(
    keys: impl IntoIterator<Item = &'a AccessKey>,
) -> Result<Vec<u8>, serde_json::Error> {
    let keys = keys.into_iter().map(Entry::of).collect();
    let mut bytes = serde_json::to_vec_pretty(&File { version: VERSION, keys })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The keys in a file, in its order, or what is wrong with it. Never quotes a secret.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<AccessKey>, String> {
    let place = |error: serde_json::Error| json_fault(&error);
    let Versioned { version } = serde_json::from_slice(bytes).map_err(place)?;
    if version != VERSION {
        return Err(format!("its version is {version}, and {VERSION} is the one known"));
    }
    let file: File = serde_json::from_slice(bytes).map_err(place)?;
    file.keys.into_iter().map(Entry::into_key).collect()
}

impl Entry {
    fn of(key: &AccessKey) -> Entry {
        let Credentials { access_key_id, secret_access_key, session_token } =
            key.credentials().clone();
        Entry {
            id: access_key_id,
            secret: secret_access_key,
            session_token,
            expires: key.expires().map(|time| time.to_string()),
            principal: key.principal().arn().to_owned(),
            active: key.is_active(),
            created: key.created().to_string(),
        }
    }

    fn into_key(self) -> Result<AccessKey, String> {
        let Entry { id, secret, session_token, expires, principal, active, created } = self;
        let time = |text: &str| {
            AmzTime::parse(text)
                .ok_or_else(|| format!("\"{text}\" does not have the form 20261001T120000Z"))
        };
        let expires = expires.as_deref().map(time).transpose()?;
        let principal = Principal::parse(&principal).map_err(|error| error.to_string())?;
        let credentials =
            Credentials { access_key_id: id, secret_access_key: secret, session_token };
        let key = AccessKey::new(credentials, principal, time(&created)?)
            .map_err(|error| error.to_string())?;
        Ok(key.expiring(expires).with_active(active))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as version 1 writes it; must stay readable.
    const FIXTURE: &str = r#"{
  "version": 1,
  "keys": [
    {
      "id": "AKIAIOSFODNN7EXAMPLE",
      "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      "session_token": null,
      "expires": null,
      "principal": "arn:aws:iam::000000000000:user/borealis",
      "active": true,
      "created": "20261001T120000Z"
    },
    {
      "id": "ASIAIOSFODNN7EXAMPLE",
      "secret": "secret",
      "session_token": "token==",
      "expires": "20261001T130000Z",
      "principal": "arn:aws:sts::000000000000:assumed-role/r/s",
      "active": false,
      "created": "20261001T120000Z"
    }
  ]
}
"#;

    #[test]
    fn key_file_round_trips() {
        let keys = decode(FIXTURE.as_bytes()).unwrap();
        assert_eq!(keys[0].id(), "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(keys[1].session_token(), Some("token=="));
        assert_eq!(keys[1].expires(), AmzTime::parse("20261001T130000Z"));
        assert_eq!(String::from_utf8(encode(&keys).unwrap()).unwrap(), FIXTURE);
    }

    #[test]
    fn key_file_says_what_is_wrong() {
        let check = |from: &str, to: &str, expected: &str| {
            assert!(FIXTURE.contains(from), "{from}");
            let error = decode(FIXTURE.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("wJalr"), "{error}");
        };
        check("1", "2", "its version is 2");
        check("true", "1", "field at line");
        check("\"active\": true,", "", "field at line");
        check("active", "activ", "field at line");
        check("\"keys\"", "keys", "syntax error at line 3");
        check("arn:aws:iam", "arn:aws:s3", "is not the ARN");
        check("\"20261001T120000Z\"", "\"yesterday\"", "\"yesterday\" does not have the form");
        check("AKIA", "AKIA/", "is not an access key id");
        check("\"secret\": \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"", "\"secret\": 5", "field");
        assert!(decode(b"").unwrap_err().contains("unexpected end"));
    }
}
