//! How descriptors are stored.
//!
//! | byte | content |
//! |---|---|
//! | 0 | version of the format, now 1 |
//! | 1 … | the [`Object`] as JSON |
//!
//! A field added later carries `#[serde(default)]` and needs no new version; the version rises when
//! an older binary would misread what a newer one writes.

use types::SqlError;

use crate::snapshot::Object;

/// The version that this binary writes.
const VERSION: u8 = 1;

/// Why a stored descriptor cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer binary wrote it: start that one.
    #[error("descriptor has format version {0}, this binary knows versions up to {VERSION}")]
    Newer(u8),
    /// It is damaged.
    #[error("descriptor is malformed: {0}")]
    Malformed(String),
}

impl From<DecodeError> for SqlError {
    fn from(error: DecodeError) -> SqlError {
        match error {
            DecodeError::Newer(_) | DecodeError::Malformed(_) => {
                SqlError::internal(error.to_string())
            }
        }
    }
}

/// The stored form of a descriptor.
pub fn encode(object: &Object) -> Vec<u8> {
    let mut out = vec![VERSION];
    #[expect(
        clippy::expect_used,
        reason = "all map keys are integers, strings or unit variants, and a Vec takes every write"
    )]
    serde_json::to_writer(&mut out, object).expect("a descriptor is representable as JSON");
    out
}

/// The descriptor that [`encode`] stored, by this binary or an older one.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(bytes: &[u8]) -> Result<Object, DecodeError> {
    match bytes.split_first() {
        Some((&VERSION, json)) => {
            serde_json::from_slice(json).map_err(|error| DecodeError::Malformed(error.to_string()))
        }
        Some((0, _)) => Err(DecodeError::Malformed("version 0".into())),
        Some((&newer, _)) => Err(DecodeError::Newer(newer)),
        None => Err(DecodeError::Malformed("empty".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn version_is_checked() {
        let schema = Object::Schema(Catalog::new().schema("public").unwrap().clone());
        let mut bytes = encode(&schema);
        assert_eq!(decode(&bytes).unwrap(), schema);
        bytes[0] = 2;
        let error = decode(&bytes).unwrap_err().to_string();
        assert_eq!(error, "descriptor has format version 2, this binary knows versions up to 1");
        assert!(matches!(decode(&[]), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode(&[1, b'{']), Err(DecodeError::Malformed(_))));
    }
}
