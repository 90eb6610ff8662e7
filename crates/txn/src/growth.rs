//! What a transaction adds to and takes from each table and index.

use crate::keys;

/// A table with one of its indexes, or [`keys::ROWS`].
pub type Place = (u32, u32);

/// What a transaction does to the size of one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Pairs under new keys.
    pub added: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Pairs that are removed. Nobody has looked how long their values are.
    pub removed: u64,
}

/// The growth of all places that a transaction touches: a few, so they are searched one by one.
#[derive(Debug, Default)]
pub(crate) struct Growths(Vec<(Place, Growth)>);

impl Growths {
    pub(crate) fn added(&mut self, key: &[u8], value: &[u8]) {
        if let Some(growth) = self.of(key) {
            growth.added += 1;
            growth.bytes += (key.len() + value.len()) as u64;
        }
    }

    pub(crate) fn removed(&mut self, key: &[u8]) {
        if let Some(growth) = self.of(key) {
            growth.removed += 1;
        }
    }

    pub(crate) fn take(&mut self) -> Vec<(Place, Growth)> {
        std::mem::take(&mut self.0)
    }

    fn of(&mut self, key: &[u8]) -> Option<&mut Growth> {
        let place = keys::place_of(key)?;
        let at = match self.0.iter().position(|(known, _)| *known == place) {
            Some(at) => at,
            None => {
                self.0.push((place, Growth::default()));
                self.0.len() - 1
            }
        };
        self.0.get_mut(at).map(|(_, growth)| growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_by_place() {
        let mut growths = Growths::default();
        growths.added(&keys::index(1, 7, keys::ROWS), b"row");
        growths.added(&keys::index(1, 7, 8), b"");
        growths.added(&keys::index(1, 7, keys::ROWS), b"longer row");
        growths.removed(&keys::index(1, 7, 8));
        growths.removed(&keys::object(1, 7));
        let row = Growth { added: 2, bytes: 2 * 13 + 3 + 10, removed: 0 };
        let entry = Growth { added: 1, bytes: 13, removed: 1 };
        assert_eq!(growths.take(), [((7, keys::ROWS), row), ((7, 8), entry)]);
        assert!(growths.take().is_empty());
    }
}
