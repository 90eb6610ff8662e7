//! What a scan brings.

use bytes::Bytes;

use crate::Pair;

/// Keys with their values, in the order of a scan. All bytes stand in one buffer, so a pair costs no
/// allocation of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Key, value, key, value …
    bytes: Vec<u8>,
    /// Where each pair's key ends and where its value does.
    ends: Vec<(usize, usize)>,
}

impl Pairs {
    /// No pairs, with room for `pairs` of `bytes` in all.
    pub fn with_capacity(pairs: usize, bytes: usize) -> Pairs {
        Pairs { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(pairs) }
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for `pairs` more, of `bytes` in all.
    pub fn reserve(&mut self, pairs: usize, bytes: usize) {
        self.ends.reserve(pairs);
        self.bytes.reserve(bytes);
    }

    /// Appends a pair.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((middle, self.bytes.len()));
    }

    /// The pair at `index`.
    pub fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let (middle, end) = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before)?.1,
            None => 0,
        };
        Some((self.bytes.get(start..middle)?, self.bytes.get(middle..end)?))
    }

    /// The last pair.
    pub fn last(&self) -> Option<(&[u8], &[u8])> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        let mut start = 0;
        self.ends.iter().map_while(move |&(middle, end)| {
            let (pair, after) = rest.split_at_checked(end - start)?;
            let (key, value) = pair.split_at_checked(middle - start)?;
            (rest, start) = (after, end);
            Some((key, value))
        })
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(K, V)> for Pairs {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.push(key.as_ref(), value.as_ref());
        }
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(K, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Pairs {
        let mut all = Pairs::default();
        all.extend(pairs);
        all
    }
}

/// Pairs that share the buffer, which stays as long as one of them does.
impl IntoIterator for Pairs {
    type Item = Pair;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter { bytes: self.bytes.into(), start: 0, ends: self.ends.into_iter() }
    }
}

/// See [`Pairs::into_iter`].
#[derive(Debug)]
pub struct IntoIter {
    bytes: Bytes,
    start: usize,
    ends: std::vec::IntoIter<(usize, usize)>,
}

impl Iterator for IntoIter {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        let (middle, end) = self.ends.next()?;
        let pair = (self.bytes.slice(self.start..middle), self.bytes.slice(middle..end));
        self.start = end;
        Some(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_out_as_they_went_in() {
        let given: [(&[u8], &[u8]); 4] = [(b"a", b"1"), (b"", b""), (b"key", b""), (b"", b"value")];
        let pairs: Pairs = given.into_iter().collect();
        assert_eq!((pairs.len(), pairs.bytes()), (4, 10));
        assert!(pairs.iter().eq(given));
        assert_eq!(pairs.get(2), Some(given[2]));
        assert_eq!(pairs.get(4), None);
        assert_eq!(pairs.last(), Some(given[3]));
        let owned: Vec<Pair> = pairs.into_iter().collect();
        assert!(owned.iter().map(|(key, value)| (&key[..], &value[..])).eq(given));
        assert_eq!(Pairs::default().last(), None);
    }
}
