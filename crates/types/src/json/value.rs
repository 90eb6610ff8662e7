//! A JSON value as `jsonb` has it.

use std::sync::Arc;

use crate::Numeric;

/// One JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number: never NaN nor infinite.
    Number(Numeric),
    /// A string; without U+0000, which PostgreSQL's text cannot hold.
    String(Arc<str>),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(JsonObject),
}

/// The members of an object: sorted by key length, then key bytes; each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonObject(Vec<(Arc<str>, Json)>);

impl JsonObject {
    /// An object of `members`; of several with one key the last counts.
    pub fn from_members(mut members: Vec<(Arc<str>, Json)>) -> JsonObject {
        members.sort_by(|(a, _), (b, _)| key_order(a, b));
        // `dedup_by` keeps the first of a run and the sort is stable: swap the later one in.
        members.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        JsonObject(members)
    }

    /// The members in order.
    pub fn members(&self) -> &[(Arc<str>, Json)] {
        &self.0
    }

    /// The members in order.
    pub fn into_members(self) -> Vec<(Arc<str>, Json)> {
        self.0
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let at = self.0.binary_search_by(|(k, _)| key_order(k, key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Sets the value of `key`, adding it if absent.
    pub fn insert(&mut self, key: Arc<str>, value: Json) {
        match self.0.binary_search_by(|(k, _)| key_order(k, &key)) {
            Ok(at) => {
                if let Some(member) = self.0.get_mut(at) {
                    member.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let at = self.0.binary_search_by(|(k, _)| key_order(k, key)).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Shorter keys first, then by bytes.
fn key_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}
