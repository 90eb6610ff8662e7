//! Constraints of the model, which clients leave to the server.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// Tags that a resource may have.
const TAGS_MAX: usize = 200;

/// Collects what is wrong with a request's fields.
#[derive(Default)]
pub(super) struct Check(Vec<(String, String)>);

impl Check {
    /// Notes a fault unless `holds`.
    pub(super) fn that(&mut self, holds: bool, field: &str, constraint: &str) -> &mut Check {
        if !holds {
            let text = format!(
                "Value at '{field}' failed to satisfy constraint: Member must {constraint}"
            );
            self.0.push((field.to_owned(), text));
        }
        self
    }

    /// A client token: 1 to 128 printable characters.
    pub(super) fn token(&mut self, token: Option<&str>) -> &mut Check {
        let is_token = token.is_none_or(|token| {
            (1..=128).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
        });
        self.that(is_token, "clientToken", "satisfy regular expression pattern: [!-~]{1,128}")
    }

    /// Tags.
    pub(super) fn tags(&mut self, tags: &BTreeMap<String, String>) -> &mut Check {
        let count = format!("have length less than or equal to {TAGS_MAX}");
        self.that(tags.len() <= TAGS_MAX, "tags", &count);
        for (name, value) in tags {
            let is_key = (1..=128).contains(&name.len()) && name.bytes().all(is_tag_byte);
            self.that(is_key, "tags", "have keys of the pattern: [a-zA-Z0-9_.:/=+\\-@ ]{1,128}");
            let is_value = value.len() <= 256 && value.bytes().all(is_tag_byte);
            self.that(
                is_value,
                "tags",
                "have values of the pattern: [a-zA-Z0-9_.:/=+\\-@ ]{0,256}",
            );
            self.that(!name.starts_with("aws:"), "tags", "not have keys that begin with aws:");
        }
        self
    }

    /// What was found.
    pub(super) fn finish(&mut self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::fields(std::mem::take(&mut self.0))) }
    }
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:/=+-@ ".contains(&byte)
}

/// One field that does not match its pattern.
pub(super) fn pattern_fault(field: &str, value: &str, pattern: &str) -> ApiError {
    let text = format!(
        "Value '{value}' at '{field}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: {pattern}"
    );
    ApiError::fields(vec![(field.to_owned(), text)])
}
